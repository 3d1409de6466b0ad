"""Doing a job: one function from a request to its outcome, in this process.

Whoever calls it holds the lease, watches over time and cancelling, and writes the outcome. What is
found on the way goes into the store at once; it is content-addressed, so that an attempt that was
given up harms nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edarl.runs.jobs.requests import (
    DesignRequest,
    LayoutRequest,
    RolloutRequest,
    TrainingRequest,
    parse_request,
)
from edarl.runs.results import RunProgress
from edarl.store import Store

if TYPE_CHECKING:
    from edarl.agents.shipped import TrainedAgent
    from edarl.runs.answer import Answer

__all__ = ["JobCancelledError", "JobContext", "JobOutcome", "execute_job"]

_Values = Mapping[str, Any]  # JSON values

_BEST = 8
"""How many of an agent's designs are named in the outcome of asking it."""


class JobCancelledError(KeyboardInterrupt):
    """The job was cancelled; what Ctrl-C does to a run is what should happen to this one."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job works with.

    Attributes:
        store: Where it reads and where its findings go.
        known: The known designs that come with edarl, open.
        folder: The job's own folder; what an attempt leaves there the next one finds.
        on_progress: Told how far it is, as JSON values.
        on_event: Told what happened: its type, and JSON values.
        should_stop: Asked again and again; True ends the job as cancelled.
    """

    store: Store
    known: Store
    folder: Path
    on_progress: Callable[[_Values], None]
    on_event: Callable[[str, _Values], None]
    should_stop: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended, and what came of it as JSON values."""

    status: Literal["done", "not_met"]
    result: dict[str, Any]  # JSON values


def execute_job(kind: str, request: _Values, context: JobContext) -> JobOutcome:
    """Do a job.

    Args:
        kind: A key of `edarl.runs.jobs.requests.REQUESTS`.
        request: The request as the queue keeps it.
        context: What it works with.

    Raises:
        JobCancelledError: It was to stop.
        ConfigError: The request is not usable.
        EdarlError: It could not be done.
    """
    parsed = parse_request(kind, request)
    if isinstance(parsed, DesignRequest):
        outcome = _design(parsed, context)
    elif isinstance(parsed, RolloutRequest):
        outcome = _rollout(parsed, context)
    elif isinstance(parsed, TrainingRequest):
        outcome = _training(parsed, context)
    else:
        outcome = _layout(parsed, context)
    if context.should_stop():
        raise JobCancelledError
    return outcome


# ---------------------------------------------------------------- designs


def _design(request: DesignRequest, context: JobContext) -> JobOutcome:
    from edarl.runs.answer import find_design

    def on_progress(progress: RunProgress) -> None:
        _stop_if_asked(context)
        context.on_progress(_progress(progress))

    extra: dict[str, Any] = {}
    if request.weight is not None:
        from edarl.runs.jobs.weighing import find_balanced

        answer, balance = find_balanced(
            request,
            store=context.store,
            known=context.known,
            on_progress=on_progress,
            should_stop=context.should_stop,
        )
        extra["balance"] = {**asdict(balance), "value": balance.of(answer.confirmed.point)}
    else:
        answer = find_design(
            request.problem(),
            request.library,
            request.max_delay_ps,
            effort=request.effort,
            driver_cell=request.driver_cell,
            load_ff=request.load_ff,
            seed=request.seed,
            store=context.store,
            known=context.known,
            with_agents=True,
            on_progress=on_progress,
            should_stop=context.should_stop,
        )
    _stop_if_asked(context)
    _note_effort(request, answer, context.store)
    return JobOutcome(
        "done" if answer.met else "not_met",
        {
            "design_id": answer.design_id if answer.met else None,
            "fastest_id": None if answer.met else answer.design_id,
            "met": answer.met,
            "store_version": context.store.version(),
            "effort": request.effort,
            "max_delay_ps": request.max_delay_ps,
            "weight": request.weight,
            **_figures(answer),
            **extra,
        },
    )


def _figures(answer: Answer) -> dict[str, Any]:
    confirmed = answer.confirmed
    return {
        "design": confirmed.design.digest,
        "area_um2": confirmed.point.area_um2,
        "delay_ps": confirmed.point.delay_ps,
        "sta_delay_ps": confirmed.sta_delay_ps,
        "flow": confirmed.point.flow,
        "p_mode": confirmed.design.p_mode,
        "found_by": answer.found_by,
        "regular_area_um2": answer.regular_area_um2,
        "calls": answer.calls,
        "netlist_sha256": confirmed.sha256,
        "structural_sha256": answer.structural_proof.sha256,
        "proven": confirmed.proof.proven and answer.structural_proof.proven,
    }


def _note_effort(request: DesignRequest, answer: Answer, store: Store) -> None:
    """Remember how hard was searched at this delay, so that nobody does it again."""
    from edarl.store.lookup import note_searched

    note_searched(
        store,
        request.problem(),
        answer.confirmed.proof.library or "",
        answer.constraint,
        max_delay_ps=request.max_delay_ps,
        weight=request.weight,
        effort=request.effort,
    )


# ---------------------------------------------------------------- agents


def _rollout(request: RolloutRequest, context: JobContext) -> JobOutcome:
    from edarl.runs.rollouts import RolloutConfig, record, roll_out
    from edarl.synthesis.library import DEFAULT_LIBRARY

    config = RolloutConfig(**request.model_dump(exclude={"agent"}))
    if config.library == "default":  # it would be another one in another release
        config = config.model_copy(update={"library": DEFAULT_LIBRARY})
    agent = _trained(request.agent, context.store)

    def on_progress(progress: RunProgress) -> None:
        _stop_if_asked(context)
        context.on_progress(_progress(progress))

    found = roll_out(agent, config, on_progress=on_progress, should_stop=context.should_stop)
    _stop_if_asked(context)
    record(found, agent, context.store)
    best = [(each, each.figures(config.max_delay_ps)) for each in found.best(_BEST)]
    met = bool(best) and best[0][1][2]
    return JobOutcome(
        "done" if met else "not_met",
        {
            "agent": agent.name,
            "met": met,
            "regular_area_um2": found.regular_area_um2,
            "visited": len(found.visited),
            "calls": found.calls,
            "setup_calls": found.setup_calls,
            "cache_hits": found.cache_hits,
            "stopped_by": found.stopped_by,
            "notes": list(found.notes),
            "best": [
                {
                    "design": each.design.digest,
                    "graph": each.design.graph.text,
                    "p_mode": each.design.p_mode,
                    "found_by": each.found_by,
                    "area_um2": area,
                    "delay_ps": delay,
                    "met": meets,
                }
                for each, (area, delay, meets) in best
            ],
            "store_version": context.store.version(),
        },
    )


def _trained(name: str, store: Store) -> TrainedAgent:
    """Give an agent: a shipped one, one that a job trained, or one of a run of this machine."""
    from edarl.agents.shipped import load_trained, shipped
    from edarl.runs.agents import find_agent

    if name not in shipped():
        for record in reversed(store.agents()):
            if name in (record.id, record.name):
                return load_trained(Path(record.path), record.name)
    return find_agent(name)


# ---------------------------------------------------------------- training


def _training(request: TrainingRequest, context: JobContext) -> JobOutcome:
    from edarl.runs.directory import RunDirectory
    from edarl.runs.execute import Run
    from edarl.runs.jobs.snapshots import Snapshots

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
        context.on_progress(_progress(progress))
        if progress.stage != "search":  # a search looks by itself, and saves before it stops
            _stop_if_asked(context)

    run = Run(
        directory,
        store=context.store,
        on_progress=on_progress,
        should_stop=context.should_stop,
    )
    result = run.execute()
    _stop_if_asked(context)
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
            "hypervolume": _finite(result.hypervolume),
            "gain": _finite(result.gain),
            "best_saving": _finite(run.best_saving()),
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


# ---------------------------------------------------------------- cells


def _layout(request: LayoutRequest, context: JobContext) -> JobOutcome:
    from importlib import resources

    from edarl.layout import load_technology, parse_cells
    from edarl.layout.gds import write_gds
    from edarl.layout.lef import lef_text
    from edarl.layout.picture import svg_text
    from edarl.runs.cells import LayoutOptions, lay_out

    text = resources.files("edarl.layout").joinpath("cells", "basic.cdl").read_text()
    cell = parse_cells(text, "basic")[request.cell]
    technology = load_technology(request.technology)

    def tell(what: str) -> None:
        _stop_if_asked(context)
        context.on_progress({"stage": what})

    found = lay_out(
        cell,
        technology,
        LayoutOptions(
            method=request.method,
            seed=request.seed,
            evaluations=request.evaluations,
            limit_s=request.time_limit_s,
            tries=request.tries,
            wider=request.wider,
        ),
        on_progress=tell,
    )
    _stop_if_asked(context)
    placement = found.placement
    assert technology.deck is not None  # what was checked has a deck
    with tempfile.TemporaryDirectory(prefix="edarl-cell-") as scratch:
        gds = Path(scratch) / f"{cell.name}.gds"
        write_gds(gds, cell.name, found.shapes, found.labels, technology.deck)
        drawn = base64.b64encode(gds.read_bytes()).decode()
    marks = [(v.rule, v.left_nm, v.bottom_nm, v.right_nm, v.top_nm) for v in found.violations]
    title = f"{cell.name}, {placement.width_cpp} CPP, {technology.name}"
    return JobOutcome(
        "done" if found.is_clean else "not_met",
        {
            "cell": cell.name,
            "technology": technology.name,
            "method": request.method,
            "clean": found.is_clean,
            "width_cpp": placement.width_cpp,
            "bound_cpp": found.bound_cpp,
            "proved": placement.width_cpp == found.bound_cpp,
            "wire_length_nm": found.wire_length_nm,
            "drc_violations": [
                {"rule": v.rule, "box_nm": [v.left_nm, v.bottom_nm, v.right_nm, v.top_nm]}
                for v in found.violations
            ],
            "lvs": found.lvs,
            "tries": found.tries,
            "elapsed_s": round(found.elapsed_s, 2),
            "files": {
                f"{cell.name}.lef": lef_text(cell, found.shapes),
                f"{cell.name}.sp": cell.spice(),
                f"{cell.name}.svg": svg_text(title, found.shapes, found.labels, marks),
            },
            "gds_base64": drawn,
        },
    )


# ---------------------------------------------------------------- all


def _stop_if_asked(context: JobContext) -> None:
    if context.should_stop():
        raise JobCancelledError


def _progress(progress: RunProgress) -> dict[str, Any]:
    """Give progress as JSON values; what is not a number is None."""
    values = asdict(progress)
    values["hypervolume"] = _finite(progress.hypervolume)
    values["best_saving"] = _finite(progress.best_saving)
    values["scalars"] = {name: _finite(value) for name, value in progress.scalars.items()}
    return values


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
