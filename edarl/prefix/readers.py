"""Reading a prefix graph from text in any of the forms that people publish and save.

`read_graph` finds out which form it has:

- JSON as `PrefixGraph.to_json` writes it: an object with ``width`` and ``nodes``;
- the compact form of `PrefixGraph.text`: ``8:3.2 5.4``;
- a grid map: one line of zeros and ones per msb, bit 0 first, with or without separators and
  brackets (the text of a numpy array and a JSON list of lists are read as well), either square or
  just its lower triangle;
- a node list: ``(1,0) (2,0) (3,2) (3,0)``, or ``[3:2]`` for a span, with an optional first
  ``width 4``; without it the width is the largest msb plus one.

Lines that begin with ``#`` are comments. Work is bounded by the length of the text, and that by
`edarl.prefix.graph.MAX_TEXT_LENGTH`.
"""

from __future__ import annotations

import re

from edarl.errors import IllegalGraphError
from edarl.prefix.graph import MAX_TEXT_LENGTH, MAX_WIDTH, PrefixGraph

__all__ = ["grid_text", "read_graph"]

_COMMENT = re.compile(r"^[ \t]*#[^\n]*$", re.MULTILINE)
_GRID = re.compile(r"[01,;\[\]\s]+", re.ASCII)
_GRID_SEPARATORS = str.maketrans("", "", ",;[] \t\r\n\f\v")
_NODE = re.compile(
    r"\(\s*([0-9]{1,9})\s*[,:.]\s*([0-9]{1,9})\s*\)|\[\s*([0-9]{1,9})\s*[,:.]\s*([0-9]{1,9})\s*\]",
    re.ASCII,
)
_WIDTH = re.compile(r"\s*(?:width|n)\s*[:=]?\s*([0-9]{1,9})(?![0-9])", re.ASCII | re.IGNORECASE)
_COMPACT = re.compile(r"[0-9]+:[0-9. ]*")
_SHOWN = 60


def read_graph(text: str) -> PrefixGraph:
    """Read a prefix graph, whichever of the forms it has.

    Args:
        text: What a file holds, at most `MAX_TEXT_LENGTH` characters.

    Raises:
        IllegalGraphError: It has none of the forms, or does not describe a legal graph.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise IllegalGraphError(
            f"a graph's text should have at most {MAX_TEXT_LENGTH} characters, "
            f"actual length: {len(text)}"
        )
    body = text.removeprefix("\ufeff").strip()
    if body.startswith("{"):
        return PrefixGraph.from_json(body)
    body = _COMMENT.sub("", body).strip()
    if _COMPACT.fullmatch(body):
        return PrefixGraph.from_text(body)
    if body and _GRID.fullmatch(body):
        return _read_grid(body)
    if _WIDTH.match(body) or _NODE.search(body):
        return _read_nodes(body)
    raise IllegalGraphError(
        "a graph should be JSON, compact text such as '8:3.2 5.4', a grid of 0 and 1, or a node "
        f"list such as '(1,0) (2,0)'; actual: {_shortened(text)!r}"
    )


def grid_text(graph: PrefixGraph) -> str:
    """Give the grid map as text: one line of ``0`` and ``1`` per msb, bit 0 first."""
    return "".join(
        "".join("1" if row >> lsb & 1 else "0" for lsb in range(graph.width)) + "\n"
        for row in graph.rows
    )


def _read_grid(text: str) -> PrefixGraph:
    # numpy breaks long rows into several lines, so brackets outrank line ends
    lines = re.split("]" if "]" in text else "[\n;]", text)
    rows = [cells for cells in (line.translate(_GRID_SEPARATORS) for line in lines) if cells]
    width = len(rows)
    if not 2 <= width <= MAX_WIDTH:
        raise IllegalGraphError(
            f"a grid should have between 2 and {MAX_WIDTH} lines, actual number: {width}"
        )
    triangle = all(len(cells) == msb + 1 for msb, cells in enumerate(rows))
    if not triangle:
        wrong = [str(msb) for msb, cells in enumerate(rows) if len(cells) != width]
        if wrong:
            raise IllegalGraphError(
                f"a grid of {width} lines should have {width} cells in each, or 1, 2, 3, ... for "
                f"the lower triangle; lines with another number: {_some(wrong)}"
            )
    grid = [[int(cell) for cell in cells.ljust(width, "0")] for cells in rows]
    above = [
        f"({msb}, {lsb})" for msb in range(width) for lsb in range(msb + 1, width) if grid[msb][lsb]
    ]
    if above:
        raise IllegalGraphError(
            "a grid should have one line per msb, bit 0 first, and marks only at lsb <= msb; marks "
            f"above the diagonal: {_some(above)}; transpose the grid or reverse its lines"
        )
    return PrefixGraph.from_grid(grid)


def _read_nodes(text: str) -> PrefixGraph:
    stated = _WIDTH.match(text)
    listed = text[stated.end() :] if stated else text
    rest = _NODE.sub("", listed).strip(" \t\r\n,;[](){}")
    if rest:
        raise IllegalGraphError(
            "a node list should read '(1,0) (2,0)' or '[1:0] [2:0]', after an optional 'width 3'; "
            f"not understood: {_shortened(rest)!r}"
        )
    nodes = [
        (int(match[1] or match[3]), int(match[2] or match[4])) for match in _NODE.finditer(listed)
    ]
    width = int(stated[1]) if stated else 1 + max(msb for msb, _ in nodes)
    return PrefixGraph.from_nodes(width, nodes)


def _some(items: list[str]) -> str:
    return ", ".join(items[:8]) + (", ..." if len(items) > 8 else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
