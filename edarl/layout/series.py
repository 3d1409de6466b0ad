"""Orders of what is in series: netlists of the same function, one of which may be narrower.

Transistors of one kind that are in parallel or in series are folded, again and again, into trees.
In which order the parts of a series stand between its ends does not change when they conduct.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
            inside = [part.between(*pair) for part, pair in zip(parts, ends, strict=True)]
            for devices in itertools.product(*inside):
                yield tuple(itertools.chain.from_iterable(devices))

    def shape(self) -> tuple[object, ...]:
        """Give what is left when orders and the nets inside do not count."""
        if self.device is not None:
            gate, fins = self.device.gate, self.device.fins
            return (gate, fins, self.device.width_nm, self.device.length_nm)
        return (bool(self.inner), *sorted((part.shape() for part in self.parts), key=repr))


def series_orders(cell: CellNetlist) -> Iterator[CellNetlist]:
    """Give a cell's netlist, then every other that differs in the order of what is in series."""
    kept = {device.name: index for index, device in enumerate(cell.devices)}
    ways = [part.between(part.one, part.other) for part in _parts(cell)]
    for devices in itertools.product(*ways):
        found = sorted(itertools.chain.from_iterable(devices), key=lambda d: kept[d.name])
        yield replace(cell, devices=tuple(found))


def differ_in_order_alone(one: CellNetlist, other: CellNetlist) -> bool:
    """Say whether two netlists are the same but for the order of what is in series."""
    return one.pins == other.pins and _shape(one) == _shape(other)


def _shape(cell: CellNetlist) -> Counter[object]:
    return Counter((frozenset((part.one, part.other)), part.shape()) for part in _parts(cell))


def _parts(cell: CellNetlist) -> list[_Part]:
    """Fold a cell's transistors as far as they are in parallel or in series."""
    gates = {device.gate for device in cell.devices}
    ends = {
        kind: {net for d in cell.of_kind(kind) for net in (d.source, d.drain)}
        for kind in ("p", "n")
    }
    fixed = {*cell.pins, *gates, *(ends["p"] & ends["n"])}
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
