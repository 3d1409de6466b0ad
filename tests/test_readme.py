"""The README's commands, executed as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from edarl.cli import main
from edarl.synthesis.library import boxed_file
from tests.tools import require_tool

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
SERVICE = "http://127.0.0.1:8400"
"""Where the README's service listens; the test's has a port of its own."""


def commands() -> list[list[str]]:
    """The README's command lines that are edarl's, or ask its service."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = (shlex.split(line) for block in blocks for line in block.splitlines())
    return [words for words in lines if words and words[0] in ("edarl", "curl")]


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
        yield said.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


def curl(words: list[str]) -> str:
    """Ask the service; an error of curl's or a problem as the answer fails the test."""
    path = require_tool(words[0])
    ran = subprocess.run([path, "--fail", *words[1:]], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{shlex.join(words)} ended with {ran.returncode}: {ran.stderr}"
    return ran.stdout


def test_every_command_of_the_readme_works_on_a_fresh_machine_in_the_order_it_stands_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("fastapi", reason="needs the extra `service`")
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "slow.lib.gz").write_bytes(boxed_file("sky130").read_bytes())
    lines = commands()
    assert [words[1] for words in lines].count("search") == 2
    answers = []
    with ExitStack() as stack:
        url = SERVICE
        for words in lines:
            words = [word.replace(SERVICE, url) for word in words]
            if words[0] == "curl":
                answers.append(curl(words))
                continue
            if words[1] == "serve":
                url = stack.enter_context(served(words[1:]))
                continue
            capsys.readouterr()
            code = main(words[1:])
            said = capsys.readouterr()
            assert code == 0, f"{shlex.join(words)} ended with {code}:\n{said.out}\n{said.err}"
            assert said.out.strip()
            if "--json" in words:
                assert json.loads(said.out)["proven"] is True
    assert json.loads(answers[0])["status"] == "ok"
    assert json.loads(answers[1])["met"] is True
    assert (work / "front.csv").read_text().count("\n") > 5
    for name in ("adder.v", "mapped.v", "served.v"):
        assert "module adder_32" in (work / name).read_text()
