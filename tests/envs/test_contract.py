"""One contract for every registered environment."""

import copy
import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

import edarl.envs
from edarl.envs import ActionMaskObservation, action_to_move
from edarl.errors import IllegalMoveError
from edarl.objectives import PrefixRLObjective
from tests.envs.support import CELLS, FIXES, PROBLEMS, SCALAR, VECTOR, SizingDescription, make

REGISTERED = sorted(env_id for env_id in gym.registry if env_id.startswith("edarl/"))
VECTOR_REWARD = "The reward returned by `step()` must be a float"

every_environment = pytest.mark.parametrize("env_id", REGISTERED)
every_task = pytest.mark.parametrize(
    ("env_id", "problem"),
    [
        *((env_id, problem) for env_id in (SCALAR, VECTOR) for problem in PROBLEMS),
        (CELLS, {}),
        (FIXES, {}),
    ],
    ids=lambda part: part if isinstance(part, str) else part.get("circuit", "cells"),
)
both_of_circuits = pytest.mark.parametrize("env_id", [SCALAR, VECTOR])
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p["circuit"])


def walk(env, seed, steps=12):
    """Give everything that a seeded random walk over legal and illegal actions returns."""
    env.action_space.seed(seed)
    record = [env.reset(seed=seed)]
    for _ in range(steps):
        mask = record[-1][-1]["action_mask"].astype(np.int8)
        legal = env.action_space.sample(mask)
        record.append(env.step(legal if len(record) % 3 else env.action_space.sample()))
    return record


def test_all_ids_are_registered():
    assert tuple(REGISTERED) == tuple(sorted(edarl.envs.IDS))


@every_task
def test_gymnasium_checker_passes_without_warnings(env_id, problem):
    env = make(env_id, **problem).unwrapped
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
    expected = [VECTOR_REWARD] if env_id == VECTOR else []  # the one rule a vector must break
    assert len(caught) == len(expected), [str(warning.message) for warning in caught]
    for warning, text in zip(caught, expected, strict=True):
        assert text in str(warning.message)


@every_problem
@pytest.mark.parametrize("options", [{}, {"target_ps": "sample"}])
def test_stable_baselines_checker_passes_without_warnings(problem, options):
    checker = pytest.importorskip(
        "stable_baselines3.common.env_checker", reason="needs edarl[agents]"
    )
    checker.check_env(make(SCALAR, **problem, **options).unwrapped)
    wrapped = ActionMaskObservation(make(SCALAR, **problem))
    checker.check_env(wrapped)


@both_of_circuits
def test_checker_passes_where_a_cache_answers_the_second_time(env_id):
    env = make(env_id, evaluator=SizingDescription()).unwrapped
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*{VECTOR_REWARD[:20]}.*")
        check_env(env)
    assert env.cache_hits > 0


@both_of_circuits
@every_problem
@pytest.mark.parametrize("target", [None, "sample"])
def test_equal_seeds_give_equal_walks_and_others_do_not(env_id, problem, target):
    first = walk(make(env_id, target_ps=target, **problem), seed=3)
    again = walk(make(env_id, target_ps=target, **problem), seed=3)
    other = walk(make(env_id, target_ps=target, **problem), seed=4)
    assert data_equivalence(first, again, exact=True)
    # At width 3 there is one legal move at a time, so without a target all walks agree.
    assert data_equivalence(first, other) is (problem["width"] == 3 and target is None)


