"""Policies at work: walks that keep to the rules, budgets that are met, files that are checked."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from edarl.agents import DqnAgent, DqnConfig, load_value_model, task_info
from edarl.agents.card import Figures, model_card
from edarl.agents.chooser import Chooser
from edarl.agents.inference import (
    TrainedPolicy,
    greedy_rollout,
    proposals,
    sampled_rollouts,
)
from edarl.agents.judging import Judging, judge
from edarl.agents.shipped import (
    CARD_NAME,
    VALUE_MODEL,
    load_trained,
    shipped,
    shipped_path,
)
from edarl.envs.encoding import action_to_move, legal_actions
from edarl.errors import CheckpointError, ConfigError
from edarl.objectives import AreaAtTargets
from edarl.objectives.frame import Frame, measure_frame
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.analytical import AnalyticalEvaluator
from edarl.synthesis.cache import CachedEvaluator
from tests.agents.support import AREA_ONLY, SMALL, make


def frame_of(circuit: Circuit) -> Frame:
    return measure_frame(circuit, lambda _: AnalyticalEvaluator(), targets=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of an agent that has learnt that ripple has the fewest nodes."""
    env = make(width=5)
    config = DqnConfig(
        network=SMALL.network.model_copy(update={"blocks": 2, "channels": 8}),
        dreams=0,
        judge_steps=0,
        candidates=0,
        starts=("sklansky", "kogge_stone"),
        start_archive=0.0,
        episode_steps=6,
        epsilon_start=1.0,
        epsilon_end=0.3,
        warmup_steps=32,
        update_every=1,
        sync_every=20,
        learning_rate=3e-3,
    )
    agent = DqnAgent(config, task_info(env), seed=1)
    agent.learn(env, steps=180)
    path = tmp_path_factory.mktemp("policy") / "agent"
    agent.save(path)
    return path


@pytest.fixture(scope="module")
def chooser(trained: Path) -> Chooser:
    return TrainedPolicy.load(trained).on(frame_of(Circuit("adder", 5)), AREA_ONLY)


def assert_legal(walk: tuple[Design, ...], chooser: Chooser) -> None:
    for before, after in itertools.pairwise(walk):
        legal = np.flatnonzero(legal_actions(before.graph))
        assert after in {chooser.result(before, action) for action in legal.tolist()}


def test_a_greedy_walk_finds_what_the_agent_has_learnt(chooser: Chooser) -> None:
    for name in ("sklansky", "kogge_stone"):
        start = Design.of(structure(name, 5), Circuit("adder", 5))
        walk = greedy_rollout(chooser, start, None, 6)
        assert walk[0] == start
        assert len(walk) == 7
        assert_legal(walk, chooser)
        assert min(design.graph.size for design in walk) == structure("ripple", 5).size
        assert len(set(walk)) == len(walk)  # nowhere twice
        assert walk == greedy_rollout(chooser, start, None, 6)


def test_sampled_walks_follow_the_seed_and_the_temperature(chooser: Chooser) -> None:
    start = Design.of(structure("sklansky", 5), Circuit("adder", 5))

    def walks(seed: int, temperature: float) -> tuple[tuple[Design, ...], ...]:
        rng = np.random.default_rng(seed)
        return sampled_rollouts(chooser, start, None, 5, count=4, temperature=temperature, rng=rng)

    hot = walks(1, 100.0)
    for walk in hot:
        assert_legal(walk, chooser)
    assert hot == walks(1, 100.0)
    assert hot != walks(2, 100.0)
    cold = walks(1, 1e-6)
    assert set(cold) == {greedy_rollout(chooser, start, None, 5)}
    with pytest.raises(ConfigError, match="`temperature` should be above 0"):
        walks(1, 0.0)


@pytest.mark.parametrize("circuit", [Circuit("adder", 12), Circuit("incrementer", 7)])
def test_a_policy_serves_other_widths_and_circuits(trained: Path, circuit: Circuit) -> None:
    chooser = TrainedPolicy.load(trained).on(frame_of(circuit), AREA_ONLY)
    start = Design.of(structure("brent_kung", circuit.leaves), circuit)
    walk = greedy_rollout(chooser, start, None, 4)
    assert len(walk) == 5
    assert_legal(walk, chooser)


def test_what_a_policy_has_not_met_is_said(trained: Path) -> None:
    policy = TrainedPolicy.load(trained)
    frame = frame_of(Circuit("incrementer", 7))
    notes = policy.unfamiliar(frame, 100.0)
    assert "trained on a 5-bit adder, asked for a 7-bit incrementer" in notes
    assert any("another cell library" in note for note in notes)
    same = policy.unfamiliar(frame_of(Circuit("adder", 5)), 100.0)
    assert not any("trained on a 5-bit" in note for note in same)


