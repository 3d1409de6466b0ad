"""How a cell is routed and mended is what was asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")
pytest.importorskip("gdstk", reason="needs the extra `layout`")

from edarl.errors import ConfigError, NetlistError
from edarl.layout.exact import place_exactly, short_placements
from edarl.layout.grid import Grid
from edarl.layout.joint import JointResult
from edarl.layout.maze import route_by_ripup
from edarl.layout.netlist import CellNetlist, basic_cells
from edarl.layout.router import Routing
from edarl.layout.series import differ_in_order_alone, series_orders
from edarl.layout.technology import Technology, load_technology
from edarl.runs.cells import LayoutOptions, lay_out

ASAP7 = load_technology("asap7")
BASIC = basic_cells()


def never(*_: object, **__: object) -> None:
    raise AssertionError("this should not be asked for")


def careless(grid: Grid, *, seed: int, keep_apart: bool = True) -> Routing:
    """Rip-up that lets wires come too near, as it does where there is no other way."""
    return route_by_ripup(grid, seed=seed, keep_apart=False)


def test_a_cell_is_routed_by_ripup_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edarl.runs.cells.route_exactly", never)
    found = lay_out(BASIC["AOI21"], ASAP7, LayoutOptions(router="ripup"))
    assert found.is_clean
    assert found.placement.width_cpp == 5


def test_questions_left_open_are_not_asked_again_about_a_wider_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[str, int, float]] = []

    def left_open(name: str) -> Callable[..., JointResult]:
        def ask(*_: object, second_metal: bool, limit_s: float, **__: object) -> JointResult:
            given.append((name, 1 + second_metal, limit_s))
            return JointResult(None, {}, {}, "unknown")

        return ask

    monkeypatch.setattr("edarl.runs.cells.place_and_route", left_open("question"))
    monkeypatch.setattr("edarl.runs.cells.search_layout", left_open("search"))
    options = LayoutOptions(wider=1, route_s=40)
    with pytest.raises(NetlistError, match="AOI21 could not be routed: 0 placements were tried"):
        lay_out(BASIC["AOI21"], ASAP7, options)
    first = [("question", 1, 10.0), ("question", 2, 10.0), ("search", 2, 30.0)]
    assert given == [*first, ("search", 2, 40.0)]
    given.clear()
    with pytest.raises(NetlistError, match="AOI21 could not be routed"):
        lay_out(BASIC["AOI21"], ASAP7, replace(options, metals=1))
    assert given == [("question", 1, 40.0)] * 2


def test_nothing_narrower_is_tried_than_asked_for() -> None:
    found = lay_out(BASIC["NAND2"], ASAP7, LayoutOptions(start_cpp=6))
    assert found.is_clean
    assert found.placement.width_cpp <= 6
    assert len(found.placement.columns) == 4
    assert found.bound_cpp == found.routable_bound_cpp == 4
    assert not found.is_least
    least = lay_out(BASIC["NAND2"], ASAP7, LayoutOptions(start_cpp=3))
    assert least.placement.width_cpp == 4
    assert least.is_least


def test_ripup_tries_every_placement_once_and_crowded_ones_are_not_routed() -> None:
    options = LayoutOptions(router="ripup", tries=2, wider=0, metals=2)
    with pytest.raises(NetlistError, match="XOR2 could not be routed: 2 placements were tried"):
        lay_out(BASIC["XOR2"], ASAP7, options)


def test_greed_mends_what_careless_routing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edarl.runs.cells.route_by_ripup", careless)
    broken, mended = (
        lay_out(BASIC["NOR2"], ASAP7, LayoutOptions(router="ripup", fix=fix, tries=1, wider=0))
        for fix in ("none", "greedy")
    )
    assert broken.violations
    assert broken.lvs == "match"
    assert mended.is_clean
    assert mended.placement == broken.placement


def test_what_is_crowded_may_be_too_near_where_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def crowded(grid: Grid, *, seed: int, keep_apart: bool = True) -> Routing:
        asked.append(keep_apart)
        return Routing((), "crowded") if keep_apart else careless(grid, seed=seed)

    monkeypatch.setattr("edarl.runs.cells.route_by_ripup", crowded)
    options = {"router": "ripup", "tries": 1, "wider": 0}
    assert lay_out(BASIC["NOR2"], ASAP7, LayoutOptions(fix="greedy", **options)).is_clean
    assert asked == [True, False]
    with pytest.raises(NetlistError, match="NOR2 could not be routed"):
        lay_out(BASIC["NOR2"], ASAP7, LayoutOptions(**options))
    assert asked == [True, False, True]


def test_a_trained_policy_mends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("sb3_contrib", reason="needs edarl[agents]")
    from edarl.agents.cells import FixPpoConfig, train_fix_policy
    from edarl.layout.fixing import fix_tasks

    config = FixPpoConfig(rollout_steps=32, batch_size=16, hidden=16)
    policy = train_fix_policy(fix_tasks([BASIC["INV"]], ASAP7), checks=40, config=config)
    policy.save(tmp_path / "policy")
    monkeypatch.setattr("edarl.runs.cells.route_by_ripup", careless)
    options = LayoutOptions(
        router="ripup", fix="rl", fix_policy=tmp_path / "policy", tries=1, wider=0
    )
    assert lay_out(BASIC["INV"], ASAP7, options).is_clean
    shipped = LayoutOptions(router="ripup", fix="rl", tries=1, wider=0)
    assert lay_out(BASIC["NOR2"], ASAP7, shipped).is_clean


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"router": "magic"}, "`router` should be one of exact, ripup, actual value: 'magic'"),
        ({"fix": "magic"}, "`fix` should be one of none, greedy, rl, actual value: 'magic'"),
    ],
)
def test_what_is_no_way_is_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LayoutOptions(**wrong)


def test_a_reordered_cell_is_narrower_matches_its_new_netlist_and_says_so() -> None:
    cell = BASIC["XOR2"]
    given, reordered = (
        lay_out(cell, ASAP7, LayoutOptions(reorder=reorder)) for reorder in (False, True)
    )
    assert given.is_least
    assert reordered.is_least
    assert (given.placement.width_cpp, given.bound_cpp, given.routable_bound_cpp) == (9, 9, 9)
    least = min(place_exactly(order, ASAP7).bound_cpp for order in series_orders(cell))
    assert reordered.bound_cpp == reordered.routable_bound_cpp == least == 7
    assert reordered.placement.width_cpp == 7
    assert reordered.tries == given.tries + 1
    assert (given.reordered, reordered.reordered) == (False, True)
    assert given.placement.cell == cell
    assert differ_in_order_alone(cell, reordered.placement.cell)
    assert reordered.document()["series_reordered"] is True
    again = lay_out(BASIC["AOI21"], ASAP7, LayoutOptions(reorder=True))
    assert not again.reordered


def test_orders_that_the_time_did_not_do_for_leave_the_bounds_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "edarl.runs.cells._Run.left_s", property(lambda run: 0.0 if run.tried else 300.0)
    )
    found = lay_out(BASIC["XOR2"], ASAP7, LayoutOptions(reorder=True))
    assert found.is_clean
    assert not found.is_least
    assert (found.bound_cpp, found.routable_bound_cpp) == (None, None)


def test_nothing_wider_is_tried_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []

    def told(cell: CellNetlist, technology: Technology, columns: int, **__: object):
        widths.append(technology.width_cpp(columns))
        return short_placements(cell, technology, columns)

    monkeypatch.setattr("edarl.runs.cells.short_placements", told)
    found = lay_out(BASIC["AOI21"], ASAP7, LayoutOptions(router="ripup", reorder=True))
    assert found.is_clean
    assert widths == [5]
