from random import Random

import pytest
from hypothesis import given

from edarl.hdl.equations import Equations, equations, evaluate_expression
from edarl.hdl.netlist import port_bits
from edarl.hdl.simulate import stimuli
from edarl.hdl.verilog import flat_statements
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from tests.hdl.designs import all_circuits, designs, random_design


def computed(
    body: Equations, circuit: Circuit, vectors: list[dict[str, int]]
) -> list[dict[str, int]]:
    ones = (1 << len(vectors)) - 1
    values = {}
    for port in circuit.ports():
        if port.direction == "input":
            for bit, net in enumerate(port_bits(port)):
                values[net] = sum(
                    (vector[port.name] >> bit & 1) << index for index, vector in enumerate(vectors)
                )
    for net, expression in flat_statements(body):
        values[net] = evaluate_expression(expression, values, ones)
    return [
        {
            port.name: sum(
                (values[net] >> index & 1) << bit for bit, net in enumerate(port_bits(port))
            )
            for port in circuit.ports()
            if port.direction == "output"
        }
        for index in range(len(vectors))
    ]


@given(designs(max_width=6))
def test_equations_of_any_design_equal_the_reference_on_every_input(design: Design) -> None:
    vectors = stimuli(design.circuit)
    results = computed(equations(design), design.circuit, vectors)
    for vector, result in zip(vectors, results, strict=True):
        assert result == design.circuit.reference(**vector), vector


@pytest.mark.parametrize("circuit", all_circuits(37), ids=lambda circuit: circuit.name)
def test_wide_equations_equal_the_reference_on_random_inputs(circuit: Circuit) -> None:
    design = random_design(circuit, Random(circuit.name))
    vectors = stimuli(circuit, seed=7, vectors=300)
    results = computed(equations(design), circuit, vectors)
    assert results == [circuit.reference(**vector) for vector in vectors]


@given(designs())
def test_every_live_node_and_nothing_else_becomes_a_cell(design: Design) -> None:
    body = equations(design)
    nodes = {cell.name for cell in body.cells if cell.name.startswith("node_")}
    assert nodes == {f"node_{node.msb}_{node.lsb}" for node in design.live_nodes()}


@given(designs())
def test_every_net_has_one_driver_and_a_user(design: Design) -> None:
    body = equations(design)
    driven = [net for net, _ in flat_statements(body)]
    outputs = [
        bit
        for port in design.circuit.ports()
        if port.direction == "output"
        for bit in port_bits(port)
    ]
    used = {
        net for cell in body.cells for port, net in cell.nets.items() if port in cell.kind.inputs
    }

    def collect(expression: object) -> None:
        if isinstance(expression, str):
            used.add(expression)
        else:
            for operand in expression.operands:
                collect(operand)

    for _, expression in body.assigns:
        collect(expression)
    assert len(driven) == len(set(driven))
    assert set(driven) == used - inputs_of(design.circuit) | set(outputs)


def inputs_of(circuit: Circuit) -> set[str]:
    return {bit for port in circuit.ports() if port.direction == "input" for bit in port_bits(port)}


def test_propagate_of_the_first_column_is_left_out() -> None:
    design = Design.of(PrefixGraph.legalise(4), Circuit("adder", 4))
    nets = {net for net, _ in flat_statements(equations(design))}
    assert {"g_3_0", "p_1"} <= nets
    assert nets.isdisjoint({"p_0", "p_1_0", "p_2_0", "p_3_0"})
