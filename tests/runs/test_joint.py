"""Runs of method joint: exact netlists survive to the store, through Ctrl-C, kills and resuming."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edarl.errors import CheckpointError, ConfigError
from edarl.hdl.netlist import MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.runs.archive import Found, FrontArchive
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunProgress, RunResult
from edarl.search.joint import JointAnnealing
from edarl.store import Store
from edarl.synthesis.library import CellLibrary, add_library
from tests.cli.processes import wait_until
from tests.runs.test_resume import EXECUTE
from tests.synthesis.timing.support import small_library

CIRCUIT = Circuit("adder", 8)
LIBRARY = "three-strengths"
TARGETS_PS = (170.0, 220.0)


def settings(**others: object) -> RunConfig:
    return read_config(
        **{
            "method": "joint",
            "width": 8,
            "library": LIBRARY,
            "targets_ps": TARGETS_PS,
            "budget_calls": 60,
            "seed": 11,
            "confirm": False,
            **others,
        }
    )


def found(result: RunResult) -> list[Found]:
    return list(result.front)


def own(result: RunResult) -> list[Found]:
    """Give the front's points that joint annealing made itself."""
    return [entry for entry in result.front if entry.netlist is not None]


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> CellLibrary:
    """A small library whose figures stay as they are, so that the same netlists always win."""
    file = tmp_path_factory.mktemp("library") / "small.lib"
    file.write_text(small_library())
    return add_library(LIBRARY, [file])


