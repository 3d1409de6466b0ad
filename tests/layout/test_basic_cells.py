"""The cells that come along do what they say: transistors as switches, tried in every state."""

from itertools import product

import pytest

from edarl.layout.netlist import CellNetlist, basic_cells
from edarl.layout.technology import load_technology
from edarl.search.cells import anneal_placement
from tests.layout.switches import stable_states

BASIC = basic_cells()


def table(name: str) -> dict[tuple[bool, ...], set[tuple[bool, ...]]]:
    """The outputs that a cell may stay at, by its inputs; both in the order of its pins."""
    cell = BASIC[name]
    ways = dict(cell.directions)
    inputs, outputs = ([pin for pin in cell.signal_pins if ways[pin] == way] for way in "IO")
    return {
        values: {
            tuple(state[pin] for pin in outputs)
            for state in stable_states(cell, dict(zip(inputs, values, strict=True)))
        }
        for values in product((False, True), repeat=len(inputs))
    }


FUNCTIONS = {
    "INV": lambda a: (not a,),
    "NAND2": lambda a, b: (not (a and b),),
    "NOR2": lambda a, b: (not (a or b),),
    "AOI21": lambda a1, a2, b: (not ((a1 and a2) or b),),
    "XOR2": lambda a, b: (a != b,),
    "FA": lambda a, b, ci: (a + b + ci < 2, (a + b + ci) % 2 == 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_gate_computes_what_its_name_says(name: str) -> None:
    assert table(name) == {inputs: {FUNCTIONS[name](*inputs)} for inputs in table(name)}


def test_a_latch_follows_while_its_clock_is_high_and_keeps_either_value_while_it_is_low() -> None:
    either = {(False,), (True,)}
    assert table("DLATCH") == {
        (clock, data): {(data,)} if clock else either
        for clock, data in product((False, True), repeat=2)
    }


def test_a_flip_flop_takes_its_input_when_the_clock_rises() -> None:
    cell = BASIC["DFF"]
    for data in (False, True):
        low, high = (
            {(s["s"], s["Q"]) for s in stable_states(cell, {"CLK": clock, "D": data})}
            for clock in (False, True)
        )
        # While the clock is low the first latch has the input, and the second keeps either value.
        assert low == {(data, False), (data, True)}
        # While it is high the first keeps either value, whatever the input is, and Q is that.
        assert high == {(False, False), (True, True)}


def test_a_flip_flop_is_placed_with_half_columns() -> None:
    found = anneal_placement(BASIC["DFF"], load_technology("asap7"), evaluations=300, seed=0)
    assert found.placement.is_legal
    assert any((column.p is None) != (column.n is None) for column in found.placement.columns)


def test_the_test_tells_a_wrong_cell() -> None:
    cell = BASIC["INV"]
    swapped = CellNetlist("BAD", cell.pins, cell.devices[:1] * 2, "VDD", "VSS", cell.directions)
    assert not list(stable_states(swapped, {"A": True}))


@pytest.mark.parametrize("name", BASIC)
def test_simulators_that_do_not_tell_capitals_find_the_same_nets(name: str) -> None:
    nets = {*BASIC[name].nets, *BASIC[name].pins}
    assert len({net.lower() for net in nets}) == len(nets)


def test_there_is_a_cell_of_every_kind() -> None:
    assert list(BASIC) == [*FUNCTIONS, "DLATCH", "DFF"]
