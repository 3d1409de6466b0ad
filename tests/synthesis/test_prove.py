"""Proofs: everything right is proven, everything wrong is refuted, everything odd is left open."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from edarl.errors import ConfigError, EquivalenceError, ToolNotFoundError, ToolOutputError
from edarl.hdl.blif import bind, mapped_blif
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import FUNCTIONS, Gate, Netlist
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.simulate import counterexample
from edarl.hdl.techmap import techmap_verilog
from edarl.hdl.verilog import mapped_verilog, structural_verilog
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis import equivalence
from edarl.synthesis.aig import Aig, read_aag
from edarl.synthesis.library import CellLibrary, load_library
from edarl.synthesis.prove import (
    Proof,
    prove_blif,
    prove_many,
    prove_techmap,
    prove_verilog,
)
from tests.synthesis import tiny

# Pyverilog leaves its VERSION file open while it is imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TWO = Circuit("adder", 2, carry_out=False)
HEAD = "module adder_2_no_cout(input [1:0] a, input [1:0] b, output [1:0] sum);\n"
TAIL = "\nendmodule\n"


def adder(body: str) -> str:
    """Give a two-bit adder with this body."""
    return HEAD + body + TAIL


def every_circuit(width: int) -> list[Circuit]:
    """Give every kind at a width with every combination of its options."""
    return [
        Circuit(kind.name, width, carry_in, carry_out)
        for kind in KINDS.values()
        for carry_in in ((False, True) if kind.carry_in else (False,))
        for carry_out in ((False, True) if kind.carry_out else (None,))
    ]


def designs_of(circuit: Circuit, name: str = "sklansky") -> list[Design]:
    """Give the circuit's designs with one structure, in each p mode that it has."""
    graph = structure(name, circuit.leaves)
    modes = ("xor", "or") if circuit.entry.operator == "carry" else ("xor",)
    return [Design.of(graph, circuit, mode) for mode in modes]