@both_of_circuits
@pytest.mark.parametrize("clone", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_goes_on_exactly_like_the_original(env_id, clone):
    env = make(env_id, evaluator=SizingDescription(), target_ps="sample")
    unused = clone(env)
    assert data_equivalence(walk(env, seed=5), walk(unused, seed=5), exact=True)
    twin = clone(env)  # in the middle of an episode, with its evaluator running
    for action in range(0, 128, 7):
        assert data_equivalence(env.step(action), twin.step(action), exact=True)
    assert data_equivalence(env.reset(), twin.reset(), exact=True)


@both_of_circuits
@every_problem
def test_masks_agree_with_step_for_every_action(env_id, problem):
    env = make(env_id, max_steps=10**6, **problem)
    _, info = env.reset(seed=0, options={"graph": "sklansky"})
    start, mask = info["graph"], info["action_mask"]
    inner = env.unwrapped
    assert mask.dtype == np.bool_
    assert mask.any()
    for action in range(env.action_space.n):
        env.reset(options={"graph": start})
        graph, move = inner.design.graph, action_to_move(action, inner.circuit.leaves)
        before, _ = env.reset(options={"graph": start})
        after, reward, terminated, _, info = env.step(action)
        assert info["illegal_action"] is not bool(mask[action])
        assert not terminated
        if mask[action]:
            assert inner.design.graph == graph.apply(move)
            assert not np.array_equal(before, after)
        else:
            with pytest.raises(IllegalMoveError):
                graph.apply(move)
            assert info["graph"] == start
            assert np.array_equal(before, after)
            assert not np.any(reward)
            assert info["evaluation"].calls == info["evaluation"].cache_hits == 0


@every_task
def test_the_three_masks_are_equal(env_id, problem):
    env = ActionMaskObservation(make(env_id, **problem))
    env.action_space.seed(1)
    observation, info = env.reset(seed=1)
    for _ in range(8):
        assert observation in env.observation_space
        assert np.array_equal(env.action_masks(), info["action_mask"])
        assert np.array_equal(observation["action_mask"], info["action_mask"])
        action = env.action_space.sample(observation["action_mask"])
        observation, _, terminated, _, info = env.step(action)
        assert info["illegal_action"] is False
        if terminated:
            observation, info = env.reset()


@every_environment
def test_masks_handed_out_are_copies(env_id):
    env = make(env_id)
    _, info = env.reset(seed=0)
    for given in (info["action_mask"], env.unwrapped.action_masks()):
        given[:] = 0
    assert env.unwrapped.action_masks().any()


@both_of_circuits
def test_costs_handed_out_are_copies(env_id):
    env = make(env_id)
    env.reset(seed=0)[1]["costs"][:] = 0
    assert env.step(0)[-1]["costs"].all()


@both_of_circuits
def test_episodes_are_truncated_after_max_steps_and_never_terminated(env_id):
    env = make(env_id, max_steps=5)
    for _ in range(2):
        env.reset(seed=0)
        ends = [env.step(action)[2:4] for action in (0, 1, 17, 0, 0)]
        assert ends == [(False, False)] * 4 + [(False, True)]


@both_of_circuits
@every_problem
@pytest.mark.parametrize("objective", [None, PrefixRLObjective(0.3, 0.7)])
def test_rewards_add_up_to_cost_of_start_minus_cost_of_end(env_id, problem, objective):
    env = make(env_id, objective=objective, **problem)
    record = walk(env, seed=9, steps=30)
    start, end = record[0][1], record[-1][-1]
    total = sum(step[1] for step in record[1:])
    if env_id == SCALAR:
        assert type(record[1][1]) is float
        assert total == pytest.approx(start["cost"] - end["cost"], abs=1e-9)
    else:
        assert record[1][1] in env.unwrapped.reward_space
        assert len(total) == env.unwrapped.reward_dim == len(env.unwrapped.objective.names)
        assert total == pytest.approx(start["costs"] - end["costs"], abs=1e-4)


@both_of_circuits
def test_it_runs_in_a_vector_of_environments(env_id):
    envs = gym.make_vec(
        env_id,
        num_envs=2,
        vectorization_mode="sync",
        evaluator=SizingDescription(),
        width=5,
    )
    _, infos = envs.reset(seed=1)
    assert infos["action_mask"].shape == (2, 50)
    assert infos["costs"].shape == (2, 4)
    envs.close()
