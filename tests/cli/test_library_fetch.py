"""``edarl library fetch``: from the command line to a library that can be used."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.synthesis import download, fetch
from edarl.synthesis.fetch import PUBLIC_LIBRARIES, RAW_CONTENT_HOST
from tests.cli.conftest import Run
from tests.imports import modules_after
from tests.synthesis.public import CONTENTS, MADE_UP, PATHS
from tests.synthesis.web import Web, closed_port, content, forget_settings, status, web_server


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty home, no settings, and a folder for temporary files that stays empty."""
    forget_settings(monkeypatch)
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield
    assert not list(temporary.iterdir()), "temporary files were left behind"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A mirror that has the made-up library, which the table lists as well."""
    monkeypatch.setattr(fetch, "PUBLIC_LIBRARIES", {**PUBLIC_LIBRARIES, "made-up": MADE_UP})
    with web_server() as running:
        for path, data in zip(PATHS, CONTENTS, strict=True):
            running.serve(path, data)
        yield running


def path_of(name: str) -> str:
    """The path of a library's only file on any server."""
    (file,) = PUBLIC_LIBRARIES[name].files
    return PUBLIC_LIBRARIES[name].url(file, "")


# ----------------------------------------------------------------- it works


def test_nangate45_is_fetched_shown_and_used(edarl: Run, web: Web, nangate45: Path) -> None:
    web.serve(path_of("nangate45"), nangate45.read_bytes())
    said = edarl("library", "fetch", "nangate45", "--mirror", web.url)
    assert said.code == ExitCode.DONE, said.err
    assert said.out.startswith("added nangate45: 134 cells, typical, 1.1 V, 25 C; inputs driven by")
    assert "nangate45_typ.lib.gz" in said.err
    assert "1.3/1.3 MB sha256 ok\nreading the library\n" in said.err
    shown = edarl("library", "show", "nangate45")
    assert "default constraint: inputs driven by BUF_X2, 7.11684 fF" in shown.out
    answer = edarl("library", "show", "nangate45", "--json").json
    assert "NAND2_X1" in answer["serving"]["NAND2"]
    assert answer["sources"] == ["nangate45_typ.lib.gz"]
    assert answer["notes"] == {
        "repository": "The-OpenROAD-Project/OpenSTA",
        "commit": "d1b2b3962cd47539c748bb163da5de2bd5d2f85f",
    }
    said = edarl("evaluate", "--structure", "ripple", "--width", 4, "--library", "nangate45",
                 "--delays", 300, "--no-prove", "--json")  # fmt: skip
    assert said.json["library"] == "nangate45"


def test_sky130hd_is_fetched_and_shown(edarl: Run, web: Web, sky130hd: Path) -> None:
    web.serve(path_of("sky130hd"), sky130hd.read_bytes())
    said = edarl("library", "fetch", "sky130hd", "--mirror", web.url, "--json")
    assert said.code == ExitCode.DONE, said.err
    assert said.json["driver"] == "sky130_fd_sc_hd__buf_2"
    assert said.json["cells"] == 428
    answer = edarl("library", "show", "sky130hd", "--json").json
    assert answer["digest"] == said.json["digest"]
    assert "sky130_fd_sc_hd__nand2_1" in answer["serving"]["NAND2"]


def test_several_files_are_merged_and_each_has_a_line(edarl: Run, web: Web) -> None:
    said = edarl("library", "fetch", "made-up", "--mirror", web.url)
    assert said.code == ExitCode.DONE, said.err
    lines = said.err.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [f"made_up_{n}.lib" for n in range(3)]
    assert all(line.rstrip().endswith("sha256 ok") for line in lines[:3])
    assert said.out.startswith("added made-up: 20 cells")
    answer = edarl("library", "show", "made-up", "--json").json
    assert answer["sources"] == [file.name for file in MADE_UP.files]
    assert set(answer["serving"]["XOR2"]) == {"XOR2X1", "XOR2X2"}


