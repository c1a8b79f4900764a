import functools
from json import dumps, loads

from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0006_event_written")]

    initial = False

    operations = [
        AddColumn(
            model_name="EventTable",
            name="payload",
            field=fields.JSONField(
                null=True,
                encoder=functools.partial(dumps, separators=(",", ":")),
                decoder=loads,
            ),
        ),
    ]
