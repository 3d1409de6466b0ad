"""Yosys in a child process, and the guard against text that should never reach it."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError, ToolError, ToolTimeoutError
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.verilog import structural_verilog
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.yosys import MOST_TEXT_BYTES, refuse_host_access, run_yosys


def test_a_script_runs_and_gives_its_log(tmp_path: Path) -> None:
    log = run_yosys("log first\nlog second\n", workdir=tmp_path / "a folder")
    assert log.splitlines()[-2:] == ["first", "second"]
    assert "pyosys" not in sys.modules


def test_script_log_and_a_way_to_repeat_are_left(tmp_path: Path) -> None:
    run_yosys("log hello", workdir=tmp_path, name="greet")
    assert (tmp_path / "greet.ys").read_text() == "log hello"
    assert "hello" in (tmp_path / "greet.log").read_text()
    again = subprocess.run(["sh", tmp_path / "greet.sh"], capture_output=True, text=True)
    assert again.returncode == 0
    assert "hello" in again.stdout


def test_an_error_of_yosys_is_raised_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.v").write_text("module m(input a;\nendmodule\n")
    with pytest.raises(ToolError, match=r"Yosys stopped with broken\.v:1: ERROR: syntax error"):
        run_yosys("read_verilog broken.v\nlog not reached", workdir=tmp_path)
    assert "not reached" not in (tmp_path / "yosys.log").read_text()


def test_a_script_that_never_ends_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "endless.v").write_text(
        "module m #(parameter N = 1) (input a);\n  m #(N + 1) again (a);\nendmodule\n"
    )
    with pytest.raises((ToolTimeoutError, ToolError)):
        run_yosys("read_verilog endless.v\nhierarchy -top m", workdir=tmp_path, timeout_s=1.0)


def test_memory_is_limited(tmp_path: Path) -> None:
    (tmp_path / "huge.v").write_text(
        "module m(input [7:0] a, output [7:0] y);\n"
        "  wire [100000000:0] w = {100000001{a[0]}};\n  assign y = w[7:0];\nendmodule\n"
    )
    with pytest.raises(ToolError):
        run_yosys("read_verilog huge.v", workdir=tmp_path, timeout_s=60, memory_mb=400)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a b"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="`name` should be a plain file name"):
        run_yosys("log hello", workdir=tmp_path, name=name)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="could not be written"):
        run_yosys("log hello", workdir=tmp_path / "file" / "run")


# ---------------------------------------------------------------- the guard

HOSTILE = {
    "include": ('`include "/etc/passwd"', "directive `include"),
    "define": ("`define M $readmemh", "directive `define"),
    "ifdef": ("`ifdef YOSYS\n`endif", "directive `ifdef"),
    "macro use": ("assign a = `M;", "directive `M"),
    "readmemh": ('initial $readmemh("/etc/passwd", m);', r"system task \$readmemh"),
    "fopen": ('integer f = $fopen("x");', r"system task \$fopen"),
    "display": ('initial $display("Networks are equivalent");', r"system task \$display"),
    "escaped task": ("initial \\$readmemh (x, m);", "system name"),
    "host function": ('import "DPI-C" function int f(int x);', "word import"),
    "bind": ("bind m other o(a);", "word bind"),
    "hidden by a name": ('wire \\a/* ; "  */ initial $readmemh(x, m); "', "comment sign"),
    "hidden by quotes": ('(* a = """ " """ *) initial $readmemh(x, m); "', "string or comment"),
    "escaped quote": (r'(* a = "\" *) initial $readmemh(x, m); "', "string or comment"),
    "unclosed comment": ("/* module", "without an end"),
    "unclosed string": ('(* a = "b\nc" *)', "without an end"),
    "full case": ("(* full_case *) case (a)", "word full_case"),
    "full case, escaped": ("(* \\full_case *) case (a)", "word full_case"),
    "parallel case comment": ("case (a) // synopsys parallel_case\n", "parallel_case in a comment"),
    "translate off": ("/* synthesis translate_off */", "translate_off in a comment"),
    "function as a cell": ('(* via_celltype = "$add" *) function f;', "word via_celltype"),
    "own built-in cell": ("module \\$_NOT_ (input A, output Y);", "definition of the built-in"),
    "NUL": ("module m\0;", "NUL"),
}


@pytest.mark.parametrize(("text", "named"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_and_named(text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        refuse_host_access(text)


def test_every_offender_is_listed_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"line 1: .*`include; line 3: .*\$fopen"):
        refuse_host_access('`include "a"\nmodule m;\ninitial $fopen("x");\nendmodule')


def test_overlong_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most 32 MB"):
        refuse_host_access(" " * (MOST_TEXT_BYTES + 1))


@pytest.mark.parametrize(
    "text",
    [
        "`timescale 1ns/1ps\n`default_nettype none\n",
        'always @(*) y = a; // the user said "no\n',
        "always @ ( * ) y = a;",
        '(* src = "dir/file.v:1", keep = 1 *) wire w;',
        "wire \\$abc$123$n4 ; wire \\top/u1.n ;",
        "\\$_NAND_ u (.A(a), .B(b), .Y(y)); \\$add #(.WIDTH(2)) v ();",
        "assign y = $signed(a) >>> 1; wire a$b;",
        "// Synthesis by some tool, with `include and $readmemh in words\n",
    ],
)
def test_ordinary_netlist_text_is_allowed(text: str) -> None:
    refuse_host_access(text)


# Pyverilog leaves its VERSION file open while it is imported.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_everything_we_emit_is_allowed(kind: str) -> None:
    circuit = Circuit(kind, 9)
    design = Design.of(structure("sklansky", 9), circuit)
    for text in (
        structural_verilog(design),
        structural_verilog(design, hierarchical=False),
        behavioural_verilog(circuit),
    ):
        refuse_host_access(text)


def test_a_map_file_may_define_built_in_cells_but_not_run_commands() -> None:
    refuse_host_access("module \\$lcu (P, G, CI, CO); endmodule", techmap=True)
    with pytest.raises(ConfigError, match="runs commands in Yosys"):
        refuse_host_access('wire [99:0] _TECHMAP_DO_1 = "exec -- true";', techmap=True)
    with pytest.raises(ConfigError, match="runs commands in Yosys"):
        refuse_host_access('(* techmap_wrap = "exec -- true" *) module m; endmodule', techmap=True)


@given(st.text(alphabet='abm$`"\\/*() \n;_', max_size=60))
def test_the_guard_only_ever_allows_or_refuses(text: str) -> None:
    with contextlib.suppress(ConfigError):
        refuse_host_access(text)
        assert "`" not in text or "/" in text or '"' in text
