"""The record of a cell library: what a circuit can be built from, and how it is constrained.

A `CellLibrary` is plain, frozen data beside one Liberty file that every tool reads. Where
libraries come from and are kept is `edarl.synthesis.registry`'s business.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edarl.errors import ConfigError, LibraryError
from edarl.hdl.netlist import CellBinding
from edarl.metrics import Constraint
from edarl.synthesis.cells import Cell, Corner, Units
from edarl.synthesis.matching import bind, bind_fast_pins, serving_cells

__all__ = ["LOADS_PER_OUTPUT", "CellLibrary", "Source", "make_library", "suggest"]

LOADS_PER_OUTPUT = 4
"""The default load on an output, in input capacitances of the default driver."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a library was read from.

    Attributes:
        file: The file's name without its directory.
        sha256: The hash of its bytes as they were given.
    """

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CellLibrary:
    """A cell library. Two libraries are equal when they have the same content.

    Attributes:
        name: The name it is registered under, or the stem of the file it came from.
        digest: The sha256 of the cleaned copy.
        liberty_path: The cleaned copy that every tool reads: all files in one, and no default
            wire load.
        units: The units the Liberty text is written in.
        corner: The conditions it was characterised for.
        wire_load: The default wire load that was taken out, or None.
        sources: The files it was read from.
        notes: What else is known of it, such as the package it came in.
        cells: Every cell by name, in file order.
        serving: For each gate function the cells that realise it, smallest first.
        bindings: For each gate function its smallest cell, pins in the library's order.
        fast_pin_bindings: The same cells; interchangeable inputs from slowest to fastest pin.
    """

    name: str = field(compare=False)
    digest: str
    liberty_path: Path = field(compare=False)
    units: Units = field(compare=False)
    corner: Corner = field(compare=False)
    wire_load: str | None = field(compare=False)
    sources: tuple[Source, ...] = field(compare=False)
    notes: Mapping[str, str] = field(compare=False)
    cells: Mapping[str, Cell] = field(compare=False, repr=False)
    serving: Mapping[str, tuple[str, ...]] = field(compare=False, repr=False)
    bindings: Mapping[str, CellBinding] = field(compare=False, repr=False)
    fast_pin_bindings: Mapping[str, CellBinding] = field(compare=False, repr=False)

    def cell(self, name: str) -> Cell:
        """Give a cell by name.

        Raises:
            LibraryError: The library has no such cell.
        """
        found = self.cells.get(name)
        if found is None:
            raise LibraryError(
                f"library {self.name} has no cell `{name}`{suggest(name, self.cells)}"
            )
        return found

    def area(self, name: str) -> float:
        """Give a cell's area in square micrometres.

        Raises:
            LibraryError: The library has no such cell.
        """
        return self.cell(name).area_um2

    def left_out(self) -> dict[str, str]:
        """Give the cells that are no candidates for any function, each with the reason."""
        return {name: reason for name, cell in self.cells.items() if (reason := cell.left_out)}

    def excluded_cells(self) -> tuple[str, ...]:
        """Give the combinational cells that tools should be told not to use.

        They look like ordinary gates to a mapper, but ask not to be used or need another supply.
        """
        return tuple(
            name
            for name, cell in self.cells.items()
            if (cell.special or cell.dont_use) and not cell.sequential
        )

    def constraint(
        self, driver_cell: str | None = None, load_ff: float | None = None
    ) -> Constraint:
        """Give what surrounds a circuit while it is timed in this library.

        Args:
            driver_cell: The buffer or inverter that drives every input. By default the
                second-smallest buffer: the first by name of the second-smallest area, or the
                only one there is.
            load_ff: The load on every output in femtofarad, > 0. By default `LOADS_PER_OUTPUT`
                times the driver's input capacitance.

        Raises:
            LibraryError: The driver is not in the library, or is no usable buffer or inverter.
            ConfigError: The load is not a finite number above 0.
        """
        driver = self._default_driver() if driver_cell is None else driver_cell
        cell = self.cell(driver)
        drivers = (*self.serving["BUF"], *self.serving["INV"])
        if driver not in drivers:
            raise LibraryError(
                f"the driver should be a buffer or an inverter, actual cell: {driver}; "
                f"library {self.name} has {', '.join(drivers)}"
            )
        if load_ff is None:
            load_ff = round(LOADS_PER_OUTPUT * cell.inputs[0].capacitance_ff, 6)
        if not (math.isfinite(load_ff) and load_ff > 0):
            raise ConfigError(f"`load_ff` should be above 0, actual value: {load_ff}")
        return Constraint(driver, load_ff)

    def _default_driver(self) -> str:
        """Give the smallest buffer of the second-smallest area, by name on a tie."""
        buffers = self.serving["BUF"]
        smallest = self.cells[buffers[0]].area_um2
        larger = (name for name in buffers if self.cells[name].area_um2 > smallest)
        return next(larger, buffers[0])


def make_library(
    *,
    name: str,
    digest: str,
    liberty_path: Path,
    units: Units,
    corner: Corner,
    wire_load: str | None,
    sources: tuple[Source, ...],
    notes: Mapping[str, str],
    cells: Mapping[str, Cell],
) -> CellLibrary:
    """Make a library of cells: find which serve which function, and bind each function.

    Raises:
        LibraryError: Some gate functions have no cell; all are named.
    """
    serving = serving_cells(cells.values())
    bindings = bind(serving, cells, source=f"library {name}")
    return CellLibrary(
        name=name,
        digest=digest,
        liberty_path=liberty_path,
        units=units,
        corner=corner,
        wire_load=wire_load,
        sources=sources,
        notes=notes,
        cells=cells,
        serving=serving,
        bindings=bindings,
        fast_pin_bindings=bind_fast_pins(bindings, cells),
    )


def suggest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Give the end of a sentence that names what was probably meant; empty if nothing is close."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
