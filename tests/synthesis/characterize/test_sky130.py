"""The library that comes with edarl is what measuring sky130's cells gives."""

import gzip
import re
from pathlib import Path

import pytest

from edarl.synthesis.characterize import Request, characterize
from edarl.synthesis.library import load_library
from tests.conftest import ROOT, missing
from tests.tools import require_tool

CELLS = ("sky130_fd_sc_hd__inv_1", "sky130_fd_sc_hd__nand2_1")

# Of the smallest inverter, by index of input transition and load: 0.01 ns and 0.5 fF, 0.122 ns and
# 9.1 fF, 1.5 ns and 166 fF, 1.5 ns and 0.5 fF. Picoseconds.
GOLDEN_INVERTER_PS = {
    "cell_rise": {(0, 0): 22.415, (3, 3): 126.682, (6, 6): 1728.525, (6, 0): 215.762},
    "rise_transition": {(0, 0): 18.329, (3, 3): 98.250, (6, 6): 1514.711, (6, 0): 163.323},
    "cell_fall": {(0, 0): 14.537, (3, 3): 85.272, (6, 6): 1142.151, (6, 0): 23.885},
    "fall_transition": {(0, 0): 8.865, (3, 3): 59.521, (6, 6): 873.417, (6, 0): 141.315},
}


@pytest.fixture(scope="module")
def sources() -> Path:
    """sky130's transistor netlists and models, as `make cells` leaves them."""
    folder = ROOT / ".cache" / "sky130" / "sky130" / "src"
    if not folder.is_dir():
        missing("needs sky130's transistor netlists; run `make cells`")
    return folder


@pytest.fixture(scope="module")
def shipped() -> str:
    """The text of the library that comes with edarl."""
    return load_library("sky130").liberty_path.read_text()


def cell_text(text: str, name: str) -> str:
    """One cell of a Liberty file that edarl wrote."""
    return text.partition(f"  cell ({name}) {{\n")[2].partition("\n  }\n")[0]


def tables(text: str) -> dict[str, list[float]]:
    """All tables of one cell's only arc, or of its first one."""
    found = re.findall(r"(\w+) \(transition_by_load\) \{.*?values \( (.*?)\);", text, re.DOTALL)
    return {
        name: [float(value) for value in re.findall(r"-?\d+\.\d+", values)]
        for name, values in reversed(found)
    }


def numbers(text: str) -> list[float]:
    return [float(value) for value in re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[-+]\d+)?", text)]


def test_measuring_two_cells_again_gives_what_is_shipped(
    sources: Path, shipped: str, tmp_path: Path
) -> None:
    require_tool("ngspice")
    characterize(
        Request(
            spice=(sources / "sky130_fd_sc_hd",),
            lef=(sources / "sky130_fd_sc_hd",),
            models=sources / "sky130_fd_pr" / "models",
            corner="tt_025C_1v80",
            cells=CELLS,
        ),
        tmp_path / "two.lib.gz",
        folder=tmp_path / "work",
        processes=2,
    )
    measured = gzip.decompress((tmp_path / "two.lib.gz").read_bytes()).decode()
    for name in CELLS:
        ours, theirs = cell_text(measured, name), cell_text(shipped, name)
        words = re.sub(r"\d+\.?\d*(e[-+]\d+)?", "N", ours)
        assert words == re.sub(r"\d+\.?\d*(e[-+]\d+)?", "N", theirs)
        # To the last digits on the machine it was made on; another ngspice or processor may
        # choose its time steps a little differently.
        assert numbers(ours) == pytest.approx(numbers(theirs), rel=5e-3, abs=2e-5)
        assert len(numbers(ours)) > 4 * 49


def test_the_shipped_inverter_has_its_golden_delays(shipped: str) -> None:
    measured = tables(cell_text(shipped, CELLS[0]))
    assert set(measured) == set(GOLDEN_INVERTER_PS)
    for name, points in GOLDEN_INVERTER_PS.items():
        for (slew, load), delay_ps in points.items():
            assert 1000 * measured[name][7 * slew + load] == pytest.approx(delay_ps, abs=1e-3)
