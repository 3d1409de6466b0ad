"""Building a placement column by column: breaks go in by rule, so every complete one is legal.

Annealing, random search and the environment for agents all build this way; what differs is who
chooses the next column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edarl.errors import NetlistError
from edarl.layout.netlist import CellNetlist, Kind
from edarl.layout.placement import Column, Finger, Placement, finger_kinds
from edarl.layout.technology import Technology

__all__ = ["Builder", "all_fingers", "build", "oriented"]


def all_fingers(cell: CellNetlist, technology: Technology) -> dict[Kind, tuple[Finger, ...]]:
    """Give a cell's fingers by row, kind after kind, with their nets in alphabetical order.

    Raises:
        ConfigError: A device does not fit the technology.
    """
    rows: dict[Kind, list[Finger]] = {"p": [], "n": []}
    for item in finger_kinds(cell, technology):
        rows[item.kind] += [Finger(d, item.gate, item.one, item.other) for d in item.devices]
    return {kind: tuple(row) for kind, row in rows.items()}


@dataclass(slots=True)
class Builder:
    """A placement in the making.

    Attributes:
        technology: The rules.
        columns: What has been placed, empty columns included.
    """

    technology: Technology
    columns: list[Column] = field(default_factory=list)
    _last: dict[Kind, tuple[int, Finger]] = field(default_factory=dict)

    def gap(self, column: Column) -> int:
        """Give the empty columns that have to come before a column.

        A row's finger joins the diffusion before it, or keeps the break's distance from it. The
        least gap that suits both rows is taken.

        Raises:
            NetlistError: The column is empty, or its two gates cannot share a strip.
        """
        if column.p is None and column.n is None:
            raise NetlistError("a column should hold at least one finger, actual: none")
        if (
            column.p is not None
            and column.n is not None
            and column.p.gate != column.n.gate
            and not self.technology.gate_cut
        ):
            raise NetlistError(
                f"the fingers of a column should have one gate, actual: {column.p.gate} and "
                f"{column.n.gate}"
            )
        gap = 0
        while not all(self._fits(kind, column.row(kind), gap) for kind in ("p", "n")):
            gap += 1
        return gap

    def push(self, column: Column) -> int:
        """Place a column behind the gap it needs; give how many columns were added."""
        gap = self.gap(column)
        self.columns += [Column()] * gap
        for kind in ("p", "n"):
            finger = column.row(kind)
            if finger is not None:
                self._last[kind] = (len(self.columns), finger)
        self.columns.append(column)
        return gap + 1

    def end_of(self, kind: Kind) -> tuple[int, str] | None:
        """Give how many columns ago a row had its last finger, and the net right of it."""
        if kind not in self._last:
            return None
        at, finger = self._last[kind]
        return len(self.columns) - at - 1, finger.right

    def _fits(self, kind: Kind, finger: Finger | None, gap: int) -> bool:
        if finger is None or kind not in self._last:
            return True
        at, before = self._last[kind]
        apart = len(self.columns) + gap - at - 1
        same = before.right == finger.left
        breaks = self.technology.breaks
        least = breaks.same_net if same else breaks.different_nets
        return apart >= least or (same and apart == 0)


def build(cell: CellNetlist, technology: Technology, columns: Iterable[Column]) -> Placement:
    """Place columns in the given order, each behind the gap it needs.

    Raises:
        NetlistError: A column cannot be.
    """
    builder = Builder(technology)
    for column in columns:
        builder.push(column)
    return Placement(cell, technology, tuple(builder.columns))


def oriented(technology: Technology, columns: Sequence[Column]) -> list[Column]:
    """Turn the fingers of columns in a given order so that they take the least width.

    Dynamic programming over the columns: all that matters of those before is how long ago each row
    had its last finger, and the net to the right of it. Ties go to the fingers as they are given.

    Args:
        technology: The rules.
        columns: Columns with at least one finger each, in order.
    """
    breaks = technology.breaks
    longest = breaks.different_nets + 1
    best: dict[tuple[int, str, int, str], tuple[int, list[Column]]] = {
        (longest, "", longest, ""): (0, [])
    }
    for column in columns:
        reached: dict[tuple[int, str, int, str], tuple[int, list[Column]]] = {}
        for p in _turns(column.p):
            for n in _turns(column.n):
                for (p_ago, p_net, n_ago, n_net), (length, before) in best.items():
                    gap = 0
                    while not (
                        _is_apart(p, p_ago + gap, p_net, breaks.same_net, breaks.different_nets)
                        and _is_apart(n, n_ago + gap, n_net, breaks.same_net, breaks.different_nets)
                    ):
                        gap += 1
                    key = (
                        *((0, p.right) if p else (min(p_ago + gap + 1, longest), p_net)),
                        *((0, n.right) if n else (min(n_ago + gap + 1, longest), n_net)),
                    )
                    total = length + gap + 1
                    if key not in reached or total < reached[key][0]:
                        reached[key] = total, [*before, Column(p, n)]
        best = reached
    return min(best.values(), key=lambda entry: entry[0])[1]


def _turns(finger: Finger | None) -> tuple[Finger | None, ...]:
    if finger is None or finger.left == finger.right:
        return (finger,)
    return finger, finger.flipped


def _is_apart(
    finger: Finger | None, columns_between: int, net: str, same_net: int, different_nets: int
) -> bool:
    """Say whether a finger may stand so many empty columns behind a diffusion on a net."""
    if finger is None or not net:
        return True
    if finger.left == net:
        return columns_between == 0 or columns_between >= same_net
    return columns_between >= different_nets
