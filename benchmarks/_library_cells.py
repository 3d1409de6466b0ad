"""Two characterisations of the same cells, set side by side: what the cells are, and their tables.

Not a benchmark by itself; `characterization.py` runs it. Ratios are measured / official throughout.
An arc is an input pin, its edge and the output's edge. Where a library has several timing groups
for one (`when` conditions), the largest value of all of them counts, point by point.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from edarl.errors import LibraryError
from edarl.synthesis.boolean import MAX_INPUTS, truth_table
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.cells import Cell
from edarl.synthesis.liberty import parse_liberty, read_text
from edarl.synthesis.timing.grids import resampled
from edarl.synthesis.timing.nldm import FALL, RISE, CellTiming, Table, read_timing

__all__ = [
    "FLOOR_PS",
    "ArcRatios",
    "Ratios",
    "arc_rows",
    "cell_figures",
    "cell_rows",
    "common_cells",
    "compare_arcs",
    "compare_cells",
    "first_senses",
    "grouped",
    "kind_of",
    "ratio_figures",
    "timed_cells",
]

Row = dict[str, Any]

FLOOR_PS = 10.0
"""Points where the official value is below this are left out: a ratio of a delay that goes through
0, as delays of slow edges into small loads do, says nothing."""

EDGES = {RISE: "rise", FALL: "fall"}

_SAME = 1e-6
"""Areas, and points of two axes, that differ by no more than this share are the same."""

_KINDS = (
    ("xnor", "xnor"),
    ("xor", "xor"),
    ("nand", "nand"),
    ("nor", "nor"),
    ("mux", "mux"),
    ("maj", "maj"),
    ("inv|clkinv", "inv"),
    ("buf|clkbuf|dly|clkdly", "buf"),
    ("and", "and"),
    ("or", "or"),
    (r"aoi|a\d[\db]*oi", "aoi"),
    (r"oai|o\d[\db]*ai", "oai"),
    (r"a\d[\db]*o", "ao"),
    (r"o\d[\db]*a", "oa"),
)
_KIND = re.compile("|".join(f"(?P<k{n}>{text})" for n, (text, _) in enumerate(_KINDS)))
_POWER = re.compile(r"(\d+)\s*([munpf]?)w")
_NW_PER = {"": 1e9, "m": 1e6, "u": 1e3, "n": 1.0, "p": 1e-3, "f": 1e-6}


class Ratios(NamedTuple):
    """One quantity of one arc at the official grid's points that count.

    Attributes:
        ratio: Measured / official at each point.
        slew_ps: The input slew of each point.
        column: The place of each point on the official load axis, 0 the smallest load.
        outside: Points left out because they lie outside the measured grid.
        small: Points left out because the official value is below `FLOOR_PS`.
    """

    ratio: np.ndarray
    slew_ps: np.ndarray
    column: np.ndarray
    outside: int
    small: int


class ArcRatios(NamedTuple):
    """One arc that both libraries have."""

    cell: str
    pin: str
    in_edge: int
    out_edge: int
    delay: Ratios
    transition: Ratios


def kind_of(cell: str) -> str:
    """Give the kind of a cell by its name, without what stands before ``__``."""
    match = _KIND.match(cell.rpartition("__")[2].lower())
    if match is None or match.lastgroup is None:
        return "other"
    return _KINDS[int(match.lastgroup[1:])][1]


def compare_cells(official: CellLibrary, measured: CellLibrary) -> tuple[list[Row], list[Row]]:
    """Compare all that is no table: area, pins, functions, capacitances, leakage.

    Returns:
        One row per cell that both have, and one per difference in what should be equal.
    """
    leakage = _leakage_nw(official), _leakage_nw(measured)
    rows: list[Row] = []
    differences: list[Row] = []
    for name, ours in measured.cells.items():
        theirs = official.cells.get(name)
        if theirs is None:
            differences.append(_difference(name, "cell", "none", "there"))
            continue
        found = list(_differences(theirs, ours))
        differences += found
        caps = [
            pin.capacitance_ff / other.capacitance_ff
            for pin in ours.inputs
            for other in theirs.inputs
            if pin.name == other.name and other.capacitance_ff > 0
        ]
        loads = [
            pin.max_load_ff / other.max_load_ff
            for pin in ours.outputs
            for other in theirs.outputs
            if pin.name == other.name and pin.max_load_ff and other.max_load_ff
        ]
        there, here = (values.get(name) for values in leakage)
        rows.append(
            {
                "cell": name,
                "kind": kind_of(name),
                "area_um2": theirs.area_um2,
                "measured_area_um2": ours.area_um2,
                "equal": not found,
                "capacitance_ratios": caps,
                "max_load_ratios": loads,
                "leakage_ratio": here / there if here is not None and there else None,
            }
        )
    return rows, differences


def cell_figures(rows: Sequence[Row], differences: Sequence[Row]) -> Row:
    """Sum up what `compare_cells` gave."""
    kinds = dict.fromkeys(row["kind"] for row in rows)
    leaks = [row["leakage_ratio"] for row in rows if row["leakage_ratio"] is not None]
    return {
        "cells": len(rows),
        "equal_cells": sum(row["equal"] for row in rows),
        "differences": {
            what: sum(entry["what"] == what for entry in differences)
            for what in ("cell", "area", "pins", "function", "use")
        },
        "differing": list(differences),
        "capacitance_ratio": ratio_figures([c for row in rows for c in row["capacitance_ratios"]]),
        "capacitance_ratio_by_kind": {
            kind: ratio_figures(
                [c for row in rows if row["kind"] == kind for c in row["capacitance_ratios"]]
            )
            for kind in kinds
        },
        "max_load_ratio": ratio_figures([c for row in rows for c in row["max_load_ratios"]]),
        "leakage_ratio": ratio_figures(leaks),
    }


def cell_rows(rows: Sequence[Row]) -> list[Row]:
    """Give the rows of `compare_cells` with one figure in each column."""
    return [
        {
            **{key: value for key, value in row.items() if not key.endswith("_ratios")},
            "capacitance_ratio": ratio_figures(row["capacitance_ratios"])["median"],
            "max_load_ratio": ratio_figures(row["max_load_ratios"])["median"],
        }
        for row in rows
    ]


def timed_cells(
    official: CellLibrary, measured: CellLibrary, names: Iterable[str]
) -> tuple[dict[str, tuple[CellTiming, CellTiming]], dict[str, str]]:
    """Give both libraries' tables of some cells, and why there are none of the others.

    Raises:
        LibraryError: A library's copy cannot be read.
    """
    (theirs, their_lack), (ours, our_lack) = read_timing(official), read_timing(measured)
    timed: dict[str, tuple[CellTiming, CellTiming]] = {}
    lacking: dict[str, str] = {}
    for name in names:
        if name in theirs and name in ours:
            timed[name] = theirs[name], ours[name]
        elif name in theirs:
            lacking[name] = "measured: " + (our_lack.get(name) or measured.cells[name].left_out)
        else:
            lacking[name] = "official: " + (their_lack.get(name) or official.cells[name].left_out)
    return timed, lacking


def common_cells(
    differences: Sequence[Row], timed: Mapping[str, tuple[CellTiming, CellTiming]]
) -> list[str]:
    """Give the cells that can stand for each other: equal in all but area, tables in both."""
    unequal = {entry["cell"] for entry in differences if entry["what"] != "area"}
    return [name for name in timed if name not in unequal]


def compare_arcs(
    timed: Mapping[str, tuple[CellTiming, CellTiming]],
) -> tuple[list[ArcRatios], list[Row]]:
    """Compare the tables of every arc at the points of the official grid.

    Returns:
        The arcs that both have, and one row per arc that only one has.
    """
    arcs: list[ArcRatios] = []
    single: list[Row] = []
    for cell, pair in timed.items():
        theirs, ours = (_by_arc(timing) for timing in pair)
        for key in dict.fromkeys((*theirs, *ours)):
            if key in theirs and key in ours:
                both = (_ratios(theirs[key][k], ours[key][k]) for k in range(2))
                arcs.append(ArcRatios(cell, *key, *both))
            else:
                single.append(
                    {
                        "cell": cell,
                        "pin": key[0],
                        "in_edge": EDGES[key[1]],
                        "out_edge": EDGES[key[2]],
                        "only": "official" if key in theirs else "measured",
                    }
                )
    return arcs, single


def arc_rows(arcs: Sequence[ArcRatios]) -> list[Row]:
    """Give one row of figures per arc."""
    rows: list[Row] = []
    for arc in arcs:
        row: Row = {
            "cell": arc.cell,
            "kind": kind_of(arc.cell),
            "pin": arc.pin,
            "in_edge": EDGES[arc.in_edge],
            "out_edge": EDGES[arc.out_edge],
        }
        for name, part in (("delay", arc.delay), ("transition", arc.transition)):
            some = part.ratio.size > 0
            row |= {
                f"{name}_points": part.ratio.size,
                f"{name}_outside": part.outside,
                f"{name}_small": part.small,
                f"{name}_median": round(float(np.median(part.ratio)), 6) if some else None,
                f"{name}_min": round(float(part.ratio.min()), 6) if some else None,
                f"{name}_max": round(float(part.ratio.max()), 6) if some else None,
            }
        rows.append(row)
    return rows


def grouped(
    arcs: Sequence[ArcRatios], quantity: str, by: Callable[[ArcRatios], Any] | str
) -> dict[Any, Row]:
    """Give figures over all points of a quantity in groups.

    Args:
        arcs: What to sum up.
        quantity: ``delay`` or ``transition``.
        by: What groups the arcs, or ``slew_ps`` or ``column`` to group the points.
    """
    found: dict[Any, list[np.ndarray]] = {}
    for arc in arcs:
        part: Ratios = getattr(arc, quantity)
        if callable(by):
            found.setdefault(by(arc), []).append(part.ratio)
            continue
        keys = np.round(getattr(part, by), 3)
        for key in np.unique(keys):
            found.setdefault(float(key), []).append(part.ratio[keys == key])
    return {
        key: ratio_figures(np.concatenate(parts))
        for key, parts in sorted(found.items(), key=lambda item: item[0])
    }


def ratio_figures(values: Sequence[float] | np.ndarray) -> Row:
    """Give count, median, spread and the median distance from 1 of some ratios."""
    ratios = np.asarray(values, dtype=np.float64)
    keys = ("median", "p5", "p95", "min", "max", "median_error_percent")
    if not ratios.size:
        return {"count": 0, **dict.fromkeys(keys)}
    low, middle, high = np.quantile(ratios, (0.05, 0.5, 0.95)).tolist()
    error = 100 * float(np.median(np.abs(ratios - 1)))
    figures = (middle, low, high, float(ratios.min()), float(ratios.max()), error)
    return {"count": ratios.size, **dict(zip(keys, figures, strict=True))}


def first_senses(timed: Mapping[str, tuple[CellTiming, CellTiming]]) -> list[str]:
    """Name the pins whose first timing groups have different senses in the two libraries.

    ABC takes the sense of a pin from its first group (`docs/timing.md`), so on these pins its
    figures differ for a reason that is not the tables'.
    """
    return [
        f"{cell}/{pin}"
        for cell, (theirs, ours) in timed.items()
        for pin in theirs.capacitance_ff
        if _first_sense(theirs, pin) != _first_sense(ours, pin)
    ]


def _first_sense(timing: CellTiming, pin: str) -> str:
    """Give the sense of a pin's first group, as `edarl.synthesis.timing.arrays` finds it."""
    own = [arc for arc in timing.arcs if arc.pin == pin]
    same = [arc.in_edge == arc.out_edge for arc in own[:2]]
    if same == [True, False] and np.array_equal(own[0].delay.values_ps, own[1].delay.values_ps):
        return "both"
    return "same" if same[0] else "opposite"


