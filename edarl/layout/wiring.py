"""Small changes of a routed cell's first metal that keep every net whole and apart from others.

A change lays or takes a piece of wire between two neighbouring nodes, moves the via of a terminal
to another of its nodes, or shifts a straight run of wire sideways. A piece may end in the open; it
widens what is too small. Design rules are not looked at here: which changes mend them is for
whoever makes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from edarl.layout.grid import Grid, Node, Terminal
from edarl.layout.router import Edge, Route
from edarl.layout.wires import without_loose

__all__ = ["Wiring"]


@dataclass(frozen=True)
class Wiring:
    """The first metal of a routed cell.

    Attributes:
        grid: Nodes and terminals.
        routes: The nets' metal.
    """

    grid: Grid
    routes: tuple[Route, ...]

    @cached_property
    def owners(self) -> Mapping[Node, str]:
        """The net whose metal covers each node."""
        return {node: route.net for route in self.routes for node in route.nodes}

    @cached_property
    def by_net(self) -> Mapping[str, Route]:
        """The routes by net."""
        return {route.net: route for route in self.routes}

    @property
    def is_sound(self) -> bool:
        """Whether every net joins all its terminals, and no two nets share a node."""
        nodes = [node for route in self.routes for node in route.nodes]
        return len(nodes) == len(set(nodes)) and all(map(_is_whole, self.routes))

    def toggled(self, edge: Edge) -> Wiring | None:
        """Lay a piece of wire where there is none, or take away the one that is there.

        Args:
            edge: Two neighbouring nodes, the left or the lower one first.

        Returns:
            The changed wiring; None where it would join two nets, divide one, or belong to none.
        """
        one, other = edge
        nets = {net for net in (self.owners.get(one), self.owners.get(other)) if net is not None}
        if len(nets) != 1:
            return None
        route = self.by_net[nets.pop()]
        if edge in route.edges:
            left = self._changed(route, [each for each in route.edges if each != edge], route.vias)
            return self._with(route, left) if _is_whole(left) else None
        if any(self._only_ways.get(node, route.net) != route.net for node in edge):
            return None
        # What grows from a whole net stays whole.
        return self._with(route, self._changed(route, [*route.edges, edge], route.vias))

    def moved(self, node: Node) -> Wiring | None:
        """Move to a node the via of the terminal that it is one of; None where that cannot be."""
        net = self.owners.get(node)
        if net is None:
            return None
        route = self.by_net[net]
        for index, (at, terminal) in enumerate(route.vias):
            if node in terminal.nodes and at != node:
                vias = [*route.vias[:index], (node, terminal), *route.vias[index + 1 :]]
                moved = self._changed(route, route.edges, vias)
                return self._with(route, moved) if _is_whole(moved) else None
        return None

    def shifted(self, edge: Edge, step: int) -> Wiring | None:
        """Shift the straight run of wire around an edge sideways, joined at both ends as before.

        Args:
            edge: A piece of the run.
            step: 1 to the right or upwards, -1 to the left or downwards.

        Returns:
            The changed wiring; None where there is no wire, or no room beside it.
        """
        net = self.owners.get(edge[0])
        if net is None or edge not in self.by_net[net].edges:
            return None
        route = self.by_net[net]
        edges, vias = set(route.edges), {at for at, _ in route.vias}
        run = _run(edge, edges, vias)
        level = edge[0][1] == edge[1][1]
        dx, dy = (0, step) if level else (step, 0)

        def beside(node: Node) -> Node:
            return node[0] + dx, node[1] + dy

        added = {(beside(one), beside(other)) for one, other in run}
        for end in (run[0][0], run[-1][1]):
            added.add((min(end, beside(end)), max(end, beside(end))))
        nodes = {node for piece in added for node in piece}
        if any(not self._is_open(node, net) for node in nodes):
            return None
        left = without_loose((edges - set(run)) | added, vias)
        if left == edges:
            return None
        changed = self._changed(route, sorted(left), route.vias)
        return self._with(route, changed) if _is_whole(changed) else None

    def _is_open(self, node: Node, net: str) -> bool:
        """Say whether a net may cover a node."""
        x, y = node
        return (
            1 <= x < self.grid.half_columns
            and 0 <= y < len(self.grid.tracks_nm)
            and self.owners.get(node, net) == net
            and self._only_ways.get(node, net) == net
        )

    @cached_property
    def _only_ways(self) -> Mapping[Node, str]:
        """Nodes that are the only way to a terminal, with its net; closed to all others."""
        terminals = self.grid.terminals
        return {each.nodes[0]: each.net for each in terminals if len(each.nodes) == 1}

    def _changed(
        self, route: Route, edges: Sequence[Edge], vias: Sequence[tuple[Node, Terminal]]
    ) -> Route:
        covered = {end for edge in edges for end in edge} | {at for at, _ in vias}
        return replace(
            route, nodes=tuple(sorted(covered)), edges=tuple(sorted(edges)), vias=tuple(vias)
        )

    def _with(self, route: Route, changed: Route) -> Wiring:
        routes = (changed if each is route else each for each in self.routes)
        return Wiring(self.grid, tuple(routes))


def _is_whole(route: Route) -> bool:
    """Say whether a net's metal is one piece that holds all its vias."""
    beside: dict[Node, list[Node]] = {}
    for one, other in route.edges:
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    reached = {route.nodes[0]}
    waiting = [route.nodes[0]]
    while waiting:
        for other in beside.get(waiting.pop(), ()):
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached == set(route.nodes) and all(at in reached for at, _ in route.vias)


def _run(edge: Edge, edges: set[Edge], vias: set[Node]) -> list[Edge]:
    """Give the straight pieces around one that nothing branches off from, in order."""
    dx, dy = edge[1][0] - edge[0][0], edge[1][1] - edge[0][1]
    run = [edge]
    degree = Counter(end for each in edges for end in each)
    for place, node, sign in ((0, edge[0], -1), (len(run), edge[1], 1)):
        while node not in vias and degree[node] == 2:
            other = node[0] + sign * dx, node[1] + sign * dy
            piece = (min(node, other), max(node, other))
            if piece not in edges:
                break
            run.insert(place if sign < 0 else len(run), piece)
            node = other
    return run
