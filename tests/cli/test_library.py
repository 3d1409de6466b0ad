"""``edarl library``: adding, listing, showing and removing cell libraries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.synthesis import osu018 as installer
from edarl.synthesis.library import load_library
from tests.cli.conftest import Run


def test_the_list_names_the_default(
    edarl: Run, osu018: str, golden: Callable[[str, str], None]
) -> None:
    said = edarl("library", "list")
    assert said.code == ExitCode.DONE
    (row,) = (row for row in edarl("library", "list", "--json").json["libraries"] if row["default"])
    assert row["name"] == "osu018"
    assert row["driver"] == "BUFX4"
    assert row["cells"] == 32
    golden("library_list.txt", said.out)


def test_a_library_is_shown_with_what_serves_and_what_is_left_out(edarl: Run, osu018: str) -> None:
    answer = edarl("library", "show", osu018, "--json").json
    assert "NAND2X1" in answer["serving"]["NAND2"]
    assert "DFFPOSX1" in answer["left_out"]
    said = edarl("library", "show", osu018)
    assert said.code == ExitCode.DONE
    assert "NAND2X1" in said.out
    assert "DFFPOSX1" in said.out


def test_a_library_of_ones_own_is_added_used_and_removed(edarl: Run, nangate45: Path) -> None:
    said = edarl("library", "add", "mine", nangate45, "--json")
    assert said.code == ExitCode.DONE
    assert said.json["name"] == "mine"
    assert said.json["digest"] == load_library("mine").digest
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--library", "mine", "--delays",
                 300, "--no-prove", "--json")  # fmt: skip
    assert said.json["library"] == "mine"
    said = edarl("library", "remove", "mine")
    assert said.code == ExitCode.DONE
    assert edarl("library", "show", "mine").code == ExitCode.CANNOT


def test_installing_reports_what_it_does_on_the_side(
    edarl: Run, osu018: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(on_progress: Callable[[str], None]) -> object:
        on_progress("downloading")
        return load_library(osu018)

    monkeypatch.setattr(installer, "install_osu018", install)
    said = edarl("library", "install", "osu018")
    assert said.code == ExitCode.DONE
    assert said.out.startswith("added osu018: 32 cells")
    assert said.err == "  downloading\n"


def test_no_library_at_all_says_how_to_get_one(
    edarl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path))
    assert "edarl library install osu018" in edarl("library", "list").out
    assert edarl("library", "list", "--json").json == {"libraries": []}
    said = edarl("evaluate", "--structure", "ripple", "--width", 4)
    assert said.code == ExitCode.CANNOT
    assert "edarl library install osu018" in said.err
