import os
from pathlib import Path

import pytest

from edarl.errors import LibraryError, ToolError, ToolNotFoundError
from edarl.hdl.netlist import FUNCTIONS, CellBinding
from edarl.metrics import Constraint
from edarl.synthesis import osu018
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.cells import Corner, Units
from edarl.synthesis.library import boxed_libraries, list_libraries, load_library
from edarl.synthesis.osu018 import install_osu018
from tests.synthesis import tiny
from tests.tools import require_tool

FILE = "usr/share/qflow/tech/osu018/osu018_stdcells.lib"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test."""
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole search path; the system has no osu018 files."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(osu018, "_INSTALLED", tmp_path / "not installed")
    return folder


def fake(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)


def fake_dpkg(folder: Path, tmp_path: Path, *, holds: str = FILE) -> None:
    """A dpkg-deb that unpacks a tiny library and names a version."""
    library = tmp_path / "content.lib"
    library.write_text(tiny.library())
    fake(
        folder,
        "dpkg-deb",
        f'if [ "$1" = -f ]; then echo 9.8.7; else mkdir -p "$(dirname "$3/{holds}")" && '
        f'cp "{library}" "$3/{holds}"; fi',
    )


def test_the_real_package_installs_without_touching_the_system() -> None:
    require_tool("apt-get")
    require_tool("dpkg-deb")
    said: list[str] = []
    try:
        library = install_osu018(said.append)
    except ToolError as error:
        if os.environ.get("EDARL_REQUIRE_TOOLS") == "1":
            raise
        pytest.skip(f"needs a package mirror: {str(error).splitlines()[0]}")
    assert said
    assert library.notes["package"] == "qflow-tech-osu018"
    assert library.notes["package_version"][0].isdigit()
    assert load_library("osu018") == library
    assert_is_osu018(library)


def assert_is_osu018(library: CellLibrary) -> None:
    assert len(library.cells) == 32
    assert library.units == Units(1000.0, 1000.0)
    assert library.corner == Corner("typical", 1.0, 1.8, 25.0)
    assert set(library.bindings) == set(FUNCTIONS)
    assert library.bindings["AOI21"] == CellBinding("AOI21X1", ("A", "B", "C"), "Y")
    assert library.bindings["OAI21"] == CellBinding("OAI21X1", ("A", "B", "C"), "Y")
    assert library.serving["NAND2"] == ("NAND2X1",)
    assert library.area("NAND2X1") == 24.0
    assert library.constraint() == Constraint("BUFX4", 55.942)
    assert library.left_out() == {
        "DFFNEGX1": "sequential",
        "DFFPOSX1": "sequential",
        "DFFSR": "sequential",
        "FAX1": "2 outputs",
        "HAX1": "2 outputs",
        "LATCH": "sequential",
        "TBUFX1": "tri-state",
        "TBUFX2": "tri-state",
    }


def test_a_file_that_the_system_has_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "osu018_stdcells.lib"
    file.write_text(tiny.library())
    monkeypatch.setattr(osu018, "_INSTALLED", file)
    said: list[str] = []
    library = install_osu018(said.append)
    assert said == [f"using {file}"]
    assert library.notes["package"] == "qflow-tech-osu018"
    assert list_libraries() == (*boxed_libraries(), "osu018")


def test_the_package_is_downloaded_and_unpacked(bin_folder: Path, tmp_path: Path) -> None:
    fake(bin_folder, "apt-get", "touch qflow-tech-osu018_9.8.7_all.deb")
    fake_dpkg(bin_folder, tmp_path)
    assert install_osu018().notes == {"package": osu018.PACKAGE, "package_version": "9.8.7"}


def test_private_package_lists_are_fetched_where_the_system_has_none(
    bin_folder: Path, tmp_path: Path
) -> None:
    fake(
        bin_folder,
        "apt-get",
        'case "$*" in\n'
        # One source fails, as it does where a third-party mirror is down.
        "*Dir::State=*update) touch updated; exit 100;;\n"
        "*Dir::State=*download*) test -e updated && touch qflow-tech-osu018_1_all.deb;;\n"
        "*) exit 100;;\nesac",
    )
    fake_dpkg(bin_folder, tmp_path)
    said: list[str] = []
    assert install_osu018(said.append).name == "osu018"
    assert said == [
        "downloading the package qflow-tech-osu018",
        "the system's package lists do not lead to it; fetching private ones",
        "downloading the package qflow-tech-osu018",
        "unpacking qflow-tech-osu018_1_all.deb",
    ]


def test_without_apt_the_error_says_how_to_do_it_by_hand(bin_folder: Path) -> None:
    with pytest.raises(ToolNotFoundError) as caught:
        install_osu018()
    assert "apt-get is not installed" in str(caught.value)
    assert f"run `edarl library add osu018 DIR/{FILE}`" in str(caught.value)


def test_without_dpkg_the_error_says_how_to_do_it_by_hand(bin_folder: Path) -> None:
    fake(bin_folder, "apt-get", "touch qflow-tech-osu018_9.8.7_all.deb")
    with pytest.raises(ToolNotFoundError, match="dpkg-deb is not installed"):
        install_osu018()


def test_without_a_network_the_error_has_the_last_words_of_apt(bin_folder: Path) -> None:
    fake(bin_folder, "apt-get", "echo 'E: no route to mirror'; exit 100")
    with pytest.raises(ToolError) as caught:
        install_osu018()
    assert "is there a network? to do it by hand, get the package" in str(caught.value)
    assert "E: no route to mirror" in str(caught.value)


def test_a_download_that_leaves_nothing_is_an_error(bin_folder: Path) -> None:
    fake(bin_folder, "apt-get", "exit 0")
    with pytest.raises(ToolError, match=r"should leave the package qflow-\S+, but left none"):
        install_osu018()


def test_a_package_without_the_library_is_an_error(bin_folder: Path, tmp_path: Path) -> None:
    fake(bin_folder, "apt-get", "touch qflow-tech-osu018_9.8.7_all.deb")
    fake_dpkg(bin_folder, tmp_path, holds="other.lib")
    with pytest.raises(LibraryError, match=r"should hold usr/share/\S+\.lib, but does not"):
        install_osu018()
