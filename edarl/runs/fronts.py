"""The front of a circuit as the store knows it, beside what everybody else makes of that circuit.

The baselines are measured when they are asked for, in the library and constraint of the front and
at its own delays, so that every comparison is one at equal delay; results are cached on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from edarl.config import home
from edarl.metrics import Constraint, Point
from edarl.objectives.frame import Frame, measure_frame
from edarl.objectives.fronts import gain, hypervolume, non_dominated
from edarl.prefix.circuits import Circuit
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from edarl.store import FrontPoint, Store
from edarl.synthesis.baseline import yosys_adder_baseline
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.flows import BEST
from edarl.synthesis.spec import EvaluatorSpec

__all__ = [
    "MOST_TARGETS",
    "FrontReport",
    "FrontRow",
    "RegularBest",
    "front_report",
    "regular_name",
]

MOST_TARGETS = 40
"""Delays at which the baselines are sized; of a longer front this many points are compared."""

_YOSYS_TARGETS = 4
"""Yosys' own flow hardly reacts to its target."""


@dataclass(frozen=True, slots=True)
class RegularBest:
    """The smallest regular structure that meets a delay.

    Attributes:
        structure: Its name.
        p_mode: ``xor`` or ``or``.
        point: Its figures.
    """

    structure: str
    p_mode: str
    point: Point


@dataclass(frozen=True, slots=True)
class FrontRow:
    """One point of the front.

    Attributes:
        found: The confirmed and proven design, with who found it.
        structure: The regular structure that its graph is, or None when its graph is a new one.
        regular: The best regular structure at its delay; None when no one meets it, or when the
            baselines were not measured at this delay.
    """

    found: FrontPoint
    structure: str | None
    regular: RegularBest | None

    @property
    def saving(self) -> float | None:
        """Share of the best regular area that is saved at equal delay; negative for a loss."""
        if self.regular is None:
            return None
        return 1 - self.found.area_um2 / self.regular.point.area_um2


@dataclass(frozen=True, slots=True)
class FrontReport:
    """A front with its baselines.

    Attributes:
        circuit: The circuit.
        library: The cell library.
        constraint: Driver and load.
        rows: The points by rising delay.
        frame: The regular structures in all flows; None when they were not asked for.
        yosys: What Yosys makes of the plain arithmetic, non-dominated; adders only.
    """

    circuit: Circuit
    library: CellLibrary
    constraint: Constraint
    rows: tuple[FrontRow, ...]
    frame: Frame | None
    yosys: tuple[Point, ...]

    @property
    def hypervolume(self) -> float | None:
        """Share of the frame's box that the front dominates; None without baselines."""
        if self.frame is None:
            return None
        return hypervolume([row.found for row in self.rows], self.frame.box())

    @property
    def gain(self) -> float | None:
        """Hypervolume won over the regular structures, as a share of what is left to win."""
        if self.frame is None:
            return None
        points = [row.found for row in self.rows]
        return gain(points, self.frame.regular_front(), self.frame.box())

    def regular_curves(self) -> dict[str, list[Point]]:
        """Give the non-dominated points of each regular structure, all p modes together."""
        curves: dict[str, list[Point]] = {}
        for curve in self.frame.regular if self.frame else ():
            curves.setdefault(curve.structure, []).extend(curve.points)
        return {name: non_dominated(points) for name, points in curves.items()}


def front_report(
    circuit: Circuit,
    library_name: str,
    store: Store | None,
    *,
    driver_cell: str | None = None,
    load_ff: float | None = None,
    baselines: bool = True,
    on_stage: Callable[[str], None] | None = None,
) -> FrontReport:
    """Give the front of a circuit from a store, with baselines at its own delays.

    Args:
        circuit: The circuit.
        library_name: An installed library, or a Liberty file.
        store: Where the front comes from; None stands for an empty one.
        driver_cell: Driver of every input; None takes the library's default.
        load_ff: Load of every output in femtofarad; None takes the library's default.
        baselines: Whether to measure the baselines; they are left out for an empty front.
        on_stage: Told what begins.

    Raises:
        LibraryError: The library is not usable.
        StoreError: The store is damaged.
        ToolError: A baseline could not be measured.
    """
    library, constraint = EvaluatorSpec(library_name, (1.0,), BEST, driver_cell, load_ff).load()
    found = [] if store is None else store.front(circuit, library.digest, constraint)
    frame: Frame | None = None
    yosys: Sequence[Point] = ()
    targets: list[float] = []
    if baselines and found:
        tell = on_stage or (lambda _: None)
        targets = _evenly([point.delay_ps for point in found], MOST_TARGETS)
        tell("sizing the regular structures at the delays of the front")
        frame = _regular_structures(circuit, library_name, targets, driver_cell, load_ff)
        if circuit.kind == "adder":
            tell("asking Yosys for a + b")
            asked = _evenly(targets, _YOSYS_TARGETS)
            yosys = non_dominated(yosys_adder_baseline(circuit, library, constraint, asked))
    rows = tuple(
        FrontRow(
            point,
            regular_name(point.design.graph),
            _best_regular(frame, point.delay_ps) if point.delay_ps in targets else None,
        )
        for point in found
    )
    return FrontReport(circuit, library, constraint, rows, frame, tuple(yosys))


def regular_name(graph: PrefixGraph) -> str | None:
    """Give the name of the regular structure that a graph is, or None."""
    return _regular_names(graph.width).get(graph.text)


@lru_cache(maxsize=8)
def _regular_names(width: int) -> dict[str, str]:
    # At small widths several names share a graph; the first of the list is the plainest.
    return {structure(name, width).text: name for name in reversed(REGULAR)}


def _regular_structures(
    circuit: Circuit,
    library_name: str,
    targets_ps: Sequence[float],
    driver_cell: str | None,
    load_ff: float | None,
) -> Frame:
    cache = str(home() / "cache")

    def factory(targets: tuple[float, ...]) -> Evaluator:
        return EvaluatorSpec(
            library_name, targets, BEST, driver_cell, load_ff, cache_directory=cache
        ).build()

    return measure_frame(circuit, factory, targets=targets_ps)


def _best_regular(frame: Frame | None, delay_ps: float) -> RegularBest | None:
    """Give the smallest regular point that meets a delay."""
    meeting = [
        RegularBest(curve.structure, curve.p_mode, point)
        for curve in (frame.regular if frame else ())
        for point in curve.points
        if point.meets(delay_ps)
    ]
    return min(meeting, key=lambda best: (best.point.area_um2, best.point.delay_ps), default=None)


def _evenly(values: Sequence[float], count: int) -> list[float]:
    """Choose ``count`` of some rising values, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    step = (len(values) - 1) / (count - 1)
    return [values[round(index * step)] for index in range(count)]
