from uuid import uuid4

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.base import BytewiseText


class Migration(migrations.Migration):
    dependencies = [("models", "0017_plate_search")]

    initial = False

    operations = [
        ops.CreateModel(
            name="RemovalTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("camera_key", fields.UUIDField(null=True)),
                ("camera_slug", BytewiseText(null=True, max_length=63)),
                ("cause", BytewiseText(max_length=10)),
                ("removed_by", fields.CharField(null=True, max_length=200)),
                ("from_us", fields.BigIntField(null=True)),
                ("to_us", fields.BigIntField(null=True)),
                ("size_bytes", fields.BigIntField()),
                ("segments", fields.BigIntField()),
                ("events", fields.BigIntField()),
                ("began_us", fields.BigIntField()),
                ("last_us", fields.BigIntField()),
            ],
            options={
                "table": "removal",
                "app": "models",
                "indexes": [Index(fields=["tenant_id", "began_us"])],
                "pk_attr": "id",
                "table_description": "Footage of a camera, or the tenant's events where "
                "`camera_key` is null, that went.",
            },
            bases=["TenantOwned"],
        ),
    ]
