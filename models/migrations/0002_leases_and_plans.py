from tortoise import migrations
from tortoise.migrations import operations as ops
from models.migration_steps import AddColumn
from models.base import BytewiseText
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="CameraLeaseTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "camera_key",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("worker_id", fields.UUIDField(null=True)),
                ("token", fields.BigIntField()),
                ("expires_us", fields.BigIntField()),
            ],
            options={
                "table": "camera_lease",
                "app": "models",
                "indexes": [Index(fields=["worker_id"])],
                "pk_attr": "camera_key",
                "table_description": "Who records a camera until `expires_us`.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="EvidenceLockTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("camera_key", fields.UUIDField()),
                ("from_us", fields.BigIntField()),
                ("to_us", fields.BigIntField()),
                ("reason", fields.TextField(unique=False)),
                ("until_us", fields.BigIntField(null=True)),
                ("locked_by", fields.CharField(max_length=200)),
                ("created_us", fields.BigIntField()),
                ("lifted_by", fields.CharField(null=True, max_length=200)),
                ("lifted_us", fields.BigIntField(null=True)),
            ],
            options={
                "table": "evidence_lock",
                "app": "models",
                "indexes": [Index(fields=["tenant_id", "camera_key", "from_us"])],
                "pk_attr": "id",
                "table_description": "[from_us, to_us) of a camera is kept until `until_us`, for good where that is null.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="WorkerTable",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("name", fields.CharField(max_length=200)),
                ("address", fields.CharField(null=True, max_length=300)),
                ("store_id", fields.UUIDField()),
                ("started_us", fields.BigIntField()),
                ("seen_us", fields.BigIntField()),
            ],
            options={
                "table": "worker",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A media worker process, alive while `seen_us` is recent.",
            },
            bases=["Model"],
        ),
        AddColumn(
            model_name="CameraTable",
            name="retention_bytes",
            field=fields.BigIntField(null=True),
        ),
        AddColumn(
            model_name="CameraTable",
            name="retention_days",
            field=fields.IntField(null=True),
        ),
        AddColumn(
            model_name="RecordingHourTable",
            name="store_id",
            field=fields.UUIDField(null=True),
        ),
        AddColumn(
            model_name="RecordingRunTable",
            name="end_position",
            field=fields.BigIntField(null=True),
        ),
        AddColumn(
            model_name="RecordingRunTable",
            name="store_id",
            field=fields.UUIDField(null=True),
        ),
        AddColumn(
            model_name="TenantTable",
            name="connection_limit",
            field=fields.IntField(null=True),
        ),
        AddColumn(
            model_name="TenantTable",
            name="event_retention_days",
            field=fields.IntField(null=True),
        ),
        AddColumn(
            model_name="TenantTable",
            name="requests_per_minute",
            field=fields.IntField(null=True),
        ),
        AddColumn(
            model_name="TenantTable",
            name="retention_bytes",
            field=fields.BigIntField(null=True),
        ),
        AddColumn(
            model_name="TenantTable",
            name="retention_days",
            field=fields.IntField(null=True),
        ),
    ]
