"""The direct mapping: right for every circuit, no dead gates, drivers before users."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import FUNCTIONS, Netlist, port_bits
from edarl.hdl.simulate import simulate_many
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure


@st.composite
def designs(draw: st.DrawFn) -> Design:
    entry = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    circuit = Circuit(
        entry.name,
        draw(st.integers(2, 12)),
        carry_in=entry.carry_in is not None and draw(st.booleans()),
        carry_out=draw(st.booleans()) if entry.carry_out else None,
    )
    leaves = circuit.leaves
    spans = st.tuples(st.integers(0, leaves - 1), st.integers(0, leaves - 1))
    nodes = [(max(span), min(span)) for span in draw(st.lists(spans, max_size=2 * leaves))]
    or_bits = draw(st.integers(0, (1 << leaves) - 1)) if entry.operator == "carry" else 0
    return Design(PrefixGraph.legalise(leaves, nodes), circuit, or_bits)


def areas(netlist: Netlist) -> int:
    """Area in Nangate45 sites, for the tests that count gates."""
    sites = {"INV": 2, "BUF": 3, "NAND2": 3, "NOR2": 3, "AND2": 4, "OR2": 4, "XOR2": 6}
    sites |= {"XNOR2": 6, "AOI21": 4, "OAI21": 4}
    return sum(sites[gate.function] for gate in netlist.gates)


@pytest.mark.parametrize("input_order", ["operand", "arrival"])
@given(design=designs(), seed=st.integers(0, 2**32))
def test_every_mapped_circuit_equals_its_reference(
    input_order: str, design: Design, seed: int
) -> None:
    netlist = map_direct(design, input_order=input_order)  # type: ignore[arg-type]
    circuit = design.circuit
    inputs = [port for port in circuit.ports() if port.direction == "input"]
    vectors = [
        {port.name: (seed * factor + factor) % (1 << port.width) for port in inputs}
        for factor in (1, 7, 101, 1009, 100003, 1000003, 15485863)
    ]
    vectors += [{port.name: 0 for port in inputs}]
    vectors += [{port.name: (1 << port.width) - 1 for port in inputs}]
    expected = [circuit.reference(**vector) for vector in vectors]
    assert simulate_many(netlist, vectors) == expected


@given(design=designs())
def test_no_gate_is_dead_and_drivers_come_before_users(design: Design) -> None:
    netlist = map_direct(design)
    ports = {
        direction: {
            bit
            for port in design.circuit.ports()
            if port.direction == direction
            for bit in port_bits(port)
        }
        for direction in ("input", "output")
    }
    driven = set(ports["input"])
    used = set(ports["output"])
    for function, inputs, output in netlist.gates:
        assert len(inputs) == FUNCTIONS[function][0]
        assert driven.issuperset(inputs)
        assert output not in driven
        driven.add(output)
        used.update(inputs)
    assert {gate.output for gate in netlist.gates} <= used


def test_an_eight_bit_ripple_adder_takes_143_sites() -> None:
    # 9 for bit 0, 17 for each other bit, four inverters' worth for every second leaf, 3 for cout.
    design = Design.of(structure("ripple", 8), Circuit("adder", 8))
    assert areas(map_direct(design)) == 143


def test_regular_structures_alternate_with_the_level_and_need_inverters_only_at_parity_breaks() -> (
    None
):
    design = Design.of(structure("kogge_stone", 16), Circuit("adder", 16))
    inverters = [gate for gate in map_direct(design).gates if gate.function == "INV"]
    assert all(gate.output.startswith(("g", "p", "ng", "np", "cout")) for gate in inverters)
    assert len(inverters) <= 2 * 16


def test_with_arrival_order_the_later_input_comes_second() -> None:
    design = Design.of(structure("ripple", 8), Circuit("adder", 8))
    gates = map_direct(design, input_order="arrival").gates
    level = {}
    for function, inputs, output in gates:
        level[output] = 1 + max(level.get(net, 0) for net in inputs)
        if function in ("AOI21", "OAI21") and output.lstrip("n").startswith("g"):
            assert level[inputs[1]] > level.get(inputs[0], 0) or level[inputs[1]] <= 3


def test_p_mode_or_adds_one_nor_per_leaf_whose_propagate_is_used() -> None:
    circuit = Circuit("adder", 8)
    graph = structure("sklansky", 8)
    xor_gates = map_direct(Design.of(graph, circuit, "xor")).gates
    or_gates = map_direct(Design.of(graph, circuit, "or")).gates
    added = {gate.output for gate in or_gates} - {gate.output for gate in xor_gates}
    assert {name for name in added if name.startswith("np")} == {f"np{i}_{i}" for i in range(1, 8)}
