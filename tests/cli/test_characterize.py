"""``edarl library characterize`` as its user meets it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.synthesis.characterize.process_for_tests import write_process
from tests.tools import require_tool


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cells, outlines and models."""
    folder = tmp_path_factory.mktemp("process")
    write_process(folder)
    return folder


def test_a_measured_file_is_described_and_can_be_used(
    edarl: Run, process: Path, tmp_path: Path
) -> None:
    require_tool("ngspice")
    (tmp_path / "cells.txt").write_text("# inverters\ntt__inv_1  # the small one\n\n")
    output = tmp_path / "tt.lib.gz"
    arguments = (
        *("library", "characterize", "--models", process / "models", "--jobs", 1),
        *("--spice", process / "cells.spice", "--lef", process / "cells.lef"),
        *("--cells", f"@{tmp_path / 'cells.txt'}", "--cells", "*nand2*", "-o", output),
    )
    said = edarl(*arguments)
    assert said.code == 0, said.err
    assert "tt.lib.gz: 2 cells, 3 arcs" in said.out.replace("\n", "")
    assert f"use it: edarl library add NAME {output}" in said.out
    assert "simulations" in said.err
    first = output.read_bytes()
    again = edarl(*arguments, "--json")
    assert again.json["cells"] == ["tt__inv_1", "tt__nand2_1"]
    assert again.json["work"] == f"{output}.work"
    assert again.json["bytes"] == len(first)
    assert output.read_bytes() == first


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"--corner": "typical"}, "`corner` should be like tt_025C_1v80"),
        ({"--corner": "ff_025C_1v80"}, "should have a section `.lib ff`"),
        ({"--cells": "*nor*"}, "no cell matches *nor*"),
        ({"--cells": "@missing.txt"}, "the list of cells missing.txt cannot be read"),
        ({"--cells": "*latch*"}, "should be a combinational gate, but its output Q"),
        ({"--spice": "missing.spice"}, "missing.spice"),
        ({"--models": "missing.lib"}, "missing.lib"),
    ],
)
def test_what_does_not_fit_is_an_error_and_writes_nothing(
    edarl: Run, process: Path, tmp_path: Path, changed: dict[str, str], complaint: str
) -> None:
    require_tool("ngspice")
    options = {
        "--spice": str(process / "cells.spice"),
        "--lef": str(process / "cells.lef"),
        "--models": str(process / "models"),
        "--cells": "*inv_1",
        "--output": str(tmp_path / "x.lib"),
        **changed,
    }
    said = edarl("library", "characterize", *(part for it in options.items() for part in it))
    assert said.code != 0
    assert complaint in " ".join(said.err.split())
    assert not (tmp_path / "x.lib").exists()
