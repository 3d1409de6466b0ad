"""What an agent of a run begins with: annealing, the store's designs, weights of another one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

from edarl.agents.checkpoint import Manifest, load_checkpoint, read_manifest
from edarl.errors import CheckpointError
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunProgress, RunResult
from edarl.store import Store
from edarl.synthesis.spec import EvaluatorSpec

AGENT: dict[str, Any] = {
    "network": {"blocks": 1, "channels": 4},
    "warmup_steps": 8,
    "batch_size": 8,
    "candidates": 6,
    "dreams": 6,
    "judge_hidden": 8,
    "episode_steps": 3,
}


def settings(library: str, *, dqn: dict[str, Any] | None = None, **others: Any) -> RunConfig:
    usual = {
        "method": "agent",
        "width": 8,
        "library": library,
        "flow": "sized-quick",
        "targets_ps": (700.0, 900.0),
        "budget_calls": 60,
        "seed": 5,
        "confirm": False,
    }
    return read_config(**{**usual, **others}, dqn=AGENT | (dqn or {}))


def executed(config: RunConfig, folder: Path, **options: Any) -> RunResult:
    return Run(RunDirectory.create(config, folder), **options).execute()


def manifest_of(agent: Path) -> Manifest:
    return read_manifest((agent / "manifest.json").read_text())


def trained(folder: Path) -> dict[str, Any]:
    """The state of a run's saved agent."""
    return dict(manifest_of(folder / "agent").state)


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# ---------------------------------------------------------------------- annealing first


def test_a_warm_start_is_part_of_the_budget_and_is_reported(osu018: str, tmp_path: Path) -> None:
    config = settings(osu018, dqn={"warm_start_calls": 40})
    result = executed(config, tmp_path / "run")
    assert result.calls == config.budget_calls
    assert metrics(tmp_path / "run")[-1]["warm_calls"] == 40
    state = trained(tmp_path / "run")
    assert state["counters"]["calls"] == config.budget_calls
    walked = state["counters"]["step"] + state["counters"]["episode"]
    assert 0 < walked <= config.budget_calls - 40 + result.cache_hits
    assert len(state["archive"]) > 30


def test_a_warm_start_alone_leaves_its_walk_to_the_agent(osu018: str, tmp_path: Path) -> None:
    """All of the budget is annealing's: the replay holds its moves, the agent made none."""
    config = settings(osu018, dqn={"warm_start_calls": 60})
    executed(config, tmp_path / "run")
    state = trained(tmp_path / "run")
    assert (state["counters"]["step"], state["counters"]["calls"]) == (0, 60)
    actions = load_checkpoint(tmp_path / "run" / "agent", "dqn").tensors["replay"]["actions"]
    assert (actions >= 0).sum() >= 15
    assert state["fits"] > 30


def test_a_warm_start_that_is_stopped_goes_on(osu018: str, tmp_path: Path) -> None:
    config = settings(osu018, dqn={"warm_start_calls": 40})
    undisturbed = executed(config, tmp_path / "undisturbed")
    directory = RunDirectory.create(config, tmp_path / "stopped")
    run = Run(directory, should_stop=lambda: run.calls >= 27)
    assert run.execute().stopped_by == "asked"
    stopped = directory.read("state.json")["method"]["warm"]
    assert (stopped["target"], stopped["calls"]) == (1, 27)

    result = Run(RunDirectory.open(directory.path)).execute()
    assert result.calls == undisturbed.calls == config.budget_calls
    assert metrics(directory.path)[-1]["warm_calls"] == 40
    known = set(trained(tmp_path / "undisturbed")["archive"][:30])
    assert known <= set(trained(directory.path)["archive"])


def test_a_damaged_warm_start_is_refused(osu018: str, tmp_path: Path) -> None:
    config = settings(osu018, dqn={"warm_start_calls": 40})
    directory = RunDirectory.create(config, tmp_path / "run")
    run = Run(directory, should_stop=lambda: run.calls >= 5)
    run.execute()
    state = directory.read("state.json")
    state["method"]["warm"]["target"] = "first"
    directory.write("state.json", state)
    with pytest.raises(CheckpointError, match="the saved warm start is damaged"):
        Run(RunDirectory.open(directory.path)).execute()


# ---------------------------------------------------------------------- the store's designs


def test_an_agent_starts_from_the_store(osu018: str, tmp_path: Path) -> None:
    config = settings(osu018, dqn={"known_starts": 3})
    spec = EvaluatorSpec(osu018, (700.0,), flow="sized-quick")
    known = [
        Design.of(structure(name, 8), config.problem(), "or")
        for name in ("kogge_stone", "brent_kung", "han_carlson")
    ]
    with Store.open(tmp_path / "edarl.db") as store:
        evaluator = spec.build()
        evaluations = list(zip(known, evaluator.evaluate(known), strict=True))
        evaluator.close()
        store.record_evaluations(evaluations, library_name="osu018")
        best = store.starts(config.problem(), 3)
        executed(config, tmp_path / "run", store=store)
    assert best
    taken = {f"{design.p_mode} {design.graph.text}" for design in best}
    state = trained(tmp_path / "run")
    assert set(state["known"]) == taken
    assert taken <= set(state["archive"])
    assert metrics(tmp_path / "run")[-1]["agent/known_starts"] == len(best)


