"""A run that is killed and continued ends like one that was never disturbed."""

import subprocess
import sys
from pathlib import Path

import pytest

from edarl.errors import CheckpointError
from edarl.runs.config import RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.results import RunResult
from edarl.synthesis.library import add_library
from tests.cli.processes import alive, descendants, wait_until
from tests.synthesis.timing.support import small_library

EXECUTE = """
import sys
from pathlib import Path
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
Run(RunDirectory.open(Path(sys.argv[1]))).execute()
"""


def settings(method: str) -> RunConfig:
    return read_config(
        method=method,
        width=8,
        library="sky130",
        targets_ps=(700.0, 900.0),
        budget_calls=300,
        seed=11,
        confirm=False,
        checkpoint_s=0.02,
    )


def found(result: RunResult) -> list[tuple[str, object, int]]:
    return [(entry.design.digest, entry.point, entry.calls) for entry in result.front]


@pytest.mark.parametrize("method", ["anneal", "evolve"])
def test_a_killed_run_goes_on_to_the_same_front(method: str, tmp_path: Path) -> None:
    config = settings(method)
    undisturbed = Run(RunDirectory.create(config, tmp_path / "undisturbed")).execute()
    directory = RunDirectory.create(config, tmp_path / "killed")
    metrics = directory.path / "metrics.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", EXECUTE, str(directory.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") >= 2, process)
    children = descendants(process.pid)
    process.kill()
    process.communicate()
    assert not alive(children)
    half_way = directory.read("state.json")["calls"]
    assert 0 < half_way < config.budget_calls

    resumed = Run(RunDirectory.open(directory.path)).execute()
    assert found(resumed) == found(undisturbed)
    assert resumed.calls == undisturbed.calls == config.budget_calls
    assert resumed.hypervolume == undisturbed.hypervolume


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    config = settings("random").model_copy(update={"budget_calls": 40})
    first = Run(RunDirectory.create(config, tmp_path / "run")).execute()
    again = Run(RunDirectory.open(tmp_path / "run")).execute()
    assert found(again) == found(first)
    assert again.calls == first.calls


def test_a_run_goes_on_in_the_library_it_began_with_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "small.lib").write_text(small_library())
    add_library("before", [tmp_path / "small.lib"])
    config = settings("random").model_copy(
        update={"budget_calls": 10, "library": "before", "targets_ps": (200.0,)}
    )
    directory = RunDirectory.create(config, tmp_path / "run")
    first = Run(directory).execute()
    # As a run without --library looks after an edarl with another default has come.
    directory.write("config.json", config.model_dump(mode="json") | {"library": "default"})
    with pytest.raises(CheckpointError, match=r"began with another library .* `default` is now"):
        Run(RunDirectory.open(directory.path)).execute()
    directory.write("config.json", config.model_dump(mode="json"))
    assert found(Run(RunDirectory.open(directory.path)).execute()) == found(first)


def test_a_new_run_notes_which_library_the_default_is(tmp_path: Path) -> None:
    config = settings("random").model_copy(update={"library": "default"})
    assert RunDirectory.create(config, tmp_path / "run").config().library == "sky130"
