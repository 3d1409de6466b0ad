"""Opening a database, holding transactions on it, and turning what can go wrong into advice.

What only one kind of database needs is in `edarl.store.sqlite` and `edarl.store.postgres`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, insert, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from edarl.errors import StoreError
from edarl.store import schema

__all__ = [
    "Database",
    "add_missing",
    "check_tables",
    "create_tables",
    "insert_or",
    "open_database",
    "translated",
]

_BUSY = "another process is writing to it; try again when that one is done"
_FULL = "the disk, or what a file may grow to, is full; make room and repeat"
_REFERENCE = "a record refers to one that is not stored; store that first"
_RULES = "a record breaks the rules of its table; nothing was written"
_READ_ONLY = "it may only be read; open it read_only, or check the permissions"
_UNREACHABLE = "check that the server runs, and host, port, name and password in the URL"
_VALUE = "integers should have at most 63 bits and texts be valid Unicode without the character 0"

_ADVICE = (
    ("SQLITE_BUSY", _BUSY),
    ("SQLITE_LOCKED", _BUSY),
    ("SQLITE_FULL", _FULL),
    ("SQLITE_IOERR", "the disk is full or broken; make room, check the disk, and repeat"),
    ("SQLITE_READONLY", _READ_ONLY),
    ("SQLITE_CANTOPEN", "check that the path is right and the folder may be written to"),
    ("SQLITE_PERM", "check the permissions of the file and its folder"),
    ("SQLITE_NOTADB", "it is not a database; move it away, or give another path"),
    ("SQLITE_CORRUPT", "it is damaged; move it away and restore a copy, or start a new one"),
    ("SQLITE_CONSTRAINT_FOREIGNKEY", _REFERENCE),
    ("SQLITE_CONSTRAINT", _RULES),
    # PostgreSQL's codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    ("08", _UNREACHABLE),
    ("22", _VALUE),
    ("23503", _REFERENCE),
    ("23", _RULES),
    ("25006", _READ_ONLY),
    ("28", "check the user's name and password in the URL, and what the server lets in"),
    ("3D000", "make the database first (createdb), or correct its name in the URL"),
    ("40", "another process was faster; try again"),
    ("42501", "the user may not do this; grant it, or open the store read_only"),
    ("53100", _FULL),
    ("53300", "the server has no connection left; close some, or raise max_connections"),
    ("53", "the server lacks memory or other resources; free some and repeat"),
    ("55P03", _BUSY),
    ("57", "the server stops or starts; try again when it is up"),
    ("58", "the server's disk is full or broken; make room, check the disk, and repeat"),
    ("XX", "it is damaged; restore a copy of it"),
)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database.

    Attributes:
        engine: Its connections.
        place: The file or the URL without its password, for messages.
        version: The version of its tables.
    """

    engine: Engine
    place: str
    version: int

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold one consistent view for reading."""
        with translated(self.place, "read"), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def rows(self, query: str, named: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run one reading statement and give its rows: the quick way, for answers on the spot.

        Args:
            query: SQL that both kinds of databases understand, its values as ``:name``.
            named: The values.
        """
        if self.engine.dialect.name == "postgresql":
            query = _for_psycopg(query)
        with translated(self.place, "read"):
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(query, named)
                found = list(cursor.fetchall())
                cursor.close()
            finally:
                connection.close()
        return found

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold a write transaction: all of it is written, or nothing."""
        with translated(self.place, "write to"), self.engine.connect() as connection:
            writer = connection.execution_options(edarl_writes=True)
            with writer.begin():
                yield writer


def open_database(target: str | Path, *, read_only: bool) -> Database:
    """Open a store's database; where it may be written, make or upgrade its tables.

    Args:
        target: A path is a SQLite file; a text ``postgresql://...`` is a server's database.
        read_only: Whether nothing may be written, not even an upgrade.

    Raises:
        StoreError: It is missing and read-only, no store, of a newer version, damaged, locked,
            not reachable, or the URL is of another kind.
    """
    url = _url(target)
    if url is None:
        from edarl.store.sqlite import open_file

        path = Path(target)
        engine, version = open_file(path, read_only=read_only)
        return Database(engine, str(path), version)
    from edarl.store.postgres import open_server

    engine, version = open_server(url, read_only=read_only)
    return Database(engine, url.render_as_string(hide_password=True), version)


@cache
def _for_psycopg(query: str) -> str:
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", query.replace("%", "%%"))


def _url(target: str | Path) -> URL | None:
    if isinstance(target, Path) or "://" not in target:
        if Path(target).parts[:1] == ("postgresql:",):
            raise StoreError(f"a URL of a store should be a text with ://, actual: {target}")
        return None
    try:
        url = make_url(target)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "a store should be a path or postgresql://user:password@host:port/name, "
            "actual: a URL that cannot be read"
        ) from error
    if url.drivername not in {"postgresql", "postgresql+psycopg", "postgres"}:
        raise StoreError(
            f"a store should be a path or postgresql://..., actual kind of URL: {url.drivername}"
        )
    return url.set(drivername="postgresql+psycopg")


@contextmanager
def translated(place: object, action: str) -> Iterator[None]:
    """Turn errors of the database into `StoreError` that says what to do.

    Args:
        place: The database, for the message.
        action: What was being done, such as ``read``.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot {action} the store {place}: {_reason(error)}") from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"cannot {action} the store {place}: a value does not fit into the database "
            f"({error}); {_VALUE}"
        ) from error


