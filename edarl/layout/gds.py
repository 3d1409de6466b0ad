"""Writing and reading a drawn cell as GDS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edarl.errors import ConfigError
from edarl.layout.geometry import Label, Shape
from edarl.layout.rules import RuleDeck

__all__ = ["write_gds"]

_PRECISION_M = 2.5e-10
"""A quarter of a nanometre, the grid of ASAP7's own files."""


def write_gds(
    path: Path, name: str, shapes: Sequence[Shape], labels: Sequence[Label], deck: RuleDeck
) -> None:
    """Write a cell, under a temporary name first.

    Shapes of one layer that overlap are joined.

    Args:
        path: The file.
        name: The cell's name.
        shapes: Rectangles in nanometres.
        labels: Texts.
        deck: The layers' numbers.

    Raises:
        ConfigError: gdstk is not installed, or the file cannot be written.
    """
    try:
        import gdstk
    except ImportError as error:
        raise ConfigError(
            "writing GDS needs the package gdstk, which is not installed; install it with: "
            "pip install 'edarl[layout]'"
        ) from error
    library = gdstk.Library(unit=1e-6, precision=_PRECISION_M)
    cell = library.new_cell(name)
    for layer in dict.fromkeys(shape.layer for shape in shapes):
        number, datatype = deck.layers[layer]
        boxes = [
            gdstk.rectangle((s.left / 1e3, s.bottom / 1e3), (s.right / 1e3, s.top / 1e3))
            for s in shapes
            if s.layer == layer
        ]
        joined = gdstk.boolean(boxes, [], "or", precision=1e-5, layer=number, datatype=datatype)
        cell.add(*joined)
    for label in labels:
        number, texttype = deck.labels[label.layer]
        cell.add(
            gdstk.Label(label.text, (label.x / 1e3, label.y / 1e3), layer=number, texttype=texttype)
        )
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        library.write_gds(draft)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
