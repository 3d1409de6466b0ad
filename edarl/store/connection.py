"""Opening the database file, and turning what can go wrong into advice."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from edarl.errors import StoreError
from edarl.store.schema import APPLICATION_ID, SCHEMA_VERSION, tables

__all__ = ["add_missing", "open_engine", "reading", "translated", "writing"]

_BUSY_S = 30.0
"""How long a writer waits for another process that writes, in seconds."""

_ADVICE = (
    ("SQLITE_BUSY", "another process is writing to it; try again when that one is done"),
    ("SQLITE_LOCKED", "another process is writing to it; try again when that one is done"),
    ("SQLITE_FULL", "the disk, or what a file may grow to, is full; make room and repeat"),
    ("SQLITE_IOERR", "the disk is full or broken; make room, check the disk, and repeat"),
    ("SQLITE_READONLY", "it may only be read; open it read_only, or check the permissions"),
    ("SQLITE_CANTOPEN", "check that the path is right and the folder may be written to"),
    ("SQLITE_PERM", "check the permissions of the file and its folder"),
    ("SQLITE_NOTADB", "it is not a database; move it away, or give another path"),
    ("SQLITE_CORRUPT", "it is damaged; move it away and restore a copy, or start a new one"),
    ("SQLITE_CONSTRAINT_FOREIGNKEY", "a record refers to one that is not stored; store that first"),
    ("SQLITE_CONSTRAINT", "a record breaks the rules of its table; nothing was written"),
)


@contextmanager
def translated(path: Path, action: str) -> Iterator[None]:
    """Turn errors of the database into `StoreError` that says what to do.

    Args:
        path: The database file, for the message.
        action: What was being done, such as ``read``.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot {action} the store {path}: {_reason(error)}") from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"cannot {action} the store {path}: a value does not fit into the database ({error}); "
            "integers should have at most 63 bits and texts be valid Unicode"
        ) from error


def _reason(error: Exception) -> str:
    cause: object = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorname", "")
    advice = next((text for name, text in _ADVICE if code.startswith(name)), None)
    said = str(cause) or type(cause).__name__
    return f"{said}; {advice}" if advice else said


def open_engine(path: Path, *, read_only: bool) -> Engine:
    """Open a store's file, creating it where it may be written and is missing.

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
                if read_only:
                    _check(connection, path)
                else:
                    _prepare(connection, path)
        except BaseException:
            engine.dispose()
            raise
    return engine


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

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

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


def _pragma(connection: Connection, name: str) -> Any:  # a pragma has any type
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _prepare(connection: Connection, path: Path) -> None:
    """Create the tables in a new file, or check those of an old one."""
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
    with _transaction_on(connection):
        if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            tables.create_all(connection, checkfirst=False)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    _check(connection, path)
    connection.rollback()
    mode = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"the store {path} should use write-ahead logging, actual journal mode: {mode}; "
            "put it on a local file system"
        )


def _check(connection: Connection, path: Path) -> None:
    """Refuse a file that is no store, or one of a newer edarl."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(
            f"{path} is a database, but no store of edarl; it was left alone: give another path"
        )
    version = _pragma(connection, "user_version")
    if version != SCHEMA_VERSION:
        advice = (
            "it comes from a newer edarl: upgrade edarl, or give another path"
            if version > SCHEMA_VERSION
            else "it is damaged: restore a copy, or give another path"
        )
        raise StoreError(
            f"the store {path} should have schema version {SCHEMA_VERSION}, "
            f"actual version: {version}; {advice}"
        )
    names = set(
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
    )
    missing = sorted(set(tables.tables) - names)
    if missing:
        raise StoreError(
            f"the store {path} lacks the tables {', '.join(missing)}; it is damaged: restore a "
            "copy, or give another path"
        )


@contextmanager
def _transaction_on(connection: Connection) -> Iterator[Connection]:
    """Hold a write transaction on a connection: all of it is written, or nothing."""
    writer = connection.execution_options(edarl_writes=True)
    with writer.begin():
        yield writer


@contextmanager
def writing(engine: Engine, path: Path) -> Iterator[Connection]:
    """Hold a write transaction: all of it is written, or nothing."""
    with (
        translated(path, "write to"),
        engine.connect() as connection,
        _transaction_on(connection) as writer,
    ):
        yield writer


@contextmanager
def reading(engine: Engine, path: Path) -> Iterator[Connection]:
    """Hold one consistent view of the database for reading."""
    with translated(path, "read"), engine.connect() as connection:
        yield connection


def add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> int:
    """Insert the rows whose primary key is new; give how many those were."""
    if not rows:
        return 0
    key = [*table.primary_key.columns]
    statement = insert(table).on_conflict_do_nothing(index_elements=key)
    return connection.execute(statement, [dict(row) for row in rows]).rowcount
