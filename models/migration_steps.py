"""Steps of migrations where Tortoise's own leave something behind."""

from __future__ import annotations

from tortoise.migrations import operations
from tortoise.migrations.schema_editor import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State


class AddColumn(operations.AddField):
    """Adds a plain column.

    On the way down Tortoise makes the table of SQLite anew, without some of its indexes.
    """

    async def database_backward(
        self,
        app_label: str,
        old_state: State,
        new_state: State,
        state_editor: BaseSchemaEditor | None = None,
    ) -> None:
        if state_editor is not None:
            table = old_state.apps.get_model(f"{app_label}.{self.model_name}")._meta.db_table
            drop = f'ALTER TABLE "{table}" DROP COLUMN "{self.name}"'
            await state_editor.client.execute_script(drop)