def reproduces(proof: Proof) -> bool:
    """Check a counterexample against the circuit's arithmetic."""
    shown = proof.counterexample
    assert shown is not None
    return (
        dict(shown.expected) == proof.circuit.reference(**shown.inputs)
        and set(shown.actual) == set(shown.expected)
        and dict(shown.actual) != dict(shown.expected)
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> CellLibrary:
    """A library with one cell per gate function, and cells that are no plain logic."""
    path = tmp_path_factory.mktemp("library") / "tiny.lib"
    cells = [tiny.cell(gate, *tiny.GATES[gate]) for gate in tiny.GATES]
    cells += [tiny.cell("BUFT2", "A", "A", area=2.0), tiny.cell("BUFT3", "A", "A", area=3.0)]
    cells.append(
        'cell (LATCHT) { area : 4; latch (IQ, IQN) { enable : "G"; data_in : "D"; }\n'
        "  pin (G) { direction : input; } pin (D) { direction : input; }\n"
        '  pin (Y) { direction : output; function : "IQ"; } }\n'
    )
    cells.append(
        "cell (TRIT) { area : 4; pin (A) { direction : input; } pin (E) { direction : input; }\n"
        '  pin (Y) { direction : output; function : "A"; three_state : "!E"; } }\n'
    )
    cells.append(
        "cell (DARKT) { area : 4; pin (A) { direction : input; }\n"
        "  pin (Y) { direction : output; } }\n"
    )
    path.write_text(tiny.library(cells))
    return load_library(path)


# ---------------------------------------------------------------- what is right is proven


@pytest.mark.parametrize("kind", KINDS)
def test_every_circuit_with_every_option_is_proven(kind: str) -> None:
    for circuit in every_circuit(6):
        if circuit.kind != kind:
            continue
        texts = [behavioural_verilog(circuit)]
        for design in designs_of(circuit):
            texts += [structural_verilog(design), structural_verilog(design, hierarchical=False)]
        proofs = prove_many(texts, circuit)
        assert [proof.reason for proof in proofs] == [""] * len(texts)
        assert all(proof.proven and proof.top == circuit.name for proof in proofs)


@pytest.mark.parametrize("name", ["ripple", "kogge_stone", "brent_kung", "ladner_fischer:1"])
def test_structures_with_mixed_propagate_are_proven(name: str) -> None:
    circuit = Circuit("adder", 16, carry_in=True)
    design = Design(structure(name, 17), circuit, 0b1_0110_0101_1100_0011)
    assert prove_verilog(structural_verilog(design), circuit).proven


@pytest.mark.parametrize("kind", ["adder", "comparator", "leading_zero_count"])
def test_wide_circuits_are_proven(kind: str) -> None:
    circuit = Circuit(kind, 256)
    proof = prove_verilog(structural_verilog(designs_of(circuit)[0]), circuit)
    assert proof.verdict == "proven", proof.reason


@pytest.mark.parametrize("kind", KINDS)
def test_netlists_of_library_cells_are_proven(kind: str, library: CellLibrary) -> None:
    circuit = Circuit(kind, 8)
    mapped = bind(map_direct(designs_of(circuit)[-1]), library.bindings)
    proof = prove_verilog(mapped_verilog(mapped), circuit, library=library)
    assert proof.verdict == "proven", proof.reason
    assert proof.library == library.digest


def test_netlists_of_a_real_library_are_proven(nangate45: Path) -> None:
    library = load_library(nangate45)
    circuit = Circuit("adder", 32)
    mapped = bind(map_direct(designs_of(circuit)[0]), library.bindings)
    assert prove_verilog(mapped_verilog(mapped), circuit, library=library).proven


def test_blif_of_cells_and_of_functions_is_proven_or_refuted(library: CellLibrary) -> None:
    circuit = Circuit("adder", 4)
    blif = mapped_blif(bind(map_direct(designs_of(circuit)[0]), library.bindings))
    assert prove_blif(blif, circuit, library=library).proven
    wrong = prove_blif(blif.replace("XORT", "ORT"), circuit, library=library)
    assert wrong.verdict == "refuted"
    assert reproduces(wrong)
    one = ".model m\n.inputs a[0] a[1] cin\n.outputs sum[0] sum[1]\n"
    one += ".names a[0] cin sum[0]\n10 1\n01 1\n.names a[0] cin c\n11 1\n"
    one += ".names a[1] c sum[1]\n10 1\n01 1\n.end\n"
    assert prove_blif(one, Circuit("incrementer", 2, carry_in=True, carry_out=False)).proven


def test_the_exact_bytes_are_proven_and_named(tmp_path: Path) -> None:
    path = tmp_path / "netlist.v"
    path.write_bytes(adder("assign sum = a + b; // caf\u00e9\r").encode())
    proof = prove_verilog(path, TWO, workdir=tmp_path / "run")
    assert proof.proven
    assert proof.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "run" / "netlist_0.v").read_bytes() == path.read_bytes()
    assert proof.counterexample is None
    assert proof.elapsed_s > 0
    assert all(version.startswith("pyosys ") for version in proof.tools.values())


def test_scripts_and_logs_stay_in_a_given_folder(tmp_path: Path) -> None:
    prove_verilog(adder("assign sum = a + b;"), TWO, workdir=tmp_path / "new" / "run")
    left = {path.name for path in (tmp_path / "new" / "run").iterdir()}
    assert {"yosys_0.ys", "yosys_0.log", "yosys_0.sh", "compare.abc", "abc.log"} <= left


def test_a_batch_keeps_its_order_and_one_bad_text_costs_the_others_nothing() -> None:
    texts = [
        adder("assign sum = a + b;"),
        adder("assign sum = a - b;"),
        "module broken(",
        adder("assign sum = b + a;"),
        "module other(input a, output b); assign b = a; endmodule",
        '`include "x"',
        adder("assign sum = a ^ b;"),
    ]
    verdicts = [proof.verdict for proof in prove_many(texts, TWO)]
    assert verdicts == [
        "proven",
        "refuted",
        "unknown",
        "proven",
        "refuted",
        "unknown",
        "refuted",
    ]
    assert prove_many([], TWO) == []


