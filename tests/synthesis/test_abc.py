"""The persistent ABC process: figures for good netlists, errors for everything else."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edarl.errors import LibraryError, ToolNotFoundError, ToolOutputError, ToolTimeoutError
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis import abc as abc_module
from edarl.synthesis.abc import AbcSession, Sizing, parse_timing
from edarl.synthesis.abc_evaluator import AbcEvaluator, design_blif, sizing_script
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.library import load_library

REFERENCE = Constraint("BUF_X1", 10.0)
CIRCUIT = Circuit("adder", 16)


@pytest.fixture(scope="module")
def library(nangate45: Path) -> CellLibrary:
    return load_library(nangate45)


@pytest.fixture
def session(library: CellLibrary) -> Iterator[AbcSession]:
    with AbcSession(library, REFERENCE, timeout_s=30.0) as opened:
        yield opened


def blif_of(name: str, library: CellLibrary, flow: str = "direct") -> str:
    return design_blif(Design.of(structure(name, 16), CIRCUIT), FLOWS[flow], library)


def size(session: AbcSession, blif: str, target_ps: float = 300.0) -> Sizing:
    session.read_netlist(blif)
    return parse_timing(session.run(sizing_script(FLOWS["direct"], (target_ps,))), 1)[0]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_gone(pids: list[int]) -> bool:
    for _ in range(500):
        if not any(is_running(pid) for pid in pids):
            return True
        time.sleep(0.01)
    return False


def test_brent_kung_16_takes_93_um2_at_400_ps(session: AbcSession, library: CellLibrary) -> None:
    sizing = size(session, blif_of("brent_kung", library), 400.0)
    assert sizing.area_um2 == pytest.approx(93.4, abs=0.05)
    assert sizing.delay_ps <= 400.8


def test_the_same_question_gives_the_same_answer_whatever_came_before(
    session: AbcSession, library: CellLibrary
) -> None:
    first = size(session, blif_of("sklansky", library))
    size(session, blif_of("ripple", library), 900.0)
    assert size(session, blif_of("sklansky", library)) == first


def test_a_curve_equals_its_single_targets(session: AbcSession, library: CellLibrary) -> None:
    targets = (250.0, 290.0, 340.0, 500.0)
    blif = blif_of("han_carlson", library)
    session.read_netlist(blif)
    curve = parse_timing(session.run(sizing_script(FLOWS["direct"], targets)), len(targets))
    assert curve == [size(session, blif, target) for target in targets]


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "nonsense\n",
        ".model x\n.inputs a\n.outputs y\n.gate NO_SUCH_CELL A=a ZN=y\n.end\n",
        ".model x\n.inputs a\n.outputs y\n.gate INV_X1 A=nobody ZN=y\n.end\n",
        ".model x\n.inputs a\n.outputs y\n.gate INV_X1 A=a\n.end\n",
    ],
)
def test_a_broken_netlist_never_gives_the_figures_of_the_one_before(
    session: AbcSession, library: CellLibrary, broken: str
) -> None:
    good = size(session, blif_of("sklansky", library))
    with pytest.raises(ToolOutputError):
        size(session, broken)
    assert size(session, blif_of("sklansky", library)) == good


def test_a_refused_command_is_an_error(session: AbcSession) -> None:
    with pytest.raises(ToolOutputError, match="refused"):
        session.run(["no_such_command"])


def test_after_a_kill_the_next_question_starts_another_process(
    session: AbcSession, library: CellLibrary
) -> None:
    good = size(session, blif_of("sklansky", library))
    assert session.pid is not None
    os.killpg(session.pid, signal.SIGKILL)
    assert wait_until_gone([session.pid])
    assert size(session, blif_of("sklansky", library)) == good
    assert session.starts == 2


def test_a_hang_is_ended_after_the_time_limit_and_leaves_nothing_behind(
    library: CellLibrary,
) -> None:
    with AbcSession(library, REFERENCE, timeout_s=1.0) as session:
        size(session, blif_of("ripple", library))
        assert session.pid is not None
        processes = [session.pid, *children_of(session.pid)]
        assert len(processes) == 2
        with pytest.raises(ToolTimeoutError, match="longer than 1 s"):
            session.run(["!sleep 600"])
        assert wait_until_gone(processes)
        assert size(session, blif_of("ripple", library)).area_um2 > 0


def test_closing_ends_the_process_and_removes_the_folder(library: CellLibrary) -> None:
    session = AbcSession(library, REFERENCE)
    size(session, blif_of("ripple", library))
    assert session.pid is not None
    processes = [session.pid, *children_of(session.pid)]
    folder = session.workdir
    session.close()
    assert wait_until_gone(processes)
    assert not folder.exists()


def test_memory_beyond_the_limit_is_an_error(library: CellLibrary) -> None:
    with (
        AbcSession(library, REFERENCE, memory_mb=24) as session,
        pytest.raises(ToolOutputError),
    ):
        size(session, blif_of("ripple", library))


def test_a_library_that_abc_cannot_load_is_an_error(library: CellLibrary, tmp_path: Path) -> None:
    import dataclasses

    broken = tmp_path / "broken.lib"
    broken.write_text("library (x) { }\n")
    session = AbcSession(dataclasses.replace(library, liberty_path=broken), REFERENCE)
    with pytest.raises(ToolOutputError, match="should load the library"):
        session.run(["topo"])
    session.close()


def test_a_driver_that_is_not_in_the_library_is_refused(library: CellLibrary) -> None:
    with pytest.raises(LibraryError, match="NO_SUCH_X1"):
        AbcSession(library, Constraint("NO_SUCH_X1", 10.0))


def test_a_missing_program_says_so(library: CellLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise ToolNotFoundError("ABC is not installed")

    monkeypatch.setattr(abc_module, "abc_path", nowhere)
    evaluator = AbcEvaluator(library, REFERENCE, flow="direct", targets_ps=(300.0,))
    with pytest.raises(ToolNotFoundError):
        evaluator.evaluate([Design.of(structure("ripple", 16), CIRCUIT)])
    evaluator.close()


FAKES = {
    "dies at once": "sys.exit(3)",
    "prints another timer's line": """
