"""Actors and a learner as plain objects: lumps of the budget, masks, repeatable without Ray."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `agents`")

from edarl.agents.sharing import Experience
from edarl.envs.encoding import legal_actions
from edarl.errors import IllegalMoveError
from edarl.objectives.frame import Frame
from edarl.runs.config import RunConfig, read_config
from edarl.runs.loop import Actor, Learner
from edarl.runs.problem import run_frame


@pytest.fixture(scope="module")
def config(osu018: str) -> RunConfig:
    return read_config(
        method="agent",
        width=8,
        library=osu018,
        flow="sized-quick",
        targets_ps=(700.0, 900.0),
        budget_calls=64,
        seed=5,
        dqn={
            "network": {"blocks": 1, "channels": 4},
            "warmup_steps": 8,
            "batch_size": 8,
            "candidates": 6,
            "dreams": 6,
            "judge_hidden": 8,
            "episode_steps": 3,
        },
    )


@pytest.fixture(scope="module")
def frame(config: RunConfig) -> Frame:
    return run_frame(config)


def trained(
    config: RunConfig, frame: Frame, folder: Path, lumps: int = 6, lump: int = 7
) -> tuple[Learner, list[Experience], int]:
    """Let two actors and a learner take turns; give learner, experiences and calls."""
    actors = [Actor(config, frame, number=number) for number in range(2)]
    learner = Learner(config, actors[0].agent.info, folder, library="", resume=False)
    everything: list[Experience] = []
    calls = 0
    news: list[list[Experience]] = [[], []]
    for turn in range(lumps):
        actor, other = actors[turn % 2], 1 - turn % 2
        batch, met = actor.roll_out(lump, policy=learner.policy(), memory=None, news=news[turn % 2])
        assert batch.calls == lump
        assert batch.calls == sum(evaluation.calls for _, evaluation in batch.evaluations)
        news[turn % 2] = []
        news[other] += met
        learner.absorb(met)
        everything += met
        calls += batch.calls
    for actor in actors:
        actor.close()
    return learner, everything, calls


def test_lumps_are_met_exactly_and_the_learner_counts_the_same(
    config: RunConfig, frame: Frame, tmp_path: Path
) -> None:
    learner, met, calls = trained(config, frame, tmp_path / "agent")
    assert learner.agent.counters.calls == calls == 42
    assert learner.agent.counters.step == sum(entry.kind == "move" for entry in met) > 0
    assert learner.agent.learner.updates > 0


def test_the_same_turns_give_the_same_agent(
    config: RunConfig, frame: Frame, tmp_path: Path
) -> None:
    first, met, _ = trained(config, frame, tmp_path / "first")
    second, met_again, _ = trained(config, frame, tmp_path / "second")
    assert [entry.design for entry in met] == [entry.design for entry in met_again]
    for name, array in first.policy().online.items():
        np.testing.assert_array_equal(array, second.policy().online[name])


def test_actors_know_what_the_others_met(config: RunConfig, frame: Frame) -> None:
    actors = [Actor(config, frame, number=number) for number in range(2)]
    _, met = actors[0].roll_out(9)
    batch, met_then = actors[1].roll_out(9, news=met)
    known = {(entry.design, entry.target_ps) for entry in met}
    assert not [
        entry
        for entry in met_then
        if entry.kind == "move"
        and (entry.design, entry.target_ps) in known
        and entry.evaluation is not None
        and entry.evaluation.calls
    ]
    assert batch.actor == 1
    assert {entry.design for entry in met} <= set(actors[1].agent.archive.designs())


def test_actors_of_different_number_or_life_walk_differently(
    config: RunConfig, frame: Frame
) -> None:
    walks = []
    for number, life in ((0, 0), (1, 0), (0, 1), (0, 0)):
        _, met = Actor(config, frame, number=number, life=life).roll_out(8)
        walks.append([(entry.design, entry.target_ps) for entry in met])
    assert walks[0] == walks[3]
    assert walks[1] != walks[0] != walks[2]


def test_a_learner_refuses_a_move_that_the_mask_forbids(
    config: RunConfig, frame: Frame, tmp_path: Path
) -> None:
    actor = Actor(config, frame, number=0)
    learner = Learner(config, actor.agent.info, tmp_path, library="", resume=False)
    _, met = actor.roll_out(8)
    index, move = next((i, entry) for i, entry in enumerate(met) if entry.kind == "move")
    legal = legal_actions(met[index - 1].design.graph)
    forbidden = replace(move, action=int(np.flatnonzero(~legal)[0]))
    with pytest.raises(IllegalMoveError, match="mask forbids"):
        learner.absorb([*met[:index], forbidden])


def test_a_saved_learner_goes_on_where_it_was(
    config: RunConfig, frame: Frame, tmp_path: Path
) -> None:
    learner, met, _ = trained(config, frame, tmp_path / "agent")
    state = learner.save()
    again = Learner(config, learner.agent.info, tmp_path / "agent", library="", resume=True)
    assert state["steps"] == again.agent.counters.step
    for one in (learner, again):
        one.absorb(met)
    for name, array in learner.policy().online.items():
        np.testing.assert_array_equal(array, again.policy().online[name])
