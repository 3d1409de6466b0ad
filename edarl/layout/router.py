"""Routing a placed cell by CP-SAT: short wires that keep the rules, or the proof of none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from edarl.layout.grid import Grid, Node
from edarl.layout.solver import cp_model, new_solver
from edarl.layout.wires import Edge, Route, Wires

__all__ = ["Edge", "Route", "Routing", "route_exactly"]


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
    polish: float = 4.0,
    seed: int = 0,
    hint: Mapping[Hashable, bool] | None = None,
) -> Routing:
    """Route all nets of a grid, then look for shorter wires.

    Args:
        grid: Nodes and terminals.
        second_metal: Whether wires may use the second metal, which costs more than the first.
        limit_s: Most seconds until there are wires.
        polish: Effort for shorter ones, in the solver's own seconds, which do not hang on the load
            of the machine; 0 takes the first.
        seed: Of the solver.
        hint: Wires to begin with, of `edarl.layout.wires.Wires.values`.

    Raises:
        ConfigError: OR-tools is not installed.
    """
    cp = cp_model("routing")
    model = cp.CpModel()
    nets = grid.nets
    wires = Wires(
        model,
        list(nets),
        grid.half_columns,
        grid.tracks_nm,
        grid.near_tracks,
        second_metal=second_metal,
    )
    served: dict[tuple[str, int, Node], Any] = {}
    roots: dict[Node, list[Any]] = {}
    for net, terminals in nets.items():
        for index, terminal in enumerate(terminals):
            ways = [model.new_bool_var("") for _ in terminal.nodes]
            model.add_exactly_one(ways)
            for node, way in zip(terminal.nodes, ways, strict=True):
                model.add_implication(way, wires.at[net, node])
                served[net, index, node] = way
                if index == 0:
                    roots.setdefault(node, []).append(way)
    wires.grow(roots)
    if hint is not None:
        wires.hint(hint)

    def read(solver: Any) -> Routing:
        return Routing(
            tuple(
                wires.route(
                    net,
                    [
                        (node, terminal)
                        for index, terminal in enumerate(terminals)
                        for node in terminal.nodes
                        if solver.value(served[net, index, node])
                    ],
                    solver,
                )
                for net, terminals in nets.items()
            ),
            "routed",
        )

    solver = new_solver(cp, limit_s, seed)
    status = solver.solve(model)
    if status == cp.INFEASIBLE:
        return Routing((), "impossible")
    if status not in (cp.OPTIMAL, cp.FEASIBLE):
        return Routing((), "unknown")
    first = read(solver)
    if not polish:
        return first
    model.clear_hints()
    wires.hint(wires.values(solver))
    model.minimize(wires.cost())
    solver = new_solver(cp, 10 * polish, seed)
    solver.parameters.max_deterministic_time = polish
    return read(solver) if solver.solve(model) in (cp.OPTIMAL, cp.FEASIBLE) else first
