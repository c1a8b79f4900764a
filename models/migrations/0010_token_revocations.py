from tortoise import migrations
from tortoise.migrations import operations as ops
from models.base import BytewiseText
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("models", "0009_zones")]

    initial = False

    operations = [
        ops.CreateModel(
            name="TokenRevocationTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("number", fields.BigIntField(unique=True)),
                ("token", BytewiseText(null=True, max_length=32)),
                ("subject", fields.CharField(null=True, max_length=200)),
                ("before_us", fields.BigIntField(null=True)),
                ("until_us", fields.BigIntField(null=True)),
                ("revoked_by", fields.CharField(max_length=200)),
                ("revoked_us", fields.BigIntField()),
            ],
            options={
                "table": "token_revocation",
                "app": "models",
                "indexes": [Index(fields=["tenant_id", "before_us"])],
                "pk_attr": "id",
                "table_description": "One token, by a digest, or all that were issued before an instant: to a subject, or to any.",
            },
            bases=["TenantOwned"],
        ),
    ]
