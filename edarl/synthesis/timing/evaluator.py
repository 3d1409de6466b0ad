"""The fast evaluator: compiled code in this process sizes and times, no other program runs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from edarl.errors import NetlistError
from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.design import Design
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import SizedFlow, flows_named, timer_for
from edarl.synthesis.timing.sizer import Sizer, sizer_for

__all__ = ["FastEvaluator"]


class FastEvaluator:
    """Evaluates designs in one library and constraint with the own sizer, at fixed targets.

    A point depends on its design, flow and target alone. One whose target cannot be reached has the
    delay and area of the fastest netlist found. Delays are those that ABC reports for the same
    netlist, to the hundredth of a picosecond that it prints.

    Args:
        library: The cell library.
        constraint: Driver and load.
        flow: A name of `edarl.synthesis.flows.SIZED_FLOWS`, or several joined with ``+``.
        targets_ps: Delay targets in picoseconds, at least one, each > 0.
        workers: Threads that share a batch.

    Raises:
        ConfigError: There is no such flow, or one of them is ABC's.
        LibraryError: The library has no usable delay tables.
    """

    def __init__(
        self,
        library: CellLibrary,
        constraint: Constraint,
        *,
        flow: str = "sized",
        targets_ps: Sequence[float],
        workers: int = 1,
    ) -> None:
        self.library = library
        self.constraint = constraint
        timer_for(flow, "fast")
        self.flows = tuple(entry for entry in flows_named(flow) if isinstance(entry, SizedFlow))
        self._targets_ps = tuple(float(target) for target in targets_ps)
        self.workers = workers
        self._sizers = [sizer_for(library, constraint, entry.effort) for entry in self.flows]
        self._threads: ThreadPoolExecutor | None = None

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets in picoseconds."""
        return self._targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Size every design at every target in every flow, in the same order."""
        if self.workers == 1 or len(designs) < 2:
            return [self._evaluate_one(design) for design in designs]
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="edarl-fast")
        return list(self._threads.map(self._evaluate_one, designs))

    def fingerprint(self, design: Design) -> str:
        """Give a digest of everything that can change this design's figures."""
        parts = [sizer.fingerprint(design, self._targets_ps) for sizer in self._sizers]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def _evaluate_one(self, design: Design) -> Evaluation:
        points: list[Point] = []
        failure: str | None = None
        for flow, sizer in zip(self.flows, self._sizers, strict=True):
            try:
                points += self._size(design, flow, sizer)
            except NetlistError as error:
                failure = f"{flow.name}: {error}"
                break
        return Evaluation(
            design=design.digest,
            library=self.library.digest,
            constraint=self.constraint,
            points=() if failure else tuple(points),
            calls=len(self.flows) * len(self._targets_ps),
            failure=failure,
        )

    def _size(self, design: Design, flow: SizedFlow, sizer: Sizer) -> list[Point]:
        found = sizer.curve(design, self._targets_ps)
        for sized in found:
            if not (0 < sized.delay_ps < math.inf and 0 < sized.area_um2 < math.inf):
                raise NetlistError(
                    f"delay and area should be positive numbers, actual: {sized.delay_ps} ps, "
                    f"{sized.area_um2} um2 for {sized.target_ps:g} ps"
                )
        return [
            Point(sized.target_ps, sized.delay_ps, sized.area_um2, flow.name) for sized in found
        ]
