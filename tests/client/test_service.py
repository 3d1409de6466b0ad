"""The client against the real service: what it asks for is what it gets."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from edarl.client import (
    Client,
    ConflictError,
    DesignRequest,
    ForbiddenError,
    JobCancelledError,
    KeyRefusedError,
    LayoutRequest,
    RefusedError,
    RolloutRequest,
    TrainingRequest,
    UnknownError,
)
from edarl.prefix.circuits import Circuit
from edarl.store import Store
from edarl.store.keys import create_key
from edarl.synthesis.prove import prove_verilog
from tests.client.conftest import live_service

KNOWN = DesignRequest(width=16, max_delay_ps=1500, effort="lookup")
"""Answered from what comes with edarl."""

UNKNOWN = DesignRequest(circuit="gray_to_binary", width=4, effort="lookup")
"""Nobody has it, but a lookup finds it in seconds."""


def test_a_known_design_comes_at_once_with_files_that_are_what_they_say(client: Client) -> None:
    answer = client.design(KNOWN)
    assert answer.met
    assert answer.job is None
    assert answer.etag
    design = answer.design
    assert design is not None
    assert (design.circuit, design.width, design.library) == ("adder", 16, "sky130")
    assert design.delay_ps <= 1.002 * 1500
    assert design.saving is not None
    assert design.saving.at_least <= design.saving.at_most < 1
    assert design == client.get_design(design.id)
    verilog = client.file(design, "verilog")
    assert prove_verilog(verilog.decode(), Circuit("adder", 16)).proven
    netlist = client.file(design, "netlist")
    assert hashlib.sha256(netlist).hexdigest() == design.file("netlist").sha256
    with zipfile.ZipFile(io.BytesIO(client.archive(design))) as archive:
        assert archive.testzip() is None
        contents = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert contents[design.file("verilog").name] == verilog
    assert contents[design.file("netlist").name] == netlist


def test_an_unknown_design_is_waited_for_and_known_afterwards(client: Client) -> None:
    begun = client.design(UNKNOWN, wait=False)
    assert begun.job is not None
    seen = [event for event in client.events(begun.job.id) if event.type == "status"]
    assert [event.data["status"] for event in seen][-1] == "done"
    assert len({event.id for event in seen}) == len(seen)
    looked_at = []
    job = client.wait(begun.job.id, timeout_s=120, on_progress=looked_at.append)
    assert job.status == "done"
    assert looked_at[-1] == job
    answer = client.finished_design(job)
    assert answer.met
    assert answer.design is not None
    assert answer.design.circuit == "gray_to_binary"
    assert client.design(UNKNOWN).design == answer.design
    assert client.log(job.id)
    assert job.id in [one.id for one in client.jobs(status="done", kind="design", page_size=1)]


def test_a_delay_that_nothing_meets_gives_the_fastest(client: Client) -> None:
    answer = client.design(
        DesignRequest(circuit="gray_to_binary", width=4, effort="lookup", max_delay_ps=1.0)
    )
    assert not answer.met
    assert answer.design is not None
    assert answer.design.delay_ps > 1.0


def test_the_same_key_gives_the_same_job_and_refuses_another_request(client: Client) -> None:
    request = DesignRequest(circuit="leading_zero_count", width=40, effort="thorough")
    jobs = [client.design(request, wait=False, idempotency_key="one").job for _ in range(2)]
    assert jobs[0] is not None
    assert jobs[1] is not None
    assert jobs[0].id == jobs[1].id
    with pytest.raises(ConflictError):
        client.design(request.model_copy(update={"seed": 5}), wait=False, idempotency_key="one")
    client.cancel(jobs[0].id)
    ended = client.wait(jobs[0].id, timeout_s=60)
    assert ended.status == "cancelled"
    with pytest.raises(JobCancelledError):
        client.finished_design(ended)


def test_a_front_comes_in_pages_with_its_baselines(client: Client) -> None:
    front = client.front(16, page_size=5)
    assert len(front.points) > 5
    assert [point.delay_ps for point in front.points] == sorted(
        point.delay_ps for point in front.points
    )
    assert len({point.id for point in front.points}) == len(front.points)
    assert front.regular
    savings = [point.saving for point in front.points if point.saving is not None]
    assert savings
    assert all(saving.at_least <= saving.at_most < 1 for saving in savings)
    assert client.get_design(front.points[0].id).delay_ps == front.points[0].delay_ps
    assert front.points == client.front(16).points


def test_a_training_is_followed_to_its_end(client: Client) -> None:
    config = {"method": "anneal", "width": 4, "budget_calls": 8, "targets_ps": [700.0]}
    job = client.train(TrainingRequest.model_validate({"config": config}))
    assert job.kind == "training"
    types = [event.type for event in client.events(job.id)]
    assert types
    assert client.wait(job.id).status == "done"
    assert job.id in [training.id for training in client.trainings()]


def test_rollouts_and_layouts_become_jobs(client: Client) -> None:
    agents = list(client.agents())
    assert agents
    assert client.agent(agents[0].id).document["card"]
    request = RolloutRequest(agent=agents[0].id, width=16, max_delay_ps=900, calls=5000)
    rollout = client.rollout(request)
    layout = client.layout(LayoutRequest(cell="NAND2"))
    for job, kind in ((rollout, "rollout"), (layout, "layout")):
        assert job.kind == kind
        assert client.cancel(job.id).id == job.id
        assert client.wait(job.id, timeout_s=60).is_final


def test_what_the_service_has(client: Client) -> None:
    assert "sky130" in [library["name"] for library in client.libraries()]
    assert "adder" in [circuit["kind"] for circuit in client.circuits()]
    assert client.readiness()["status"] == "ready"


def test_what_is_not_there_is_unknown(client: Client) -> None:
    for ask in (client.job, client.get_design, client.cancel, client.log):
        with pytest.raises(UnknownError):
            ask("0" * 32)
    with pytest.raises(RefusedError):
        client.job("../jobs")


def test_keys_are_asked_for_and_scopes_kept(tmp_path: Path, edarl_home: Path) -> None:
    with Store.open(tmp_path / "edarl.db") as store:
        _, reader = create_key(store, "r", ("read",))
        _, designer = create_key(store, "d", ("read", "design"), work_per_hour=1e6)
    with live_service(tmp_path, keys=True) as live:
        with Client(live.url) as nobody, pytest.raises(KeyRefusedError, match="EDARL_API_KEY"):
            nobody.design(KNOWN)
        with Client(live.url, api_key=reader) as client, pytest.raises(ForbiddenError):
            client.design(KNOWN)
        with Client(live.url, api_key=designer) as client:
            assert client.design(KNOWN).met
