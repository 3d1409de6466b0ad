"""``edarl runs``: what is listed and shown, and a live run in another process that is stopped."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edarl.cli.output import ExitCode
from edarl.runs.config import read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.results import RunProgress
from edarl.runs.status import Pulse, RunRecord, RunState
from tests.cli.conftest import Run
from tests.cli.processes import start_edarl, wait_until


def make_run(folder: Path, name: str, *, day: int, state: RunState | None = None) -> RunDirectory:
    """A run's folder as one leaves it that has made 120 of 400 calls."""
    config = read_config(method="agent", width=8, library="osu018", budget_calls=400, seed=3)
    directory = RunDirectory.create(config, folder / name)
    directory.write("manifest.json", {"started": f"2026-01-0{day}T10:00:00+00:00"})
    if state is not None:
        pulse = Pulse(directory)
        pulse.begin()
        pulse.beat(
            RunProgress(
                stage="search", done=120, total=400, cache_hits=0, failures=0,
                hypervolume=0.3125, front=7, best_saving=0.125, scalars={},
            ),
            120,
        )  # fmt: skip
        pulse.end(state)
    return directory


def test_runs_are_listed_newest_first(
    edarl: Run, tmp_path: Path, golden: Callable[[str, str], None]
) -> None:
    make_run(tmp_path, "one", day=1, state="finished")
    make_run(tmp_path, "two", day=2)
    make_run(tmp_path, "three", day=3, state="running")
    said = edarl("runs", "list", "--dir", tmp_path)
    assert said.code == ExitCode.DONE
    golden("runs_list.txt", said.out)
    listed = edarl("runs", "list", "--dir", tmp_path, "--json").json["runs"]
    assert [(row["name"], row["state"]) for row in listed] == [
        ("three", "running"),
        ("two", "unknown"),
        ("one", "finished"),
    ]
    assert (listed[0]["calls"], listed[0]["budget"], listed[0]["best_saving"]) == (120, 400, 0.125)


def test_an_empty_list_says_how_to_start_a_run(edarl: Run, tmp_path: Path) -> None:
    assert "no runs yet" in edarl("runs", "list", "--dir", tmp_path).out
    assert edarl("runs", "list", "--dir", tmp_path, "--json").json == {"runs": []}


def test_a_run_is_shown_with_processes_metrics_and_how_to_go_on(edarl: Run, tmp_path: Path) -> None:
    directory = make_run(tmp_path, "one", day=1, state="stopped")
    directory.report({"calls": 100, "agent/loss": 0.75})
    directory.report({"calls": 120, "agent/loss": 0.5, "best_saving": None})
    worker = {"number": 0, "life": 1, "pid": 4711, "host": "node2"}
    directory.write("ray.json", {"learner": {"pid": 42, "host": "node1"}, "workers": [worker]})
    said = edarl("runs", "show", "one", "--dir", tmp_path)
    assert said.code == ExitCode.DONE
    for text in (
        "one: stopped",
        "8-bit adder on osu018, method agent, flow pinswap, seed 3",
        "120 of 400 calls, saves +12.5 %; search 120/400",
        "learner: process 42 on node1",
        "worker 0: process 4711 on node2",
        "agent/loss     0.5",
        f"edarl train --resume {directory.path}",
    ):
        assert text in said.out
    shown = edarl("runs", "show", "last", "--dir", tmp_path, "--json").json
    assert shown["metrics"] == {"calls": 120, "agent/loss": 0.5, "best_saving": None}
    assert shown["config"]["seed"] == 3
    assert shown["ray"][1] == ["worker 0", worker]


def test_watching_a_run_that_died_ends_with_1(edarl: Run, tmp_path: Path) -> None:
    directory = make_run(tmp_path, "one", day=1, state="running")
    status = directory.read("status.json")
    status["process"]["pid"] = 2**22 + 1  # more than there can be
    directory.write("status.json", status)
    said = edarl("runs", "watch", "one", "--dir", tmp_path)
    assert (said.code, said.out) == (ExitCode.NO, "one: dead\n")


def test_a_run_that_is_over_cannot_be_stopped(edarl: Run, tmp_path: Path) -> None:
    make_run(tmp_path, "one", day=1, state="finished")
    said = edarl("runs", "stop", "one", "--dir", tmp_path)
    assert said.code == ExitCode.CANNOT
    assert "should be running to be stopped, actual state: finished" in said.err


def test_a_run_that_nobody_knows_is_named(edarl: Run, tmp_path: Path) -> None:
    said = edarl("runs", "show", "one", "--dir", tmp_path)
    assert said.code == ExitCode.CANNOT
    assert "there is no run 'one'" in said.err


@pytest.mark.parametrize("method", ["anneal"])
def test_a_live_run_is_watched_and_stopped_from_another_process(
    method: str, edarl: Run, osu018: str, tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "live"
    process = start_edarl(
        "search", "--method", method, "--width", 8, "--library", osu018, "--flow", "sized-quick",
        "--delays", "700,900", "--budget", 10_000_000, "--run-dir", folder, "--store",
        tmp_path / "edarl.db", "--json",
    )  # fmt: skip

    def searching() -> bool:
        return (folder / "status.json").exists() and RunRecord.read(folder).status.calls > 0

    wait_until(searching, process)
    place = ("--dir", tmp_path / "runs")
    (listed,) = edarl("runs", "list", *place, "--json").json["runs"]
    assert (listed["name"], listed["state"], listed["stage"]) == ("live", "running", "search")
    refused = edarl("search", "--resume", folder, "--store", tmp_path / "edarl.db")
    assert refused.code == ExitCode.CANNOT
    assert f"is being run by process {process.pid}" in refused.err
    assert edarl("runs", "stop", "live", *place).out == "asked live to stop\n"
    watched = edarl("runs", "watch", "live", *place)
    assert (watched.code, watched.out) == (ExitCode.DONE, "live: stopped\n")
    answer, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.DONE
    assert '"stopped_by": "asked"' in answer
