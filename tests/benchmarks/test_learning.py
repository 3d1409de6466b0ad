from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_learning_counts_calls_and_gives_shares_of_the_rivals_budgets(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("learning.py", tmp_path, "--figures", str(tmp_path))
    assert figures["searches_finished"] == figures["searches_planned"] == len(figures["searches"])
    for search in figures["searches"]:
        assert search["calls"] == (100 if search["kind"].startswith(("anneal", "evolve")) else 50)
        assert search["final_um2"] <= search["regular_um2"]
        assert (search["pretraining_calls"] > 0) is (
            search["kind"] in ("shuffled", "frozen", "pretrained")
        )
    for row in figures["verdict"]:
        assert 0 < row["low"] <= row["share"] <= row["high"] <= 1
        assert row["share_with_pretraining_alone"] >= row["share_with_pretraining_shared"]
    assert {row["library"] for row in figures["twins"]} == {"nangate45", "sky130hd"}
    lines = (tmp_path / "learning.csv").read_text().splitlines()
    assert len(lines) == 1 + len(figures["searches"])
    assert "</svg>" in (tmp_path / "learning.svg").read_text()
    assert "share of the rival's budget" in printed
