"""The libraries that come with edarl: never installed, kept by content, their names taken."""

import gzip
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edarl.errors import LibraryError
from edarl.hdl.netlist import FUNCTIONS
from edarl.synthesis import registry
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import (
    DEFAULT_LIBRARY,
    add_library,
    boxed_file,
    boxed_libraries,
    list_libraries,
    load_library,
    remove_library,
)
from edarl.synthesis.process import abc_path
from tests.conftest import ROOT
from tests.synthesis import tiny
from tests.tools import require_tool, yosys

BOX = ROOT / "edarl" / "synthesis" / "boxed"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test."""
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the default library, in a package that holds a tiny one instead."""
    folder = tmp_path / "boxed"
    folder.mkdir()
    file = folder / boxed_file(DEFAULT_LIBRARY).name
    file.write_bytes(gzip.compress(tiny.library().encode()))
    monkeypatch.setattr(registry, "_BOX", folder)
    return file


def load_without_parsing(name: str | Path) -> CellLibrary:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "parse_liberty", lambda *_, **__: pytest.fail("it was parsed"))
        return load_library(name)


# ---------------------------------------------------------------- what is in the box


def test_every_file_in_the_box_has_a_name_and_every_name_its_file() -> None:
    assert [boxed_file(name).parent for name in boxed_libraries()] == [BOX] * len(boxed_libraries())
    assert {boxed_file(name).name for name in boxed_libraries()} == {
        path.name for path in BOX.iterdir()
    }
    assert boxed_libraries()[0] == DEFAULT_LIBRARY == "sky130"


@pytest.mark.parametrize("name", boxed_libraries())
def test_a_library_in_the_box_is_complete_and_every_cell_is_of_use(name: str) -> None:
    library = load_library(name)
    assert library.name == name
    assert set(library.bindings) == set(FUNCTIONS)
    assert library.left_out() == {}
    for function in FUNCTIONS:
        assert len(library.serving[function]) >= 3, function


def test_the_default_library_is_sky130_at_typical_conditions() -> None:
    library = load_library("default")
    prefix = "sky130_fd_sc_hd__"
    assert library == load_library("sky130")
    assert (library.corner.voltage_v, library.corner.temperature_c) == (1.8, 25.0)
    assert library.area(f"{prefix}nand2_1") == 3.7536
    assert library.bindings["INV"].cell == f"{prefix}inv_1"
    assert library.constraint().driver_cell == f"{prefix}buf_2"
    assert 4 < library.constraint().load_ff < 12
    assert [source.file for source in library.sources] == [boxed_file("sky130").name]


def test_the_wheel_has_the_files_byte_for_byte(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="needs hatchling, which `make setup` installs")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in boxed_libraries():
            file = boxed_file(name)
            assert archive.read(file.relative_to(ROOT).as_posix()) == file.read_bytes()


# ---------------------------------------------------------------- how it is kept


def test_nothing_has_to_be_installed_and_it_is_parsed_once(home: Path, box: Path) -> None:
    first = load_library("default")
    assert "NANDT" in first.cells
    kept = {path.relative_to(home).parts[1] for path in home.rglob("*") if path.is_file()}
    assert kept == {"files", "liberty"}
    again = load_without_parsing("sky130")
    assert again == first
    assert again.name == first.name == "sky130"


def test_a_newer_file_just_works_and_the_older_stays_what_it_was(box: Path) -> None:
    old, old_bytes = load_library("default"), box.read_bytes()
    gates = [tiny.cell(gate, *tiny.GATES[gate]) for gate in tiny.GATES]
    box.write_bytes(
        gzip.compress(tiny.library([*gates, tiny.cell("MORE", "A", "A", area=3.0)]).encode())
    )
    new = load_library("default")
    assert new != old
    assert "MORE" in new.cells
    box.write_bytes(old_bytes)
    assert load_without_parsing("default") == old


def test_it_has_its_name_also_when_its_file_was_used_by_path_before(box: Path) -> None:
    by_path = load_library(box)
    assert by_path.name == "sky130_tt_025C_1v80"
    by_name = load_without_parsing("sky130")
    assert by_name == by_path
    assert by_name.name == "sky130"


@pytest.mark.parametrize("what", ["files", "liberty"])
def test_what_was_kept_is_made_again_when_it_is_damaged(what: str, home: Path, box: Path) -> None:
    first = load_library("default")
    (kept,) = (home / "libraries" / what).iterdir()
    kept.write_text("damaged")
    assert load_library("default") == first
    assert load_without_parsing("default") == first


def test_removing_another_library_leaves_it_alone(tmp_path: Path, box: Path) -> None:
    first = load_library("default")
    (tmp_path / "other.lib").write_text(tiny.library().replace("1.1", "1.2"))
    add_library("other", [tmp_path / "other.lib"])
    remove_library("other")
    assert load_without_parsing("default") == first


# ---------------------------------------------------------------- its name


def test_its_name_is_taken(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a.lib").write_text(tiny.library())
    for name in boxed_libraries():
        with pytest.raises(LibraryError, match=f"the name {name} belongs to a library that comes"):
            add_library(name, [tmp_path / "a.lib"])
    assert not home.exists()


@pytest.mark.parametrize("name", ["default", *boxed_libraries()])
def test_it_cannot_be_removed(name: str) -> None:
    with pytest.raises(LibraryError, match=f"library {name} comes with edarl and cannot be remov"):
        remove_library(name)


def test_an_older_library_of_the_same_name_does_not_hide_it(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a.lib").write_text(tiny.library())
    add_library("mine", [tmp_path / "a.lib"])
    (home / "libraries" / "mine.json").rename(home / "libraries" / "sky130.json")
    assert load_library("sky130").sources[0].file == boxed_file("sky130").name
    assert list_libraries() == boxed_libraries()


def test_a_box_without_its_file_says_to_install_edarl_again(box: Path) -> None:
    box.unlink()
    for name in ("default", "sky130"):
        with pytest.raises(LibraryError, match="library sky130 should come with edarl, but its fi"):
            load_library(name)
    assert "sky130" in list_libraries()


def test_another_name_is_told_what_there_is() -> None:
    with pytest.raises(LibraryError, match=r"should be one of sky130.*, actual value: 'osu018'"):
        boxed_file("osu018")
    with pytest.raises(LibraryError, match="no library `sky131`; did you mean sky130"):
        load_library("sky131")


@pytest.mark.parametrize("name", boxed_libraries())
def test_abc_yosys_and_opensta_read_it_without_a_warning(
    name: str, home: Path, tmp_path: Path
) -> None:
    library = load_library(name)
    (tmp_path / "read.tcl").write_text(f"read_liberty {library.liberty_path}\nputs READ\nexit\n")
    commands = {
        "Library": [str(abc_path()), "-c", f"read_lib -v {library.liberty_path}; print_genlib"],
        "READ": [require_tool("sta"), "-no_splash", "-exit", str(tmp_path / "read.tcl")],
    }
    logs = {"Imported": yosys(f"read_liberty -lib {library.liberty_path}", tmp_path)}
    for sign, command in commands.items():
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        logs[sign] = done.stdout + done.stderr
    for sign, log in logs.items():
        assert sign.lower() in log.lower()
        assert not re.search("warn|error", log, re.IGNORECASE), log
