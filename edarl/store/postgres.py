"""A store in a PostgreSQL database: opening it, making or upgrading its tables."""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, select, text

from edarl.errors import StoreError
from edarl.store import schema
from edarl.store.connection import check_tables, create_tables, translated

__all__ = ["open_server"]

_BUSY_S = 30
"""How long a writer waits for another one that holds the same rows, in seconds."""

_KEPT, _MORE = 8, 16
"""Connections that stay open once they were needed, and more when many threads ask at once."""

_CONNECT_S = 10
"""How long the server may take to answer at first, in seconds."""


def open_server(url: URL, *, read_only: bool) -> tuple[Engine, int]:
    """Open a store in a server's database; an empty database gets the tables.

    Returns:
        The engine, and the version of the tables.

    Raises:
        StoreError: It cannot be reached, is empty and read-only, holds something else, or is of a
            newer version.
    """
    place = url.render_as_string(hide_password=True)
    settings = f"-c lock_timeout={_BUSY_S}s -c timezone=UTC"
    if read_only:
        settings += " -c default_transaction_read_only=on"
    asked = url.query.get("options", "")
    settings = " ".join([settings, *([asked] if isinstance(asked, str) else asked)])
    arguments = {"connect_timeout": _CONNECT_S, "application_name": "edarl", "options": settings}
    with translated(place, "open"):
        engine = create_engine(
            url,
            connect_args=arguments,
            pool_pre_ping=True,  # the server may have been restarted
            pool_size=_KEPT,
            max_overflow=_MORE,
        )
        try:
            with engine.connect() as connection, connection.begin():
                if not read_only:
                    _prepare(connection)
                return engine, _check(connection, place, read_only=read_only)
        except BaseException:
            engine.dispose()
            raise


def _prepare(connection: Connection) -> None:
    """Create the tables in an empty database, or upgrade those of an old one."""
    # One process at a time: the others find the tables made.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": schema.APPLICATION_ID})
    if not inspect(connection).get_table_names():
        create_tables(connection)
        return
    version = _version(connection)
    if version is not None and 1 <= version < schema.SCHEMA_VERSION:
        from edarl.store.migrations import upgrade

        upgrade(connection, version)


def _version(connection: Connection) -> int | None:
    """Give the version of the tables, or None when they are not a store's."""
    names = set(inspect(connection).get_table_names())
    if schema.stamp.name not in names or not names >= schema.FIRST_TABLES:
        return None
    said = connection.execute(select(schema.stamp.c.version_num)).scalars().all()
    return int(said[0]) if len(said) == 1 and said[0].isdecimal() else None


def _check(connection: Connection, place: str, *, read_only: bool) -> int:
    """Refuse a database that is no store, or one that this edarl cannot use; give its version."""
    names = set(inspect(connection).get_table_names())
    if not names:
        raise StoreError(f"the database {place} is empty; open it for writing to make a store")
    version = _version(connection)
    if version is None:
        raise StoreError(
            f"the database {place} holds tables, but no store of edarl; it was left alone: give "
            "another database"
        )
    check_tables(names, version, place, read_only=read_only)
    return version
