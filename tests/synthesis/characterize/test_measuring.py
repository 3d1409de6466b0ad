"""Cells are measured by a real ngspice, and what comes out is physics, readable and repeatable."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from edarl.errors import ConfigError, LibraryError, ToolError, ToolNotFoundError
from edarl.synthesis.characterize import (
    MeasuredCell,
    RowLayout,
    characterize,
    corner_conditions,
)
from edarl.synthesis.characterize import cell as cell_module
from edarl.synthesis.characterize.decks import Conditions
from tests.synthesis.characterize.process_for_tests import (
    BETA_N,
    BETA_P,
    SMALL_GRID,
    SUPPLY_V,
    THRESHOLD_V,
    request,
)
from tests.tools import require_tool


@pytest.fixture(scope="module")
def measured(
    process: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, MeasuredCell], Path]:
    """Two inverters, a NAND and a multiplexer, measured; and the folder they were measured in."""
    require_tool("ngspice")
    folder = tmp_path_factory.mktemp("measured")
    cells = characterize(
        request(process, "*inv_*", "*nand2_1", "*mux2_1"),
        folder / "tt.lib",
        folder=folder / "work",
        processes=2,
    )
    return {cell.bench.cell.name: cell for cell in cells}, folder


def seconds_per_farad(beta: float) -> float:
    """How long a square-law transistor takes to move a load to half the supply, per farad.

    In saturation until the output has moved by the threshold, then in the linear region: the
    integral of C dV / I from the rail to the middle.
    """
    drive, half = SUPPLY_V - THRESHOLD_V, SUPPLY_V / 2
    saturated = THRESHOLD_V / (beta / 2 * drive**2)
    linear = math.log((2 * drive - half) / half) / (beta * drive)
    return saturated + linear


@pytest.mark.parametrize(("edge", "beta"), [("fall", BETA_N), ("rise", BETA_P)])
def test_an_inverter_drives_a_load_as_its_transistor_says(
    measured: tuple[dict[str, MeasuredCell], Path], edge: str, beta: float
) -> None:
    output = measured[0]["tt__inv_1"].outputs[0]
    (arc,) = output.arcs
    first, last = output.loads_pf[1], output.loads_pf[-1]
    delays = arc.delay_ns[edge][0]
    per_farad = (delays[-1] - delays[1]) * 1e-9 / ((last - first) * 1e-12)
    assert per_farad == pytest.approx(seconds_per_farad(beta), rel=0.01)


def test_twice_the_fingers_drive_twice_the_load_with_twice_the_input(
    measured: tuple[dict[str, MeasuredCell], Path],
) -> None:
    one, two = (measured[0][f"tt__inv_{drive}"] for drive in (1, 2))
    assert two.outputs[0].loads_pf[-1] == pytest.approx(2 * one.outputs[0].loads_pf[-1], rel=0.02)
    for edge in ("rise", "fall"):
        assert two.capacitance_pf["A"][edge] == pytest.approx(
            2 * one.capacitance_pf["A"][edge], rel=0.02
        )


def test_a_layout_makes_a_cell_slower_and_heavier(
    measured: tuple[dict[str, MeasuredCell], Path], process: Path, tmp_path: Path
) -> None:
    asked = request(process, "*inv_1", layout=RowLayout())
    (laid,) = characterize(asked, tmp_path / "x.lib", folder=tmp_path / "work")
    bare = measured[0]["tt__inv_1"]
    for edge in ("rise", "fall"):
        first, second = (cell.outputs[0].arcs[0].delay_ns[edge][:, 0] for cell in (bare, laid))
        assert (second > first).all()
    for edge in ("rise", "fall"):
        assert laid.capacitance_pf["A"][edge] > bare.capacitance_pf["A"][edge]


def test_the_largest_load_is_where_the_transition_is_the_allowed_one(
    measured: tuple[dict[str, MeasuredCell], Path],
) -> None:
    for cell in measured[0].values():
        for output in cell.outputs:
            slowest = max(
                arc.transition_ns[edge][0, -1] for arc in output.arcs for edge in arc.transition_ns
            )
            assert slowest == pytest.approx(SMALL_GRID.max_transition_ns, rel=0.02)


def test_delays_grow_with_the_load(measured: tuple[dict[str, MeasuredCell], Path]) -> None:
    for cell in measured[0].values():
        for output in cell.outputs:
            for arc in output.arcs:
                for table in (*arc.delay_ns.values(), *arc.transition_ns.values()):
                    assert table.shape == (len(SMALL_GRID.slews_ns), SMALL_GRID.loads)
                    assert (np.diff(table, axis=1) > 0).all()


def test_a_select_input_has_one_arc_for_both_senses(
    measured: tuple[dict[str, MeasuredCell], Path],
) -> None:
    arcs = measured[0]["tt__mux2_1"].outputs[0].arcs
    assert [(arc.input, arc.sense) for arc in arcs] == [
        ("A0", "positive_unate"),
        ("A1", "positive_unate"),
        ("S", "non_unate"),
    ]
    assert measured[0]["tt__inv_1"].outputs[0].arcs[0].sense == "negative_unate"


def test_gates_at_rest_leak_a_little(measured: tuple[dict[str, MeasuredCell], Path]) -> None:
    for cell in measured[0].values():
        assert len(cell.leakage_nw) == 1 << len(cell.bench.inputs)
        assert all(0 < leakage < 1 for leakage in cell.leakage_nw)


def test_a_second_run_gives_the_same_bytes_without_simulating(
    measured: tuple[dict[str, MeasuredCell], Path], process: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = measured[1]
    asked = request(process, "*inv_*", "*nand2_1", "*mux2_1")
    kept = sorted(path.name for path in (folder / "work").iterdir())
    assert not [name for name in kept if name.endswith((".sp", ".log", ".sh"))]
    characterize(asked, folder / "again.lib", folder=folder / "work")
    assert sorted(path.name for path in (folder / "work").iterdir()) == kept
    assert (folder / "again.lib").read_bytes() == (folder / "tt.lib").read_bytes()
    # And with nothing kept, one process instead of two, and compressed.
    characterize(asked, folder / "fresh.lib.gz", folder=folder / "fresh")
    fresh = (folder / "fresh.lib.gz").read_bytes()
    assert gzip.decompress(fresh) == (folder / "tt.lib").read_bytes()


def test_damaged_results_are_measured_again(process: Path, tmp_path: Path) -> None:
    require_tool("ngspice")
    asked = request(process, "*inv_1")
    characterize(asked, tmp_path / "one.lib", folder=tmp_path / "work")
    for path in (tmp_path / "work").glob("*.json"):
        path.write_text(path.read_text()[:-9])
    characterize(asked, tmp_path / "two.lib", folder=tmp_path / "work")
    assert (tmp_path / "one.lib").read_bytes() == (tmp_path / "two.lib").read_bytes()
    for path in (tmp_path / "work").glob("*.json"):
        assert json.loads(path.read_text())


def test_progress_counts_every_simulation(process: Path, tmp_path: Path) -> None:
    require_tool("ngspice")
    seen: list[tuple[int, int]] = []
    characterize(
        request(process, "*inv_1"),
        tmp_path / "x.lib",
        folder=tmp_path / "work",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_cell_that_fails_keeps_its_deck_and_the_others_results(
    process: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("ngspice")
    monkeypatch.setattr(cell_module, "_PATIENCE", (1e-3,))  # nothing settles in so short a time
    asked = request(process, "*inv_1", "*nand2_1")
    with pytest.raises(ToolError, match="2 of 2 cells could not be measured") as caught:
        characterize(asked, tmp_path / "x.lib", folder=tmp_path / "work")
    assert "run the same command again" in str(caught.value)
    assert not (tmp_path / "x.lib").exists()
    decks = sorted((tmp_path / "work").glob("*.sp"))
    assert len(decks) == 2
    assert all(str(deck) in str(caught.value) for deck in decks)
    assert len(list((tmp_path / "work").glob("*-rest-*.json"))) == 2
    monkeypatch.undo()
    assert len(characterize(asked, tmp_path / "x.lib", folder=tmp_path / "work")) == 2


def test_without_ngspice_the_error_says_how_to_get_it(
    process: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolNotFoundError, match="apt-get install ngspice"):
        characterize(request(process, "*inv_1"), tmp_path / "x.lib", folder=tmp_path / "work")


def test_a_cell_without_an_outline_is_refused(process: Path, tmp_path: Path) -> None:
    require_tool("ngspice")
    text = (process / "cells.lef").read_text()
    lef = tmp_path / "cells.lef"
    asked = request(process, "*inv_1")
    object.__setattr__(asked, "lef", (lef,))
    for changed, complaint in (
        (text.replace("tt__inv_1", "other"), "cell tt__inv_1 should be a macro of the LEF files"),
        (text.replace("INPUT", "FEEDTHRU"), r"these are not: A \(feedthru\)"),
        (text.replace("GROUND", "POWER"), "should have pins of all kinds, but has no ground"),
    ):
        lef.write_text(changed)
        with pytest.raises(LibraryError, match=complaint):
            characterize(asked, tmp_path / "x.lib", folder=tmp_path / "work")


@pytest.mark.parametrize(
    ("corner", "conditions"),
    [
        ("tt_025C_1v80", Conditions("tt", 25.0, 1.8)),
        ("ff_n40C_1v95", Conditions("ff", -40.0, 1.95)),
        ("ss_100C_1v60", Conditions("ss", 100.0, 1.6)),
    ],
)
def test_corners_are_read_from_their_names(corner: str, conditions: Conditions) -> None:
    assert corner_conditions(corner) == conditions


@pytest.mark.parametrize("corner", ["", "tt", "tt_25_1.8", "tt_025C_0v00", "tt_025C_1v80x"])
def test_other_names_of_corners_are_refused(corner: str) -> None:
    with pytest.raises(ConfigError, match="`corner` should"):
        corner_conditions(corner)
