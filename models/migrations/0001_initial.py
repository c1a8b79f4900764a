from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from models.base import BytewiseText
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="CameraDeletionTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "key",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("slug", BytewiseText(max_length=63)),
                ("change_seq", fields.BigIntField()),
                ("deleted_us", fields.BigIntField()),
                ("footage_removed_us", fields.BigIntField(null=True)),
            ],
            options={
                "table": "camera_deletion",
                "app": "models",
                "indexes": [Index(fields=["tenant_id", "change_seq"])],
                "pk_attr": "key",
                "table_description": "A camera that was deleted: tells subscribers, and the worker whose footage to remove.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="CameraTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "key",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("slug", BytewiseText(max_length=63)),
                ("name", fields.CharField(max_length=200)),
                ("rtsp_url_sealed", fields.TextField(unique=False)),
                (
                    "features",
                    fields.JSONField(
                        encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("fps", fields.FloatField()),
                ("enabled", fields.BooleanField()),
                ("record", fields.BooleanField()),
                ("status", fields.CharField(max_length=16)),
                ("status_reason", fields.TextField(null=True, unique=False)),
                ("status_us", fields.BigIntField()),
                (
                    "stream",
                    fields.JSONField(
                        null=True,
                        encoder=functools.partial(dumps, separators=(",", ":")),
                        decoder=loads,
                    ),
                ),
                ("change_seq", fields.BigIntField()),
                ("created_us", fields.BigIntField()),
                ("updated_us", fields.BigIntField()),
            ],
            options={
                "table": "camera",
                "app": "models",
                "unique_together": (("tenant_id", "slug"),),
                "indexes": [
                    Index(fields=["tenant_id", "created_us", "slug"]),
                    Index(fields=["tenant_id", "change_seq"]),
                ],
                "pk_attr": "key",
                "table_description": "A configured source: key is the surrogate that other tables use, slug its public id.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="EventTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                ("id", BytewiseText(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("seq", fields.BigIntField()),
                ("began_seq", fields.BigIntField()),
                ("last_change", fields.CharField(max_length=8)),
                ("camera_key", fields.UUIDField()),
                ("camera_slug", BytewiseText(max_length=63)),
                ("type", BytewiseText(max_length=32)),
                ("confidence", fields.FloatField()),
                ("at_us", fields.BigIntField()),
                ("ended_us", fields.BigIntField(null=True)),
                ("position", fields.BigIntField(null=True)),
                ("track_id", fields.BigIntField(null=True)),
                (
                    "boxes",
                    fields.JSONField(
                        encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("snapshot", fields.CharField(null=True, max_length=64)),
                ("trace_id", fields.UUIDField()),
                ("model_version", fields.CharField(max_length=100)),
            ],
            options={
                "table": "event",
                "app": "models",
                "unique_together": (("tenant_id", "seq"), ("tenant_id", "began_seq")),
                "indexes": [
                    Index(fields=["tenant_id", "at_us", "id"]),
                    Index(fields=["tenant_id", "camera_slug", "at_us", "id"]),
                    Index(fields=["tenant_id", "type", "at_us", "id"]),
                ],
                "pk_attr": "id",
                "table_description": "A stored happening.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="RecordingHourTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("camera_key", fields.UUIDField()),
                ("date", BytewiseText(max_length=10)),
                ("hour", BytewiseText(max_length=5)),
                ("start_us", fields.BigIntField()),
                ("end_us", fields.BigIntField()),
                ("duration_us", fields.BigIntField()),
                ("size_bytes", fields.BigIntField()),
                ("segments", fields.IntField()),
            ],
            options={
                "table": "recording_hour",
                "app": "models",
                "indexes": [
                    Index(fields=["tenant_id", "camera_key", "date", "hour"]),
                    Index(fields=["tenant_id", "camera_key", "start_us"]),
                ],
                "pk_attr": "id",
                "table_description": "The footage of one camera in one hour folder: [start_us, end_us) with gaps inside.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="RecordingRunTable",
            fields=[
                ("tenant_id", BytewiseText(max_length=63)),
                (
                    "run_id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("camera_key", fields.UUIDField()),
                ("started_us", fields.BigIntField()),
                ("recorded_until_us", fields.BigIntField()),
                ("ended_us", fields.BigIntField(null=True)),
                ("end_reason", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "recording_run",
                "app": "models",
                "indexes": [Index(fields=["tenant_id", "camera_key", "started_us"])],
                "pk_attr": "run_id",
                "table_description": "An unbroken recording.",
            },
            bases=["TenantOwned"],
        ),
        ops.CreateModel(
            name="TenantTable",
            fields=[
                ("id", BytewiseText(primary_key=True, unique=True, db_index=True, max_length=63)),
                ("camera_limit", fields.IntField()),
                (
                    "features",
                    fields.JSONField(
                        encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("event_seq", fields.BigIntField(default=0)),
                ("event_floor", fields.BigIntField(default=0)),
                ("camera_seq", fields.BigIntField(default=0)),
                ("created_us", fields.BigIntField()),
            ],
            options={
                "table": "tenant",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A customer.",
            },
            bases=["Model"],
        ),
    ]
