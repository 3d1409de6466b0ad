"""Records of many layouts: kept one by one, read again, never mixed up with other settings."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ortools", reason="needs the extra `layout`")
pytest.importorskip("klayout.db", reason="needs the extra `layout`")
pytest.importorskip("gdstk", reason="needs the extra `layout`")

from edarl.errors import ConfigError
from edarl.layout.joint import JointResult
from edarl.layout.netlist import basic_cells
from edarl.layout.technology import load_technology
from edarl.runs.cell_bench import bench_cells, read_records
from edarl.runs.cells import LayoutOptions

ASAP7 = load_technology("asap7")
CELLS = [basic_cells()[name] for name in ("INV", "NAND2")]
WAYS = [LayoutOptions(), LayoutOptions(method="random", evaluations=10)]


def bench(path: Path | None, ways=WAYS):
    told: list[str] = []
    found = list(bench_cells(CELLS, ASAP7, ways, records=path, on_progress=told.append))
    return found, told


def test_every_cell_gets_a_record_per_way_and_is_not_laid_out_twice(tmp_path: Path) -> None:
    path = tmp_path / "new" / "records.jsonl"
    first, told = bench(path)
    assert told == ["INV, exact", "INV, random", "NAND2, exact", "NAND2, random"]
    assert [(r.cell, r.method, r.width_cpp, r.is_clean) for r in first] == [
        ("INV", "exact", 3, True),
        ("INV", "random", 3, True),
        ("NAND2", "exact", 4, True),
        ("NAND2", "random", 4, True),
    ]
    assert [r.bound_cpp for r in first] == [3, None, 4, None]
    assert bench(path) == (first, [])
    assert read_records(path) == first


def test_other_settings_are_laid_out_anew(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    bench(path, WAYS[:1])
    _, told = bench(path, [LayoutOptions(seed=1)])
    assert told == ["INV, exact", "NAND2, exact"]
    assert len(read_records(path)) == 4


def test_a_torn_last_line_is_forgotten_and_a_damaged_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    bench(path, WAYS[:1])
    whole = path.read_text()
    path.write_text(whole[:-20])  # killed while it wrote
    again, told = bench(path, WAYS[:1])
    assert told == ["NAND2, exact"]
    assert [r.width_cpp for r in again] == [3, 4]
    assert [json.loads(line)["cell"] for line in path.read_text().splitlines()] == ["INV", "NAND2"]
    path.write_text("{}\n" + whole)
    with pytest.raises(ConfigError, match=r"line 1 should be a record of a cell, actual: '\{\}"):
        read_records(path)


@pytest.mark.parametrize("text", ["things to do", '{"summary": 1}', '{"cell": "INV"}\nmore'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match="should be a record of a cell"):
        bench(path, WAYS[:1])
    assert path.read_text() == text


def test_another_policy_in_the_same_folder_is_another_setting(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("one")
    way = LayoutOptions(policy=tmp_path, fix_policy=tmp_path)
    (first,) = bench_cells(CELLS[:1], ASAP7, [way])
    (same,) = bench_cells(CELLS[:1], ASAP7, [way])
    (tmp_path / "weights").write_text("other")
    (second,) = bench_cells(CELLS[:1], ASAP7, [way])
    assert first.settings == same.settings != second.settings


def test_a_cell_that_cannot_be_routed_is_a_record_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(*_: object, **__: object) -> JointResult:
        return JointResult(None, {}, {}, "impossible")

    monkeypatch.setattr("edarl.runs.cells.place_and_route", nothing)
    (record,) = bench_cells([basic_cells()["NAND2"]], ASAP7, [LayoutOptions(wider=1)])
    assert record.width_cpp is None
    assert not record.is_clean
    assert not record.is_least
    assert record.failure is not None
    assert "NAND2 could not be routed" in record.failure


def test_the_least_width_is_that_of_the_placement_or_of_what_can_be_routed() -> None:
    (record,) = bench_cells(CELLS[:1], ASAP7, WAYS[:1])
    assert record.is_least
    assert not replace(record, lvs="Y is not there").is_least
    assert not replace(record, width_cpp=4).is_least
    assert replace(record, width_cpp=4, routable_bound_cpp=4).is_least
    assert not replace(record, width_cpp=4, routable_bound_cpp=None).is_least
    assert replace(record, routable_bound_cpp=None).is_least
    assert not replace(record, bound_cpp=None, routable_bound_cpp=None).is_least
