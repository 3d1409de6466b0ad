"""What is written is read by ABC, Yosys and OpenSTA without a complaint, and means the same."""

import re
import subprocess
from pathlib import Path

import pytest

from edarl.synthesis.cells import read_cells, read_corner, read_units
from edarl.synthesis.characterize import RowLayout, characterize
from edarl.synthesis.liberty import parse_liberty
from edarl.synthesis.process import abc_path
from tests.synthesis.characterize.process_for_tests import request
from tests.tools import require_tool, yosys


@pytest.fixture(scope="module")
def written(process: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measured library of two inverters, a buffer, a NAND and a multiplexer."""
    require_tool("ngspice")
    folder = tmp_path_factory.mktemp("written")
    characterize(
        request(process, "*inv_*", "*buf_1", "*nand2_1", "*mux2_1", layout=RowLayout()),
        folder / "tt.lib",
        folder=folder / "work",
        processes=2,
    )
    return folder / "tt.lib"


def test_the_head_says_how_it_was_made_and_states_units_and_thresholds(written: Path) -> None:
    text = written.read_text()
    head = " ".join(text[: text.index("*/")].split())
    assert head.startswith("/* Measured by edarl")
    assert (
        "Not extracted from a layout: diffusions, strain, contacts and wires are estimated" in head
    )
    assert re.search(r"of the cells [0-9a-f]{64}", head)
    for statement in (
        'time_unit : "1ns"',
        "capacitive_load_unit (1, pf)",
        "slew_lower_threshold_pct_rise : 20",
        "slew_upper_threshold_pct_fall : 80",
        "slew_derate_from_library : 1",
        "output_threshold_pct_rise : 50",
    ):
        assert f"  {statement};\n" in text


def test_edarl_reads_the_same_cells_back(written: Path) -> None:
    group = parse_liberty(written.read_text(), source="tt.lib")
    units = read_units(group, source="tt.lib")
    cells = read_cells(group, units, source="tt.lib")
    assert sorted(cells) == [
        "tt__buf_1",
        "tt__inv_1",
        "tt__inv_2",
        "tt__mux2_1",
        "tt__nand2_1",
    ]
    corner = read_corner(group)
    assert (corner.name, corner.voltage_v, corner.temperature_c) == ("tt_025C_1v80", 1.8, 25.0)
    nand = cells["tt__nand2_1"]
    assert nand.area_um2 == pytest.approx(1.38 * 2.72)
    assert [pin.name for pin in nand.inputs] == ["A", "B"]
    assert nand.outputs[0].function == "!(A & B)"
    assert nand.left_out == ""


def test_yosys_reads_it_without_a_warning(written: Path, tmp_path: Path) -> None:
    log = yosys(f"read_liberty -lib {written}; stat", tmp_path)
    assert "Imported 5 cell types from liberty file" in log
    assert "arning" not in log


def test_abc_reads_it_without_a_warning(written: Path) -> None:
    done = subprocess.run(
        [str(abc_path()), "-c", f"read_lib -v {written}; print_genlib"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    log = done.stdout + done.stderr
    gates = dict(re.findall(r"GATE (tt__\w+) +[\d.]+ +([^;]+);", log))
    assert gates == {
        "tt__buf_1": "X=A",
        "tt__inv_1": "Y=!A",
        "tt__inv_2": "Y=!A",
        "tt__mux2_1": "X=(A0 & !S) | (A1 & S)",
        "tt__nand2_1": "Y=!(A & B)",
    }
    assert not re.search("warn|error", log, re.IGNORECASE)


def test_opensta_reads_it_without_a_warning_and_times_a_cell(written: Path, tmp_path: Path) -> None:
    sta = require_tool("sta")
    (tmp_path / "top.v").write_text(
        "module top (a, y); input a; output y; tt__inv_1 u (.A(a), .Y(y)); endmodule\n"
    )
    (tmp_path / "run.tcl").write_text(
        f"read_liberty {written}\nread_verilog top.v\nlink_design top\n"
        "create_clock -name c -period 10\nset_input_delay 0 -clock c a\n"
        "set_output_delay 0 -clock c y\nset_input_transition 0.1 a\nset_load 0.0005 y\n"
        "report_checks -path_delay max -digits 6\nexit\n"
    )
    done = subprocess.run(
        [sta, "-no_splash", "-exit", "run.tcl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    log = done.stdout + done.stderr
    assert "arning" not in log
    assert "rror" not in log
    arrival = re.search(r"([\d.]+)\s+data arrival time", log)
    assert arrival is not None
    cell = written.read_text().partition("cell (tt__inv_1)")[2]
    delays = re.findall(r'values \( \\\n\s+"[^"]*", \\\n\s+"([\d.]+),', cell)
    # From the second input transition into the first load.
    assert float(arrival[1]) == pytest.approx(max(float(delays[0]), float(delays[2])), abs=2e-6)
