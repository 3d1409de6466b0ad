"""The narrowest placement of a cell, proved: one question to CP-SAT per number of columns.

A row is a word over the finger kinds in both orientations and the empty column. Which words are
legal depends on the net at the last diffusion and on how many empty columns have followed it, so
an automaton says it; sums say how often each kind occurs, and a gate per column ties the rows
together. Fingers of one kind stand for each other, which leaves no symmetry among them.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edarl.errors import ConfigError
from edarl.layout.netlist import CellNetlist, Kind
from edarl.layout.placement import Column, Finger, FingerKind, Placement, finger_kinds
from edarl.layout.solver import cp_model, new_solver
from edarl.layout.technology import Technology

__all__ = [
    "EMPTY",
    "ExactResult",
    "RowVariables",
    "Rows",
    "columns_bound",
    "columns_of",
    "place_exactly",
    "short_placements",
    "short_rows",
]

Rows = Mapping[Kind, Sequence[int]]
"""Labels by row, column after column."""

EMPTY = 0
"""The label of a column that is empty in a row."""


@dataclass(frozen=True, slots=True)
class ExactResult:
    """What an exact search found.

    Attributes:
        placement: The narrowest placement found, None when the time was up before the first.
        bound_cpp: No legal placement is narrower than this, in columns.
    """

    placement: Placement | None
    bound_cpp: int

    @property
    def proved(self) -> bool:
        """Whether nothing narrower exists."""
        return self.placement is not None and self.placement.width_cpp == self.bound_cpp


def place_exactly(
    cell: CellNetlist,
    technology: Technology,
    *,
    limit_s: float = 60.0,
    seed: int = 0,
) -> ExactResult:
    """Find a placement of least width and prove that there is none narrower.

    Args:
        cell: The netlist.
        technology: The rules.
        limit_s: Most seconds, > 0; when they are over, what is proved so far is given.
        seed: Of the solver.

    Raises:
        ConfigError: OR-tools is not installed, or a device does not fit the technology.
    """
    if not limit_s > 0:
        raise ConfigError(f"`limit_s` should be above 0, actual value: {limit_s}")
    started = time.monotonic()
    kinds = finger_kinds(cell, technology)
    columns = columns_bound(kinds, technology)
    while True:
        left_s = limit_s - (time.monotonic() - started)
        rows = _solve(kinds, columns, technology, max(left_s, 0.01), seed)
        if rows != "impossible":
            break
        columns += 1
    bound_cpp = technology.width_cpp(columns)
    if isinstance(rows, str):
        return ExactResult(None, bound_cpp)
    placement = Placement(cell, technology, columns_of(rows, kinds))
    placement.check()
    return ExactResult(placement, bound_cpp)


def columns_bound(kinds: Sequence[FingerKind], technology: Technology) -> int:
    """Give a number of columns that no placement can do without.

    Fingers of different gates never share a column, and the fingers of a row fall into at least as
    many unbroken pieces as its nets' odd degrees ask for.
    """
    gates: dict[str, Counter[str]] = {}
    for item in kinds:
        gates.setdefault(item.gate, Counter())[item.kind] += item.count
    by_gates = sum(max(counts.values()) for counts in gates.values())
    rows = [[item for item in kinds if item.kind == kind] for kind in ("p", "n")]
    by_rows = [
        sum(item.count for item in row)
        + max(_pieces(row) - 1, 0)
        * min(technology.breaks.same_net or 1, technology.breaks.different_nets)
        for row in rows
    ]
    return max([*by_rows, 0 if technology.gate_cut else by_gates])


def _pieces(row: Sequence[FingerKind]) -> int:
    """Give the fewest trails that use every finger of a row once."""
    degree: Counter[str] = Counter()
    group: dict[str, str] = {}

    def root(net: str) -> str:
        while group.setdefault(net, net) != net:
            net = group[net]
        return net

    for item in row:
        degree[item.one] += item.count
        degree[item.other] += item.count
        group[root(item.one)] = root(item.other)
    odd: Counter[str] = Counter(root(net) for net, count in degree.items() if count % 2)
    return sum(max(1, odd[head] // 2) for head in {root(net) for net in degree})


class RowVariables:
    """Which finger stands in which column of which row, as variables and rules of a model.

    Args:
        model: A CP-SAT model.
        kinds: The cell's fingers.
        columns: Gate columns, empty ones included.
        technology: The rules.

    Attributes:
        chosen: By row and column, whether each label stands there: 0 for nothing, 2 i + 1 for a
            finger of kind i with its net ``one`` at the left, 2 i + 2 with ``other`` there.
    """

    def __init__(
        self, model: Any, kinds: Sequence[FingerKind], columns: int, technology: Technology
    ) -> None:
        self._model = model
        self._kinds = kinds
        self.chosen: dict[Kind, list[dict[int, Any]]] = {}
        gates = sorted({item.gate for item in kinds})
        column_gate = [model.new_int_var(0, len(gates) - 1, "") for _ in range(columns)]
        for kind in ("p", "n"):
            labels = sorted({EMPTY, *_labels(kinds, kind)})
            row = [{label: model.new_bool_var("") for label in labels} for _ in range(columns)]
            self.chosen[kind] = row
            for place in row:
                model.add_exactly_one(place.values())
            for index, item in enumerate(kinds):
                if item.kind == kind:
                    ways = [place[label] for place in row for label in _ways(index, item)]
                    model.add(sum(ways) == item.count)
            word = []
            for place in row:
                letter = model.new_int_var(0, max(labels), "")
                model.add(letter == sum(label * taken for label, taken in place.items()))
                word.append(letter)
            start, ends, moves = _automaton(kinds, kind, technology)
            model.add_automaton(word, start, ends, moves)
            if not technology.gate_cut:
                for gate, place in zip(column_gate, row, strict=True):
                    for label, taken in place.items():
                        if label != EMPTY:
                            name = kinds[(label - 1) // 2].gate
                            model.add(gate == gates.index(name)).only_enforce_if(taken)

    def ends(self, label: int) -> tuple[str, str]:
        """Give the nets left and right of a finger with this label."""
        return _ends(self._kinds, label)

    def gate(self, label: int) -> str:
        """Give the net at the gate of a finger with this label."""
        return self._kinds[(label - 1) // 2].gate

    def forbid(self, rows: Rows) -> None:
        """Ask for other rows than these, and than these seen from behind."""
        for each in (rows, _mirrored(rows, self._kinds)):
            taken = [
                place[each[kind][at]]
                for kind, row in self.chosen.items()
                for at, place in enumerate(row)
            ]
            self._model.add_bool_or([variable.negated() for variable in taken])

    def rows(self, solver: Any) -> Rows:
        """Read the rows from a solution."""
        return {
            kind: [
                next(label for label, taken in place.items() if solver.value(taken))
                for place in row
            ]
            for kind, row in self.chosen.items()
        }


def _mirrored(rows: Rows, kinds: Sequence[FingerKind]) -> Rows:
    """Give rows seen from behind."""

    def turned(label: int) -> int:
        if label == EMPTY:
            return label
        index = (label - 1) // 2
        first, *others = _ways(index, kinds[index])
        return next((other for other in (first, *others) if other != label), label)

    return {kind: [turned(label) for label in reversed(row)] for kind, row in rows.items()}


def _solve(
    kinds: Sequence[FingerKind],
    columns: int,
    technology: Technology,
    limit_s: float,
    seed: int,
    *,
    prices: Mapping[str, int] | None = None,
    effort: float = math.inf,
    avoid: Sequence[Rows] = (),
) -> Rows | str:
    """Give rows, ``impossible``, or ``unknown``; with prices, rows where priced nets are short."""
    cp = cp_model("exact placement")
    model = cp.CpModel()
    variables = RowVariables(model, kinds, columns, technology)
    if prices is not None:
        _shorten(model, kinds, variables.chosen, columns, prices)
    for rows in avoid:
        variables.forbid(rows)
    solver = new_solver(cp, limit_s, seed, effort)
    status = solver.solve(model)
    if status == cp.INFEASIBLE:
        return "impossible"
    if status not in (cp.OPTIMAL, cp.FEASIBLE):
        return "unknown"
    return variables.rows(solver)


def _shorten(
    model: Any,
    kinds: Sequence[FingerKind],
    chosen: Mapping[Kind, Sequence[Mapping[int, Any]]],
    columns: int,
    prices: Mapping[str, int],
) -> None:
    """Ask for short nets, the more so the dearer they are."""
    spans = []
    for net, price in prices.items():
        first = model.new_int_var(0, columns - 1, f"first {net}")
        last = model.new_int_var(0, columns - 1, f"last {net}")
        for row in chosen.values():
            for column, place in enumerate(row):
                for label, taken in place.items():
                    item = kinds[(label - 1) // 2]
                    if label != EMPTY and net in (item.gate, item.one, item.other):
                        model.add(first <= column).only_enforce_if(taken)
                        model.add(last >= column).only_enforce_if(taken)
        spans.append(price * (last - first))
    model.minimize(sum(spans))


def short_placements(
    cell: CellNetlist,
    technology: Technology,
    columns: int,
    *,
    limit_s: float = 10.0,
    seed: int = 0,
) -> Iterator[Placement]:
    """Give placements in so many gate columns one after the other, those with short nets first.

    Args:
        cell: The netlist.
        technology: The rules.
        columns: Gate columns, empty ones included.
        limit_s: Most seconds for each; the shortest found until then is given.
        seed: Of the solver.

    Raises:
        ConfigError: OR-tools is not installed, or a device does not fit the technology.
    """
    kinds = finger_kinds(cell, technology)
    avoid: list[Rows] = []
    while True:
        rows = short_rows(cell, technology, columns, limit_s=limit_s, seed=seed, avoid=avoid)
        if rows is None:
            return
        avoid.append(rows)
        placement = Placement(cell, technology, columns_of(rows, kinds))
        placement.check()
        yield placement


def short_rows(
    cell: CellNetlist,
    technology: Technology,
    columns: int,
    *,
    limit_s: float = 10.0,
    seed: int = 0,
    prices: Mapping[str, int] | None = None,
    effort: float = math.inf,
    avoid: Sequence[Rows] = (),
) -> Rows | None:
    """Give the labels of a placement in so many gate columns whose nets are short.

    Args:
        cell: The netlist.
        technology: The rules.
        columns: Gate columns, empty ones included.
        limit_s: Most seconds; the shortest found until then is given.
        seed: Of the solver.
        prices: Of a column of a net's span, >= 1; 1 where it is not given.
        effort: Most seconds of the solver's own clock, which repeats exactly.
        avoid: Rows that are not wanted, seen from behind neither.

    Returns:
        The rows, or None where there are none or none was found in time.

    Raises:
        ConfigError: OR-tools is not installed, or a device does not fit the technology.
    """
    kinds = finger_kinds(cell, technology)
    nets = {net for item in kinds for net in (item.gate, item.one, item.other)}
    given = prices or {}
    paid = {net: given.get(net, 1) for net in sorted(nets - {cell.supply, cell.ground})}
    rows = _solve(
        kinds, columns, technology, limit_s, seed, prices=paid, effort=effort, avoid=avoid
    )
    return None if isinstance(rows, str) else rows


def _ways(index: int, item: FingerKind) -> tuple[int, ...]:
    """Give the labels of a kind: with ``one`` at the left, and with ``other`` there."""
    return (2 * index + 1,) if item.one == item.other else (2 * index + 1, 2 * index + 2)


def _labels(kinds: Sequence[FingerKind], kind: Kind) -> list[int]:
    return [
        label
        for index, item in enumerate(kinds)
        if item.kind == kind
        for label in _ways(index, item)
    ]


def _ends(kinds: Sequence[FingerKind], label: int) -> tuple[str, str]:
    """Give the nets left and right of a finger with this label."""
    item = kinds[(label - 1) // 2]
    return (item.one, item.other) if label % 2 else (item.other, item.one)


def _automaton(
    kinds: Sequence[FingerKind], kind: Kind, technology: Technology
) -> tuple[int, list[int], list[tuple[int, int, int]]]:
    """Give start, ends and moves (state, label, next state) of the automaton of a row's words."""
    rule = technology.breaks
    labels = _labels(kinds, kind)
    nets = sorted({net for label in labels for net in _ends(kinds, label)})
    free = 0
    state = {
        (net, gap): 1 + gap + rule.different_nets * index
        for index, net in enumerate(nets)
        for gap in range(rule.different_nets)
    }
    moves = [(free, EMPTY, free)]
    moves += [(free, label, state[_ends(kinds, label)[1], 0]) for label in labels]
    for (net, gap), number in state.items():
        moves.append((number, EMPTY, state.get((net, gap + 1), free)))
        for label in labels:
            left, right = _ends(kinds, label)
            if left == net and (gap == 0 or gap >= rule.same_net):
                moves.append((number, label, state[right, 0]))
    return free, [free, *state.values()], moves


def columns_of(rows: Rows, kinds: Sequence[FingerKind]) -> tuple[Column, ...]:
    """Turn labels into fingers; fingers of a kind are taken in the order of their devices."""
    waiting = [list(reversed(item.devices)) for item in kinds]

    def finger(label: int) -> Finger | None:
        if label == EMPTY:
            return None
        index = (label - 1) // 2
        return Finger(waiting[index].pop(), kinds[index].gate, *_ends(kinds, label))

    return tuple(Column(finger(p), finger(n)) for p, n in zip(rows["p"], rows["n"], strict=True))
