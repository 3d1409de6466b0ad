"""Mending design rule violations of a routed cell: what can be changed near one, what is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from edarl.errors import ConfigError, NetlistError
from edarl.layout.candidates import Candidates, Construction
from edarl.layout.checks import Violation, check_shapes
from edarl.layout.geometry import draw
from edarl.layout.grid import Node, grid_of
from edarl.layout.maze import route_by_ripup
from edarl.layout.netlist import CellNetlist
from edarl.layout.placement import Placement
from edarl.layout.router import Edge, Route
from edarl.layout.technology import Technology
from edarl.layout.wiring import Wiring

__all__ = [
    "CHANNELS",
    "COLUMNS",
    "KINDS",
    "FixOutcome",
    "FixTask",
    "Fixing",
    "change_count",
    "fix_tasks",
    "walk",
]

_REACH = 3
"""Half columns that are seen on either side of a violation."""
COLUMNS = 2 * _REACH + 1
"""Half columns that are seen and can be changed around a violation."""
KINDS = 7
"""Of changes: wire to the right, wire upwards, via here; shift the upright run of wire to the left
or right, and the level one down or up."""

CHANNELS: tuple[str, ...] = (
    "inside",
    "metal",
    "same_net",
    "wire_right",
    "wire_up",
    "via",
    "terminal",
    "violation",
    "near_above",
    "near_below",
)
"""What is seen of a node, in order, each 0 or 1: whether it is in the cell; has metal; of the net
nearest to the violation; wire to its right; wire upwards; a via; could hold a terminal's via; lies
in a violation; whether the track above, and the one below, is one pitch away."""

_PATIENCE = 20
"""Checks without a new best after which a walk's draws are twice as free."""
_MOST_LOOKS = 100
"""Looks at other violations in turn, without a check, that a walk takes for a dead end."""
_METAL = frozenset({"M1", "V0"})


@dataclass(frozen=True)
class FixTask:
    """A routed cell to mend.

    Attributes:
        placement: Its fingers.
        routes: Its nets' metal; whole and without shorts.
    """

    placement: Placement
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class FixOutcome:
    """What mending came to.

    Attributes:
        routes: The best metal found.
        before: Violations at the start.
        after: Violations of ``routes``.
        checks: Checks of design rules made, that of the start included.
    """

    routes: tuple[Route, ...]
    before: int
    after: int
    checks: int


class Fixing:
    """A wiring under repair: its violations, and the changes that can be made near one of them.

    Args:
        task: What to mend.
    """

    def __init__(self, task: FixTask) -> None:
        deck = task.placement.technology.deck
        if deck is None:
            raise ConfigError(f"{task.placement.technology.name} has no layers and rules")
        self.placement = task.placement
        self.wiring = Wiring(grid_of(task.placement), task.routes)
        if not self.wiring.is_sound:
            raise ConfigError(
                f"the routes of {task.placement.cell.name} should be whole and without shorts"
            )
        self.tracks = len(self.wiring.grid.tracks_nm)
        self._deck = deck.touching(_METAL)
        self.checks = 0
        self.violations = self.check(self.wiring)

    @property
    def actions(self) -> int:
        """How many changes there are near a violation, legal or not."""
        return change_count(self.tracks)

    def check(self, wiring: Wiring) -> tuple[Violation, ...]:
        """Give the violations of the metal of a wiring; each call is counted in ``checks``."""
        self.checks += 1
        shapes, _ = draw(self.placement, wiring.routes)
        return tuple(check_shapes(shapes, self._deck))

    def changed(self, focus: int, action: int) -> Wiring | None:
        """Give the wiring after a change near a violation; None where it cannot be made.

        Args:
            focus: Number of the violation.
            action: Kind of change, half column and track: ``(kind * 7 + dx + 3) * tracks + track``.
        """
        rest, track = divmod(action, self.tracks)
        kind, dx = divmod(rest, COLUMNS)
        x = self._column(focus) + dx - _REACH
        node = (x, track)
        if not self._inside(node):
            return None
        if kind == 2:
            return self.wiring.moved(node)
        right, up = (x + 1, track), (x, track + 1)
        if kind < 2:
            other = (right, up)[kind]
            return self.wiring.toggled((node, other)) if self._inside(other) else None
        step = 1 if kind % 2 == 0 else -1
        return self.wiring.shifted((node, up if kind < 5 else right), step)

    def legal(self, focus: int) -> Bool[np.ndarray, " a"]:
        """Say which changes near a violation can be made; [A] True = legal."""
        return np.array([self.changed(focus, a) is not None for a in range(self.actions)], np.bool_)

    def make(self, wiring: Wiring, violations: tuple[Violation, ...]) -> None:
        """Take over a changed wiring and what is known of it."""
        self.wiring, self.violations = wiring, violations

    def seen(self, focus: int) -> Float32[np.ndarray, " o"]:
        """Give the channels of every node near a violation, node after node."""
        planes = np.zeros((COLUMNS, self.tracks, len(CHANNELS)), np.float32)
        wiring, grid = self.wiring, self.wiring.grid
        edges: set[Edge] = {edge for route in wiring.routes for edge in route.edges}
        vias = {node for route in wiring.routes for node, _ in route.vias}
        terminals = {node for terminal in grid.terminals for node in terminal.nodes}
        nearest = wiring.owners.get(self._nearest(focus))
        middle = self._column(focus)
        for index in range(COLUMNS):
            for track in range(self.tracks):
                node = (middle + index - _REACH, track)
                if not self._inside(node):
                    continue
                x, y = node
                planes[index, track] = (
                    1,
                    node in wiring.owners,
                    nearest is not None and wiring.owners.get(node) == nearest,
                    (node, (x + 1, y)) in edges,
                    (node, (x, y + 1)) in edges,
                    node in vias,
                    node in terminals,
                    any(self._is_in(node, violation) for violation in self.violations),
                    (track, track + 1) in grid.near_tracks,
                    (track - 1, track) in grid.near_tracks,
                )
        return planes.reshape(-1)

    # ---------------------------------------------------------------- places

    def _inside(self, node: Node) -> bool:
        return 1 <= node[0] < self.wiring.grid.half_columns and 0 <= node[1] < self.tracks

    def _column(self, focus: int) -> int:
        """Give the half column in the middle of a violation."""
        violation = self.violations[focus % len(self.violations)]
        half_nm = self.placement.technology.cpp_nm / 2
        return round((violation.left_nm + violation.right_nm) / 2 / half_nm)

    def _nearest(self, focus: int) -> Node:
        """Give the covered node nearest to the middle of a violation."""
        violation = self.violations[focus % len(self.violations)]
        x_nm = (violation.left_nm + violation.right_nm) / 2
        y_nm = (violation.bottom_nm + violation.top_nm) / 2
        half_nm, tracks = self.placement.technology.cpp_nm / 2, self.wiring.grid.tracks_nm

        def distance(node: Node) -> float:
            return abs(node[0] * half_nm - x_nm) + abs(tracks[node[1]] - y_nm)

        return min(sorted(self.wiring.owners), key=distance)

    def _is_in(self, node: Node, violation: Violation) -> bool:
        half_nm = self.placement.technology.cpp_nm / 2
        x, y = node[0] * half_nm, self.wiring.grid.tracks_nm[node[1]]
        return (
            violation.left_nm - half_nm / 2 <= x <= violation.right_nm + half_nm / 2
            and violation.bottom_nm - half_nm / 2 <= y <= violation.top_nm + half_nm / 2
        )


