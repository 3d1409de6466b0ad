"""``edarl library``: adding, listing, showing and removing cell libraries."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.synthesis import osu018 as installer
from edarl.synthesis.library import load_library
from tests.cli.conftest import Run


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that has never been used."""
    home = tmp_path / "home"
    monkeypatch.setenv("EDARL_HOME", str(home))
    return home


@pytest.mark.usefixtures("empty_home")
def test_the_list_names_what_comes_with_edarl_on_a_fresh_machine(
    edarl: Run, golden: Callable[[str, str], None]
) -> None:
    said = edarl("library", "list")
    assert said.code == ExitCode.DONE
    golden("library_list.txt", re.sub(r"[0-9a-f]{12}", "(its digest)", said.out))
    (row,) = (row for row in edarl("library", "list", "--json").json["libraries"] if row["default"])
    assert row["name"] == "sky130"
    assert row["comes_with_edarl"] is True
    assert row["driver"] == "sky130_fd_sc_hd__buf_2"
    assert row["digest"] == load_library("default").digest


@pytest.mark.usefixtures("empty_home")
def test_the_list_has_what_was_added_after_what_comes_along(
    edarl: Run, tmp_path: Path, nangate45: Path
) -> None:
    before = [row["name"] for row in edarl("library", "list", "--json").json["libraries"]]
    edarl("library", "add", "mine", nangate45)
    *rows, mine = edarl("library", "list", "--json").json["libraries"]
    assert [row["name"] for row in rows] == before
    assert (mine["name"], mine["default"], mine["comes_with_edarl"]) == ("mine", False, False)
    assert "mine" in edarl("library", "list").out


@pytest.mark.usefixtures("empty_home")
def test_a_damaged_library_stays_in_the_list_with_what_is_wrong(
    edarl: Run, empty_home: Path, nangate45: Path
) -> None:
    edarl("library", "add", "mine", nangate45)
    (empty_home / "libraries" / "mine.json").write_text("hello")
    mine = edarl("library", "list", "--json").json["libraries"][-1]
    assert (mine["name"], mine["default"]) == ("mine", False)
    assert "run `edarl library add mine FILE...`" in mine["error"]
    assert edarl("library", "list").code == ExitCode.DONE


def test_a_library_is_shown_with_what_serves_and_what_is_left_out(edarl: Run, osu018: str) -> None:
    answer = edarl("library", "show", osu018, "--json").json
    assert "NAND2X1" in answer["serving"]["NAND2"]
    assert "DFFPOSX1" in answer["left_out"]
    said = edarl("library", "show", osu018)
    assert said.code == ExitCode.DONE
    assert "NAND2X1" in said.out
    assert "DFFPOSX1" in said.out


def test_a_library_that_leaves_nothing_out_is_shown_without_that_table(
    edarl: Run, sky130: str
) -> None:
    assert edarl("library", "show", sky130, "--json").json["left_out"] == {}
    said = edarl("library", "show", sky130)
    assert said.code == ExitCode.DONE
    assert "sky130_fd_sc_hd__nand2_1 (3.7536)" in said.out
    assert "left out" not in said.out


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
    edarl: Run, sky130: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = load_library(sky130)

    def install(on_progress: Callable[[str], None]) -> object:
        on_progress("downloading")
        return library

    monkeypatch.setattr(installer, "install_osu018", install)
    said = edarl("library", "install", "osu018")
    assert said.code == ExitCode.DONE
    assert said.out.startswith(f"added sky130: {len(library.cells)} cells")
    assert said.err == "  downloading\n"


@pytest.mark.usefixtures("empty_home")
def test_a_fresh_machine_can_evaluate_at_once(edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--tier", "fast", "--delays",
                 1000, "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    assert said.json["library"] == "sky130"


@pytest.mark.usefixtures("empty_home")
def test_a_library_that_can_be_had_says_how(edarl: Run) -> None:
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--library", "osu018")
    assert said.code == ExitCode.CANNOT
    assert "edarl library install osu018" in said.err