def test_the_module_named_after_the_circuit_is_taken_unless_another_is_asked_for() -> None:
    text = adder("assign sum = a + b;") + (
        "module other(input [1:0] a, b, output [1:0] sum);\n"
        "  assign sum = a;\nendmodule\n"
        "module above(input [1:0] a, b, output [1:0] sum);\n"
        "  adder_2_no_cout unit (.a(a), .b(b), .sum(sum));\nendmodule\n"
    )
    assert prove_verilog(text, TWO).top == "adder_2_no_cout"
    assert prove_verilog(text, TWO, top="above").proven
    assert prove_verilog(text, TWO, top="other").verdict == "refuted"
    missing = prove_verilog(text, TWO, top="nowhere")
    assert missing.verdict == "unknown"
    assert "nowhere" in missing.reason


def test_without_a_module_of_that_name_the_root_is_taken() -> None:
    text = HEAD.replace("adder_2_no_cout", "leaf") + "assign sum = a + b;" + TAIL
    text += HEAD.replace("adder_2_no_cout", "root") + "leaf u (.a(a), .b(b), .sum(sum));" + TAIL
    proof = prove_verilog(text, TWO)
    assert (proof.verdict, proof.top) == ("proven", "root")


# ---------------------------------------------------------------- what is wrong is refuted


def gate_verilog(netlist: Netlist) -> str:
    """Write gates as assignments, so that Yosys needs no library."""
    circuit = netlist.circuit
    operators = {
        "INV": "~{0}",
        "BUF": "{0}",
        "NAND2": "~({0} & {1})",
        "NOR2": "~({0} | {1})",
        "AND2": "{0} & {1}",
        "OR2": "{0} | {1}",
        "XOR2": "{0} ^ {1}",
        "XNOR2": "~({0} ^ {1})",
        "AOI21": "~({0} & {1} | {2})",
        "OAI21": "~(({0} | {1}) & {2})",
    }
    assert operators.keys() == FUNCTIONS.keys()
    ports = ", ".join(
        f"{port.direction} [{port.width - 1}:0] {port.name}"
        if port.width > 1
        else f"{port.direction} {port.name}"
        for port in circuit.ports()
    )
    names = {port.name for port in circuit.ports()}
    wires = [gate.output for gate in netlist.gates if gate.output.split("[")[0] not in names]
    lines = [f"  wire {name};" for name in wires]
    lines += [
        f"  assign {gate.output} = {operators[gate.function].format(*gate.inputs)};"
        for gate in netlist.gates
    ]
    return f"module {circuit.name}({ports});\n" + "\n".join(lines) + TAIL


def mutants(netlist: Netlist, random: Random) -> list[Netlist]:
    """Give netlists with one gate changed, two inputs exchanged, or an input moved elsewhere."""
    gates = list(netlist.gates)
    changed = []
    for place, gate in enumerate(gates):
        count = len(gate.inputs)
        alike = [name for name, (inputs, _) in FUNCTIONS.items() if inputs == count]
        other = random.choice([name for name in alike if name != gate.function])
        changed.append((place, gate._replace(function=other)))
        changed.append((place, gate._replace(inputs=gate.inputs[::-1])))
        ports = [port for port in netlist.circuit.ports() if port.direction == "input"]
        port = random.choice(ports)
        bit = random.randrange(port.width)
        net = f"{port.name}[{bit}]" if port.width > 1 else port.name
        changed.append((place, gate._replace(inputs=(net, *gate.inputs[1:]))))
    return [
        Netlist(netlist.circuit, (*gates[:place], gate, *gates[place + 1 :]))
        for place, gate in changed
    ]


@pytest.mark.parametrize(
    "circuit",
    [
        Circuit("adder", 4, carry_in=True),
        Circuit("comparator", 4),
        Circuit("leading_zero_count", 6),
        Circuit("priority_encoder", 5),
    ],
    ids=lambda circuit: circuit.name,
)
def test_mutants_are_judged_as_exhaustive_simulation_judges_them(circuit: Circuit) -> None:
    original = map_direct(designs_of(circuit)[-1])
    changed = [original, *mutants(original, Random(7))]
    proofs = prove_many([gate_verilog(netlist) for netlist in changed], circuit)
    wrong = [counterexample(netlist) is not None for netlist in changed]
    assert 10 < sum(wrong) < len(changed)  # some changes leave a correct circuit
    assert [proof.verdict for proof in proofs] == [
        "refuted" if is_wrong else "proven" for is_wrong in wrong
    ]
    assert all(reproduces(proof) for proof in proofs if not proof.proven)


