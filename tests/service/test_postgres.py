"""The service on a PostgreSQL server: the same answers, jobs and quotas."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edarl.service.app import create_app
from edarl.service.settings import ServiceSettings
from edarl.store import Store
from edarl.store.keys import create_key
from tests.postgres import postgres_server
from tests.service.conftest import HERE

BODY = {"width": 9, "library": "sky130_ss", "max_delay_ps": 2000.0}


@pytest.fixture(scope="module")
def database(edarl_home: Path) -> Iterator[str]:
    with postgres_server() as server:
        yield server.new_url()


def test_jobs_keys_and_quotas_work_on_a_server(database: str) -> None:
    settings = ServiceSettings(database=database, keys_required=True)
    with Store.open(database) as store:
        _, secret = create_key(store, "a", ["read", "design"], work_per_hour=1e6, max_active_jobs=1)
        _, other = create_key(store, "b", ["read"])
    mine, theirs = ({"Authorization": f"Bearer {each}"} for each in (secret, other))
    with TestClient(create_app(settings), base_url=HERE) as client:
        asked = client.post("/v1/designs", json=BODY, headers={**mine, "Idempotency-Key": "one"})
        assert asked.status_code == 202, asked.text
        assert asked.headers["ratelimit"].startswith('"work";r=')
        address = asked.headers["location"]
        again = client.post("/v1/designs", json=BODY, headers={**mine, "Idempotency-Key": "one"})
        assert again.headers["location"] == address
        assert client.get(address, headers=mine).json()["status"] == "queued"
        assert client.get(address, headers=theirs).status_code == 404
        more = client.post("/v1/designs", json={**BODY, "width": 10}, headers=mine)
        assert more.status_code == 429
        assert client.delete(address, headers=mine).json()["status"] == "cancelled"
        metrics = client.get("/metrics", headers=mine).text
        assert 'edarl_jobs{status="cancelled"} 1.0' in metrics
        ready = {check["name"]: check["ok"] for check in client.get("/readyz").json()["checks"]}
        assert ready == {"database": True, "tools": True, "libraries": True, "workers": False}


def test_a_server_that_is_gone_is_told_without_its_address(database: str) -> None:
    settings = ServiceSettings(database=database)
    with TestClient(create_app(settings), base_url=HERE, raise_server_exceptions=False) as client:
        with pytest.MonkeyPatch.context() as patch:
            from sqlalchemy.exc import OperationalError

            def fail(*_: object, **__: object) -> None:
                raise OperationalError("connect", {}, Exception(f"no route to {database}"))

            patch.setattr("sqlalchemy.engine.Engine.connect", fail)
            for answer in (
                client.get("/v1/jobs"),
                client.post("/v1/designs", json=BODY),
                client.get("/readyz"),
            ):
                assert answer.status_code == 503
                assert database not in answer.text
                assert "postgres" not in answer.text
        assert client.get("/v1/jobs").status_code == 200
