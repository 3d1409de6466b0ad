"""The baseline: what Yosys alone makes of the behavioural text."""

from pathlib import Path

import pytest

from edarl.errors import ConfigError, LibraryError, ToolError
from edarl.metrics import Constraint
from edarl.prefix.circuits import KINDS, Circuit
from edarl.synthesis import baseline
from edarl.synthesis.baseline import YOSYS_FLOW, yosys_adder_baseline
from edarl.synthesis.library import CellLibrary, load_library
from edarl.synthesis.prove import prove_blif
from tests.synthesis import tiny

CONSTRAINT = Constraint("BUF_X1", 10.0)


@pytest.fixture(scope="module")
def nangate(nangate45: Path) -> CellLibrary:
    return load_library(nangate45)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> CellLibrary:
    path = tmp_path_factory.mktemp("library") / "tiny.lib"
    path.write_text(tiny.library())
    return load_library(path)


@pytest.mark.parametrize(
    ("width", "area_um2", "delay_ps"), [(8, 60, 258), (16, 117, 537), (32, 243, 915)]
)
def test_adders_come_out_about_as_the_yardstick_says(
    width: int, area_um2: float, delay_ps: float, nangate: CellLibrary
) -> None:
    (point,) = yosys_adder_baseline(Circuit("adder", width), nangate, CONSTRAINT, [100.0])
    # Equivalent ways of writing the script scatter by about this much.
    assert point.area_um2 == pytest.approx(area_um2, rel=0.1)
    assert point.delay_ps == pytest.approx(delay_ps, rel=0.1)


def test_points_come_in_the_order_of_the_targets(nangate: CellLibrary) -> None:
    targets_ps = [1500.0, 100.0, 400.0]
    points = yosys_adder_baseline(Circuit("adder", 16), nangate, CONSTRAINT, targets_ps)
    assert [point.target_ps for point in points] == targets_ps
    assert {point.flow for point in points} == {YOSYS_FLOW} == {"yosys"}
    assert points[0].area_um2 < points[1].area_um2
    assert points[0].delay_ps > points[1].delay_ps


@pytest.mark.parametrize("kind", KINDS)
def test_every_netlist_that_is_measured_is_its_circuit(
    kind: str, small: CellLibrary, tmp_path: Path
) -> None:
    circuit = Circuit(kind, 5)
    (point,) = yosys_adder_baseline(circuit, small, small.constraint(), [100.0], workdir=tmp_path)
    assert point.area_um2 > 0
    netlists = sorted(tmp_path.glob("synth*.blif"))
    assert len(netlists) == 2
    for netlist in netlists:
        proof = prove_blif(netlist.read_text(), circuit, library=small)
        assert proof.proven, proof.reason
        used = [line.split()[1] for line in netlist.read_text().splitlines() if ".gate" in line]
        assert sum(small.area(name) for name in used) >= point.area_um2


def test_the_better_of_both_ways_counts() -> None:
    point = baseline.Point
    meeting = [point(100, 99, 30, "yosys"), point(100, 90, 31, "yosys")]
    missing = [point(100, 120, 10, "yosys"), point(100, 110, 40, "yosys")]
    assert baseline._better(meeting) == meeting[0]
    assert baseline._better(missing) == missing[1]
    assert baseline._better([meeting[1], missing[0]]) == meeting[1]


def test_no_targets_need_no_tools(monkeypatch: pytest.MonkeyPatch, small: CellLibrary) -> None:
    monkeypatch.setattr(baseline, "run_yosys", None)
    assert yosys_adder_baseline(Circuit("adder", 4), small, small.constraint(), []) == []


@pytest.mark.parametrize("target_ps", [0.0, -1.0, float("nan"), float("inf")])
def test_unusable_targets_are_refused(target_ps: float, small: CellLibrary) -> None:
    with pytest.raises(ConfigError, match="delay targets should be positive"):
        yosys_adder_baseline(Circuit("adder", 4), small, small.constraint(), [100.0, target_ps])


def test_a_driver_that_the_library_lacks_is_an_error(small: CellLibrary) -> None:
    with pytest.raises(LibraryError, match="no cell `NOSUCH`"):
        yosys_adder_baseline(Circuit("adder", 4), small, Constraint("NOSUCH", 10.0), [100.0])


def test_a_netlist_that_yosys_did_not_write_is_an_error(
    monkeypatch: pytest.MonkeyPatch, small: CellLibrary
) -> None:
    monkeypatch.setattr(baseline, "run_yosys", lambda *_, **__: "")
    with pytest.raises(ToolError, match="should have written"):
        yosys_adder_baseline(Circuit("adder", 4), small, small.constraint(), [100.0])
