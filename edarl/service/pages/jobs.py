"""What the pages about jobs show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from pydantic import ValidationError

from edarl.service.pages.curves import LearningCurve, learning_curve
from edarl.service.pages.rendering import percent
from edarl.service.schemas import CurvePoint, JobDocument, iso_time
from edarl.store.jobs import FINAL, JobEvent, JobStatus

__all__ = [
    "EventRow",
    "JobRow",
    "JobView",
    "JobsView",
    "Outcome",
    "asked_for",
    "job_view",
    "jobs_view",
    "said",
    "told",
]

_WORDS = {
    "design_id": "design",
    "fastest_id": "fastest design",
    "max_delay_ps": "at most [ps]",
    "load_ff": "output load [fF]",
    "driver_cell": "input driver",
    "width": "width [bit]",
    "delay_ps": "delay [ps]",
    "area_um2": "area [µm²]",
}
_MOST_VALUES = 24
_FOLLOWED = ("calls", "front", "hypervolume", "best_saving")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in the list."""

    id: str
    kind: str
    status: str
    asked: str
    progress_text: str
    created: str
    took: str


@dataclass(frozen=True, slots=True)
class JobsView:
    """Everything on the list of jobs."""

    jobs: Sequence[JobRow]
    filters: Sequence[tuple[str, str]]
    status: str
    next: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job, and where to go from there."""

    kind: str
    text: str
    href: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """A line of the log."""

    seq: int
    at: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class JobView:
    """Everything on a job's page."""

    id: str
    title: str
    status: str
    note: str
    is_live: bool
    outcome: Outcome | None
    progress_text: str
    fraction: float | None
    curve: LearningCurve | None
    events: Sequence[EventRow]
    request: Sequence[tuple[str, str]]
    course: Sequence[tuple[str, str]]


def jobs_view(
    jobs: Sequence[JobDocument],
    *,
    status: str | None,
    following: str | None,
) -> JobsView:
    """Lay out the list of jobs.

    Args:
        jobs: A page of them, newest first.
        status: Which are shown; None for all.
        following: Cursor of the next page, or None.
    """
    known = ["all", *get_args(JobStatus)]
    here = f"status={status}&" if status else ""
    return JobsView(
        jobs=[
            JobRow(
                job.id,
                job.kind,
                job.status,
                asked_for(job),
                said(job.progress or {}) if job.status not in FINAL else "",
                job.created,
                _took(job),
            )
            for job in jobs
        ],
        filters=[(name, "/jobs" if name == "all" else f"/jobs?status={name}") for name in known],
        status=status or "all",
        next=f"/jobs?{here}cursor={following}" if following else None,
    )


def job_view(job: JobDocument, events: Sequence[JobEvent]) -> JobView:
    """Lay out a job's page.

    Args:
        job: The job's document.
        events: What happened to it.
    """
    is_live = job.status not in FINAL
    progress = job.progress or {}
    return JobView(
        id=job.id,
        title=f"{job.kind.capitalize()}: {asked_for(job)}",
        status=job.status,
        note="Cancel requested; it takes effect within seconds."
        if is_live and job.cancel_requested
        else "",
        is_live=is_live,
        outcome=None if is_live else _outcome(job),
        progress_text=said(progress),
        fraction=_fraction(progress),
        curve=learning_curve([point for event in events if (point := _curve_point(event))]),
        events=[
            EventRow(event.seq, iso_time(event.at_s) or "", event.type, told(event))
            for event in events
        ],
        request=_listed(job.request),
        course=[
            (name, value)
            for name, value in (
                ("Created", _second(job.created)),
                ("Started", _second(job.started)),
                ("Ended", _second(job.ended)),
                ("Took [s]", _took(job)),
                ("Attempt", str(job.attempt) if job.attempt else ""),
                ("Work", f"{job.work:.0f} n·log2 n" if job.work else ""),
            )
            if value
        ],
    )


def asked_for(job: JobDocument) -> str:
    """Say in a few words what a job was asked for."""
    request = job.request
    if job.kind == "layout":
        return f"cell {request.get('cell')} in {request.get('technology')}"
    if job.kind == "training":
        return str(request.get("name") or "a new agent")
    width, kind = request.get("width"), str(request.get("circuit") or "adder").replace("_", " ")
    circuit = f"{width}-bit {kind}" + (" with carry-in" if request.get("carry_in") else "")
    if job.kind == "rollout":
        return f"{circuit} by {request.get('agent')}"
    if request.get("max_delay_ps") is not None:
        wish = f"at most {_shown(request['max_delay_ps'])} ps"
    elif request.get("weight") is not None:
        wish = f"area weighs {_shown(request['weight'])}"
    else:
        wish = "the smallest"
    return f"{circuit} in {request.get('library')}, {wish}"


