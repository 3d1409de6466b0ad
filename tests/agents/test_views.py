"""What a network is shown when a state comes out of the replay: what was there when it went in."""

import numpy as np
import pytest

from edarl.agents import DqnAgent, task_info
from edarl.agents.scoring import curve_of
from edarl.agents.study import Study
from edarl.agents.task import prefix_env
from edarl.agents.views import Views
from edarl.envs import PLANES
from tests.agents.support import SMALL
from tests.agents.test_judge import TARGETS, Bench


@pytest.fixture(scope="module")
def bench(osu018: str) -> Bench:
    return Bench(osu018)


def test_planes_and_costs_out_of_the_replay_are_what_the_environment_showed(bench: Bench) -> None:
    """Observed planes, masks and costs are kept apart here, by design and target."""
    env = bench.environment()
    info = task_info(env)
    agent = DqnAgent(SMALL.model_copy(update={"batch_size": 40}), info, seed=0)
    seen = {}
    for seed in range(6):
        observation, told = env.reset(seed=seed)
        target = told["target_ps"]
        design = prefix_env(env).design
        seen[design, target] = (observation, told["action_mask"], told["evaluation"])
        row = agent.replay.begin(design, curve_of(told["evaluation"]), target)
        for step in range(4):
            action = int(np.flatnonzero(told["action_mask"])[seed + step])
            observation, _, _, _, told = env.step(action)
            design = prefix_env(env).design
            seen[design, target] = (observation, told["action_mask"], told["evaluation"])
            curve = curve_of(told["evaluation"])
            row = agent.replay.step(row, action, design, curve, terminated=False, truncated=False)
    study = Study(
        SMALL.model_copy(update={"retarget": 0.0}), info, agent.learner, agent.judge,
        agent.replay, agent.archive, Views(info),
    )  # fmt: skip
    draw = agent.replay.sample(40, 2, np.random.default_rng(0))
    sample, preferences = study.scored(draw, np.random.default_rng(0))
    for index, (design, last, target) in enumerate(
        zip(draw.designs, draw.next_designs, draw.targets_ps, strict=True)
    ):
        observation, _, evaluation = seen[design, target]
        assert np.array_equal(sample.observations[index], observation)
        assert np.array_equal(sample.next_observations[index], seen[last, target][0])
        assert np.array_equal(sample.next_legal[index], seen[last, target][1])
        assert np.array_equal(sample.costs[index, 0], info.costs(evaluation, target))
        assert preferences[index].tolist() == [1.0, 0.0]
    assert set(sample.targets_ps) == set(draw.targets_ps)


def test_other_targets_are_scored_and_shown_together(bench: Bench) -> None:
    env = bench.environment()
    info = task_info(env)
    config = SMALL.model_copy(update={"retarget": 1.0})
    agent = DqnAgent(config, info, seed=0)
    agent.learn(env, steps=30)
    study = Study(
        config, info, agent.learner, agent.judge, agent.replay, agent.archive, Views(info)
    )
    draw = agent.replay.sample(20, 1, np.random.default_rng(1))
    sample, _ = study.scored(draw, np.random.default_rng(1))
    assert not set(sample.targets_ps) & set(draw.targets_ps)
    for index, target in enumerate(sample.targets_ps.tolist()):
        assert TARGETS[0] <= target <= TARGETS[-1]
        shown = info.observe(draw.designs[index], target)
        assert np.array_equal(sample.observations[index], shown)
        (evaluation,) = bench.evaluated([draw.designs[index]])
        np.testing.assert_allclose(
            sample.costs[index, 0], info.costs(evaluation, target), rtol=1e-12
        )


def test_a_small_memory_forgets_and_shows_the_same(bench: Bench) -> None:
    info = bench.info
    small, large = Views(info, room_bytes=1), Views(info)
    designs = bench.neighbours(12, seed=3)
    targets = [TARGETS[index % 3] for index in range(len(designs))]
    for _ in range(2):
        shown = small.observations(designs, targets)
        assert np.array_equal(shown, large.observations(designs, targets))
    assert (len(small), len(large)) == (1, len(designs))


def test_a_network_that_sees_graphs_alone_is_not_shown_the_timer(bench: Bench) -> None:
    designs = bench.neighbours(3, seed=3)
    shown = Views(bench.info, len(PLANES)).observations(designs, [TARGETS[0]] * len(designs))
    whole = Views(bench.info).observations(designs, [TARGETS[0]] * len(designs))
    assert shown.shape[1] == len(PLANES)
    assert np.array_equal(shown, whole[:, : len(PLANES)])
