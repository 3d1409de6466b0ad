"""``edarl cell``: cells are listed, laid out and written, or refused with a reason."""

import csv
import json
from pathlib import Path

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")
pytest.importorskip("gdstk", reason="needs the extra `layout`")

from edarl.cli.cell_source import library_widths
from edarl.cli.output import ExitCode
from edarl.layout.netlist import basic_cells, read_cells
from edarl.layout.technology import load_technology
from tests.cli.conftest import Run
from tests.layout.conftest import asap7_library

__all__ = ["asap7_library"]


def test_the_cells_that_come_along_are_listed(edarl: Run) -> None:
    said = edarl("cell", "list")
    assert said.code == ExitCode.DONE
    assert "least width [CPP]" in said.out
    rows = {row["cell"]: row for row in edarl("cell", "list", "--json").json["cells"]}
    assert rows["NAND2"] == {
        "cell": "NAND2",
        "pins": ["A", "B", "Y"],
        "transistors": 4,
        "p_fingers": 2,
        "n_fingers": 2,
        "least_width_cpp": 4,
    }


def test_a_cell_is_laid_out_into_a_folder(edarl: Run, tmp_path: Path) -> None:
    said = edarl("cell", "layout", "basic", "NAND2", "-o", tmp_path / "nand")
    assert said.code == ExitCode.DONE
    for text in ("NAND2: 4 CPP wide, proved to be the least", "[A]", "clean", "match"):
        assert text in said.out
    written = {path.name for path in (tmp_path / "nand").iterdir()}
    assert written == {"NAND2.gds", "NAND2.lef", "NAND2.sp", "NAND2.svg", "report.json"}
    assert read_cells(tmp_path / "nand" / "NAND2.sp")["NAND2"].signal_pins == ("A", "B", "Y")
    report = json.loads((tmp_path / "nand" / "report.json").read_text())
    assert (report["width_cpp"], report["bound_cpp"], report["proved"]) == (4, 4, True)
    assert (report["drc_violations"], report["lvs"]) == ([], "match")

    document = edarl(
        "cell", "layout", tmp_path / "nand" / "NAND2.sp", "NAND2", "--method", "anneal",
        "--evaluations", 50, "-o", tmp_path / "again", "--json",
    ).json  # fmt: skip
    assert (document["width_cpp"], document["bound_cpp"], document["proved"]) == (4, None, False)
    assert document["folder"] == str(tmp_path / "again")


LEF = """\
VERSION 5.8 ;
MACRO INV
  SIZE 0.162 BY 0.27 ;
END INV
MACRO NAND2
  SIZE 0.27 BY 0.27 ;
END NAND2
MACRO NOR2
  SIZE 0.25 BY 0.27 ;
END NOR2
END LIBRARY
"""


def test_widths_of_the_library_are_shown_beside_and_are_unknown_without_it(
    edarl: Run, tmp_path: Path
) -> None:
    lef, out = tmp_path / "library.lef", tmp_path / "out"
    lef.write_text(LEF)
    layout = ("cell", "layout", "basic", "NAND2", "--router", "ripup", "-o", out)
    said = edarl(*layout, "--library-lef", lef)
    assert "NAND2: 4 CPP wide, proved to be the least, the library's is 5" in said.out
    assert json.loads((out / "report.json").read_text())["library_width_cpp"] == 5
    assert edarl(*layout, "--json").json["library_width_cpp"] is None

    bench = ("cell", "bench", "basic", "--cells", "INV,NAND2,AOI21", "--router", "ripup")
    said = edarl(*bench, "--library-lef", lef, "--csv", tmp_path / "cells.csv")
    assert "library [CPP]" in said.out
    assert (
        "of 2 clean ones that the library has, 1 narrower than there, 1 as wide, 0 wider; "
        "7 CPP against 8"
    ) in said.out
    rows = csv.DictReader((tmp_path / "cells.csv").read_text().splitlines())
    widths = {row["cell"]: (row["width_cpp"], row["library_width_cpp"]) for row in rows}
    assert widths == {"AOI21": ("5", ""), "INV": ("3", "3"), "NAND2": ("4", "5")}
    said = edarl(*bench, "--json")
    assert [row["library_width_cpp"] for row in said.json["records"]] == [None] * 3


def test_a_lef_file_of_another_library_is_refused(edarl: Run, tmp_path: Path) -> None:
    lef, out = tmp_path / "library.lef", tmp_path / "out"
    lef.write_text(LEF)
    for cell, file, message in (
        ("AOI21", lef, "should have a macro for one of AOI21, actual macros: INV, NAND2, NOR2"),
        ("NOR2", lef, "should be whole columns of 54 nm wide, actual: NOR2 250 nm; is it a"),
        ("INV", tmp_path / "none.lef", "none.lef"),
    ):
        said = edarl("cell", "layout", "basic", cell, "--library-lef", file, "-o", out)
        assert said.code == ExitCode.CANNOT
        assert message in said.err
    assert not out.exists()


