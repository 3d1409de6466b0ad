"""Mending design rules: greedily, by chance, by a policy; all count their checks alike."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="needs edarl[agents]")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")

from edarl.agents.cells import (
    FixPpoConfig,
    fix_by_policy,
    load_fix_policy,
    shipped_fix_policy,
    train_fix_policy,
)
from edarl.errors import CheckpointError, ConfigError
from edarl.layout.fixing import Fixing, FixTask, fix_tasks, walk
from edarl.layout.netlist import basic_cells
from edarl.layout.technology import load_technology
from edarl.search.cells import fix_by_chance, fix_by_walking, fix_greedily

ASAP7 = load_technology("asap7")
SMALL = FixPpoConfig(rollout_steps=128, batch_size=64, max_steps=12, learning_rate=1e-3)


def with_violations(cells, **options):
    tasks = fix_tasks([basic_cells()[name] for name in cells], ASAP7, **options)
    return [task for task in tasks if Fixing(task).violations]


@pytest.fixture(scope="module")
def inverters():
    return with_violations(["INV"], per_cell=4)


@pytest.fixture(scope="module")
def policy(inverters):
    return train_fix_policy(inverters, checks=600, seed=0, config=SMALL)


def assert_is(task, outcome, checks):
    again = Fixing(FixTask(task.placement, outcome.routes))
    assert len(again.violations) == outcome.after <= outcome.before
    assert 1 <= outcome.checks <= checks


@pytest.mark.parametrize("fix", [fix_greedily, fix_by_chance, fix_by_walking])
@pytest.mark.parametrize("checks", [1, 5, 60])
def test_outcomes_are_what_klayout_says_within_the_checks(fix, checks):
    for task in with_violations(["NAND2", "AOI21"], per_cell=2):
        outcome = fix(task, checks=checks, seed=1)
        assert_is(task, outcome, checks)
        assert outcome == fix(task, checks=checks, seed=1)
        assert outcome.before == len(Fixing(task).violations)


def test_greed_cleans_inverters(inverters):
    assert all(fix_greedily(task, checks=200).after == 0 for task in inverters)


def test_a_policy_masters_inverters(policy, inverters):
    assert policy.checks >= 600
    assert policy.tasks == len(inverters)
    for task in inverters:
        outcome = fix_by_policy(policy, task, checks=13)
        assert_is(task, outcome, 13)
        assert outcome.after == 0


def test_a_policy_uses_no_more_checks_than_it_may_on_other_cells(policy):
    for task in with_violations(["AOI21"], per_cell=2):
        for checks in (1, 7, 30):
            outcome = fix_by_policy(policy, task, checks=checks, seed=2)
            assert_is(task, outcome, checks)
            assert outcome == fix_by_policy(policy, task, checks=checks, seed=2)


def test_a_saved_policy_mends_alike_and_a_damaged_one_is_refused(policy, tmp_path):
    (task, *_) = with_violations(["NAND2"], per_cell=1)
    policy.save(tmp_path / "fixes")
    loaded = load_fix_policy(tmp_path / "fixes")
    assert fix_by_policy(loaded, task, checks=20) == fix_by_policy(policy, task, checks=20)
    assert (loaded.tasks, loaded.checks, loaded.seed) == (policy.tasks, policy.checks, 0)
    file = tmp_path / "fixes" / "wires.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="wires"):
        load_fix_policy(tmp_path / "fixes")


def test_the_shipped_policy_leaves_less_than_greed_walks_and_chance_with_the_same_few_checks():
    policy = shipped_fix_policy()
    tasks = with_violations(basic_cells(), per_cell=4, seed=5)
    left = {
        name: sum(fix(task, checks=15).after for task in tasks)
        for name, fix in {
            "policy": partial(fix_by_policy, policy),
            "greed": fix_greedily,
            "walk": fix_by_walking,
            "chance": fix_by_chance,
        }.items()
    }
    assert left["policy"] < min(left["greed"], left["walk"], left["chance"])


def test_a_walk_ends_when_nothing_is_left_to_try(inverters):
    def nothing(fixing, focus):
        return np.array([-np.inf] * fixing.actions + [0.0], np.float32)

    assert walk(inverters[0], checks=100, seed=0, logits=nothing).checks == 1


def test_a_walk_makes_changes_even_where_it_would_rather_look_elsewhere(inverters):
    def elsewhere(fixing, focus):
        return np.array([0.0] * fixing.actions + [60.0], np.float32)

    assert walk(inverters[0], checks=5, seed=0, logits=elsewhere).checks > 1


def test_unusable_settings_are_refused(inverters, policy):
    for call in (
        lambda: train_fix_policy(inverters, checks=0),
        lambda: fix_by_policy(policy, inverters[0], checks=0),
        lambda: fix_greedily(inverters[0], checks=0),
        lambda: fix_by_walking(inverters[0], checks=0),
    ):
        with pytest.raises(ConfigError, match="`checks` should be at least 1"):
            call()
