"""A library's gates as arrays: what the timer looks delays, slews and loads up in.

Times are in picoseconds, capacitances in femtofarad, areas in square micrometres. Reading the
Liberty text is `edarl.synthesis.timing.nldm`' business; it happens once per library, then the
arrays are kept in `edarl.config.home`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from edarl.config import home
from edarl.errors import LibraryError
from edarl.hdl.netlist import FUNCTIONS
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.cells import Cell
from edarl.synthesis.matching import function_of
from edarl.synthesis.timing.archive import read_arrays, write_arrays
from edarl.synthesis.timing.grids import interpolation_weights, resampled, union
from edarl.synthesis.timing.nldm import CellTiming, read_timing

__all__ = ["Tables", "TimingLibrary", "timing_library"]

_FORMAT = "edarl timing tables 1"
"""Names the meaning of a kept file. Any change that can change a number in it has a new one."""

_PROBE_SLEWS = 4
_PROBE_LOADS = 6
"""At how many slews and loads cells are compared before one of them is left out."""


class Tables(NamedTuple):
    """The arrays a timer reads.

    Shapes: C cells, P the most input pins of a cell, A arcs, S and L the most breakpoints of slew
    and load. Edges: 0 rise, 1 fall. Lookups are bilinear and go on linearly outside the axes.

    Attributes:
        area: [C] in square micrometres.
        function: [C] index into `FUNCTIONS`, -1 for a cell of another function.
        inputs: [C] number of input pins.
        cap: [C, P, 2] capacitance that a rising and a falling edge at a pin sees, in femtofarad.
        max_load: [C] largest load in femtofarad, inf where none is set.
        max_slew: [C, P] largest slew at a pin in picoseconds, inf where none is set.
        slew_axis: [C, S] breakpoints in picoseconds, rising, padded with inf.
        load_axis: [C, L] breakpoints in femtofarad, rising, padded with inf.
        slew_count: [C] breakpoints of `slew_axis` that count, >= 2.
        load_count: [C] breakpoints of `load_axis` that count, >= 2.
        arc_start: [C*P + 1] pin k of cell c has the arcs ``arc_start[c*P+k]`` up to, not with,
            ``arc_start[c*P+k+1]``; the slowest of those of one edge pair holds.
        arc_edges: [A] 2 * input edge + output edge.
        values: [A, S, L, 2] delay and output slew in picoseconds.
    """

    area: Float64[np.ndarray, " c"]
    function: Int64[np.ndarray, " c"]
    inputs: Int64[np.ndarray, " c"]
    cap: Float64[np.ndarray, "c p 2"]
    max_load: Float64[np.ndarray, " c"]
    max_slew: Float64[np.ndarray, "c p"]
    slew_axis: Float64[np.ndarray, "c s"]
    load_axis: Float64[np.ndarray, "c l"]
    slew_count: Int64[np.ndarray, " c"]
    load_count: Int64[np.ndarray, " c"]
    arc_start: Int64[np.ndarray, " n"]
    arc_edges: Int64[np.ndarray, " a"]
    values: Float32[np.ndarray, "a s l 2"]


@dataclass(frozen=True, slots=True, eq=False)
class TimingLibrary:
    """A library's gates with their delay tables.

    Attributes:
        library: The library they are of.
        cells: The name of each cell id.
        index: The id of each cell name.
        pins: For each cell its input pins, those of a gate function in that function's order.
        outputs: For each cell its output pin.
        tables: The arrays, by cell id.
        families: For each function of `FUNCTIONS` the ids of its cells, smallest area first,
            without those that another one beats in everything.
    """

    library: CellLibrary
    cells: tuple[str, ...]
    index: Mapping[str, int]
    pins: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]
    tables: Tables
    families: tuple[tuple[int, ...], ...]


def timing_library(library: CellLibrary) -> TimingLibrary:
    """Give a library's delay tables, read once and kept under the library's digest.

    A kept file that is missing, damaged or of another format is made again from the Liberty copy.
    Cells without usable tables are left out as long as their function keeps another one.

    Raises:
        LibraryError: The Liberty copy cannot be read, its delay model is not table lookup, or a
            gate function has no cell with usable tables; all cells of such functions are named.
    """
    return _loaded(library)


@lru_cache(maxsize=8)
def _loaded(library: CellLibrary) -> TimingLibrary:
    path = home() / "libraries" / "timing" / f"{library.digest}.npz"
    arrays = read_arrays(path, format_name=_FORMAT)
    if arrays is None:
        arrays = _read_library(library)
        with contextlib.suppress(OSError):  # a home that cannot be written to costs time only
            write_arrays(path, arrays, format_name=_FORMAT)
    names = tuple(arrays.pop("cells").tolist())
    return _assemble(library, Tables(**arrays), names)


def _read_library(library: CellLibrary) -> dict[str, np.ndarray[Any, Any]]:
    """Make the arrays from the Liberty text.

    Raises:
        LibraryError: As `timing_library`.
    """
    found, lacking = read_timing(library)
    problems = []
    for function, names in library.serving.items():
        if not any(name in found for name in names):
            why = "; ".join(f"{name}: {lacking.get(name, 'not in the file')}" for name in names)
            problems.append(f"{function}: {why}")
    if problems:
        raise LibraryError(
            f"library {library.name}: expected delay tables for at least one cell of every gate "
            "function, found none for\n  " + "\n  ".join(problems) + "\nadd a Liberty file with "
            "complete tables (cell_rise, cell_fall, rise_transition, fall_transition)"
        )
    arrays = _tables(library, found)._asdict()
    return {"cells": np.array(list(found), np.str_), **arrays}


def _assemble(library: CellLibrary, tables: Tables, names: tuple[str, ...]) -> TimingLibrary:
    index = {name: number for number, name in enumerate(names)}
    serving = (library.serving[function] for function in FUNCTIONS)
    return TimingLibrary(
        library=library,
        cells=names,
        index=MappingProxyType(index),
        pins=tuple(_pins(library.cells[name]) for name in names),
        outputs=tuple(library.cells[name].outputs[0].name for name in names),
        tables=tables,
        families=tuple(
            _undominated(tables, [index[name] for name in candidates if name in index])
            for candidates in serving
        ),
    )


def _pins(cell: Cell) -> tuple[str, ...]:
    """Give a cell's input pins, in the order of its gate function if it has one."""
    binding = function_of(cell)
    return tuple(pin.name for pin in cell.inputs) if binding is None else binding.pins