for line in sys.stdin:
    if line.startswith("read_lib"):
        print('Library "x" from "y" has 90 cells')
    if line.startswith("stime"):
        print('WireLoad = "none"  Gates = 0 ( 0.0 %)   Cap = 0 ff ( 0 %)   Area = -1 ( 1 %)')
    if line.startswith("echo"):
        print(line[5:].strip())
    sys.stdout.flush()
""",
    "times twice": """
for line in sys.stdin:
    if line.startswith("read_lib"):
        print('Library "x" from "y" has 90 cells')
    if line.startswith("stime"):
        line = 'WireLoad = "none"  Gates =  9 ( 0 %)  Area = 1.00 ( 1 %)  Delay = 2.00 ps  (x)'
        print(line)
        print(line)
        line = ""
    if line.startswith("echo"):
        print(line[5:].strip())
    sys.stdout.flush()
""",
    "uses a wire load": """
for line in sys.stdin:
    if line.startswith("read_lib"):
        print('Library "x" from "y" has 90 cells')
    if line.startswith("stime"):
        print('WireLoad = "big"  Gates =  9 ( 0 %)  Area = 1.00 ( 1 %)  Delay = 2.00 ps  (x)')
    if line.startswith("echo"):
        print(line[5:].strip())
    sys.stdout.flush()
""",
}


@pytest.mark.parametrize("fault", sorted(FAKES))
def test_whatever_a_faulty_program_prints_the_evaluation_fails_without_a_figure(
    fault: str, library: CellLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "abc"
    fake.write_text(f"#!{sys.executable}\nimport sys\n{FAKES[fault]}")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(abc_module, "abc_path", lambda: fake)
    evaluator = AbcEvaluator(library, REFERENCE, flow="direct", targets_ps=(300.0,), timeout_s=5.0)
    (evaluation,) = evaluator.evaluate([Design.of(structure("ripple", 16), CIRCUIT)])
    evaluator.close()
    assert evaluation.failed
    assert evaluation.points == ()
    assert evaluation.failure is not None
    assert evaluation.failure.startswith("direct: ABC")


def test_evaluations_keep_order_and_count_every_sizing(library: CellLibrary) -> None:
    designs = [Design.of(structure(name, 16), CIRCUIT) for name in ("ripple", "sklansky")]
    flows = "+".join(FLOWS)
    evaluator = AbcEvaluator(library, REFERENCE, flow=flows, targets_ps=(300.0, 400.0), workers=2)
    evaluations = evaluator.evaluate(designs)
    evaluator.close()
    assert [evaluation.design for evaluation in evaluations] == [d.digest for d in designs]
    for evaluation in evaluations:
        assert evaluation.calls == 2 * len(FLOWS)
        assert [(point.flow, point.target_ps) for point in evaluation.points] == [
            (flow, target) for flow in FLOWS for target in (300.0, 400.0)
        ]
    ripple, sklansky = evaluations
    assert ripple.at(300.0) is None
    assert sklansky.at(300.0) is not None


def test_pinswap_is_never_larger_than_direct_at_the_tight_end(library: CellLibrary) -> None:
    design = Design.of(structure("han_carlson", 16), CIRCUIT, "or")
    evaluator = AbcEvaluator(library, REFERENCE, flow="direct+pinswap", targets_ps=(275.0,))
    direct, pinswap = evaluator.evaluate([design])[0].points
    evaluator.close()
    assert pinswap.area_um2 < direct.area_um2
    assert pinswap.delay_ps <= direct.delay_ps * 1.01
