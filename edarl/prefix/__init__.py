"""Prefix graphs and the circuits they compute. No files, no tools, no netlists."""

from edarl.prefix.circuits import KINDS, Circuit, Kind, Operator, Port
from edarl.prefix.design import P_MODES, Design, PMode
from edarl.prefix.graph import MAX_TEXT_LENGTH, MAX_WIDTH, MIN_WIDTH, Move, Node, PrefixGraph
from edarl.prefix.readers import grid_text, read_graph
from edarl.prefix.structures import REGULAR, STRUCTURES, Structure, structure

__all__ = [
    "KINDS",
    "MAX_TEXT_LENGTH",
    "MAX_WIDTH",
    "MIN_WIDTH",
    "P_MODES",
    "REGULAR",
    "STRUCTURES",
    "Circuit",
    "Design",
    "Kind",
    "Move",
    "Node",
    "Operator",
    "PMode",
    "Port",
    "PrefixGraph",
    "Structure",
    "grid_text",
    "read_graph",
    "structure",
]