def test_a_rare_difference_is_found_and_shown() -> None:
    circuit = Circuit("adder", 24)
    text = behavioural_verilog(circuit).replace(
        "a + b", "(a == 24'd1234567 && b == 24'd7654321) ? 25'd0 : a + b"
    )
    proof = prove_verilog(text, circuit)
    assert proof.verdict == "refuted"
    assert proof.counterexample is not None
    assert proof.counterexample.inputs == {"a": 1234567, "b": 7654321}
    assert proof.counterexample.expected == {"sum": 8888888, "cout": 0}
    assert proof.counterexample.actual == {"sum": 0, "cout": 0}
    assert "for a = 0x12d687, b = 0x74cbb1 expected" in proof.reason


SUBTRACTOR = Circuit("subtractor", 3, carry_out=False)
WRONG_PORTS = {
    "wider input": ("input [2:0] a, input [1:0] b, output [1:0] sum", r"input \[2:0\] a"),
    "narrower output": ("input [1:0] a, input [1:0] b, output sum", r"output \[0:0\] sum"),
    "reversed range": ("input [0:1] a, input [1:0] b, output [1:0] sum", r"input \[0:1\] a"),
    "shifted range": ("input [2:1] a, input [1:0] b, output [1:0] sum", r"input \[2:1\] a"),
    "both ways": ("inout [1:0] a, input [1:0] b, output [1:0] sum", r"inout \[1:0\] a"),
    "output as input": ("input [1:0] a, b, sum", r"input \[1:0\] sum"),
    "renamed": ("input [1:0] a, input [1:0] c, output [1:0] sum", r"input \[1:0\] c"),
    "missing": ("input [1:0] a, output [1:0] sum", r"expected input \[1:0\] b; actual: no such"),
    "extra input": ("input [1:0] a, b, input cin, output [1:0] sum", r"input \[0:0\] cin"),
    "extra output": ("input [1:0] a, b, output [1:0] sum, output cout", r"output \[0:0\] cout"),
    "single bits": (
        "input \\a[0] , input \\a[1] , input a, input [1:0] b, output [1:0] sum",
        r"input \[0:0\] a\[0\]",
    ),
}


def test_wrong_ports_are_refuted_and_named() -> None:
    texts = [
        f"module adder_2_no_cout({ports}); wire [1:0] w; assign w = {{2{{a[0]}}}}; endmodule\n"
        for ports, _ in WRONG_PORTS.values()
    ]
    proofs = prove_many(texts, TWO)
    for (name, (_, named)), proof in zip(WRONG_PORTS.items(), proofs, strict=True):
        assert proof.verdict == "refuted", f"{name}: {proof.reason}"
        assert re.search(named, proof.reason), f"{name}: {proof.reason}"
        assert "the module's ports are not the circuit's: expected" in proof.reason
        assert proof.counterexample is None


def test_the_order_of_the_ports_does_not_matter_but_their_meaning_does() -> None:
    ports = "output [2:0] diff, input [2:0] b, input [2:0] a"
    for body, verdict in (("a - b", "proven"), ("b - a", "refuted")):
        text = f"module subtractor_3_no_bout({ports}); assign diff = {body}; endmodule\n"
        proof = prove_verilog(text, SUBTRACTOR)
        assert proof.verdict == verdict
        assert proof.proven or reproduces(proof)


def test_reversed_bits_are_refuted() -> None:
    body = "assign {sum[0], sum[1]} = {a[0], a[1]} + {b[0], b[1]};"
    proof = prove_verilog(adder(body), TWO)
    assert proof.verdict == "refuted"
    assert reproduces(proof)


# ---------------------------------------------------------------- what is odd is never proven

