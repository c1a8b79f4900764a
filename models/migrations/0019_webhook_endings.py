from tortoise import fields, migrations

from models.migration_steps import AddColumn


class Migration(migrations.Migration):
    dependencies = [("models", "0018_removals")]

    initial = False

    operations = [
        AddColumn("WebhookTable", "old_secrets_sealed", fields.TextField(null=True, unique=False)),
        AddColumn("WebhookTable", "old_secrets_until_us", fields.BigIntField(null=True)),
        AddColumn("WebhookTable", "ended_because", fields.CharField(null=True, max_length=200)),
    ]
