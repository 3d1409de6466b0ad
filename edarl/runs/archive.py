"""The front of a run while it runs: the points that no other point beats, with their designs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from edarl.errors import CheckpointError, EdarlError
from edarl.metrics import Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["Found", "FrontArchive"]


class Found(NamedTuple):
    """A design with the point that put it on the front, and after how many calls."""

    design: Design
    point: Point
    calls: int


class FrontArchive:
    """Keeps the non-dominated points seen, by rising delay."""

    def __init__(self) -> None:
        self._front: list[Found] = []

    def __iter__(self) -> Iterator[Found]:
        return iter(self._front)

    def __len__(self) -> int:
        return len(self._front)

    @property
    def points(self) -> list[Point]:
        """The points alone."""
        return [found.point for found in self._front]

    def add(self, design: Design, evaluation: Evaluation, calls: int) -> bool:
        """Take an evaluation; give whether any of its points is on the front now.

        Args:
            design: The design.
            evaluation: Its evaluation; a failed one has no points.
            calls: Evaluation calls of the run so far.
        """
        entered = False
        for point in evaluation.points:
            if any(_covers(found.point, point) for found in self._front):
                continue
            self._front = [found for found in self._front if not _covers(point, found.point)]
            self._front.append(Found(design, point, calls))
            entered = True
        if entered:
            self._front.sort(key=lambda found: found.point.delay_ps)
        return entered

    def best_at(self, delay_ps: float) -> Found | None:
        """Give the smallest point that meets a delay, or None."""
        meeting = [found for found in self._front if found.point.meets(delay_ps)]
        return min(meeting, key=lambda found: found.point.area_um2, default=None)

    def state(self) -> list[dict[str, Any]]:
        """Give the front as JSON values."""
        return [
            {
                "graph": found.design.graph.text,
                "or_bits": f"{found.design.or_bits:x}",
                "point": [
                    found.point.target_ps,
                    found.point.delay_ps,
                    found.point.area_um2,
                    found.point.flow,
                ],
                "calls": found.calls,
            }
            for found in self._front
        ]

    @classmethod
    def restored(cls, state: list[dict[str, Any]], circuit: Circuit) -> FrontArchive:
        """Rebuild a front from `state`.

        Raises:
            CheckpointError: The state is damaged.
        """
        archive = cls()
        try:
            for entry in state:
                design = Design(
                    PrefixGraph.from_text(entry["graph"]), circuit, int(entry["or_bits"], 16)
                )
                target, delay, area, flow = entry["point"]
                point = Point(float(target), float(delay), float(area), str(flow))
                archive._front.append(Found(design, point, int(entry["calls"])))
        except (KeyError, TypeError, ValueError, EdarlError) as error:
            raise CheckpointError(f"the saved front is damaged: {error}") from error
        return archive


def _covers(one: Point, other: Point) -> bool:
    return one.delay_ps <= other.delay_ps and one.area_um2 <= other.area_um2
