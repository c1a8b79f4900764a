import functools
from json import dumps, loads
from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import Field
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.base import BytewiseText


def _json(null: bool) -> Field:
    encoder = functools.partial(dumps, separators=(",", ":"))
    return fields.JSONField(null=null, encoder=encoder, decoder=loads)


class Migration(migrations.Migration):
    dependencies = [("models", "0012_reviews")]

    initial = False

    operations = [
        ops.CreateModel(
            name="WebhookTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("url_sealed", fields.TextField(unique=False)),
                ("secret_sealed", fields.TextField(unique=False)),
                ("wanted", _json(null=False)),
                ("kinds", _json(null=True)),
                ("enabled", fields.BooleanField()),
                ("version", fields.BigIntField()),
                ("place", fields.BigIntField()),
                ("delivered_us", fields.BigIntField(null=True)),
                ("failing_since_us", fields.BigIntField(null=True)),
                ("last_error", fields.CharField(null=True, max_length=200)),
                ("created_us", fields.BigIntField()),
                ("teller_id", fields.UUIDField(null=True)),
                ("expires_us", fields.BigIntField(default=0)),
            ],
            options={
                "table": "webhook",
                "app": "models",
                "indexes": [Index(fields=["tenant_id", "created_us"])],
                "pk_attr": "id",
                "table_description": "A receiver of the tenant's events.",
            },
            bases=["TenantOwned"],
        ),
    ]
