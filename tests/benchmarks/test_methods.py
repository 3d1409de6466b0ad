from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_methods_are_compared_at_equal_calls(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("methods.py", tmp_path, "--figures", str(tmp_path))
    assert figures["runs_finished"] == figures["runs_planned"] == len(figures["runs"])
    rows = {row["method"]: row for row in figures["gain"]}
    assert {"guided search", "agent", "stock agent", "annealing", "random"} <= rows.keys()
    for row in rows.values():
        assert 90 <= row["calls"] <= 100
        assert 0 <= row["low"] <= row["gain_at_2000"] <= row["high"] <= 1
        assert (row["pretraining_calls"] > 0) is row["method"].endswith("pre-trained")
    for run in figures["runs"]:
        calls = [at for at, _, _ in run["trace"]]
        assert calls == sorted(calls)
        assert calls[-1] <= run["calls"]
    areas = {row["method"]: row for row in figures["areas"]}
    assert areas["regular structures"]["310 ps"] >= areas["guided search"]["310 ps"]
    lines = (tmp_path / "methods.csv").read_text().splitlines()
    assert len(lines) == 1 + len(figures["runs"])
    assert "</svg>" in (tmp_path / "methods.svg").read_text()
    assert "gain over the regular structures" in printed
