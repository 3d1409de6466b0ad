"""Where runs stand, as other processes see it; stopping them; figures for TensorBoard."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from edarl.errors import CheckpointError, ConfigError
from edarl.runs.board import BoardWriter
from edarl.runs.config import read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunProgress
from edarl.runs.status import Pulse, RunRecord, find_run, find_runs, request_stop


def directory_at(path: Path, **others: Any) -> RunDirectory:
    settings = {"width": 8, "library": "osu018", "targets_ps": (700.0, 900.0), "confirm": False}
    return RunDirectory.create(read_config(**{**settings, **others}), path)


def progress(stage: str = "search", done: int = 3) -> RunProgress:
    return RunProgress(
        stage=stage,
        done=done,
        total=10,
        cache_hits=0,
        failures=0,
        hypervolume=0.25,
        front=2,
        best_saving=0.1,
        scalars={},
    )


def test_a_run_tells_where_it_stands_and_how_it_ended(tmp_path: Path) -> None:
    directory = directory_at(tmp_path / "run")
    assert RunRecord.read(directory.path).status.state == "unknown"
    pulse = Pulse(directory)
    pulse.begin()
    pulse.beat(progress(), 3)
    pulse.beat(progress(done=4), 4)  # too soon to be told
    pulse.beat(progress("confirm", done=5), 4)
    status = RunRecord.read(directory.path).status
    assert (status.state, status.stage, status.done, status.calls) == ("running", "confirm", 5, 4)
    assert (status.hypervolume, status.front, status.best_saving) == (0.25, 2, 0.1)
    pulse.end("finished")
    assert RunRecord.read(directory.path).status.state == "finished"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
def test_a_run_whose_process_is_gone_is_dead_and_may_be_taken_up(tmp_path: Path) -> None:
    directory = directory_at(tmp_path / "run")
    Pulse(directory).begin()
    status = directory.read("status.json")
    status["process"]["begun"] = "1"  # another process had this number before
    directory.write("status.json", status)
    assert RunRecord.read(directory.path).status.state == "dead"
    Pulse(directory).begin()
    assert RunRecord.read(directory.path).status.state == "running"


@pytest.mark.skipif(not Path("/proc/1/stat").exists(), reason="needs /proc to see processes")
def test_two_processes_do_not_run_the_same_folder(tmp_path: Path) -> None:
    from edarl.runs import status as module

    directory = directory_at(tmp_path / "run")
    Pulse(directory).begin()
    status = directory.read("status.json")
    status["process"] = module._process(os.getppid())
    directory.write("status.json", status)
    with pytest.raises(ConfigError, match=f"is being run by process {os.getppid()}"):
        Pulse(directory).begin()


def test_a_run_on_another_machine_counts_as_live_for_a_while(tmp_path: Path) -> None:
    directory = directory_at(tmp_path / "run")
    Pulse(directory).begin()
    status = directory.read("status.json")
    status["process"]["host"] = "elsewhere"
    directory.write("status.json", status)
    assert RunRecord.read(directory.path).status.state == "running"
    directory.write("status.json", {**status, "updated": 0.0})
    assert RunRecord.read(directory.path).status.state == "dead"


@pytest.mark.parametrize(("method", "budget"), [("anneal", 500), ("agent", 60)])
def test_a_run_that_is_asked_to_stop_ends_at_the_next_step(
    method: str, budget: int, osu018: str, tmp_path: Path
) -> None:
    if method == "agent":
        pytest.importorskip("torch", reason="needs the extra `agents`")
    directory = directory_at(
        tmp_path / "run", method=method, budget_calls=budget, flow="sized-quick"
    )
    asked: list[int] = []

    def ask(progress: RunProgress) -> None:
        if progress.stage == "search" and progress.done and not asked:
            request_stop(RunRecord.read(directory.path))
            asked.append(progress.done)

    result = Run(directory, on_progress=ask).execute()
    assert result.stopped_by == "asked"
    assert asked[0] <= result.calls <= asked[0] + 1
    assert RunRecord.read(directory.path).status.state == "stopped"
    assert not directory.has("stop")
    again = Run(RunDirectory.open(directory.path)).execute()
    assert (again.stopped_by, again.calls) == ("budget", budget)


def test_only_a_live_run_can_be_stopped(tmp_path: Path) -> None:
    directory_at(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"run should be running .* actual state: unknown"):
        request_stop(RunRecord.read(tmp_path / "run"))


def test_a_run_that_fails_says_so(tmp_path: Path) -> None:
    directory = directory_at(tmp_path / "run", library="sky130")
    (directory.path / "frame.json").write_text("{}")
    with pytest.raises(CheckpointError):
        Run(directory).execute()
    assert RunRecord.read(directory.path).status.state == "failed"


def test_runs_are_found_by_name_beginning_path_and_as_the_last_one(tmp_path: Path) -> None:
    for name, day in (("b-first", 1), ("a-second", 2), ("b-third", 3)):
        directory = directory_at(tmp_path / name)
        directory.write("manifest.json", {"started": f"2026-01-0{day}"})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text("no JSON")
    assert [record.name for record in find_runs(tmp_path)] == ["b-third", "a-second", "b-first"]
    assert find_runs(tmp_path / "nowhere") == []
    assert find_run("last", tmp_path).name == "b-third"
    assert find_run("a-", tmp_path).name == "a-second"
    assert find_run("b-first", tmp_path).name == "b-first"
    assert find_run(str(tmp_path / "b-third")).name == "b-third"
    with pytest.raises(ConfigError, match="'b-' should mean one run, actual: b-third, b-first"):
        find_run("b-", tmp_path)
    with pytest.raises(ConfigError, match="there is no run 'c'"):
        find_run("c", tmp_path)


def test_figures_go_to_tensorboard_over_calls(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra `agents`")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util import tensor_util

    writer = BoardWriter(tmp_path / "tensorboard")
    writer.write(10, {"front": 3, "agent/loss": 0.5, "best_saving": None, "text": "x"})
    writer.write(20, {"front": 4, "agent/loss": float("nan")})
    writer.close()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    shown = {
        tag: [
            (event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
            for event in board.Tensors(tag)
        ]
        for tag in board.Tags()["tensors"]
    }
    assert shown == {"run/front": [(10, 3.0), (20, 4.0)], "agent/loss": [(10, 0.5)]}


def test_without_tensorboard_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    writer = BoardWriter(tmp_path / "tensorboard")
    writer.write(1, {"front": 3})
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_training_keeps_metrics_in_both_forms(osu018: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `agents`")
    pytest.importorskip("tensorboard", reason="needs the extra `agents`")
    directory = directory_at(tmp_path / "run", method="agent", budget_calls=8, flow="sized-quick")
    Run(directory).execute()
    (line,) = (directory.path / "metrics.jsonl").read_text().splitlines()[-1:]
    assert json.loads(line)["calls"] == 8
    assert list((directory.path / "tensorboard").iterdir())
