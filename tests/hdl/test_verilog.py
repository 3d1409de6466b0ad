import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import edarl
from edarl.errors import ConfigError
from edarl.hdl import testbench
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.verilog import structural_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from tests.hdl.designs import all_circuits, random_design, random_graph
from tests.tools import simulate_verilog, yosys

SMALL = Design.of(PrefixGraph.legalise(8, [(3, 2), (7, 4)]), Circuit("adder", 8))


@pytest.mark.parametrize("hierarchical", [True, False], ids=["hierarchical", "flat"])
@pytest.mark.parametrize("circuit", all_circuits(5), ids=lambda circuit: circuit.name)
def test_structural_verilog_passes_its_testbench_on_every_input(
    circuit: Circuit, hierarchical: bool, tmp_path: Path
) -> None:
    design = random_design(circuit, Random(f"{circuit.name} {hierarchical}"))
    text = structural_verilog(design, hierarchical=hierarchical)
    ran = simulate_verilog(tmp_path, text, testbench.testbench_verilog(circuit))
    assert ran.returncode == 0
    assert "PASS: " in ran.stdout
    assert "mismatch" not in ran.stdout


@pytest.mark.parametrize(
    "circuit",
    [c for c in all_circuits(41) if c.carry_out or c.entry.carry_out is None],
    ids=lambda circuit: circuit.name,
)
def test_wide_structural_verilog_passes_random_vectors(circuit: Circuit, tmp_path: Path) -> None:
    design = random_design(circuit, Random(circuit.name))
    text = structural_verilog(design)
    ran = simulate_verilog(tmp_path, text, testbench.testbench_verilog(circuit, vectors=200))
    assert ran.returncode == 0
    assert "PASS: " in ran.stdout


@pytest.mark.parametrize("circuit", all_circuits(6), ids=lambda circuit: circuit.name)
def test_behavioural_verilog_agrees_with_the_python_reference(
    circuit: Circuit, tmp_path: Path
) -> None:
    ports = circuit.ports()
    inputs = [port for port in ports if port.direction == "input"]
    outputs = [port for port in ports if port.direction == "output"]
    total_bits = sum(port.width for port in inputs)
    signals = "".join(
        f"{'reg' if port in inputs else 'wire'} [{port.width - 1}:0] {port.name};\n"
        for port in ports
    )
    pins = ", ".join(f".{port.name}({port.name})" for port in ports)
    names = ", ".join(port.name for port in (*inputs, *outputs))
    dump = (
        f"module dump;\n{signals}integer i;\n{circuit.name} dut ({pins});\n"
        f"initial for (i = 0; i < {1 << total_bits}; i = i + 1) begin\n"
        f"{{{', '.join(port.name for port in inputs)}}} = i; #1\n"
        f'$display("{" ".join("%0d" for _ in ports)}", {names});\nend\nendmodule\n'
    )
    ran = simulate_verilog(tmp_path, behavioural_verilog(circuit), dump)
    rows = [[int(word) for word in line.split()] for line in ran.stdout.splitlines()]
    assert len(rows) == 1 << total_bits
    for row in rows:
        values = dict(zip((port.name for port in inputs), row, strict=False))
        expected = circuit.reference(**values)
        assert row[len(inputs) :] == [expected[port.name] for port in outputs]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [("g_3_2 | p_3_2", "g_3_2 & p_3_2", "adder_8"), ("a[7] ^ b[7]", "a[7] | b[7]", "adder_8")],
)
def test_the_testbench_fails_on_a_wrong_circuit(
    old: str, new: str, name: str, tmp_path: Path
) -> None:
    text = structural_verilog(SMALL, hierarchical=False)
    assert old in text
    bench = testbench.testbench_verilog(SMALL.circuit, exhaustive_bits=0, vectors=50)
    ran = simulate_verilog(tmp_path, text.replace(old, new), bench)
    assert ran.returncode != 0
    assert "FAIL: " in ran.stdout
    assert "PASS" not in ran.stdout
    assert "mismatch: a=" in ran.stdout


def test_the_testbench_fails_on_an_undriven_output(tmp_path: Path) -> None:
    text = structural_verilog(SMALL, hierarchical=False).replace("  assign cout = g_7_0;\n", "")
    ran = simulate_verilog(tmp_path, text, testbench.testbench_verilog(SMALL.circuit))
    assert ran.returncode != 0
    assert "FAIL: " in ran.stdout


