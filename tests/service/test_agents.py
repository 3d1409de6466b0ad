"""Agents over HTTP: cards and checksums, without the weights being loaded."""

import hashlib
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edarl.service.schemas import AgentDetail
from tests.service.test_designs import service_of
from tests.service.test_jobs import claim

SHIPPED = Path(str(resources.files("edarl.agents"))) / "shipped"


def test_the_agents_that_come_with_edarl_are_listed(client: TestClient) -> None:
    page = client.get("/v1/agents").json()
    names = [item["id"] for item in page["items"]]
    assert names == sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json"))
    assert page["next"] is None
    first = client.get("/v1/agents", params={"limit": 1}).json()
    rest = client.get("/v1/agents", params={"cursor": first["next"]}).json()
    assert [*first["items"], *rest["items"]] == page["items"]


def test_an_agent_has_its_card_and_the_true_checksums(client: TestClient) -> None:
    for item in client.get("/v1/agents").json()["items"]:
        agent = AgentDetail.model_validate(client.get(item["href"]).json())
        assert agent.card == (SHIPPED / agent.id / "card.md").read_text()
        assert agent.sha256
        for name, sha256 in agent.sha256.items():
            data = (SHIPPED / agent.id / name).read_bytes()
            assert hashlib.sha256(data).hexdigest() == sha256
        assert agent.facts["evaluator calls"] == str(agent.calls)
        assert agent.learning_curve == []


def test_a_trained_agent_appears_with_the_curve_of_its_job(
    client: TestClient, tmp_path: Path
) -> None:
    service = service_of(client)
    answer = client.post("/v1/training-jobs", json={"config": {"preset": "cpu8"}})
    job = answer.json()["job"]["id"]
    lease = claim(service.queue)
    for calls in range(0, 1040, 2):
        service.queue.event(lease, "metrics", {"calls": calls, "hypervolume": calls / 2000})
    service.queue.event(lease, "metrics", {"calls": "no number"})
    manifest = json.loads((SHIPPED / "adder8-nangate45" / "manifest.json").read_text())
    data = json.dumps(manifest).encode()
    agent = service.store.record_agent(
        "mine",
        path=tmp_path / job / "agent",
        sha256=hashlib.sha256(data).hexdigest(),
        manifest=manifest,
    )
    listed = client.get("/v1/agents").json()["items"]
    assert [item["name"] for item in listed if not item["shipped"]] == ["mine"]
    detail = AgentDetail.model_validate(client.get(f"/v1/agents/{agent}").json())
    assert detail.card.startswith("# mine")
    curve = [point.calls for point in detail.learning_curve]
    assert (len(curve), curve[0], curve[-1]) == (500, 0, 1038)
    assert curve == sorted(curve)
    assert detail.learning_curve[-1].hypervolume == pytest.approx(0.519)


def test_asking_an_agent_is_a_job(client: TestClient) -> None:
    wanted = {"width": 8, "max_delay_ps": 450.0, "mode": "greedy"}
    answer = client.post("/v1/agents/adder8-nangate45/rollouts", json=wanted)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert (job["kind"], job["request"]["agent"]) == ("rollout", "adder8-nangate45")
    refused = client.post("/v1/agents/value/rollouts", json=wanted)
    assert refused.status_code == 422
    assert "does not walk" in refused.json()["detail"]
    for name in ("nobody", "..", "%2fetc"):
        unknown = client.post(f"/v1/agents/{name}/rollouts", json=wanted)
        assert unknown.status_code in (404, 405, 422), name
    assert client.get("/v1/agents/nobody").json()["type"] == "/problems/unknown-agent"
    other = client.post(
        "/v1/agents/value/rollouts", json={**wanted, "mode": "search", "agent": "x"}
    )
    assert other.status_code == 422


def test_cards_and_lists_load_no_heavy_package(edarl_home: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from starlette.testclient import TestClient
from edarl.service.app import create_app
from edarl.service.settings import ServiceSettings
settings = ServiceSettings(port=0, database={str(tmp_path / "edarl.db")!r})
with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
    assert client.get("/v1/agents").status_code == 200
    assert client.get("/v1/agents/value").status_code == 200
    assert client.get("/v1/fronts?width=8").status_code == 200
    assert client.post("/v1/designs", json={{"width": 8}}).status_code == 200
    assert client.post("/v1/training-jobs", json={{"config": {{}}}}).status_code == 202
    assert client.post("/v1/cells/layouts", json={{"cell": "NAND2"}}).status_code == 202
print([name for name in ("torch", "ray", "numba", "matplotlib", "ortools", "gymnasium")
       if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.strip() == "[]"
