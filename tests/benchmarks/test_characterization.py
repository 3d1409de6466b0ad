"""The comparison of two libraries, on made-up ones whose ratios are known exactly."""

import csv
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edarl.synthesis.library import load_library
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.timing.warm import made_up_liberty
from tests.conftest import ROOT

DELAY, TRANSITION = 0.8, 1.25
THRESHOLDS = "".join(
    f"{name}_{edge} : {percent};\n"
    for name, percent in (
        ("input_threshold_pct", 50),
        ("output_threshold_pct", 50),
        ("slew_lower_threshold_pct", 20),
        ("slew_upper_threshold_pct", 80),
    )
    for edge in ("rise", "fall")
)
"""What OpenSTA wants of a library beyond the made-up one."""
TABLE = r"(?P<head>(?:cell_\w+|\w+_transition) \(t\) \{ values \()(?P<values>[^)]*)"


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("_library_cells")


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Any]:
    def load(text: str) -> Any:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.lib"
        path.write_text(text)
        return load_library(path)

    return load


def scaled(text: str, delay: float, transition: float) -> str:
    """Give the library with all delays and transitions multiplied."""

    def multiply(match: re.Match[str]) -> str:
        factor = delay if match["head"].startswith("cell_") else transition
        values = re.sub(r"[\d.]+", lambda m: repr(float(m[0]) * factor), match["values"])
        return match["head"] + values

    return re.sub(TABLE, multiply, text)


def compared(cells: Any, official: Any, measured: Any) -> tuple[list[Any], list[Any]]:
    timed, lacking = cells.timed_cells(official, measured, measured.cells)
    assert not lacking
    found: tuple[list[Any], list[Any]] = cells.compare_arcs(timed)
    return found


def test_scaled_tables_give_exactly_the_factors(cells: Any, loaded: Callable[[str], Any]) -> None:
    text = made_up_liberty()
    official, measured = loaded(text), loaded(scaled(text, DELAY, TRANSITION))
    arcs, single = compared(cells, official, measured)
    assert not single
    # Of each function two cells; inputs of XOR and XNOR have both senses, all others one.
    assert len(arcs) == 2 * (2 * (1 + 1 + 4 * 2 + 2 * 3) + 2 * 2 * 4)
    for arc in arcs:
        np.testing.assert_allclose(arc.delay.ratio, DELAY, rtol=1e-6)
        np.testing.assert_allclose(arc.transition.ratio, TRANSITION, rtol=1e-6)
        assert arc.delay.outside == 0
        # The official value at the first slew and load is 10 ps, or 8 ps in the larger cell.
        assert arc.delay.small == arc.transition.small == (arc.cell.endswith("X2"))
        assert arc.delay.ratio.size == 9 - arc.delay.small
    rows = cells.arc_rows(arcs)
    assert {row["delay_median"] for row in rows} == {DELAY}
    assert {row["transition_max"] for row in rows} == {TRANSITION}
    by_kind = cells.grouped(arcs, "delay", lambda arc: cells.kind_of(arc.cell))
    assert by_kind.keys() == {"inv", "buf", "nand", "nor", "and", "or", "xor", "xnor", "aoi", "oai"}
    for figures in (*by_kind.values(), *cells.grouped(arcs, "delay", "slew_ps").values()):
        assert figures["median"] == pytest.approx(DELAY)
        assert figures["median_error_percent"] == pytest.approx(100 * (1 - DELAY))


def test_another_grid_is_interpolated_and_points_outside_of_it_are_left_out(
    cells: Any, loaded: Callable[[str], Any]
) -> None:
    text = made_up_liberty()
    head, *parts = re.split(r"^(?=cell \()", text, flags=re.MULTILINE)
    assert len(parts) == 20
    other = head.replace("10,100,200", "40,160,210").replace("1,10,20", "2,9,25")
    for part in parts:
        drive = int(part[part.index(")") - 1])
        # The made-up tables are linear in slew and load, so that interpolation is exact.
        rows = (
            '"' + ",".join(f"{5 + slew / 10 + 4 * load / drive!r}" for load in (2, 9, 25)) + '"'
            for slew in (40, 160, 210)
        )
        other += re.sub(r"values \([^)]*\)", f"values ({', '.join(rows)})", part)
    arcs, single = compared(cells, loaded(text), loaded(other))
    assert arcs
    assert not single
    for arc in arcs:
        np.testing.assert_allclose(arc.delay.ratio, 1.0, rtol=1e-6)
        assert sorted(zip(arc.delay.slew_ps, arc.delay.column, strict=True)) == [
            (100, 1), (100, 2), (200, 1), (200, 2)
        ]  # fmt: skip
        assert arc.delay.outside == 5


def test_of_several_timing_groups_the_largest_value_counts(
    cells: Any, loaded: Callable[[str], Any]
) -> None:
    text = made_up_liberty()
    group = re.compile(r"timing \(\) \{.*?\}\n\}\n", re.DOTALL)
    faster, slower = (scaled(text, factor, factor) for factor in (0.5, 0.9))
    pairs = zip(group.findall(faster), group.findall(slower), strict=True)
    both = iter([one + two for one, two in pairs])
    arcs, single = compared(cells, loaded(text), loaded(group.sub(lambda _: next(both), text)))
    assert next(both, None) is None
    assert not single
    for arc in arcs:
        np.testing.assert_allclose(arc.delay.ratio, 0.9, rtol=1e-6)


