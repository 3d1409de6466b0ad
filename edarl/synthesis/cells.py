"""What Liberty groups mean: units, corner, cells, pins and how fast each input is.

Knows nothing of files and tools; `edarl.synthesis.matching` chooses among the cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edarl.errors import LibraryError
from edarl.synthesis.boolean import MAX_INPUTS, truth_table, variables
from edarl.synthesis.liberty import Group

__all__ = ["Arc", "Cell", "Corner", "Pin", "Units", "read_cells", "read_corner", "read_units"]

_TIME_UNIT = re.compile(r"(1|10|100)(ps|ns)")
_PS_PER = {"ps": 1.0, "ns": 1000.0}
_FF_PER = {"ff": 1.0, "pf": 1000.0, "nf": 1e6}
_SEQUENTIAL_GROUPS = frozenset({"ff", "ff_bank", "latch", "latch_bank", "statetable"})
_SPECIAL_SUPPLIES = frozenset(
    {"backup_power", "backup_ground", "internal_power", "internal_ground"}
)
_SPECIAL_ATTRIBUTES = ("always_on", "is_isolation_cell", "is_level_shifter", "retention_cell")
_DELAY_GROUPS = ("cell_rise", "cell_fall")


@dataclass(frozen=True, slots=True)
class Units:
    """The units a library is written in.

    Attributes:
        time_ps: Its unit of time in picoseconds.
        capacitance_ff: Its unit of capacitance in femtofarad.
    """

    time_ps: float
    capacitance_ff: float


@dataclass(frozen=True, slots=True)
class Corner:
    """The conditions a library was characterised for.

    Attributes:
        name: The default operating conditions' name; empty where the library names none.
        process: The process factor, 1 = nominal; None where it is not given.
        voltage_v: The supply in volts; None where it is not given.
        temperature_c: The temperature in degrees Celsius; None where it is not given.
    """

    name: str
    process: float | None
    voltage_v: float | None
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class Arc:
    """How fast one input reaches one output, near the middle of the library's delay tables.

    The figures of different inputs of one cell can be compared with each other: they are read at
    the same place of each table. They are not a delay under any constraint.

    Attributes:
        input: The input pin.
        rise_ps: Delay to a rising output in picoseconds, the slowest over all conditions.
        fall_ps: Delay to a falling output in picoseconds, the slowest over all conditions.
    """

    input: str
    rise_ps: float
    fall_ps: float

    @property
    def delay_ps(self) -> float:
        """The slower of both edges, in picoseconds."""
        return max(self.rise_ps, self.fall_ps)


@dataclass(frozen=True, slots=True)
class Pin:
    """A signal pin of a cell.

    Attributes:
        name: The pin's name.
        direction: ``input``, ``output``, ``inout`` or ``internal``.
        capacitance_ff: Its capacitance in femtofarad.
        function: The Boolean function of an output as the library writes it, or None.
        three_state: The condition under which an output floats, or None.
        max_load_ff: The largest load an output may drive in femtofarad, or None.
        arcs: For an output, one entry per input that has delay tables to it.
    """

    name: str
    direction: str
    capacitance_ff: float
    function: str | None = None
    three_state: str | None = None
    max_load_ff: float | None = None
    arcs: tuple[Arc, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A library cell.

    Attributes:
        name: The cell's name.
        area_um2: Its area in square micrometres.
        pins: Its signal pins in file order.
        dont_use: Whether the library asks tools to leave it alone.
        sequential: Whether it holds state.
        special: Why it is not an ordinary gate (another supply, bus pins), or empty.
    """

    name: str
    area_um2: float
    pins: tuple[Pin, ...]
    dont_use: bool = False
    sequential: bool = False
    special: str = ""

    @property
    def inputs(self) -> tuple[Pin, ...]:
        """The input pins in file order."""
        return tuple(pin for pin in self.pins if pin.direction == "input")

    @property
    def outputs(self) -> tuple[Pin, ...]:
        """The output and bidirectional pins in file order."""
        return tuple(pin for pin in self.pins if pin.direction in ("output", "inout"))

    def pin(self, name: str) -> Pin:
        """Give a pin by name.

        Raises:
            LibraryError: The cell has no such pin.
        """
        for pin in self.pins:
            if pin.name == name:
                return pin
        known = ", ".join(pin.name for pin in self.pins)
        raise LibraryError(f"cell {self.name} has no pin `{name}`; its pins: {known}")

    @property
    def left_out(self) -> str:
        """Why the cell is no candidate for a gate function; empty when it is one."""
        outputs = self.outputs
        if self.sequential:
            return "sequential"
        if any(pin.three_state for pin in outputs):
            return "tri-state"
        if self.special:
            return self.special
        if self.dont_use:
            return "dont_use"
        if len(outputs) > 1:
            return f"{len(outputs)} outputs"
        if not outputs:
            return "no output"
        if any(pin.direction not in ("input", "output") for pin in self.pins):
            return "bidirectional or internal pins"
        if outputs[0].function is None:
            return "no function"
        return self._function_problem(outputs[0].function)

    def _function_problem(self, function: str) -> str:
        try:
            names = variables(function)
        except LibraryError:
            return "function not understood"
        inputs = {pin.name for pin in self.inputs}
        if not inputs:
            return "no input"
        if set(names) != inputs:
            return "function does not use exactly the input pins"
        if len(names) <= MAX_INPUTS:
            try:
                truth_table(function, names)
            except LibraryError:
                return "function not understood"
        return ""


