from tortoise import migrations
from tortoise.migrations import operations as ops
from models.base import BytewiseText
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("models", "0010_token_revocations")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ExportTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("camera_keys", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("camera_ids", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("from_us", fields.BigIntField()),
                ("to_us", fields.BigIntField()),
                ("state", BytewiseText(max_length=10)),
                ("revision", fields.IntField()),
                ("created_us", fields.BigIntField()),
                ("created_by", fields.CharField(max_length=200)),
                ("due_us", fields.BigIntField()),
                ("attempts", fields.IntField()),
                ("claim", fields.UUIDField(null=True)),
                ("seen_us", fields.BigIntField(null=True)),
                ("store_id", fields.UUIDField(null=True)),
                ("expected_bytes", fields.BigIntField()),
                ("done_bytes", fields.BigIntField()),
                ("file_name", fields.CharField(null=True, max_length=150)),
                ("size_bytes", fields.BigIntField(null=True)),
                ("fault_code", fields.CharField(null=True, max_length=40)),
                ("fault", fields.TextField(null=True, unique=False)),
                ("ready_us", fields.BigIntField(null=True)),
                ("expires_us", fields.BigIntField(null=True)),
                ("deleted_us", fields.BigIntField(null=True)),
                ("deleted_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "footage_export",
                "app": "models",
                "indexes": [
                    Index(fields=["tenant_id", "created_us"]),
                    Index(fields=["state", "created_us"]),
                ],
                "pk_attr": "id",
                "table_description": "[from_us, to_us) of some cameras as one file.",
            },
            bases=["TenantOwned"],
        ),
    ]
