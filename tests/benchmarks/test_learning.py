from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_learning_counts_calls_and_gives_shares_of_the_rivals_budgets(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("learning.py", tmp_path, "--figures", str(tmp_path))
    done = len(figures["searches"]) + sum(row["seeds"] for row in figures["ranks"])
    assert figures["searches_finished"] == figures["searches_planned"] == done
    for search in figures["searches"]:
        is_rival = search["kind"].startswith(("anneal", "evolve"))
        is_ablation = search["target_ps"] == 290
        assert search["calls"] == (100 if is_rival else 15 if is_ablation else 50)
        assert search["final_um2"] <= search["regular_um2"]
        assert (search["pretraining_calls"] > 0) is (
            search["kind"] in ("shuffled", "frozen", "pretrained")
        )
    for row in figures["verdict"]:
        assert 0 < row["low"] <= row["share"] <= row["high"] <= 1
        assert row["share_with_pretraining_alone"] >= row["share_with_pretraining_shared"]
    assert {row["library"] for row in figures["twins"]} == {"nangate45", "sky130hd"}
    ablations = {row["changed"] for row in figures["ablations"]}
    assert len(ablations) == len(figures["ablations"]) == 9
    assert [row["model"] for row in figures["ranks"]] == [
        "convolution beside the features",
        "ensemble on features",
    ]
    assert all(-1 <= row["spearman"] <= 1 for row in figures["ranks"])
    lines = (tmp_path / "learning.csv").read_text().splitlines()
    assert len(lines) == 1 + len(figures["searches"])
    assert "</svg>" in (tmp_path / "learning.svg").read_text()
    assert "share of the rival's budget" in printed
