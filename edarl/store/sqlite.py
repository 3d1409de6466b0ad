"""A store in a SQLite file: opening it, making or upgrading its tables, refusing foreign ones."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from edarl.errors import StoreError
from edarl.store import schema
from edarl.store.connection import check_tables, create_tables, translated

__all__ = ["open_file"]

_BUSY_S = 30.0
"""How long a writer waits for another process that writes, in seconds."""

_KEPT, _MORE = 16, 48
"""Connections that stay open once they were needed, and more when many threads read at once."""


def open_file(path: Path, *, read_only: bool) -> tuple[Engine, int]:
    """Open a store's file, creating it where it may be written and is missing.

    Returns:
        The engine, and the version of the tables.

    Raises:
        StoreError: It is missing and read-only, no store, of a newer version, damaged, locked, or
            its folder cannot be used.
    """
    with translated(path, "open"):
        if read_only and not path.is_file():
            raise StoreError(
                f"the store {path} does not exist; check the path, or open it for writing to "
                "create it"
            )
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(path, read_only=read_only)
        try:
            with engine.connect() as connection:
                if not read_only:
                    _prepare(connection, path)
                return engine, _check(connection, path, read_only=read_only)
        except BaseException:
            engine.dispose()
            raise


def _engine(path: Path, *, read_only: bool) -> Engine:
    uri = _uri(path, read_only=read_only)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            # A crafted file must not run code of its own choice when it is read.
            connection.execute("PRAGMA trusted_schema = OFF")
            if read_only:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=_KEPT, max_overflow=_MORE
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: upgrading later fails when another one was faster.
        writes = connection.get_execution_options().get("edarl_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _uri(path: Path, *, read_only: bool) -> str:
    uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rwc'}"
    # Reading a database in WAL mode needs a side file, unless nobody can be writing to it.
    log = path.with_name(f"{path.name}-wal")
    if read_only and not os.access(path.parent, os.W_OK) and not log.exists():
        uri += "&immutable=1"
    return uri


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _prepare(connection: Connection, path: Path) -> None:
    """Create the tables in a new file, or upgrade those of an old one."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    connection.rollback()
    deadline = time.monotonic() + _BUSY_S
    while True:
        # Nothing of a foreign file may be changed, so look before switching the journal.
        tables_there = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables_there:
            break
        try:
            raw.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:  # switching does not wait for other processes by itself
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if not tables_there or _is_older(raw):
        with _writing(connection) as writer:
            # Another process may have been faster, so look again now that nobody else writes.
            if not raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                create_tables(writer)
                writer.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                writer.exec_driver_sql(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
            elif _is_older(raw):
                from edarl.store.migrations import upgrade

                upgrade(writer, _pragma(writer, "user_version"))
                writer.exec_driver_sql(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    _check(connection, path, read_only=False)
    connection.rollback()
    mode = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"the store {path} should use write-ahead logging, actual journal mode: {mode}; "
            "put it on a local file system"
        )


def _is_older(raw: sqlite3.Connection) -> bool:
    """Say whether a file is a store of an older version."""
    if raw.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        return False
    version: int = raw.execute("PRAGMA user_version").fetchone()[0]
    return 1 <= version < schema.SCHEMA_VERSION


def _check(connection: Connection, path: Path, *, read_only: bool) -> int:
    """Refuse a file that is no store, or one that this edarl cannot use; give its version."""
    if _pragma(connection, "application_id") != schema.APPLICATION_ID:
        raise StoreError(
            f"{path} is a database, but no store of edarl; it was left alone: give another path"
        )
    version = _pragma(connection, "user_version")
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    names = connection.exec_driver_sql(query).scalars().all()
    check_tables(names, version, path, read_only=read_only)
    return version


@contextmanager
def _writing(connection: Connection) -> Iterator[Connection]:
    """Hold a write transaction on a connection: all of it is written, or nothing."""
    writer = connection.execution_options(edarl_writes=True)
    with writer.begin():
        yield writer
