"""Mending design rules: changes keep nets whole, rewards count violations, episodes repeat."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

pytest.importorskip("klayout.db", reason="needs the extra `layout`")
pytest.importorskip("gdstk", reason="needs the extra `layout`")

from edarl.envs import DrcFixEnv
from edarl.errors import ConfigError
from edarl.layout.checks import check_gds
from edarl.layout.fixing import CHANNELS, COLUMNS, Fixing, FixTask, fix_tasks
from edarl.layout.gds import write_gds
from edarl.layout.geometry import draw
from edarl.layout.grid import grid_of
from edarl.layout.maze import route_by_ripup
from edarl.layout.netlist import basic_cells
from edarl.layout.technology import load_technology
from tests.envs.support import FIXES

ASAP7 = load_technology("asap7")
BASIC = basic_cells()


@pytest.fixture(scope="module")
def tasks():
    """Small cells with violations."""
    found = fix_tasks([BASIC["NAND2"], BASIC["AOI21"]], ASAP7, per_cell=3)
    return [task for task in found if Fixing(task).violations]


def walk(env, seed, steps=12):
    rng = np.random.default_rng(seed)
    record = [env.reset(seed=seed)]
    for _ in range(steps):
        if len(record) > 1 and record[-1][2]:
            break
        record.append(env.step(int(rng.choice(np.flatnonzero(record[-1][-1]["action_mask"])))))
    return record


def without_wiring(record):
    return [(*step[:-1], {k: v for k, v in step[-1].items() if k != "wiring"}) for step in record]


def test_whatever_is_changed_the_layout_matches_and_the_count_is_klayouts(tasks, tmp_path):
    for seed in range(3):
        env = DrcFixEnv(tasks)
        record = walk(env, seed, steps=25)
        counts = [len(step[-1]["violations"]) for step in record]
        for before, after, step in zip(counts, counts[1:], record[1:], strict=False):
            reward = before - after - 0.02 + (0.0 if after else 1.0)
            assert step[1] == pytest.approx(reward)
            assert step[2] is (after == 0)
            assert step[0] in env.observation_space
        wiring = record[-1][-1]["wiring"]
        assert wiring.is_sound
        cell = BASIC[record[-1][-1]["cell"]]
        placement = env._fixing.placement
        shapes, labels = draw(placement, wiring.routes)
        write_gds(tmp_path / "cell.gds", cell.name, shapes, labels, ASAP7.deck)
        violations, lvs = check_gds(tmp_path / "cell.gds", cell.name, ASAP7.deck, cell)
        assert lvs == "match"
        assert sorted(violations, key=repr) == sorted(record[-1][-1]["violations"], key=repr)


def test_an_illegal_change_does_nothing_but_costs_its_step(tasks):
    env = DrcFixEnv(tasks, max_steps=2)
    observation, info = env.reset(seed=0, options={"task": 0})
    illegal = int(np.flatnonzero(~info["action_mask"])[0])
    after, reward, terminated, truncated, told = env.step(illegal)
    assert told["illegal_action"]
    assert (reward, terminated, truncated) == (pytest.approx(-0.02), False, False)
    assert told["violations"] == info["violations"]
    assert told["checks"] == info["checks"] == 1
    assert np.array_equal(after[:-1], observation[:-1])
    assert env.step(illegal)[3] is True


def test_the_last_action_looks_at_the_next_violation(tasks):
    most = max(tasks, key=lambda task: len(Fixing(task).violations))
    env = DrcFixEnv([most])
    observation, info = env.reset()
    count = len(info["violations"])
    assert count > 1
    seen = [env.step(env.action_space.n - 1)[0] for _ in range(count)]
    assert np.array_equal(seen[-1][:-1], observation[:-1])
    assert info["checks"] == 1


def test_what_is_seen_of_a_cells_edge_is_empty(tasks):
    fixing = Fixing(tasks[0])
    seen = fixing.seen(0).reshape(COLUMNS, fixing.tracks, len(CHANNELS))
    inside = seen[:, :, CHANNELS.index("inside")] > 0
    assert not seen[~inside].any()
    assert seen[:, :, CHANNELS.index("violation")].any()
    assert seen[:, :, CHANNELS.index("same_net")].any()


def test_equal_seeds_give_equal_episodes(tasks):
    one, again, other = (without_wiring(walk(DrcFixEnv(tasks), seed)) for seed in (3, 3, 4))
    assert data_equivalence(one, again, exact=True)
    assert not data_equivalence(one, other)


@pytest.mark.parametrize("clone", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_goes_on_exactly_like_the_original(tasks, clone):
    env = gym.make(FIXES, tasks=tasks)
    _, info = env.reset(seed=1)
    twin = clone(env)
    action = int(np.flatnonzero(info["action_mask"])[0])
    one, other = env.step(action), twin.step(action)
    assert data_equivalence(one[:4], other[:4], exact=True)
    assert one[4]["violations"] == other[4]["violations"]


def test_it_draws_the_violations(tasks):
    env = DrcFixEnv(tasks, render_mode="svg")
    _, info = env.reset(seed=0)
    drawn = env.render()
    assert drawn.startswith("<svg")
    assert info["violations"][0].rule in drawn


def test_clean_cells_are_not_drawn_and_cannot_be_asked_for(tasks):
    placement = tasks[0].placement
    clean = FixTask(placement, route_by_ripup(grid_of(placement)).routes)
    assert not Fixing(clean).violations
    env = DrcFixEnv([clean, tasks[0]])
    for seed in range(4):
        assert env.reset(seed=seed)[1]["violations"]
    with pytest.raises(ConfigError, match="task 0 should have a violation"):
        env.reset(options={"task": 0})
    with pytest.raises(ConfigError, match="all are clean"):
        DrcFixEnv([clean]).reset()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": []}, "at least one routed cell"),
        ({"max_steps": 0}, "`max_steps` should be at least 1"),
        ({"render_mode": "ansi"}, "`render_mode` should be svg"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        DrcFixEnv(**arguments)


def test_unknown_options_and_missing_resets_are_refused(tasks):
    env = DrcFixEnv(tasks)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    for options, message in (({"task": 99}, "`task` should be 0 to"), ({"cell": "INV"}, "task")):
        with pytest.raises(ConfigError, match=message):
            env.reset(options=options)
    env.reset()
    with pytest.raises(ConfigError, match="an action should be 0 to"):
        env.step(env.action_space.n)