@pytest.mark.parametrize("circuit", all_circuits(7), ids=lambda circuit: circuit.name)
def test_pyverilog_parses_everything_written(circuit: Circuit, parse: Callable[[str], Any]) -> None:
    design = random_design(circuit, Random(3))
    for text in (
        structural_verilog(design),
        structural_verilog(design, hierarchical=False),
        behavioural_verilog(circuit),
    ):
        definitions = parse(text).description.definitions
        assert definitions[-1].name == circuit.name
        ports = [declared.first for declared in definitions[-1].portlist.ports]
        assert [port.name for port in ports] == [port.name for port in circuit.ports()]
        for port, expected in zip(ports, circuit.ports(), strict=True):
            assert type(port).__name__.lower() == expected.direction
            width = 1 if port.width is None else int(port.width.msb.value) + 1
            assert width == expected.width
    bench = parse(testbench.testbench_verilog(circuit)).description.definitions
    assert [module.name for module in bench] == [f"{circuit.name}_tb", f"{circuit.name}_expected"]


def test_yosys_proves_structural_against_behavioural_for_all_circuits(tmp_path: Path) -> None:
    script = []
    for circuit in all_circuits(11):
        design = random_design(circuit, Random(circuit.name))
        for hierarchical in (True, False):
            name = f"{circuit.name}_{'h' if hierarchical else 'f'}"
            text = structural_verilog(design, hierarchical=hierarchical, module=name)
            (tmp_path / f"{name}.v").write_text(text)
            (tmp_path / f"{name}_ref.v").write_text(behavioural_verilog(circuit, "reference"))
            script += [
                f"read_verilog {name}.v {name}_ref.v",
                "proc; check -assert",
                f"miter -equiv -flatten -make_assert reference {name} miter",
                "hierarchy -check -top miter; proc; opt",
                "sat -verify -prove-asserts -set-def-inputs miter",
                "design -reset",
            ]
    log = yosys("\n".join(script), tmp_path)
    assert log.count("SAT proof finished - no model found: SUCCESS!") == 2 * len(all_circuits(11))


def test_hierarchical_verilog_names_nodes_by_their_span() -> None:
    text = structural_verilog(SMALL)
    for line in (
        "  adder_8_black node_7_4 (.g_upper(g_7), .p_upper(p_7), .g_lower(g_6_4), "
        ".p_lower(p_6_4), .g(g_7_4), .p(p_7_4));",
        "  adder_8_gray node_7_0 (.g_upper(g_7_4), .p_upper(p_7_4), .g_lower(g_3_0), .g(g_7_0));",
        "  adder_8_sum_bit sum_7 (.x(p_7), .carry(g_6_0), .sum(sum[7]));",
    ):
        assert line in text.splitlines()


def test_header_says_what_it_is() -> None:
    text = structural_verilog(SMALL, module="fast_adder")
    head = text[: text.index("\n\n")]
    assert "adder_8: sum = a + b, as a parallel prefix graph" in head
    assert "adder, 8 bits" in head
    assert "11, depth 4, largest fanout 4" in head
    assert SMALL.graph.digest in head
    assert SMALL.graph.text in head
    assert edarl.__version__ in head
    assert all(line.startswith("//") for line in head.splitlines())
    assert "module fast_adder\n" in text


def test_header_tells_unused_nodes() -> None:
    design = Design.of(PrefixGraph.legalise(8, [(7, 4)]), Circuit("comparator", 8))
    text = structural_verilog(design)
    assert f"({len(design.live_nodes())} needed by the outputs)" in text


def test_long_graphs_fit_the_page() -> None:
    graph = random_graph(64, Random(1))
    text = structural_verilog(Design.of(graph, Circuit("adder", 64)), hierarchical=False)
    assert max(len(line) for line in text.splitlines()) <= 100


def test_text_is_the_same_every_time() -> None:
    program = (
        "from tests.hdl.test_verilog import SMALL, structural_verilog;"
        "print(structural_verilog(SMALL) + structural_verilog(SMALL, hierarchical=False), end='')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == structural_verilog(SMALL) + structural_verilog(SMALL, hierarchical=False)


@pytest.mark.parametrize("name", ["", "2x", "a b", "wire", "x;", "\\x "])
def test_module_names_that_need_escaping_are_refused(name: str) -> None:
    if name:
        with pytest.raises(ConfigError, match="a module name should be"):
            structural_verilog(SMALL, module=name)
    else:
        assert "module adder_8\n" in structural_verilog(SMALL, module=name)


@pytest.mark.parametrize(
    "options", [{"seed": -1}, {"vectors": -1}, {"exhaustive_bits": 21}, {"seed": 2**31}]
)
def test_testbench_numbers_are_checked(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"`{next(iter(options))}` should be between 0 and"):
        testbench.testbench_verilog(SMALL.circuit, **options)


def test_importing_the_room_does_not_import_pyverilog() -> None:
    from tests.imports import modules_after

    loaded = modules_after("import edarl.hdl.verilog, edarl.hdl.testbench, edarl.hdl.reader")
    assert not loaded & {"pyverilog", "jinja2", "matplotlib", "torch"}
