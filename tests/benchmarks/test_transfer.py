from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_transfer_ranks_and_searches_with_a_model_that_it_trained_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("transfer.py", tmp_path, "--figures", str(tmp_path))
    assert figures["jobs_finished"] == figures["jobs_planned"]
    assert figures["teaching"]["calls"] == 3 * 40
    assert 0 < figures["teaching"]["examples"] <= figures["teaching"]["calls"]
    assert {row["group"] for row in figures["rank"]} == {"same", "circuit"}
    for row in figures["rank"]:
        assert -1 <= row["spearman_low"] <= row["spearman"] <= row["spearman_high"] <= 1
        assert row["regret_percent"] >= 0
    assert all(rank["pool"] == 128 for rank in figures["ranks"])
    assert {search["kind"] for search in figures["searches"]} == {
        "random",
        "frozen",
        "pretrained",
        "scratch",
    }
    for search in figures["searches"]:
        assert search["calls"] == 40
        assert search["final_um2"] <= search["regular_um2"]
    lines = (tmp_path / "transfer_ranks.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(rank["models"]) for rank in figures["ranks"])
    assert "</svg>" in (tmp_path / "transfer.svg").read_text()
    assert "Spearman" in printed
