from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0003_event_partitions")]

    initial = False

    operations = [
        AddColumn(
            model_name="RecordingRunTable",
            name="token",
            field=fields.BigIntField(null=True),
        ),
    ]
