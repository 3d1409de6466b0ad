"""Sizing designs at delay targets with the own timer: what the fast evaluator and exports use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numba
import numpy as np
import structlog

from edarl.errors import ConfigError
from edarl.hdl import mapping
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import MappedNetlist
from edarl.metrics import Constraint
from edarl.prefix.design import Design
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.arrays import CellArrays, Floats, NetArrays, View, allocate, cell_arrays
from edarl.synthesis.timing.compiled import is_cold
from edarl.synthesis.timing.edits import area_of, copy_net
from edarl.synthesis.timing.joint import anneal, copy_state, cost_of, polish
from edarl.synthesis.timing.mapping import (
    AdderState,
    Scratch,
    adder_netlist,
    adder_state,
    build_adder,
)
from edarl.synthesis.timing.netlist import driver_cell, from_gates, to_mapped
from edarl.synthesis.timing.sizing import largest_fanout, size_curve
from edarl.synthesis.timing.tables import TimingLibrary, timing_library
from edarl.synthesis.timing.timer import circuit_delay, link_sinks

__all__ = ["EFFORTS", "FANOUT_LIMITS", "Effort", "Sized", "Sizer", "sizer_for"]

log = structlog.get_logger()

Effort = Literal["quick", "normal", "thorough"]
"""How hard to try: what each costs and gains is measured in `docs/results/evaluator.md`."""

_SWEEPS = 4
"""Most sweeps over a netlist that take back what a target does not need."""

_ANNEALING_STEPS = 2500
_TEMPERATURES = (0.004, 0.0002)
_ANNEALED = (0.0, 0.0, 0.0, 0.35, 0.0, 0.0, 0.65)
"""What the thorough effort changes, by `edarl.synthesis.timing.joint.KINDS`: all but the design."""

FANOUT_LIMITS = (12, 6)
"""Most sinks of a gate before sizing: the second is tried too by all but the quick effort."""

EFFORTS: tuple[Effort, ...] = ("quick", "normal", "thorough")


class Sized(NamedTuple):
    """A design sized for one target.

    Attributes:
        target_ps: What was asked for, in picoseconds.
        delay_ps: What was reached, by the own timer.
        area_um2: Cell area.
    """

    target_ps: float
    delay_ps: float
    area_um2: float


@dataclass(frozen=True, slots=True)
class _Cells:
    timing: TimingLibrary
    arrays: CellArrays


class Sizer:
    """Sizes designs in one library and constraint. May be used from several threads.

    The same design at the same target always gives the same netlist, whatever else was asked.

    Args:
        library: The cell library.
        constraint: Driver and load.
        effort: How hard to try.
        view: Whose delays to size by.

    Raises:
        LibraryError: The library has no usable delay tables.
        ConfigError: There is no such effort.
    """

    def __init__(
        self,
        library: CellLibrary,
        constraint: Constraint,
        *,
        effort: Effort = "normal",
        view: View = "opensta",
    ) -> None:
        if effort not in EFFORTS:
            raise ConfigError(
                f"`effort` should be one of {', '.join(EFFORTS)}, actual value: {effort!r}"
            )
        _say_what_takes_long()
        self.library = library
        self.constraint = constraint
        self.effort = effort
        self.view = view
        cells = _cells(library, view)
        self.timing, self.cells = cells.timing, cells.arrays
        self.driver = driver_cell(self.timing, constraint)

    def curve(self, design: Design, targets_ps: Sequence[float]) -> tuple[Sized, ...]:
        """Size a design at every target, in the order they are given.

        A target that cannot be reached gives the fastest netlist found.
        """
        delays, areas = np.zeros(len(targets_ps)), np.zeros(len(targets_ps))
        targets = np.array(targets_ps, dtype=np.float64)
        self._run(design, targets, delays, areas)
        return tuple(
            Sized(*point) for point in zip(targets_ps, delays.tolist(), areas.tolist(), strict=True)
        )

    def netlist(self, design: Design, target_ps: float) -> MappedNetlist:
        """Give the netlist behind a point of `curve`.

        Raises:
            NetlistError: Two outputs share a net.
        """
        sized = self._run(design, np.array([target_ps]), np.zeros(1), np.zeros(1))
        return to_mapped(sized, self.timing, design.circuit)

    def fingerprint(self, design: Design, targets_ps: Sequence[float]) -> str:
        """Give a digest of all that can change this design's netlists, the code included."""
        parts = (
            design.digest,
            self.effort,
            self.view,
            repr([float(target) for target in targets_ps]),
            self.library.digest,
            repr(self.constraint),
            _code_digest(),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _run(self, design: Design, targets: Floats, delays: Floats, areas: Floats) -> NetArrays:
        """Size a design and give the netlist of the tightest target."""
        is_adder = design.circuit.kind == "adder"
        if is_adder:
            state = adder_state(design)
            built, scratch = self._adder_arrays(state)
            build_adder(state, self.cells.family, scratch, built)
        else:
            gates = map_direct(design)
            built = from_gates(gates, self.timing, self.constraint, spare=len(gates.gates))
        link_sinks(self.cells, built)
        delays[:] = areas[:] = np.inf
        best = built
        rounds = 0 if self.effort == "quick" else _SWEEPS
        for limit in self._fanout_limits(built):
            chain, work = self._like(built), self._like(built)
            copy_net(built, chain)
            reached = np.zeros_like(delays), np.zeros_like(areas)
            size_curve(self.cells, chain, work, targets, rounds, limit, *reached)
            best = self._keep_better(targets, delays, areas, *reached, best, work)
        if self.effort == "thorough" and is_adder:
            for k in range(len(targets)):
                work = self._annealed(design, float(targets[k]))
                one = slice(k, k + 1)
                reached = np.array([circuit_delay(work)]), np.array([area_of(self.cells, work)])
                best = self._keep_better(
                    targets[one], delays[one], areas[one], *reached, best, work
                )
        return best

    def _fanout_limits(self, built: NetArrays) -> tuple[int, ...]:
        """Give the limits to begin with; those that no net exceeds make no difference."""
        most = largest_fanout(built)
        limits = FANOUT_LIMITS[:1] if self.effort == "quick" else FANOUT_LIMITS
        return tuple(limit for limit in limits if limit < most) or (0,)

    def _like(self, arrays: NetArrays) -> NetArrays:
        return allocate(
            len(arrays.cell),
            int(arrays.size[1]),
            int(arrays.size[2]),
            pins=self.cells.cap.shape[1],
            driver=self.driver,
            load_ff=self.constraint.load_ff,
        )

    @staticmethod
    def _keep_better(
        targets: Floats,
        delays: Floats,
        areas: Floats,
        new_delays: Floats,
        new_areas: Floats,
        best: NetArrays,
        work: NetArrays,
    ) -> NetArrays:
        """Take over the points that are better; give the netlist of the tightest target."""
        kept = best
        for k in np.argsort(targets)[::-1]:
            target = targets[k]
            before = cost_of(areas[k], delays[k], target) if delays[k] < np.inf else np.inf
            if cost_of(new_areas[k], new_delays[k], target) < before:
                delays[k], areas[k] = new_delays[k], new_areas[k]
                kept = work
            else:
                kept = best
        return kept

    def _annealed(self, design: Design, target: float) -> NetArrays:
        """Anneal sizes, pins, buffers and polarities of an adder; its graph and p modes stay."""
        state, trial, best = (adder_state(design) for _ in range(3))
        arrays, scratch = self._adder_arrays(state)
        polish(self.cells, state, scratch, arrays, target, _SWEEPS)
        copy_state(state, best)
        anneal(
            self.cells,
            state,
            trial,
            best,
            np.full(2, np.inf),
            scratch,
            arrays,
            target,
            _ANNEALING_STEPS,
            np.array(_TEMPERATURES),
            np.array(_ANNEALED),
            0,
            np.zeros((2, len(_ANNEALED)), dtype=np.int64),
        )
        polish(self.cells, best, scratch, arrays, target, _SWEEPS)
        return arrays

    def _adder_arrays(self, state: AdderState) -> tuple[NetArrays, Scratch]:
        return adder_netlist(
            state,
            pins=self.cells.cap.shape[1],
            driver=self.driver,
            load_ff=self.constraint.load_ff,
        )


@lru_cache(maxsize=32)
def sizer_for(
    library: CellLibrary, constraint: Constraint, effort: Effort, view: View = "abc"
) -> Sizer:
    """Give the sizer behind a flow; the same one whenever the same is asked for.

    By default it sees ABC's delays, as the figures that are confirmed are ABC's.

    Raises:
        LibraryError: The library has no usable delay tables.
        ConfigError: There is no such effort.
    """
    return Sizer(library, constraint, effort=effort, view=view)


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Give a digest of the code that maps, times and sizes, and of what compiles it."""
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(mapping.__file__)]
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _say_what_takes_long() -> None:
    """Tell once when the code has to be compiled first."""
    if is_cold():
        log.warning("compiling the own timer, once; this takes about a minute")


@lru_cache(maxsize=8)
def _cells(library: CellLibrary, view: View) -> _Cells:
    timing = timing_library(library)
    return _Cells(timing, cell_arrays(timing, view))
