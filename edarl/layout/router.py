"""Routing a placed cell in one metal layer, by CP-SAT: shortest wires that keep the metal's rules.

Every net is a flow from its first terminal to its others over the edges of the grid. Which edges
and nodes may be used together follows from widths and spacings: wires a half column apart are too
near, tracks that are one pitch apart want long edges, and so do those beside the rails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edarl.errors import ConfigError
from edarl.layout.grid import Grid, Node, Terminal

__all__ = ["Route", "Routing", "route_exactly"]

Edge = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Route:
    """The metal of one net.

    Attributes:
        net: The net.
        nodes: Nodes it covers.
        edges: Edges between them, each from left to right or from below.
        vias: The node that serves each terminal, with the terminal.
    """

    net: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    vias: tuple[tuple[Node, Terminal], ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """What a router found.

    Attributes:
        routes: The nets' metal; empty when there is none.
        status: ``routed``, ``impossible`` when it is proved that there is none, or ``unknown``.
    """

    routes: tuple[Route, ...]
    status: str


def route_exactly(grid: Grid, *, limit_s: float = 30.0, seed: int = 0, threads: int = 1) -> Routing:
    """Route all nets of a grid with short wires.

    Args:
        grid: Nodes and terminals.
        limit_s: Most seconds.
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
    nodes = list(grid.nodes())
    inside = set(nodes)
    edges: list[Edge] = [
        ((x, y), other) for x, y in nodes for other in ((x + 1, y), (x, y + 1)) if other in inside
    ]
    nets = grid.nets
    # A node that serves one net's only way to a terminal is closed to all others.
    forced = {
        terminal.nodes[0]: net
        for net, terminals in nets.items()
        for terminal in terminals
        if len(terminal.nodes) == 1
    }
    node_used = {
        (net, node): model.new_bool_var(f"{net}@{node}")
        for net in nets
        for node in nodes
        if forced.get(node, net) == net
    }
    edge_used = {
        (net, edge): model.new_bool_var(f"{net}:{edge}")
        for net in nets
        for edge in edges
        if all((net, end) in node_used for end in edge)
    }
    at: dict[tuple[str, Node], list[Any]] = {}
    for (net, edge), used in edge_used.items():
        for end in edge:
            model.add_implication(used, node_used[net, end])
            at.setdefault((net, end), []).append(used)
    served: dict[tuple[str, int, Node], Any] = {}
    for net, terminals in nets.items():
        _connect(model, net, terminals, nodes, node_used, edge_used, served)
    any_node: dict[Node, Any] = {}
    for node in nodes:
        here = [node_used[net, node] for net in nets if (net, node) in node_used]
        model.add_at_most_one(here)
        any_node[node] = sum(here)
    any_edge = {
        edge: sum(edge_used[net, edge] for net in nets if (net, edge) in edge_used)
        for edge in edges
    }
    _keep_rules(model, grid, any_node, any_edge)
    steps = {edge: _length(edge, grid) for edge in edges}
    model.minimize(sum(steps[edge] * used for (_, edge), used in edge_used.items()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = limit_s
    solver.parameters.random_seed = seed
    solver.parameters.num_workers = threads
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return Routing((), "impossible")
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Routing((), "unknown")
    routes = []
    for net, terminals in nets.items():
        vias = tuple(
            (node, terminal)
            for index, terminal in enumerate(terminals)
            for node in terminal.nodes
            if (net, index, node) in served and solver.value(served[net, index, node])
        )
        wires = tuple(
            edge
            for edge in edges
            if (net, edge) in edge_used and solver.value(edge_used[net, edge])
        )
        covered = {end for edge in wires for end in edge} | {node for node, _ in vias}
        routes.append(Route(net, tuple(sorted(covered)), wires, vias))
    return Routing(tuple(routes), "routed")


def _length(edge: Edge, grid: Grid) -> int:
    """Give an edge's length in nanometres; half columns count as the mean distance of tracks."""
    (_, y0), (_, y1) = edge
    tracks = grid.tracks_nm
    if y0 == y1:
        return round((tracks[-1] - tracks[0]) / (2 * len(tracks) - 2))
    return round(abs(tracks[y1] - tracks[y0]))


def _connect(
    model: Any,
    net: str,
    terminals: Sequence[Terminal],
    nodes: Sequence[Node],
    node_used: dict[tuple[str, Node], Any],
    edge_used: dict[tuple[str, Edge], Any],
    served: dict[tuple[str, int, Node], Any],
) -> None:
    """Let flow go from the net's first terminal to each other one, over used edges only."""
    for index, terminal in enumerate(terminals):
        ways = []
        for node in terminal.nodes:
            if (net, node) in node_used:
                way = model.new_bool_var(f"{net}#{index}{node}")
                model.add_implication(way, node_used[net, node])
                served[net, index, node] = way
                ways.append(way)
        model.add_exactly_one(ways)
    most = len(terminals) - 1
    balance: dict[Node, list[Any]] = {node: [] for node in nodes}
    if most:
        for (name, edge), used in edge_used.items():
            if name != net:
                continue
            for one, other in (edge, edge[::-1]):
                flow = model.new_int_var(0, most, "")
                model.add(flow <= most * used)
                balance[one].append(-flow)
                balance[other].append(flow)
    for node in nodes:
        if (net, node) not in node_used:
            continue
        wanted = [
            served[net, index, node] * (-most if index == 0 else 1)
            for index in range(len(terminals))
            if (net, index, node) in served
        ]
        if balance[node] or wanted:
            model.add(sum(balance[node]) == sum(wanted))


def _keep_rules(
    model: Any,
    grid: Grid,
    any_node: dict[Node, Any],
    any_edge: dict[Edge, Any],
) -> None:
    for (x, y), here in any_node.items():
        beside = (x + 1, y)
        if beside in any_node:
            # Two nodes side by side are one wire or too near.
            model.add(here + any_node[beside] - any_edge[(x, y), beside] <= 1)
            above, above_beside = (x, y + 1), (x + 1, y + 1)
            if above in any_node:
                model.add(any_edge[(x, y), above] + any_edge[beside, above_beside] <= 1)
        level = [
            any_edge[edge]
            for edge in (((x - 1, y), (x, y)), ((x, y), (x + 1, y)))
            if edge in any_edge
        ]
        if y in (0, len(grid.tracks_nm) - 1):
            model.add(sum(level) >= here)
        for low, high in grid.near_tracks:
            for mine, other in ((low, high), (high, low)):
                if y == mine:
                    edge = ((x, low), (x, high))
                    # Both there, not joined: then this one needs a long edge.
                    model.add(sum(level) + any_edge[edge] >= here + any_node[x, other] - 1)
