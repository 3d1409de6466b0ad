"""``edarl runs``: list runs, show one, watch one, stop one, from any process."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.common import (
    Json,
    RunProgressBar,
    circuit_title,
    console,
    library_title,
)
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import CheckpointError

if TYPE_CHECKING:
    from edarl.runs.status import RunRecord

__all__ = ["app", "list_", "record_document", "show", "stop", "watch"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Runs: list, show, watch, stop.")

RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's name or the beginning of it, its folder, or last: the newest."
    ),
]
Folder = Annotated[
    Path | None, typer.Option("--dir", help="Folder of runs; by default `runs` in edarl's home.")
]

_LOOK_S = 0.5
"""Seconds between two looks at a run that is watched."""


@app.command("list")
def list_(*, directory: Folder = None, as_json: Json = False) -> None:
    """List runs, newest first: what they search for, whether they run, how far they are."""
    from edarl.runs.status import find_runs

    found = find_runs(directory)
    if as_json:
        print_json({"runs": [record_document(record) for record in found]})
        return
    if not found:
        console().print("no runs yet; `edarl train` and `edarl search` start some")
        return
    print_table(
        console(),
        "runs, newest first",
        (
            Column("run", is_number=False),
            Column("state", is_number=False),
            Column("calls"),
            Column("saves", gives_way=1),
            Column("started", is_number=False, gives_way=2),
        ),
        [
            (
                record.name,
                record.status.state,
                f"{record.status.calls}/{record.config.budget_calls}",
                _saving(record.status.best_saving),
                record.started[:16].replace("T", " "),
            )
            for record in found
        ],
    )


@app.command()
def show(run: RunName, *, directory: Folder = None, as_json: Json = False) -> None:
    """Show one run: settings, state, newest metrics, processes."""
    from edarl.runs.status import find_run

    record = find_run(run, directory)
    document = {
        **record_document(record),
        "config": record.config.model_dump(mode="json"),
        "metrics": _newest_metrics(record),
        "ray": _ray_processes(record),
    }
    if as_json:
        print_json(document)
        return
    shown, config, status = console(), record.config, record.status
    shown.print(f"[bold]{record.name}[/]: {status.state}", soft_wrap=True)
    shown.print(
        f"{circuit_title(config.problem())} on {library_title(config.library)}, "
        f"method {config.method}, flow {config.flow}, seed {config.seed}"
    )
    shown.print(
        f"{status.calls} of {config.budget_calls} calls, saves {_saving(status.best_saving)}; "
        f"{status.stage} {status.done}/{status.total}"
    )
    if status.process is not None:
        seen = datetime.fromtimestamp(status.updated, UTC).isoformat(" ", "seconds")
        shown.print(
            f"process {status.process.get('pid')} on {status.process.get('host')}, seen {seen}"
        )
    for role, process in document["ray"]:
        shown.print(f"  {role}: process {process.get('pid')} on {process.get('host')}")
    if document["metrics"]:
        shown.print()
        print_table(
            shown,
            "newest metrics",
            (Column("name", is_number=False), Column("value")),
            [(name, _figure(value)) for name, value in document["metrics"].items()],
        )
    shown.print(f"run: {record.path}", markup=False, soft_wrap=True)
    if not status.is_live and status.state not in ("finished", "unknown"):
        verb = "train" if config.method in ("agent", "ppo") else "search"
        shown.print("go on with", markup=False)
        shown.print(f"  edarl {verb} --resume {record.path}", markup=False, soft_wrap=True)


@app.command()
def watch(run: RunName, *, directory: Folder = None) -> None:
    """Watch a run until it ends; Ctrl-C ends the watching, not the run.

    Exit code 1 when the run failed or died.
    """
    from edarl.runs.results import RunProgress
    from edarl.runs.status import find_run

    record = find_run(run, directory)
    with RunProgressBar(record.config.method) as bar:
        while True:
            status = record.status
            bar(
                RunProgress(
                    stage=status.stage,
                    done=status.done,
                    total=status.total,
                    cache_hits=0,
                    failures=0,
                    hypervolume=status.hypervolume,
                    front=status.front,
                    best_saving=status.best_saving,
                    scalars={},
                )
            )
            if not status.is_live:
                break
            time.sleep(_LOOK_S)
            record = type(record).read(record.path)
    console().print(f"{record.name}: {status.state}", markup=False, soft_wrap=True)
    if status.state in ("failed", "dead"):
        raise typer.Exit(ExitCode.NO)


@app.command()
def stop(run: RunName, *, directory: Folder = None, as_json: Json = False) -> None:
    """Ask a run to end: it keeps, confirms and stores what it found, and can be resumed."""
    from edarl.runs.status import find_run, request_stop

    record = find_run(run, directory)
    request_stop(record)
    if as_json:
        print_json({"run": str(record.path), "asked": True})
    else:
        console().print(f"asked {record.name} to stop", markup=False, soft_wrap=True)


def record_document(record: RunRecord) -> dict[str, Any]:
    """Give what is known of a run as JSON values."""
    config, status = record.config, record.status
    return {
        "name": record.name,
        "run": str(record.path),
        "started": record.started,
        "method": config.method,
        "circuit": config.circuit,
        "width": config.width,
        "library": library_title(config.library),
        "flow": config.flow,
        "seed": config.seed,
        "budget": config.budget_calls,
        "state": status.state,
        "stage": status.stage,
        "done": status.done,
        "total": status.total,
        "calls": status.calls,
        "front": status.front,
        "hypervolume": status.hypervolume,
        "best_saving": status.best_saving,
    }


def _newest_metrics(record: RunRecord) -> dict[str, Any]:
    try:
        lines = (record.path / "metrics.jsonl").read_text().splitlines()
        newest = json.loads(lines[-1])
    except (OSError, IndexError, ValueError):  # none yet, or the last line is half written
        return {}
    return newest if isinstance(newest, dict) else {}


def _ray_processes(record: RunRecord) -> list[tuple[str, dict[str, Any]]]:
    from edarl.runs.directory import RunDirectory

    try:
        saved = RunDirectory(record.path).read("ray.json")
    except CheckpointError:  # it does not run on Ray
        return []
    workers = [(f"worker {each.get('number')}", each) for each in saved.get("workers", [])]
    return [("learner", saved.get("learner", {})), *workers]


def _saving(saving: float | None) -> str:
    return "-" if saving is None else f"{100 * saving:+.1f} %"


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)
