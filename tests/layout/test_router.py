"""Routing: what one metal cannot do two can, and what is drawn then keeps the rules."""

import itertools

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")

from edarl.layout.exact import place_exactly, short_placements
from edarl.layout.geometry import draw
from edarl.layout.grid import Grid, Terminal, grid_of
from edarl.layout.netlist import basic_cells
from edarl.layout.router import route_exactly
from edarl.layout.technology import load_technology
from edarl.layout.wires import without_loose

ASAP7 = load_technology("asap7")
DRAWING = ASAP7.drawn()


def crossing():
    """A net from top to bottom through the middle of another."""
    places = {"a": [(2, 2), (10, 2)], "b": [(6, 0), (6, 2), (6, 4)]}
    terminals = tuple(
        Terminal(net, (node,), gates=(node[0] // 2,)) for net in places for node in places[net]
    )
    return Grid(12, DRAWING.tracks_nm, DRAWING.near_tracks, terminals)


def joined(route):
    """Give the groups of nodes of both metals that a route joins."""
    groups = [{(node, 0)} for node in route.nodes]
    groups += [{(end, 1)} for edge in route.upper for end in edge]
    pairs = [((a, 0), (b, 0)) for a, b in route.edges]
    pairs += [((a, 1), (b, 1)) for a, b in route.upper]
    pairs += [((node, 0), (node, 1)) for node in route.lifts]
    for one, other in pairs:
        touched = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in touched]
        groups.append(set().union(*touched))
    return groups


def test_nets_that_cross_need_the_second_metal():
    assert route_exactly(crossing(), limit_s=60).status == "impossible"
    routing = route_exactly(crossing(), second_metal=True, limit_s=60)
    assert routing.status == "routed"
    assert sum(len(route.lifts) for route in routing.routes) == 2
    for route in routing.routes:
        (group,) = joined(route)
        assert {(node, 0) for node, _ in route.vias} <= group
    first = [node for route in routing.routes for node in route.nodes]
    assert len(first) == len(set(first))


def test_the_second_metal_is_left_alone_where_the_first_does():
    cell = basic_cells()["AOI21"]
    placement = place_exactly(cell, ASAP7).placement
    one, two = (route_exactly(grid_of(placement), second_metal=more) for more in (False, True))
    assert one.status == two.status == "routed"
    assert all(route.upper == route.lifts == () for route in two.routes)
    lengths = [sum(len(route.edges) for route in routing.routes) for routing in (one, two)]
    assert lengths[0] == lengths[1]


def test_a_cell_in_two_metals_is_clean_and_matches():
    pytest.importorskip("klayout.db", reason="needs the extra `layout`")
    pytest.importorskip("gdstk", reason="needs the extra `layout`")
    from edarl.runs.cells import _checked

    cell = basic_cells()["XOR2"]
    columns = len(place_exactly(cell, ASAP7).placement.columns)
    (placement,) = itertools.islice(short_placements(cell, ASAP7, columns), 1)
    grid = grid_of(placement)
    assert route_exactly(grid).status == "impossible"
    routing = route_exactly(grid, second_metal=True, limit_s=120, polish=1)
    assert routing.status == "routed"
    assert any(route.upper for route in routing.routes)
    violations, lvs = _checked(cell, ASAP7, *draw(placement, routing.routes))
    assert [violation.rule for violation in violations] == []
    assert lvs == "match"


def test_wire_that_ends_in_the_open_is_left_out():
    a, b, c, d = ((x, 0) for x in range(4))
    chain = [(a, b), (b, c), (c, d)]
    assert without_loose(chain, [a, c]) == {(a, b), (b, c)}
    assert without_loose(chain, [b]) == set()
    assert without_loose([], []) == set()
