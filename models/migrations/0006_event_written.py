from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0005_auto_20261123_0017")]

    initial = False

    operations = [
        AddColumn(model_name="EventTable", name="written_us", field=fields.BigIntField(null=True)),
    ]
