"""A real service with a worker for the client's tests: started once, its jobs are small."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra `service`")

from edarl.client import Client
from edarl.service.settings import ServiceSettings
from edarl.service.worker import spawn_worker
from tests.service.conftest import LiveServer, run_server


@contextmanager
def live_service(
    folder: Path, *, with_worker: bool = False, keys: bool = False
) -> Iterator[LiveServer]:
    """Run a service with a database in a folder."""
    settings = ServiceSettings(port=0, database=str(folder / "edarl.db"), keys_required=keys)
    with closing(run_server(settings)) as servers:
        live = next(servers)
        worker = spawn_worker(settings) if with_worker else None
        try:
            yield live
        finally:
            if worker is not None:
                worker.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> Iterator[LiveServer]:
    """A service with a worker."""
    with live_service(tmp_path_factory.mktemp("service"), with_worker=True) as live:
        yield live


@pytest.fixture
def client(service: LiveServer) -> Iterator[Client]:
    """A client of it."""
    with Client(service.url) as client:
        yield client


@pytest.fixture
def service_settings(tmp_path: Path, edarl_home: Path) -> ServiceSettings:
    """Settings of a service with an empty database."""
    return ServiceSettings(port=0, database=str(tmp_path / "edarl.db"))
