"""Placing and routing a cell at once by large-neighbourhood search, where one question is too much.

At first nets may lie in pieces, each on a terminal of its own: that is soon found. Then some
columns, or the wires of some nets, are freed again and again while all else stays, and CP-SAT puts
them back with as few pieces and as short as it can. When every net is one piece, the cell is
placed and routed. Nothing is ever proved in this way.

Source: Shaw, Using Constraint Programming and Local Search Methods to Solve Vehicle Routing
Problems (CP 1998); the growing weights are those of Morris, The Breakout Method (AAAI 1993).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edarl.errors import ConfigError
from edarl.layout.exact import Rows, columns_of
from edarl.layout.joint import JointModel, JointResult
from edarl.layout.netlist import CellNetlist
from edarl.layout.placement import Placement
from edarl.layout.solver import cp_model, new_solver
from edarl.layout.technology import Technology

__all__ = ["search_layout"]

_EFFORT = 2.5
"""Most effort for one neighbourhood, in the solver's own seconds, while pieces get fewer."""
_PATIENCE = 20
"""After so many neighbourhoods without fewer pieces than ever the effort has doubled."""
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
        cell, technology, columns, second_metal=second_metal, limit_s=limit_s, seed=seed
    )
    for rows in avoid:
        search.joint.rows.forbid(rows)
    if not search.start():
        return JointResult(None, {}, {}, "unknown")
    while search.pieces and search.left_s:
        search.step()
        if on_pieces is not None:
            on_pieces(search.pieces)
    if search.pieces:
        return JointResult(None, {}, {}, "unknown")
    found = search.joint.rows.rows(search)
    placement = Placement(cell, technology, columns_of(found, search.joint.kinds))
    placement.check()
    return JointResult(placement, found, search.joint.wires.values(search), "routed")


class _Search:
    """What the search stands at: a value of every variable.

    It is read as a solver is, by `value`.
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
    ) -> None:
        self._cp = cp_model("placing and routing at once")
        self._until = time.monotonic() + limit_s
        self._rng = np.random.default_rng(seed)
        self._columns = columns
        self._before = technology.boundary_columns // 2
        self._model = self._cp.CpModel()
        self.joint = JointModel(
            self._model, cell, technology, columns, second_metal=second_metal, in_pieces=True
        )
        self.joint.simplify()
        self._weights = dict.fromkeys(self.joint.nets, _PIECE)
        self._sizes = {kind: kind.first_size for kind in _KINDS}
        self._values: Sequence[int] = ()
        self._fewest: int | None = None
        self._stale = 0

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
        """Find any placement, its nets in pieces; says whether there is one."""
        return self._solve(self._model, limited=False) is not None

    def step(self) -> None:
        """Solve one neighbourhood, and go on from what it gave."""
        kind = _KINDS[self._rng.choice(len(_KINDS), p=[kind.share for kind in _KINDS])]
        size = round(self._sizes[kind])
        before = self.pieces
        columns, nets = self._freed(kind, size)
        proved = self._solve(self._neighbourhood(columns, nets), limited=True)
        if proved:
            most = self._columns if kind.windows else len(self.joint.nets)
            self._sizes[kind] = min(self._sizes[kind] + 0.5, most)
        elif self.pieces >= before:
            self._sizes[kind] = max(self._sizes[kind] - 0.5, 2)
        if self._fewest is None or self.pieces < self._fewest:
            self._fewest, self._stale = self.pieces, 0
        else:
            self._stale += 1
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

    def _solve(self, model: Any, *, limited: bool) -> bool | None:
        """Take over a solution; says whether it was proved to be the best, None without any."""
        cp = self._cp
        solver = new_solver(cp, max(0.01, self.left_s), int(self._rng.integers(2**31)), 1)
        # Models are small where most is fixed; looking long at them costs more than it gives.
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        solver.parameters.linearization_level = 0
        if limited:
            solver.parameters.max_deterministic_time = _EFFORT * (1 + self._stale / _PATIENCE)
        status = solver.solve(model)
        if status not in (cp.OPTIMAL, cp.FEASIBLE):
            return None
        self._values = list(solver.response_proto.solution)
        return bool(status == cp.OPTIMAL)
