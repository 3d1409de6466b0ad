"""A guided run that begins with what the store knows: of its circuit, its family, or nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

from edarl.agents.value.foreteller import EnsembleForeteller
from edarl.errors import CheckpointError, ConfigError
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.structures import REGULAR
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunResult
from edarl.store import Store, earlier_evaluations
from edarl.synthesis.library import load_library

TARGETS_PS = (700.0, 850.0)


def settings(library: str, *overrides: str, **others: Any) -> RunConfig:
    usual = {
        "method": "guided",
        "width": 8,
        "library": library,
        "flow": "sized-quick",
        "targets_ps": TARGETS_PS,
        "budget_calls": 60,
        "seed": 3,
        "confirm": False,
    }
    return read_config(None, ["guided.candidates=8", *overrides], **{**usual, **others})


def executed(config: RunConfig, folder: Path, known: Path | None = None) -> RunResult:
    """Run with a store of its own, which begins as a copy of ``known``."""
    folder.mkdir()
    if known is not None:
        shutil.copyfile(known, folder / "edarl.db")
    with Store.open(folder / "edarl.db") as store:
        return Run(RunDirectory.create(config, folder / "run"), store=store).execute()


def found_of(result: RunResult) -> list[tuple[str, object, int]]:
    return [(entry.design.digest, entry.point, entry.calls) for entry in result.front]


@pytest.fixture(scope="module")
def known(osu018: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that an earlier guided run has left: 60 calls at two targets."""
    folder = tmp_path_factory.mktemp("earlier") / "first"
    assert executed(settings(osu018, seed=1), folder).calls == 60
    return folder / "edarl.db"


