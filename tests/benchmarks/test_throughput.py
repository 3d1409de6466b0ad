from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_throughput_shares_the_time_of_both_loops_out(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    options = ("--flows", "sized", "direct", "--figures", str(tmp_path))
    figures, printed = run_quick("throughput.py", tmp_path, *options)
    own, abc = figures["loops"]
    assert (own["flow"], abc["flow"]) == ("sized", "direct")
    for loop in (own, abc):
        parts = [loop[f"{part}_share"] for part in ("evaluator", "inference", "learner", "rest")]
        assert min(parts) >= 0
        assert sum(parts) == pytest.approx(1.0, abs=0.001)
        assert loop["calls_per_step"] > 0
    assert abc["evaluator_ms"] > own["evaluator_ms"]
    ratios = {row["flow"]: row["own_is_faster"] for row in figures["summary"]}
    assert ratios["sized"] == 1.0
    assert ratios["direct"] > 1.0
    assert figures["settings"].keys() == {"cpu16-plain", "cpu16"}
    assert len((tmp_path / "throughput.csv").read_text().splitlines()) == 3
    assert "own_is_faster" in printed


def test_scaling_measures_every_cluster_and_what_ray_costs(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    folder = tmp_path / "kept"
    options = ("--parts", "evaluations", "--resume", str(folder), "--figures", str(tmp_path))
    figures, _ = run_quick("scaling.py", tmp_path, *options)
    rows = figures["evaluations"]
    assert {row["cluster"] for row in rows} == {"no Ray", "1 worker", "2 workers", "2 nodes"}
    assert all(row["calls"] in (248, 256) for row in rows)
    assert all(row["scheduling_ms"] >= 0 for row in rows)
    assert len(list(folder.iterdir())) == 4
    assert "</svg>" in (tmp_path / "scaling.svg").read_text()
    again, _ = run_quick("scaling.py", tmp_path, *options)  # nothing is measured twice
    assert again["evaluations"] == rows
