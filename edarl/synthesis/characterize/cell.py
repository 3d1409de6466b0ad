"""Measuring one cell: logic, leakage, input capacitance, delays and output transitions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edarl.errors import ToolOutputError
from edarl.synthesis.characterize.decks import RESTS, Bench, Sample, leakage_deck, timing_deck
from edarl.synthesis.characterize.logic import Vector, function_of_cell, vectors
from edarl.synthesis.characterize.simulator import Simulator

__all__ = ["Arc", "Grid", "MeasuredCell", "MeasuredOutput", "count_decks", "measure_cell"]

_EDGES = ("rise", "fall")
_TIMING = tuple(
    f"{what}_{edge}" for edge in _EDGES for what in ("charge", "delay", "end", "transition")
)
_NS = 1e9
_SETTLED_WITHIN = 0.01
"""How far from its rail an output may be when the next change begins, as a share of the supply."""
_PATIENCE = (1.0, 3.0, 10.0, 30.0)
_REST_SPREAD = 0.2
_REST_SPREAD_A = 5e-15
"""How far two currents at rest may be apart to confirm each other: relative, and in amperes."""
_PILOT_FF_PER_UM = 25.0
"""The pilot's first load per micrometre of transistor at the output; twice that is of the order of
the largest load."""
_PILOT_NS = 1.0
"""What the pilot takes an output's transition and delay to be; patience corrects it."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where tables are measured.

    Attributes:
        slews_ns: Input transitions, rising.
        smallest_load_pf: The first load; the last is the largest that the cell may drive.
        loads: How many loads, in equal ratios.
        max_transition_ns: The output transition that defines the largest load.
    """

    slews_ns: tuple[float, ...] = (0.01, 0.0230506, 0.0531329, 0.122474, 0.282311, 0.650743, 1.5)
    smallest_load_pf: float = 0.0005
    loads: int = 7
    max_transition_ns: float = 1.5


@dataclass(frozen=True, slots=True)
class Arc:
    """Delays and output transitions from one input to one output.

    An input that moves the output in either direction, as an XOR's, has one arc for both: tools
    that keep a single sense per pin would otherwise mix the tables of two (docs/timing.md).

    Tables have shape ``[S, L]``, S input transitions by L loads, in nanoseconds, by the edge of
    the *output*; each entry is the largest over the values of the other inputs.

    Attributes:
        input: The pin that changes.
        sense: ``positive_unate``, ``negative_unate`` or ``non_unate``, as Liberty has it.
        delay_ns: ``rise`` and ``fall``.
        transition_ns: ``rise`` and ``fall``.
    """

    input: str
    sense: str
    delay_ns: dict[str, np.ndarray]
    transition_ns: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class MeasuredOutput:
    """What was measured at one output.

    Attributes:
        name: The pin.
        table: Its truth table over the cell's inputs.
        loads_pf: The loads of its tables.
        arcs: One for each input that it depends on.
    """

    name: str
    table: int
    loads_pf: tuple[float, ...]
    arcs: tuple[Arc, ...]


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """What was measured of one cell.

    Attributes:
        bench: The cell as it was simulated.
        capacitance_pf: For each input the capacitance of its rising and of its falling edge.
        leakage_nw: Power at rest for each value of the inputs; bit j counts the j-th input.
        outputs: Its outputs.
    """

    bench: Bench
    capacitance_pf: dict[str, dict[str, float]]
    leakage_nw: tuple[float, ...]
    outputs: tuple[MeasuredOutput, ...]


def count_decks(bench: Bench) -> int:
    """Give how many simulations `measure_cell` will run.

    Raises:
        LibraryError: The cell is no combinational gate.
    """
    return 1 + 2 * sum(len(_vectors(bench, output)[1]) for output in bench.outputs)


def measure_cell(
    bench: Bench, grid: Grid, simulator: Simulator, on_deck: Callable[[], None]
) -> MeasuredCell:
    """Measure a cell.

    First every change is tried at two loads (the pilot), which gives the input capacitances, the
    largest load, and how long to wait; then at all points of the grid.

    Args:
        bench: The cell.
        grid: Where to measure.
        simulator: Who runs the decks.
        on_deck: Called after each of the `count_decks` simulations.

    Raises:
        LibraryError: The cell is no combinational gate.
        ToolError: A simulation failed; the message names its deck.
    """
    leakage = _leakage(bench, simulator)
    on_deck()
    charges: dict[str, dict[str, list[float]]] = {
        pin: {edge: [] for edge in _EDGES} for pin in bench.inputs
    }
    outputs = []
    for output in bench.outputs:
        table, changes = _vectors(bench, output)
        pilots = []
        for vector in changes:
            pilot = _pilot(bench, grid, simulator, vector)
            on_deck()
            pilots.append(pilot)
            for edge in _EDGES:
                charges[vector.input][edge] += [
                    abs(point[f"charge_{edge}"]) for point in pilot.points
                ]
        largest = min(pilot.largest_load_pf(grid.max_transition_ns) for pilot in pilots)
        loads = _loads(grid, _three_digits(largest))
        tables = []
        for vector, pilot in zip(changes, pilots, strict=True):
            tables.append(_table(bench, grid, simulator, vector, pilot, loads))
            on_deck()
        outputs.append(MeasuredOutput(output, table, loads, _arcs(bench, changes, tables)))
    supply = bench.conditions.supply_v
    capacitance = {
        pin: {edge: float(np.mean(found)) / supply * 1e12 for edge, found in edges.items()}
        for pin, edges in charges.items()
    }
    return MeasuredCell(bench, capacitance, leakage, tuple(outputs))


def _leakage(bench: Bench, simulator: Simulator) -> tuple[float, ...]:
    """Give the power at rest for each value of the inputs, in nanowatt."""
    points = simulator.run(
        leakage_deck(bench),
        name=f"{bench.cell.name}-rest",
        count=1 << len(bench.inputs),
        wanted=tuple(RESTS),
        fault=lambda point: "" if _at_rest(point) is not None else "has no two results that agree",
    )
    currents = [_at_rest(point) for point in points]
    return tuple(it * bench.conditions.supply_v * _NS for it in currents if it is not None)


def _at_rest(point: Mapping[str, float]) -> float | None:
    """Give the first current that another one confirms, in amperes; None if there is none."""
    found = [point[name] for name in RESTS if name in point]
    for one in found:
        near = [abs(other - one) <= _REST_SPREAD * one + _REST_SPREAD_A for other in found]
        if one > 0 and sum(near) > 1:
            return one
    return None


@dataclass(frozen=True, slots=True)
class _Pilot:
    """Two loads tried with one input transition: straight lines for what lies between."""

    loads_pf: tuple[float, float]
    points: tuple[dict[str, float], dict[str, float]]

    def _line(self, what: str, load_pf: float) -> float:
        """Give the slower edge's value at a load, in nanoseconds."""
        (first, second), (one, two) = self.loads_pf, self.points
        return max(
            _NS * (one[name] + (two[name] - one[name]) / (second - first) * (load_pf - first))
            for name in (f"{what}_{edge}" for edge in _EDGES)
        )

    def sample(self, slew_ns: float, load_pf: float) -> Sample:
        transition, delay = (self._line(what, load_pf) for what in ("transition", "delay"))
        return Sample(slew_ns, load_pf, max(transition, 1e-3), max(delay, 1e-3))

    def largest_load_pf(self, transition_ns: float) -> float:
        """Give the load at which the slower edge takes as long as allowed."""
        first, second = self.loads_pf
        low, high = (self._line("transition", load) for load in self.loads_pf)
        return first + (transition_ns - low) * (second - first) / (high - low)


