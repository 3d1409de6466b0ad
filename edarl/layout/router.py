"""Routing a placed cell by CP-SAT: shortest wires that keep the metals' rules.

Every net is a flow from its first terminal to its others over the edges of the grid. Which edges
and nodes may be used together follows from widths and spacings: wires a half column apart are too
near, tracks that are one pitch apart want long edges, and so do those beside the rails. A second
metal, where it is allowed, runs along the same tracks; vias lead up to it from the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edarl.errors import ConfigError
from edarl.layout.grid import Grid, Node, Terminal

__all__ = ["Edge", "Route", "Routing", "route_exactly"]

Edge = tuple[Node, Node]
"""Two neighbouring nodes, the left or the lower one first."""

_UPPER_FACTOR = 2
"""What a nanometre of the second metal costs against one of the first."""
_LIFT_NM = 100
"""What a via to the second metal costs: as much as so many nanometres."""


@dataclass(frozen=True, slots=True)
class Route:
    """The metal of one net.

    Attributes:
        net: The net.
        nodes: Nodes that the first metal covers.
        edges: Its edges between them, each from left to right or from below.
        vias: The node that serves each terminal, with the terminal.
        upper: Edges of the second metal.
        lifts: Nodes where a via joins the two metals.
    """

    net: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    vias: tuple[tuple[Node, Terminal], ...]
    upper: tuple[Edge, ...] = ()
    lifts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """What a router found.

    Attributes:
        routes: The nets' metal; empty when there is none.
        status: ``routed``; of exact routing ``impossible`` when it is proved that there is none, or
            ``unknown``; of rip-up ``crowded`` where nets meet or are too near.
    """

    routes: tuple[Route, ...]
    status: str


def route_exactly(
    grid: Grid,
    *,
    second_metal: bool = False,
    limit_s: float = 30.0,
    gap: float = 0.0,
    seed: int = 0,
    threads: int = 1,
) -> Routing:
    """Route all nets of a grid with short wires.

    Args:
        grid: Nodes and terminals.
        second_metal: Whether wires may use the second metal; it costs more than the first.
        limit_s: Most seconds.
        gap: Wires that are proved to be so much longer than the shortest, at most, will do.
        seed: Of the solver.
        threads: Of the solver.

    Raises:
        ConfigError: OR-tools is not installed.
    """
    try:
        from ortools.sat.python import cp_model
    except ImportError as error:
        raise ConfigError(
            "routing needs the package ortools, which is not installed; install it with: "
            "pip install 'edarl[layout]'"
        ) from error
    model = cp_model.CpModel()
    wires = _Wires(model, grid, second_metal=second_metal)
    model.minimize(wires.cost())
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = limit_s
    solver.parameters.relative_gap_limit = gap
    solver.parameters.random_seed = seed
    solver.parameters.num_workers = threads
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return Routing((), "impossible")
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Routing((), "unknown")
    return Routing(tuple(wires.route(net, solver) for net in grid.nets), "routed")


class _Wires:
    """The model: what each net uses of both metals, and which of it may be together.

    Attributes:
        at: Whether a net covers a node with the first metal.
        along: Whether a net's first metal runs along an edge.
        above: Whether a net covers a node with the second metal.
        upper: Whether a net's second metal runs along an edge.
        lifts: Whether a via joins a net's metals at a node.
        served: Whether a node serves a net's terminal, by the terminal's number.
    """

    def __init__(self, model: Any, grid: Grid, *, second_metal: bool) -> None:
        self.model = model
        self.grid = grid
        self.nodes = list(grid.nodes())
        inside = set(self.nodes)
        self.edges: list[Edge] = [
            ((x, y), other)
            for x, y in self.nodes
            for other in ((x + 1, y), (x, y + 1))
            if other in inside
        ]
        self.level = [edge for edge in self.edges if edge[0][1] == edge[1][1]]
        nets = grid.nets
        # A node that serves one net's only way to a terminal is closed to all others.
        forced = {
            terminal.nodes[0]: net
            for net, terminals in nets.items()
            for terminal in terminals
            if len(terminal.nodes) == 1
        }
        open_nodes = [(n, node) for n in nets for node in self.nodes if forced.get(node, n) == n]
        self.at = self._bools("", open_nodes)
        self.along = self._edges("", self.edges, self.at)
        upper_nodes = [(n, node) for n in nets for node in self.nodes] if second_metal else []
        self.above = self._bools("above ", upper_nodes)
        self.upper = self._edges("above ", self.level if second_metal else [], self.above)
        self.lifts = self._bools("lift ", [key for key in self.at if key in self.above])
        for key, lift in self.lifts.items():
            model.add_implication(lift, self.at[key])
            model.add_implication(lift, self.above[key])
        self.served: dict[tuple[str, int, Node], Any] = {}
        for net, terminals in nets.items():
            self._connect(net, terminals)
        self.any_node = {node: self._once(self.at, node) for node in self.nodes}
        self.any_edge = {edge: self._total(self.along, edge) for edge in self.edges}
        self._keep_first_metal()
        if second_metal:
            self._keep_second_metal()

    def cost(self) -> Any:
        """Give the length of all wires, in nanometres, with what the second metal costs more."""
        return (
            sum(self._length(edge) * used for (_, edge), used in self.along.items())
            + sum(
                _UPPER_FACTOR * self._length(edge) * used for (_, edge), used in self.upper.items()
            )
            + sum(_LIFT_NM * used for used in self.lifts.values())
        )

    def route(self, net: str, solver: Any) -> Route:
        """Read what a net uses from a solution."""

        def used(of: Mapping[tuple[str, Any], Any]) -> tuple[Any, ...]:
            return tuple(
                key for (name, key), var in of.items() if name == net and solver.value(var)
            )

        vias = tuple(
            (node, terminal)
            for index, terminal in enumerate(self.grid.nets[net])
            for node in terminal.nodes
            if (net, index, node) in self.served and solver.value(self.served[net, index, node])
        )
        edges = used(self.along)
        upper, lifts = _pruned(used(self.upper), used(self.lifts))
        covered = {end for edge in edges for end in edge} | {node for node, _ in vias} | {*lifts}
        return Route(net, tuple(sorted(covered)), edges, vias, upper, lifts)

    # ---------------------------------------------------------------- variables

    def _bools(self, what: str, keys: Iterable[tuple[str, Node]]) -> dict[tuple[str, Node], Any]:
        return {(net, node): self.model.new_bool_var(f"{what}{net}@{node}") for net, node in keys}

    def _edges(
        self, what: str, edges: Sequence[Edge], at: Mapping[tuple[str, Node], Any]
    ) -> dict[tuple[str, Edge], Any]:
        """Make a variable per net and edge whose ends the net may cover; it covers them then."""
        found = {}
        for net in self.grid.nets:
            for edge in edges:
                if all((net, end) in at for end in edge):
                    found[net, edge] = self.model.new_bool_var(f"{what}{net}:{edge}")
                    for end in edge:
                        self.model.add_implication(found[net, edge], at[net, end])
        return found

    def _once(self, of: Mapping[tuple[str, Any], Any], key: Hashable) -> Any:
        """Let at most one net use something; give whether any does."""
        here = [of[net, key] for net in self.grid.nets if (net, key) in of]
        self.model.add_at_most_one(here)
        return sum(here)

    def _total(self, of: Mapping[tuple[str, Any], Any], key: Hashable) -> Any:
        return sum(of[net, key] for net in self.grid.nets if (net, key) in of)

    def _length(self, edge: Edge) -> int:
        """Give an edge's length in nm; half columns count as the mean distance of tracks."""
        (_, y0), (_, y1) = edge
        tracks = self.grid.tracks_nm
        if y0 == y1:
            return round((tracks[-1] - tracks[0]) / (2 * len(tracks) - 2))
        return round(abs(tracks[y1] - tracks[y0]))

    # ---------------------------------------------------------------- nets

    def _connect(self, net: str, terminals: Sequence[Terminal]) -> None:
        """Let flow go from the net's first terminal to each other one, over used edges only."""
        model = self.model
        for index, terminal in enumerate(terminals):
            ways = []
            for node in terminal.nodes:
                if (net, node) in self.at:
                    way = model.new_bool_var(f"{net}#{index}{node}")
                    model.add_implication(way, self.at[net, node])
                    self.served[net, index, node] = way
                    ways.append(way)
            model.add_exactly_one(ways)
        most = len(terminals) - 1
        balance: dict[tuple[Node, bool], list[Any]] = {}

        def flow(used: Any, one: tuple[Node, bool], other: tuple[Node, bool]) -> None:
            for source, sink in ((one, other), (other, one)):
                amount = model.new_int_var(0, most, "")
                model.add(amount <= most * used)
                balance.setdefault(source, []).append(-amount)
                balance.setdefault(sink, []).append(amount)

        if most:
            for of, above in ((self.along, False), (self.upper, True)):
                for (name, edge), used in of.items():
                    if name == net:
                        flow(used, (edge[0], above), (edge[1], above))
            for (name, node), used in self.lifts.items():
                if name == net:
                    flow(used, (node, False), (node, True))
        for node in self.nodes:
            wanted = [
                self.served[net, index, node] * (-most if index == 0 else 1)
                for index in range(len(terminals))
                if (net, index, node) in self.served
            ]
            for above in (False, True):
                gone = balance.get((node, above), [])
                if gone or (wanted and not above):
                    model.add(sum(gone) == (0 if above else sum(wanted)))

    # ---------------------------------------------------------------- rules

    def _keep_first_metal(self) -> None:
        model, any_node, any_edge = self.model, self.any_node, self.any_edge
        for (x, y), here in any_node.items():
            beside = (x + 1, y)
            if beside in any_node:
                # Two nodes side by side are one wire or too near.
                model.add(here + any_node[beside] - any_edge[(x, y), beside] <= 1)
                above, above_beside = (x, y + 1), (x + 1, y + 1)
                if above in any_node:
                    model.add(any_edge[(x, y), above] + any_edge[beside, above_beside] <= 1)
            level = self._level_edges(x, y)
            if y in (0, len(self.grid.tracks_nm) - 1):
                model.add(sum(level) >= here)
            for near in self._near(y):
                edge = ((x, min(y, near)), (x, max(y, near)))
                # Both there, not joined: then this one needs a long edge.
                model.add(sum(level) + any_edge[edge] >= here + any_node[x, near] - 1)
                if near > y:
                    self._keep_from_turning_back(edge, -1)
                    self._keep_from_turning_back(edge, 1)

    def _keep_from_turning_back(self, joint: Edge, step: int) -> None:
        """Let wires on near tracks that are joined run side by side for two half columns or none.

        The notch between them would be too narrow for its short edges.
        """
        any_edge = self.any_edge
        legs = []
        for x, y in joint:
            near, far = (
                ((min(a, b), y), (max(a, b), y))
                for a, b in ((x, x + step), (x + step, x + 2 * step))
            )
            legs.append((any_edge.get(near), any_edge.get(far, 0)))
        (low, low_far), (high, high_far) = legs
        if low is not None and high is not None:
            for far in (low_far, high_far):
                self.model.add(any_edge[joint] + low + high <= 2 + far)

    def _keep_second_metal(self) -> None:
        """Keep the second metal's rules, and those of the vias that lead to it."""
        model = self.model
        any_above = {node: self._once(self.above, node) for node in self.nodes}
        any_upper = {edge: self._total(self.upper, edge) for edge in self.level}
        any_lift = {node: self._total(self.lifts, node) for node in self.nodes}
        for (x, y), here in any_above.items():
            beside = (x + 1, y)
            if beside in any_above:
                # As in the first metal; and vias side by side are too near.
                model.add(here + any_above[beside] - any_upper[(x, y), beside] <= 1)
                model.add(any_lift[x, y] + any_lift[beside] <= 1)
            level = [any_upper[edge] for edge in self._level(x, y)]
            model.add(sum(level) >= here)  # a node alone would be too small
            for near in self._near(y):
                # There the first metal may reach beyond a via along the track alone.
                level = self._level_edges(x, y)
                model.add(sum(level) >= any_lift[x, y])
                # And not beside a joint with the near track, so there the wire has to go through.
                joint = self.any_edge[(x, min(y, near)), (x, max(y, near))]
                for edge in level if len(level) == 2 else (0,):
                    model.add(any_lift[x, y] + joint - edge <= 1)
                for side in (x - 1, x + 1):
                    if (side, near) not in any_above:
                        continue
                    model.add(any_lift[x, y] + any_lift[side, near] <= 1)
                    mine, theirs = (
                        ((min(x, side), track), (max(x, side), track)) for track in (y, near)
                    )
                    # Where the wire ends at the via, no corner may come near its longer end.
                    model.add(
                        any_lift[x, y]
                        + self.any_node[side, near]
                        - self.any_edge[theirs]
                        - self.any_edge[mine]
                        <= 1
                    )

    def _near(self, track: int) -> list[int]:
        """Give the tracks that are one pitch from a track."""
        pairs = self.grid.near_tracks
        return [b for a, b in pairs if a == track] + [a for a, b in pairs if b == track]

    def _level(self, x: int, y: int) -> list[Edge]:
        """Give the edges along the track on both sides of a node."""
        both = (((x - 1, y), (x, y)), ((x, y), (x + 1, y)))
        return [edge for edge in both if edge in self.any_edge]

    def _level_edges(self, x: int, y: int) -> list[Any]:
        return [self.any_edge[edge] for edge in self._level(x, y)]


def _pruned(
    upper: Sequence[Edge], lifts: Sequence[Node]
) -> tuple[tuple[Edge, ...], tuple[Node, ...]]:
    """Leave out second metal that joins nothing, which a search without proof may have drawn."""
    kept, ends = set(upper), set(lifts)
    while True:
        degree = Counter(end for edge in kept for end in edge)
        loose = {edge for edge in kept if any(degree[end] == 1 and end not in ends for end in edge)}
        if not loose:
            return tuple(sorted(kept)), tuple(sorted(ends & degree.keys()))
        kept -= loose