def test_the_widths_of_asap7s_own_cells_are_those_that_are_known(asap7_library: Path) -> None:
    lef = asap7_library / "asap7sc7p5t_28_R_1x_220121a.lef"
    with (asap7_library / "library_widths.csv").open() as file:
        known = {
            f"{row['cell']}_ASAP7_75t_R": int(row["lib_width_cpp"]) for row in csv.DictReader(file)
        }
    assert len(known) == 212
    assert library_widths(lef, known, load_technology("asap7")) == known


def test_what_cannot_be_laid_out_is_named(edarl: Run, tmp_path: Path) -> None:
    for arguments, message in (
        (("basic", "NAND9"), "basic should have a cell NAND9; it has INV"),
        (("none.cdl", "INV"), "cannot read the netlists in none.cdl"),
        (("basic", "INV", "--tech", "n3"), "the technology should be one of asap7, nangate45"),
        (("basic", "INV", "--tech", "nangate45"), "can be placed in nangate45, but not drawn"),
        (
            ("basic", "INV", "--method", "magic"),
            "`method` should be one of exact, anneal, rl, random",
        ),
    ):
        said = edarl("cell", "layout", *arguments, "-o", tmp_path / "out")
        assert said.code == ExitCode.CANNOT
        assert message in said.err
    assert not (tmp_path / "out").exists()


def test_many_cells_are_laid_out_in_several_ways(edarl: Run, tmp_path: Path) -> None:
    arguments = ("cell", "bench", "basic", "--cells", "INV,NAND*", "--methods", "exact,random",
                 "--evaluations", 10, "--resume", tmp_path / "kept.jsonl")  # fmt: skip
    said = edarl(*arguments, "--csv", tmp_path / "cells.csv")
    assert said.code == ExitCode.DONE
    assert "exact: 2 of 2 clean, 2 of them at a width proved to be the least" in said.out
    head, *rows = (tmp_path / "cells.csv").read_text().splitlines()
    widths = "width_cpp,bound_cpp,routable_bound_cpp,proved,library_width_cpp"
    assert head.startswith(f"cell,method,{widths},wire")
    assert [row.split(",")[:3] for row in rows] == [
        ["INV", "exact", "3"], ["INV", "random", "3"],
        ["NAND2", "exact", "4"], ["NAND2", "random", "4"],
    ]  # fmt: skip
    document = edarl(*arguments, "--json").json
    assert [record["clean"] for record in document["records"]] == [True] * 4
    said = edarl("cell", "bench", "basic", "--cells", "MUX9")
    assert said.code == ExitCode.CANNOT
    assert "basic should have a cell MUX9; it has INV" in said.err


def test_a_policy_is_trained_and_places_cells(edarl: Run, tmp_path: Path) -> None:
    pytest.importorskip("sb3_contrib", reason="needs edarl[agents]")
    folder = tmp_path / "policy"
    said = edarl("cell", "train", "basic", "--cells", "INV,NAND2", "--placements", 5, "-o", folder)
    assert said.code == ExitCode.DONE
    assert "trained on 2 cells: 5 placements" in said.out
    for policy in ((), ("--policy", folder)):
        document = edarl(
            "cell", "layout", "basic", "INV", "--method", "rl", *policy, "--evaluations", 20,
            "-o", tmp_path / "inv", "--json",
        ).json  # fmt: skip
        assert (document["width_cpp"], document["lvs"]) == (3, "match")
        assert document["drc_violations"] == []
    said = edarl("cell", "layout", "basic", "INV", "--method", "rl", "--policy", tmp_path / "none")
    assert said.code == ExitCode.CANNOT
    assert "none" in said.err


def test_cells_that_were_not_asked_for_may_be_of_any_kind(edarl: Run, tmp_path: Path) -> None:
    file = tmp_path / "library.sp"
    file.write_text(
        basic_cells()["INV"].spice()
        + ".SUBCKT TAP VDD VSS\n.ENDS\n.SUBCKT R A B\nR1 A B 5\n.ENDS\n"
    )
    said = edarl("cell", "layout", file, "INV", "-o", tmp_path / "out")
    assert said.code == ExitCode.DONE
    assert edarl("cell", "layout", file, "TAP", "-o", tmp_path / "out").code == ExitCode.CANNOT


def test_a_file_in_the_folders_place_is_refused_before_the_work(edarl: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    said = edarl("cell", "layout", "basic", "INV", "-o", tmp_path / "out")
    assert said.code == ExitCode.CANNOT
    assert "out should be a folder; give another with --output" in said.err.replace("\n", " ")
    assert (tmp_path / "out").read_text() == "mine"
