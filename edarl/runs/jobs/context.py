"""What a job works with, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edarl.runs.results import RunProgress
from edarl.store import Store

__all__ = [
    "JobCancelledError",
    "JobContext",
    "JobOutcome",
    "finite",
    "progress_values",
    "stop_if_asked",
]

_Values = Mapping[str, Any]  # JSON values


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


def stop_if_asked(context: JobContext) -> None:
    """End the job where that is asked for.

    Raises:
        JobCancelledError: It is.
    """
    if context.should_stop():
        raise JobCancelledError


def progress_values(progress: RunProgress) -> dict[str, Any]:
    """Give progress as JSON values; what is not a number is None."""
    values = asdict(progress)
    values["hypervolume"] = finite(progress.hypervolume)
    values["best_saving"] = finite(progress.best_saving)
    values["scalars"] = {name: finite(value) for name, value in progress.scalars.items()}
    return values


def finite(value: float | None) -> float | None:
    """Give a number that JSON has; None of any other."""
    return value if value is not None and math.isfinite(value) else None
