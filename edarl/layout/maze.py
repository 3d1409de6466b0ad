"""Routing by rip-up and reroute: quick, without proof, and with metal even where it cannot fit.

Every net gets its cheapest tree in turn, by Dijkstra's algorithm; where nets meet or come too near,
the place becomes dearer for everybody, and the nets there are routed again. Source: McMurchie and
Ebeling, PathFinder (FPGA 1995), section 3. Design rules beyond nearness along a track are not
looked at: `edarl.layout.checks` finds what they say, `edarl/DrcFix-v0` is about mending it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edarl.errors import NetlistError
from edarl.layout.grid import Grid, Node, Terminal
from edarl.layout.router import Edge, Route, Routing

__all__ = ["route_by_ripup"]

_FIRST_PRICE = 20.0
_DEARER = 1.5
_REMEMBERED = 10.0
_HALF_COLUMN_NM = 27.0


@dataclass(slots=True)
class _Tree:
    """The metal of one net so far."""

    edges: set[Edge] = field(default_factory=set)
    nodes: set[Node] = field(default_factory=set)
    vias: list[tuple[Node, Terminal]] = field(default_factory=list)


def route_by_ripup(
    grid: Grid, *, rounds: int = 40, seed: int = 0, keep_apart: bool = True
) -> Routing:
    """Route all nets in the first metal.

    Args:
        grid: Nodes and terminals.
        rounds: How often nets are ripped up at most, >= 1.
        seed: Of the order of nets.
        keep_apart: Whether wires of two nets side by side on a track are to be avoided.

    Returns:
        The routes; status ``routed`` when no two nets share a node or, if asked for, are too near,
        else ``crowded``: then what is given has shorts or is too near.

    Raises:
        NetlistError: A net is shut in by nodes that only others can use.
    """
    rng = np.random.default_rng(seed)
    nets = grid.nets
    # A node that serves one net's only way to a terminal is closed to all others.
    owners = {
        terminal.nodes[0]: net
        for net, terminals in nets.items()
        for terminal in terminals
        if len(terminal.nodes) == 1
    }
    remembered: Counter[Node] = Counter()
    trees: dict[str, _Tree] = {net: _Tree() for net in nets}
    price = _FIRST_PRICE
    crowded = set(nets)
    for _ in range(rounds):
        for net in rng.permutation(sorted(crowded)).tolist():
            trees[net] = _Tree()
            taken = _taken(trees, keep_apart=keep_apart)
            trees[net] = _tree(grid, net, nets[net], owners, taken, remembered, price)
        conflicts = _conflicts(trees, keep_apart=keep_apart)
        if not conflicts:
            break
        crowded = set().union(*conflicts.values())
        for node in conflicts:
            remembered[node] += 1
        price *= _DEARER
    routes = tuple(
        Route(net, tuple(sorted(tree.nodes)), tuple(sorted(tree.edges)), tuple(tree.vias))
        for net, tree in trees.items()
    )
    crowds = bool(_conflicts(trees, keep_apart=keep_apart))
    return Routing(routes, "crowded" if crowds else "routed")


def _around(node: Node, *, keep_apart: bool) -> Iterator[Node]:
    """Give a node and those that a wire on it keeps from others."""
    x, y = node
    yield node
    if keep_apart:
        yield x - 1, y
        yield x + 1, y


def _taken(trees: dict[str, _Tree], *, keep_apart: bool) -> Counter[Node]:
    """Count how many nets keep others from each node."""
    return Counter(
        near
        for tree in trees.values()
        for near in {n for node in tree.nodes for n in _around(node, keep_apart=keep_apart)}
    )


def _conflicts(trees: dict[str, _Tree], *, keep_apart: bool) -> dict[Node, set[str]]:
    """Give the nodes that a net covers and another keeps it from, with those nets."""
    covered: dict[Node, set[str]] = {}
    for net, tree in trees.items():
        for node in tree.nodes:
            covered.setdefault(node, set()).add(net)
    found: dict[Node, set[str]] = {}
    for node, here in covered.items():
        for near in _around(node, keep_apart=keep_apart):
            others = covered.get(near, set())
            if len(here | others) > 1:
                found.setdefault(node, set()).update(here | others)
    return found


def _tree(
    grid: Grid,
    net: str,
    terminals: Sequence[Terminal],
    owners: dict[Node, str],
    taken: Counter[Node],
    remembered: Counter[Node],
    price: float,
) -> _Tree:
    """Join a net's terminals, each to what is nearest, starting with the most bound ones."""
    tree = _Tree()
    waiting = sorted(terminals, key=lambda terminal: (len(terminal.nodes), terminal.nodes))
    first = waiting.pop(0)

    def cost(node: Node) -> float:
        return price * taken[node] + _REMEMBERED * remembered[node]

    open_nodes = [node for node in first.nodes if owners.get(node, net) == net]
    start = min(open_nodes or first.nodes, key=cost)
    tree.nodes.add(start)
    tree.vias.append((start, first))
    closed = {node for node, owner in owners.items() if owner != net}
    while waiting:
        goals = {node: terminal for terminal in waiting for node in terminal.nodes}
        end, before = _search(tree.nodes, goals, grid, closed, cost)
        terminal = goals[end]
        tree.vias.append((end, terminal))
        waiting.remove(terminal)
        node = end
        while node in before:
            tree.edges.add((min(node, before[node]), max(node, before[node])))
            tree.nodes.add(node)
            node = before[node]
    return tree


def _search(
    starts: set[Node],
    goals: dict[Node, Terminal],
    grid: Grid,
    closed: set[Node],
    cost: Callable[[Node], float],
) -> tuple[Node, dict[Node, Node]]:
    """Give the goal that is nearest to a tree, and each node's predecessor on the way there."""
    inside = set(grid.nodes()) - closed
    reached = dict.fromkeys(starts, 0.0)
    before: dict[Node, Node] = {}
    heap = [(0.0, node) for node in sorted(starts)]
    while heap:
        so_far, node = heapq.heappop(heap)
        if so_far > reached[node]:
            continue
        if node in goals:
            return node, before
        x, y = node
        for other in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
            if other not in inside:
                continue
            tracks = grid.tracks_nm
            length = _HALF_COLUMN_NM if other[1] == y else abs(tracks[other[1]] - tracks[y])
            total = so_far + length + cost(other)
            if total < reached.get(other, float("inf")):
                reached[other] = total
                before[other] = node
                heapq.heappush(heap, (total, other))
    raise NetlistError(
        "a net cannot be routed: nodes that other nets alone can use stand all around it"
    )
