from tortoise import migrations
from tortoise.migrations import operations as ops
from models.base import BytewiseText
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("models", "0015_detection_url")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ComparisonTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("camera_key", fields.UUIDField()),
                ("camera_slug", BytewiseText(max_length=63)),
                ("from_us", fields.BigIntField()),
                ("to_us", fields.BigIntField()),
                ("model", BytewiseText(max_length=63)),
                ("against", BytewiseText(null=True, max_length=63)),
                ("begin", fields.FloatField(null=True)),
                ("state", BytewiseText(max_length=10)),
                ("revision", fields.IntField()),
                ("created_us", fields.BigIntField()),
                ("created_by", fields.CharField(max_length=200)),
                ("due_us", fields.BigIntField()),
                ("attempts", fields.IntField()),
                ("claim", fields.UUIDField(null=True)),
                ("seen_us", fields.BigIntField(null=True)),
                ("done_us", fields.BigIntField()),
                ("expected_us", fields.BigIntField()),
                ("model_version", fields.CharField(null=True, max_length=100)),
                ("against_version", fields.CharField(null=True, max_length=100)),
                ("same", fields.IntField(null=True)),
                ("changed", fields.IntField(null=True)),
                ("lost", fields.IntField(null=True)),
                ("new", fields.IntField(null=True)),
                ("fault_code", fields.CharField(null=True, max_length=40)),
                ("fault", fields.TextField(null=True, unique=False)),
                ("ready_us", fields.BigIntField(null=True)),
                ("expires_us", fields.BigIntField()),
                ("deleted_us", fields.BigIntField(null=True)),
                ("deleted_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "comparison",
                "app": "models",
                "indexes": [
                    Index(fields=["tenant_id", "created_us"]),
                    Index(fields=["state", "created_us"]),
                ],
                "pk_attr": "id",
                "table_description": "[from_us, to_us) of a camera's footage, looked at again.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="DifferenceTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("comparison_id", fields.UUIDField()),
                ("number", fields.IntField()),
                ("kind", BytewiseText(max_length=8)),
                ("type", BytewiseText(max_length=32)),
                ("before", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("after", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("overlap", fields.FloatField(null=True)),
            ],
            options={
                "table": "comparison_difference",
                "app": "models",
                "unique_together": (("tenant_id", "comparison_id", "number"),),
                "indexes": [Index(fields=["tenant_id", "comparison_id", "kind", "number"])],
                "pk_attr": "id",
                "table_description": "An event of one log that is not in the other as it is.",
            },
            bases=["TenantOwned"],
        ),
    ]
