"""Building cells column by column: legality, rewards, masks, repeatability."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.envs import CellPlacementEnv
from edarl.errors import ConfigError
from edarl.layout.candidates import FEATURES, Candidates, Construction
from edarl.layout.netlist import basic_cells
from edarl.layout.outcome import placement_cost
from edarl.layout.technology import load_technology
from tests.envs.support import CELLS

BASIC = basic_cells()


def episode(env, rng, **options):
    """Give everything that an episode of random legal actions returns."""
    record = [env.reset(**options)]
    while len(record) == 1 or not record[-1][2]:
        legal = np.flatnonzero(record[-1][-1]["action_mask"])
        record.append(env.step(int(rng.choice(legal))))
    return record


def plain_cost(candidates):
    """Give what a cell as wide as its larger row costs without any net."""
    rows = [sum(k.count for k in candidates.kinds if k.kind == kind) for kind in ("p", "n")]
    return candidates.technology.boundary_columns + max(rows)


@pytest.mark.parametrize("technology", ["asap7", "nangate45"])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(BASIC)))
def test_any_masked_sequence_gives_a_legal_placement_and_pays_its_cost(technology, seed, name):
    env = CellPlacementEnv([BASIC[name]], technology=technology)
    record = episode(env, np.random.default_rng(seed))
    placement = record[-1][-1]["placement"]
    placement.check()
    rewards = [step[1] for step in record[1:]]
    candidates = Candidates(BASIC[name], load_technology(technology))
    expected = plain_cost(candidates) - placement_cost(placement)
    assert sum(rewards) == pytest.approx(expected, abs=1e-9)
    assert record[-1][-1]["width_cpp"] == placement.width_cpp
    assert all(step[-1]["placement"] is None for step in record[:-1])
    assert all(step[0] in env.observation_space for step in record)


def test_an_illegal_action_changes_nothing_costs_nothing_and_ends_in_truncation():
    env = CellPlacementEnv([BASIC["NAND2"]])
    observation, info = env.reset()
    legal = int(np.flatnonzero(info["action_mask"])[0])
    while info["action_mask"][legal]:
        observation, _, _, _, info = env.step(legal)
    for count in range(1, 17):
        after, reward, terminated, truncated, info = env.step(legal)
        assert np.array_equal(after, observation)
        assert reward == 0.0
        assert info["illegal_action"]
        assert (terminated, truncated) == (False, count == 16)


def test_numbers_beyond_the_present_cell_are_illegal_and_beyond_the_space_an_error():
    env = CellPlacementEnv([BASIC["INV"], BASIC["XOR2"]])
    _, info = env.reset(options={"cell": "INV"})
    assert info["cell"] == "INV"
    assert info["action_mask"].sum() == 8
    *_, info = env.step(env.action_space.n - 1)
    assert info["illegal_action"]
    with pytest.raises(ConfigError, match="an action should be 0 to"):
        env.step(env.action_space.n)


def test_the_inverter_looks_as_the_docstring_says():
    env = CellPlacementEnv([BASIC["INV"]], flat_observation=False)
    observation, _ = env.reset()
    seen = dict(zip(FEATURES, observation.T, strict=True))
    assert observation.shape == (8, len(FEATURES))
    assert seen["legal"].tolist() == [1] * 8
    assert seen["paired"].tolist() == [1] * 4 + [0] * 4
    assert seen["n_left"].tolist() == [1 / 16] * 8


def test_equal_seeds_give_equal_episodes_and_others_do_not():
    def record(seed):
        env = gym.make(CELLS)
        return episode(env, np.random.default_rng(seed), seed=seed)

    assert data_equivalence(record(3), record(3), exact=True)
    assert not data_equivalence(record(3), record(4))


@pytest.mark.parametrize("clone", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_goes_on_exactly_like_the_original(clone):
    env = gym.make(CELLS)
    _, info = env.reset(seed=1, options={"cell": "FA"})
    env.step(int(np.flatnonzero(info["action_mask"])[3]))
    twin = clone(env)
    action = int(np.flatnonzero(env.unwrapped.action_masks())[0])
    assert data_equivalence(env.step(action), twin.step(action), exact=True)
    assert data_equivalence(env.reset(), twin.reset(), exact=True)


@pytest.mark.parametrize(("route_s", "routed"), [(60.0, True), (1e-6, False)])
def test_a_placement_that_is_not_routed_in_time_costs_two_columns(route_s, routed):
    pytest.importorskip("ortools", reason="needs edarl[layout]")
    plain = CellPlacementEnv([BASIC["INV"]])
    routing = CellPlacementEnv([BASIC["INV"]], route_s=route_s)
    one, other = (episode(env, np.random.default_rng(5)) for env in (plain, routing))
    assert one[-1][-1]["routed"] is None
    assert other[-1][-1]["routed"] is routed
    assert one[-1][1] - other[-1][1] == pytest.approx(0.0 if routed else 2.0)


def test_it_draws_what_has_been_placed():
    env = CellPlacementEnv([BASIC["INV"]], render_mode="ansi")
    _, info = env.reset()
    env.step(int(np.flatnonzero(info["action_mask"])[0]))
    drawn = env.render()
    assert drawn is not None
    assert drawn.splitlines()[0].startswith("p: ")
    assert "[" in drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cells": []}, "at least one netlist"),
        ({"cells": [BASIC["INV"], BASIC["INV"]]}, "different names"),
        ({"route_s": 0.0}, "`route_s` should be above 0"),
        ({"route_s": 1.0, "technology": "nangate45"}, "not drawn"),
        ({"render_mode": "human"}, "`render_mode` should be ansi"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        CellPlacementEnv(**arguments)


def test_unknown_cells_options_and_missing_resets_are_refused():
    env = CellPlacementEnv([BASIC["INV"]])
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    with pytest.raises(ConfigError, match="`cell` should be one of INV"):
        env.reset(options={"cell": "NAND9"})
    with pytest.raises(ConfigError, match="options should be among cell"):
        env.reset(options={"graph": 1})


def test_construction_counts_what_is_left():
    construction = Construction(Candidates(BASIC["INV"], load_technology("asap7")))
    assert construction.columns_left == 1
    assert construction.push(0) == (1, 0)
    assert construction.done
    assert construction.columns_left == 0
