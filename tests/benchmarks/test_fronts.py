"""The fronts are of proven netlists beside what others reach; committed figures agree."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from edarl.metrics import TOLERANCE
from edarl.prefix.graph import PrefixGraph
from tests.benchmarks.test_scripts import run_quick
from tests.conftest import ROOT

RESULTS = ROOT / "docs" / "results"
OURS = {"joint", "earlier joint", "guided", "annealed sizes"}


def rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def figures(name: str) -> Any:
    return json.loads((RESULTS / name).read_text())


@pytest.mark.usefixtures("nangate45")
def test_the_small_version_confirms_netlists_of_every_source(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    options = ("--figures", str(tmp_path), "--resume", str(kept))
    found, printed = run_quick("fronts.py", tmp_path, *options)
    [setting] = found["settings"]
    assert (setting["library"], setting["width"]) == ("nangate45", 8)
    assert set(setting["costs"]) == {
        "regular", "yosys", "portfolio", "annealed sizes", "joint", "guided"
    }  # fmt: skip
    with (tmp_path / "fronts.csv").open(newline="") as file:
        netlists = list(csv.DictReader(file))
    assert len(netlists) == setting["netlists"]
    assert {entry["source"] for entry in netlists} == set(setting["costs"])
    [row] = [row for row in setting["delays"] if row["delay_ps"] == 220]
    meeting = [
        float(entry["area_um2"])
        for entry in netlists
        if entry["source"] in OURS and float(entry["delay_ps"]) <= TOLERANCE * 220
    ]
    assert row["ours_um2"] == min(meeting) <= row["regular_um2"] <= row["listed_um2"]
    assert setting["yosys"][0]["saving_percent"] > 10
    assert "saving [%]" in printed
    written = {path.name: path.read_bytes() for path in tmp_path.glob("fronts*")}
    assert written.keys() == {"fronts.csv", "fronts.md", "fronts_nangate45.svg"}
    assert b"Nangate45, 8 bits" in written["fronts.md"]

    again, _ = run_quick("fronts.py", tmp_path, *options)
    assert again == found  # costs too: nothing was searched again
    assert {path.name: path.read_bytes() for path in tmp_path.glob("fronts*")} == written


@pytest.mark.usefixtures("nangate45")
def test_prefixrl_recomputes_the_published_figures_and_confirms_its_own(tmp_path: Path) -> None:
    found, printed = run_quick("prefixrl.py", tmp_path, "--figures", str(tmp_path))
    [width] = found["widths"]
    assert width["width"] == 32
    assert width["recomputed"]["ratio"] == pytest.approx(1.267, abs=0.002)
    scratch, known, both = (
        width["ours"][name]["ratio"]
        for name in ("from four structures", "from known designs", "both")
    )
    assert both >= known > scratch > 1
    assert all(entry["opensta_delay_ps"] != 0 for entry in width["netlists"])
    for entry in width["netlists"]:
        assert PrefixGraph.from_text(entry["graph"]).size == entry["nodes"]
    assert "hypervolume / best single" in printed
    assert (tmp_path / "prefixrl.md").read_text().startswith("# PrefixRL's own measure")
    assert (tmp_path / "prefixrl.svg").stat().st_size > 1000


def test_the_committed_fronts_are_never_above_regular_structures() -> None:
    netlists = rows("fronts.csv")
    for setting in figures("fronts.json")["settings"]:
        place = (setting["library"], str(setting["width"]))
        mine = [entry for entry in netlists if (entry["library"], entry["width"]) == place]
        assert len(mine) == setting["netlists"]
        for row in setting["delays"]:
            served = [
                float(entry["area_um2"])
                for entry in mine
                if entry["source"] in OURS | {"regular"}
                and float(entry["delay_ps"]) <= TOLERANCE * row["delay_ps"]
            ]
            assert min(served, default=None) == row["served_um2"]
            if row["regular_um2"] is not None:
                assert row["served_um2"] <= row["regular_um2"]


def test_the_committed_graphs_are_what_their_rows_say() -> None:
    drawn = [*rows("fronts.csv"), *rows("prefixrl.csv")]
    for entry in drawn:
        if entry["graph"]:
            graph = PrefixGraph.from_text(entry["graph"])
            sizes = (graph.width, graph.size, graph.depth)
            assert sizes == tuple(int(entry[key]) for key in ("width", "nodes", "depth"))
    assert len(drawn) > 500


def test_what_was_asked_for_on_nangate45_is_reached_against_the_listed_adders() -> None:
    bars = {16: (8, 10), 32: (10, 16), 64: (10, 20)}
    settings = {
        entry["width"]: entry
        for entry in figures("fronts.json")["settings"]
        if entry["library"] == "nangate45"
    }
    for width, (mean, best) in bars.items():
        listed = settings[width]["savings"]["listed"]
        assert listed["mean_percent"] >= mean
        assert listed["best_percent"] >= best
        assert all(row["saving_percent"] >= 22 for row in settings[width]["yosys"])
