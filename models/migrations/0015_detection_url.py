from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0014_event_plates")]

    initial = False

    operations = [
        AddColumn(
            model_name="CameraTable",
            name="detection_url_sealed",
            field=fields.TextField(null=True, unique=False),
        ),
    ]
