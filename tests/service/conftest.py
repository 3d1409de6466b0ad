"""What the tests of the service share: a small store, an application, a real server."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from edarl.log import configure
from edarl.metrics import Point
from edarl.prefix.circuits import Circuit
from edarl.service.app import create_app
from edarl.service.context import Service
from edarl.service.server import Server, listen, url_of
from edarl.service.settings import ServiceSettings
from edarl.store import LibraryRef, Store
from edarl.store.keys import create_key
from edarl.store.known import known_store
from edarl.synthesis.library import load_library


@pytest.fixture(autouse=True)
def plain_log(clean_logging: None) -> None:
    """Log as ``edarl serve`` does."""
    configure("error")


HERE = "http://127.0.0.1"
"""What the test client addresses: a service without keys answers to loopback names only."""


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> Path:
    """A store with the proven 8-bit adders that come with edarl, on sky130; to be copied."""
    path = tmp_path_factory.mktemp("filled") / "edarl.db"
    library = load_library("sky130")
    with known_store() as known, Store.open(path) as store:
        circuit, constraint = Circuit("adder", 8), library.constraint()
        for point in known.front(circuit, library.digest, constraint):
            store.record_confirmed(
                point.design,
                Point(point.target_ps, point.delay_ps, point.area_um2, point.flow),
                library=LibraryRef(name=library.name, digest=library.digest),
                constraint=constraint,
                netlist=known.netlist(point.netlist_sha256),
                proven=True,
                proof=known.proof(point.netlist_sha256),
                sta_delay_ps=point.sta_delay_ps,
            )
    return path


@pytest.fixture
def service_settings(tmp_path: Path, edarl_home: Path) -> ServiceSettings:
    """Settings of a service on loopback, without keys, with a database of its own."""
    return ServiceSettings(port=0, database=str(tmp_path / "edarl.db"))


@pytest.fixture
def app(service_settings: ServiceSettings) -> FastAPI:
    """The application; it starts with the client."""
    return create_app(service_settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the application in this process; unexpected errors are answered, not raised."""
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@dataclass(frozen=True)
class Keys:
    """Secrets of keys with one scope each, and of a second reader."""

    read: str
    design: str
    train: str
    admin: str
    other: str

    def header(self, name: str) -> dict[str, str]:
        """Give the header that carries one of them."""
        return {"Authorization": f"Bearer {getattr(self, name)}"}


@pytest.fixture
def keyed(service_settings: ServiceSettings) -> Iterator[tuple[TestClient, Keys]]:
    """A client of an application that needs keys, and the keys."""
    settings = service_settings.model_copy(update={"keys_required": True})
    scopes = {
        "read": ("read",),
        "design": ("read", "design"),
        "train": ("read", "train"),
        "admin": ("admin",),
        "other": ("read", "design"),
    }
    with Store.open(settings.store_target) as store:
        secrets = {
            name: create_key(store, name, given, work_per_hour=1e7, max_active_jobs=5)[1]
            for name, given in scopes.items()
        }
    app = create_app(settings)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client, Keys(**secrets)


@dataclass(frozen=True)
class LiveServer:
    """A service that runs in a thread of this process, behind a real socket."""

    url: str
    service: Service
    server: Server


def run_server(settings: ServiceSettings) -> Iterator[LiveServer]:
    """Run a service until the generator is closed."""
    with closing(Service.open(settings)) as service, listen(settings) as opened:
        server = Server(create_app(settings, service=service), service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            assert server.started
            yield LiveServer(url_of(opened), service, server)
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def live_server(service_settings: ServiceSettings) -> Iterator[LiveServer]:
    """A real server without keys."""
    yield from run_server(service_settings)