def test_the_environment_may_name_the_mirror(
    edarl: Run, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDARL_LIBRARY_MIRROR", web.url)
    said = edarl("library", "fetch", "made-up", "--json")
    assert said.json["name"] == "made-up"
    assert said.err == ""


def test_a_server_in_trouble_is_asked_again_and_says_so(
    edarl: Run, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    web.serve(PATHS[0], status(503), status(503), content(CONTENTS[0]))
    said = edarl("library", "fetch", "made-up", "--mirror", web.url)
    assert said.code == ExitCode.DONE, said.err
    assert said.err.count("answered 503 Service Unavailable") == 1


# ------------------------------------------------------------------ it fails


def test_without_a_network_the_way_by_hand_is_shown(
    edarl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    monkeypatch.setenv("https_proxy", closed_port())  # so that nobody outside is asked
    said = edarl("library", "fetch", "ihp-sg13g2")
    assert said.code == ExitCode.CANNOT
    assert said.out == ""
    assert "error: the library ihp-sg13g2 could not be fetched: no usable answer from" in said.err
    assert "asked 4 times for" in said.err
    assert "nothing was registered" in said.err
    assert f"{RAW_CONTENT_HOST}{path_of('ihp-sg13g2')}\n" in said.err
    assert "6f50333c719d8f324c9f8a18197e034ae531de3655002eb9d10c04f281ee0660  sg13g2_" in said.err
    assert "edarl library add ihp-sg13g2 sg13g2_stdcell_typ_1p20V_25C.lib\n" in said.err
    assert "failed" in said.err
    assert edarl("library", "show", "ihp-sg13g2").code == ExitCode.CANNOT


def test_a_wrong_file_is_refused_and_the_library_of_before_is_kept(edarl: Run, web: Web) -> None:
    edarl("library", "fetch", "made-up", "--mirror", web.url)
    before = edarl("library", "show", "made-up", "--json").json
    web.serve(PATHS[1], CONTENTS[0])
    said = edarl("library", "fetch", "made-up", "--mirror", web.url, "--json")
    assert said.code == ExitCode.CANNOT
    error = said.json["error"]
    assert error["type"] == "LibraryError"
    assert f"expected sha256 {MADE_UP.files[1].sha256}" in error["message"]
    assert f"actual sha256   {MADE_UP.files[0].sha256}" in error["message"]
    assert "nothing was registered; the library made-up that was added earlier" in error["message"]
    assert edarl("library", "show", "made-up", "--json").json == before


@pytest.mark.parametrize("arguments", [("nangate",), ("nangate45", "--mirror", "mirror")])
def test_a_mistake_in_the_command_is_one_line(edarl: Run, arguments: tuple[str, ...]) -> None:
    said = edarl("library", "fetch", *arguments)
    assert said.code == ExitCode.CANNOT
    assert said.err.startswith("error: `")
    assert said.err.count("\n") == 1


# ---------------------------------------------------------------- what there is


def test_without_a_name_the_libraries_are_listed(edarl: Run, web: Web) -> None:
    edarl("library", "fetch", "made-up", "--mirror", web.url)
    said = edarl("library", "fetch")
    assert said.code == ExitCode.DONE
    assert said == edarl("library", "fetch", "--list")
    rows = {words[0]: words for line in said.out.splitlines() if (words := line.split())}
    for name in PUBLIC_LIBRARIES:
        assert rows[name][-1] != "yes"
    assert rows["made-up"][-1] == "yes"
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_list_as_json_has_all_that_a_mirror_needs(edarl: Run) -> None:
    answer = edarl("library", "fetch", "--json", "--mirror", "https://mirror.example.com").json
    assert [library["name"] for library in answer["libraries"]] == list(PUBLIC_LIBRARIES)
    for listed, library in zip(answer["libraries"], PUBLIC_LIBRARIES.values(), strict=True):
        assert listed["licence"] == library.licence
        assert listed["added"] is False
        assert listed["files"] == [
            {
                "url": library.url(file, "https://mirror.example.com"),
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
            }
            for file in library.files
        ]


def test_the_list_of_one_library_is_the_way_by_hand(edarl: Run) -> None:
    said = edarl("library", "fetch", "nangate45", "--list")
    assert said.code == ExitCode.DONE
    assert f"{RAW_CONTENT_HOST}{path_of('nangate45')}\n" in said.out
    assert "nangate45_typ.lib.gz: 1304819 bytes\n" in said.out
    assert "edarl library add nangate45 nangate45_typ.lib.gz\n" in said.out
    answer = edarl("library", "fetch", "nangate45", "--list", "--json").json
    assert [library["name"] for library in answer["libraries"]] == ["nangate45"]


@pytest.mark.parametrize("arguments", [["--help"], ["library", "list"], ["library", "--help"]])
def test_commands_that_fetch_nothing_do_not_load_what_fetching_needs(arguments: list[str]) -> None:
    loaded = modules_after(f"from edarl.cli import main; main({arguments})")
    assert "edarl.cli" in loaded
    assert not {"httpx2", "edarl.synthesis.download"} & loaded


def test_the_help_names_every_library(edarl: Run) -> None:
    shown = " ".join(edarl("library", "fetch", "--help").out.split())
    for name in PUBLIC_LIBRARIES:
        assert name in shown
