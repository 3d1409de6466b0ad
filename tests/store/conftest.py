"""Stores on both kinds of databases: a file, and a database on a server of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from edarl.store import Store, schema
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server; the test is skipped where it is not installed."""
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="session")
def emptied(server: PostgresServer) -> Callable[[], str]:
    """Empty the one store on the server that tests share, and give its URL.

    Making all tables anew for every test takes most of the time that the tests have.
    """
    url = server.new_url()
    with Store.open(url):
        pass
    tables = [table.name for table in reversed(schema.tables.sorted_tables)]
    changes = [f"DELETE FROM {name}" for name in tables if name != "facts"]
    changes.append("UPDATE facts SET value = 0 WHERE name = 'version'")

    def empty() -> str:
        with psycopg.connect(url) as connection:
            connection.execute("; ".join(changes).encode())
        return url

    return empty


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place without any rows: the path of a file to be, then the URL of a store on a server."""
    if request.param == "sqlite":
        return str(tmp_path / "home" / "edarl.db")
    empty: Callable[[], str] = request.getfixturevalue("emptied")
    return empty()


@pytest.fixture
def store(target: str) -> Iterator[Store]:
    """An empty store, on a file, then on a server."""
    with Store.open(target) as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on a file."""
    with Store.open(tmp_path / "home" / "edarl.db") as opened:
        yield opened
