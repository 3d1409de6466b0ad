"""The README's commands, executed as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edarl.cli import main
from edarl.synthesis.library import boxed_file

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def edarl_commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = (line.split() for block in blocks for line in block.splitlines())
    return [words[1:] for words in lines if words and words[0] == "edarl"]


def test_every_command_of_the_readme_works_on_a_fresh_machine_in_the_order_it_stands_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "slow.lib.gz").write_bytes(boxed_file("sky130").read_bytes())
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
