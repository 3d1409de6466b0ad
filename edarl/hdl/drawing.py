"""Pictures of prefix graphs: an SVG to look at, DOT for other layout programs.

Rows are operator levels, inputs on top; columns are bits, the most significant one on the left. A
signal that skips levels first runs down beside its own column, so that lines pass no node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from edarl.hdl.verilog import formula
from edarl.prefix.design import Design
from edarl.prefix.graph import Node

__all__ = ["critical_path", "graph_dot", "graph_svg"]

_SHOWN_FANOUT = 4
"""From this fanout on, a node carries its fanout as a number."""

_STYLE = """\
.edarl text { font-family: "Helvetica Neue", Helvetica, Arial, sans-serif; }
.edarl text { fill: #33404f; }
.edarl .sheet { fill: #ffffff; }
.edarl .band { fill: #f3f6f9; }
.edarl .heading { font-weight: 600; }
.edarl .note, .edarl .axis { fill: #66758a; }
.edarl .edge { fill: none; stroke: #9aa8b8; stroke-width: 1; }
.edarl .input { fill: #ffffff; stroke: #66758a; stroke-width: 1.2; }
.edarl .black { fill: #1f4e79; stroke: #1f4e79; stroke-width: 1; }
.edarl .gray { fill: #a9c8e6; stroke: #1f4e79; stroke-width: 1; }
.edarl .unused { fill: #ffffff; stroke: #9aa8b8; stroke-width: 1; stroke-dasharray: 2 2; }
.edarl .output { fill: #66758a; }
.edarl .edge.faint { stroke: #d3dae2; }
.edarl .edge.critical { stroke: #d9541e; stroke-width: 2.4; }
.edarl .node.critical { stroke: #d9541e; stroke-width: 2.4; }
.edarl .fanout { fill: #8a3a12; font-weight: 600; }
@media (prefers-color-scheme: dark) {
.edarl text { fill: #d5dde6; }
.edarl .sheet { fill: #14191f; }
.edarl .band { fill: #1b222a; }
.edarl .note, .edarl .axis { fill: #93a1b1; }
.edarl .edge { stroke: #566372; }
.edarl .input, .edarl .unused { fill: #14191f; stroke: #93a1b1; }
.edarl .black { fill: #5b9bd5; stroke: #5b9bd5; }
.edarl .gray { fill: #26435e; stroke: #5b9bd5; }
.edarl .output { fill: #93a1b1; }
.edarl .edge.faint { stroke: #2c3642; }
.edarl .edge.critical, .edarl .node.critical { stroke: #ff8a4c; }
.edarl .fanout { fill: #ffb08a; }
}"""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where things are, in pixels."""

    columns: int
    step_x: float
    row_y: tuple[float, ...]  # middle of each level
    radius: float
    mirrored: bool  # leaf 0 is the most significant bit

    left = 52.0
    top = 96.0  # where the input row begins

    @classmethod
    def of(cls, design: Design) -> _Sheet:
        graph = design.graph
        columns, rows = graph.width, graph.depth
        step_x = (
            36.0 if columns <= 16 else 28.0 if columns <= 32 else 22.0 if columns <= 72 else 18.0
        )
        step_y = 46.0 if rows <= 9 else 36.0 if rows <= 16 else 26.0
        reach = [0] * (rows + 1)
        levels = graph.levels()
        for node, _, lower in graph.parents():
            level = levels[node.msb, node.lsb]
            reach[level] = max(reach[level], node.msb - lower.msb)
        row_y = [cls.top + step_y / 2]
        for distance in reach[1:]:
            # Lines that go far sideways need height, or they melt into one another.
            row_y.append(row_y[-1] + step_y * (1 + min(1.5, max(0, distance - 8) / 16)))
        mirrored = design.circuit.entry.reversed
        return cls(columns, step_x, tuple(row_y), min(step_x, step_y) * 0.27, mirrored)

    @property
    def toward_users(self) -> int:
        """Direction in which the leaf index rises: there a node's users are."""
        return 1 if self.mirrored else -1

    def x(self, index: int) -> float:
        column = index if self.mirrored else self.columns - 1 - index
        return self.left + (column + 0.5) * self.step_x

    @property
    def right(self) -> float:
        return self.left + self.columns * self.step_x

    @property
    def bottom(self) -> float:
        """Middle of the row of outputs."""
        return self.row_y[-1] + 34

    @property
    def width(self) -> float:
        return max(self.right + 24, 740)

    @property
    def height(self) -> float:
        return self.bottom + 60


def critical_path(design: Design) -> tuple[Node, ...]:
    """Give the nodes of one deepest path among those that outputs need, from an input to an output.

    Of several equally deep ones it is the one with the largest sum of fanouts: likely the slowest.
    """
    fanout = _fanouts(design)
    best: dict[Node, tuple[int, int]] = {}
    source: dict[Node, Node] = {}
    for node, upper, lower in design.parents():
        chosen = max(upper, lower, key=lambda parent: best.get(parent, (0, fanout[parent])))
        level, load = best.get(chosen, (0, fanout[chosen]))
        best[node] = (level + 1, load + fanout[node])
        source[node] = chosen
    # A narrow circuit may need no operator node at all.
    path = [max(best, key=lambda node: (best[node], node), default=Node(0, 0))]
    while path[-1] in source:
        path.append(source[path[-1]])
    return tuple(reversed(path))


def graph_svg(design: Design, title: str | None = None) -> str:
    """Draw a design's prefix graph.

    Filled nodes compute generate and propagate; lighter ones, in column 0 of the graph, only the
    final prefix. One deepest path is marked, large fanouts carry their number, and nodes that no
    output needs are dashed. Pointing at a node shows its span. Colours follow the reader's light
    or dark setting.

    Args:
        design: What to draw.
        title: The heading; what the circuit computes by default.

    Returns:
        A complete SVG document; the same text for the same arguments.
    """
    sheet = _Sheet.of(design)
    path = critical_path(design)
    width, height = _number(sheet.width), _number(sheet.height)
    graph = design.graph
    heading = _default_title(design) if title is None else title
    facts = (
        f"{formula(design.circuit)} · {graph.size} nodes · depth {graph.depth} · "
        f"largest fanout {graph.max_fanout}"
    )
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" class="edarl" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(_printable(heading))}</title>",
        f"<desc>Prefix graph {escape(graph.digest)}: {escape(facts)}</desc>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect class="sheet" width="{width}" height="{height}" rx="8"/>',
        _text(20, 30, _printable(heading), 17, "heading"),
        _text(20, 50, facts, 12, "note"),
        *_axes(design, sheet),
        *_edges(design, sheet, path),
        *_outputs(design, sheet),
        *_nodes(design, sheet, path),
        *_legend(design, sheet),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def graph_dot(design: Design) -> str:
    """Give a design's prefix graph in DOT, inputs and operator nodes ranked by level."""
    levels = design.graph.levels()
    live = design.live_nodes()
    path = critical_path(design)
    steps = set(pairwise(path))
    rows: dict[int, list[str]] = {}
    for node in _all_nodes(design):
        is_input = node.msb == node.lsb
        fill = "white" if is_input else "#a9c8e6" if node.lsb == 0 else "#1f4e79"
        ink = "white" if fill == "#1f4e79" else "black"
        style = "filled" if is_input or node in live else "filled,dashed"
        label = _leaf_label(design, node.msb) if is_input else f"{node.msb}:{node.lsb}"
        rows.setdefault(int(levels[node.msb, node.lsb]), []).append(
            f'    {_dot_name(node)} [label="{label}", shape={"box" if is_input else "circle"}, '
            f'style="{style}", fillcolor="{fill}", fontcolor="{ink}"];'
        )
    lines = [
        f'digraph "{design.circuit.name}" {{',
        '  node [fontname="Helvetica", fontsize=10];',
    ]
    for level in sorted(rows):
        lines += ["  {", "    rank=same;", *rows[level], "  }"]
    for node, *parents in design.graph.parents():
        for parent in parents:
            mark = ' [color="#d9541e", penwidth=2]' if (parent, node) in steps else ""
            lines.append(f"  {_dot_name(parent)} -> {_dot_name(node)}{mark};")
    return "\n".join([*lines, "}", ""])


# ---------------------------------------------------------------- parts of the drawing


def _axes(design: Design, sheet: _Sheet) -> Iterator[str]:
    font = 11 if sheet.step_x >= 22 else 9
    label_y = sheet.top - 6
    yield _text(sheet.left - 12, label_y, "bit", 11, "axis", "end")
    every = 1 if sheet.columns <= 72 else 8
    for index in range(sheet.columns):
        label = _leaf_label(design, index)
        if not label.isdecimal() or int(label) % every == 0:
            yield _text(sheet.x(index), label_y, label, font, "axis", "middle")
    rows = len(sheet.row_y)
    half = sheet.radius + 5
    for level, y in enumerate(sheet.row_y):
        size = f'width="{_number(sheet.right - sheet.left + 12)}" height="{_number(2 * half)}"'
        place = f'x="{_number(sheet.left - 6)}" y="{_number(y - half)}"'
        yield f'<rect class="band" {place} {size} rx="4"/>'
        if rows <= 25 or level % 4 == 0:
            yield _text(sheet.left - 12, y + 4, str(level), 11, "axis", "end")
    yield _text(sheet.left - 12, sheet.bottom + 4, "out", 11, "axis", "end")
    middle = _number((sheet.row_y[0] + sheet.row_y[-1]) / 2)
    yield (
        f'<text class="axis" x="16" y="{middle}" font-size="11" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle})">level</text>'
    )


def _edges(design: Design, sheet: _Sheet, path: tuple[Node, ...]) -> Iterator[str]:
    levels = design.graph.levels()
    steps = set(pairwise(path))
    live = design.live_nodes()
    marked = []
    for node, upper, lower in design.graph.parents():
        level = int(levels[node.msb, node.lsb])
        for parent in (upper, lower):
            start = int(levels[parent.msb, parent.lsb])
            shape = _route(sheet, parent.msb, start, node.msb, level)
            if (parent, node) in steps:
                marked.append(f'<path class="edge critical" d="{shape}"/>')
            else:
                faint = "" if node in live else " faint"
                yield f'<path class="edge{faint}" d="{shape}"/>'
    yield from marked


def _route(sheet: _Sheet, column: int, start: int, to_column: int, level: int) -> str:
    x, y = sheet.x(column), sheet.row_y[start]
    to_x, to_y = sheet.x(to_column), sheet.row_y[level]
    if column == to_column or level == start + 1:
        return f"M{_number(x)} {_number(y)}L{_number(to_x)} {_number(to_y)}"
    # Down a lane beside the column, then over in the gap above the node. Signals of one column
    # that start at different levels get different lanes.
    lane = x + sheet.toward_users * sheet.step_x * (0.5 + 0.1 * (start % 3 - 1))
    turn = y + (sheet.row_y[start + 1] - y) * 0.55
    leave = sheet.row_y[level - 1] + sheet.radius
    return (
        f"M{_number(x)} {_number(y)}Q{_number(lane)} {_number(y + (turn - y) * 0.4)} "
        f"{_number(lane)} {_number(turn)}V{_number(leave)}L{_number(to_x)} {_number(to_y)}"
    )


def _outputs(design: Design, sheet: _Sheet) -> Iterator[str]:
    levels = design.graph.levels()
    size = sheet.radius * 0.8
    for index in design.circuit.live_outputs():
        x, tip = sheet.x(index), sheet.bottom + size
        start = sheet.row_y[levels[index, 0]]
        yield f'<path class="edge" d="M{_number(x)} {_number(start)}V{_number(tip - size)}"/>'
        yield (
            f'<path class="output" d="M{_number(x - size)} {_number(tip - 1.6 * size)}'
            f'h{_number(2 * size)}L{_number(x)} {_number(tip)}z"/>'
        )


def _nodes(design: Design, sheet: _Sheet, path: tuple[Node, ...]) -> Iterator[str]:
    levels, fanout = design.graph.levels(), _fanouts(design)
    live = design.live_nodes()
    radius = sheet.radius
    for node in _all_nodes(design):
        level = int(levels[node.msb, node.lsb])
        x, y = sheet.x(node.msb), sheet.row_y[level]
        is_input = node.msb == node.lsb
        kind = _kind_of(node, is_used=is_input or node in live)
        mark = " critical" if node in path else ""
        if is_input:
            what = f"input {_leaf_label(design, node.msb)}"
            side = radius * 0.8
            shape = (
                f'<rect class="node {kind}{mark}" x="{_number(x - side)}" y="{_number(y - side)}" '
                f'width="{_number(2 * side)}" height="{_number(2 * side)}" rx="1.5"'
            )
        else:
            what = f"node ({node.msb}, {node.lsb}), level {level}"
            shape = (
                f'<circle class="node {kind}{mark}" cx="{_number(x)}" cy="{_number(y)}" '
                f'r="{_number(radius)}"'
            )
        yield f"{shape}><title>{what}, fanout {fanout[node]}</title></{shape[1:].split()[0]}>"
        if fanout[node] >= _SHOWN_FANOUT:
            beside = x - sheet.toward_users * (radius + 2)
            anchor = "end" if sheet.mirrored else "start"
            yield _text(beside, y + radius + 4, str(fanout[node]), 9, "fanout", anchor)


def _legend(design: Design, sheet: _Sheet) -> Iterator[str]:
    y = sheet.height - 20
    x = 24.0
    pairs = design.circuit.entry.operator == "carry"
    entries = [
        ("input", "input"),
        ("black", "generate and propagate" if pairs else "prefix of a span"),
        ("gray", "carry only" if pairs else "final prefix"),
    ]
    if len(design.live_nodes()) < design.graph.size:
        entries.append(("unused", "not needed"))
    for kind, text in entries:
        if kind == "input":
            place = f'x="{_number(x - 4)}" y="{_number(y - 4)}" width="8" height="8" rx="1.5"'
            yield f'<rect class="input" {place}/>'
        else:
            yield f'<circle class="{kind}" cx="{_number(x)}" cy="{_number(y)}" r="5"/>'
        yield _text(x + 10, y + 4, text, 11, "note")
        x += 36 + 6.3 * len(text)
    yield f'<path class="edge critical" d="M{_number(x - 5)} {_number(y)}h18"/>'
    yield _text(x + 18, y + 4, "a deepest path", 11, "note")
    x += 132
    yield _text(x, y + 4, "9", 10, "fanout")
    yield _text(x + 10, y + 4, f"fanout, from {_SHOWN_FANOUT} on", 11, "note")


# ---------------------------------------------------------------- small things


def _all_nodes(design: Design) -> Iterator[Node]:
    yield from (Node(index, index) for index in range(design.graph.width))
    yield from design.graph.nodes()


def _fanouts(design: Design) -> Counter[Node]:
    return Counter(parent for _, *parents in design.graph.parents() for parent in parents)


def _kind_of(node: Node, *, is_used: bool) -> str:
    if node.msb == node.lsb:
        return "input"
    if not is_used:
        return "unused"
    return "gray" if node.lsb == 0 else "black"


def _default_title(design: Design) -> str:
    circuit = design.circuit
    port = f" with {circuit.entry.carry_in}" if circuit.carry_in else ""
    return f"{circuit.width}-bit {circuit.kind.replace('_', ' ')}{port}"


def _leaf_label(design: Design, index: int) -> str:
    """Name a leaf by its operand bit."""
    circuit = design.circuit
    if circuit.entry.reversed:
        return str(circuit.width - 1 - index)
    if circuit.carry_in and index == 0:
        return str(circuit.entry.carry_in)
    return str(index - int(circuit.carry_in))


def _text(x: float, y: float, text: str, size: float, kind: str, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}" font-size="{_number(size)}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _printable(text: str) -> str:
    """Drop what XML cannot hold."""
    return "".join(character for character in text if character.isprintable())


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _dot_name(node: Node) -> str:
    return f"n_{node.msb}_{node.lsb}"
