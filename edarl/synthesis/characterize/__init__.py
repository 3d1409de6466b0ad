"""Measuring cells: from transistor netlists and device models to a Liberty file, by ngspice.

`subcircuits`, `lef` and `models` read what a process gives; `logic` finds what a cell computes;
`decks` and `simulator` ask ngspice; `cell` measures one cell, `library` many; `liberty_writer`
writes. Only this room knows ngspice, and nothing else in edarl needs it.
"""

from edarl.synthesis.characterize.cell import Grid, MeasuredCell
from edarl.synthesis.characterize.layout import RowLayout
from edarl.synthesis.characterize.library import Request, characterize, corner_conditions

__all__ = [
    "Grid",
    "MeasuredCell",
    "Request",
    "RowLayout",
    "characterize",
    "corner_conditions",
]
