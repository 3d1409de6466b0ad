"""A prefix graph as lines of text."""

from __future__ import annotations

from edarl.prefix.design import Design

__all__ = ["text_picture"]


def text_picture(design: Design) -> str:
    """Draw the grid: most significant row first, highest lsb on the left, as papers print it."""
    graph = design.graph
    nodes, minlist = graph.grid(), graph.minlist()
    lines = [
        f"{design.circuit.name}: {graph.size} nodes, depth {graph.depth} "
        "(i input, o output, # node, + deletable node)"
    ]
    for msb in reversed(range(graph.width)):
        marks = []
        for lsb in reversed(range(graph.width)):
            mark = "." if lsb <= msb else " "
            if nodes[msb, lsb]:
                mark = "i" if lsb == msb else "o" if lsb == 0 else "+" if minlist[msb, lsb] else "#"
            marks.append(mark)
        lines.append(f"{msb:3d} {' '.join(marks)}")
    return "\n".join(lines)