@pytest.fixture(scope="module")
def undisturbed(library: CellLibrary, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run to its end, without confirming."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return Run(RunDirectory.create(settings(), folder)).execute()


def test_its_netlists_are_confirmed_and_stored_as_they_are(
    library: CellLibrary, tmp_path: Path
) -> None:
    shown: list[RunProgress] = []
    with Store.open(tmp_path / "edarl.db") as store:
        result = Run(
            RunDirectory.create(settings(confirm=True, workers=2), tmp_path / "run"),
            store=store,
            on_progress=shown.append,
        ).execute()
        made = own(result)
        assert {entry.point.target_ps for entry in made} == set(TARGETS_PS)
        for entry in made:
            assert entry.point.flow == "joint"
            assert entry.point.meets(entry.point.target_ps)
        confirmed = [entry for entry in result.confirmed if entry.point.flow == "joint"]
        assert confirmed
        netlists = [entry.netlist.instances for entry in made if entry.netlist is not None]
        kept = {
            point.netlist_sha256: point
            for point in store.front(CIRCUIT, library.digest, library.constraint())
        }
        (run,) = [run for run in store.runs() if run.method == "joint"]
        for entry in confirmed:
            assert entry.proof.proven
            assert read_mapped_verilog(entry.verilog).instances in netlists
            assert store.netlist(entry.sha256) == entry.verilog
            assert kept[entry.sha256].run == run.id
    assert result.config.flow == "sized"
    done = [progress.done for progress in shown if progress.stage == "search"]
    assert done == sorted(done)
    assert done[-1] == result.calls
    assert 0 < result.calls <= 60


def test_a_netlist_on_a_regular_graph_is_credited_to_the_run_that_made_it(
    library: CellLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edarl.search import joint

    monkeypatch.setattr(joint, "_allowed", lambda *_, **__: (0.0,) * 3 + (1.0, 0.0, 0.0, 1.0))
    with Store.open(tmp_path / "edarl.db") as store:
        result = Run(
            RunDirectory.create(settings(confirm=True, p_mode="xor"), tmp_path / "run"), store=store
        ).execute()
        entries = [entry for entry in result.confirmed if entry.point.flow == "joint"]
        assert entries
        (run,) = [run for run in store.runs() if run.method == "joint"]
        front = store.front(CIRCUIT, library.digest, library.constraint())
        runs = {point.netlist_sha256: point.run for point in front}
        assert {runs[entry.sha256] for entry in entries} == {run.id}


def test_a_killed_run_goes_on_to_the_same_netlists(undisturbed: RunResult, tmp_path: Path) -> None:
    config = settings(checkpoint_s=0.01)
    directory = RunDirectory.create(config, tmp_path / "killed")
    metrics = directory.path / "metrics.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", EXECUTE, str(directory.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") >= 4, process)
    process.kill()
    process.communicate()
    assert 0 < directory.read("state.json")["calls"] < undisturbed.calls
    resumed = Run(RunDirectory.open(directory.path)).execute()
    assert found(resumed) == found(undisturbed)
    assert resumed.calls == undisturbed.calls
    assert own(resumed)


@pytest.mark.parametrize("rounds_before", [1, 8, 14])
def test_ctrl_c_keeps_what_was_found_and_the_run_goes_on_to_the_same_end(
    rounds_before: int,
    undisturbed: RunResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walked, walk = [0], JointAnnealing._walk

    def interrupted(self: JointAnnealing) -> None:
        walk(self)
        walked[0] += 1
        if walked[0] == rounds_before:
            raise KeyboardInterrupt

    monkeypatch.setattr(JointAnnealing, "_walk", interrupted)
    first = Run(RunDirectory.create(settings(), tmp_path / "run")).execute()
    assert first.stopped_by == "interrupted"
    assert bool(own(first)) is (rounds_before > 1)
    resumed = Run(RunDirectory.open(tmp_path / "run")).execute()
    assert found(resumed) == found(undisturbed)
    assert resumed.calls == undisturbed.calls


def test_a_finished_run_keeps_its_netlists_and_threads_change_nothing(
    undisturbed: RunResult, tmp_path: Path
) -> None:
    config = settings(workers=2)
    first = Run(RunDirectory.create(config, tmp_path / "run")).execute()
    again = Run(RunDirectory.open(tmp_path / "run")).execute()
    assert found(again) == found(first) == found(undisturbed)
    assert own(again)


# ---------------------------------------------------------------- settings


def test_the_usual_flow_of_joint_is_sized() -> None:
    assert settings().flow == "sized"
    assert settings(flow="pinswap").flow == "pinswap"
    assert settings(method="anneal").flow == "pinswap"
    assert RunConfig().flow == "pinswap"


def test_another_circuit_is_refused_before_anything_starts() -> None:
    with pytest.raises(
        ConfigError, match="method joint searches for adders, actual circuit: comparator; use"
    ):
        settings(circuit="comparator")


# ---------------------------------------------------------------- the front


@pytest.fixture
def netlist(undisturbed: RunResult) -> MappedNetlist:
    made = own(undisturbed)[0].netlist
    assert made is not None
    return made


def test_a_front_with_netlists_is_saved_and_restored(netlist: MappedNetlist) -> None:
    design = Design.of(structure("ripple", 8), CIRCUIT)
    front = FrontArchive()
    assert front.take(Found(design, Point(650.0, 640.0, 90.0, "joint"), 7, netlist))
    plain = Evaluation(design.digest, "x", Constraint("BUFX4", 10.0), (Point(1, 600, 99, "sized"),))
    assert front.add(design, plain, 3)
    assert not front.take(Found(design, Point(650.0, 641.0, 90.0, "joint"), 8, None))
    state = json.loads(json.dumps(front.state()))
    restored = FrontArchive.restored(state, CIRCUIT)
    assert list(restored) == list(front)
    assert [entry.netlist is None for entry in restored] == [True, False]
    for entry in state:  # as an earlier version saved it
        del entry["netlist"]
    assert [entry.netlist for entry in FrontArchive.restored(state, CIRCUIT)] == [None, None]


@pytest.mark.parametrize("text", ["", "module", 7, ["x"], "module m (a); input a; endmodule junk"])
def test_a_damaged_netlist_in_a_saved_front_is_refused(text: object) -> None:
    front = FrontArchive()
    front.take(Found(Design.of(structure("ripple", 8), CIRCUIT), Point(1.0, 2.0, 3.0, "joint"), 7))
    (entry,) = front.state()
    with pytest.raises(CheckpointError, match="the saved front is damaged"):
        FrontArchive.restored([{**entry, "netlist": text}], CIRCUIT)