@pytest.fixture
def pretrained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Notes what models really learn from before a search: examples and gradient steps."""
    seen: list[tuple[int, int]] = []
    really = EnsembleForeteller.pretrain

    def pretrain(self: EnsembleForeteller, examples: Any, *, steps: int = 3000) -> float:
        seen.append((len(examples), steps))
        return really(self, examples, steps=steps)

    monkeypatch.setattr(EnsembleForeteller, "pretrain", pretrain)
    return seen


def test_a_second_run_begins_with_a_trained_model_and_repeats_exactly(
    osu018: str, known: Path, tmp_path: Path, pretrained: list[tuple[int, int]]
) -> None:
    config = settings(osu018, "guided.earlier=circuit")
    one = executed(config, tmp_path / "one", known)
    assert pretrained == [(60, 360)]  # once, for both targets
    other = executed(config, tmp_path / "other", known)
    assert found_of(one) == found_of(other)
    assert (one.calls, one.earlier_calls) == (60, 60)
    anew = executed(settings(osu018), tmp_path / "anew", known)
    assert (anew.calls, anew.earlier_calls) == (60, 0)
    assert len(pretrained) == 2
    lines = (tmp_path / "one" / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["earlier_calls"] == 60


def test_a_curve_of_several_targets_is_used_at_each_of_them(
    osu018: str, tmp_path: Path, pretrained: list[tuple[int, int]]
) -> None:
    agent = {"network": {"blocks": 1, "channels": 4}, "dreams": 4, "candidates": 4}
    taught = settings(
        osu018, method="agent", targets_ps=(700.0, 800.0, 900.0), budget_calls=36, dqn=agent
    )
    assert executed(taught, tmp_path / "agent").calls == 36
    file = tmp_path / "agent" / "edarl.db"
    result = executed(
        settings(osu018, "guided.earlier=circuit", targets_ps=(800.0,), budget_calls=25),
        tmp_path / "guided",
        file,
    )
    assert result.earlier_calls == 36
    assert pretrained == [(36, 216)]


def test_the_best_earlier_designs_are_guests_and_cost_a_call_when_they_are_chosen(
    osu018: str, known: Path, tmp_path: Path
) -> None:
    with Store.open(known) as store:
        adder = settings(osu018).problem()
        library = load_library(osu018)
        recorded = earlier_evaluations(
            store, adder, library.digest, library.constraint(), ["sized-quick"], most=1000
        )
    config = settings(osu018, "guided.earlier=circuit", "guided.earlier_guests=5", seed=8)
    result = executed(config, tmp_path / "one", known)
    state = json.loads((tmp_path / "one" / "run" / "state.json").read_text())
    guests = state["method"]["earlier"]["guests"]
    assert [len(each) for each in guests] == [5, 5]
    for target, found in zip(TARGETS_PS, guests, strict=True):
        costs = {
            (design.graph.text, f"{design.or_bits:x}"): iso_delay_cost(evaluation, target)
            for design, evaluation in recorded
        }
        assert sorted(costs.values())[:5] == [costs[tuple(each)] for each in found]
        entry = min(
            (found for found in result.front if found.point.meets(target)),
            key=lambda found: found.point.area_um2,
        )
        assert entry.point.area_um2 <= min(costs.values())
    assert result.calls == 60
    alone = executed(
        settings(osu018, "guided.earlier=circuit", "guided.earlier_guests=0", seed=8),
        tmp_path / "alone",
        known,
    )
    assert found_of(alone) != found_of(result)


def test_guests_have_the_p_mode_that_the_run_is_of(
    osu018: str, known: Path, tmp_path: Path
) -> None:
    config = settings(osu018, "guided.earlier=circuit", p_mode="xor", budget_calls=30)
    executed(config, tmp_path / "one", known)
    state = json.loads((tmp_path / "one" / "run" / "state.json").read_text())
    for found in state["method"]["earlier"]["guests"]:
        assert found
        assert {p_modes for _, p_modes in found} == {"0"}


@pytest.mark.parametrize(
    "damaged", [{"calls": -1, "guests": []}, {"calls": 1}, {"calls": 1, "guests": [[["x", "0"]]]}]
)
def test_a_damaged_record_of_the_beginning_is_refused(
    osu018: str, known: Path, tmp_path: Path, damaged: dict[str, Any]
) -> None:
    executed(settings(osu018, "guided.earlier=circuit", budget_calls=30), tmp_path / "one", known)
    file = tmp_path / "one" / "run" / "state.json"
    state = json.loads(file.read_text())
    state["method"]["earlier"] = damaged
    file.write_text(json.dumps(state))
    with pytest.raises(CheckpointError, match=r"record of what a search began with|list of guests"):
        Run(RunDirectory.open(file.parent)).execute()


def test_the_calls_are_limited_and_the_regular_structures_come_first(
    osu018: str, known: Path, tmp_path: Path, pretrained: list[tuple[int, int]]
) -> None:
    config = settings(osu018, "guided.earlier=circuit", "guided.earlier_calls=21", budget_calls=40)
    result = executed(config, tmp_path / "one", known)
    assert 19 < result.earlier_calls <= 21
    assert len(REGULAR) < 21
    assert pretrained == [(result.earlier_calls, 6 * result.earlier_calls)]


def test_other_widths_are_of_the_family_and_not_of_the_circuit(
    osu018: str, known: Path, tmp_path: Path, pretrained: list[tuple[int, int]]
) -> None:
    def at_9_bits(earlier: str) -> RunResult:
        return executed(
            settings(osu018, f"guided.earlier={earlier}", width=9, budget_calls=40),
            tmp_path / earlier,
            known,
        )

    assert at_9_bits("circuit").earlier_calls == 0
    assert pretrained == []
    assert at_9_bits("family").earlier_calls == 60
    assert pretrained == [(60, 360)]


def test_a_given_model_learns_on_from_the_store(osu018: str, known: Path, tmp_path: Path) -> None:
    model = known.parent / "run" / "model"
    both = settings(osu018, f"guided.model={model}", "guided.earlier=circuit")
    alone = settings(osu018, f"guided.model={model}")
    assert executed(both, tmp_path / "both", known).earlier_calls == 60
    assert executed(alone, tmp_path / "alone", known).earlier_calls == 0


def test_an_interrupted_run_goes_on_with_what_it_began_with(
    osu018: str, known: Path, tmp_path: Path, pretrained: list[tuple[int, int]]
) -> None:
    config = settings(osu018, "guided.earlier=circuit", checkpoint_s=1e-6)
    whole = executed(config, tmp_path / "whole", known)
    shutil.copyfile(known, tmp_path / "edarl.db")
    with Store.open(tmp_path / "edarl.db") as store:
        directory = RunDirectory.create(config, tmp_path / "cut")
        run = Run(directory, store=store, should_stop=lambda: run.calls >= 45)
        assert run.execute().stopped_by == "asked"
        resumed = Run(RunDirectory.open(directory.path), store=store).execute()
    assert found_of(resumed) == found_of(whole)
    assert (resumed.calls, resumed.earlier_calls) == (60, 60)
    assert len(pretrained) == 2


def test_without_a_store_or_with_an_empty_one_a_run_begins_anew(
    osu018: str, tmp_path: Path
) -> None:
    config = settings(osu018, "guided.earlier=circuit", budget_calls=40)
    empty = executed(config, tmp_path / "empty")
    none = Run(RunDirectory.create(config, tmp_path / "none")).execute()
    anew = executed(settings(osu018, budget_calls=40), tmp_path / "anew")
    assert found_of(empty) == found_of(none) == found_of(anew)
    assert empty.earlier_calls == none.earlier_calls == 0


def test_settings_that_cannot_be_are_refused(osu018: str) -> None:
    with pytest.raises(ConfigError, match=r"guided\.earlier: .*actual value: 'circiut'; did you"):
        settings(osu018, "guided.earlier=circiut")
    with pytest.raises(ConfigError, match=r"guided\.earlier_calls: .*actual value: 0"):
        settings(osu018, "guided.earlier_calls=0")
