"""Placing and routing a cell at once by large-neighbourhood search, where one question is too much.

It begins with a placement whose nets are short, by prices drawn for each: from there wires are
found several times faster than from any other. At first nets may lie in pieces, each on a terminal
of its own. Then some columns, or the wires of some nets, are freed again and again while all else
stays, and CP-SAT puts them back with as few pieces and as short as it can. When every net is one
piece, the cell is placed and routed; when pieces do not get fewer for long, it begins anew with
other prices. Nothing is ever proved in this way.

Source: Shaw, Using Constraint Programming and Local Search Methods to Solve Vehicle Routing
Problems (CP 1998); the growing weights are those of Morris, The Breakout Method (AAAI 1993).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edarl.errors import ConfigError
from edarl.layout.exact import Rows, columns_of, short_rows
from edarl.layout.joint import JointModel, JointResult
from edarl.layout.netlist import CellNetlist
from edarl.layout.placement import Placement
from edarl.layout.solver import cp_model, new_solver
from edarl.layout.technology import Technology

__all__ = ["search_layout"]

_SHORT_EFFORT = 25.0
"""Most effort for the first placement, in the solver's own seconds."""
_NET_PRICES = 2, 3, 4
"""What a column of a net's span may cost in it, but for the first time."""
_EFFORT = 2.5
"""Most effort for one neighbourhood, in the solver's own seconds, while pieces get fewer."""
_SLOWER = 20
"""After so many neighbourhoods without fewer pieces than before the effort has doubled."""
_PATIENCE = 30
"""After so many it begins anew."""
_PIECE = 20
"""What a piece too many costs at first, in half columns of a net's span."""
_DEARER = 4
"""What it costs more after every neighbourhood that left it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of neighbourhood.

    Attributes:
        windows: How many windows of columns are freed; 0 frees wires of nets alone.
        first_size: Columns of a window, or nets, to begin with; grows while that is easily solved.
        share: How often it is taken, of all.
    """

    windows: int
    first_size: float
    share: float


_KINDS = (_Kind(0, 4, 0.2), _Kind(1, 6, 0.6), _Kind(2, 3, 0.2))


def search_layout(
    cell: CellNetlist,
    technology: Technology,
    columns: int,
    *,
    second_metal: bool = False,
    limit_s: float = 60.0,
    seed: int = 0,
    avoid: Sequence[Rows] = (),
    on_pieces: Callable[[int], None] | None = None,
) -> JointResult:
    """Look for a placement in so many gate columns that can be wired.

    Args:
        cell: The netlist.
        technology: The rules.
        columns: Gate columns, empty ones included, >= 1.
        second_metal: Whether wires may use the second metal.
        limit_s: Most seconds.
        seed: Of the neighbourhoods and the solver; repeats its answer where time does for one.
        avoid: Rows that are not wanted, seen from behind neither.
        on_pieces: Told after every neighbourhood how many pieces are too many.

    Returns:
        A placement with its wires, or status ``unknown``.

    Raises:
        ConfigError: OR-tools is not installed, ``columns`` is out of range, a device does not fit
            the technology, or cells are only placed in it.
    """
    if columns < 1:
        raise ConfigError(f"`columns` should be at least 1, actual value: {columns}")
    search = _Search(
        cell,
        technology,
        columns,
        second_metal=second_metal,
        limit_s=limit_s,
        seed=seed,
        avoid=avoid,
    )
    while search.start():
        while search.pieces and search.stale < _PATIENCE and search.left_s:
            search.step()
            if on_pieces is not None:
                on_pieces(search.pieces)
        if not search.pieces:
            found = search.joint.rows.rows(search)
            placement = Placement(cell, technology, columns_of(found, search.joint.kinds))
            placement.check()
            return JointResult(placement, found, search.joint.wires.values(search), "routed")
        if not search.left_s:
            break
    return JointResult(None, {}, {}, "unknown")


