"""The definitions of a prefix graph once more: sets of pairs, slow, straight from their wording."""

from collections.abc import Iterable
from itertools import combinations

__all__ = [
    "Pair",
    "added",
    "complete",
    "deleted",
    "fanouts",
    "interior",
    "is_legal",
    "legalised",
    "levels",
    "lower_parent",
    "minlist",
    "subsets",
    "upper_parent",
]

Pair = tuple[int, int]


def interior(width: int) -> list[Pair]:
    """Every cell that a move can touch."""
    return [(msb, lsb) for msb in range(width) for lsb in range(1, msb)]


def complete(width: int, nodes: Iterable[Pair]) -> set[Pair]:
    """The nodes with all inputs and outputs."""
    return {*nodes, *((bit, bit) for bit in range(width)), *((bit, 0) for bit in range(width))}


def upper_parent(nodes: set[Pair], node: Pair) -> Pair:
    msb, lsb = node
    return msb, min(other for row, other in nodes if row == msb and other > lsb)


def lower_parent(nodes: set[Pair], node: Pair) -> Pair:
    return upper_parent(nodes, node)[1] - 1, node[1]


def operators(nodes: set[Pair]) -> set[Pair]:
    return {(msb, lsb) for msb, lsb in nodes if msb > lsb}


def is_legal(nodes: set[Pair]) -> bool:
    return all(lower_parent(nodes, node) in nodes for node in operators(nodes))


def minlist(nodes: set[Pair]) -> set[Pair]:
    lower_parents = {lower_parent(nodes, node) for node in operators(nodes)}
    return {(msb, lsb) for msb, lsb in nodes if 0 < lsb < msb} - lower_parents


def legalised(width: int, nodes: Iterable[Pair]) -> set[Pair]:
    """From the highest row down, inside a row from high lsb to low, add missing lower parents."""
    legal = complete(width, nodes)
    for msb in reversed(range(width)):
        for lsb in reversed(range(msb)):
            if (msb, lsb) in legal:
                legal.add(lower_parent(legal, (msb, lsb)))
    return legal


def added(width: int, nodes: set[Pair], node: Pair) -> set[Pair]:
    """The graph after adding a node: its minlist without what has become a lower parent."""
    with_node = nodes | {node}
    now_lower_parents = {lower_parent(with_node, each) for each in operators(with_node)}
    return legalised(width, (minlist(nodes) | {node}) - now_lower_parents)


def deleted(width: int, nodes: set[Pair], node: Pair) -> set[Pair]:
    return legalised(width, minlist(nodes) - {node})


def levels(nodes: set[Pair]) -> dict[Pair, int]:
    known: dict[Pair, int] = {}

    def level(node: Pair) -> int:
        if node[0] == node[1]:
            return 0
        if node not in known:
            known[node] = 1 + max(
                level(upper_parent(nodes, node)), level(lower_parent(nodes, node))
            )
        return known[node]

    return {node: level(node) for node in nodes}


def fanouts(nodes: set[Pair]) -> dict[Pair, int]:
    uses = [
        parent
        for node in operators(nodes)
        for parent in (upper_parent(nodes, node), lower_parent(nodes, node))
    ]
    return {node: uses.count(node) for node in nodes}


def subsets(items: list[Pair]) -> Iterable[tuple[Pair, ...]]:
    for size in range(len(items) + 1):
        yield from combinations(items, size)