def _reason(error: Exception) -> str:
    cause: object = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""
    if not code and isinstance(error, DBAPIError) and "psycopg" in type(cause).__module__:
        # Without a code the server was not reached, or the driver refused a value.
        code = "22" if type(cause).__name__ == "DataError" else "08"
    advice = next((text for name, text in _ADVICE if code.startswith(name)), None)
    # What PostgreSQL adds in further lines are hints for SQL, and values.
    said = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    return f"{said}; {advice}" if advice else said


def check_tables(names: Collection[str], version: int, place: object, *, read_only: bool) -> None:
    """Refuse tables that this edarl cannot use.

    Raises:
        StoreError: They are newer, older than the first version, should have been upgraded, or
            one of them is missing.
    """
    oldest = 1 if read_only else schema.SCHEMA_VERSION
    if not oldest <= version <= schema.SCHEMA_VERSION:
        advice = (
            "it comes from a newer edarl: upgrade edarl, or give another path"
            if version > schema.SCHEMA_VERSION
            else "it is damaged: restore a copy, or give another path"
        )
        raise StoreError(
            f"the store {place} should have schema version {schema.SCHEMA_VERSION}, "
            f"actual version: {version}; {advice}"
        )
    needed = schema.FIRST_TABLES if version == 1 else schema.tables.tables
    missing = sorted(set(needed) - set(names))
    if missing:
        raise StoreError(
            f"the store {place} lacks the tables {', '.join(missing)}; it is damaged: restore a "
            "copy, or give another path"
        )


def create_tables(connection: Connection) -> None:
    """Make the tables of the present version in an empty database, and what is in them."""
    schema.tables.create_all(connection, checkfirst=False)
    schema.stamps.create_all(connection, checkfirst=False)
    connection.execute(insert(schema.stamp), {"version_num": f"{schema.SCHEMA_VERSION:04}"})
    connection.execute(
        insert(schema.facts),
        [
            {"name": "application", "value": schema.APPLICATION_ID},
            {"name": "version", "value": 0},
        ],
    )


def insert_or(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Give an INSERT that can be told what to do on a conflict, for this kind of database."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> int:
    """Insert the rows whose primary key is new; give how many those were."""
    if not rows:
        return 0
    key = [column.name for column in table.primary_key.columns]
    statement = insert_or(connection, table).on_conflict_do_nothing(index_elements=key)
    # In one order everywhere: writers who wait for each other's rows in turn would wait for ever.
    ordered = sorted((dict(row) for row in rows), key=lambda row: [str(row[name]) for name in key])
    done = connection.execute(statement, ordered, execution_options={"preserve_rowcount": True})
    return int(done.rowcount)
