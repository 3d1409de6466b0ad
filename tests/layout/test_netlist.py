"""Reading cell netlists: what is understood, round trips, and what is refused."""

from pathlib import Path

import pytest

from edarl.errors import NetlistError
from edarl.layout.netlist import CellNetlist, Device, parse_cells, read_cells
from tests.conftest import ROOT

NAND = """\
* a comment
.PARAM wide=2*base base=27n
.SUBCKT NAND2 A B VDD VSS Y  $ pins
*.PININFO A:I B:I Y:O
MP0 Y A VDD VDD pmos_rvt w='wide' l=20n nfin=2
MP1 Y B VDD VDD pmos_rvt w={2*base}
+ l=20n nfin=2
XN0 Y A x VSS nmos_rvt w=81.0n l=20n nfin=3 m=2
MN1 x B VSS VSS nmos_rvt w = 81n l = 20n nfin = 3
.ENDS NAND2
"""


def test_a_cell_is_read_with_its_parameters_and_continued_lines():
    (cell,) = parse_cells(NAND).values()
    assert (cell.name, cell.pins, cell.supply, cell.ground) == (
        "NAND2",
        ("A", "B", "VDD", "VSS", "Y"),
        "VDD",
        "VSS",
    )
    assert cell.signal_pins == ("A", "B", "Y")
    assert dict(cell.directions) == {"A": "I", "B": "I", "Y": "O"}
    assert cell.devices[1] == Device("MP1", "p", "B", "VDD", "Y", "VDD", 54.0, 20.0, 2)
    assert cell.devices[2] == Device("XN0", "n", "A", "x", "Y", "VSS", 162.0, 20.0, 6)
    assert cell.nets == ("A", "B", "VDD", "VSS", "Y", "x")


def test_a_written_cell_reads_back_the_same():
    cells = parse_cells(NAND)
    assert parse_cells(cells["NAND2"].spice()) == cells


def test_the_cells_that_come_along_read_back_the_same():
    path = ROOT / "edarl" / "layout" / "cells" / "basic.cdl"
    cells = read_cells(path)
    assert {"INV", "NAND2", "AOI21", "XOR2", "FA", "DLATCH", "DFF"} <= cells.keys()
    for name, cell in cells.items():
        assert parse_cells(cell.spice())[name] == cell


def test_every_cell_of_asap7_is_read(asap7_library):
    cells = read_cells(asap7_library / "asap7sc7p5t_28_R.cdl")
    assert len(cells) == 208
    assert all(isinstance(cell, CellNetlist) and cell.devices for cell in cells.values())
    assert sum(len(cell.devices) for cell in cells.values()) == 2558
    for name, cell in cells.items():
        assert parse_cells(cell.spice())[name] == cell


def test_micrometres_and_metres_are_told_apart():
    text = NAND.replace("w=81.0n l=20n", "w=0.65 l=0.15")
    device = parse_cells(text)["NAND2"].devices[2]
    assert (device.width_nm, device.length_nm) == (1300.0, 150.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (".ENDS NAND2\n", "", r"the subcircuit NAND2 of line 3 should end with `.ENDS`"),
        ("pmos_rvt w='wide'", "diode w='wide'", r"line 5: cell NAND2: the model of MP0 should be"),
        ("MN1 x B", "R1 x B", r"line 9: cell NAND2 should consist of transistors"),
        ("MN1 x B VSS VSS", "MN1 x B VSS", r"line 9: .* a transistor should read"),
        ("VDD VSS Y ", "VDD VSS Y Z ", r"every pin should stand on a transistor, actual: Z"),
        ("A B VDD VSS Y ", "A B VSS Y ", r"should have one pin for power .* actual: none"),
        ("w=81.0n", "w=many", r"line 8: cell NAND2: size of XN0: `many`"),
        ("w=81.0n", "w=0", r"XN0 should have w and l above 0"),
        ("m=2", "m=1.5", r"whole numbers of fins and copies"),
        ("MP1 Y B", "MP0 Y B", r"names of devices should differ, actual: MP0 twice"),
    ],
)
def test_what_is_no_cell_is_named_with_its_line(old, new, message):
    assert old in NAND
    with pytest.raises(NetlistError, match=message):
        parse_cells(NAND.replace(old, new, 1))


def test_nested_and_missing_subcircuits_and_strays_are_refused():
    with pytest.raises(NetlistError, match=r"line 2: the subcircuit A of line 1 should end"):
        parse_cells(".SUBCKT A x\n.SUBCKT B y\n")
    with pytest.raises(NetlistError, match=r"line 1: a device should stand inside"):
        parse_cells("M0 a b c d nmos w=1 l=1\n")
    with pytest.raises(NetlistError, match=r"should have a cell OR2; it has 1, such as NAND2"):
        parse_cells(NAND, "file", ["OR2"])
    with pytest.raises(NetlistError, match="was defined before"):
        parse_cells(NAND + NAND)
    with pytest.raises(NetlistError, match="cannot read the netlists"):
        read_cells(Path("/nonexistent/cells.cdl"))