def test_proposals_are_new_and_legal(chooser: Chooser) -> None:
    circuit = Circuit("adder", 5)
    designs = [Design.of(structure(name, 5), circuit) for name in ("sklansky", "kogge_stone")]
    proposed = proposals(chooser, designs, None, each=3)
    assert 3 <= len(proposed) <= 6
    assert not set(proposed) & set(designs)
    for design in proposed:
        assert any(
            design == chooser.result(before, action)
            for before in designs
            for action in np.flatnonzero(legal_actions(before.graph)).tolist()
        )


def test_a_walk_starts_at_a_design_of_its_circuit(chooser: Chooser) -> None:
    other = Design.of(structure("sklansky", 6), Circuit("adder", 6))
    with pytest.raises(ConfigError, match="should start at a design of"):
        greedy_rollout(chooser, other, None, 2)


# ---------------------------------------------------------------------- judging


def designs_of(count: int) -> list[Design]:
    graph = structure("sklansky", 6)
    found = [Design.of(graph, Circuit("adder", 6))]
    while len(found) < count:
        graph = graph.apply(action_to_move(int(np.flatnonzero(legal_actions(graph))[0]), 6))
        found.append(Design.of(graph, Circuit("adder", 6)))
    return found


def test_a_budget_of_calls_is_met_exactly_and_repeats_are_free() -> None:
    designs = designs_of(5)
    seen: list[Judging] = []
    found = judge(
        [*designs, *designs], AnalyticalEvaluator(), budget_calls=3, on_progress=seen.append
    )
    assert (found.calls, found.stopped_by) == (3, "budget")
    assert [design for design, _ in found.results] == designs
    assert [evaluation is None for _, evaluation in found.results] == [False] * 3 + [True] * 2
    assert [(each.calls, each.done, each.total) for each in seen] == [
        (1, 1, 5), (2, 2, 5), (3, 3, 5)
    ]  # fmt: skip
    whole = judge([*designs, *designs], AnalyticalEvaluator())
    assert (whole.calls, whole.stopped_by) == (5, "done")


def test_answers_from_a_cache_cost_nothing_and_somebody_may_stop() -> None:
    designs = designs_of(4)
    evaluator = CachedEvaluator(AnalyticalEvaluator(), None)
    evaluator.evaluate(designs[:3])
    found = judge(designs, evaluator, budget_calls=1)
    assert (found.calls, found.cache_hits, found.stopped_by) == (1, 3, "done")
    stopped = judge(designs, evaluator, should_stop=lambda: True)
    assert (stopped.calls, stopped.stopped_by) == (0, "asked")


# ------------------------------------------------------------------------ files


def test_a_policy_keeps_its_choices_without_replay(trained: Path, tmp_path: Path) -> None:
    policy = TrainedPolicy.load(trained)
    policy.save(tmp_path / "small", about={"method": "a test"})
    assert {path.name for path in (tmp_path / "small").iterdir()} == {
        "manifest.json",
        *(f"{name}.safetensors" for name in policy.arrays),
    }
    again = TrainedPolicy.load(tmp_path / "small")
    assert again.manifest.kind == "policy"
    frame = frame_of(Circuit("adder", 5))
    start = Design.of(structure("sklansky", 5), Circuit("adder", 5))
    walks = [greedy_rollout(each.on(frame, AREA_ONLY), start, None, 5) for each in (policy, again)]
    assert walks[0] == walks[1]
    card = model_card("small", again.manifest, [Figures("Counted.", [{"a": 1, "b": 0.5}])])
    for text in ("# small", "trained on: 5-bit adder", "method: a test", "| 1 | 0.50 |", "Apache"):
        assert text in card


def test_another_number_of_targets_or_another_kind_is_refused(trained: Path) -> None:
    policy = TrainedPolicy.load(trained)
    with pytest.raises(CheckpointError, match="should hold a value agent, actual kind: dqn"):
        load_value_model(trained)
    assert policy.targets is None
    assert isinstance(policy.on(frame_of(Circuit("adder", 5))).info.objective.names, tuple)
    assert not isinstance(policy.on(frame_of(Circuit("adder", 5))).info.objective, AreaAtTargets)


def test_every_shipped_agent_is_whole_and_has_a_card() -> None:
    assert VALUE_MODEL in shipped()
    for name in shipped():
        agent = load_trained(shipped_path(name), name)
        assert agent.shipped
        assert (agent.policy is None) != (agent.model is None)
        card = (agent.path / CARD_NAME).read_text()
        assert card.startswith(f"# {name}\n")
        for entry in agent.manifest.files.values():
            assert entry.sha256 in card
        assert sum(path.stat().st_size for path in agent.path.iterdir()) < 2e6


def test_damaged_shipped_weights_are_refused(tmp_path: Path) -> None:
    for name in shipped():
        copy = tmp_path / name
        shutil.copytree(shipped_path(name), copy)
        file = next(iter(sorted(copy.glob("*.safetensors"))))
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))
        with pytest.raises(CheckpointError, match="is damaged"):
            load_trained(copy)
    with pytest.raises(ConfigError, match=r"there is no shipped agent 'valu'; did you mean value"):
        shipped_path("valu")
