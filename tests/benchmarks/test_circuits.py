from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_circuits_are_searched_with_equal_calls_and_their_netlists_proven(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("circuits.py", tmp_path, "--figures", str(tmp_path))
    assert figures["searches_finished"] == figures["searches_planned"] == len(figures["searches"])
    assert {search["method"] for search in figures["searches"]} == {"guided", "anneal", "evolve"}
    assert "comparator" not in {search["circuit"] for search in figures["searches"]}
    for search in figures["searches"]:
        assert search["calls"] == 30
        assert search["final_um2"] <= search["regular_um2"]
    assert figures["netlists_refused"] == 0
    assert figures["netlists_proven"] == 2 * len(figures["confirmations"])
    for entry in figures["confirmations"]:
        for side in ("regular", "own"):
            assert entry[side]["verdict"] == "proven"
            assert entry[side]["delay_ps"] <= 1.002 * entry["target_ps"]
        assert entry["regular"]["structure"] != "-"
    for row in figures["confirmed"]:
        saved = 1 - row["own_area_um2"] / row["regular_area_um2"]
        assert row["saving_percent"] == pytest.approx(100 * saved)
    lines = (tmp_path / "circuits.csv").read_text().splitlines()
    assert len(lines) == 1 + len(figures["searches"])
    assert "</svg>" in (tmp_path / "circuits.svg").read_text()
    assert "confirmed and proven netlists" in printed