ODD = {
    "latch": (
        "reg [1:0] s; assign sum = s; always @* if (a[0]) s = a + b;",
        "is a latch",
    ),
    "flip-flop": (
        "reg [1:0] s; assign sum = s; always @(posedge a[0]) s <= a + b;",
        r"cells of type \$_DFF_P_",
    ),
    "memory": (
        "reg [1:0] m [0:3]; wire [1:0] q = m[a]; assign sum = a + b + (q & ~q);",
        r"\$mem",
    ),
    "undriven net": ("wire x; assign sum = {a[1] ^ b[1] ^ x, a[0] ^ b[0]};", "has no driver"),
    "undriven net that nothing needs": (
        "wire x; wire y = x & a[0]; assign sum = a + b;",
        "no driver",
    ),
    "undriven net that cancels": ("wire x; assign sum = (a + b) ^ {2{x & ~x}};", "no driver"),
    "undriven output": ("assign sum[0] = a[0] ^ b[0];", "has no driver"),
    "misspelt net": ("assign sum = {a[1] ^ b[1] ^ (a[0] & bO), a[0] ^ b[0]};", "no driver"),
    "unconnected pin": (
        "part p (.a(a), .y(sum));\nendmodule\n"
        "module part(input [1:0] a, b, output [1:0] y); assign y = a + b;",
        "has no driver",
    ),
    "two drivers": ("assign sum = a + b; assign sum = a + b;", "conflicting"),
    "a driver and a constant": ("assign sum = a + b; assign sum[0] = 1'b0;", "onflicting"),
    "shorted inputs": (
        "wire w; assign w = a[0]; assign w = b[0]; assign sum = a + b;",
        "conflicting",
    ),
    "a driven input": ("assign a = b; assign sum = a + b;", "conflicting"),
    "a loop": (
        "wire p, q; assign p = q & a[0]; assign q = p | b[0]; assign sum = a + b + (p & ~p);",
        "logic loop",
    ),
    "a loop that nothing needs": (
        "wire p, q; assign p = q & a[0]; assign q = p | b[0]; assign sum = a + b;",
        "logic loop",
    ),
    "x": ("assign sum = {1'bx, a[0] ^ b[0]};", "x or z"),
    "x in a choice": ("assign sum = a == b ? 2'bx : a + b;", "'x' or 'z'"),
    "x in a case": (
        "reg [1:0] s; assign sum = s;\n"
        "always @* case (a) 2'd0: s = b; 2'd1: s = 2'bx; default: s = a + b; endcase",
        "'x' or 'z'",
    ),
    "tristate": ("assign sum = a[0] ? a + b : 2'bz;", "'x' or 'z'"),
    "a module that is nowhere": ("part p (.a(a), .b(b), .y(sum));", "not part of the design"),
    "a black box": (
        "part p (.a(a), .b(b), .y(sum));\nendmodule\n"
        "module part(input [1:0] a, b, output [1:0] y);",
        "cells of type part",
    ),
    "a white box": (
        "part p (.a(a), .b(b), .y(sum));\nendmodule\n"
        "(* whitebox *) module part(input [1:0] a, b, output [1:0] y); assign y = a + b;",
        "cells of type part",
    ),
    "a free constant": (
        "(* anyconst *) reg [1:0] k; assign sum = (a + b) ^ (k & ~k);",
        r"cells of type \$anyconst",
    ),
    "an assumption": ("assign sum = a; always @* assume (b == 0);", "assume"),
    "a recursive module": (
        "part p (.a(a), .b(b), .y(sum));\nendmodule\n"
        "module part(input [1:0] a, b, output [1:0] y); part p (.a(a), .b(b), .y(y));",
        "recursive",
    ),
    "a simulator's view": ("`ifdef YOSYS\nassign sum = a + b;\n`endif", "directive `ifdef"),
    "a host file": ('`include "/etc/hostname"', "directive `include"),
    "bad syntax": ("assign sum = a +;", "syntax error"),
}


def test_odd_netlists_are_never_proven_and_the_reason_is_told() -> None:
    proofs = prove_many([adder(body) for body, _ in ODD.values()], TWO)
    for (name, (_, reason)), proof in zip(ODD.items(), proofs, strict=True):
        assert proof.verdict == "unknown", f"{name}: {proof.verdict}"
        assert re.search(reason, proof.reason), f"{name}: {proof.reason}"
        assert proof.counterexample is None


