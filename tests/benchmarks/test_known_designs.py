"""The script that makes and checks the known designs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edarl.prefix.circuits import Circuit
from edarl.store import Store, known_circuits
from edarl.store.known import known_designs, pack_known
from edarl.synthesis.library import load_library
from tests.conftest import ROOT


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_a_sample_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    ran = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "known_designs.py", "--quick", "--json", file,
         "--figures", tmp_path],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    rows = json.loads(file.read_text())["adders"]
    assert {row["width"] for row in rows} == {4, 8}
    for row in rows:
        assert row["proven"] == row["timed"] == row["netlists"] > 0
        assert row["reproduced"] == row["figures"] > 0
        assert row["smallest_shipped_um2"] <= row["smallest_regular_um2"] + 0.005
    lines = (tmp_path / "known_designs.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * len(rows)
    assert "netlists proven" in ran.stdout


def test_a_search_is_resumed_and_what_it_finds_is_packed(
    scripts: None, sky130: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import _known_build
    import _known_fill

    group = _known_fill.Group(5, "sky130", False, (1.1, 1.5), 2, 10)
    monkeypatch.setattr(_known_fill, "groups", lambda: [group])
    monkeypatch.setattr(_known_fill, "WITH_CARRY_IN", ())
    monkeypatch.setattr(_known_build, "LIBRARIES", ("sky130",))
    monkeypatch.setattr(_known_build, "BY_ABC", ())
    searching = _known_fill.run_group(group, tmp_path)
    assert next(searching) == 1.1
    kept = json.loads(group.path(tmp_path).read_text())["found"]
    assert list(_known_fill.run_group(group, tmp_path)) == [1.5]
    (record,) = _known_fill.results(tmp_path)
    assert record["found"][0] == kept[0]
    assert record["machine"]["cores"]
    assert list(_known_fill.run_group(group, tmp_path)) == []
    assert list(_known_build.build(tmp_path, None)) == ["adder_5"]
    library = load_library(sky130)
    circuit = Circuit("adder", 5)
    with Store.open(tmp_path / "stores" / "adder_5.db", read_only=True) as store:
        assert known_circuits(store, "adder") == [circuit]
        front = store.front(circuit, library.digest, library.constraint())
        assert {found.method for found in front} <= {"joint", "structures"}
        assert len(known_designs(store, circuit, 50)) > 3
        manifest = pack_known(store, tmp_path / "shipped")
        (run,) = (run for run in store.runs() if "changes" in run.config)
    assert manifest["rows"]["netlists"] == len(front)
    assert (run.seed, run.config["changes"]) == (0, 2 * 2 * 10 * 12)
