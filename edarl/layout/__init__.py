"""Standard cells: netlists, technologies, placement, routing, geometry, checks."""

from edarl.layout.netlist import CellNetlist, Device, parse_cells, read_cells
from edarl.layout.placement import Column, Finger, Placement
from edarl.layout.technology import Technology, load_technology, technologies

__all__ = [
    "CellNetlist",
    "Column",
    "Device",
    "Finger",
    "Placement",
    "Technology",
    "load_technology",
    "parse_cells",
    "read_cells",
    "technologies",
]