@pytest.mark.parametrize("text", ["", "\n", "// nothing here\n"])
def test_a_text_without_a_module_is_not_proven(text: str) -> None:
    proof = prove_verilog(text, TWO)
    assert (proof.verdict, proof.reason) == ("unknown", "the text has no module")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("LATCHT l (.G(a[0]), .D(b[0]), .Y(sum[0]));", "latch"),
        ("TRIT t (.A(b[0]), .E(a[0]), .Y(sum[0]));", "tribuf|TBUF|'z'"),
        ("DARKT d (.A(b[0]), .Y(sum[0]));", "DARKT"),
        ("NOSUCHT d (.A(b[0]), .Y(sum[0]));", "NOSUCHT"),
        ("XORT x (.A(b[0]), .C(a[0]), .Y(sum[0]));", "`C'|port"),
    ],
)
def test_cells_that_are_no_plain_logic_are_never_proven(
    cells: str, reason: str, library: CellLibrary
) -> None:
    text = adder(f"{cells} assign sum[1] = 0;")
    proof = prove_verilog(text, TWO, library=library)
    assert proof.verdict == "unknown"
    assert re.search(reason, proof.reason), proof.reason


def test_a_netlist_cannot_bring_its_own_version_of_a_library_cell(library: CellLibrary) -> None:
    circuit = Circuit("adder", 4)
    mapped = mapped_verilog(bind(map_direct(designs_of(circuit)[0]), library.bindings))
    own = "module XORT(input A, B, output Y); assign Y = A ^ B; endmodule\n"
    proof = prove_verilog(mapped + own, circuit, library=library)
    assert proof.verdict == "unknown"
    assert "XORT" in proof.reason


def test_cells_without_their_library_are_unknown(library: CellLibrary) -> None:
    circuit = Circuit("adder", 4)
    mapped = mapped_verilog(bind(map_direct(designs_of(circuit)[0]), library.bindings))
    assert prove_verilog(mapped, circuit).verdict == "unknown"


def test_a_hierarchy_that_is_to_be_kept_is_proven_all_the_same() -> None:
    text = adder("part p (.a(a), .b(b), .y(sum));") + (
        "(* keep_hierarchy *) module part(input [1:0] a, b, output [1:0] y);\n"
        "  assign y = a + b;\nendmodule\n"
    )
    assert prove_verilog(text, TWO).proven


def test_a_text_that_never_ends_is_unknown() -> None:
    text = adder("part #(1) p (.a(a), .b(b), .y(sum));") + (
        "module part #(parameter N = 1) (input [1:0] a, b, output [1:0] y);\n"
        "  part #(N + 1) p (.a(a), .b(b), .y(y));\nendmodule\n"
    )
    proof = prove_verilog(text, TWO, timeout_s=1.0)
    assert proof.verdict == "unknown"
    assert "did not finish within 1 s" in proof.reason


def test_bytes_that_are_no_text_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "netlist.v"
    path.write_bytes(adder("assign sum = a + b; // caf\u00e9").encode("latin-1"))
    proof = prove_verilog(path, TWO)
    assert proof.verdict == "unknown"
    assert "UTF-8" in proof.reason


@pytest.mark.parametrize("top", ["", "a b", "m; exec -- true", "\\m"])
def test_a_top_that_is_no_plain_name_is_refused(top: str) -> None:
    with pytest.raises(ConfigError, match="`top` should be a plain module name"):
        prove_verilog(adder("assign sum = a + b;"), TWO, top=top)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.v", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match=f"{path} should be a file"):
            prove_verilog(path, TWO)


# ---------------------------------------------------------------- when ABC fails


