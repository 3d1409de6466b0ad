"""Alive, ready, figures."""

import pytest
from starlette.testclient import TestClient

from edarl.errors import StoreError
from edarl.service.context import Service
from edarl.store.workers import see_worker


def service_of(client: TestClient) -> Service:
    return client.app.state.service  # type: ignore[attr-defined, no-any-return]


def test_healthz_answers_with_the_version(client: TestClient) -> None:
    from edarl import __version__

    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": __version__}


def test_readyz_says_that_no_worker_is_alive_and_how_to_start_one(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert "edarl worker" in document["detail"]
    checks = {check["name"]: check["ok"] for check in document["checks"]}
    assert checks == {"database": True, "tools": True, "libraries": True, "workers": False}


def test_readyz_is_ready_once_a_worker_said_it_lives(client: TestClient) -> None:
    see_worker(service_of(client).store, "one", slots=3, kinds=["design"])
    answer = client.get("/readyz")
    assert answer.status_code == 200
    details = {check["name"]: check["detail"] for check in answer.json()["checks"]}
    assert details["workers"] == "1 alive, 3 slots"
    assert "yosys" in details["tools"]


def test_readyz_names_a_database_that_does_not_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(client)

    def fail(*_: object) -> int:
        raise StoreError("cannot read the store /secret/place: disk I/O error")

    monkeypatch.setattr(type(service.store), "version", fail)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "/secret/place" not in answer.text
    assert "database" in answer.json()["detail"]


def test_metrics_count_requests_by_template_and_jobs_by_status(client: TestClient) -> None:
    client.get("/v1/libraries/sky130")
    client.get("/v1/libraries/sky130_ss")
    client.get("/nowhere/at/all")
    text = client.get("/metrics").text
    assert (
        'edarl_http_requests_total{method="GET",route="/v1/libraries/{name}",status="200"} 2.0'
        in text
    )
    assert 'edarl_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'edarl_jobs{status="queued"} 0.0' in text
    assert "edarl_store_version" in text
    assert "edarl_workers 0.0" in text
    assert "edarl_http_request_duration_seconds_bucket" in text
    assert "process_resident_memory_bytes" in text