def _difference(cell: str, what: str, official: object, measured: object) -> Row:
    return {"cell": cell, "what": what, "official": str(official), "measured": str(measured)}


def _differences(theirs: Cell, ours: Cell) -> Iterable[Row]:
    name = ours.name
    if not math.isclose(theirs.area_um2, ours.area_um2, rel_tol=_SAME):
        yield _difference(name, "area", theirs.area_um2, ours.area_um2)
    pins = [
        sorted((pin.name, pin.direction) for pin in cell.pins if pin.direction != "internal")
        for cell in (theirs, ours)
    ]
    if pins[0] != pins[1]:
        texts = (", ".join(f"{pin} {direction}" for pin, direction in side) for side in pins)
        yield _difference(name, "pins", *texts)
    else:
        inputs = [pin.name for pin in theirs.inputs]
        for pin in theirs.outputs:
            other = ours.pin(pin.name)
            if not _same_function(pin.function, other.function, inputs):
                yield _difference(
                    name, "function", f"{pin.name} = {pin.function}", f"= {other.function}"
                )
    if bool(theirs.left_out) != bool(ours.left_out):
        yield _difference(name, "use", theirs.left_out or "a gate", ours.left_out or "a gate")


def _same_function(one: str | None, other: str | None, inputs: Sequence[str]) -> bool:
    """Compare truth tables; what has none, as the states of a flip-flop, by its text."""
    if one is None or other is None:
        return one is other
    if len(inputs) <= MAX_INPUTS:
        try:
            return truth_table(one, inputs) == truth_table(other, inputs)
        except LibraryError:
            pass
    return "".join(one.split()) == "".join(other.split())


