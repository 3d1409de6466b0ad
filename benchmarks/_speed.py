"""How fast the own timer and sizer are, beside ABC on the same designs in the same run.

Not a benchmark by itself; `evaluator.py` runs it while nothing else runs. Every figure is the mean
over the designs of the best of some rounds; in a round all columns take their turn on each design.
The own timer's loops are compiled: passing a netlist's arrays from Python takes about 5 us a call,
a good part of what timing takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numba
import numpy as np
from _populations import (
    FASTEST_PS,
    SMALLEST_PS,
    abc_points,
    annealed,
    constraint_of,
    neighbours,
    random_designs,
    regular,
)
from common import load_named

from edarl.prefix.design import Design
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import AbcEvaluator, design_blif, sizing_script
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.timing.mapping import adder_netlist, adder_state, build_adder
from edarl.synthesis.timing.sizer import EFFORTS, Sizer
from edarl.synthesis.timing.timer import link_sinks, resized, time_fully, time_incrementally

__all__ = [
    "curve_speed",
    "design_targets",
    "effort_times",
    "evenly",
    "excess_percent",
    "seconds",
    "timing_speed",
]

FACTORS = (1.02, 1.1, 1.25, 1.6)
"""Delay targets of a design as factors of the fastest delay that ABC's direct flow gives it; none
is slower than its smallest netlist."""

_OWN_POINTS, _ABC_POINTS = 8, 4
_SLOW_S = 0.05


@numba.njit(nogil=True)
def _times(t: Any, n: Any, count: int) -> None:
    for _ in range(count):
        time_fully(t, n)


@numba.njit(nogil=True)
def _rebuilds(t: Any, state: Any, scratch: Any, n: Any, count: int) -> None:
    for _ in range(count):
        build_adder(state, t.family, scratch, n)
        link_sinks(t, n)
        time_fully(t, n)


@numba.njit(nogil=True)
def _resizes(t: Any, n: Any, gates: Any, other: Any, count: int) -> None:
    """Resize every gate and back, timing after each; leaves the netlist as it was."""
    for _ in range(count):
        for k in range(gates.shape[0]):
            gate = gates[k]
            cell = n.cell[gate]
            n.cell[gate] = other[cell]
            time_incrementally(t, n, resized(t, n, gate))
            n.cell[gate] = cell
            time_incrementally(t, n, resized(t, n, gate))


class _Timed:
    """A design's netlist as the compiled loops take it."""

    def __init__(self, design: Design, sizer: Sizer) -> None:
        self.design, self.sizer, self.cells = design, sizer, sizer.cells
        self.state = adder_state(design)
        self.net, self.scratch = self._build()
        gates = int(self.net.size[0])
        self.gates = np.random.default_rng(0).permutation(gates)
        self.resizable = self.gates[
            self._larger()[self.net.cell[self.gates]] != self.net.cell[self.gates]
        ]
        self.repeats = max(20, 20000 // gates)

    def _larger(self) -> Any:
        larger = np.arange(len(self.cells.area), dtype=np.int32)
        for family in self.sizer.timing.families:
            if len(family) > 1:
                larger[family[0]] = family[1]
        return larger

    def _build(self) -> Any:
        pins, load = self.cells.cap.shape[1], self.sizer.constraint.load_ff
        net, scratch = adder_netlist(self.state, pins=pins, driver=self.sizer.driver, load_ff=load)
        build_adder(self.state, self.cells.family, scratch, net)
        link_sinks(self.cells, net)
        time_fully(self.cells, net)
        return net, scratch

    def full(self) -> float:
        return _per(partial(_times, self.cells, self.net, self.repeats), self.repeats)

    def rebuild(self) -> float:
        count = self.repeats // 2
        return _per(
            partial(_rebuilds, self.cells, self.state, self.scratch, self.net, count), count
        )

    def python(self) -> float:
        """From the `Design`: arrays, netlist, timing, called one after the other from Python."""

        def once() -> None:
            self.state = adder_state(self.design)
            self.net, self.scratch = self._build()

        return seconds(once)

    def resize(self) -> float:
        before = self.net.arrival.copy()
        count = max(1, 5000 // len(self.gates))
        taken = seconds(
            partial(_resizes, self.cells, self.net, self.resizable, self._larger(), count)
        )
        nets = int(self.net.size[0] + self.net.size[1])
        assert np.array_equal(before[:nets], self.net.arrival[:nets])
        return taken / (2 * count * len(self.resizable))


def timing_speed(name: str, width: int, *, designs: int, rounds: int) -> dict[str, Any]:
    """Time netlists with the own timer and evaluate the same designs in ABC's direct flow.

    ABC's target is one that every design reaches: 1.15 times the slowest one's fastest delay.
    """
    library = load_named(name)
    constraint = constraint_of(library, name)
    sizer = Sizer(library, constraint)
    chosen = [*evenly([*regular(width)], 6), *neighbours(width, designs - 6, seed=width)]
    timed = [_Timed(design, sizer) for design in chosen]
    with AbcSession(library, constraint) as session:
        fastest = [abc_points(session, d, "direct", (FASTEST_PS,))[0].delay_ps for d in chosen]
    target = round(1.15 * max(fastest), 1)
    evaluator = AbcEvaluator(library, constraint, flow="direct", targets_ps=(target,))
    script = sizing_script(FLOWS["direct"], (target,))
    session = evaluator._session()
    best = np.full((6, len(chosen)), np.inf)
    for _ in range(rounds):
        for index, entry in enumerate(timed):
            # The evaluator before the bare commands: a mapping made a moment ago is remembered.
            evaluated = seconds(partial(evaluator.evaluate, [_again(entry.design)]))
            path = session.workdir / "bare.blif"
            path.write_text(design_blif(entry.design, FLOWS["direct"], library))
            bare = seconds(partial(session.run, ["empty", f"read_blif {path}", *script]))
            own = (entry.full(), entry.resize(), entry.rebuild(), entry.python())
            best[:, index] = np.minimum(best[:, index], (*own, bare, evaluated))
    evaluator.close()
    full, resize, rebuild, python, bare_s, abc_s = best.mean(axis=1).tolist()
    return {
        "library": name,
        "width": width,
        "designs": len(chosen),
        "gates": float(np.mean([entry.net.size[0] for entry in timed])),
        "full_per_s": 1 / full,
        "rebuild_per_s": 1 / rebuild,
        "from_python_per_s": 1 / python,
        "resize_per_s": 1 / resize,
        "bare_abc_per_s": 1 / bare_s,
        "abc_evaluator_per_s": 1 / abc_s,
        "full_over_abc": abc_s / full,
        "full_over_bare": bare_s / full,
        "rebuild_over_abc": abc_s / rebuild,
        "rebuild_over_bare": bare_s / rebuild,
        "full_over_resize": full / resize,
    }


def curve_speed(name: str, width: int, *, designs: int, rounds: int) -> dict[str, Any]:
    """Size whole curves: 8 points at effort quick against 4 of ABC's direct flow.

    Targets lie at equal ratios between the fastest delay that both reach on a design and the delay
    of its smallest netlist. Areas are compared at the delays that ABC's points have.
    """
    library = load_named(name)
    constraint = constraint_of(library, name)
    sizer = Sizer(library, constraint, effort="quick", view="abc")
    chosen = [*evenly([*regular(width)], 9), *neighbours(width, designs - 9, seed=width + 1)]
    best = np.full((2, len(chosen)), np.inf)
    excess: list[float] = []
    missed = 0
    with AbcSession(library, constraint) as session:
        ranges = []
        for design in chosen:
            ends = (FASTEST_PS, SMALLEST_PS)
            found = [p.delay_ps for p in abc_points(session, design, "direct", ends)]
            own = sizer.curve(design, ends)
            first = 1.01 * max(found[0], own[0].delay_ps)
            ranges.append((first, max(first, min(found[1], own[1].delay_ps))))
        for _ in range(rounds):
            for index, (design, limits) in enumerate(zip(chosen, ranges, strict=True)):
                own_targets = tuple(np.geomspace(*limits, _OWN_POINTS).tolist())
                abc_targets = tuple(np.geomspace(*limits, _ABC_POINTS).tolist())
                fresh = _again(design)
                best[:, index] = np.minimum(
                    best[:, index],
                    (
                        seconds(partial(sizer.curve, fresh, own_targets)),
                        seconds(partial(abc_points, session, fresh, "direct", abc_targets)),
                    ),
                )
        for design, limits in zip(chosen, ranges, strict=True):
            targets = tuple(np.geomspace(*limits, _ABC_POINTS).tolist())
            points = abc_points(session, design, "direct", targets)
            missed += sum(not point.meets(point.target_ps) for point in points)
            own = sizer.curve(design, [point.delay_ps for point in points])
            excess += [excess_percent(*pair) for pair in zip(own, points, strict=True)]
    own_s, abc_s = best.mean(axis=1).tolist()
    return {
        "library": name,
        "width": width,
        "designs": len(chosen),
        "own_8_points_ms": 1000 * own_s,
        "abc_4_points_ms": 1000 * abc_s,
        "abc_over_own": abc_s / own_s,
        "mean_area_percent": float(np.mean(excess)),
        "worst_area_percent": max(excess),
        "abc_missed_targets": missed,
    }


def effort_times(name: str, width: int, *, per_kind: int, rounds: int) -> dict[str, Any]:
    """Time a curve of 4 targets at every effort and in ABC's two direct flows."""
    library = load_named(name)
    constraint = constraint_of(library, name)
    sizers = [Sizer(library, constraint, effort=effort, view="abc") for effort in EFFORTS]
    chosen = [
        *evenly([*regular(width)], per_kind),
        *random_designs(width, per_kind),
        *evenly(annealed(library, constraint, width, 3 * per_kind, 200), per_kind),
    ]
    best = np.full((len(EFFORTS) + 2, len(chosen)), np.inf)
    with AbcSession(library, constraint) as session:
        targets = [design_targets(session, design) for design in chosen]
        for turn in range(rounds):
            for index, design in enumerate(chosen):
                fresh = _again(design)
                for row, sizer in enumerate(sizers):
                    # A slow effort is timed once, on every fourth design.
                    if _SLOW_S < best[row, 0] < np.inf and (turn or index % 4):
                        continue
                    taken = seconds(partial(sizer.curve, fresh, targets[index]))
                    best[row, index] = min(best[row, index], taken)
                for row, flow in enumerate(("direct", "pinswap"), start=len(sizers)):
                    sizing = partial(abc_points, session, fresh, flow, targets[index])
                    best[row, index] = min(best[row, index], seconds(sizing))
    timed = np.isfinite(best)
    direct = best[-2]
    columns = (*EFFORTS, "direct", "pinswap")
    return {
        "library": name,
        "width": width,
        "designs": len(chosen),
        **{f"{c}_ms": 1000 * float(best[k, timed[k]].mean()) for k, c in enumerate(columns)},
        **{
            f"{effort}_over_direct": float(best[k, timed[k]].sum() / direct[timed[k]].sum())
            for k, effort in enumerate(EFFORTS)
        },
    }


def design_targets(session: AbcSession, design: Design) -> tuple[float, ...]:
    """Give delay targets that a design reaches in ABC's direct flow, in ps."""
    found = abc_points(session, design, "direct", (FASTEST_PS, SMALLEST_PS))
    fastest, smallest = (point.delay_ps for point in found)
    return tuple(dict.fromkeys(round(min(f * fastest, smallest), 2) for f in FACTORS))


def excess_percent(own: Any, theirs: Any) -> float:
    """Give how much more area a point has than ABC's at ABC's delay, in %.

    A point that misses that delay counts as 10 % larger for every 1 % that it is slower.
    """
    overrun = max(0.0, own.delay_ps / theirs.delay_ps - 1.0)
    return float(100 * (own.area_um2 * (1 + 10 * overrun) / theirs.area_um2 - 1))


def seconds(action: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _per(action: Callable[[], object], count: int) -> float:
    return seconds(action) / count


def _again(design: Design) -> Design:
    """Give an equal design that nothing has been worked out of yet."""
    graph = type(design.graph).from_text(design.graph.text)
    return Design(graph, design.circuit, design.or_bits)


def evenly(designs: Sequence[Design], count: int) -> list[Design]:
    """Give so many of the designs, evenly spread over the list."""
    picks = np.linspace(0, len(designs) - 1, min(count, len(designs))).round().astype(int)
    return [designs[pick] for pick in picks]
