"""Trainings as jobs: watched by metrics, resumed from checked snapshots, their agents named."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.jobs.context import (
    JobContext,
    JobOutcome,
    finite,
    progress_values,
    stop_if_asked,
)
from edarl.runs.jobs.requests import TrainingRequest
from edarl.runs.jobs.snapshots import Snapshots
from edarl.runs.results import RunProgress
from edarl.store import Store

__all__ = ["train"]


def train(request: TrainingRequest, context: JobContext) -> JobOutcome:
    """Do a training; an attempt after the first goes on from the newest sound snapshot.

    Raises:
        JobCancelledError: It was to stop.
        EdarlError: As of `edarl.runs.execute.Run`.
    """
    folder = context.folder
    snapshots = Snapshots(folder)
    begun = (folder / "config.json").is_file()
    directory = RunDirectory.open(folder) if begun else RunDirectory.create(request.config, folder)
    if begun:
        restored = None if request.config.method == "ppo" else snapshots.restore()
        said = "begins anew" if restored is None else f"goes on from snapshot {restored.name}"
        context.on_event("log", {"message": f"the run {said}"})
        if restored is None:
            for left in ("state.json", "metrics.jsonl", "agent", "agent.previous", "model"):
                _discard(folder / left)
    told = _Metrics(folder / "metrics.jsonl", context)

    def on_progress(progress: RunProgress) -> None:
        snapshots.take()
        told.tell()
        context.on_progress(progress_values(progress))
        if progress.stage != "search":  # a search looks by itself, and saves before it stops
            stop_if_asked(context)

    run = Run(
        directory,
        store=context.store,
        on_progress=on_progress,
        should_stop=context.should_stop,
    )
    result = run.execute()
    stop_if_asked(context)
    told.tell()
    agent = _name_agent(request, folder, context.store)
    confirmed = [
        {
            "design": entry.design.digest,
            "area_um2": entry.point.area_um2,
            "delay_ps": entry.point.delay_ps,
            "flow": entry.point.flow,
            "netlist_sha256": entry.sha256,
        }
        for entry in result.confirmed
    ]
    return JobOutcome(
        "done",
        {
            "run": run.store_id,
            "agent": agent,
            "stopped_by": result.stopped_by,
            "calls": result.calls,
            "frame_calls": result.frame.calls,
            "cache_hits": result.cache_hits,
            "failures": result.failures,
            "hypervolume": finite(result.hypervolume),
            "gain": finite(result.gain),
            "best_saving": finite(run.best_saving()),
            "elapsed_s": round(result.elapsed_s, 3),
            "front": confirmed,
            "store_version": context.store.version(),
        },
    )


def _name_agent(request: TrainingRequest, folder: Path, store: Store) -> str | None:
    """Give the id of the agent that a run trained, under the name that was asked for."""
    manifest = folder / "agent" / "manifest.json"
    if not manifest.is_file():
        return None
    data = manifest.read_bytes()
    return store.record_agent(
        request.name or folder.name,
        path=manifest.parent.resolve(),
        sha256=hashlib.sha256(data).hexdigest(),
        manifest=json.loads(data),
    )


class _Metrics:
    """Tells of every new line of a run's metrics as an event.

    Args:
        path: The file; lines that are there already were told by an attempt before.
        context: Who is told.
    """

    def __init__(self, path: Path, context: JobContext) -> None:
        self._path = path
        self._context = context
        self._told = path.stat().st_size if path.is_file() else 0

    def tell(self) -> None:
        """Tell what is new."""
        if not self._path.is_file() or self._path.stat().st_size <= self._told:
            return
        with self._path.open("rb") as stream:
            stream.seek(self._told)
            new = stream.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._told += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    self._context.on_event("metrics", row)


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
