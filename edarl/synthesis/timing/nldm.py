"""The delay tables of a library's gates, read from its Liberty text.

What the tables mean to a timer is `edarl.synthesis.timing.tables`' business. Only combinational
cells with one output are read; cells whose tables cannot be used are named with what they lack.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from edarl.errors import LibraryError
from edarl.synthesis.boolean import MAX_INPUTS, truth_table
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.cells import Cell, Units
from edarl.synthesis.liberty import CELL_GROUPS, Group, parse_liberty, read_text

__all__ = ["FALL", "RISE", "CellTiming", "Table", "TimingArc", "read_timing"]

RISE, FALL = 0, 1
"""The two edges of a signal, as array indices."""

_EDGES = ("rise", "fall")
_TABLES = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
_TOP_GROUPS = frozenset({"lu_table_template"})
_INSIDE = CELL_GROUPS.union(_TABLES)
_SLEW_VARIABLES = frozenset({"input_net_transition", "input_transition_time"})
_LOAD_VARIABLE = "total_output_net_capacitance"
_OUT_EDGES = {
    "": (RISE, FALL),
    "combinational": (RISE, FALL),
    "combinational_rise": (RISE,),
    "combinational_fall": (FALL,),
}
_SENSES = {"positive_unate": (True, False), "negative_unate": (False, True)}
_BOTH = (True, True)


class Table(NamedTuple):
    """A quantity over input slew and output load; an empty axis is one it does not depend on.

    Attributes:
        slews_ps: Breakpoints in picoseconds, rising.
        loads_ff: Breakpoints in femtofarad, rising.
        values_ps: The quantity in picoseconds; an empty axis has length 1 here.
    """

    slews_ps: Float64[np.ndarray, " s"]
    loads_ff: Float64[np.ndarray, " l"]
    values_ps: Float64[np.ndarray, "s l"]


class TimingArc(NamedTuple):
    """How an edge at an input becomes an edge at the output.

    Attributes:
        pin: The input pin.
        in_edge: `RISE` or `FALL`.
        out_edge: `RISE` or `FALL`.
        delay: The delay table.
        slew: The output slew table.
    """

    pin: str
    in_edge: int
    out_edge: int
    delay: Table
    slew: Table


@dataclass(frozen=True, slots=True)
class CellTiming:
    """A cell's arcs and limits.

    Attributes:
        capacitance_ff: For each input pin what a rising and a falling edge see, in femtofarad.
        max_slew_ps: The largest slew each input pin accepts in picoseconds; inf where none is set.
        max_load_ff: The largest load on the output in femtofarad; inf where none is set.
        arcs: Its arcs in file order; every timing group has arcs of its own.
    """

    capacitance_ff: Mapping[str, tuple[float, float]]
    max_slew_ps: Mapping[str, float]
    max_load_ff: float
    arcs: tuple[TimingArc, ...]


class _Template(NamedTuple):
    """The variables of a table, and its axes as text unless it has its own."""

    variables: tuple[str, ...]
    axes: tuple[tuple[str, ...], ...]


class _Head(NamedTuple):
    """What the cells share."""

    units: Units
    templates: Mapping[str, _Template]
    max_slew: float | None
    max_load: float | None


class _Lack(Exception):  # noqa: N818  (it never leaves this module)
    """Something that a cell lacks, in words."""


def read_timing(library: CellLibrary) -> tuple[dict[str, CellTiming], dict[str, str]]:
    """Read the delay tables of every cell that could serve as a gate.

    Returns:
        The cells with usable tables in file order, and for every other candidate what it lacks.

    Raises:
        LibraryError: The library's copy cannot be read, or its delay model is not table lookup.
    """
    source = f"library {library.name}"
    text = read_text(library.liberty_path)
    top = parse_liberty(text, source=source, descend=_TOP_GROUPS)
    model = (top.get("delay_model") or "table_lookup").strip()
    if model != "table_lookup":
        raise LibraryError(
            f"{source}: `delay_model` should be table_lookup, actual value: {model}; gates are "
            "timed by delay tables only"
        )
    head = _Head(
        library.units,
        {
            name: _read_template(group)
            for group in top.children("lu_table_template")
            for name in group.arguments
        },
        _number(top.get("default_max_transition")),
        _number(top.get("default_max_capacitance")),
    )
    found: dict[str, CellTiming] = {}
    lacking: dict[str, str] = {}
    for group in top.children("cell"):
        cell = library.cells.get(group.arguments[0])
        if cell is None or cell.left_out:
            continue
        # One cell at a time: the tables of a whole library as text are many times its arrays.
        inside = parse_liberty(
            f"library (one) {{{text[group.start : group.end]}}}",
            source=f"{source}, cell {cell.name} (its lines counted from line {group.line})",
            descend=_INSIDE,
        )
        try:
            found[cell.name] = _read_cell(cell, inside.groups[0], head)
        except _Lack as problem:
            lacking[cell.name] = str(problem)
    return found, lacking


def _read_template(group: Group) -> _Template:
    variables = []
    axes = []
    for place in ("1", "2", "3"):
        variable = group.get(f"variable_{place}")
        if variable is not None:
            variables.append(variable.strip())
            axes.append(group.arguments_of(f"index_{place}") or ())
    return _Template(tuple(variables), tuple(axes))


def _read_cell(cell: Cell, group: Group, head: _Head) -> CellTiming:
    """Read a cell's limits and arcs.

    Raises:
        _Lack: Something is missing or cannot be used.
    """
    inputs = {pin.name: pin for pin in cell.inputs}
    output = cell.outputs[0]
    capacitances: dict[str, tuple[float, float]] = {}
    max_slews: dict[str, float] = {}
    arcs: list[TimingArc] = []
    for pin in group.children("pin"):
        for name in pin.arguments:
            if name in inputs:
                single = inputs[name].capacitance_ff
                rise, fall = (_number(pin.get(f"{edge}_capacitance")) for edge in _EDGES)
                unit = head.units.capacitance_ff
                capacitances[name] = (
                    single if rise is None else rise * unit,
                    single if fall is None else fall * unit,
                )
                slew = _number(pin.get("max_transition"))
                slew = head.max_slew if slew is None else slew
                max_slews[name] = math.inf if slew is None else slew * head.units.time_ps
            elif name == output.name:
                for timing in pin.children("timing"):
                    arcs.extend(_read_timing_group(cell, timing, head))
    for name in inputs:
        edges = {arc.out_edge for arc in arcs if arc.pin == name}
        if edges != {RISE, FALL}:
            missing = " and ".join(_EDGES[edge] for edge in (RISE, FALL) if edge not in edges)
            raise _Lack(f"no delay table from input {name} to a {missing} of {output.name}")
    load = output.max_load_ff
    if load is None and head.max_load is not None:
        load = head.max_load * head.units.capacitance_ff
    return CellTiming(capacitances, max_slews, math.inf if load is None else load, tuple(arcs))


def _read_timing_group(cell: Cell, timing: Group, head: _Head) -> Iterator[TimingArc]:
    """Give the arcs of one timing group.

    Raises:
        _Lack: A table is missing or cannot be used, or the group is not of a gate.
    """
    kind = (timing.get("timing_type") or "").strip()
    out_edges = _OUT_EDGES.get(kind)
    if out_edges is None:
        raise _Lack(f"`timing_type` {kind} is not that of a gate")
    pins = (timing.get("related_pin") or "").split()
    known = {pin.name for pin in cell.inputs}
    if not pins or not known.issuperset(pins):
        raise _Lack(f"`related_pin` {' '.join(pins) or 'missing'} is no input")
    tables = {group.name: group for group in timing.children(*_TABLES)}
    for out_edge in out_edges:
        edge = _EDGES[out_edge]
        wanted = (f"cell_{edge}", f"{edge}_transition")
        for name in wanted:
            if name not in tables:
                raise _Lack(f"no {name} table from input {' '.join(pins)}")
        delay, slew = (_read_table(tables[name], " ".join(pins), head) for name in wanted)
        for pin in pins:
            same, opposite = _sense(cell, pin, timing)
            if same:
                yield TimingArc(pin, out_edge, out_edge, delay, slew)
            if opposite:
                yield TimingArc(pin, 1 - out_edge, out_edge, delay, slew)


def _sense(cell: Cell, pin: str, timing: Group) -> tuple[bool, bool]:
    """Say whether the output follows the input, and whether it opposes it.

    Without ``timing_sense`` the cell's function tells.
    """
    text = timing.get("timing_sense")
    if text is not None:
        return _SENSES.get(text.strip(), _BOTH)
    function = cell.outputs[0].function
    assert function is not None  # a cell without function is left out
    names = tuple(other.name for other in cell.inputs)
    if len(names) > MAX_INPUTS:
        return _BOTH
    table = truth_table(function, names)
    bit = 1 << names.index(pin)
    low = [row for row in range(1 << len(names)) if not row & bit]
    same = any(not table >> row & 1 and table >> (row | bit) & 1 for row in low)
    opposite = any(table >> row & 1 and not table >> (row | bit) & 1 for row in low)
    return same, opposite


def _read_table(group: Group, pins: str, head: _Head) -> Table:
    """Read a table, slew along the rows.

    Raises:
        _Lack: Its template is missing or has other variables, an axis does not rise, or the
            number of values is not that of the axes.
    """
    where = f"{group.name} from input {pins}"
    name = group.arguments[0] if group.arguments else "scalar"
    template = head.templates.get(name)
    if template is None:
        if name != "scalar":
            raise _Lack(f"{where} has no template `{name}`")
        template = _Template((), ())
    unit = {_LOAD_VARIABLE: head.units.capacitance_ff}
    unit.update(dict.fromkeys(_SLEW_VARIABLES, head.units.time_ps))
    axes: dict[bool, np.ndarray] = {}
    shape = []
    for place, variable in enumerate(template.variables):
        is_load = variable == _LOAD_VARIABLE
        if variable not in unit or is_load in axes:
            raise _Lack(
                f"{where} depends on {', '.join(template.variables)}; expected input slew and "
                "output load"
            )
        own = group.arguments_of(f"index_{place + 1}")
        axis = np.array(_numbers(own or template.axes[place], where)) * unit[variable]
        if not axis.size or not (np.diff(axis) > 0).all():
            raise _Lack(f"{where}: index_{place + 1} does not rise strictly")
        axes[is_load] = axis
        shape.append(axis.size)
    values = np.array(_numbers(group.arguments_of("values") or (), where))
    if values.size != math.prod(shape):
        raise _Lack(f"{where} should have {math.prod(shape)} values, actual number: {values.size}")
    slews, loads = axes.get(False, np.empty(0)), axes.get(True, np.empty(0))
    if template.variables[:1] == (_LOAD_VARIABLE,):
        grid = values.reshape(max(loads.size, 1), max(slews.size, 1)).T
    else:
        grid = values.reshape(max(slews.size, 1), max(loads.size, 1))
    return Table(slews, loads, grid * head.units.time_ps)


def _numbers(arguments: Iterable[str], where: str) -> list[float]:
    """Read the numbers of an ``index`` or ``values`` statement.

    Raises:
        _Lack: One of them is not a finite number.
    """
    found = []
    for word in " ".join(arguments).replace(",", " ").split():
        value = _number(word)
        if value is None:
            raise _Lack(f"{where}: `{word}` is not a number")
        found.append(value)
    return found


def _number(text: str | None) -> float | None:
    """Read a finite number; None for anything else."""
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
