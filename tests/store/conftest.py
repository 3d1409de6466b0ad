"""Stores on both kinds of databases: a file, and a database on a server of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edarl.store import Store
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server; the test is skipped where it is not installed."""
    with postgres_server() as running:
        yield running


NewTarget = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewTarget:
    """Make places for new stores: paths of files, then URLs on a server."""
    if request.param == "sqlite":
        return lambda: str(tmp_path_factory.mktemp("store") / "home" / "edarl.db")
    running: PostgresServer = request.getfixturevalue("server")
    return running.new_url


@pytest.fixture
def target(new_target: NewTarget) -> str:
    """A place for a new store: the path of a file, then a URL on a server."""
    return new_target()


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
