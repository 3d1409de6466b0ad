"""Orders of what is in series: netlists of the same function, one of which may be narrower.

Transistors of one kind that are in parallel or in series are folded, again and again, into trees.
In which order the parts of a series stand between its ends does not change when they conduct.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial

from edarl.layout.netlist import CellNetlist, Device

__all__ = ["differ_in_order_alone", "series_orders"]


@dataclass(frozen=True, slots=True)
class _Part:
    """What conducts between two nets: a transistor, or parts side by side or one after the other.

    Attributes:
        one: The net at one end.
        other: The net at the other.
        device: The transistor, of a single one.
        parts: Those inside; in series from ``one`` to ``other``.
        inner: The nets between parts in series; empty where they are side by side.
    """

    one: str
    other: str
    device: Device | None = None
    parts: tuple[_Part, ...] = ()
    inner: tuple[str, ...] = ()

    @property
    def turned(self) -> _Part:
        """The same, seen from the other end."""
        parts = self.parts
        if self.inner:
            parts = tuple(part.turned for part in reversed(parts))
        return replace(self, one=self.other, other=self.one, parts=parts, inner=self.inner[::-1])

    def between(self, one: str, other: str) -> Iterator[tuple[Device, ...]]:
        """Give its transistors between two nets, in every order of what is in series."""
        if self.device is not None:
            yield (replace(self.device, source=one, drain=other),)
            return
        nets = (one, *self.inner, other)
        for parts in itertools.permutations(self.parts) if self.inner else [self.parts]:
            ends = itertools.pairwise(nets) if self.inner else [(one, other)] * len(parts)
            pairs = zip(parts, ends, strict=True)
            yield from _together([partial(part.between, *pair) for part, pair in pairs])

    def orders(self, most: int | None) -> Iterator[tuple[Device, ...]]:
        """Give its transistors where it stands, in at most so many orders, the given one first."""
        return itertools.islice(self.between(self.one, self.other), most)

    def shape(self) -> tuple[object, ...]:
        """Give what is left when orders and the nets inside do not count."""
        if self.device is not None:
            return astuple(replace(self.device, name="", source="", drain=""))
        return (bool(self.inner), *sorted((part.shape() for part in self.parts), key=repr))


def series_orders(cell: CellNetlist) -> Iterator[CellNetlist]:
    """Give a cell's netlist, then every other that differs in the order of what is in series.

    Networks that are not made of series and parallel parts alone, and those that end in the open,
    stay as they are.
    """
    kept = {device.name: index for index, device in enumerate(cell.devices)}
    fixed = _fixed(cell)
    ways = [
        partial(part.orders, most=None if {part.one, part.other} <= fixed else 1)
        for part in _parts(cell)
    ]
    for devices in _together(ways):
        yield replace(cell, devices=tuple(sorted(devices, key=lambda d: kept[d.name])))


def differ_in_order_alone(one: CellNetlist, other: CellNetlist) -> bool:
    """Say whether two netlists are the same but for the order of what is in series."""
    ends = ((cell.pins, cell.supply, cell.ground) for cell in (one, other))
    return len(set(ends)) == 1 and _shape(one) == _shape(other)


def _together(
    ways: Sequence[Callable[[], Iterator[tuple[Device, ...]]]],
) -> Iterator[tuple[Device, ...]]:
    """Give the transistors of several parts together, in all combinations of their orders."""
    if not ways:
        yield ()
        return
    first, *others = ways
    for devices in first():
        for more in _together(others):
            yield *devices, *more


def _shape(cell: CellNetlist) -> Counter[object]:
    return Counter((frozenset((part.one, part.other)), part.shape()) for part in _parts(cell))


def _fixed(cell: CellNetlist) -> set[str]:
    """Give the nets that are more than what joins transistors of one kind in series."""
    p, n = ({net for d in cell.of_kind(kind) for net in (d.source, d.drain)} for kind in ("p", "n"))
    held = {net for device in cell.devices for net in (device.gate, device.bulk)}
    return {*cell.pins, *held, *(p & n)}


def _parts(cell: CellNetlist) -> list[_Part]:
    """Fold a cell's transistors as far as they are in parallel or in series."""
    fixed = _fixed(cell)
    found = []
    for kind in ("p", "n"):
        parts = [_Part(d.source, d.drain, d) for d in cell.of_kind(kind)]
        while True:
            folded = _in_series(_side_by_side(parts), fixed)
            if len(folded) == len(parts):
                break
            parts = folded
        found += parts
    return found


def _side_by_side(parts: Sequence[_Part]) -> list[_Part]:
    groups: dict[frozenset[str], list[_Part]] = {}
    for part in parts:
        groups.setdefault(frozenset((part.one, part.other)), []).append(part)
    folded = []
    for group in groups.values():
        first = group[0]
        turned = [part if part.one == first.one else part.turned for part in group]
        inside = [
            each
            for part in turned
            for each in (part.parts if part.parts and not part.inner else (part,))
        ]
        folded.append(
            first if len(group) == 1 else _Part(first.one, first.other, parts=tuple(inside))
        )
    return folded


def _in_series(parts: Sequence[_Part], fixed: set[str]) -> list[_Part]:
    left = list(parts)
    for net in sorted({end for part in parts for end in (part.one, part.other)} - fixed):
        touching = [part for part in left if net in (part.one, part.other)]
        if len(touching) != 2 or any(part.one == part.other for part in touching):
            continue
        before, after = touching
        before = before if before.other == net else before.turned
        after = after if after.one == net else after.turned
        left = [part for part in left if part not in touching]
        left.append(
            _Part(
                before.one,
                after.other,
                parts=(
                    *(before.parts if before.inner else (before,)),
                    *(after.parts if after.inner else (after,)),
                ),
                inner=(*before.inner, net, *after.inner),
            )
        )
    return left