def test_differing_cells_are_listed_and_kept_from_adders(
    cells: Any, loaded: Callable[[str], Any]
) -> None:
    text = made_up_liberty()
    changed = text
    for before, after in (
        ("cell (INVX2) { area : 3;", "cell (INVX2) { area : 3.5;"),
        ("cell (BUFX2) {", "cell (BUFX3) {"),
        # Two that are equal in another spelling, and one that is not.
        ('function : "!(A&B)"', 'function : "!A | !B"'),
        ('function : "A^B"', 'function : "(A & !B) | (!A & B)"'),
    ):
        assert changed.count(before) in (1, 2)
        changed = changed.replace(before, after)
    start = changed.index("cell (NOR2X2)")
    end = changed.index("cell (AND2X1)")
    assert end > start
    nor = changed[start:end].replace("!(A|B)", "!(A&B)")
    changed = changed[:start] + nor + changed[end:]
    start = changed.index("cell (OAI21X2)")
    oai = re.sub(r"\bC\b", "D", changed[start:]).replace("capacitance : 2", "capacitance : 3")
    changed = changed[:start] + oai
    official, measured = loaded(text), loaded(changed)
    rows, differences = cells.compare_cells(official, measured)
    assert [(entry["cell"], entry["what"]) for entry in differences] == [
        ("INVX2", "area"),
        ("BUFX3", "cell"),
        ("NOR2X2", "function"),
        ("OAI21X2", "pins"),
    ]
    figures = cells.cell_figures(rows, differences)
    assert (figures["cells"], figures["equal_cells"]) == (19, 16)
    assert figures["differences"] == {"cell": 1, "area": 1, "pins": 1, "function": 1, "use": 0}
    assert figures["capacitance_ratio"]["max"] == pytest.approx(1.5)
    timed, _ = cells.timed_cells(official, measured, [row["cell"] for row in rows])
    common = cells.common_cells(differences, timed)
    assert set(official.cells) - set(common) == {"BUFX2", "NOR2X2", "OAI21X2"}


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("sky130_fd_sc_hd__clkinv_16", "inv"),
        ("sky130_fd_sc_hd__dlymetal6s2s_1", "buf"),
        ("sky130_fd_sc_hd__nand3b_2", "nand"),
        ("sky130_fd_sc_hd__and4bb_1", "and"),
        ("sky130_fd_sc_hd__a21boi_0", "aoi"),
        ("sky130_fd_sc_hd__o2bb1ai_1", "oai"),
        ("sky130_fd_sc_hd__a2111o_4", "ao"),
        ("sky130_fd_sc_hd__o21ba_1", "oa"),
        ("sky130_fd_sc_hd__xnor3_1", "xnor"),
        ("sky130_fd_sc_hd__maj3_1", "maj"),
        ("sky130_fd_sc_hd__mux2i_4", "mux"),
        ("AOI21X1", "aoi"),
        ("sky130_fd_sc_hd__ha_1", "other"),
    ],
)
def test_kind_of_cell(cells: Any, cell: str, kind: str) -> None:
    assert cells.kind_of(cell) == kind


def test_a_library_against_itself_differs_in_nothing(tmp_path: Path) -> None:
    model = "delay_model : table_lookup;\n"
    text = made_up_liberty().replace(model, model + THRESHOLDS)
    for name in ("one", "other"):
        (tmp_path / f"{name}.lib").write_text(text)
    out = tmp_path / "out"
    ran = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "characterization.py", "--quick", "--official",
         tmp_path / "one.lib", "--measured", tmp_path / "other.lib", "--out", out],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    figures = json.loads((out / "characterization.json").read_text())
    assert figures["common_cells"] == 20
    timers = {row["timer"] for row in figures["correlations"]}
    assert timers == {"own", "abc"} | ({"opensta"} if OpenSta.installed() else set())
    for row in figures["correlations"]:
        assert row["spearman"] == pytest.approx(1)
        assert row["ratio_min"] == row["ratio_max"] == 1
    ranked = [row for row in figures["ranks"] if row["spearman"] is not None]
    assert any(row["middle"] for row in ranked)
    assert all(row["spearman"] == pytest.approx(1) for row in ranked)
    assert all(row["only_official"] == row["only_measured"] == 0 for row in figures["ranks"])
    assert all(row["regret_percent"] in (0, None) for row in figures["choices"])
    assert all(row["late_percent"] in (0, None) for row in figures["choices"])
    assert [bar[3] for bar in figures["bars"]] == ["yes"] * len(figures["bars"])
    with (out / "characterization.csv").open(newline="") as file:
        assert {row["delay_median"] for row in csv.DictReader(file)} == {"1.0"}
    page = (out / "characterization.md").read_text()
    assert str(tmp_path) not in page + json.dumps(figures)
    for name in re.findall(r"\]\((\S+)\)", page):
        assert (out / name).is_file()
    assert "## What choosing by the measured library costs" in page