def test_without_a_store_there_are_no_known_starts(osu018: str, tmp_path: Path) -> None:
    executed(settings(osu018, dqn={"known_starts": 3}, budget_calls=12), tmp_path / "run")
    assert trained(tmp_path / "run")["known"] == []


# ---------------------------------------------------------------------- weights of another


@pytest.fixture(scope="module")
def at_8_bits(osu018: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    executed(settings(osu018, budget_calls=80), folder)
    return folder / "agent"


def test_weights_go_from_8_to_12_bits(osu018: str, at_8_bits: Path, tmp_path: Path) -> None:
    begun = settings(
        osu018, width=12, targets_ps=(), targets=2, budget_calls=1, dqn={"weights": at_8_bits}
    )
    executed(begun, tmp_path / "begun")
    before, after = (
        load_checkpoint(folder, "dqn").tensors for folder in (at_8_bits, tmp_path / "begun/agent")
    )
    for name, array in before["online"].items():
        assert np.array_equal(array, after["online"][name])
        assert np.array_equal(array, after["target"][name])
    assert all(not moments.any() for moments in after["optimizer"].values())
    circuit = manifest_of(tmp_path / "begun/agent").circuit
    assert circuit is not None
    assert circuit.width == 12
    assert len(after["replay"]["actions"]) <= 2
    assert "weights" not in manifest_of(tmp_path / "begun/agent").config

    learnt = settings(
        osu018, width=12, targets_ps=(), targets=2, budget_calls=60, dqn={"weights": at_8_bits}
    )
    result = executed(learnt, tmp_path / "learnt")
    assert result.calls == 60
    assert trained(tmp_path / "learnt")["updates"] > trained(at_8_bits.parent)["updates"]


def test_an_agent_with_weights_can_be_continued_before_it_has_learned(
    osu018: str, at_8_bits: Path, tmp_path: Path
) -> None:
    config = settings(osu018, dqn={"weights": at_8_bits})
    directory = RunDirectory.create(config, tmp_path / "run")
    run = Run(directory, should_stop=lambda: run.calls >= 3)
    assert run.execute().stopped_by == "asked"
    assert Run(RunDirectory.open(directory.path)).execute().calls == config.budget_calls


@pytest.mark.parametrize(
    ("dqn", "said"),
    [
        ({"planes": "prefixrl"}, "planes 4, actual 14"),
        ({"network": {"blocks": 2, "channels": 4}}, "network blocks=2 .*, actual blocks=1"),
        ({"judge_hidden": 16}, "judge units 16, actual 8"),
    ],
)
def test_weights_of_another_shape_are_refused(
    osu018: str, at_8_bits: Path, tmp_path: Path, dqn: dict[str, Any], said: str
) -> None:
    config = settings(osu018, dqn={"weights": at_8_bits, **dqn})
    with pytest.raises(CheckpointError, match=f"are not for this agent: expected {said}"):
        executed(config, tmp_path / "run")


def test_weights_that_value_something_else_are_refused(
    osu018: str, at_8_bits: Path, tmp_path: Path
) -> None:
    config = settings(osu018, objective="prefixrl", dqn={"weights": at_8_bits})
    with pytest.raises(CheckpointError, match="last component delay, actual best_delay"):
        executed(config, tmp_path / "run")


# ---------------------------------------------------------------------- PrefixRL's own


def test_the_published_agent_trains_when_its_network_is_shrunk(osu018: str, tmp_path: Path) -> None:
    """Everything as published but the size: it learns, from curves of four targets."""
    small = {
        "network": {"blocks": 2, "channels": 4},
        "warmup_steps": 8,
        "episode_steps": 8,
        "replay_capacity": 100,
    }
    config = read_config(
        preset="prefixrl",
        width=8,
        library=osu018,
        flow="sized-quick",
        budget_calls=240,
        seed=1,
        confirm=False,
        dqn=small,
    )
    result = executed(config, tmp_path / "run")
    assert result.calls == 240
    assert len(result.frame.targets_ps) == 4
    manifest = manifest_of(tmp_path / "run" / "agent")
    state = trained(tmp_path / "run")
    assert state["components"] == ["area", "delay"]
    assert manifest.network.components == 2
    assert state["counters"]["step"] > 40
    assert state["updates"] > 30
    assert state["fits"] == 0
    designs = set(state["archive"])
    assert {f"xor {structure(name, 8).text}" for name in ("ripple", "sklansky")} <= designs
    stem = load_checkpoint(tmp_path / "run" / "agent", "dqn").tensors["online"]["trunk.stem.weight"]
    assert stem.shape == (4, 4, 5, 5)


def test_prefixrl_judges_graphs_by_the_better_p_mode_where_both_are_allowed(
    osu018: str, tmp_path: Path
) -> None:
    config = settings(
        osu018, objective="prefixrl", w_area=0.2, budget_calls=40, p_mode="best",
        dqn={"reward": "difference", "candidates": 0, "dreams": 0},
    )  # fmt: skip
    seen: list[RunProgress] = []
    result = executed(config, tmp_path / "run", on_progress=seen.append)
    assert result.calls == 40
    assert {found.design.p_mode for found in result.front} == {"xor", "or"}
    assert all(text.startswith("xor ") for text in trained(tmp_path / "run")["archive"])
