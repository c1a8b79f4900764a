import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.base import BytewiseText
from models.migration_steps import AddColumn

# Few events are reviewed: what is not costs these indexes nothing.
BY_NUMBER = (
    'CREATE INDEX "idx_event_review_seq" ON "event" ("tenant_id", "review_seq") '
    "WHERE review_seq IS NOT NULL"
)
BY_VERDICT = (
    'CREATE INDEX "idx_event_verdict" ON "event" ("tenant_id", "verdict", "at_us", "id") '
    "WHERE verdict IS NOT NULL"
)


class Migration(migrations.Migration):
    dependencies = [("models", "0011_exports")]

    initial = False

    operations = [
        AddColumn(
            model_name="EventTable",
            name="verdict",
            field=BytewiseText(null=True, max_length=16),
        ),
        AddColumn(
            model_name="EventTable",
            name="review",
            field=fields.JSONField(
                null=True,
                encoder=functools.partial(dumps, separators=(",", ":")),
                decoder=loads,
            ),
        ),
        AddColumn(
            model_name="EventTable",
            name="review_seq",
            field=fields.BigIntField(null=True),
        ),
        ops.RunSQL(BY_NUMBER, 'DROP INDEX "idx_event_review_seq"'),
        ops.RunSQL(BY_VERDICT, 'DROP INDEX "idx_event_verdict"'),
    ]
