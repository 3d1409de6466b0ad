"""Runs of method guided: one model for all targets, exact budgets, and resuming after a kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edarl.errors import CheckpointError, ConfigError
from edarl.objectives.fronts import areas_at
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunResult
from edarl.store import Store
from edarl.synthesis.library import load_library
from tests.cli.processes import wait_until
from tests.runs.test_resume import EXECUTE

TARGETS_PS = (700.0, 800.0, 900.0)


def settings(*overrides: str, **others: object) -> RunConfig:
    return read_config(
        None,
        ["guided.candidates=8", "guided.walkers=3", *overrides],
        **{
            "method": "guided",
            "width": 8,
            "library": "osu018",
            "flow": "sized",
            "targets_ps": TARGETS_PS,
            "budget_calls": 100,
            "seed": 11,
            "confirm": False,
            **others,
        },
    )


def found(result: RunResult) -> list[tuple[str, object, int]]:
    return [(entry.design.digest, entry.point, entry.calls) for entry in result.front]


class NotingDirectory(RunDirectory):
    """A run's folder that remembers what the searchers said of themselves at every save."""

    states: list[dict[str, Any]]

    def write(self, name: str, data: Any) -> None:
        super().write(name, data)
        if name == "state.json" and "searcher" in data["method"]:
            self.states.append(data["method"])


def foreteller_states(folder: Path, config: RunConfig) -> list[dict[str, Any]]:
    """Run, and give the state of every save; how fast the machine is makes no difference."""
    NotingDirectory.states = []
    Run(NotingDirectory.create(config, folder)).execute()
    return NotingDirectory.states


@pytest.fixture(scope="module")
def undisturbed(osu018: str, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run to its end, without confirming."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return Run(RunDirectory.create(settings(), folder)).execute()


def test_the_budget_is_exact_and_every_target_is_met_with_less_area(
    undisturbed: RunResult,
) -> None:
    assert undisturbed.calls == 100
    assert undisturbed.stopped_by == "budget"
    regular = areas_at(undisturbed.frame.regular_front(), TARGETS_PS)
    areas = areas_at([entry.point for entry in undisturbed.front], TARGETS_PS)
    for one, other in zip(areas, regular, strict=True):
        assert one is not None
        assert other is not None
        assert one < other


def test_a_killed_run_goes_on_to_the_same_front(undisturbed: RunResult, tmp_path: Path) -> None:
    directory = RunDirectory.create(settings(checkpoint_s=0.01), tmp_path / "killed")
    metrics = directory.path / "metrics.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", EXECUTE, str(directory.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def is_past_the_first_target() -> bool:
        return metrics.exists() and directory.read("state.json")["method"].get("target", 0) > 0

    wait_until(is_past_the_first_target, process)
    process.kill()
    process.communicate()
    assert 33 <= directory.read("state.json")["calls"] < 100
    resumed = Run(RunDirectory.open(directory.path)).execute()
    assert found(resumed) == found(undisturbed)
    assert resumed.calls == undisturbed.calls


def test_the_front_is_confirmed_and_stored_for_the_run(osu018: str, tmp_path: Path) -> None:
    config = settings(confirm=True, targets_ps=(750.0,), budget_calls=30, workers=2)
    with Store.open(tmp_path / "edarl.db") as store:
        result = Run(RunDirectory.create(config, tmp_path / "run"), store=store).execute()
        assert result.confirmed
        assert all(entry.proof.proven for entry in result.confirmed)
        (run,) = [run for run in store.runs() if run.method == "guided"]
        assert (run.calls, run.status) == (30, "finished")
        library = load_library(osu018)
        front = store.front(config.problem(), library.digest, library.constraint())
        assert {entry.sha256 for entry in result.confirmed} >= {p.netlist_sha256 for p in front}


def test_each_target_begins_with_the_model_and_the_designs_of_the_one_before(
    osu018: str, tmp_path: Path
) -> None:
    states = foreteller_states(tmp_path / "run", settings(checkpoint_s=1e-6))
    own = {state["target"]: state["searcher"]["own"] for state in states}
    assert own.keys() == {0, 1, 2}
    assert [bool(own[target]["guests"]) for target in range(3)] == [False, True, True]
    digests = {tuple(design) for design, _ in own[0]["population"]}
    assert {tuple(design) for design in own[1]["guests"]} == digests


def test_without_guests_or_a_model_the_targets_are_searched_apart(
    osu018: str, tmp_path: Path
) -> None:
    config = settings("guided.choose=random", "guided.guests=false", checkpoint_s=1e-6)
    states = foreteller_states(tmp_path / "run", config)
    assert {state["target"] for state in states} == {0, 1, 2}
    for state in states:
        own = state["searcher"]["own"]
        assert own["guests"] == []
        assert own["foreteller"] is None


def test_other_circuits_are_searched_too(osu018: str, tmp_path: Path) -> None:
    config = settings(circuit="priority_encoder", targets_ps=(400.0,), budget_calls=25)
    result = Run(RunDirectory.create(config, tmp_path / "run")).execute()
    assert result.calls == 25


def test_a_run_begins_with_the_model_of_another_width(osu018: str, tmp_path: Path) -> None:
    config = settings("guided.members=3", targets_ps=(800.0,), budget_calls=30)
    Run(RunDirectory.create(config, tmp_path / "first")).execute()
    model = tmp_path / "first" / "model"
    states = foreteller_states(
        tmp_path / "second",
        settings(f"guided.model={model}", width=10, budget_calls=60, checkpoint_s=1e-6),
    )
    saved = states[0]["searcher"]["own"]["foreteller"]
    assert saved["options"]["members"] == 3
    with pytest.raises(CheckpointError, match="nowhere"):
        Run(
            RunDirectory.create(
                settings(f"guided.model={tmp_path / 'nowhere'}"), tmp_path / "third"
            )
        ).execute()


def test_a_convolution_guides_and_begins_a_run_at_another_width(
    osu018: str, tmp_path: Path
) -> None:
    small = ["guided.steps=1", "guided.batch_size=4", "guided.hidden=8"]
    config = settings("guided.kind=convolution", *small, targets_ps=(700.0, 800.0), budget_calls=50)
    result = Run(RunDirectory.create(config, tmp_path / "first")).execute()
    assert result.calls == 50
    model = tmp_path / "first" / "model"
    states = foreteller_states(
        tmp_path / "second",
        settings(
            f"guided.model={model}",
            *small,
            width=9,
            targets_ps=(800.0,),
            budget_calls=25,
            checkpoint_s=1e-6,
        ),
    )
    saved = states[-1]["searcher"]["own"]["foreteller"]
    assert saved["options"]["kind"] == "convolution"


# ---------------------------------------------------------------- settings


def test_the_table_of_settings_becomes_the_searchers_options() -> None:
    config = settings("guided.choose=mean", "guided.batch=4", "guided.share_of_walkers=0.2")
    options = config.guided.options(500)
    assert (options.candidates, options.choose, options.batch) == (8, "mean", 4)
    assert (options.share_of_walkers, options.walkers, options.evaluations) == (0.2, 3, 500)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("guided.candidats=3", "guided.candidats: there is no such setting; did you mean candid"),
        ("guided.choose=median", "guided.choose: .*actual value: 'median'"),
        ("guided.population=1", "guided.population: .*greater than or equal to 2"),
    ],
)
def test_settings_out_of_range_are_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(override)
