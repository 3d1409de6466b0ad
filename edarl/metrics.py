"""The currency between rooms: what was measured of a design, in which units, and what is better.

Nothing here measures; `edarl.synthesis` does. Nothing here judges; `edarl.objectives` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["METRICS", "TOLERANCE", "Constraint", "Evaluation", "Metric", "Point", "Tier"]

TOLERANCE = 1.002
"""A delay target counts as met when the measured delay is at most this factor times the target."""

Tier = Literal["search", "confirmed"]
"""How a figure was obtained: inside a flow, or by timing the exact bytes of an emitted netlist."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a figure means.

    Attributes:
        name: The field's name, unit included.
        unit: The unit as printed in table heads.
        higher_is_better: The direction of improvement.
        summary: One line for help texts and `docs/metrics.md`.
    """

    name: str
    unit: str
    higher_is_better: bool
    summary: str


METRICS = {
    metric.name: metric
    for metric in (
        Metric("area_um2", "um2", False, "sum of the cell areas of the mapped netlist"),
        Metric("delay_ps", "ps", False, "latest output arrival under the constraint, pre-layout"),
        Metric("nodes", "", False, "operator nodes of the prefix graph"),
        Metric("depth", "", False, "largest operator level of the prefix graph"),
        Metric("max_fanout", "", False, "most operator nodes that use one node"),
        Metric("hypervolume", "", True, "share of the box (area x delay) that the front dominates"),
        Metric(
            "gain", "", True, "hypervolume won over regular structures, as a share of what is left"
        ),
        Metric("calls", "", False, "designs sized at one target in one flow, cache misses only"),
        Metric("cache_hits", "", True, "evaluations answered from the cache"),
    )
}
"""Every figure edarl reports, by name."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What surrounds the circuit while it is timed.

    Attributes:
        driver_cell: The library cell that drives every input.
        load_ff: The capacitance on every output in femtofarad, > 0.
        wire_load: The wire-load model, or ``"none"``.
    """

    driver_cell: str
    load_ff: float
    wire_load: str = "none"


@dataclass(frozen=True, slots=True)
class Point:
    """One sized netlist: what came out when a design was sized for one delay target.

    Attributes:
        target_ps: The delay that the sizing aimed at, in picoseconds.
        delay_ps: The delay that was measured, in picoseconds; it may miss the target.
        area_um2: The cell area that was measured, in square micrometres.
        flow: The flow that produced it.
    """

    target_ps: float
    delay_ps: float
    area_um2: float
    flow: str

    def meets(self, delay_ps: float) -> bool:
        """Say whether the measured delay is within the tolerance of ``delay_ps``."""
        return self.delay_ps <= TOLERANCE * delay_ps


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known of one design in one library under one constraint.

    Two evaluations are equal when they say the same; what it cost to find out does not count.

    Attributes:
        design: The design's digest.
        library: The library's digest.
        constraint: Driver, load and wire load.
        points: One point per target and flow, in the order they were asked for; empty when failed.
        calls: Sizings that were run for this answer (cache hits are not counted).
        cache_hits: Points that came from the cache.
        failure: Why there are no points; None when the evaluation succeeded.
    """

    design: str
    library: str
    constraint: Constraint
    points: tuple[Point, ...]
    calls: int = field(default=0, compare=False)
    cache_hits: int = field(default=0, compare=False)
    failure: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the tools could not evaluate the design."""
        return self.failure is not None

    def curve(self) -> tuple[Point, ...]:
        """Give the points that no other point beats in both area and delay, by rising delay."""
        front: list[Point] = []
        for point in sorted(self.points, key=lambda point: (point.delay_ps, point.area_um2)):
            if not front or point.area_um2 < front[-1].area_um2:
                front.append(point)
        return tuple(front)

    def at(self, delay_ps: float) -> Point | None:
        """Give the smallest point that meets a delay, or None when no point does."""
        meeting = [point for point in self.points if point.meets(delay_ps)]
        return min(meeting, key=lambda point: (point.area_um2, point.delay_ps), default=None)

    def from_cache(self) -> Evaluation:
        """Give the same answer, counted as answered from memory."""
        return replace(self, calls=0, cache_hits=max(1, len(self.points)))
