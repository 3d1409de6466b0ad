"""Placing and routing at once: exactly the placements that can be routed are found."""

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")

from edarl.errors import ConfigError
from edarl.layout.exact import place_exactly, short_placements
from edarl.layout.grid import grid_of
from edarl.layout.joint import place_and_route
from edarl.layout.netlist import basic_cells
from edarl.layout.placement import Placement
from edarl.layout.router import route_exactly
from edarl.layout.technology import Technology, load_technology

ASAP7 = load_technology("asap7")
BASIC = basic_cells()


def with_three_tracks() -> Technology:
    """ASAP7 without its inner tracks, in which many placements cannot be routed."""
    drawing = ASAP7.drawn().model_copy(
        update={
            "tracks_nm": (36.0, 135.0, 234.0),
            "near_tracks": (),
            "gate_track": 1,
            "n_tracks": (0,),
            "p_tracks": (2,),
        }
    )
    return ASAP7.model_copy(update={"drawing": drawing})


def nets_of(placement: Placement) -> tuple[object, ...]:
    """What tells placements apart: devices of one kind stand for each other, both ends too."""
    both = []
    for each in (placement, placement.mirrored):
        rows = [
            tuple((f.gate, f.left, f.right) if (f := column.row(kind)) else None for kind in "pn")
            for column in each.columns
        ]
        both.append(tuple(rows))
    return min(both, key=repr)


@pytest.mark.parametrize(("name", "columns"), [("NAND2", 2), ("NAND2", 3), ("AOI21", 4)])
def test_all_placements_that_can_be_routed_are_found_and_no_others(name: str, columns: int) -> None:
    technology, cell = with_three_tracks(), BASIC[name]
    every = list(short_placements(cell, technology, columns))
    routable = {
        nets_of(placement)
        for placement in every
        if route_exactly(grid_of(placement, stretched=True), polish=0).status == "routed"
    }
    assert routable
    found: list[Placement] = []
    avoid = []
    while (result := place_and_route(cell, technology, columns, avoid=avoid)).placement:
        found.append(result.placement)
        avoid.append(result.rows)
    assert result.status == "impossible"
    assert len(found) == len(routable) <= len(every)
    assert {nets_of(placement) for placement in found} == routable
    if columns > 2:
        assert len(routable) < len(every)


@pytest.mark.parametrize("name", ["NAND2", "NOR2", "AOI21"])
def test_the_least_width_can_be_routed_in_one_metal(name: str) -> None:
    cell = BASIC[name]
    least = place_exactly(cell, ASAP7).bound_cpp
    columns = least - ASAP7.boundary_columns
    result = place_and_route(cell, ASAP7, columns)
    assert result.status == "routed"
    assert result.placement is not None
    assert result.placement.is_legal
    assert result.placement.width_cpp == least
    routing = route_exactly(grid_of(result.placement, stretched=True), hint=result.wires)
    assert routing.status == "routed"
    assert place_and_route(cell, ASAP7, columns - 1).status == "impossible"


def test_there_has_to_be_a_column() -> None:
    with pytest.raises(ConfigError, match="`columns` should be at least 1, actual value: 0"):
        place_and_route(BASIC["INV"], ASAP7, 0)


def test_one_thread_repeats_its_answer() -> None:
    one, two = (place_and_route(BASIC["AOI21"], ASAP7, 4, seed=3) for _ in range(2))
    assert one.rows == two.rows
    assert one.wires == two.wires


def test_what_the_time_did_not_do_for_is_unknown() -> None:
    result = place_and_route(BASIC["FA"], ASAP7, 12, second_metal=True, limit_s=0.01)
    assert result.status == "unknown"
    assert result.placement is None
