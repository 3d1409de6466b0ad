"""The next column of a placement in the making: which ones there are, and what each leads to.

What an agent sees of a column does not name devices or nets, so that what it learns on one cell can
be used on another: whether diffusion is shared, how many trails the fingers that are left still
need, which nets begin and end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32

from edarl.layout.building import Builder
from edarl.layout.netlist import CellNetlist, Kind
from edarl.layout.placement import Column, Finger, FingerKind, Placement, finger_kinds
from edarl.layout.technology import Technology

__all__ = ["FEATURES", "Candidates", "Construction", "trails"]

_ROW_FEATURES = ("present", "joined", "trails_left", "supply_left", "supply_right", "goes_on")
_PAIR_FEATURES = (
    "legal",
    "gap",
    "paired",
    "pairs_missed",
    "nets_begun",
    "nets_ended",
    "nets_open",
    "most_open",
)
_STATE_FEATURES = ("p_left", "n_left", "placed")

FEATURES: tuple[str, ...] = (
    *(f"p_{name}" for name in _ROW_FEATURES),
    *(f"n_{name}" for name in _ROW_FEATURES),
    *_PAIR_FEATURES,
    *_STATE_FEATURES,
)
"""What is seen of a candidate column, in order; all numbers in [0, 1].

Of each row's finger: whether there is one; whether it joins the diffusion before it; how many
trails the row's other fingers then still need (a trail is a run of joined diffusions); whether a
supply is left and right of it; how many fingers can still be joined to it. Of the column: whether
it is legal; the empty columns before it; whether it holds two fingers; gates of its net that will
lack a partner; signal nets that begin with it, end with it, and go on behind it; the most that
have been open at once. Of the placement: fingers left in each row, columns placed.
"""

_SCALE = 8.0
"""Counts are divided by this, and cut at 1."""

_Option = tuple[int, bool]
"""Number of a finger kind, and whether it is flipped."""


@dataclass(frozen=True)
class Candidates:
    """Every column that a cell could have, in a fixed order.

    Attributes:
        cell: The netlist.
        technology: The rules.
    """

    cell: CellNetlist
    technology: Technology

    @cached_property
    def kinds(self) -> tuple[FingerKind, ...]:
        """The kinds of fingers.

        Raises:
            ConfigError: A device does not fit the technology.
        """
        return finger_kinds(self.cell, self.technology)

    @cached_property
    def pairs(self) -> tuple[tuple[_Option | None, _Option | None], ...]:
        """The p and the n finger of every column: equal gates, each way round, or one alone."""
        options: dict[Kind, list[_Option]] = {"p": [], "n": []}
        for number, item in enumerate(self.kinds):
            options[item.kind].append((number, False))
            if item.one != item.other:
                options[item.kind].append((number, True))
        both: list[tuple[_Option | None, _Option | None]] = [
            (p, n)
            for p in options["p"]
            for n in options["n"]
            if self.technology.gate_cut or self.kinds[p[0]].gate == self.kinds[n[0]].gate
        ]
        both += [(p, None) for p in options["p"]]
        both += [(None, n) for n in options["n"]]
        return tuple(both)


class Construction:
    """A cell's placement in the making, chosen from its candidates one column at a time.

    Args:
        candidates: What there is to choose from.
    """

    def __init__(self, candidates: Candidates) -> None:
        self.candidates = candidates
        self.builder = Builder(candidates.technology)
        kinds = candidates.kinds
        self._left = [item.count for item in kinds]
        self._terminals = Counter(
            net for item in kinds for net in (item.gate, item.one, item.other) * item.count
        )
        supplies = (candidates.cell.supply, candidates.cell.ground)
        for net in supplies:
            self._terminals.pop(net, None)
        self._supplies = frozenset(supplies)
        self._open: dict[str, int] = {}
        self._most_open = 0

    @property
    def done(self) -> bool:
        """Whether every finger is placed."""
        return not any(self._left)

    @property
    def columns_left(self) -> int:
        """The fewest columns that can hold the fingers that are left, breaks not counted."""
        return max(self._fingers_left("p"), self._fingers_left("n"))

    @property
    def most_open(self) -> int:
        """The most nets that crossed one boundary so far."""
        return self._most_open

    def placement(self) -> Placement:
        """Give what has been placed."""
        candidates = self.candidates
        return Placement(candidates.cell, candidates.technology, tuple(self.builder.columns))

    def legal(self) -> Bool[np.ndarray, " a"]:
        """Say which candidates can come next; [A] True = legal."""
        left = self._left
        return np.array(
            [
                all(option is None or left[option[0]] > 0 for option in pair)
                for pair in self.candidates.pairs
            ],
            dtype=np.bool_,
        )

    def column(self, number: int) -> Column:
        """Give the column of a candidate, with the devices that are next in turn.

        Args:
            number: A legal candidate.
        """
        p, n = self.candidates.pairs[number]
        return Column(self._finger(p), self._finger(n))

    def push(self, number: int) -> tuple[int, int]:
        """Place a candidate behind the gap it needs.

        Args:
            number: A legal candidate.

        Returns:
            The columns that were added, and how many columns' worth of wire: the nets open over
            each of them.
        """
        column = self.column(number)
        crossing = len(self._open)
        added = self.builder.push(column)
        for option in self.candidates.pairs[number]:
            if option is not None:
                self._left[option[0]] -= 1
        length = crossing * added
        _, _, self._open = self._after(column)
        if not self.done:
            self._most_open = max(self._most_open, len(self._open))
        return added, length

    def features(self) -> Float32[np.ndarray, "a f"]:
        """Give what is seen of every candidate; rows of illegal ones are zero."""
        pairs = self.candidates.pairs
        seen = np.zeros((len(pairs), len(FEATURES)), dtype=np.float32)
        rows: dict[_Option | None, tuple[float, ...]] = {None: (0.0,) * len(_ROW_FEATURES)}
        state = (
            min(1.0, self._fingers_left("p") / (2 * _SCALE)),
            min(1.0, self._fingers_left("n") / (2 * _SCALE)),
            min(1.0, len(self.builder.columns) / (4 * _SCALE)),
        )
        # What does not depend on which way round the fingers are is found once per pair of kinds.
        unturned: dict[tuple[int | None, int | None], tuple[float, ...]] = {}
        for number in np.flatnonzero(self.legal()).tolist():
            p, n = pairs[number]
            for option in (p, n):
                if option not in rows:
                    rows[option] = self._row_features(option)
            column = self.column(number)
            kinds = (None if p is None else p[0], None if n is None else n[0])
            if kinds not in unturned:
                unturned[kinds] = self._pair_features(column)
            gap = min(1.0, self.builder.gap(column) / 2)
            seen[number] = (*rows[p], *rows[n], 1.0, gap, *unturned[kinds], *state)
        return seen

    # ---------------------------------------------------------------- parts

    def _fingers_left(self, kind: Kind) -> int:
        kinds = self.candidates.kinds
        return sum(n for n, item in zip(self._left, kinds, strict=True) if item.kind == kind)

    def _finger(self, option: _Option | None) -> Finger | None:
        if option is None:
            return None
        item = self.candidates.kinds[option[0]]
        device = item.devices[item.count - self._left[option[0]]]
        finger = Finger(device, item.gate, item.one, item.other)
        return finger.flipped if option[1] else finger

    def _row_features(self, option: _Option | None) -> tuple[float, ...]:
        finger = self._finger(option)
        assert finger is not None
        assert option is not None
        kinds = self.candidates.kinds
        kind = kinds[option[0]].kind
        left = {
            number: count - (number == option[0])
            for number, count in enumerate(self._left)
            if kinds[number].kind == kind
        }
        rest = [
            (kinds[number].one, kinds[number].other)
            for number, count in left.items()
            for _ in range(count)
        ]
        before = self.builder.end_of(kind)
        joined = before is not None and before == (0, finger.left)
        goes_on = sum(finger.right in ends for ends in rest)
        return (
            1.0,
            float(joined),
            min(1.0, trails(rest, finger.right) / _SCALE),
            float(finger.left in self._supplies),
            float(finger.right in self._supplies),
            min(1.0, goes_on / _SCALE),
        )

    def _pair_features(self, column: Column) -> tuple[float, ...]:
        p, n = column.p, column.n
        gate = p.gate if p else n.gate if n else ""
        missed = int(n is not None) - int(p is not None)
        for count, item in zip(self._left, self.candidates.kinds, strict=True):
            if item.gate == gate:
                missed += count if item.kind == "p" else -count
        begun, ended, still = self._after(column)
        return (
            float(p is not None and n is not None),
            min(1.0, abs(missed) / _SCALE),
            min(1.0, begun / _SCALE),
            min(1.0, ended / _SCALE),
            min(1.0, len(still) / _SCALE),
            min(1.0, self._most_open / _SCALE),
        )

    def _after(self, column: Column) -> tuple[int, int, dict[str, int]]:
        """Give how many nets begin and end with a column, and what is then open with what left."""
        touched = Counter(
            net
            for finger in (column.p, column.n)
            if finger is not None
            for net in (finger.gate, finger.left, finger.right)
            if net not in self._supplies
        )
        still = dict(self._open)
        begun = ended = 0
        for net, times in touched.items():
            left = still.get(net, self._terminals[net]) - times
            begun += net not in still
            if left:
                still[net] = left
            else:
                ended += 1
                still.pop(net, None)
        return begun, ended, still


def trails(edges: Sequence[tuple[str, str]], end: str) -> int:
    """Give how many further trails fingers need when the first may go on from a net.

    A trail is a run of fingers in one row that share diffusion. By Euler, a connected set of
    fingers needs half as many trails as it has nets with an odd number of ends, and at least one.

    Args:
        edges: The two nets of each finger.
        end: The net to the right of what has been placed.
    """
    if not edges:
        return 0
    above: dict[str, str] = {}

    def root(net: str) -> str:
        while above.setdefault(net, net) != net:
            above[net] = above[above[net]]
            net = above[net]
        return net

    degree: Counter[str] = Counter()
    for one, other in edges:
        degree[one] += 1
        degree[other] += 1
        above[root(one)] = root(other)
    odd: Counter[str] = Counter()
    for net, times in degree.items():
        odd[root(net)] += times % 2
    needed = sum(max(1, count // 2) for count in odd.values())
    joins = end in degree and (degree[end] % 2 == 1 or odd[root(end)] == 0)
    return needed - int(joins)
