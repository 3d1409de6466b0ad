"""``edarl cell``: cells are listed, laid out and written, or refused with a reason."""

import json
from pathlib import Path

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")
pytest.importorskip("gdstk", reason="needs the extra `layout`")

from edarl.cli.output import ExitCode
from edarl.layout.netlist import read_cells
from tests.cli.conftest import Run


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


def test_what_cannot_be_laid_out_is_named(edarl: Run, tmp_path: Path) -> None:
    for arguments, message in (
        (("basic", "NAND9"), "should have the cell NAND9, actual cells: AOI21"),
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
    assert head.startswith("cell,method,width_cpp,bound_cpp,proved,wire_length_nm")
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
