"""Fetching public libraries: from a real server on this machine, with every file checked."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edarl.errors import ConfigError, LibraryError
from edarl.hdl.netlist import FUNCTIONS
from edarl.synthesis import registry
from edarl.synthesis.download import DownloadLimits
from edarl.synthesis.fetch import (
    MIRROR_VARIABLE,
    PUBLIC_LIBRARIES,
    RAW_CONTENT_HOST,
    FetchProgress,
    fetch_library,
    manual_steps,
    mirror_url,
    public_library,
)
from edarl.synthesis.library import add_library, boxed_libraries, list_libraries, load_library
from edarl.synthesis.timing.warm import made_up_liberty
from tests.synthesis import tiny
from tests.synthesis import web as answers
from tests.synthesis.public import COMMIT, CONTENTS, MADE_UP, PATHS
from tests.synthesis.web import Answer, Web, closed_port, content, redirect, status, web_server

FAST = DownloadLimits(tries=3, pause_s=1e-3)
WRONG = tiny.library().encode()
BOXED = boxed_libraries()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home, no settings, and a folder for temporary files that stays empty."""
    answers.forget_settings(monkeypatch)
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield tmp_path
    assert not list(temporary.iterdir()), "temporary files were left behind"


@pytest.fixture
def web() -> Iterator[Web]:
    """A mirror that has the made-up library."""
    with web_server() as running:
        for path, data in zip(PATHS, CONTENTS, strict=True):
            running.serve(path, data)
        yield running


