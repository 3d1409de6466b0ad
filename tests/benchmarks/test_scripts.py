import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edarl.synthesis.flows import FLOWS
from tests.conftest import ROOT, missing
from tests.tools import require_tool

YARDSTICK = ROOT.parent / "shared" / "yardsticks" / "adders_nangate45.json"

pytestmark = pytest.mark.usefixtures("nangate45")


def run_quick(name: str, folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Run a benchmark's small version; give its figures and what it printed."""
    if not YARDSTICK.is_file():
        missing(f"needs {YARDSTICK.name} in ../shared/yardsticks beside the checkout")
    file = folder / "figures.json"
    ran = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / name, "--quick", "--json", file, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    figures: dict[str, Any] = json.loads(file.read_text())
    assert figures["machine"]["tools"]
    return figures, ran.stdout


def test_adders_sets_areas_beside_the_listed_ones_and_counts_its_budget(tmp_path: Path) -> None:
    figures, printed = run_quick("adders.py", tmp_path)
    regular = {entry["width"]: entry for entry in figures["regular"]}
    assert regular.keys() == {8, 16}
    for entry in regular.values():
        for listed, area in zip(entry["listed_um2"], entry["all_flows_um2"], strict=True):
            assert area <= 1.02 * listed
    assert {entry["flows"] for entry in figures["annealing"]} == {
        "direct+remap",
        "+".join(FLOWS),
    }
    for entry in figures["annealing"]:
        for seed in entry["seeds"]:
            assert 0 < seed["calls"] <= entry["budget"]
            assert seed["gain_with_regular"] >= 0
    assert "[um2]" in printed


def test_timers_compares_the_same_netlists(tmp_path: Path) -> None:
    require_tool("sta")
    figures, printed = run_quick("timers.py", tmp_path)
    [summary] = figures["summary"]
    assert summary["netlists"] == len(figures["netlists"]) == 10 * len(FLOWS)
    assert abs(summary["mean_error_percent"]) <= 0.3
    assert summary["own_minus_opensta_ps"] <= 0.1
    assert summary["own_minus_abc_ps"] <= 0.1
    assert "[%]" in printed


def test_user_flow_measures_after_the_whole_flow(tmp_path: Path) -> None:
    figures, _ = run_quick("user_flow.py", tmp_path)
    rows = {row["flow"]: row for row in figures["rows"]}
    assert rows["our netlist kept whole"]["met"] == "yes"
    assert rows["our map, Yosys' script"]["met"] == "no"
    assert (
        rows["our netlist kept whole"]["area_um2"] < rows["plain a + b, Yosys' script"]["area_um2"]
    )


def test_joint_netlists_are_confirmed_and_set_beside_the_listed_ones(tmp_path: Path) -> None:
    figures, printed = run_quick("joint.py", tmp_path)
    [width] = figures["widths"]
    assert width["width"] == 16
    assert width["largest_timer_difference_ps"] < 3.0
    assert [row["delay_ps"] for row in width["delays"]] == [290, 340]
    for row in width["delays"]:
        assert row["joint_um2"][0] <= row["listed_regular_um2"]
    assert len(width["searches"]) == 4
    assert all(
        search["abc_area_um2"] == pytest.approx(search["area_um2"], abs=0.01)
        and search["abc_delay_ps"] <= search["delay_ps"] * 1.002
        for search in width["searches"]
    )
    assert "all 4 netlists proven" in printed


def test_evaluator_measures_every_width(tmp_path: Path) -> None:
    figures, _ = run_quick("evaluator.py", tmp_path, "--parts", "abc", "timing")
    assert [row["width"] for row in figures["evaluator"]] == [8, 32]
    assert all(row["ours_ms"] > 0 for row in figures["evaluator"])
    assert figures["timing"]
