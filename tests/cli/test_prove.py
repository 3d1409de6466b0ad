"""``edarl prove``: 0 for proven, 1 for refuted with a counterexample, 2 for cannot say."""

import hashlib
from pathlib import Path

from edarl.cli.output import ExitCode
from tests.cli.conftest import Run

GOOD = """module adder_4 (input [3:0] a, b, output [3:0] sum, output cout);
  assign {cout, sum} = a + b;
endmodule
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "file.v"
    file.write_text(text)
    return file


def test_an_adder_is_proven(edarl: Run, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    said = edarl("prove", file, "--circuit", "adder", "--width", 4, "--json")
    assert said.code == ExitCode.DONE
    answer = said.json
    assert answer["verdict"] == "proven"
    assert answer["sha256"] == hashlib.sha256(GOOD.encode()).hexdigest()
    assert answer["counterexample"] is None
    assert answer["tools"].keys() == {"yosys", "abc"}
    said = edarl("prove", file, "--width", 4)
    assert said.out.startswith("proven: ")


def test_a_wrong_adder_is_refuted_with_inputs_that_show_it(edarl: Run, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD.replace("a + b", "a + b + (a == 9 && b == 4)"))
    said = edarl("prove", file, "--width", 4, "--json")
    assert said.code == ExitCode.NO
    example = said.json["counterexample"]
    assert example["inputs"] == {"a": 9, "b": 4}
    assert example["expected"] == {"sum": 13, "cout": 0}
    assert example["actual"] == {"sum": 14, "cout": 0}
    said = edarl("prove", file, "--width", 4)
    assert said.code == ExitCode.NO
    assert said.out.startswith("refuted: ")
    assert "9" in said.out


def test_other_ports_are_refuted_by_name(edarl: Run, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD.replace("cout", "carry"))
    said = edarl("prove", file, "--width", 4)
    assert said.code == ExitCode.NO
    assert "cout" in said.out


def test_what_cannot_be_read_is_neither(edarl: Run, tmp_path: Path) -> None:
    for text in ("module adder_4 (", '`include "x"\n' + GOOD, "\x00"):
        said = edarl("prove", written(tmp_path, text), "--width", 4, "--json")
        assert said.code == ExitCode.CANNOT
        assert said.json["verdict"] == "unknown"
        assert said.json["reason"]


def test_a_netlist_needs_its_library(edarl: Run, sky130: str, filled_store: Path,
                                     tmp_path: Path) -> None:  # fmt: skip
    edarl("export", "--structure", "ripple", "--width", 4, "--library", sky130, "--only", "netlist",
          "-o", tmp_path)  # fmt: skip
    netlist = tmp_path / "adder_4_netlist.v"
    assert edarl("prove", netlist, "--width", 4, "--library", sky130).code == ExitCode.DONE
    assert edarl("prove", netlist, "--width", 4).code == ExitCode.CANNOT


def test_the_module_can_be_named(edarl: Run, tmp_path: Path) -> None:
    text = GOOD.replace("adder_4", "mine") + GOOD.replace("a + b", "a - b").replace(
        "adder_4", "other"
    )
    file = written(tmp_path, text)
    assert edarl("prove", file, "--width", 4, "--top", "mine").code == ExitCode.DONE
    assert edarl("prove", file, "--width", 4, "--top", "other").code == ExitCode.NO
