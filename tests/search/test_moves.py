"""Neighbours: always legal, always of the same circuit, and of every kind."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.search.moves import Proposal, changed, crossover, legal_changes, mutate

SEEDS = st.integers(0, 10**6)
WIDTHS = st.integers(2, 12)


def is_sound(design: Design) -> bool:
    return PrefixGraph.from_nodes(design.graph.width, design.graph.nodes()) == design.graph


@settings(max_examples=60, deadline=None)
@given(width=WIDTHS, seed=SEEDS, p_moves=st.booleans())
def test_mutations_are_legal_designs_of_the_same_circuit(
    width: int, seed: int, p_moves: bool
) -> None:
    rng = np.random.default_rng(seed)
    design = Design.of(PrefixGraph.legalise(width), Circuit("adder", width))
    for _ in range(25):
        design = mutate(design, rng, Proposal(), p_moves=p_moves)
        assert is_sound(design)
        assert design.circuit == Circuit("adder", width)
        assert p_moves or design.or_bits == 0
        assert design.or_bits & 1 == design.or_bits >> 1 & 1


@settings(max_examples=60, deadline=None)
@given(width=st.integers(3, 12), seed=SEEDS)
def test_a_child_has_rows_of_both_parents(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = Circuit("adder", width)
    one = Design.of(structure("sklansky", width), circuit, "or")
    other = Design.of(structure("kogge_stone", width), circuit, "xor")
    child = crossover(one, other, rng)
    assert is_sound(child)
    tops = (one.graph.minlist_rows[-1], other.graph.minlist_rows[-1])
    assert child.graph.minlist_rows[-1] in tops
    assert child.or_bits not in (0, (1 << width) - 1) or width == 2 or one.or_bits


def test_a_child_of_equal_parents_is_that_parent() -> None:
    rng = np.random.default_rng(0)
    design = Design.of(structure("brent_kung", 16), Circuit("adder", 16), "or")
    assert all(crossover(design, design, rng) == design for _ in range(10))


@settings(max_examples=30, deadline=None)
@given(width=st.integers(2, 8), seed=SEEDS)
def test_listed_changes_are_all_single_changes(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = Design.of(PrefixGraph.legalise(width), Circuit("adder", width))
    design = mutate(design, rng, Proposal(), p_moves=True, steps=5)
    without = legal_changes(design, p_moves=False)
    assert len(without) == int(design.graph.legal_moves().sum())
    neighbours = [changed(design, change) for change in legal_changes(design, p_moves=True)]
    assert all(is_sound(neighbour) and neighbour != design for neighbour in neighbours)
    graph_only = {neighbour.graph for neighbour in neighbours[: len(without)]}
    assert design.graph not in graph_only
    modes = {neighbour.or_bits for neighbour in neighbours[len(without) :]}
    assert {0, (1 << width) - 1} - {design.or_bits} <= modes


def test_every_kind_of_change_occurs() -> None:
    rng = np.random.default_rng(1)
    design = Design.of(structure("sklansky", 12), Circuit("adder", 12))
    single = Proposal(repeat=0.0)
    sizes, modes = set(), set()
    for _ in range(300):
        neighbour = mutate(design, rng, single, p_moves=True)
        sizes.add(np.sign(neighbour.graph.size - design.graph.size))
        modes.add(neighbour.p_mode.split(":")[0])
    assert sizes == {-1, 0, 1}
    assert modes == {"xor", "or", "mixed"}


def test_the_narrowest_graph_has_nothing_to_move_and_stays_itself() -> None:
    design = Design.of(PrefixGraph.legalise(2), Circuit("adder", 2))
    rng = np.random.default_rng(0)
    assert all(mutate(design, rng, Proposal(), p_moves=False) == design for _ in range(20))
    assert legal_changes(design, p_moves=False) == []
