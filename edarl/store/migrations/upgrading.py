"""Bringing the tables of an older version up to a newer one, inside the caller's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, inspect

from edarl.store.schema import SCHEMA_VERSION, stamp, stamps

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["upgrade"]

_FOLDER = Path(__file__).parent


def upgrade(connection: Connection, present: int, wanted: int = SCHEMA_VERSION) -> None:
    """Run the migrations from one version to a later one.

    Nothing is committed here: with the caller's transaction all of it happens, or nothing.

    Args:
        connection: In a transaction that writes.
        present: The version of the tables that are there; 0 when there are none.
        wanted: The version to reach.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    revision = f"{wanted:04}"

    if present and not inspect(connection).has_table(stamp.name):
        # A file of version 1 carries its version in its header alone.
        stamps.create_all(connection, checkfirst=False)
        connection.execute(insert(stamp), {"version_num": f"{present:04}"})

    def steps(there: Any, _: object) -> Any:  # Alembic's hook
        return script._upgrade_revs(revision, there)

    with EnvironmentContext(config, script, fn=steps, destination_rev=revision) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
