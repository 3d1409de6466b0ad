import gzip
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edarl.errors import ConfigError
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.techmap import (
    ABC_RECIPES,
    YosysFiles,
    abc_script,
    addition_map_verilog,
    netlist_flow,
    techmap_flow,
    techmap_verilog,
)
from edarl.hdl.verilog import structural_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from tests.hdl.designs import random_design
from tests.tools import require_tool, yosys

USES = {
    "sum_no_carry": ("input [7:0] a, b, output [7:0] y", "assign y = a + b;"),
    "sum": ("input [7:0] a, b, output [8:0] y", "assign y = a + b;"),
    "carry_in": ("input [7:0] a, b, input c, output [8:0] y", "assign y = a + b + c;"),
    "difference": ("input [7:0] a, b, output [7:0] y", "assign y = a - b;"),
    "borrow": ("input [7:0] a, b, output [8:0] y", "assign y = a - b;"),
    "less": ("input [7:0] a, b, output y", "assign y = a < b;"),
    "signed_sum": ("input signed [7:0] a, b, output signed [8:0] y", "assign y = a + b;"),
    "negate": ("input [7:0] a, output [7:0] y", "assign y = -a;"),
    "switched": ("input [7:0] a, b, input s, output [7:0] y", "assign y = s ? a - b : a + b;"),
    "other_width": ("input [5:0] a, b, output [5:0] y", "assign y = a + b;"),
}
FILES = YosysFiles(("top.v",), "cells.lib", "constr", "map.abc", "out.v")


def kogge_stone(width: int) -> Design:
    spans = [(m, max(0, m - (1 << k) + 1)) for m in range(width) for k in range(1, 9)]
    return Design.of(PrefixGraph.legalise(width, spans), Circuit("adder", width), "or")


@pytest.mark.parametrize("carry_in", [False, True], ids=["no_cin", "cin"])
def test_yosys_proves_that_everything_built_from_carries_still_computes_the_same(
    carry_in: bool, tmp_path: Path
) -> None:
    design = random_design(Circuit("adder", 8, carry_in), Random(carry_in))
    (tmp_path / "map.v").write_text(techmap_verilog([design]))
    script = []
    for name, (ports, body) in USES.items():
        (tmp_path / f"{name}.v").write_text(f"module top ({ports}); {body} endmodule")
        script += [
            f"read_verilog {name}.v",
            "hierarchy -top top; proc; design -save gold",
            "synth -top top -run begin:fine",
            "techmap -map map.v -map +/techmap.v",
            "check -assert; design -stash gate",
            "design -copy-from gold -as gold top; design -copy-from gate -as gate top",
            "miter -equiv -flatten -make_assert gold gate miter",
            "hierarchy -top miter; sat -verify -prove-asserts -set-def-inputs miter",
            "design -reset",
        ]
    log = yosys("\n".join(script), tmp_path)
    assert log.count("no model found: SUCCESS!") == len(USES)
    assert log.count(r"\_80_lcu_edarl_8\WIDTH") >= len(USES) - 1
    assert "Warning" not in log


def test_yosys_uses_the_map_for_its_width_and_the_next_only(tmp_path: Path) -> None:
    (tmp_path / "map.v").write_text(techmap_verilog([kogge_stone(8)]))
    assert widths_mapped(tmp_path, range(6, 11)) == {8: 8, 9: 8}


def test_a_design_of_the_next_width_comes_before_the_extra_bit(tmp_path: Path) -> None:
    (tmp_path / "map.v").write_text(techmap_verilog([kogge_stone(8), kogge_stone(9)]))
    assert widths_mapped(tmp_path, range(7, 12)) == {8: 8, 9: 9, 10: 9}


def widths_mapped(folder: Path, widths: range) -> dict[int, int]:
    """Give, for each width that the map file serves, the width of the graph used."""
    script = []
    for bits in widths:
        (folder / f"top_{bits}.v").write_text(
            f"module top_{bits} (input [{bits - 1}:0] a, b, output [{bits - 1}:0] y);"
            " assign y = a + b; endmodule"
        )
        script += [
            f"read_verilog top_{bits}.v",
            f"synth -top top_{bits} -run begin:fine",
            "techmap -map map.v -map +/techmap.v",
            "design -reset",
        ]
    log = yosys("\n".join(script), folder)
    used = re.findall(r"Using template \S*_80_lcu_edarl_(\d+)\\WIDTH=32'([01]+)", log)
    return {int(bits, 2): int(graph) for graph, bits in used}


