from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

DAYS = """
ALTER TABLE "event" RENAME TO "event_flat";
CREATE TABLE "event" (LIKE "event_flat" INCLUDING COMMENTS) PARTITION BY RANGE ("at_us");
COMMENT ON TABLE "event" IS 'A stored happening.';
CREATE TABLE "event_odd" PARTITION OF "event" DEFAULT;
DO $$
DECLARE
    a_day CONSTANT bigint := 86400000000;
    today CONSTANT bigint := floor(extract(epoch FROM now()) / 86400);
    found bigint;
BEGIN
    FOR found IN
        SELECT DISTINCT at_us / a_day FROM "event_flat"
        WHERE at_us >= (today - 400) * a_day AND at_us < (today + 8) * a_day
    LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF "event" FOR VALUES FROM (%s) TO (%s)',
            'event_' || to_char(to_timestamp(found * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD'),
            found * a_day, (found + 1) * a_day
        );
    END LOOP;
END $$;
INSERT INTO "event" SELECT * FROM "event_flat";
DROP TABLE "event_flat";
"""

KEYS = """
ALTER TABLE "event" ADD CONSTRAINT "event_pkey" PRIMARY KEY ("tenant_id", "id", "at_us");
CREATE INDEX "uid_event_tenant__b6adcc" ON "event" ("tenant_id", "seq");
CREATE INDEX "uid_event_tenant__1977b8" ON "event" ("tenant_id", "began_seq");
"""
"""The key of a partitioned table must hold what it is partitioned by, so no constraint can say that
numbers are unique: the lock on the tenant's row does. The names are those of the constraints that
these indexes stand in for."""

FLAT = """
ALTER TABLE "event" RENAME TO "event_days";
CREATE TABLE "event" (LIKE "event_days" INCLUDING COMMENTS);
COMMENT ON TABLE "event" IS 'A stored happening.';
INSERT INTO "event" SELECT * FROM "event_days";
DROP TABLE "event_days";
ALTER TABLE "event" ADD CONSTRAINT "event_pkey" PRIMARY KEY ("id");
ALTER TABLE "event" ADD CONSTRAINT "uid_event_tenant__b6adcc" UNIQUE ("tenant_id", "seq");
ALTER TABLE "event" ADD CONSTRAINT "uid_event_tenant__1977b8" UNIQUE ("tenant_id", "began_seq");
"""

INDEXES = """
CREATE INDEX "idx_event_tenant__e4cb94" ON "event" ("tenant_id", "at_us", "id");
CREATE INDEX "idx_event_tenant__544ab8" ON "event" ("tenant_id", "camera_slug", "at_us", "id");
CREATE INDEX "idx_event_tenant__5cdfae" ON "event" ("tenant_id", "type", "at_us", "id");
"""


async def into_days(_: StateApps, editor: BaseSchemaEditor) -> None:
    if editor.client.capabilities.dialect == "postgres":
        for script in (DAYS, KEYS, INDEXES):  # each has a time limit
            await editor.client.execute_script(script)


async def out_of_days(_: StateApps, editor: BaseSchemaEditor) -> None:
    if editor.client.capabilities.dialect == "postgres":
        await editor.client.execute_script(FLAT + INDEXES)


class Migration(migrations.Migration):
    dependencies = [("models", "0002_leases_and_plans")]

    initial = False

    operations = [
        ops.RunPython(into_days, out_of_days),
        ops.AddIndex(
            model_name="EventTable",
            index=Index(fields=["tenant_id", "camera_slug", "type", "at_us", "id"]),
        ),
    ]
