"""``edarl search``: what it answers, and that Ctrl-C and killed tools lose nothing."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.errors import StoreError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.store import Store
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.confirm import time_verilog
from edarl.synthesis.library import load_library
from tests.cli.conftest import Run
from tests.cli.processes import alive, descendants, start_edarl, wait_until
from tests.synthesis.timing.support import small_library

SMALL = ("--width", 5, "--budget", 40, "--delays", "600,800", "--seed", 1)


def evaluations(store: Path) -> int:
    """Count what a store has so far; a store that is being made has nothing."""
    try:
        with Store.open(store, read_only=True) as opened:
            return opened.counts()["evaluations"]
    except StoreError:
        return 0


@pytest.mark.parametrize("method", ["anneal", "evolve", "greedy", "random"])
def test_a_search_answers_with_a_proven_front(
    method: str, edarl: Run, sky130: str, tmp_path: Path
) -> None:
    store = tmp_path / "edarl.db"
    said = edarl("search", "--method", method, "--library", sky130, *SMALL, "--store", store,
                 "--run-dir", tmp_path / "run", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert (answer["method"], answer["width"], answer["library"]) == (method, 5, "sky130")
    assert (answer["seed"], answer["budget"], answer["stopped_by"]) == (1, 40, "budget")
    assert answer["calls"] == 40
    assert answer["targets_ps"] == [600.0, 800.0]
    assert [row["delay_ps"] for row in answer["savings"]] == [600.0, 800.0]
    assert answer["front"]
    assert all(point["proven"] for point in answer["front"])
    assert answer["run"] == str(tmp_path / "run")
    shown = edarl("front", "--width", 5, "--store", store, "--no-baselines", "--json").json
    known = {point["design"]: point for point in shown["points"]}
    assert {point["design"] for point in answer["front"]} == known.keys()
    regular = {
        Design.of(structure(name, 5), Circuit("adder", 5), mode).digest
        for name in REGULAR
        for mode in P_MODES
    }
    for point in shown["points"]:
        assert point["found_by"] == ("structures" if point["design"] in regular else method)


def test_the_same_seed_gives_the_same_answer(edarl: Run, tmp_path: Path) -> None:
    def answer(run: str) -> dict[str, object]:
        said = edarl("search", *SMALL, "--store", tmp_path / f"{run}.db", "--run-dir",
                     tmp_path / run, "--json")  # fmt: skip
        return {key: value for key, value in said.json.items() if key not in ("run", "elapsed_s")}

    assert answer("one") == answer("two")


@pytest.mark.parametrize("flow", ["sized", "sized-quick", "sized+pinswap"])
def test_a_search_in_flows_of_the_own_sizer_ends_with_a_front_of_confirmed_figures(
    flow: str, edarl: Run, sky130: str, tmp_path: Path
) -> None:
    store = tmp_path / "edarl.db"
    said = edarl("search", "--library", sky130, *SMALL, "--flow", flow, "--workers", 2, "--store",
                 store, "--run-dir", tmp_path / "run", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert answer["flow"] == flow
    assert answer["calls"] == 40
    assert answer["front"]
    assert all(point["proven"] for point in answer["front"])
    known = edarl("front", "--width", 5, "--store", store, "--no-baselines", "--json").json
    library = load_library(sky130)
    with Store.open(store, read_only=True) as opened:
        netlists = [opened.netlist(point["netlist_sha256"]) for point in known["points"]]
    assert len(netlists) == len(answer["front"])
    with AbcSession(library, library.constraint()) as session:
        for point, netlist in zip(known["points"], netlists, strict=True):
            timed = time_verilog(netlist, session)
            assert (timed.delay_ps, timed.area_um2) == (point["delay_ps"], point["area_um2"])


def test_joint_annealing_answers_with_netlists_of_its_own(edarl: Run, tmp_path: Path) -> None:
    # In a library whose figures stay as they are, its netlists always win.
    store, liberty = tmp_path / "edarl.db", tmp_path / "small.lib"
    liberty.write_text(small_library())
    said = edarl("search", "--method", "joint", "--library", liberty, "--width", 8, "--budget", 60,
                 "--delays", "170,220", "--workers", 2, "--store", store,
                 "--run-dir", tmp_path / "run", "--json")  # fmt: skip
    assert said.code == ExitCode.DONE
    answer = said.json
    assert (answer["method"], answer["flow"]) == ("joint", "sized")
    for row in answer["savings"]:
        assert row["area_um2"] < (row["regular_area_um2"] or float("inf"))
    mine = [point for point in answer["front"] if point["flow"] == "joint"]
    assert mine
    assert all(point["proven"] for point in mine)
    shown = edarl("front", "--width", 8, "--library", liberty, "--store", store, "--no-baselines",
                  "--json").json  # fmt: skip
    known = {point["netlist_sha256"]: point for point in shown["points"]}
    assert {known[point["netlist_sha256"]]["found_by"] for point in mine} == {"joint"}


@pytest.mark.parametrize("circuit", ["comparator", "subtractor"])
def test_joint_annealing_of_other_circuits_is_refused_before_anything_starts(
    circuit: str, edarl: Run, tmp_path: Path
) -> None:
    said = edarl("search", "--method", "joint", "--circuit", circuit, "--run-dir", tmp_path / "run")
    assert said.code == ExitCode.CANNOT
    assert f"method joint searches for adders, actual circuit: {circuit}" in said.err
    assert not (tmp_path / "run").exists()


def test_the_tables_fit_the_terminal(edarl: Run, tmp_path: Path) -> None:
    said = edarl("search", *SMALL, "--store", tmp_path / "s.db", "--run-dir", tmp_path / "run")
    assert said.code == ExitCode.DONE
    assert "best regular um2" in said.out
    assert "5-bit adder on sky130, flow pinswap" in said.out
    assert re.search(r"proven front, all flows: \d+ netlists", said.out)
    assert f"run: {tmp_path}/run" in said.out
    lines = [line for line in said.out.splitlines() if not line.startswith("run: ")]
    assert max(map(len, lines)) <= 80
    assert "…" not in said.out


def test_a_folder_that_is_in_use_is_not_overwritten(edarl: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    said = edarl("search", *SMALL, "--run-dir", tmp_path)
    assert said.code == ExitCode.CANNOT
    assert "--resume" in said.err
    assert (tmp_path / "mine").read_text() == "precious"


def test_ctrl_c_keeps_what_was_found_and_the_run_can_go_on(
    edarl: Run, sky130: str, tmp_path: Path
) -> None:
    # The store gets the first 500 evaluations at once: in the middle of the second target.
    store, folder, budget = tmp_path / "edarl.db", tmp_path / "run", 800
    process = start_edarl("search", "--width", 8, "--delays", "800,1000", "--budget", budget,
                          "--seed", 5, "--store", store, "--run-dir", folder,
                          "--json")  # fmt: skip
    wait_until(lambda: evaluations(store) > 0, process)
    children = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert not alive(children)
    first = json.loads(out)
    assert first["stopped_by"] == "interrupted"
    assert 0 < first["calls"] < budget
    assert first["front"]
    library = load_library(sky130)
    with Store.open(store, read_only=True) as opened:
        kept = opened.front(Circuit("adder", 8), library.digest, library.constraint())
        (run,) = [run for run in opened.runs() if run.method != "structures"]
    assert {point.design.digest for point in kept} == {p["design"] for p in first["front"]}
    assert (run.status, run.calls) == ("interrupted", first["calls"])

    said = edarl("search", "--resume", folder, "--store", store, "--json")
    assert said.code == ExitCode.DONE
    assert said.json["stopped_by"] == "budget"
    assert said.json["calls"] == budget
    assert said.json["hypervolume"] >= first["hypervolume"]
    with Store.open(store, read_only=True) as opened:
        (run,) = [run for run in opened.runs() if run.method != "structures"]
    assert (run.status, run.calls) == ("finished", budget)


def test_an_interrupted_search_says_how_to_go_on(
    edarl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edarl.runs.execute import Run as ExecutedRun

    def interrupt(self: ExecutedRun, save: Callable[[], dict[str, object]]) -> None:
        if self.calls >= 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(ExecutedRun, "tick", interrupt)
    folder = tmp_path / "run"
    said = edarl("search", *SMALL, "--store", tmp_path / "s.db", "--run-dir", folder)
    assert said.code == ExitCode.INTERRUPTED
    assert f"edarl search --resume {folder}" in said.out


def test_a_search_survives_that_abc_is_killed_again_and_again(tmp_path: Path) -> None:
    store = tmp_path / "edarl.db"
    process = start_edarl("search", "--width", 8, "--budget", 900, "--store", store, "--run-dir",
                          tmp_path / "run", "--json")  # fmt: skip
    wait_until(lambda: evaluations(store) > 0, process)
    killed: set[int] = set()

    def kill_one_more() -> bool:
        for pid, name in descendants(process.pid).items():
            if name == "yosys-abc" and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        return len(killed) >= 3

    wait_until(kill_one_more, process)
    children = descendants(process.pid)
    out, err = process.communicate()
    assert process.returncode == ExitCode.DONE, err
    answer = json.loads(out)
    assert answer["calls"] == 900
    assert answer["failures"] <= 3  # each is tried once more before it counts as failed
    assert answer["front"]
    assert all(point["proven"] for point in answer["front"])
    assert not alive(children)
