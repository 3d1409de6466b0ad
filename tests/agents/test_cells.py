"""A policy that places cells: it learns, does not care for order, and survives the disk."""

import json

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="needs edarl[agents]")

from edarl.agents.cells import (
    CellPpoConfig,
    load_cell_policy,
    place_by_policy,
    train_cell_policy,
)
from edarl.errors import CheckpointError, ConfigError
from edarl.layout.candidates import Candidates, Construction
from edarl.layout.netlist import basic_cells
from edarl.layout.technology import load_technology

BASIC = basic_cells()
ASAP7 = load_technology("asap7")
SMALL = CellPpoConfig(hidden=16, rollout_steps=64, batch_size=32, learning_rate=5e-3)
EASY = [BASIC["NAND2"], BASIC["NOR2"]]


@pytest.fixture(scope="module")
def policy():
    """Trained until the two easiest cells are no question any more."""
    return train_cell_policy(EASY, ASAP7, placements=400, seed=1, config=SMALL)


def greedy_width(policy, name):
    return place_by_policy(policy, BASIC[name], ASAP7, evaluations=1, seed=0).placement.width_cpp


def test_it_masters_cells_whose_best_placement_is_obvious(policy):
    assert greedy_width(policy, "NAND2") == greedy_width(policy, "NOR2") == 4
    assert policy.placements == 400
    assert policy.trained_on == ("NAND2", "NOR2")


def test_any_cell_can_be_placed_whatever_it_was_trained_on(policy):
    seen = []
    outcome = place_by_policy(
        policy, BASIC["FA"], ASAP7, evaluations=4, seed=2, on_evaluation=seen.append
    )
    outcome.placement.check()
    assert len(seen) == outcome.evaluations == 4
    assert outcome.placement.width_cpp == min(placement.width_cpp for placement in seen)


def test_logits_follow_their_columns_in_any_order_and_number(policy):
    features = Construction(Candidates(BASIC["AOI21"], ASAP7)).features()
    logits = policy.logits(features)
    order = np.random.default_rng(0).permutation(len(features))
    assert np.allclose(policy.logits(features[order]), logits[order], atol=1e-5)
    padded = np.concatenate([features, np.zeros_like(features[:3])])
    assert np.allclose(policy.logits(padded)[:-3], logits, atol=1e-5)
    assert np.isneginf(policy.logits(padded)[-3:]).all()


def test_equal_seeds_train_equal_policies(policy):
    twin, other = (
        train_cell_policy(EASY, ASAP7, placements=60, seed=seed, config=SMALL) for seed in (3, 4)
    )
    again = train_cell_policy(EASY, ASAP7, placements=60, seed=3, config=SMALL)
    features = Construction(Candidates(BASIC["AOI21"], ASAP7)).features()
    assert np.array_equal(twin.logits(features), again.logits(features))
    assert not np.array_equal(twin.logits(features), other.logits(features))


def test_a_saved_policy_places_alike(policy, tmp_path):
    policy.save(tmp_path / "cells")
    loaded = load_cell_policy(tmp_path / "cells")
    one, other = (
        place_by_policy(which, BASIC["XOR2"], ASAP7, evaluations=3, seed=7)
        for which in (policy, loaded)
    )
    assert one == other
    assert (loaded.trained_on, loaded.placements, loaded.seed) == (("NAND2", "NOR2"), 400, 1)


def test_a_flipped_bit_or_other_features_are_refused(policy, tmp_path):
    path = tmp_path / "cells"
    policy.save(path)
    manifest = json.loads((path / "manifest.json").read_text())
    other = {**manifest, "network": {"planes": 7, "components": 0}}
    (path / "manifest.json").write_text(json.dumps(other))
    with pytest.raises(CheckpointError, match=r"planes=7.*train it again"):
        load_cell_policy(path)
    (path / "manifest.json").write_text(json.dumps(manifest))
    tensors = path / "columns.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-1] ^= 1
    tensors.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="sha256"):
        load_cell_policy(path)


def test_training_ends_when_asked():
    stopped = train_cell_policy(
        EASY, ASAP7, placements=10_000, config=SMALL, should_stop=lambda: True
    )
    assert stopped.steps == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_cell_policy(EASY, placements=0), "`placements` should be at least 1"),
        (
            lambda: train_cell_policy(
                EASY, placements=1, config=CellPpoConfig(rollout_steps=100, batch_size=64)
            ),
            "multiple of `batch_size`",
        ),
    ],
)
def test_unusable_settings_are_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
