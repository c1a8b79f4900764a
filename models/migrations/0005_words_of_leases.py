from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("models", "0004_run_tokens")]

    initial = False

    operations = [
        ops.AlterModelOptions(
            name="CameraLeaseTable",
            options={
                "table": "camera_lease",
                "app": "models",
                "indexes": [Index(fields=["worker_id"])],
                "pk_attr": "camera_key",
                "table_description": "Who records a camera until `expires_us`, by the database's clock.",
            },
        ),
        ops.AlterModelOptions(
            name="WorkerTable",
            options={
                "table": "worker",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A media worker process, alive while `seen_us` is recent by the database's clock.",
            },
        ),
    ]