def read_units(library: Group, *, source: str) -> Units:
    """Read the units of time and capacitance.

    Raises:
        LibraryError: A unit is missing or not one that Liberty knows.
    """
    text = (library.get("time_unit") or "1ns").strip().lower().replace(" ", "")
    match = _TIME_UNIT.fullmatch(text)
    if match is None:
        raise LibraryError(
            f"{source}: `time_unit` should be like 1ns or 10ps, actual value: {text}"
        )
    arguments = library.arguments_of("capacitive_load_unit")
    if arguments is None:
        raise LibraryError(
            f"{source}: `capacitive_load_unit` is missing; without it loads have no unit; "
            "add a line such as `capacitive_load_unit (1,pf);`"
        )
    unit = _FF_PER.get(arguments[1].lower()) if len(arguments) == 2 else None
    factor = _number(arguments[0]) if arguments else None
    if unit is None or factor is None or factor <= 0:
        raise LibraryError(
            f"{source}: `capacitive_load_unit` should be like (1,ff) or (1,pf), "
            f"actual value: ({', '.join(arguments)})"
        )
    return Units(float(match[1]) * _PS_PER[match[2]], factor * unit)


def read_corner(library: Group) -> Corner:
    """Read the conditions: the default operating conditions, else the nominal values."""
    name = library.get("default_operating_conditions") or ""
    chosen: Group | None = None
    for group in library.children("operating_conditions"):
        if group.arguments[:1] == (name,) or (not name and chosen is None):
            chosen = group

    def value(key: str) -> float | None:
        found = _number(chosen.get(key)) if chosen is not None else None
        return found if found is not None else _number(library.get(f"nom_{key}"))

    if chosen is not None and chosen.arguments:
        name = chosen.arguments[0]
    return Corner(name, value("process"), value("voltage"), value("temperature"))


def read_cells(library: Group, units: Units, *, source: str) -> Mapping[str, Cell]:
    """Read every cell, in file order.

    Raises:
        LibraryError: A cell has no name, no usable area, or stands twice; all are listed.
    """
    cells: dict[str, Cell] = {}
    problems: list[str] = []
    defaults = {
        direction: _number(library.get(f"default_{direction}_pin_cap")) or 0.0
        for direction in ("input", "output", "inout")
    }
    for group in library.children("cell"):
        name = group.arguments[0] if len(group.arguments) == 1 else ""
        area = _number(group.get("area"))
        if not name:
            problems.append(f"line {group.line}: a cell should have one name")
        elif name in cells:
            problems.append(f"line {group.line}: cell {name} stands here a second time")
        elif area is None or area < 0:
            problems.append(f"line {group.line}: cell {name} should have an area >= 0")
        else:
            cells[name] = _read_cell(name, area, group, units, defaults)
    if problems:
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise LibraryError(f"{source}:\n  " + "\n  ".join(problems[:10]) + more)
    if not cells:
        raise LibraryError(f"{source}: the library has no cells")
    return cells


def _read_cell(
    name: str, area_um2: float, group: Group, units: Units, defaults: Mapping[str, float]
) -> Cell:
    special = ""
    if any(True for _ in group.children("bus", "bundle")):
        special = "bus pins"
    elif any(_is_true(group.get(key)) for key in _SPECIAL_ATTRIBUTES) or any(
        supply.get("pg_type") in _SPECIAL_SUPPLIES for supply in group.children("pg_pin")
    ):
        special = "needs another supply"
    pins: list[Pin] = []
    for pin in group.children("pin"):
        pins.extend(_read_pin(pin_name, pin, units, defaults) for pin_name in pin.arguments)
    return Cell(
        name=name,
        area_um2=area_um2,
        pins=tuple(pins),
        dont_use=_is_true(group.get("dont_use")),
        sequential=any(child.name in _SEQUENTIAL_GROUPS for child in group.groups)
        or group.get("clock_gating_integrated_cell") is not None,
        special=special,
    )


def _read_pin(name: str, group: Group, units: Units, defaults: Mapping[str, float]) -> Pin:
    direction = group.get("direction") or "input"
    capacitance = _number(group.get("capacitance"))
    if capacitance is None:
        edges = [_number(group.get(f"{edge}_capacitance")) for edge in ("rise", "fall")]
        known = [value for value in edges if value is not None]
        capacitance = max(known) if known else defaults.get(direction, 0.0)
    max_load = _number(group.get("max_capacitance"))
    return Pin(
        name=name,
        direction=direction,
        capacitance_ff=capacitance * units.capacitance_ff,
        function=group.get("function"),
        three_state=group.get("three_state"),
        max_load_ff=None if max_load is None else max_load * units.capacitance_ff,
        arcs=_read_arcs(group, units),
    )


def _read_arcs(pin: Group, units: Units) -> tuple[Arc, ...]:
    """Read the delays from each input, the slowest over all timing groups."""
    worst: dict[str, dict[str, float]] = {}
    for timing in pin.children("timing"):
        delays: dict[str, float] = {}
        for table in timing.children(*_DELAY_GROUPS):
            delay = _middle(table)
            if delay is not None:
                delays[table.name] = delay * units.time_ps
        for name in (timing.get("related_pin") or "").split() if delays else ():
            edges = worst.setdefault(name, {})
            for edge, delay in delays.items():
                edges[edge] = max(delay, edges.get(edge, delay))
    return tuple(
        Arc(name, edges.get("cell_rise", 0.0), edges.get("cell_fall", 0.0))
        for name, edges in worst.items()
    )


def _middle(table: Group) -> float | None:
    """Give the value in the middle of a delay table, in the library's unit."""
    for attribute in table.attributes:
        if attribute.name == "values":
            rows = attribute.arguments
            columns = rows[len(rows) // 2].replace(",", " ").split() if rows else []
            return _number(columns[len(columns) // 2]) if columns else None
    return None


def _is_true(text: str | None) -> bool:
    return text is not None and text.strip().lower() == "true"


def _number(text: str | None) -> float | None:
    """Read a finite number; None for anything else."""
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < float("inf") else None
