import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.envs import (
    PLANES,
    action_to_move,
    encode_observation,
    legal_actions,
    move_to_action,
    target_at,
    target_position,
)
from edarl.errors import ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph
from edarl.prefix.structures import structure


@st.composite
def graphs(draw):
    width = draw(st.integers(3, 14))
    cell = st.integers(0, width - 1)
    pairs = draw(st.lists(st.tuples(cell, cell), max_size=2 * width))
    return PrefixGraph.legalise(width, [(max(pair), min(pair)) for pair in pairs])


@given(graphs(), st.floats(0, 1))
def test_planes_are_what_the_graph_says(graph, target):
    planes = dict(zip(PLANES, encode_observation(graph, target), strict=True))
    width = graph.width
    scale = math.log2(width)
    assert np.array_equal(planes["node"], graph.grid())
    assert np.array_equal(planes["minlist"], graph.minlist())
    assert np.allclose(planes["level"], np.log2(1 + np.maximum(graph.levels(), 0)) / scale)
    assert np.allclose(planes["fanout"], np.log2(1 + graph.fanouts()) / scale)
    assert np.allclose(planes["msb"].T, np.arange(width) / (width - 1))
    assert np.allclose(planes["lsb"], np.arange(width) / (width - 1))
    adds, deletes = legal_actions(graph).reshape(2, width, width)
    assert np.array_equal(planes["addable"], adds)
    assert np.array_equal(planes["minlist"], deletes)
    assert np.allclose(planes["target"], target)


@pytest.mark.parametrize("width", [3, 8, 100, 256])
@pytest.mark.parametrize("name", ["ripple", "sklansky", "kogge_stone"])
def test_all_values_stay_between_0_and_1_at_every_width(width, name):
    planes = encode_observation(structure(name, width), 1.0)
    assert planes.shape == (len(PLANES), width, width)
    assert planes.dtype == np.float32
    assert planes.min() >= 0
    assert planes.max() <= 1


def test_the_documented_example():
    planes = dict(zip(PLANES, encode_observation(structure("ripple", 4)), strict=True))
    assert planes["level"][3, 0] == 1.0
    assert planes["fanout"][2, 0] == 0.5
    assert [tuple(cell) for cell in np.argwhere(planes["addable"])] == [(2, 1), (3, 1), (3, 2)]
    assert target_position(500.0, (300.0, 400.0, 600.0)) == pytest.approx(0.75)


def test_a_design_looks_like_its_graph_and_each_call_gives_a_new_array():
    graph = structure("brent_kung", 6)
    design = Design.of(graph, Circuit("adder", 6), "or")
    first = encode_observation(graph, 0.25)
    first_copy = first.copy()
    first[:] = 7
    assert np.array_equal(encode_observation(design, 0.25), first_copy)


@given(st.integers(3, 40), st.data())
def test_action_indices_and_moves_are_inverse(width, data):
    action = data.draw(st.integers(0, 2 * width * width - 1))
    move = action_to_move(action, width)
    assert move_to_action(move, width) == action
    kind = 0 if move.kind == "add" else 1
    assert action == kind * width * width + move.msb * width + move.lsb


@given(graphs())
def test_masks_are_indexed_like_moves(graph):
    mask = legal_actions(graph)
    moves = [action_to_move(int(action), graph.width) for action in np.flatnonzero(mask)]
    assert moves
    for move in moves:
        assert graph.apply(move) != graph


def test_actions_and_moves_outside_the_grid_are_refused():
    for action in (-1, 128):
        with pytest.raises(
            ConfigError, match=f"between 0 and 127 at width 8, actual value: {action}"
        ):
            action_to_move(action, 8)
    with pytest.raises(ConfigError, match=r"inside the grid, actual: add \(8, 1\)"):
        move_to_action(Move("add", 8, 1), 8)


TARGETS = (300.0, 400.0, 600.0)


def test_fixed_targets_are_equally_far_apart_and_the_ends_are_the_ends():
    assert [target_position(target, TARGETS) for target in TARGETS] == [0.0, 0.5, 1.0]
    assert (target_position(10.0, TARGETS), target_position(9000.0, TARGETS)) == (0.0, 1.0)


def test_without_a_target_or_a_choice_of_targets_the_position_is_0():
    assert (target_position(None, TARGETS), target_position(400.0, None)) == (0.0, 0.0)
    assert target_position(400.0, (400.0,)) == 0.0
    assert target_at(0.7, (400.0,)) == 400.0


@given(st.floats(0, 1))
def test_target_at_is_the_inverse_of_target_position(position):
    assert target_position(target_at(position, TARGETS), TARGETS) == pytest.approx(position)
