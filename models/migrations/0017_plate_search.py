from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

from models.base import BytewiseText
from models.migration_steps import AddColumn

TEXTS = {"postgres": "plate->>'text'", "sqlite": "json_extract(plate, '$.text')"}
FILL = (
    "UPDATE \"event\" SET plate_key = replace(replace(upper({text}), '-', ''), '.', '') "
    "WHERE plate IS NOT NULL"
)
INDEX = (
    'CREATE INDEX "idx_event_plate" ON "event" ("tenant_id", "plate_key", "at_us", "id") '
    'WHERE "plate_key" IS NOT NULL'
)
"""Few events have a plate: the others are not in it."""


async def fill(_: StateApps, editor: BaseSchemaEditor) -> None:
    text = TEXTS[editor.client.capabilities.dialect]
    await editor.client.execute_script(FILL.format(text=text))


async def leave(_: StateApps, __: BaseSchemaEditor) -> None:
    """The column goes as a whole."""


class Migration(migrations.Migration):
    dependencies = [("models", "0016_comparisons")]

    initial = False

    operations = [
        AddColumn(
            model_name="EventTable",
            name="plate_key",
            field=BytewiseText(null=True, max_length=16),
        ),
        ops.RunPython(fill, leave),
        ops.RunSQL(INDEX, 'DROP INDEX "idx_event_plate"'),
    ]