class _Gridded(NamedTuple):
    """A cell's arcs on one grid: for each pin edge pairs and values [S, L, 2]."""

    slews: np.ndarray[Any, Any]
    loads: np.ndarray[Any, Any]
    arcs: tuple[tuple[tuple[int, np.ndarray[Any, Any]], ...], ...]


def _gridded(timing: CellTiming, pins: Sequence[str]) -> _Gridded:
    """Bring a cell's tables onto one grid; of equal arcs the first is kept."""
    tables = [table for arc in timing.arcs for table in (arc.delay, arc.slew)]
    slews = union(table.slews_ps for table in tables)
    loads = union(table.loads_ff for table in tables)
    by_pin: dict[str, dict[tuple[int, bytes], np.ndarray[Any, Any]]] = {pin: {} for pin in pins}
    for arc in timing.arcs:
        pair = [
            resampled(table.values_ps, table.slews_ps, table.loads_ff, slews, loads)
            for table in (arc.delay, arc.slew)
        ]
        grid = np.stack(pair, axis=-1).astype(np.float32)
        by_pin[arc.pin].setdefault((2 * arc.in_edge + arc.out_edge, grid.tobytes()), grid)
    return _Gridded(
        slews,
        loads,
        tuple(tuple((key[0], grid) for key, grid in by_pin[pin].items()) for pin in pins),
    )


