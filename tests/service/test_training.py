"""Training jobs over HTTP: validated settings, no files of the server, the same documents."""

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import Keys
from tests.service.test_jobs import post

CONFIG = {"preset": "cpu8", "budget_calls": 100}


def test_a_training_is_a_job_with_its_settings_as_resolved(client: TestClient) -> None:
    answer = client.post("/v1/training-jobs", json={"name": "mine", "config": CONFIG})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert job["kind"] == "training"
    assert job["request"]["name"] == "mine"
    assert job["request"]["config"]["width"] == 8
    assert job["request"]["config"]["budget_calls"] == 100
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    design = post(client)
    assert [item["id"] for item in client.get("/v1/training-jobs").json()["items"]] == [job["id"]]
    assert client.get(f"/v1/training-jobs/{job['id']}").json() == job
    assert client.get(f"/v1/training-jobs/{design}").status_code == 404
    assert client.post(f"/v1/training-jobs/{design}/cancel").status_code == 404
    assert client.get(f"/v1/jobs/{design}").json()["status"] == "queued"
    cancelled = client.post(f"/v1/training-jobs/{job['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"library": "/etc/passwd"}, "library"),
        ({"library": "nobody"}, "library"),
        ({"method": "agent", "dqn": {"weights": "/tmp/agent"}}, "weights"),
        ({"method": "guided", "guided": {"model": "/tmp/model"}}, "model"),
        ({"widht": 8}, "widht"),
        ({"width": 1}, "width"),
        ({"workers": 1000}, "workers"),
        ({"budget_calls": 10**18}, "budget_calls"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_are_not_usable_are_refused(
    client: TestClient, config: dict[str, object], said: str
) -> None:
    answer = client.post("/v1/training-jobs", json={"config": config})
    assert answer.status_code == 422, answer.text
    assert said in answer.text
    assert client.get("/v1/training-jobs").json()["items"] == []


def test_training_needs_its_own_scope(keyed: tuple[TestClient, Keys]) -> None:
    client, keys = keyed
    for name, status in (("read", 403), ("design", 403), ("train", 202)):
        answer = client.post(
            "/v1/training-jobs", json={"config": CONFIG}, headers=keys.header(name)
        )
        assert answer.status_code == status, name
