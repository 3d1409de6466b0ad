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


def test_agents_are_asked_and_taught_where_they_were_not_trained(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("transfer_agents.py", tmp_path, "--figures", str(tmp_path))
    assert figures["jobs_finished"] == figures["jobs_planned"]
    assert figures["training"]["agents"] == 2
    assert figures["training"]["calls"] == 2 * 100
    assert {one["kind"] for one in figures["asked_each"]} == {
        "random",
        "untrained",
        "judge",
        "agent",
        "nobody",
        "proposed",
    }
    for one in figures["asked_each"]:
        assert 0 < one["calls"] <= 100
        assert one["percent"] >= 0
        assert bool(one["trained_on"]) == (one["kind"] not in ("random", "nobody"))
    assert [row["training"] for row in figures["taught"]] == [
        "begins anew",
        "begins with trained weights",
    ]
    anew, adopted = figures["taught"]
    assert (anew["earlier_calls"], adopted["earlier_calls"]) == (0, 200)
    assert anew["ahead_at_100"] == -adopted["ahead_at_100"]
    lines = (tmp_path / "transfer_agents_asked.csv").read_text().splitlines()
    assert len(lines) == 1 + len(figures["asked_each"])
    assert "begins with trained weights" in printed
