from pathlib import Path

import pytest

from tests.benchmarks.test_scripts import run_quick

pytestmark = pytest.mark.usefixtures("nangate45")


def test_earlier_searches_with_and_without_what_a_store_holds(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    figures, printed = run_quick("earlier.py", tmp_path, "--figures", str(tmp_path))
    anew, taught = figures["rows"]
    assert (anew["earlier calls"], taught["earlier calls"]) == (0, 75)
    assert anew["calls"] == taught["calls"] == 75
    assert anew["ahead at 50"] == 0
    for search in figures["searches"]:
        for found, regular in zip(
            search["improvements"].values(), search["regular_um2"], strict=True
        ):
            assert found[-1][1] <= regular
    lines = (tmp_path / "earlier.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * len(figures["searches"])
    assert "earlier calls" in printed