def _vectors(bench: Bench, output: str) -> tuple[int, tuple[Vector, ...]]:
    table = function_of_cell(
        bench.cell, inputs=bench.inputs, output=output, power=bench.power, ground=bench.ground
    )
    return table, vectors(table, bench.inputs, output)


def _pilot(bench: Bench, grid: Grid, simulator: Simulator, vector: Vector) -> _Pilot:
    width = sum(
        item.width_um * item.fingers
        for item in bench.cell.transistors
        if vector.output in (item.drain, item.source)
    )
    load = max(grid.smallest_load_pf, width * _PILOT_FF_PER_UM * 1e-3)
    loads = load, 2 * load
    slew = grid.slews_ns[len(grid.slews_ns) // 2]
    samples = [Sample(slew, load, _PILOT_NS, _PILOT_NS) for load in loads]
    first, second = _measure(bench, simulator, vector, samples, "pilot")
    return _Pilot(loads, (first, second))


def _table(
    bench: Bench,
    grid: Grid,
    simulator: Simulator,
    vector: Vector,
    pilot: _Pilot,
    loads: Sequence[float],
) -> dict[str, np.ndarray]:
    """Measure one change at all points of the grid; tables ``[S, L]`` by result, in ns."""
    samples = [pilot.sample(slew, load) for slew in grid.slews_ns for load in loads]
    points = _measure(bench, simulator, vector, samples, "table")
    shape = len(grid.slews_ns), len(loads)
    return {
        what: np.array([point[what] * _NS for point in points]).reshape(shape)
        for what in _TIMING
        if not what.startswith(("charge", "end"))
    }


def _measure(
    bench: Bench, simulator: Simulator, vector: Vector, samples: Sequence[Sample], what: str
) -> list[dict[str, float]]:
    """Run samples; wait longer where an output had not settled or had not crossed."""
    spelt = "".join(str(int(value)) for _, value in vector.others)
    name = "-".join([bench.cell.name, vector.output, vector.input, spelt or "alone", what])
    for patience in _PATIENCE:
        deck = timing_deck(bench, vector, samples, patience=patience)
        try:
            return simulator.run(
                deck,
                name=name,
                count=len(samples),
                wanted=_TIMING,
                fault=lambda point: _unusable(bench, vector, point),
            )
        except ToolOutputError:
            if patience == _PATIENCE[-1]:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _unusable(bench: Bench, vector: Vector, point: Mapping[str, float]) -> str:
    """Say what is wrong with a point; empty if nothing is."""
    missing = [name for name in _TIMING if name not in point]
    if missing:
        return f"lacks {', '.join(missing)}"
    supply = bench.conditions.supply_v
    high, low = ("rise", "fall") if vector.positive else ("fall", "rise")
    away = max(abs(point[f"end_{high}"] - supply), abs(point[f"end_{low}"]))
    return "has not settled" if away > _SETTLED_WITHIN * supply else ""


def _arcs(
    bench: Bench, changes: Sequence[Vector], tables: Sequence[dict[str, np.ndarray]]
) -> tuple[Arc, ...]:
    """Join the changes of each input, entry by entry the slowest one."""
    arcs = []
    for pin in bench.inputs:
        found = [it for it in zip(changes, tables, strict=True) if it[0].input == pin]
        if not found:
            continue
        senses = {"positive_unate" if vector.positive else "negative_unate" for vector, _ in found}
        joined: dict[str, dict[str, np.ndarray]] = {}
        for what in ("delay", "transition"):
            joined[what] = {
                edge: np.max(
                    [table[f"{what}_{_cause(edge, vector)}"] for vector, table in found], axis=0
                )
                for edge in _EDGES
            }
        sense = senses.pop() if len(senses) == 1 else "non_unate"
        arcs.append(Arc(pin, sense, joined["delay"], joined["transition"]))
    return tuple(arcs)


def _cause(edge: str, vector: Vector) -> str:
    """Give the input's edge that makes the output move by an edge."""
    rises = (edge == "rise") == vector.positive
    return "rise" if rises else "fall"


def _loads(grid: Grid, largest_pf: float) -> tuple[float, ...]:
    ratio = (largest_pf / grid.smallest_load_pf) ** (1 / (grid.loads - 1))
    inner = [grid.smallest_load_pf * ratio**k for k in range(grid.loads - 1)]
    return (*(float(f"{load:.6g}") for load in inner), largest_pf)


def _three_digits(value: float) -> float:
    """Round down to three significant digits, so that the stated limit is kept."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return round(math.floor(value / unit) * unit, 12)
