"""Laying out a cell over HTTP is a job, or is said to need a package."""

import importlib.util

import pytest
from starlette.testclient import TestClient

from tests.service.test_designs import service_of


def test_a_cell_of_edarl_becomes_a_job(client: TestClient) -> None:
    answer = client.post("/v1/cells/layouts", json={"cell": "NAND2", "method": "anneal"})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert (job["kind"], job["request"]["cell"]) == ("layout", "NAND2")
    assert client.get(answer.headers["location"]).json() == job


def test_lists_leave_out_the_files_of_layouts(client: TestClient) -> None:
    client.post("/v1/cells/layouts", json={"cell": "NAND2"})
    queue = service_of(client).queue
    lease = queue.claim("tester", kinds=("layout",), lease_s=60)
    assert lease is not None
    result = {"clean": True, "files": {"NAND2.lef": "..."}, "gds_base64": "AAAA"}
    queue.finish(lease, "done", result=result)
    assert client.get(f"/v1/jobs/{lease.job.id}").json()["result"] == result
    (listed,) = client.get("/v1/jobs").json()["items"]
    assert listed["result"] == {"clean": True}


@pytest.mark.parametrize(
    "wanted",
    [
        {"cell": "NOBODY"},
        {"cell": "../../etc/passwd"},
        {"cell": "NAND2", "technology": "/tmp/x.toml"},
        {"cell": "NAND2", "technology": "nowhere"},
        {"cell": "NAND2", "time_limit_s": 1e9},
        {"cell": "NAND2", "method": "magic"},
    ],
)
def test_what_does_not_come_with_edarl_is_refused(
    client: TestClient, wanted: dict[str, object]
) -> None:
    assert client.post("/v1/cells/layouts", json=wanted).status_code == 422


def test_without_the_packages_it_says_what_to_install(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ortools" else real(name)
    )
    answer = client.post("/v1/cells/layouts", json={"cell": "NAND2"})
    assert answer.status_code == 501
    assert answer.json()["type"] == "/problems/not-installed"
    assert "ortools" in answer.json()["detail"]
    assert "pip install 'edarl[layout]'" in answer.json()["detail"]
