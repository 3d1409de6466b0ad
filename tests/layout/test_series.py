"""Other orders of what is in series: the same function, and sometimes a narrower cell."""

from dataclasses import replace
from itertools import islice, pairwise, product

import pytest

from edarl.layout.netlist import CellNetlist, basic_cells, parse_cells
from edarl.layout.series import differ_in_order_alone, series_orders
from tests.layout.switches import stable_states

BASIC = basic_cells()


def behaviour(cell: CellNetlist) -> list[set[tuple[bool, ...]]]:
    """The values that the pins may stay at, for every value of the inputs."""
    inputs = [pin for pin in cell.signal_pins if dict(cell.directions)[pin] == "I"]
    return [
        {
            tuple(state[pin] for pin in cell.signal_pins)
            for state in stable_states(cell, dict(zip(inputs, values, strict=True)))
        }
        for values in product((False, True), repeat=len(inputs))
    ]


# Of the full adder's carry 2 and 2 orders, of its sum 2 and 6, in each kind.
@pytest.mark.parametrize(
    ("name", "orders"), [("INV", 1), ("NAND2", 2), ("AOI21", 4), ("XOR2", 8), ("FA", 48 * 48)]
)
def test_every_order_is_another_netlist_that_does_the_same(name: str, orders: int) -> None:
    cell = BASIC[name]
    found = list(series_orders(cell))
    assert len(found) == len({order.devices for order in found}) == orders
    assert found[0].nets == cell.nets
    for order in found[:: max(1, len(found) // 24)]:
        assert differ_in_order_alone(cell, order)
        assert behaviour(order) == behaviour(cell)
        known = [(d.name, d.gate, d.fins, d.width_nm, d.bulk) for d in cell.devices]
        assert [(d.name, d.gate, d.fins, d.width_nm, d.bulk) for d in order.devices] == known


def test_the_latch_keeps_its_states_in_every_order() -> None:
    orders = list(series_orders(BASIC["DLATCH"]))
    assert len(orders) > 1
    assert all(behaviour(order) == behaviour(BASIC["DLATCH"]) for order in orders)


def test_groups_in_series_change_places_whole_and_turn_with_their_nets() -> None:
    """The pull-down is (A1 + A2) B C: a group of two is moved as one."""
    cell = parse_cells(
        """.SUBCKT OAI A1 A2 B C VDD VSS Y
MA1 x A1 VSS VSS nmos w=81n l=20n nfin=3
MA2 VSS A2 x VSS nmos w=81n l=20n nfin=3
MB x B y VSS nmos w=81n l=20n nfin=3
MC Y C y VSS nmos w=81n l=20n nfin=3
MP Y B VDD VDD pmos w=81n l=20n nfin=3
.ENDS
""",
        "here",
    )["OAI"]
    orders = list(series_orders(cell))
    assert len(orders) == 6
    for order in orders:
        ends = {d.name: {d.source, d.drain} for d in order.of_kind("n")}
        assert ends["MA1"] == ends["MA2"]
        assert {net for pair in ends.values() for net in pair} == {"VSS", "x", "y", "Y"}
        assert len({frozenset(pair) for pair in ends.values()}) == 3


def test_a_changed_netlist_is_not_taken_for_another_order() -> None:
    cell = BASIC["AOI21"]
    for index, device in enumerate(cell.devices):
        for change in (
            {"gate": "VSS"},
            {"fins": device.fins + 1},
            {"source": "elsewhere"},
            {"bulk": "A1"},
            {"kind": "n" if device.kind == "p" else "p"},
        ):
            devices = list(cell.devices)
            devices[index] = replace(device, **change)
            assert not differ_in_order_alone(cell, replace(cell, devices=tuple(devices)))
    assert not differ_in_order_alone(cell, replace(cell, pins=cell.pins[::-1]))
    exchanged = replace(cell, supply=cell.ground, ground=cell.supply)
    assert not differ_in_order_alone(cell, exchanged)


def stack(*ends: str, bulk: str = "VSS") -> CellNetlist:
    """A cell whose n transistors stand in series along nets."""
    lines = [
        f"M{place} {one} A{place} {other} {bulk} nmos w=81n l=20n nfin=3"
        for place, (one, other) in enumerate(pairwise(ends))
    ]
    pins = " ".join(f"A{place}" for place in range(len(lines)))
    return parse_cells(
        f".SUBCKT S {pins} VDD VSS Y\n" + "\n".join(lines) + "\nMP Y A0 VDD VDD pmos w=81n "
        "l=20n nfin=3\n.ENDS\n",
        "here",
    )["S"]


def test_what_ends_in_the_open_or_has_its_body_between_stays_as_it_is() -> None:
    assert len(list(series_orders(stack("Y", "x", "y", "VSS")))) == 6
    for cell in (stack("Y", "x", "y", "open"), stack("Y", "x", "VSS", bulk="x")):
        assert list(series_orders(cell)) == [cell]


def test_orders_come_one_by_one_however_many_there_are() -> None:
    nets = ("Y", *(f"x{place}" for place in range(29)), "VSS")
    first, second = islice(series_orders(stack(*nets)), 2)
    assert first == stack(*nets)
    assert first != second
    assert differ_in_order_alone(first, second)
