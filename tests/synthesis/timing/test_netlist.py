"""Netlists as arrays and back: the same cells on the same nets; errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import NetlistError
from edarl.hdl.blif import bind
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import FUNCTIONS, Gate, Instance, MappedNetlist, Netlist, port_bits
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit, Port
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.netlist import (
    FUNCTION_INDEX,
    driver_cell,
    from_gates,
    from_mapped,
    to_mapped,
)
from edarl.synthesis.timing.timer import link_sinks, time_fully
from tests.hdl.designs import designs, random_design
from tests.synthesis import tiny
from tests.synthesis.timing.support import Bench, chain, small_library

A, Y, Z = Port("a", "input", 1), Port("y", "output", 1), Port("z", "output", 1)


def inverter(source: str, net: str, cell: str = "INVT") -> Instance:
    return Instance(cell, (("A", source), ("Y", net)))


def one(*instances: Instance, aliases: tuple[tuple[str, str], ...] = ()) -> MappedNetlist:
    """A netlist from port a to port y."""
    return MappedNetlist("one", (A, Y), instances, aliases)


def by_net(netlist: MappedNetlist) -> dict[str, tuple[str, dict[str, str]]]:
    """Give what drives each net: the cell and all its pins."""
    return {
        dict(connections)["Y"]: (cell, dict(connections)) for cell, connections in netlist.instances
    }


def renamed(netlist: MappedNetlist, names: dict[str, str]) -> MappedNetlist:
    return replace(
        netlist,
        instances=tuple(
            Instance(cell, tuple((pin, names.get(net, net)) for pin, net in connections))
            for cell, connections in netlist.instances
        ),
    )


# ---------------------------------------------------------------- there and back


@given(design=designs(), seed=st.integers(0, 2**32))
def test_cells_and_nets_come_back_under_other_names_in_an_order_of_drivers_first(
    small: Bench, design: object, seed: int
) -> None:
    original = bind(map_direct(design), small.library.bindings)
    shuffled = list(original.instances)
    Random(seed).shuffle(shuffled)
    circuit = design.circuit
    arrays = from_mapped(
        replace(original, instances=tuple(shuffled)), small.timing, small.constraint
    )
    back = to_mapped(arrays, small.timing, circuit)
    assert back.ports == original.ports
    assert back.name == circuit.name
    ports = {bit for port in back.ports for bit in port_bits(port)}
    known = {bit for port in back.ports if port.direction == "input" for bit in port_bits(port)}
    names = {}
    count = int(arrays.size[0])
    for instance, gate in zip(back.instances, arrays.order[:count].tolist(), strict=True):
        nets = dict(instance.connections)
        assert known.issuperset(net for pin, net in nets.items() if pin != "Y")
        known.add(nets["Y"])
        names[nets["Y"]] = dict(shuffled[gate].connections)["Y"]
    assert {name for name in names if name in ports} == {
        name for name in names.values() if name in ports
    }
    assert by_net(renamed(back, names)) == by_net(original)


@given(design=designs())
def test_gates_are_the_smallest_cells_of_their_functions(small: Bench, design: object) -> None:
    gates = map_direct(design)
    arrays = from_gates(gates, small.timing, small.constraint, spare=3)
    count = len(gates.gates)
    assert arrays.size[0] == count
    assert len(arrays.cell) == count + 3
    functions = small.cells.function[arrays.cell[:count]].tolist()
    assert functions == [FUNCTION_INDEX[gate.function] for gate in gates.gates]
    assert (small.cells.rank[arrays.cell[:count]] == 0).all()
    netlist = to_mapped(arrays, small.timing, gates.circuit)
    assert small.is_right(netlist, gates.circuit, vectors=50)


def test_functions_are_numbered_in_their_own_order() -> None:
    assert list(FUNCTION_INDEX) == list(FUNCTIONS)
    assert list(FUNCTION_INDEX.values()) == list(range(len(FUNCTIONS)))


def test_spare_room_changes_no_figure(small: Bench) -> None:
    random = Random(1)
    netlist = bind(
        map_direct(random_design(Circuit("subtractor", 6), random)), small.library.bindings
    )
    delays = []
    for spare in (0, 1, 50):
        arrays = small.timed(netlist, spare=spare)
        assert len(arrays.cell) == len(netlist.instances) + spare
        delays.append(time_fully(small.cells, arrays))
    assert len(set(delays)) == 1


# ---------------------------------------------------------------- aliases


def test_an_output_that_is_an_alias_has_its_own_load_on_the_source(small: Bench) -> None:
    netlist = MappedNetlist("two", (A, Y, Z), (inverter("a", "y"),), (("z", "y"),))
    arrays = small.timed(netlist)
    assert arrays.outputs.tolist() == [1, 1]
    assert arrays.load[1].tolist() == [2 * small.constraint.load_ff] * 2
    heavier = small.under(Constraint(small.constraint.driver_cell, 2 * small.constraint.load_ff))
    assert small.delay(netlist) == heavier.delay(one(inverter("a", "y")))


def test_an_output_that_is_an_alias_of_an_input_loads_the_input(small: Bench) -> None:
    netlist = MappedNetlist("two", (A, Y, Z), (inverter("a", "y"),), (("z", "a"),))
    arrays = small.timed(netlist)
    assert arrays.outputs.tolist() == [1, 0]
    pin = small.cells.cap[arrays.cell[0], 0]
    assert arrays.load[0] == pytest.approx(pin + small.constraint.load_ff)


def test_aliased_outputs_are_not_emitted_as_cells(small: Bench) -> None:
    circuit = Circuit("gray_to_binary", 2)
    ports = circuit.ports()
    first, second = port_bits(next(port for port in ports if port.direction == "output"))
    source = port_bits(next(port for port in ports if port.direction == "input"))
    netlist = MappedNetlist(circuit.name, ports, (inverter(source[0], first),), ((second, first),))
    arrays = from_mapped(netlist, small.timing, small.constraint)
    with pytest.raises(NetlistError) as caught:
        to_mapped(arrays, small.timing, circuit)
    assert str(caught.value) == (
        f"output {second} should have a cell of its own, not share net {len(source)}"
    )


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("netlist", "expected"),
    [
        (
            one(inverter("a", "n"), inverter("n", "y", "WIDE"), inverter("n", "m", "ODD")),
            "netlist one has cells that library small has no timing for: ODD, WIDE",
        ),
        (
            one(inverter("a", "y"), inverter("a", "y")),
            "cell 1 of one (INVT) should drive a net of its own, actual: y",
        ),
        (
            one(inverter("a", "a")),
            "cell 0 of one (INVT) should drive a net of its own, actual: a",
        ),
        (
            one(Instance("INVT", (("A", "a"),))),
            "cell 0 of one (INVT) should drive a net of its own, actual: None",
        ),
        (
            one(inverter("a", "y"), Instance("INVT", (("Y", "n"),))),
            "pin A of cell 1 of one (INVT) should be on a driven net, actual: None",
        ),
        (
            one(inverter("nothing", "y")),
            "pin A of cell 0 of one (INVT) should be on a driven net, actual: nothing",
        ),
        (
            one(inverter("1'b0", "y")),
            "pin A of cell 0 of one (INVT) should be on a driven net, actual: 1'b0",
        ),
        (one(inverter("a", "n")), "every output of one should be driven by a cell"),
        (
            one(inverter("a", "n"), aliases=(("y", "0"),)),
            "output y of one should be driven by a cell",
        ),
        (
            one(inverter("y", "y")),
            "one should have no loop, but 1 cells are on one",
        ),
        (
            one(inverter("a", "y"), inverter("p", "q"), inverter("q", "p")),
            "one should have no loop, but 2 cells are on one",
        ),
    ],
)
def test_what_is_wrong_with_a_netlist_is_said(
    small: Bench, netlist: MappedNetlist, expected: str
) -> None:
    with pytest.raises(NetlistError) as caught:
        from_mapped(netlist, small.timing, small.constraint)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "build",
    [
        lambda bench, constraint: from_mapped(chain("INVT"), bench.timing, constraint),
        lambda bench, constraint: driver_cell(bench.timing, constraint),
    ],
)
def test_a_driver_without_timing_is_named(
    small: Bench, build: Callable[[Bench, Constraint], object]
) -> None:
    with pytest.raises(NetlistError) as caught:
        build(small, Constraint("BUFT9", 1.0))
    assert str(caught.value) == "library small has no timing for the driver BUFT9"


def test_gates_that_drive_no_output_are_refused(small: Bench) -> None:
    circuit = Circuit("gray_to_binary", 2)
    first = port_bits(circuit.ports()[0])[0]
    netlist = Netlist(circuit, (Gate("INV", (first,), "w"),))
    with pytest.raises(NetlistError, match=f"every output of {circuit.name} should be driven by"):
        from_gates(netlist, small.timing, small.constraint)


def test_cells_with_more_inputs_than_the_arrays_have_room_for_are_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    pins = [f"A{number}" for number in range(9)]
    wide = tiny.cell("WIDE", " ".join(pins), " & ".join(pins))
    file = tmp_path_factory.mktemp("wide") / "wide.lib"
    text = small_library()
    file.write_text(text[: text.rindex("}")] + wide + "}\n")
    library = load_library(file)
    bench = Bench.of(library, library.constraint("BUFT", 20.0))
    assert "WIDE" in bench.timing.index
    ports = (*(Port(pin.lower(), "input", 1) for pin in pins), Y)
    connections = (*((pin, pin.lower()) for pin in pins), ("Y", "y"))
    netlist = MappedNetlist("nine", ports, (Instance("WIDE", connections),))
    with pytest.raises(NetlistError) as caught:
        from_mapped(netlist, bench.timing, bench.constraint)
    assert str(caught.value) == (
        "netlist nine has cells of more inputs than the 8 that the timer takes: WIDE"
    )
    # The library's other cells are timed as without it.
    arrays = from_mapped(chain("INVT", "INVT"), bench.timing, bench.constraint)
    link_sinks(bench.cells, arrays)
    assert np.isfinite(time_fully(bench.cells, arrays))