def said(data: Mapping[str, Any]) -> str:
    """Write what is known of an event or of progress on one line."""
    for name in ("text", "message", "detail"):
        if isinstance(data.get(name), str):
            return str(data[name])
    rest = {name: value for name, value in data.items() if name != "scalars"}
    zeros = [name for name in rest if rest[name] == 0 and name not in ("done", "total")]
    for name in zeros:  # progress counts much that stays zero in most jobs
        del rest[name]
    parts = []
    if "done" in rest and "total" in rest:
        stage = f"{rest.pop('stage')}: " if rest.get("stage") else ""
        parts.append(f"{stage}{_shown(rest.pop('done'))} of {_shown(rest.pop('total'))}")
    parts += [f"{name.lower()} {value}" for name, value in _listed(rest)]
    return ", ".join(parts)


def told(event: JobEvent) -> str:
    """Write an event on one line; of a training's many figures those that people follow."""
    if event.type == "metrics":
        return said({name: event.data.get(name) for name in _FOLLOWED})
    return said(event.data)


def _curve_point(event: JobEvent) -> CurvePoint | None:
    if event.type != "metrics" or not isinstance(event.data.get("calls"), int):
        return None
    figures = {name: event.data.get(name) for name in ("calls", "hypervolume", "best_saving")}
    with suppress(ValidationError):
        return CurvePoint.model_validate(figures)
    return None


def _listed(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List plain values with readable names; nothing known is left out."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            prefix = "" if name == "config" else f"{name} "
            flat |= {f"{prefix}{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    flat = {name: value for name, value in flat.items() if not isinstance(value, Mapping)}
    words = [
        (_WORDS.get(name, name.replace("_", " ")).capitalize(), _shown(value))
        for name, value in flat.items()
        if value is not None and value != []
    ]
    return words[:_MOST_VALUES]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    return str(value)


def _fraction(progress: Mapping[str, Any]) -> float | None:
    done, total = progress.get("done"), progress.get("total")
    if isinstance(done, int | float) and isinstance(total, int | float) and total > 0:
        return min(1.0, done / total)
    return None


def _outcome(job: JobDocument) -> Outcome | None:
    result = job.result or {}
    design = result.get("design_id") or result.get("fastest_id")
    href, link = (f"/designs/{design}", "Open it") if design else ("", "")
    if job.status == "failed":
        problem = job.error or {}
        return Outcome("bad", str(problem.get("detail") or problem.get("title") or "It failed."))
    if job.status == "cancelled":
        return Outcome("", "It was cancelled; what had been found until then is in the store.")
    delay_ps, area_um2 = result.get("delay_ps"), result.get("area_um2")
    figures = ""
    if isinstance(delay_ps, int | float) and isinstance(area_um2, int | float):
        figures = f": {delay_ps:.1f} ps, {area_um2:.1f} µm²"
    if job.status == "not_met":
        text = f"No design met the delay. The fastest one that was found is stored{figures}."
        return Outcome("bad", text, href, link)
    if job.kind == "training":
        return _trained(result)
    text = f"Found, proven and stored{figures}." if design else "Done."
    return Outcome("ok", text, href, link)


def _trained(result: Mapping[str, Any]) -> Outcome:
    text = f"Trained with {_shown(result.get('calls', 0))} evaluation calls"
    if isinstance(result.get("best_saving"), float):
        text += f"; best saving {percent(result['best_saving'])} %"
    found = result.get("front")
    if isinstance(found, list):
        text += f"; {len(found)} designs proven and stored"
    agent = result.get("agent")
    if agent:
        return Outcome("ok", f"{text}.", f"/agents/{agent}", "See the agent")
    return Outcome("ok", f"{text}.")


def _took(job: JobDocument) -> str:
    if not job.started or not job.ended:
        return ""
    took = datetime.fromisoformat(job.ended) - datetime.fromisoformat(job.started)
    return f"{took.total_seconds():.1f}"


def _second(text: str | None) -> str:
    return text[:19].replace("T", " ") + " UTC" if text else ""
