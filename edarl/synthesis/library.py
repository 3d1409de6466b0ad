"""Cell libraries, for the rooms above: the record, and getting one by name or by file."""

from __future__ import annotations

from edarl.synthesis.cell_library import CellLibrary, Source
from edarl.synthesis.osu018 import install_osu018
from edarl.synthesis.registry import (
    DEFAULT_LIBRARY,
    add_library,
    boxed_file,
    boxed_libraries,
    list_libraries,
    load_library,
    remove_library,
)

__all__ = [
    "DEFAULT_LIBRARY",
    "CellLibrary",
    "Source",
    "add_library",
    "boxed_file",
    "boxed_libraries",
    "install_osu018",
    "list_libraries",
    "load_library",
    "remove_library",
]