@pytest.fixture
def cells(nangate45: Path, tmp_path: Path) -> Path:
    """The library without its wire load, and the constraint, in the test's folder."""
    lines = gzip.decompress(nangate45.read_bytes()).decode().splitlines(keepends=True)
    path = tmp_path / FILES.liberty
    path.write_text("".join(line for line in lines if "default_wire_load" not in line))
    (tmp_path / FILES.constraint).write_text(
        "set_driving_cell BUF_X1\nset_load 10.0 [all_outputs]\n"
    )
    return path


def flow_figures(log: str) -> tuple[float, float]:
    """Read area and delay of the last timing report in a Yosys log."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    found = re.findall(r"ABC: WireLoad = .*?Area = +([\d.]+).*?Delay = +([\d.]+) ps", plain)
    area, delay = found[-1]
    return float(area), float(delay)


TOP_32 = (
    "module top (input [31:0] a, b, output [31:0] sum, output cout);"
    " assign {cout, sum} = a + b; endmodule"
)


def test_the_structure_survives_the_flow_on_nangate45(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(TOP_32)
    (tmp_path / "map.v").write_text(techmap_verilog([kogge_stone(32)]))
    (tmp_path / FILES.abc_script).write_text(abc_script(300))
    area_um2, delay_ps = flow_figures(yosys(techmap_flow(FILES, "top", "map.v", 300), tmp_path))
    # Kogge-Stone is the fastest and largest; the built-in script would leave 240 to 266 um2 and
    # more than 870 ps of any graph.
    assert delay_ps < 300
    assert area_um2 > 400
    assert "module top(" in (tmp_path / FILES.output).read_text()


def test_a_finished_netlist_is_kept_whole(cells: Path, tmp_path: Path) -> None:
    netlist = (
        "module adder_2 (\n  input [1:0] a,\n  input [1:0] b,\n  output [1:0] sum,\n"
        "  output cout\n);\n  wire n1;\n"
        "  HA_X1 u0 (.A(a[0]), .B(b[0]), .CO(n1), .S(sum[0]));\n"
        "  FA_X1 u1 (.A(a[1]), .B(b[1]), .CI(n1), .CO(cout), .S(sum[1]));\nendmodule\n"
    )
    assert len(read_mapped_verilog(netlist).instances) == 2
    (tmp_path / "adder.v").write_text(netlist)
    (tmp_path / "map.v").write_text(addition_map_verilog(Circuit("adder", 2)))
    (tmp_path / FILES.abc_script).write_text(abc_script(500, "area"))
    (tmp_path / "top.v").write_text(
        "module top (input [1:0] a, b, input s, output [2:0] x, output [1:0] y);"
        " assign x = a + b; assign y = s ? a + b : a & b; endmodule"
    )
    yosys(netlist_flow(FILES, "top", "map.v", "adder.v", "adder_2", 500), tmp_path)
    text = (tmp_path / FILES.output).read_text()
    adder = text[text.index("module adder_2(") :].partition("endmodule")[0]
    assert re.findall(r"^  (\w+) \S+ \($", adder, re.MULTILINE) == ["HA_X1", "FA_X1"]
    assert len(re.findall(r"^  adder_2 \S+ \($", text, re.MULTILINE)) == 2


@pytest.mark.parametrize("options", [{}, {"carry_in": True}, {"carry_out": False}])
def test_yosys_proves_additions_by_instances(options: dict[str, bool], tmp_path: Path) -> None:
    circuit = Circuit("adder", 5, **options)
    adder = structural_verilog(random_design(circuit, Random(5)), module="fast")
    (tmp_path / "fast.v").write_text(adder)
    (tmp_path / "map.v").write_text(addition_map_verilog(circuit, "fast"))
    uses = {
        "unsigned_sum": ("input [4:0] a, b, output [5:0] y", circuit.carry_out),
        "narrow_sum": ("input [4:0] a, b, output [4:0] y", True),
        "signed_sum": ("input signed [4:0] a, b, output signed [5:0] y", False),
        "mixed_sum": ("input signed [4:0] a, input [4:0] b, output [5:0] y", circuit.carry_out),
        "short_sum": ("input [3:0] a, input [4:0] b, output [4:0] y", False),
        "wide_sum": ("input [4:0] a, b, output [6:0] y", False),
    }
    script = []
    for name, (ports, _) in uses.items():
        (tmp_path / f"{name}.v").write_text(f"module {name} ({ports}); assign y = a + b; endmodule")
        script += [
            f"read_verilog fast.v {name}.v",
            f"hierarchy; proc; copy {name} gold; techmap -map map.v {name}",
            f"log instances of {name}:; select -count {name}/t:fast",
            f"miter -equiv -flatten -make_assert gold {name} miter; hierarchy -top miter",
            "sat -verify -prove-asserts -set-def-inputs miter",
            "design -reset",
        ]
    log = yosys("\n".join(script), tmp_path)
    assert log.count("no model found: SUCCESS!") == len(uses)
    counts = re.findall(r"^(\d) objects", log, re.MULTILINE)
    assert counts == [str(int(bool(taken))) for _, taken in uses.values()]


def test_map_file_has_the_known_logic_at_three_bits() -> None:
    design = Design(PrefixGraph.legalise(3, [(2, 1)]), Circuit("adder", 3), 0b100)
    text = techmap_verilog([design])
    logic = text[text.index("begin : prefix\n") :].partition("  end\n")[0].splitlines()[1:]
    assert [line.strip() for line in logic] == [
        "wire g_0 = G[0] | (P[0] & CI);",
        "wire p_2 = P[2] | G[2];",
        "wire g_1_0 = G[1] | (P[1] & g_0);",
        "wire g_2_1 = G[2] | (p_2 & G[1]);",
        "wire p_2_1 = p_2 & P[1];",
        "wire g_2_0 = g_2_1 | (p_2_1 & g_0);",
        "assign CO[0] = g_0;",
        "assign CO[1] = g_1_0;",
        "assign CO[2] = g_2_0;",
    ]


def test_pyverilog_and_icarus_parse_map_files(parse: Callable[[str], Any], tmp_path: Path) -> None:
    iverilog = require_tool("iverilog")
    for text in (techmap_verilog([kogge_stone(8)]), addition_map_verilog(Circuit("adder", 8))):
        _, module = parse(text).description.definitions  # the attribute comes first
        (tmp_path / "map.v").write_text(text + structural_verilog(kogge_stone(8)))
        command = [iverilog, "-tnull", "-g2005", "-s", module.name, str(tmp_path / "map.v")]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr


def test_abc_scripts_never_restructure() -> None:
    for recipe in ABC_RECIPES:
        text = abc_script(312.5, recipe)
        assert "upsize -D 312.5\n" in text
        commands = {line.split()[0] for line in text.splitlines()}
        assert not commands & {"dc2", "resyn", "resyn2", "&nf", "&dch", "balance", "compress2"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: techmap_verilog([]), "needs adders, actual: no designs"),
        (lambda: techmap_verilog([kogge_stone(8)] * 2), "several have 8 bits"),
        (
            lambda: techmap_verilog(
                [Design.of(PrefixGraph.legalise(4), Circuit("incrementer", 4))]
            ),
            "needs adders, actual: incrementer",
        ),
        (lambda: addition_map_verilog(Circuit("subtractor", 4)), "actual circuit: subtractor"),
        (lambda: abc_script(0), "`target_ps` should be greater than 0, actual value: 0"),
        (lambda: abc_script(float("nan")), "`target_ps` should be"),
        (lambda: abc_script(300, "fast"), "should be one of delay, area, actual value: 'fast'"),
        (lambda: techmap_flow(FILES, "top", 'a";shell', 300), "no quote, backslash or line break"),
        (lambda: techmap_flow(FILES, "top; shell", "map.v", 300), "a module name should be"),
        (lambda: YosysFiles((), "a", "b", "c", "d"), "at least one file"),
        (lambda: YosysFiles(("a\nshell",), "a", "b", "c", "d"), "line break: 'a"),
    ],
)
def test_what_cannot_work_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()
