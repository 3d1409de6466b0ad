"""An open store: its transactions, the version of its content, and whether it is sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, func, select, update

from edarl.errors import StoreError
from edarl.store import schema
from edarl.store.connection import Database, open_database, translated

__all__ = ["OpenStore", "bump_version"]

_VERSION = "SELECT value FROM facts WHERE name = 'version'"


class OpenStore:
    """A store that is open; a context manager that closes it.

    Attributes:
        place: The file, or the URL without its password, for messages.
        read_only: Whether nothing may be written.
        schema_version: The version of its tables; below the present one only when read-only.
    """

    def __init__(self, database: Database, path: Path | None, *, read_only: bool) -> None:
        self._path = path
        self.place = database.place
        self.read_only = read_only
        self.schema_version = database.version
        self._database = database

    @classmethod
    def open(cls, target: str | Path, read_only: bool = False) -> Self:
        """Open a store; where it may be written, make what is missing and upgrade what is older.

        Args:
            target: A path is a SQLite file; a text ``postgresql://user:password@host:port/name``
                is a database on a server, which must be there, and may be empty.
            read_only: Whether nothing may be written; the store must be there then, and may be
                of an older version.

        Raises:
            StoreError: It is no store, of a newer version, damaged, locked, or not accessible.
        """
        database = open_database(target, read_only=read_only)
        path = Path(target) if database.engine.dialect.name == "sqlite" else None
        return cls(database, path, read_only=read_only)

    @property
    def path(self) -> Path:
        """The database file.

        Raises:
            StoreError: The store is on a server.
        """
        if self._path is None:
            raise StoreError(f"the store {self.place} is on a server and has no file")
        return self._path

    @property
    def is_local(self) -> bool:
        """Whether it is a file, so that reading a row takes microseconds, and no server."""
        return self._path is not None

    def close(self) -> None:
        """Close the store; closing twice does nothing."""
        with translated(self.place, "close"):
            self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Hold a write transaction: all of it is stored, or nothing."""
        if self.read_only:
            raise StoreError(
                f"the store {self.place} was opened read-only; open it for writing, or write to "
                "another store"
            )
        with self._database.writing() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Hold one consistent view for reading."""
        with self._database.reading() as connection:
            yield connection

    def version(self) -> int:
        """Give the version of what can be answered: it grows whenever an answer may change.

        That is when a proven design or how hard a circuit was searched is stored. A store of
        version 1 of the tables, which can only be read, has 0.
        """
        if self.schema_version < 2:
            return 0
        found = self.rows(_VERSION)
        if not found:
            raise StoreError(f"the store {self.place} lacks its version; restore a copy of it")
        return int(found[0][0])

    def rows(self, query: str, named: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run one reading statement and give its rows: the quick way, without SQLAlchemy.

        Args:
            query: SQL that both kinds of databases understand, its values as ``:name``.
            named: The values.
        """
        return self._database.rows(query, named or {})

    def counts(self) -> dict[str, int]:
        """Give the number of rows of every table of results."""
        with self.snapshot() as connection:
            return {
                name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for name, table in schema.tables.tables.items()
                if name in schema.FIRST_TABLES
            }

    def check(self) -> list[str]:
        """Read the whole file and give what is wrong with it; nothing when it is sound.

        A server checks its own files and references; there this reads every table.
        """
        if self._path is None:
            with self.snapshot() as connection:
                for table in schema.tables.sorted_tables:
                    connection.execute(select(func.count()).select_from(table))
            return []
        with self.snapshot() as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        problems = [str(line) for line in said if line != "ok"]
        return problems + [f"{row[0]} refers to a missing row of {row[2]}" for row in orphans]


def bump_version(connection: Connection) -> int:
    """Raise the version of what can be answered, last in a transaction; give the new one.

    On a server this waits for whoever raised it before and has not committed.
    """
    known = schema.facts.c
    statement = (
        update(schema.facts)
        .where(known.name == "version")
        .values(value=known.value + 1)
        .returning(known.value)
    )
    return int(connection.execute(statement).scalar_one())
