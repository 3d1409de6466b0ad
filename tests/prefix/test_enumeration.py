"""All legal graphs at small widths, counted in independent ways."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from edarl.prefix.graph import Move, PrefixGraph
from tests.prefix import slow
from tests.prefix.test_moves import check_all_moves

LEGAL_GRAPHS = {2: 1, 3: 2, 4: 7, 5: 43, 6: 471}


def legal_by_definition(width: int) -> set[frozenset[slow.Pair]]:
    """Try every set of interior nodes."""
    tried = (slow.complete(width, nodes) for nodes in slow.subsets(slow.interior(width)))
    return {frozenset(nodes) for nodes in tried if slow.is_legal(nodes)}


def counted_by_rows(width: int) -> int:
    """Choose the rows from the highest down; each must hold what those above need of it."""

    @cache
    def ways(msb: int, needed: tuple[frozenset[int], ...]) -> int:
        if msb < 2:
            return 1
        free = [lsb for lsb in range(1, msb) if lsb not in needed[msb]]
        total = 0
        for choice in range(1 << len(free)):
            row = needed[msb] | {lsb for index, lsb in enumerate(free) if choice >> index & 1}
            below = list(needed[:msb])
            descending = [msb, *sorted(row, reverse=True)]
            for upper, lsb in pairwise(descending):
                if lsb < upper - 1:
                    below[upper - 1] |= {lsb}
            total += ways(msb - 1, tuple(below))
        return total

    return ways(width - 1, (frozenset(),) * width)


def reached_by_moves(width: int) -> set[PrefixGraph]:
    """Follow every legal move from ripple until nothing new appears."""
    found = {PrefixGraph.legalise(width)}
    waiting = list(found)
    while waiting:
        graph = waiting.pop()
        for plane, msb, lsb in np.argwhere(graph.legal_moves()).tolist():
            after = graph.apply(Move("delete" if plane else "add", msb, lsb))
            if after not in found:
                found.add(after)
                waiting.append(after)
    return found


@pytest.mark.parametrize(("width", "count"), LEGAL_GRAPHS.items())
def test_the_number_of_legal_graphs_is_known(width: int, count: int) -> None:
    assert len(legal_by_definition(width)) == counted_by_rows(width) == count


@pytest.mark.parametrize("width", LEGAL_GRAPHS)
def test_moves_reach_every_legal_graph_from_ripple(width: int) -> None:
    reached = {frozenset(slow.complete(width, graph.nodes())) for graph in reached_by_moves(width)}
    assert reached == legal_by_definition(width)


@pytest.mark.parametrize("width", [3, 4, 5])
def test_ripple_is_reached_from_every_legal_graph_by_deletes(width: int) -> None:
    for nodes in legal_by_definition(width):
        graph = PrefixGraph.from_nodes(width, nodes)
        while graph.minlist().any():
            msb, lsb = np.argwhere(graph.minlist())[-1].tolist()
            graph = graph.apply(Move("delete", msb, lsb))
        assert graph == PrefixGraph.legalise(width)


@pytest.mark.parametrize("width", [3, 4, 5])
def test_every_move_of_every_graph_equals_the_slow_reference(width: int) -> None:
    for nodes in legal_by_definition(width):
        check_all_moves(PrefixGraph.from_nodes(width, nodes))


def test_no_graph_of_6_bits_beats_the_known_bounds() -> None:
    # Snir: size + depth >= 2 * width - 2; ripple meets it
    figures = {(graph.size, graph.depth) for graph in reached_by_moves(6)}
    assert min(size + depth for size, depth in figures) == 2 * 6 - 2
    assert min(depth for _, depth in figures) == 3
    assert min(size for size, depth in figures if depth == 3) == 7
