"""Rip-up and reroute: nets are whole; what it calls routed has no net too near another."""

import pytest

from edarl.errors import NetlistError
from edarl.layout.grid import Grid, Terminal, grid_of
from edarl.layout.maze import route_by_ripup
from edarl.layout.netlist import basic_cells
from edarl.layout.technology import load_technology
from edarl.layout.wiring import Wiring
from edarl.search.cells import anneal_placement

ASAP7 = load_technology("asap7")
BASIC = basic_cells()
DRAWING = ASAP7.drawn()


def placed(name):
    return anneal_placement(BASIC[name], ASAP7, evaluations=200, seed=0).placement


@pytest.mark.parametrize("name", ["INV", "NAND2", "NOR2", "AOI21"])
def test_small_cells_are_routed_whole_and_apart(name):
    grid = grid_of(placed(name))
    routing = route_by_ripup(grid)
    assert routing.status == "routed"
    assert Wiring(grid, routing.routes).is_sound
    owners = {node: route.net for route in routing.routes for node in route.nodes}
    for (x, y), net in owners.items():
        assert owners.get((x + 1, y), net) == net
    for route in routing.routes:
        assert len(route.vias) == len(grid.nets[route.net])
        assert all(node in terminal.nodes for node, terminal in route.vias)


def test_equal_seeds_route_alike():
    grid = grid_of(placed("AOI21"))
    assert route_by_ripup(grid, seed=3) == route_by_ripup(grid, seed=3)


def crossing(*more):
    terminals = [("a", (2, 2)), ("a", (10, 2)), ("b", (6, 0)), ("b", (6, 2)), ("b", (6, 4)), *more]
    return Grid(
        12,
        DRAWING.tracks_nm,
        DRAWING.near_tracks,
        tuple(Terminal(net, (node,)) for net, node in terminals),
    )


def test_nets_that_must_cross_are_crowded_and_their_routes_are_given():
    routing = route_by_ripup(crossing(), rounds=5)
    assert routing.status == "crowded"
    assert {route.net for route in routing.routes} == {"a", "b"}


def test_a_net_that_is_shut_in_is_an_error():
    wall = [(f"w{y}", (4, y)) for y in range(5)]
    with pytest.raises(NetlistError, match="cannot be routed"):
        route_by_ripup(crossing(*wall))


def test_wires_are_laid_taken_moved_and_shifted_only_where_nets_stay_whole_and_apart():
    grid = grid_of(placed("AOI21"))
    wiring = Wiring(grid, route_by_ripup(grid).routes)
    laid = moved = refused = shifted = 0
    for x, y in grid.nodes():
        for edge in (((x, y), (x + 1, y)), ((x, y), (x, y + 1))):
            if edge[1] not in set(grid.nodes()):
                continue
            for step in (-1, 1):
                if (after := wiring.shifted(edge, step)) is not None:
                    assert after.is_sound
                    assert after != wiring
                    shifted += 1
            changed = wiring.toggled(edge)
            if changed is None:
                refused += 1
                continue
            assert changed.is_sound
            more = sum(len(route.edges) for route in changed.routes) - sum(
                len(route.edges) for route in wiring.routes
            )
            assert abs(more) == 1
            laid += more > 0
            again = changed.toggled(edge)
            assert again is None or [r.edges for r in again.routes] == [
                r.edges for r in wiring.routes
            ]
            for node in edge:
                if (after := changed.moved(node)) is not None:
                    assert after.is_sound
                    assert node in [at for route in after.routes for at, _ in route.vias]
                    moved += 1
    assert laid > 0
    assert refused > 0
    assert moved > 0
    assert shifted > 0
