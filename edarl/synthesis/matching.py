"""Which cells serve which gate function, found by truth table and not by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations

from edarl.errors import LibraryError
from edarl.hdl.netlist import FUNCTIONS, CellBinding
from edarl.synthesis.boolean import truth_table
from edarl.synthesis.cells import Cell

__all__ = ["bind", "bind_fast_pins", "function_of", "serving_cells"]

_BY_SHAPE = {shape: function for function, shape in FUNCTIONS.items()}


def function_of(cell: Cell) -> CellBinding | None:
    """Give the pins by which a cell realises a gate function, or None.

    Of several pin orders that do, the one that follows the library's own order is given.
    """
    match = _match(cell)
    return match[1] if match is not None else None


def serving_cells(cells: Iterable[Cell]) -> Mapping[str, tuple[str, ...]]:
    """Give for each gate function the cells that realise it, smallest area first.

    Cells of equal area are ordered by the length of their names, then by name: clock buffers and
    other variants have longer names than the plain cell.
    Cells that are left out (see `Cell.left_out`) serve nothing. Functions that no cell realises
    are present with an empty tuple.
    """
    found: dict[str, list[Cell]] = {function: [] for function in FUNCTIONS}
    for cell in cells:
        match = _match(cell)
        if match is not None:
            found[match[0]].append(cell)
    return {
        function: tuple(
            cell.name for cell in sorted(group, key=lambda c: (c.area_um2, len(c.name), c.name))
        )
        for function, group in found.items()
    }


def bind(
    serving: Mapping[str, tuple[str, ...]], cells: Mapping[str, Cell], *, source: str
) -> Mapping[str, CellBinding]:
    """Bind each gate function to its smallest cell.

    Raises:
        LibraryError: Some functions have no cell; all are named.
    """
    missing = [function for function, names in serving.items() if not names]
    if missing:
        raise LibraryError(
            f"{source}: no usable cell for {', '.join(missing)}; circuits are built from "
            f"{', '.join(FUNCTIONS)}, so add the files that hold these cells as well"
        )
    bindings = {function: function_of(cells[names[0]]) for function, names in serving.items()}
    return {function: found for function, found in bindings.items() if found is not None}


def bind_fast_pins(
    bindings: Mapping[str, CellBinding], cells: Mapping[str, Cell]
) -> Mapping[str, CellBinding]:
    """Reorder the interchangeable inputs of each binding from the slowest pin to the fastest.

    A pin's speed is the mean of its rising and falling delay in the middle of the library's
    tables: along a path of inverting gates the edges alternate. On a tie, or without tables, the
    library's order is kept.
    """
    ordered: dict[str, CellBinding] = {}
    for function, binding in bindings.items():
        count, table = FUNCTIONS[function]
        pins = binding.pins
        if count >= 2 and _first_two_interchange(count, table):
            delays = {
                arc.input: arc.rise_ps + arc.fall_ps
                for arc in cells[binding.cell].pin(binding.output).arcs
            }
            if delays.get(pins[0], 0.0) < delays.get(pins[1], 0.0):
                pins = (pins[1], pins[0], *pins[2:])
        ordered[function] = CellBinding(binding.cell, pins, binding.output)
    return ordered


def _match(cell: Cell) -> tuple[str, CellBinding] | None:
    """Give a cell's gate function and its pins, or None."""
    inputs = [pin.name for pin in cell.inputs]
    if not 1 <= len(inputs) <= 3 or cell.left_out:
        return None
    output = cell.outputs[0]
    assert output.function is not None  # a cell without function is left out
    for order in permutations(inputs):
        function = _BY_SHAPE.get((len(order), truth_table(output.function, order)))
        if function is not None:
            return function, CellBinding(cell.name, order, output.name)
    return None


def _first_two_interchange(count: int, table: int) -> bool:
    """Say whether swapping the first two inputs leaves a truth table unchanged."""
    rows = range(1 << count)
    swapped = [row & ~3 | (row & 1) << 1 | row >> 1 & 1 for row in rows]
    return all(
        table >> row & 1 == table >> other & 1 for row, other in zip(rows, swapped, strict=True)
    )
