import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import Field

from models.migration_steps import AddColumn


def _json() -> Field:
    encoder = functools.partial(dumps, separators=(",", ":"))
    return fields.JSONField(null=True, encoder=encoder, decoder=loads)


class Migration(migrations.Migration):
    dependencies = [("models", "0008_worker_models")]

    initial = False

    operations = [
        AddColumn(model_name="CameraTable", name="zones", field=_json()),
        AddColumn(model_name="EventTable", name="zones", field=_json()),
        AddColumn(
            model_name="EventTable",
            name="zone_ids",
            field=fields.TextField(null=True, unique=False),
        ),
        AddColumn(model_name="EventTable", name="best", field=_json()),
    ]
