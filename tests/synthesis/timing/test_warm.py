from pathlib import Path

import numba
import pytest

from edarl.synthesis.library import add_library, load_library, remove_library
from edarl.synthesis.timing import compiled, figures, joint, sizing
from edarl.synthesis.timing.tables import timing_library
from edarl.synthesis.timing.warm import made_up_liberty, warm_up


def test_the_made_up_library_has_two_sizes_of_every_function(tmp_path: Path) -> None:
    file = tmp_path / "made_up.lib"
    file.write_text(made_up_liberty())
    timing = timing_library(load_library(file))
    assert [len(family) for family in timing.families] == [2] * 10


def test_removing_a_library_removes_its_delay_tables(tmp_path: Path, edarl_home: Path) -> None:
    file = tmp_path / "made_up.lib"
    file.write_text(made_up_liberty().replace("area : 2", "area : 2.25"))
    library = add_library("made_up_once", [file])
    timing_library(library)
    kept = edarl_home / "libraries" / "timing" / f"{library.digest}.npz"
    assert kept.exists()
    remove_library("made_up_once")
    assert not kept.exists()


def test_warming_up_compiles_all_that_is_called_from_outside_and_leaves_the_home_alone(
    edarl_home: Path,
) -> None:
    before = sorted(edarl_home.rglob("*"))
    warm_up()
    assert sizing.size_curve.signatures
    assert joint.anneal.signatures
    for read in ("adder_features", "adder_planes", "netlist_features", "netlist_planes"):
        assert len(getattr(figures, read).signatures) == 1, read
    assert sorted(edarl_home.rglob("*")) == before


def test_an_empty_cache_is_told_apart_from_a_filled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(cache))
    assert compiled.is_cold()
    (cache / "timer.nbc").touch()
    assert not compiled.is_cold()