def fake_abc(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let proofs use a shell script in place of ABC."""
    equivalence.reference_graph(TWO)  # by Yosys alone, but only once
    tool = folder / "fake-abc"
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)
    monkeypatch.setattr(equivalence, "abc_path", lambda: tool)


SAYS = "echo edarl-compare 0; echo '{}'; echo edarl-end"
FAULTS: Mapping[str, tuple[str, str]] = {
    "crashes": ("kill -SEGV $$", "signal SIGSEGV"),
    "fails": ("exit 7", "exit status 7"),
    "says nothing": ("true", "should answer 1 times"),
    "says nonsense": ("head -c 5000 /dev/urandom", "should answer 1 times"),
    "answers without a verdict": (SAYS.format("Empty network."), "it said: Empty network"),
    "cannot decide": (SAYS.format("Networks are UNDECIDED."), "could not decide"),
    "says both": (
        SAYS.format("Networks are equivalent.\nNetworks are NOT EQUIVALENT."),
        "one verdict",
    ),
    "finds a difference that is none": (
        SAYS.format("Networks are NOT EQUIVALENT."),
        "cannot be reproduced",
    ),
    "shows inputs that show nothing": (
        SAYS.format(
            "Networks are NOT EQUIVALENT.\n"
            "INPUT: pi0 = 1'\"'\"'h1, pi1 = 1'\"'\"'h0, pi2 = 1'\"'\"'h1, pi3 = 1'\"'\"'h0.  "
            "OUTPUT: po0 = 1'\"'\"'h0"
        ),
        "cannot be reproduced",
    ),
}


@pytest.mark.parametrize(("body", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_abc_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    fake_abc(tmp_path, monkeypatch, body)
    proof = prove_verilog(adder("assign sum = a + b;"), TWO)
    assert proof.verdict == "unknown"
    assert re.search(reason, proof.reason), proof.reason
    assert proof.counterexample is None


def test_abc_is_not_believed_when_simulation_disagrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_abc(tmp_path, monkeypatch, SAYS.format("Networks are equivalent."))
    proof = prove_verilog(adder("assign sum = a - b;"), TWO)
    assert proof.verdict == "unknown"
    assert "simulation does" in proof.reason


def test_a_difference_that_simulation_finds_needs_no_abc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_abc(tmp_path, monkeypatch, SAYS.format("Networks are UNDECIDED."))
    proof = prove_verilog(adder("assign sum = a - b;"), TWO)
    assert proof.verdict == "refuted"
    assert reproduces(proof)


def test_a_missing_tool_is_an_error_and_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    equivalence.reference_graph(TWO)
    monkeypatch.setattr(equivalence, "abc_path", lambda: tmp_path / "nothing")
    with pytest.raises(ToolNotFoundError):
        prove_verilog(adder("assign sum = a + b;"), TWO)


def test_references_that_disagree_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = Circuit("adder", 5)
    wrong = behavioural_verilog(circuit).replace("a + b", "a + b + 1")
    equivalence.reference_graph.cache_clear()
    monkeypatch.setattr(equivalence, "behavioural_verilog", lambda _: wrong)
    with pytest.raises(EquivalenceError, match="references of adder_5 disagree for a ="):
        prove_verilog(behavioural_verilog(circuit), circuit)


# ---------------------------------------------------------------- map files


@pytest.mark.parametrize(("width", "served"), [(8, 8), (8, 9), (13, 13), (13, 14)])
@pytest.mark.parametrize("carry_in", [False, True])
def test_map_files_are_proven(width: int, served: int, carry_in: bool) -> None:
    circuit = Circuit("adder", width, carry_in=carry_in)
    proof = prove_techmap(techmap_verilog(designs_of(circuit)[:1]), served)
    assert proof.verdict == "proven", proof.reason


LCU = """\
(* techmap_celltype = "$lcu" *)
module {name} (P, G, CI, CO);
  parameter WIDTH = 8;
  input [WIDTH-1:0] P, G; input CI; output [WIDTH-1:0] CO;
  wire _TECHMAP_FAIL_ = WIDTH != {width};
  wire [WIDTH:0] c;
  assign c[0] = CI, CO = c[WIDTH:1];
  genvar i;
  generate for (i = 0; i < WIDTH; i = i + 1) begin : bits assign c[i + 1] = {carry}; end
  endgenerate
endmodule
"""


@pytest.mark.parametrize(
    ("name", "width", "carry", "verdict", "reason"),
    [
        ("_80_mine", 8, "G[i] | P[i] & c[i]", "proven", "^$"),
        ("_80_mine", 8, "G[i] | P[i]", "refuted", "the outputs differ"),
        ("_80_mine", 8, "i == 7 ? G[i] : G[i] | P[i] & c[i]", "refuted", "cout = 0x1, actual"),
        ("_80_mine", 8, "i == 0 ? G[i] : G[i] | P[i] & c[i]", "refuted", "cin = 0x1 expected"),
        ("_80_mine", 9, "G[i] | P[i] & c[i]", "unknown", "it used .*_90_lcu_brent_kung"),
        ("mine", 8, "G[i] | P[i] & c[i]", "unknown", "name should sort before `_90_`"),
    ],
)
def test_map_files_that_are_wrong_or_not_used_are_not_proven(
    name: str, width: int, carry: str, verdict: str, reason: str
) -> None:
    proof = prove_techmap(LCU.format(name=name, width=width, carry=carry), 8)
    assert proof.verdict == verdict, proof.reason
    assert re.search(reason, proof.reason)
    assert proof.verdict != "refuted" or reproduces(proof)


def test_hostile_and_broken_map_files_are_unknown() -> None:
    run = prove_techmap('module m; wire [99:0] _TECHMAP_DO_ = "exec -- true"; endmodule', 8)
    assert run.verdict == "unknown"
    assert "runs commands in Yosys" in run.reason
    assert prove_techmap("modul m", 8).verdict == "unknown"


# ---------------------------------------------------------------- graphs

HALF_ADDER = (
    "aag 5 2 0 2 3\n2\n4\n10\n6\n6 2 4\n8 3 5\n10 7 9\ni0 b\ni1 a\no0 s\no1 c\nc\nmade up\n"
)


def test_graphs_are_arranged_by_name() -> None:
    graph = read_aag(HALF_ADDER, ["a", "b"], ["c", "s"])
    assert graph.inputs == ("a", "b")
    outputs = graph.simulate({"a": 0b0101, "b": 0b0011}, 4)
    assert outputs == {"s": 0b0110, "c": 0b0001}


def test_graphs_are_written_in_binary_aiger() -> None:
    graph = Aig(("a", "b"), ("y",), (7,), ((2, 4),))
    assert graph.to_bytes() == b"aig 3 2 0 1 1\n7\n\x02\x02"
    wide = Aig(("a",) * 200, ("y",), (402,), ((2, 4),))
    assert wide.to_bytes().endswith(b"\n402\n" + bytes([0x8E, 0x03, 0x02]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aig 1 1 0 1 0\n2\n",
        "aag 1 1\n",
        HALF_ADDER.replace("aag 5 2 0", "aag 5 2 1"),
        HALF_ADDER.replace("i1 a", "i1 b"),
        HALF_ADDER.replace("i1 a", "i1 z"),
        HALF_ADDER.replace("i1 a", "i7 a"),
        HALF_ADDER.replace("i1 a\n", ""),
        HALF_ADDER.replace("8 3 5", "8 3 15"),
        HALF_ADDER.replace("8 3 5", "8 3 11"),
        HALF_ADDER.replace("8 3 5", "6 3 5"),
        HALF_ADDER.replace("8 3 5", "9 3 5"),
        HALF_ADDER.replace("8 3 5", "8 3"),
        HALF_ADDER.replace("10 7 9", "10 7 x"),
    ],
)
def test_damaged_graphs_are_refused(text: str) -> None:
    with pytest.raises(ToolOutputError):
        read_aag(text, ["a", "b"], ["s", "c"])


def test_deep_graphs_need_no_recursion() -> None:
    gates = "\n".join(f"{2 * n} {2 * n - 2} 2" for n in range(2, 5002))
    graph = read_aag(f"aag 5001 1 0 1 5000\n2\n10002\n{gates}\ni0 a\no0 y\n", ["a"], ["y"])
    assert graph.simulate({"a": 0b10}, 2) == {"y": 0b10}


def test_proofs_are_plain_records() -> None:
    proof = prove_verilog(adder("assign sum = a;"), TWO)
    assert dataclasses.asdict(proof)["counterexample"]["expected"].keys() == {"sum"}
    assert isinstance(Gate("INV", ("a",), "y"), tuple)
