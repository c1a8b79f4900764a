import functools
from json import dumps, loads

from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0007_event_payload")]

    initial = False

    operations = [
        AddColumn(
            model_name="WorkerTable",
            name="models",
            field=fields.JSONField(
                null=True,
                encoder=functools.partial(dumps, separators=(",", ":")),
                decoder=loads,
            ),
        ),
    ]
