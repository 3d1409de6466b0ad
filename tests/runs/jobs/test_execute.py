"""Jobs are done in this process: what comes of each kind, and how it stops."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edarl.errors import ConfigError, LibraryError
from edarl.metrics import TOLERANCE
from edarl.prefix.circuits import Circuit
from edarl.runs import answering
from edarl.runs.jobs.execute import JobCancelledError, JobContext, execute_job
from edarl.store import Store
from edarl.store.known import known_store
from edarl.store.lookup import searched_effort, served_design
from edarl.synthesis.library import load_library


class Told:
    """A job's context that keeps what it is told."""

    def __init__(self, store: Store, known: Store, folder: Path) -> None:
        self.progress: list[Mapping[str, Any]] = []
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.stop_after: int | None = None
        self.context = JobContext(
            store=store,
            known=known,
            folder=folder,
            on_progress=self.progress.append,
            on_event=lambda type_, data: self.events.append((type_, data)),
            should_stop=self.is_over,
        )

    def is_over(self) -> bool:
        return self.stop_after is not None and len(self.progress) >= self.stop_after


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with known_store() as known, Store.open(tmp_path / "edarl.db") as store:
        yield Told(store, known, tmp_path / "job")


def test_a_design_is_found_proven_stored_and_its_effort_noted(told: Told) -> None:
    request = {"width": 8, "max_delay_ps": 900.0, "effort": "lookup"}
    outcome = execute_job("design", request, told.context)
    result = outcome.result
    assert outcome.status == "done"
    assert result["met"] is True
    assert result["proven"] is True
    assert result["delay_ps"] <= TOLERANCE * 900
    assert result["store_version"] == told.context.store.version()
    served = served_design(told.context.store, result["design_id"])
    assert served is not None
    assert (served.area_um2, served.delay_ps) == (result["area_um2"], result["delay_ps"])
    library = load_library("sky130")
    setting = (Circuit("adder", 8), library.digest, library.constraint())
    assert searched_effort(told.context.store, *setting, max_delay_ps=900.0) == "lookup"
    assert searched_effort(told.context.store, *setting, max_delay_ps=800.0) is None
    json.dumps(result, allow_nan=False)


def test_an_impossible_delay_ends_with_the_fastest_there_is(told: Told) -> None:
    request = {"width": 8, "max_delay_ps": 5.0, "effort": "lookup"}
    outcome = execute_job("design", request, told.context)
    assert outcome.status == "not_met"
    assert outcome.result["design_id"] is None
    assert served_design(told.context.store, outcome.result["fastest_id"]) is not None


def test_a_weight_trades_area_for_delay(told: Told) -> None:
    found = {
        weight: execute_job(
            "design", {"width": 6, "weight": weight, "effort": "lookup"}, told.context
        ).result
        for weight in (0.0, 0.5, 1.0)
    }
    areas = [found[weight]["area_um2"] for weight in (0.0, 0.5, 1.0)]
    delays = [found[weight]["delay_ps"] for weight in (0.0, 0.5, 1.0)]
    assert areas == sorted(areas, reverse=True)
    assert delays == sorted(delays)
    assert areas[0] > areas[2]
    middle = found[0.5]["balance"]
    for other in (0.0, 1.0):
        value = 0.5 * found[other]["area_um2"] / middle["area_um2"]
        value += 0.5 * found[other]["delay_ps"] / middle["delay_ps"]
        assert middle["value"] <= value + 1e-9


def test_another_circuit_than_an_adder_is_searched_with_the_model_too(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(answering._CALLS, "quick", 40)
    monkeypatch.setitem(answering._AGENT_CALLS, "quick", 25)
    request = {"circuit": "incrementer", "width": 4, "max_delay_ps": 300.0}
    outcome = execute_job("design", request, told.context)
    assert outcome.result["proven"] is True
    assert outcome.result["area_um2"] <= (outcome.result["regular_area_um2"] or float("inf"))
    assert any(each["total"] == 25 for each in told.progress)  # the guided search's calls


def test_a_search_that_is_told_to_stop_ends_as_cancelled(told: Told) -> None:
    told.stop_after = 2
    request = {"width": 6, "load_ff": 9.5, "max_delay_ps": 900.0, "effort": "thorough"}
    with pytest.raises(JobCancelledError):
        execute_job("design", request, told.context)
    assert len(told.progress) < 20


def test_a_training_goes_on_where_a_stopped_one_stood(told: Told) -> None:
    config = {
        "method": "anneal", "width": 5, "budget_calls": 200, "targets": 2,
        "flow": "sized-quick", "confirm": False, "checkpoint_s": 0.001,
    }  # fmt: skip
    told.stop_after = 3
    with pytest.raises(JobCancelledError):
        execute_job("training", {"config": config}, told.context)
    assert list((told.context.folder / "snapshots").glob("*/sums.json"))
    told.stop_after = None
    outcome = execute_job("training", {"config": config}, told.context)
    assert outcome.status == "done"
    assert outcome.result["calls"] == 200
    messages = [data["message"] for type_, data in told.events if type_ == "log"]
    assert any("goes on from snapshot" in message for message in messages)
    calls = [data["calls"] for type_, data in told.events if type_ == "metrics"]
    assert calls == sorted(calls)
    assert calls[-1] == 200


def test_an_agent_is_asked_and_what_it_found_is_stored(told: Told, sky130: str) -> None:
    request = {
        "agent": "value", "width": 4, "library": sky130, "max_delay_ps": 500.0, "calls": 12,
        "flow": "sized-quick",
    }  # fmt: skip
    outcome = execute_job("rollout", request, told.context)
    assert outcome.result["calls"] <= 12
    assert outcome.result["best"]
    assert told.context.store.counts()["evaluations"] > 0


@pytest.mark.parametrize(
    ("kind", "request_", "error"),
    [
        ("design", {"width": 8, "library": "nowhere"}, LibraryError),
        ("design", {"width": 0}, ConfigError),
        ("rollout", {"agent": "nobody", "width": 8, "max_delay_ps": 500.0}, ConfigError),
    ],
)
def test_what_cannot_be_done_is_an_error(
    told: Told, kind: str, request_: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        execute_job(kind, request_, told.context)
