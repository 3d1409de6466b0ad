"""Large-neighbourhood search: what it finds is placed and routed, and repeats."""

from typing import Any

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")

from edarl.errors import ConfigError
from edarl.layout.exact import EMPTY, Rows, place_exactly, short_rows
from edarl.layout.geometry import draw
from edarl.layout.grid import grid_of
from edarl.layout.neighbourhoods import search_layout
from edarl.layout.netlist import basic_cells, parse_cells
from edarl.layout.placement import FingerKind, finger_kinds
from edarl.layout.router import route_exactly
from edarl.layout.technology import load_technology

ASAP7 = load_technology("asap7")
BASIC = basic_cells()


@pytest.mark.parametrize(
    ("name", "second_metal"), [("INV", False), ("AOI21", False), ("DLATCH", True)]
)
def test_what_is_found_can_be_routed(name: str, second_metal: bool) -> None:
    cell = BASIC[name]
    columns = place_exactly(cell, ASAP7).bound_cpp - ASAP7.boundary_columns
    result = search_layout(cell, ASAP7, columns, second_metal=second_metal, limit_s=300)
    assert result.status == "routed"
    assert result.placement is not None
    assert result.placement.is_legal
    assert len(result.placement.columns) == columns
    routing = route_exactly(
        grid_of(result.placement, stretched=True),
        second_metal=second_metal,
        polish=0,
        hint=result.wires,
    )
    assert routing.status == "routed"


def test_what_is_found_in_two_metals_is_clean_and_matches() -> None:
    pytest.importorskip("klayout.db", reason="needs the extra `layout`")
    pytest.importorskip("gdstk", reason="needs the extra `layout`")
    from edarl.runs.cells import _checked

    cell = BASIC["DLATCH"]
    columns = place_exactly(cell, ASAP7).bound_cpp - ASAP7.boundary_columns
    placement = search_layout(cell, ASAP7, columns, second_metal=True, limit_s=300).placement
    assert placement is not None
    grid = grid_of(placement, stretched=True)
    routing = route_exactly(grid, second_metal=True, polish=1, limit_s=300)
    assert any(route.lifts for route in routing.routes)
    violations, lvs = _checked(cell, ASAP7, *draw(placement, routing.routes))
    assert violations == ()
    assert lvs == "match"


def test_a_pin_between_two_transistors_of_a_kind_gets_metal() -> None:
    text = """.SUBCKT OPEN A B VDD VSS Y Z
MN0 Y A VSS VSS nmos w=81n l=20n nfin=3
MN1 Y B VSS VSS nmos w=81n l=20n nfin=3
MN2 Z B VSS VSS nmos w=81n l=20n nfin=3
MP2 Z B VDD VDD pmos w=81n l=20n nfin=3
.ENDS
"""
    cell = parse_cells(text)["OPEN"]
    columns = place_exactly(cell, ASAP7).bound_cpp - ASAP7.boundary_columns
    result = search_layout(cell, ASAP7, columns, limit_s=300)
    assert result.status == "routed"


def test_pieces_are_told_and_none_is_left_at_the_end() -> None:
    told: list[int] = []
    result = search_layout(BASIC["XOR2"], ASAP7, 8, limit_s=300, on_pieces=told.append)
    assert result.status == "routed"
    assert told[-1] == 0
    assert all(count > 0 for count in told[:-1])


def test_it_begins_anew_with_other_prices_when_pieces_do_not_get_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, int]] = []

    def priced(*given: Any, prices: dict[str, int], **more: Any) -> Rows | None:
        asked.append(prices)
        return short_rows(*given, prices=prices, **more)

    monkeypatch.setattr("edarl.layout.neighbourhoods.short_rows", priced)
    monkeypatch.setattr("edarl.layout.neighbourhoods._PATIENCE", 1)
    assert search_layout(BASIC["XOR2"], ASAP7, 8, limit_s=300).status == "routed"
    first, second, *_ = asked
    assert set(first.values()) == {1}
    assert set(second.values()) == {2, 3, 4}


def test_a_placement_has_the_shorter_a_net_the_dearer_it_is() -> None:
    def span(prices: dict[str, int]) -> int:
        rows = short_rows(BASIC["XOR2"], ASAP7, 8, limit_s=300, prices=prices)
        assert rows is not None
        kinds = finger_kinds(BASIC["XOR2"], ASAP7)
        columns = [
            column
            for row in rows.values()
            for column, label in enumerate(row)
            if label != EMPTY and "Y" in nets_of(kinds[(label - 1) // 2])
        ]
        return max(columns) - min(columns)

    assert span({"Y": 50}) < span({"Y": 1, "n": 50, "A": 50, "B": 50})


def nets_of(kind: FingerKind) -> tuple[str, str, str]:
    return kind.gate, kind.one, kind.other


def test_a_seed_repeats_its_answer() -> None:
    one, two = (search_layout(BASIC["AOI21"], ASAP7, 4, seed=3, limit_s=300) for _ in range(2))
    assert one.rows == two.rows
    assert one.wires == two.wires


def test_rows_that_are_not_wanted_are_not_given() -> None:
    first = search_layout(BASIC["AOI21"], ASAP7, 4, limit_s=300)
    second = search_layout(BASIC["AOI21"], ASAP7, 4, limit_s=300, avoid=[first.rows])
    assert first.status == second.status == "routed"
    assert first.rows != second.rows


def test_what_the_time_did_not_do_for_is_unknown() -> None:
    result = search_layout(BASIC["FA"], ASAP7, 12, second_metal=True, limit_s=0.01)
    assert result.status == "unknown"
    assert result.placement is None


def test_there_has_to_be_a_column() -> None:
    with pytest.raises(ConfigError, match="`columns` should be at least 1, actual value: 0"):
        search_layout(BASIC["INV"], ASAP7, 0)