class _Search:
    """What the search stands at: a value of every variable.

    It is read as a solver is, by `value`.

    Attributes:
        joint: The model of placement and wires.
        stale: Neighbourhoods since pieces were last fewer than ever since the start.
    """

    def __init__(
        self,
        cell: CellNetlist,
        technology: Technology,
        columns: int,
        *,
        second_metal: bool,
        limit_s: float,
        seed: int,
        avoid: Sequence[Rows],
    ) -> None:
        self._cp = cp_model("placing and routing at once")
        self._until = time.monotonic() + limit_s
        self._rng = np.random.default_rng(seed)
        self._cell, self._technology, self._columns = cell, technology, columns
        self._avoid = avoid
        self._before = technology.boundary_columns // 2
        self._model = self._cp.CpModel()
        self.joint = JointModel(
            self._model, cell, technology, columns, second_metal=second_metal, in_pieces=True
        )
        self.joint.simplify()
        for rows in avoid:
            self.joint.rows.forbid(rows)
        self._sizes = {kind: kind.first_size for kind in _KINDS}
        self._weights: dict[str, int] = {}
        self._values: Sequence[int] = ()
        self._fewest = 0
        self.stale = 0

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self._until - time.monotonic())

    @property
    def pieces(self) -> int:
        """How many pieces of nets are too many."""
        return sum(self._broken().values())

    def value(self, variable: Any) -> int:
        """Give a variable's value."""
        return int(self._values[variable.index])

    def start(self) -> bool:
        """Begin anew: place with short nets, wire in pieces; says whether there is a placement."""
        first = not self._values
        prices = {
            net: 1 if first else int(self._rng.choice(_NET_PRICES)) for net in self.joint.nets
        }
        rows = short_rows(
            self._cell,
            self._technology,
            self._columns,
            limit_s=max(0.01, self.left_s),
            seed=self._drawn_seed(),
            prices=prices,
            effort=_SHORT_EFFORT,
            avoid=self._avoid,
        )
        if not ((rows is not None and self._place(rows)) or self._solve(self._model)):
            return False
        self._weights = dict.fromkeys(self.joint.nets, _PIECE)
        self._solve(self._neighbourhood((), self.joint.nets), _EFFORT)
        self._fewest, self.stale = self.pieces, 0
        return True

    def _place(self, rows: Rows) -> bool:
        """Take over rows, their nets in pieces; says whether the model allows them."""
        model = self._model.clone()
        for kind, row in self.joint.rows.chosen.items():
            model.add_bool_and([place[label] for place, label in zip(row, rows[kind], strict=True)])
        return self._solve(model) is not None

    def step(self) -> None:
        """Solve one neighbourhood, and go on from what it gave."""
        kind = _KINDS[self._rng.choice(len(_KINDS), p=[kind.share for kind in _KINDS])]
        size = round(self._sizes[kind])
        before = self.pieces
        columns, nets = self._freed(kind, size)
        effort = _EFFORT * (1 + self.stale / _SLOWER)
        if self._solve(self._neighbourhood(columns, nets), effort) == "best":
            most = self._columns if kind.windows else len(self.joint.nets)
            self._sizes[kind] = min(self._sizes[kind] + 0.5, most)
        elif self.pieces >= before:
            self._sizes[kind] = max(self._sizes[kind] - 0.5, 2)
        if self.pieces < self._fewest:
            self._fewest, self.stale = self.pieces, 0
        else:
            self.stale += 1
        broken = self._broken()
        for net, weight in self._weights.items():
            self._weights[net] = max(_PIECE, weight + (_DEARER * broken.get(net, 0) or -1))

    def _broken(self) -> dict[str, int]:
        """Give the nets in pieces, with how many are too many."""
        pieces = {net: self.value(count) for net, count in self.joint.pieces.items()}
        return {net: count for net, count in pieces.items() if count}

    def _freed(self, kind: _Kind, size: int) -> tuple[set[int], set[str]]:
        """Draw columns, and nets whose wires are free everywhere; some are in pieces."""
        rng = self._rng
        columns: set[int] = set()
        for _ in range(kind.windows):
            first = int(rng.integers(-size // 2, self._columns - (size + 1) // 2 + 1))
            columns.update(range(max(0, first), min(self._columns, first + size)))
        broken = sorted(self._broken())
        nets = set(self._drawn(broken, int(rng.integers(3)) if kind.windows else 1))
        if not kind.windows:
            nets.update(self._drawn(self.joint.nets, size))
        return columns, nets

    def _drawn(self, nets: Sequence[str], most: int) -> list[str]:
        picked = self._rng.choice(len(nets), min(len(nets), most), replace=False)
        return [nets[index] for index in picked]

    def _neighbourhood(self, columns: Collection[int], nets: Collection[str]) -> Any:
        """Make the model in which all stays but rows and wires of columns, and wires of nets."""
        joint, model = self.joint, self._model.clone()
        prices = dict(zip(joint.nets, self._rng.choice((1, 1, 1, 2), len(joint.nets)), strict=True))
        model.minimize(
            sum(self._weights[net] * count for net, count in joint.pieces.items())
            + sum(int(prices[net]) * over for (net, _), over in joint.wires.crossing.items())
        )
        for row in joint.rows.chosen.values():
            for column, place in enumerate(row):
                if column not in columns:
                    model.add_bool_and([taken for taken in place.values() if self.value(taken)])
        free = {2 * (column + self._before) + near for column in columns for near in (0, 1, 2)}
        for of in (joint.wires.at, joint.wires.above):
            for (net, (x, _)), here in of.items():
                if x not in free and net not in nets:
                    model.add(here == self.value(here))
        for index, value in enumerate(self._values):
            model.add_hint(model.get_int_var_from_proto_index(index), value)
        return model

    def _solve(self, model: Any, effort: float = math.inf) -> str | None:
        """Take over a solution; says whether it is ``best``, or just ``some``, None without any."""
        cp = self._cp
        solver = new_solver(cp, max(0.01, self.left_s), self._drawn_seed(), effort)
        # Models are small where most is fixed; looking long at them costs more than it gives.
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        solver.parameters.linearization_level = 0
        status = solver.solve(model)
        if status not in (cp.OPTIMAL, cp.FEASIBLE):
            return None
        self._values = list(solver.response_proto.solution)
        return "best" if status == cp.OPTIMAL else "some"

    def _drawn_seed(self) -> int:
        return int(self._rng.integers(2**31))
