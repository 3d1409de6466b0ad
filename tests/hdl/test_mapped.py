"""Mapped netlists in real tools, with cells that exist nowhere."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edarl.hdl import testbench
from edarl.hdl.blif import bind
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import FUNCTIONS, CellBinding, Instance, MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.simulate import counterexample
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import Circuit, Port
from tests.hdl.designs import all_circuits, random_design
from tests.tools import simulate_verilog, yosys

PINS = ("A", "B", "C")
BINDINGS = {
    name: CellBinding(f"{name}_X1", PINS[:inputs], "Y") for name, (inputs, _) in FUNCTIONS.items()
}
CELLS = {binding.cell: (name, binding.pins, binding.output) for name, binding in BINDINGS.items()}
AWKWARD = MappedNetlist(
    "module",
    (Port("input", "input", 2), Port("x[0]", "input", 1), Port("out", "output", 2)),
    (
        Instance("NAND2_X1", (("A", "input[1]"), ("B", "x[0]"), ("Y", "1'b0"))),
        Instance("INV_X1", (("A", "1'b0"), ("Y", "out[1]"))),
    ),
    (("out[0]", "input[0]"),),
)


def cell_models() -> str:
    """Give Verilog of every cell, from its truth table."""
    texts = []
    for name, (inputs, table) in FUNCTIONS.items():
        pins = PINS[:inputs]
        index = f"{{{', '.join(reversed(pins))}}}"
        texts.append(
            f"module {name}_X1 ({', '.join(f'input {pin}' for pin in pins)}, output Y);\n"
            f"  wire [{(1 << inputs) - 1}:0] rows = {1 << inputs}'d{table};\n"
            f"  assign Y = rows[{index}];\nendmodule\n"
        )
    return "".join(texts)


def mapped(circuit: Circuit) -> MappedNetlist:
    return bind(map_direct(random_design(circuit, Random(circuit.name))), BINDINGS)


@pytest.mark.parametrize("circuit", all_circuits(5), ids=lambda circuit: circuit.name)
def test_mapped_netlists_simulate_like_their_circuit(circuit: Circuit) -> None:
    netlist = mapped(circuit)
    assert read_mapped_verilog(mapped_verilog(netlist)) == netlist
    assert counterexample(netlist, circuit, cells=CELLS) is None


def test_most_mutants_of_a_mapped_netlist_have_a_counterexample() -> None:
    circuit = Circuit("adder", 5)
    netlist = mapped(circuit)
    swapped = {"NAND2_X1": "NOR2_X1", "NOR2_X1": "NAND2_X1", "AOI21_X1": "OAI21_X1",
               "OAI21_X1": "AOI21_X1", "XOR2_X1": "XNOR2_X1", "XNOR2_X1": "XOR2_X1",
               "INV_X1": "BUF_X1", "BUF_X1": "INV_X1"}  # fmt: skip
    found = 0
    for index, instance in enumerate(netlist.instances):
        instances = list(netlist.instances)
        instances[index] = Instance(swapped[instance.cell], instance.connections)
        mutant = MappedNetlist(netlist.name, netlist.ports, tuple(instances), netlist.aliases)
        found += counterexample(mutant, circuit, cells=CELLS) is not None
    assert found >= 0.9 * len(netlist.instances)


def test_icarus_runs_a_mapped_netlist(tmp_path: Path) -> None:
    for circuit in (Circuit("adder", 5), Circuit("leading_zero_count", 9)):
        bench = testbench.testbench_verilog(circuit)
        ran = simulate_verilog(tmp_path, mapped_verilog(mapped(circuit)), cell_models(), bench)
        assert ran.returncode == 0
        assert "PASS: " in ran.stdout


def test_yosys_reads_a_mapped_netlist_as_it_was_written(tmp_path: Path) -> None:
    circuit = Circuit("subtractor", 6, carry_in=True)
    netlist = mapped(circuit)
    (tmp_path / "netlist.v").write_text(mapped_verilog(netlist))
    (tmp_path / "cells.v").write_text(cell_models())
    log = yosys(
        f"read_verilog netlist.v\nread_verilog -lib cells.v\nhierarchy -check -top {circuit.name}\n"
        "check -assert\nselect -count t:*",
        tmp_path,
    )
    assert f"{len(netlist.instances)} objects." in log


def test_names_that_need_a_backslash_work_in_every_tool(
    tmp_path: Path, parse: Callable[[str], Any]
) -> None:
    text = mapped_verilog(AWKWARD)
    assert read_mapped_verilog(text) == AWKWARD
    (tmp_path / "netlist.v").write_text(text)
    (tmp_path / "cells.v").write_text(cell_models())
    yosys("read_verilog netlist.v cells.v\nhierarchy -check -top module\ncheck -assert", tmp_path)
    top = (
        "module top;\n  reg [1:0] i;\n  reg x;\n  wire [1:0] o;\n"
        "  \\module dut (.\\input (i), .\\x[0] (x), .out(o));\n"
        '  initial begin i = 3; x = 1; #1 $display("%b", o); x = 0; #1 $display("%b", o); end\n'
        "endmodule\n"
    )
    assert simulate_verilog(tmp_path, text, cell_models(), top).stdout.split() == ["11", "01"]
    definition = parse(text).description.definitions[0]
    assert [port.first.name for port in definition.portlist.ports] == ["\\input", "\\x[0]", "out"]
