"""The README's commands, executed as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edarl.cli import main
from edarl.synthesis.library import boxed_file
from tests.tools import require_tool

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
SERVICE = "http://127.0.0.1:8400"
"""Where the README's service listens; the test's has a port of its own."""


def commands(*, of_service: bool) -> list[list[str]]:
    """The command lines that are edarl's or ask its service: of the section on that, or others."""
    here, others = [], []
    for section in README.split("\n## "):
        blocks = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
        kept = here if "edarl serve" in section else others
        kept += [words for words in lines if words and words[0] in ("edarl", "curl")]
    return here if of_service else others


def ran_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command of edarl's in this process; give what it printed."""
    capsys.readouterr()
    code = main(words[1:])
    said = capsys.readouterr()
    assert code == 0, f"{shlex.join(words)} ended with {code}:\n{said.out}\n{said.err}"
    assert said.out.strip()
    return said.out


@contextmanager
def served(words: list[str]) -> Iterator[str]:
    """Run a command that goes on, on a free port; give where it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edarl", *words, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("edarl serves http://127.0.0.1:"), said
        url = said.split()[-1]
        wait_until_up(url)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


def wait_until_up(url: str) -> None:
    """Wait until somebody listens: the address is printed a moment before."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens at {url}"
            time.sleep(0.05)


def curl(words: list[str]) -> str:
    """Ask the service; an error of curl's or a problem as the answer fails the test."""
    path = require_tool(words[0])
    ran = subprocess.run([path, "--fail", *words[1:]], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{shlex.join(words)} ended with {ran.returncode}: {ran.stderr}"
    return ran.stdout


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, on a machine where edarl has no home yet."""
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_every_command_of_the_readme_works_on_a_fresh_machine_in_the_order_it_stands_there(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fresh / "slow.lib.gz").write_bytes(boxed_file("sky130").read_bytes())
    lines = commands(of_service=False)
    assert [words[1] for words in lines].count("search") == 2
    for words in lines:
        said = ran_well(words, capsys)
        if "--json" in words:
            assert json.loads(said)["proven"] is True
    assert "module adder_32" in (fresh / "adder.v").read_text()
    assert "module adder_32" in (fresh / "mapped.v").read_text()


def test_the_examples_of_the_service_work_as_they_stand_there(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi", reason="needs the extra `service`")
    serve, *lines = commands(of_service=True)
    answers = []
    with served(serve[1:]) as url:
        for line in lines:
            words = [word.replace(SERVICE, url) for word in line]
            if words[0] == "curl":
                answers.append(curl(words))
            else:
                ran_well(words, capsys)
    assert json.loads(answers[0])["status"] == "ok"
    assert json.loads(answers[1])["met"] is True
    assert (fresh / "front.csv").read_text().count("\n") > 5
    assert "module adder_32" in (fresh / "served.v").read_text()
