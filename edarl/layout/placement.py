"""Placements: the fingers of a cell's devices in two rows of columns, and whether that is legal.

A column is one gate strip. It holds a p finger, an n finger, both on the same gate net, or
neither. Fingers next to each other in a row share the diffusion between them and so the net on it.
Where they do not, the technology's empty columns stand between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from edarl.errors import NetlistError
from edarl.layout.netlist import CellNetlist, Device, Kind
from edarl.layout.technology import Technology

__all__ = ["Column", "Finger", "FingerKind", "Placement", "finger_kinds"]


@dataclass(frozen=True, slots=True)
class Finger:
    """A placed finger.

    Attributes:
        device: Its device's name.
        gate: Net at the gate.
        left: Net at the diffusion left of it.
        right: Net at the diffusion right of it.
    """

    device: str
    gate: str
    left: str
    right: str

    @property
    def flipped(self) -> Finger:
        """The same finger with left and right exchanged."""
        return Finger(self.device, self.gate, self.right, self.left)


@dataclass(frozen=True, slots=True)
class Column:
    """A gate column: at most one finger in each row."""

    p: Finger | None = None
    n: Finger | None = None

    def row(self, kind: Kind) -> Finger | None:
        """Give the finger in a row."""
        return self.p if kind == "p" else self.n


@dataclass(frozen=True, slots=True)
class FingerKind:
    """Fingers that may stand for each other: same row, same nets.

    Attributes:
        kind: Their row.
        gate: Net at the gate.
        one: Net at one side, the first in alphabetical order.
        other: Net at the other side.
        devices: The devices they belong to, one entry per finger.
    """

    kind: Kind
    gate: str
    one: str
    other: str
    devices: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.devices)


def finger_kinds(cell: CellNetlist, technology: Technology) -> tuple[FingerKind, ...]:
    """Divide a cell's devices into fingers, and give the kinds of them in order.

    Raises:
        ConfigError: A device does not fit the technology.
    """
    found: dict[tuple[Kind, str, str, str], list[str]] = {}
    for device in cell.devices:
        one, other = sorted((device.source, device.drain))
        entry = found.setdefault((device.kind, device.gate, one, other), [])
        entry += [device.name] * technology.fingers(device)
    return tuple(FingerKind(*key, tuple(devices)) for key, devices in sorted(found.items()))


@dataclass(frozen=True)
class Placement:
    """A cell's fingers in columns, from left to right.

    Attributes:
        cell: The netlist.
        technology: Whose rules hold.
        columns: The gate columns, empty ones included.
    """

    cell: CellNetlist
    technology: Technology
    columns: tuple[Column, ...]

    @property
    def width_cpp(self) -> int:
        """Width of the cell in columns."""
        return self.technology.width_cpp(len(self.columns))

    def faults(self) -> list[str]:
        """Say what is illegal about it; nothing when it is legal."""
        return [*self._wrong_fingers(), *self._wrong_gates(), *self._wrong_neighbours()]

    @property
    def is_legal(self) -> bool:
        """Whether the rules hold and every device has all its fingers."""
        return not self.faults()

    def check(self) -> None:
        """Make sure that it is legal.

        Raises:
            NetlistError: It is not; the message names the first faults.
        """
        faults = self.faults()
        if faults:
            raise NetlistError(
                f"the placement of {self.cell.name} should be legal, actual: "
                f"{'; '.join(faults[:3])}"
            )

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """How many nets cross each boundary between neighbouring columns, supplies not counted."""
        spans = self.spans
        return tuple(
            sum(first < edge <= last for first, last in spans.values())
            for edge in range(1, len(self.columns))
        )

    @property
    def crossings(self) -> int:
        """Nets over boundaries in all."""
        return sum(self.cuts)

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First and last column that each net has a terminal in, supplies not counted."""
        spans: dict[str, tuple[int, int]] = {}
        for index, column in enumerate(self.columns):
            for finger in (column.p, column.n):
                for net in (finger.gate, finger.left, finger.right) if finger else ():
                    first, _ = spans.get(net, (index, index))
                    spans[net] = (first, index)
        for net in (self.cell.supply, self.cell.ground):
            spans.pop(net, None)
        return spans

    @property
    def wire_length_cpp(self) -> int:
        """Sum of the nets' horizontal extents in columns."""
        return sum(last - first for first, last in self.spans.values())

    @property
    def mirrored(self) -> Placement:
        """The same placement seen from behind."""
        columns = tuple(
            Column(*(finger.flipped if finger else None for finger in (column.p, column.n)))
            for column in reversed(self.columns)
        )
        return Placement(self.cell, self.technology, columns)

    def picture(self) -> str:
        """Draw it as text: a line per row, nets between gates in brackets."""
        return "\n".join(f"{kind}: {' '.join(self._drawn(kind))}" for kind in ("p", "n"))

    # ---------------------------------------------------------------- parts

    def _drawn(self, kind: Kind) -> Iterator[str]:
        previous: Finger | None = None
        for column in self.columns:
            finger = column.row(kind)
            if previous is not None and (finger is None or finger.left != previous.right):
                yield previous.right
            yield "." if finger is None else f"{finger.left} [{finger.gate}]"
            previous = finger
        if previous is not None:
            yield previous.right

    def _wrong_fingers(self) -> Iterator[str]:
        placed = Counter(
            finger.device for column in self.columns for finger in (column.p, column.n) if finger
        )
        wanted = {device.name: device for device in self.cell.devices}
        for name in sorted(placed.keys() | wanted.keys()):
            expected = self.technology.fingers(wanted[name]) if name in wanted else 0
            if placed[name] != expected:
                yield f"{name} has {placed[name]} fingers instead of {expected}"
        for index, column in enumerate(self.columns):
            for kind in ("p", "n"):
                finger = column.row(kind)
                if finger and finger.device in wanted and not _is_of(finger, wanted, kind):
                    yield f"column {index}: {finger} is not {wanted[finger.device]}"

    def _wrong_gates(self) -> Iterator[str]:
        if self.technology.gate_cut:
            return
        for index, column in enumerate(self.columns):
            if column.p and column.n and column.p.gate != column.n.gate:
                yield f"column {index}: gates {column.p.gate} and {column.n.gate} on one strip"

    def _wrong_neighbours(self) -> Iterator[str]:
        breaks = self.technology.breaks
        for kind in ("p", "n"):
            previous: tuple[int, Finger] | None = None
            for index, column in enumerate(self.columns):
                finger = column.row(kind)
                if finger is None:
                    continue
                if previous is not None:
                    at, before = previous
                    gap, same = index - at - 1, before.right == finger.left
                    least = breaks.same_net if same else breaks.different_nets
                    if gap < least and not (gap == 0 and same):
                        yield (
                            f"{kind} row, columns {at} and {index}: {before.right} and "
                            f"{finger.left} need {least} empty columns between them"
                        )
                previous = (index, finger)


def _is_of(finger: Finger, devices: dict[str, Device], kind: Kind) -> bool:
    device = devices[finger.device]
    return (
        device.kind == kind
        and device.gate == finger.gate
        and {device.source, device.drain} == {finger.left, finger.right}
    )