def change_count(tracks: int) -> int:
    """Give how many changes there are near a violation, legal or not."""
    return KINDS * COLUMNS * tracks


def walk(
    task: FixTask,
    *,
    checks: int,
    seed: int,
    logits: Callable[[Fixing, int], Float32[np.ndarray, " a"]],
) -> FixOutcome:
    """Draw changes, keep those that leave no more violations, and give the best wiring.

    No wiring is checked twice, and the longer nothing has been better than the best, the freer the
    draws: logits are divided by a temperature that begins at 1.

    Args:
        task: What to mend.
        checks: Most checks of design rules, that of the start included, >= 1.
        seed: The one seed of the draws.
        logits: Given a wiring and the number of a violation, says how likely each change near it
            is, legal or not, and last how likely it is to look at the next violation instead.

    Raises:
        ConfigError: A number or the task is not usable.
    """
    if checks < 1:
        raise ConfigError(f"`checks` should be at least 1, actual value: {checks}")
    fixing, rng = Fixing(task), np.random.default_rng(seed)
    before = len(fixing.violations)
    best, known = (before, fixing.wiring), {fixing.wiring.routes}
    left: dict[int, Float32[np.ndarray, " a"]] = {}  # by violation, what was not refused
    focus = since = looks = 0
    while fixing.violations and fixing.checks < checks:
        if focus not in left:
            legal = np.append(fixing.legal(focus), np.True_)
            left[focus] = np.where(legal, logits(fixing, focus), -np.inf).astype(np.float32)
        freedom = 1 + since / _PATIENCE + looks // _MOST_LOOKS
        action = int(np.argmax(left[focus] / freedom + rng.gumbel(size=len(left[focus]))))
        if action == fixing.actions:
            tried = [np.isneginf(each[:-1]).all() for each in left.values()]
            if len(tried) == len(fixing.violations) and all(tried):
                break
            focus, looks = (focus + 1) % len(fixing.violations), looks + 1
            continue
        wiring = fixing.changed(focus, action)
        assert wiring is not None  # it is legal
        left[focus][action] = -np.inf
        if wiring.routes in known:
            continue
        known.add(wiring.routes)
        violations = fixing.check(wiring)
        since, looks = since + 1, 0
        if len(violations) < best[0]:
            best, since = (len(violations), wiring), 0
        if len(violations) <= len(fixing.violations):
            fixing.make(wiring, violations)
            left, focus = {}, focus % max(1, len(violations))
    return FixOutcome(best[1].routes, before, best[0], fixing.checks)


def fix_tasks(
    cells: Sequence[CellNetlist], technology: Technology, *, per_cell: int = 4, seed: int = 0
) -> tuple[FixTask, ...]:
    """Place cells by chance and route them without a look at the rules.

    Placements whose nets meet in one metal are left out, so a cell may have fewer tasks.

    Args:
        cells: The netlists.
        technology: Rows, tracks, layers and rules.
        per_cell: Placements to try per cell, >= 1.
        seed: The one seed.

    Raises:
        ConfigError: Cells are only placed in this technology.
    """
    rng = np.random.default_rng(seed)
    tasks = []
    for cell in cells:
        candidates = Candidates(cell, technology)
        for number in range(per_cell):
            construction = Construction(candidates)
            while not construction.done:
                legal = np.flatnonzero(construction.legal())
                gaps = [construction.builder.gap(construction.column(n)) for n in legal.tolist()]
                paired = [None not in candidates.pairs[n] for n in legal.tolist()]
                rank = np.array(gaps) - np.array(paired) + 0.5 * rng.random(len(legal))
                construction.push(int(legal[int(np.argmin(rank))]))
            placement = construction.placement()
            try:
                routing = route_by_ripup(grid_of(placement), seed=number, keep_apart=False)
            except NetlistError:
                continue
            if routing.status == "routed":
                tasks.append(FixTask(placement, routing.routes))
    return tuple(tasks)