def _tables(library: CellLibrary, timings: Mapping[str, CellTiming]) -> Tables:
    """Bring the cells' tables into arrays."""
    functions = {
        name: number
        for number, function in enumerate(FUNCTIONS)
        for name in library.serving[function]
    }
    orders = [_pins(library.cells[name]) for name in timings]
    cells = [_gridded(timing, pins) for timing, pins in zip(timings.values(), orders, strict=True)]
    count, most = len(cells), max(map(len, orders))
    cap = np.zeros((count, most, 2))
    max_slew = np.full((count, most), np.inf)
    for number, (timing, pins) in enumerate(zip(timings.values(), orders, strict=True)):
        cap[number, : len(pins)] = [timing.capacitance_ff[pin] for pin in pins]
        max_slew[number, : len(pins)] = [timing.max_slew_ps[pin] for pin in pins]
    unused: tuple[tuple[int, np.ndarray[Any, Any]], ...] = ()
    per_pin = [(*cell.arcs, *[unused] * (most - len(cell.arcs))) for cell in cells]
    arcs = [arc for pins_of_cell in per_pin for of_pin in pins_of_cell for arc in of_pin]
    sizes = [len(of_pin) for pins_of_cell in per_pin for of_pin in pins_of_cell]
    slew_axis = _padded([cell.slews for cell in cells])
    load_axis = _padded([cell.loads for cell in cells])
    values = np.zeros((len(arcs), slew_axis.shape[1], load_axis.shape[1], 2), np.float32)
    for row, (_, grid) in zip(values, arcs, strict=True):
        row[: grid.shape[0], : grid.shape[1]] = grid
    return Tables(
        area=np.array([library.area(name) for name in timings], np.float64),
        function=np.array([functions.get(name, -1) for name in timings], np.int64),
        inputs=np.array([len(pins) for pins in orders], np.int64),
        cap=cap,
        max_load=np.array([timing.max_load_ff for timing in timings.values()], np.float64),
        max_slew=max_slew,
        slew_axis=slew_axis,
        load_axis=load_axis,
        slew_count=np.array([cell.slews.size for cell in cells], np.int64),
        load_count=np.array([cell.loads.size for cell in cells], np.int64),
        arc_start=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        arc_edges=np.array([edges for edges, _ in arcs], np.int64),
        values=values,
    )


def _padded(axes: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    padded = np.full((len(axes), max(axis.size for axis in axes)), np.inf)
    for row, axis in zip(padded, axes, strict=True):
        row[: axis.size] = axis
    return padded


def _undominated(tables: Tables, ids: Sequence[int]) -> tuple[int, ...]:
    """Leave out the cells of one function that another is no worse than in anything."""
    first = max(float(tables.slew_axis[c, 0]) for c in ids)
    last = max(float(tables.slew_axis[c, tables.slew_count[c] - 1]) for c in ids)
    slews = np.linspace(max(first, 0.0), max(last, first), _PROBE_SLEWS)
    least = min(float(tables.cap[c, : tables.inputs[c]].min()) for c in ids)
    largest = max(float(tables.load_axis[c, tables.load_count[c] - 1]) for c in ids)
    loads = np.geomspace(max(least, 1e-3), max(largest, 1e-3), _PROBE_LOADS)
    rows = [_merits(tables, c, slews, loads) for c in ids]
    return tuple(
        cell
        for place, (cell, row) in enumerate(zip(ids, rows, strict=True))
        if not any(
            (other <= row).all() and (rank < place or (other < row).any())
            for rank, other in enumerate(rows)
            if rank != place
        )
    )


def _merits(
    tables: Tables,
    cell: int,
    slews: Float64[np.ndarray, " m"],
    loads: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " _"]:
    """Give everything by which a cell is judged as one row of numbers, lower is better."""
    inputs, most = int(tables.inputs[cell]), tables.cap.shape[1]
    slew_count, load_count = int(tables.slew_count[cell]), int(tables.load_count[cell])
    by_slew = interpolation_weights(tables.slew_axis[cell, :slew_count], slews)
    by_load = interpolation_weights(tables.load_axis[cell, :load_count], loads)
    worst = np.full((inputs, 4, 2, slews.size, loads.size), -np.inf)
    for pin in range(inputs):
        for arc in range(*tables.arc_start[cell * most + pin : cell * most + pin + 2]):
            grid = tables.values[arc, :slew_count, :load_count].astype(np.float64)
            found = by_slew @ np.moveaxis(grid, -1, 0) @ by_load.T
            edges = tables.arc_edges[arc]
            worst[pin, edges] = np.maximum(worst[pin, edges], found)
    limits = [-tables.max_load[cell], *-tables.max_slew[cell, :inputs]]
    parts = ([tables.area[cell]], tables.cap[cell, :inputs].ravel(), limits, worst.ravel())
    return np.concatenate(parts)
