from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0005_words_of_leases")]

    initial = False

    operations = [
        AddColumn(model_name="EventTable", name="written_us", field=fields.BigIntField(null=True)),
    ]
