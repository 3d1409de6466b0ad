"""What a run reports while it runs, and what it found at the end."""

from __future__ import annotations

from dataclasses import dataclass

from edarl.objectives.frame import Frame
from edarl.runs.archive import Found
from edarl.runs.config import RunConfig
from edarl.synthesis.confirm import Confirmed

__all__ = ["RunProgress", "RunResult"]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Where a run stands, for progress bars and metrics.

    Attributes:
        stage: ``frame``, ``search`` or ``confirm``.
        done: Calls made so far in ``search``; designs handled in ``confirm``.
        total: How many there will be.
        cache_hits: Points answered from a cache so far.
        failures: Designs that could not be evaluated so far.
        hypervolume: Share of the frame's box that the front dominates.
        front: Points on the front.
        best_saving: Largest saving against the regular structures at any target, as a share; None
            while nothing meets a target that a regular structure meets.
        scalars: Figures of a learning method by name.
    """

    stage: str
    done: int
    total: int
    cache_hits: int
    failures: int
    hypervolume: float
    front: int
    best_saving: float | None
    scalars: dict[str, float]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run found.

    Attributes:
        config: Its settings.
        frame: Its targets and the regular structures' figures.
        front: The front of the search, by rising delay.
        confirmed: The emitted, timed and proven netlists of the front, by rising delay.
        stopped_by: Why the search ended.
        calls: Evaluation calls of the search; the frame's own are ``frame.calls``.
        cache_hits: Points answered from a cache.
        failures: Designs that could not be evaluated.
        hypervolume: Share of the frame's box that the search's front dominates.
        gain: Hypervolume won over the regular structures, as a share of what was left to win.
        elapsed_s: Wall-clock seconds of the search.
        earlier_calls: Evaluation calls of earlier runs in the store that a model learnt from first;
            they are not among ``calls``.
    """

    config: RunConfig
    frame: Frame
    front: tuple[Found, ...]
    confirmed: tuple[Confirmed, ...]
    stopped_by: str
    calls: int
    cache_hits: int
    failures: int
    hypervolume: float
    gain: float | None
    elapsed_s: float
    earlier_calls: int = 0