def kept_files(home: Path) -> dict[Path, bytes]:
    """Everything in edarl's home, byte by byte."""
    return {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def refusal(web: Web, limits: DownloadLimits = FAST) -> str:
    with pytest.raises(LibraryError) as caught:
        fetch_library(MADE_UP, mirror=web.url, limits=limits)
    return str(caught.value)


# ----------------------------------------------------------------- it works


def test_several_files_are_checked_and_become_one_library(web: Web) -> None:
    library = fetch_library(MADE_UP, mirror=web.url, limits=FAST)
    assert library == load_library("made-up")
    assert web.requests == PATHS
    assert set(library.bindings) == set(FUNCTIONS)
    assert len(library.cells) == 2 * len(FUNCTIONS)
    assert dict(library.notes) == {"repository": "Somebody/Cells", "commit": COMMIT}
    assert [(source.file, source.sha256) for source in library.sources] == [
        (file.name, file.sha256) for file in MADE_UP.files
    ]


def test_the_merged_library_is_the_one_in_a_single_file(web: Web, tmp_path: Path) -> None:
    whole = tmp_path / "whole.lib"
    whole.write_text(made_up_liberty())
    fetched = fetch_library(MADE_UP, mirror=web.url)
    single = load_library(whole)
    assert fetched.bindings == single.bindings
    assert fetched.constraint() == single.constraint()


def test_progress_names_each_file_from_asking_to_checked(web: Web) -> None:
    web.serve(PATHS[1], status(500), content(CONTENTS[1]))
    told: list[FetchProgress] = []
    fetch_library(MADE_UP, mirror=web.url, limits=FAST, on_progress=told.append)
    for number, (file, data) in enumerate(zip(MADE_UP.files, CONTENTS, strict=True)):
        mine = [progress for progress in told if progress.file == file.name]
        assert mine[0] == FetchProgress("connect", file.name)
        assert [progress.stage == "retry" for progress in mine].count(True) == (number == 1)
        assert mine[-2] == FetchProgress("download", file.name, len(data), len(data))
        assert mine[-1] == FetchProgress("verified", file.name, len(data), len(data))
    assert told[-1] == FetchProgress("read")
    (again,) = (progress for progress in told if progress.stage == "retry")
    assert "answered 500" in again.reason
    # Only the file that failed was asked for again.
    assert web.requests == [PATHS[0], PATHS[1], PATHS[1], PATHS[2]]


def test_a_mirror_may_redirect(web: Web) -> None:
    web.serve(PATHS[0], redirect("/elsewhere"))
    web.serve("/elsewhere", CONTENTS[0])
    assert fetch_library(MADE_UP, mirror=web.url).name == "made-up"


def test_fetching_again_replaces_what_was_there(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "other.lib"
    file.write_bytes(WRONG)
    other = add_library("made-up", [file])
    fetched = fetch_library(MADE_UP, mirror=web.url)
    assert fetched.digest != other.digest
    assert load_library("made-up").digest == fetched.digest


# ------------------------------------------------------------------ it fails


def test_another_file_than_the_expected_one_is_refused(web: Web) -> None:
    web.serve(PATHS[2], WRONG)
    said = refusal(web)
    assert "could not be fetched: made_up_2.lib is not the file it should be" in said
    assert f"expected sha256 {MADE_UP.files[2].sha256}" in said
    assert f"actual sha256   {hashlib.sha256(WRONG).hexdigest()}, {len(WRONG)} bytes" in said
    assert "\n  nothing was registered\n" in said
    assert "web page" not in said
    assert web.requests == PATHS
    assert list_libraries() == BOXED


def test_the_page_of_a_proxy_is_recognised(web: Web) -> None:
    web.serve(PATHS[0], b"\n<!DOCTYPE html><html>log in</html>")
    assert "it looks like a web page, perhaps of a proxy that wants a login" in refusal(web)


FAILURES: dict[str, tuple[Answer, DownloadLimits, str]] = {
    "missing": (status(404), FAST, "answered 404 Not Found"),
    "in trouble": (status(500), FAST, "answered 500 Internal Server Error"),
    "truncated": (content(CONTENTS[0][:99], announced=len(CONTENTS[0])), FAST, "received 99 bytes"),
    "wrong": (content(WRONG), FAST, "not the file it should be"),
    "empty": (content(b"", says_length=False), FAST, "not the file it should be"),
    "too large": (answers.endless, DownloadLimits(max_bytes=100_000), "at most 100000 bytes"),
    "silent": (answers.silence, DownloadLimits(tries=1, timeout_s=0.1), "timed out"),
    "elsewhere": (redirect("http://elsewhere.invalid/"), FAST, "but only https is followed"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("position", [0, 2])
def test_a_failure_leaves_everything_as_it_was(
    web: Web, tmp_path: Path, failure: str, position: int
) -> None:
    fetch_library(MADE_UP, mirror=web.url)
    before = kept_files(tmp_path / "home")
    answer, limits, reason = FAILURES[failure]
    web.serve(PATHS[position], answer)
    said = refusal(web, limits)
    assert reason in said
    assert "nothing was registered; the library made-up that was added earlier is unchanged" in said
    assert f"for {web.url}{PATHS[position]}\n" in said
    assert kept_files(tmp_path / "home") == before


def test_without_a_network_the_message_is_enough_to_do_it_by_hand() -> None:
    url = closed_port()
    with pytest.raises(LibraryError) as caught:
        fetch_library(MADE_UP, mirror=url, limits=FAST)
    said = str(caught.value)
    reason = f"no usable answer from {url.partition('//')[2]}: [Errno 111] Connection refused"
    assert said.startswith(
        f"the library made-up could not be fetched: {reason}\n"
        f"  asked 3 times for {url}{PATHS[0]}\n"
        "  nothing was registered\n"
        "  a mirror should have each file at MIRROR/OWNER/REPOSITORY/COMMIT/PATH\n"
        "to do it by hand:\n"
    )
    for path, file in zip(PATHS, MADE_UP.files, strict=True):
        assert f"{RAW_CONTENT_HOST}{path}\n" in said
        assert f"{file.sha256}  {file.name}\n" in said
    assert said.endswith("edarl library add made-up made_up_0.lib made_up_1.lib made_up_2.lib")


def test_without_a_mirror_the_projects_host_is_asked_and_ways_around_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", closed_port())  # so that nobody outside is asked
    with pytest.raises(LibraryError) as caught:
        fetch_library(MADE_UP, limits=FAST)
    said = str(caught.value)
    assert "no usable answer from raw.githubusercontent.com through the proxy 127.0.0.1:" in said
    assert f"asked 3 times for {RAW_CONTENT_HOST}{PATHS[0]}\n" in said
    assert "behind a proxy: https_proxy should hold its address\n" in said
    assert "with a copy on another server: edarl library fetch made-up --mirror URL\n" in said


def test_the_manual_steps_work(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = manual_steps(MADE_UP)
    listed = dict(re.findall(r"^ +([0-9a-f]{64})  (\S+)$", steps, re.MULTILINE))
    for data, (digest, name) in zip(CONTENTS, listed.items(), strict=True):
        (tmp_path / name).write_bytes(data)
        assert hashlib.sha256(data).hexdigest() == digest
    monkeypatch.chdir(tmp_path)
    *_, command = steps.splitlines()
    words = command.split()
    assert words[:3] == ["edarl", "library", "add"]
    by_hand = add_library(words[3], words[4:])
    assert by_hand.digest == fetch_library(MADE_UP, mirror=web.url).digest


def test_no_place_for_temporary_files_is_an_error(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert "TMPDIR names one" in refusal(web)
    assert not web.requests


# ------------------------------------------------------------------- mirrors


def test_the_environment_names_the_mirror_when_it_is_needed(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mirror_url() == RAW_CONTENT_HOST
    monkeypatch.setenv(MIRROR_VARIABLE, "")
    assert mirror_url() == RAW_CONTENT_HOST
    monkeypatch.setenv(MIRROR_VARIABLE, f"{web.url}/")
    assert mirror_url() == web.url
    assert fetch_library(MADE_UP).name == "made-up"
    assert web.requests == PATHS


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "https://other.example.com")
    assert mirror_url("https://mirror.example.com/a/b/") == "https://mirror.example.com/a/b"


BAD_ADDRESSES = ["", "mirror", "mirror.example.com", "ftp://mirror", "file:///srv", "https://",
                 "https://a b", "https://m/?q=1", "https://m/#f", "https://m:port", "https://m:0",
                 "https://[::1", "https://m\n/", f"https://{'a' * 70}.com"]  # fmt: skip


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_of_no_web_server_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="`mirror` should be an address such as https://") as said:
        mirror_url(address)
    assert repr(address) in str(said.value)


def test_a_bad_address_in_the_environment_is_blamed_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "mirror")
    with pytest.raises(ConfigError, match=f"`{MIRROR_VARIABLE}` should be an address"):
        fetch_library("nangate45")


@pytest.mark.parametrize("server", ["mirror.example.com", "mirror:port", "[::1"])
def test_a_password_in_an_address_is_refused_and_not_repeated(server: str) -> None:
    with pytest.raises(ConfigError, match="without user name and password") as caught:
        mirror_url(f"https://joe:secret@{server}/libraries")
    assert "secret" not in str(caught.value)


# ----------------------------------------------------------------- the table


def test_the_table_names_whole_checksums_and_commits() -> None:
    assert tuple(PUBLIC_LIBRARIES) == ("nangate45", "sky130hd", "asap7", "ihp-sg13g2")
    assert tuple(PUBLIC_LIBRARIES) == registry._FETCHABLE
    for name, library in PUBLIC_LIBRARIES.items():
        assert library.name == name
        assert re.fullmatch(r"[0-9a-f]{40}", library.commit)
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", library.repository)
        names = [file.name for file in library.files]
        assert len(set(names)) == len(names)
        for file in library.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+\.lib(\.gz)?", file.path)
            assert library.url(file).startswith(f"{RAW_CONTENT_HOST}/{library.repository}/")
    checksums = [file.sha256 for library in PUBLIC_LIBRARIES.values() for file in library.files]
    assert len(set(checksums)) == len(checksums) == 7


def test_the_table_knows_the_files_beside_the_checkout(nangate45: Path, sky130hd: Path) -> None:
    for name, path in (("nangate45", nangate45), ("sky130hd", sky130hd)):
        (file,) = PUBLIC_LIBRARIES[name].files
        assert file.name == path.name
        assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert file.size_bytes == path.stat().st_size


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        public_library("sky130")
    said = str(caught.value)
    assert "one of nangate45, sky130hd, asap7, ihp-sg13g2, actual value: 'sky130'" in said
    assert said.endswith("did you mean sky130hd?")
    with pytest.raises(ConfigError, match=r"`edarl library add NAME FILE...`\)$"):
        public_library("xyz")
