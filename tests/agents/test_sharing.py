"""Copies of one agent: what one meets the other learns from, and chooses by what it is sent."""

import pickle

import numpy as np
import pytest

from edarl.agents import DqnAgent, greedy_rollout, task_info
from edarl.agents.sharing import (
    Experience,
    adopt_memory,
    adopt_policy,
    memory_of,
    policy_of,
)
from edarl.errors import CheckpointError
from tests.agents.support import SMALL, make


def walked(steps: int, seed: int = 3) -> tuple[DqnAgent, list[Experience]]:
    """An agent that only walks, and what it met."""
    env = make()
    walker = DqnAgent(SMALL, task_info(env), seed)
    met: list[Experience] = []
    walker.learn(env, steps=steps, on_experience=met.append, study=False)
    return walker, met


def test_a_walk_without_study_learns_nothing() -> None:
    walker, met = walked(40)
    assert walker.learner.updates == 0
    assert sum(entry.kind == "move" for entry in met) == walker.counters.step == 40


def test_another_agent_learns_from_what_a_walker_met() -> None:
    walker, met = walked(40)
    learner = DqnAgent(SMALL, walker.info, 4)
    for experience in pickle.loads(pickle.dumps(met)):
        learner.take(experience)
    assert learner.counters == walker.counters
    assert learner.archive.designs() == walker.archive.designs()
    for mine, other in ((learner.archive, walker.archive), (learner.replay, walker.replay)):
        theirs = other.state()
        for name, array in mine.state().items():
            np.testing.assert_array_equal(array, theirs[name])
    assert learner.learner.updates == (40 - SMALL.warmup_steps) // SMALL.update_every + 1


def test_an_agent_that_learns_alone_is_its_own_walker_and_learner() -> None:
    """What one process does in one go is walking and taking in turn, number for number."""
    env = make()
    together = DqnAgent(SMALL, task_info(env), 5)
    met: list[Experience] = []
    together.learn(env, steps=30, on_experience=met.append)
    alone = DqnAgent(SMALL, task_info(env), 5)
    alone.learn(make(), steps=30)
    assert {entry.design for entry in met} == set(alone.archive.designs())
    assert alone.learner.updates == together.learner.updates > 0
    assert alone.rng.bit_generator.state == together.rng.bit_generator.state


def test_a_copy_with_policy_and_memory_of_another_walks_like_it() -> None:
    env = make()
    info = task_info(env)
    teacher = DqnAgent(SMALL, info, 6)
    teacher.learn(env, steps=40)
    pupil = DqnAgent(SMALL.model_copy(update={"replay_capacity": 4}), info, 7)
    adopt_policy(pupil, policy_of(teacher))
    adopt_memory(pupil, memory_of(teacher))
    walks = []
    for agent in (teacher, pupil):
        ((best, _),) = agent.archive.best(None, 1)
        walks.append(greedy_rollout(agent.chooser, best, None, 8))
    assert walks[0] == walks[1]
    assert pupil.counters == teacher.counters
    pupil.counters.step += 1
    assert pupil.counters != teacher.counters  # a copy, not the same record


def test_a_policy_of_another_network_is_refused() -> None:
    env = make()
    info = task_info(env)
    other = SMALL.model_copy(update={"network": SMALL.network.model_copy(update={"channels": 8})})
    with pytest.raises(CheckpointError, match="the online network"):
        adopt_policy(DqnAgent(SMALL, info, 0), policy_of(DqnAgent(other, info, 0)))
