"""The README's commands, executed as they stand there."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest

from edarl.cli import main
from edarl.synthesis.library import load_library

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def edarl_commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = (line.split() for block in blocks for line in block.splitlines())
    return [words[1:] for words in lines if words and words[0] == "edarl"]


def test_every_command_of_the_readme_works_in_the_order_it_stands_there(
    osu018: str,
    edarl_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    shutil.copytree(edarl_home / "libraries", home / "libraries")
    monkeypatch.setenv("EDARL_HOME", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    liberty = load_library(osu018).liberty_path.read_bytes()
    (work / "slow.lib.gz").write_bytes(gzip.compress(liberty))
    commands = edarl_commands()
    assert [words[0] for words in commands].count("search") == 2
    for words in commands:
        capsys.readouterr()
        code = main(words)
        said = capsys.readouterr()
        assert code == 0, f"edarl {' '.join(words)} ended with {code}:\n{said.out}\n{said.err}"
        assert said.out.strip()
        if "--json" in words:
            assert json.loads(said.out)["proven"] is True
    assert "module adder_32" in (work / "adder.v").read_text()
    assert "module adder_32" in (work / "mapped.v").read_text()
