import functools
from json import dumps, loads

from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0013_webhooks")]

    initial = False

    operations = [
        AddColumn(
            model_name="EventTable",
            name="plate",
            field=fields.JSONField(
                null=True,
                encoder=functools.partial(dumps, separators=(",", ":")),
                decoder=loads,
            ),
        ),
    ]
