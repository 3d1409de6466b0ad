"""The libraries that the tests of the timer share; each is read once for all of them."""

from pathlib import Path

import pytest

from edarl.synthesis.library import load_library
from tests.synthesis.timing.support import Bench, small_library


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> Bench:
    """A library of a few bytes with gates of three strengths."""
    file = tmp_path_factory.mktemp("small") / "small.lib"
    file.write_text(small_library())
    library = load_library(file)
    return Bench.of(library, library.constraint("BUFT", 20.0))


@pytest.fixture(scope="session")
def nangate(nangate45: Path, edarl_home: Path) -> Bench:
    """Nangate45 behind its smallest buffer."""
    library = load_library(nangate45)
    return Bench.of(library, library.constraint("BUF_X1", 10.0))


@pytest.fixture(scope="session")
def osu(osu018: str, edarl_home: Path) -> Bench:
    """OSU 0.18 um with its default constraint."""
    library = load_library(osu018)
    return Bench.of(library, library.constraint())


@pytest.fixture(scope="session")
def sky(sky130hd: Path, edarl_home: Path) -> Bench:
    """SkyWater's high-density library with its default constraint."""
    library = load_library(sky130hd)
    return Bench.of(library, library.constraint())
