"""A plain description of an evaluator, which pickles where processes and pipes do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edarl.errors import ConfigError
from edarl.metrics import Constraint
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator, FingerprintedEvaluator
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import Timer, timer_for
from edarl.synthesis.library import load_library

__all__ = ["EvaluatorSpec"]


@dataclass(frozen=True, slots=True)
class EvaluatorSpec:
    """Everything needed to build an evaluator.

    Attributes:
        library: Name of an installed library, or a Liberty file.
        targets_ps: Delay targets in picoseconds.
        flow: A flow, several joined with ``+``, or ``best``.
        driver_cell: Cell that drives every input; None takes the library's default.
        load_ff: Load of every output in femtofarad; None takes the library's default.
        workers: ABC processes, or threads of the own sizer, that share a batch.
        cache_directory: Where results are kept on disk; None keeps them in memory.
        timer: Who times; None takes the own timer where all flows are the own sizer's, else ABC.

    Raises:
        ConfigError: A target is not positive, there is none, the flow is unknown, or the timer
            cannot time it.
    """

    library: str
    targets_ps: tuple[float, ...]
    flow: str = "pinswap"
    driver_cell: str | None = None
    load_ff: float | None = None
    workers: int = 1
    cache_directory: str | None = None
    timer: Timer | None = None

    def __post_init__(self) -> None:
        if not self.targets_ps or not all(0 < target < 1e9 for target in self.targets_ps):
            raise ConfigError(
                f"delay targets should be positive picoseconds, actual value: {self.targets_ps}"
            )
        timer_for(self.flow, self.timer)

    def load(self) -> tuple[CellLibrary, Constraint]:
        """Load the library and its constraint.

        Raises:
            LibraryError: The library is not installed or lacks what is needed.
        """
        library = load_library(self.library)
        return library, library.constraint(driver_cell=self.driver_cell, load_ff=self.load_ff)

    def build(self) -> CachedEvaluator:
        """Build the evaluator; its processes start on first use.

        Raises:
            LibraryError: The library is not installed or lacks what is needed.
        """
        library, constraint = self.load()
        inner: FingerprintedEvaluator
        if timer_for(self.flow, self.timer) == "fast":
            from edarl.synthesis.timing.evaluator import FastEvaluator

            kind: type[FastEvaluator] | type[AbcEvaluator] = FastEvaluator
        else:
            kind = AbcEvaluator
        inner = kind(
            library,
            constraint,
            flow=self.flow,
            targets_ps=self.targets_ps,
            workers=self.workers,
        )
        directory = None if self.cache_directory is None else Path(self.cache_directory)
        return CachedEvaluator(inner, directory)