def _leakage_nw(library: CellLibrary) -> dict[str, float]:
    """Read `cell_leakage_power` of every cell that states it, in nW."""
    source = f"library {library.name}"
    text = read_text(library.liberty_path)
    top = parse_liberty(text, source=source, descend=frozenset({"cell"}))
    unit = _POWER.fullmatch((top.get("leakage_power_unit") or "1nW").strip().lower())
    if unit is None:
        return {}
    factor = float(unit[1]) * _NW_PER[unit[2]]
    stated = ((cell.arguments[0], cell.get("cell_leakage_power")) for cell in top.children("cell"))
    return {name: float(value) * factor for name, value in stated if value is not None}


def _by_arc(timing: CellTiming) -> dict[tuple[str, int, int], tuple[list[Table], list[Table]]]:
    found: dict[tuple[str, int, int], tuple[list[Table], list[Table]]] = {}
    for arc in timing.arcs:
        delays, slews = found.setdefault((arc.pin, arc.in_edge, arc.out_edge), ([], []))
        delays.append(arc.delay)
        slews.append(arc.slew)
    return found


def _ratios(theirs: Sequence[Table], ours: Sequence[Table]) -> Ratios:
    """Compare one quantity at the points of the first official table that all tables cover."""
    slews, loads = (axis if axis.size else np.zeros(1) for axis in theirs[0][:2])
    every = (*theirs, *ours)
    inside = np.outer(
        _covered(slews, [table.slews_ps for table in every]),
        _covered(loads, [table.loads_ff for table in every]),
    )
    wanted, found = (_worst(tables, slews, loads) for tables in (theirs, ours))
    large = wanted >= FLOOR_PS
    kept = inside & large
    rows, columns = np.nonzero(kept)
    return Ratios(
        found[kept] / wanted[kept],
        slews[rows],
        columns,
        int((~inside).sum()),
        int((inside & ~large).sum()),
    )


def _covered(points: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    covered = np.ones(points.size, dtype=bool)
    for axis in axes:
        if axis.size:
            covered &= (points >= axis[0] * (1 - _SAME)) & (points <= axis[-1] * (1 + _SAME))
    return covered


def _worst(tables: Sequence[Table], slews: np.ndarray, loads: np.ndarray) -> np.ndarray:
    grids = [resampled(t.values_ps, t.slews_ps, t.loads_ff, slews, loads) for t in tables]
    return np.asarray(np.stack(grids).max(axis=0))
