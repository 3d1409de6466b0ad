"""The front of a run while it runs: the points that no other point beats, with their designs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from edarl.errors import CheckpointError, EdarlError
from edarl.hdl.netlist import MappedNetlist
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["Found", "FrontArchive"]


class Found(NamedTuple):
    """A design on the front.

    Attributes:
        design: The design.
        point: The point that put it there.
        calls: After how many calls.
        netlist: The point's netlist where no flow can make it again; None where its flow can.
    """

    design: Design
    point: Point
    calls: int
    netlist: MappedNetlist | None = None


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
        entered = [self.take(Found(design, point, calls)) for point in evaluation.points]
        return any(entered)

    def take(self, new: Found) -> bool:
        """Take one point; give whether it is on the front now."""
        if any(_covers(found.point, new.point) for found in self._front):
            return False
        kept = [found for found in self._front if not _covers(new.point, found.point)]
        self._front = sorted([*kept, new], key=lambda found: found.point.delay_ps)
        return True

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
                "netlist": mapped_verilog(found.netlist) if found.netlist else None,
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
                text = entry.get("netlist")  # runs of earlier versions have none
                netlist = read_mapped_verilog(text) if text is not None else None
                archive._front.append(Found(design, point, int(entry["calls"]), netlist))
        except (AttributeError, KeyError, TypeError, ValueError, EdarlError) as error:
            raise CheckpointError(f"the saved front is damaged: {error}") from error
        return archive


def _covers(one: Point, other: Point) -> bool:
    return one.delay_ps <= other.delay_ps and one.area_um2 <= other.area_um2
