"""Composed graphs: against all graphs at small widths, against bounds and structures at large."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError
from edarl.hdl.mapping import map_direct
from edarl.hdl.simulate import counterexample
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.search.compositions import compose, least_depth, snir_bound
from tests.prefix.test_enumeration import reached_by_moves

Needs = dict[int, int]
"""The nodes of a row that others need: lsb, and the level by which."""


def fewest_of_all(width: int, depth: int) -> int:
    """Search all graphs, rows from the highest down, leaving out what is no better than known.

    A row chooses its nodes among those it may have besides the needed ones; that says by when its
    lower parents are needed. A row's upper parents follow from its own nodes.
    """
    least = 2 * width * depth
    seen: dict[tuple[int, tuple[tuple[tuple[int, int], ...], ...]], int] = {}

    def chains(msb: int, needs: Needs) -> list[list[tuple[int, int, int]]]:
        """Give all ways to fill a row, as (lsb, by when, lsb of the upper parent), output first."""
        found: list[list[tuple[int, int, int]]] = []

        def extend(lsb: int, level: int, chain: list[tuple[int, int, int]]) -> None:
            for upper in range(lsb + 1, msb + 1):
                if least_depth(upper - lsb) < level:
                    longer = [*chain, (lsb, level, upper)]
                    if upper == msb:
                        found.append(longer)
                    elif least_depth(msb - upper + 1) <= (
                        above := min(needs.get(upper, depth), level - 1)
                    ):
                        extend(upper, above, longer)
                if upper in needs:
                    break

        if least_depth(msb + 1) <= needs[0]:
            extend(0, needs[0], [])
        return sorted(found, key=len)

    def fill(msb: int, needs: list[Needs], size: int) -> None:
        nonlocal least
        if msb == 0:
            least = min(least, size)
            return
        rest = sum(len(needs[below]) for below in range(1, msb))
        state = (msb, tuple(tuple(sorted(needs[row].items())) for row in range(1, msb + 1)))
        if seen.get(state, size + 1) <= size:
            return
        seen[state] = size
        for chain in chains(msb, needs[msb]):
            if size + len(chain) + rest >= least:
                break
            below = [dict(row) for row in needs[:msb]]
            for lsb, level, upper in chain:
                if lsb < upper - 1:
                    row = below[upper - 1]
                    row[lsb] = min(row.get(lsb, depth), level - 1)
            fill(msb - 1, below, size + len(chain))

    least = min(
        structure(name, width).size for name in REGULAR if structure(name, width).depth <= depth
    )
    least += 1  # so that the least is found and not taken over
    fill(width - 1, [{0: depth} for _ in range(width)], 0)
    return least


composed = cache(compose)


@pytest.mark.parametrize("width", range(2, 7))
def test_no_graph_up_to_6_bits_is_smaller(width: int) -> None:
    figures = [(graph.depth, graph.size) for graph in reached_by_moves(width)]
    for depth in range(least_depth(width), width + 1):
        least = min(size for levels, size in figures if levels <= depth)
        assert composed(width, depth).size == least


@pytest.mark.parametrize("width", range(3, 9))
def test_no_graph_up_to_8_bits_is_smaller(width: int) -> None:
    for depth in range(least_depth(width), width):
        assert composed(width, depth).size == fewest_of_all(width, depth)


@pytest.mark.parametrize(("width", "nodes"), [(13, 21), (14, 24), (15, 27), (16, 31)])
def test_no_graph_of_13_to_16_bits_and_4_levels_is_smaller(width: int, nodes: int) -> None:
    # Snir's bound is not met here, and is met everywhere else up to 20 bits but for 8 at 3 levels
    assert composed(width, 4).size == fewest_of_all(width, 4) == nodes > snir_bound(width, 4)


def test_snirs_bound_is_met_up_to_20_bits_but_for_what_was_searched() -> None:
    above = {
        (width, depth)
        for width in range(2, 21)
        for depth in range(least_depth(width), width)
        if composed(width, depth).size > snir_bound(width, depth)
    }
    assert above == {(8, 3), (13, 4), (14, 4), (15, 4), (16, 4)}


def test_the_bound_is_met_up_to_the_widths_of_zero_deficiency_circuits() -> None:
    # Zhu, Cheng and Graham: at depth d the widest circuit that meets it has F(d + 3) - 1 inputs
    fibonacci = [0, 1]
    while len(fibonacci) < 14:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    for depth in range(3, 11):
        widest = fibonacci[depth + 3] - 1
        assert composed(widest, depth).size == snir_bound(widest, depth)
        if least_depth(widest + 1) <= depth:
            assert composed(widest + 1, depth).size > snir_bound(widest + 1, depth)


@pytest.mark.parametrize(
    ("width", "depth", "nodes"),
    [
        (8, 3, 12), (16, 4, 31), (16, 5, 25), (32, 5, 74), (32, 6, 56), (32, 7, 55), (32, 8, 54),
        (32, 9, 53), (64, 6, 167), (64, 7, 125), (64, 8, 118), (128, 7, 364), (128, 8, 272),
        (128, 9, 245), (256, 8, 773),
    ],
)  # fmt: skip
def test_the_nodes_at_listed_widths_are_known(width: int, depth: int, nodes: int) -> None:
    graph = composed(width, depth)
    assert graph == PrefixGraph.from_text(graph.text)
    assert (graph.width, graph.size) == (width, nodes)
    assert graph.depth <= depth


@given(st.integers(2, 40), st.integers(0, 40))
def test_a_composed_graph_keeps_its_depth_and_is_never_beaten(width: int, spare: int) -> None:
    depth = least_depth(width) + spare
    graph = composed(width, depth)
    assert graph.width == width
    assert graph.depth <= depth
    assert graph.size >= snir_bound(width, depth)
    regular = [structure(name, width) for name in REGULAR]
    assert graph.size <= min(other.size for other in regular if other.depth <= depth)


@given(st.integers(3, 40), st.integers(0, 8))
def test_more_depth_or_fewer_bits_never_need_more_nodes(width: int, spare: int) -> None:
    depth = least_depth(width) + spare
    size = composed(width, depth).size
    assert composed(width, depth + 1).size <= size
    assert composed(width - 1, depth).size < size


@pytest.mark.parametrize(("width", "depth"), [(64, 6), (64, 7), (128, 7), (128, 8), (128, 9)])
def test_adders_of_composed_graphs_add(width: int, depth: int) -> None:
    design = Design.of(composed(width, depth), Circuit("adder", width))
    assert counterexample(map_direct(design), design.circuit, vectors=200) is None


def test_every_call_gives_the_same_graph() -> None:
    assert compose(48, 6) == compose(48, 6)


@pytest.mark.parametrize("width", [1, 257])
def test_a_width_out_of_range_is_refused(width: int) -> None:
    with pytest.raises(ConfigError, match=f"between 2 and 256, actual value: {width}"):
        compose(width, 9)


def test_a_depth_that_no_graph_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="at 17 bits should be at least 5, actual value: 4"):
        compose(17, 4)
