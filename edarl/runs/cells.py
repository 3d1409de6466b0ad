"""Laying out a standard cell: place, route, draw, check, and try again until it is clean."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from edarl.errors import ConfigError, NetlistError
from edarl.layout.checks import Violation, check_gds
from edarl.layout.exact import Rows, place_exactly, short_placements
from edarl.layout.fixing import FixOutcome, FixTask
from edarl.layout.gds import write_gds
from edarl.layout.geometry import Label, Shape, draw
from edarl.layout.grid import grid_of
from edarl.layout.joint import JointResult, place_and_route
from edarl.layout.maze import route_by_ripup
from edarl.layout.neighbourhoods import search_layout
from edarl.layout.netlist import CellNetlist
from edarl.layout.outcome import PlacementOutcome
from edarl.layout.placement import Placement
from edarl.layout.router import Route, Routing, route_exactly
from edarl.layout.series import differ_in_order_alone, series_orders
from edarl.layout.technology import Technology
from edarl.search.cells import anneal_placement, fix_greedily, random_placement

__all__ = ["FIXERS", "METHODS", "ROUTERS", "CellLayout", "LayoutOptions", "lay_out"]

METHODS: Mapping[str, str] = {
    "exact": "the narrowest placement, proved by CP-SAT",
    "anneal": "simulated annealing of order and pairing",
    "rl": "a trained policy, greedy at first, then drawn from",
    "random": "random orders and pairings",
}
"""How cells can be placed, with a line of help."""

ROUTERS: Mapping[str, str] = {
    "exact": "the shortest wires that keep the metals' rules, by CP-SAT",
    "ripup": "rip-up and reroute in one metal: at once, blind to most design rules",
}
"""How nets can be routed, with a line of help."""

FIXERS: Mapping[str, str] = {
    "none": "nothing is mended",
    "greedy": "the first change that leaves fewer violations, until none does",
    "rl": "changes drawn from a trained policy, where they leave no more violations",
}
"""How design rules can be mended in the first metal, with a line of help."""


_Fixer = Callable[[FixTask], FixOutcome]
_FIX_CHECKS = 300
"""Checks of design rules that mending one routing may take, its start included."""


_SHORT_S = 10.0
"""Most seconds for a placement with short nets."""
_ASKED = 0.25
"""Share of the time after which a question gives way to the next metal, or to a search."""


@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """How a cell is laid out.

    Attributes:
        method: A key of `METHODS`.
        seed: The one seed, >= 0.
        evaluations: Placements that a method but exact judges per try, >= 1.
        tries: Placements of one width that are routed before the cell gets wider, >= 1.
        wider: Columns that it may get wider, >= 0.
        start_cpp: Width to begin with, in columns, with method ``exact``; None begins with the
            least. What is narrower is not tried.
        route_s: Most seconds per width and number of metals, > 0, and half of all at most.
        limit_s: Most seconds in all, > 0; when they are over, the best found so far is given.
        metals: Layers that wires may use: 1, or 2 where the first does not do.
        policy: Folder of the policy of method ``rl``; None takes the one that comes with edarl.
        router: A key of `ROUTERS`; ``ripup`` uses one metal, whatever ``metals`` says.
        fix: A key of `FIXERS`.
        fix_policy: Folder of the policy of fix ``rl``; None takes the one that comes with edarl.
        reorder: Whether what is in series may change its order where that makes the cell narrower;
            the function stays, the netlist is the placement's ``cell`` then.

    Raises:
        ConfigError: A value is out of range.
    """

    method: str = "exact"
    seed: int = 0
    evaluations: int = 3000
    tries: int = 5
    wider: int = 6
    start_cpp: int | None = None
    route_s: float = 120.0
    limit_s: float = 600.0
    metals: int = 2
    policy: Path | None = None
    router: str = "exact"
    fix: str = "none"
    fix_policy: Path | None = None
    reorder: bool = False

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("router", ROUTERS), ("fix", FIXERS)):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"`{name}` should be one of {', '.join(known)}, "
                    f"actual value: {getattr(self, name)!r}"
                )
        least = {"seed": 0, "evaluations": 1, "tries": 1, "wider": 0}
        if self.metals not in (1, 2):
            raise ConfigError(f"`metals` should be 1 or 2, actual value: {self.metals}")
        for name in ("limit_s", "route_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"`{name}` should be above 0, actual value: {getattr(self, name)}"
                )
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(
                    f"`{name}` should be at least {low}, actual value: {getattr(self, name)}"
                )


@dataclass(frozen=True, slots=True)
class CellLayout:
    """A cell as it was laid out.

    Attributes:
        placement: Its fingers.
        bound_cpp: No legal placement is narrower, in columns; None where nothing was proved.
        routable_bound_cpp: No narrower placement can be routed on the grid with the metals allowed,
            in columns; None where nothing was proved.
        routes: Its nets' metal.
        shapes: Its rectangles.
        labels: Its texts.
        violations: The design rules it breaks, and where.
        lvs: ``match``, or how it differs from the netlist.
        tries: Placements that were routed.
        elapsed_s: Seconds it took.
        reordered: Whether what is in series has another order than in the netlist that was given.
    """

    placement: Placement
    bound_cpp: int | None
    routable_bound_cpp: int | None
    routes: tuple[Route, ...]
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    violations: tuple[Violation, ...]
    lvs: str
    tries: int
    elapsed_s: float
    reordered: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether no rule is broken and the netlist is the one asked for."""
        return not self.violations and self.lvs == "match"

    @property
    def is_least(self) -> bool:
        """Whether it is proved that nothing narrower can be placed, or routed on the grid."""
        known = self.bound_cpp if self.routable_bound_cpp is None else self.routable_bound_cpp
        return self.is_clean and self.placement.width_cpp == known

    @property
    def wire_length_nm(self) -> float:
        """Length of the metals between nodes in nanometres."""
        drawing, pitch = self.placement.technology.drawn(), self.placement.technology.cpp_nm
        return sum(
            abs(x1 - x0) * pitch / 2 + abs(drawing.tracks_nm[y1] - drawing.tracks_nm[y0])
            for route in self.routes
            for (x0, y0), (x1, y1) in (*route.edges, *route.upper)
        )

    def document(self) -> dict[str, Any]:
        """Give what is known of it as a JSON document."""
        placement = self.placement
        return {
            "cell": placement.cell.name,
            "technology": placement.technology.name,
            "width_cpp": placement.width_cpp,
            "bound_cpp": self.bound_cpp,
            "routable_bound_cpp": self.routable_bound_cpp,
            "proved": self.is_least,
            "layers": sorted({shape.layer for shape in self.shapes}),
            "series_reordered": self.reordered,
            "wire_length_nm": self.wire_length_nm,
            "drc_violations": [
                {"rule": v.rule, "box_nm": [v.left_nm, v.bottom_nm, v.right_nm, v.top_nm]}
                for v in self.violations
            ],
            "lvs": self.lvs,
            "tries": self.tries,
            "elapsed_s": round(self.elapsed_s, 2),
        }


def lay_out(
    cell: CellNetlist,
    technology: Technology,
    options: LayoutOptions | None = None,
    *,
    on_progress: Callable[[str], None] | None = None,
) -> CellLayout:
    """Lay out a cell; gives the first clean layout, else the one with the fewest violations.

    Args:
        cell: The netlist.
        technology: Rows, tracks, layers and rules.
        options: How.
        on_progress: Told what is being done.

    Raises:
        ConfigError: A package is not installed, or cells are only placed in the technology.
        CheckpointError: The policy is missing or damaged.
        NetlistError: No placement could be routed.
    """
    options = options or LayoutOptions()
    technology.drawn()
    fixer = _fixer(options)
    run = _Run(cell, technology, options, fixer, on_progress or (lambda _: None))
    best = run.best()
    if options.reorder:
        best = _reordered(run, best)
    if best is None:
        raise NetlistError(
            f"{cell.name} could not be routed: {run.tried} placements were tried in "
            f"{run.elapsed_s:.0f} s; allow more time with `limit` and `route-limit`, take another "
            "`seed`, or allow more with `tries`, `wider` and `metals`"
        )
    return best


def _reordered(given: _Run, best: CellLayout | None) -> CellLayout | None:
    """Look for a narrower layout in other orders of what is in series; bounds are over all."""
    bounds, routable = [given.bound_cpp], [given.routable_bound_cpp]
    for order in itertools.islice(series_orders(given.cell), 1, None):
        if not given.left_s:
            bounds, routable = [None], [None]
            break
        if not differ_in_order_alone(given.cell, order):
            raise NetlistError(f"{order.name} is not the same in another order")
        widest_cpp = best.placement.width_cpp - 1 if best is not None and best.is_clean else None
        run = replace(given, cell=order, widest_cpp=widest_cpp, left_open=set())
        found = run.best()
        given.tried = run.tried
        bounds.append(run.bound_cpp)
        routable.append(run.routable_bound_cpp)
        if found is not None and (best is None or _badness(found) < _badness(best)):
            best = replace(found, reordered=True)
    if best is None:
        return None
    return replace(
        best,
        bound_cpp=_least(bounds),
        routable_bound_cpp=_least([*routable, best.placement.width_cpp]),
        tries=given.tried,
        elapsed_s=given.elapsed_s,
    )


def _least(bounds: Sequence[int | None]) -> int | None:
    """Give the least of some bounds, None where one of them is not known."""
    known = [bound for bound in bounds if bound is not None]
    return min(known) if len(known) == len(bounds) else None


def _badness(layout: CellLayout) -> tuple[bool, int, int]:
    return layout.lvs != "match", len(layout.violations), layout.placement.width_cpp


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A placement to route.

    Attributes:
        placement: The placement.
        second_metal: Whether wires may use the second metal.
        wires: Wires that are known to do, by `edarl.layout.joint`; empty where none are.
    """

    placement: Placement
    second_metal: bool
    wires: Mapping[Hashable, bool]


@dataclass(slots=True)
class _Run:
    """What to lay out, and what is known of it so far.

    Attributes:
        cell: The netlist.
        technology: The rules.
        options: How.
        fixer: Mends what breaks rules, if anything does.
        tell: Told what is being done.
        widest_cpp: Nothing wider is wanted; None where any width is.
        started: Time of the start, of `time.monotonic`.
        bound_cpp: No legal placement is narrower; None where nothing was proved.
        routable_bound_cpp: No narrower placement can be routed; None where nothing was proved.
        tried: Placements that were routed so far.
        left_open: Numbers of metals whose question was left open; of a wider cell it is larger.
    """

    cell: CellNetlist
    technology: Technology
    options: LayoutOptions
    fixer: _Fixer | None
    tell: Callable[[str], None]
    widest_cpp: int | None = None
    started: float = field(default_factory=time.monotonic)
    bound_cpp: int | None = None
    routable_bound_cpp: int | None = None
    tried: int = 0
    left_open: set[int] = field(default_factory=set)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.options.limit_s - self.elapsed_s)

    def best(self) -> CellLayout | None:
        """Give the first clean layout, else the one with the fewest violations, if any."""
        best: CellLayout | None = None
        for attempt in self.attempts():
            placement = attempt.placement
            if self.widest_cpp is not None and placement.width_cpp > self.widest_cpp:
                continue
            self.tried += 1
            routing = _routed(attempt, self.options, self.left_s)
            if routing.status != "routed":
                continue
            routes = _mended(placement, routing.routes, self.fixer)
            shapes, labels = draw(placement, routes)
            violations, lvs = _checked(self.cell, self.technology, shapes, labels)
            found = CellLayout(
                placement,
                self.bound_cpp,
                self.routable_bound_cpp,
                routes,
                tuple(shapes),
                tuple(labels),
                violations,
                lvs,
                self.tried,
                self.elapsed_s,
            )
            if best is None or _badness(found) < _badness(best):
                best = found
            if found.is_clean:
                break
        if best is None:
            return None
        return replace(
            best,
            bound_cpp=self.bound_cpp,
            routable_bound_cpp=self.routable_bound_cpp,
            tries=self.tried,
            elapsed_s=self.elapsed_s,
        )

    def attempts(self) -> Iterator[_Attempt]:
        """Give what to route, the narrowest first; of one width all in one metal, then all in two.

        Ends when the time is up.
        """
        options = self.options
        metals = range(1, 1 + (options.metals if options.router == "exact" else 1))
        if options.method == "exact":
            self.tell("placing")
            # Half is left for the wires, from the width on that is proved by then.
            most_s = max(0.01, self.left_s / 2)
            result = place_exactly(self.cell, self.technology, limit_s=most_s, seed=options.seed)
            self.bound_cpp = result.bound_cpp
            if options.router == "exact":
                yield from self._routable(result.bound_cpp, metals)
                return
        for placements in self._placements():
            known = list(placements)
            for count in metals:
                for placement in known:
                    if not self.left_s:
                        return
                    self.tell(f"routing in {placement.width_cpp} CPP, metals: {count}")
                    yield _Attempt(placement, count == 2, {})

    def _widths(self, bound_cpp: int) -> range:
        """Give the widths to try."""
        first_cpp = max(bound_cpp, self.options.start_cpp or 0)
        widest_cpp = first_cpp + self.options.wider
        if self.widest_cpp is not None:
            widest_cpp = min(widest_cpp, self.widest_cpp)
        return range(first_cpp, widest_cpp + 1)

    def _routable(self, bound_cpp: int, metals: range) -> Iterator[_Attempt]:
        """Give placements that can be wired, and keep account of the widths where none can."""
        self.routable_bound_cpp = bound_cpp
        for width_cpp in self._widths(bound_cpp):
            impossible = True
            for count in metals:
                if not self.left_s:
                    return
                self.tell(f"placing and routing in {width_cpp} CPP, metals: {count}")
                status = yield from self._routable_in(width_cpp, count)
                impossible = impossible and status == "impossible"
            if impossible and self.routable_bound_cpp == width_cpp:
                self.routable_bound_cpp = width_cpp + 1

    def _routable_in(self, width_cpp: int, metals: int) -> Generator[_Attempt, None, str]:
        """Give placements of a width that can be wired; returns what the first search came to."""
        avoid: list[Rows] = []
        for _ in range(self.options.tries):
            found = self._joint(width_cpp, metals, avoid)
            if found.placement is None:
                return "routed" if avoid else found.status
            avoid.append(found.rows)
            yield _Attempt(found.placement, metals == 2, found.wires)
        return "routed"

    def _joint(self, width_cpp: int, metals: int, avoid: Sequence[Rows]) -> JointResult:
        """Place and route at once: by one question, in two metals also by neighbourhoods.

        What is left open when two metals are allowed is not asked again about wider cells.
        """
        columns = width_cpp - self.technology.boundary_columns
        limit_s = max(0.01, min(self.options.route_s, self.options.limit_s / 2, self.left_s))
        asked_s = limit_s if self.options.metals == 1 else _ASKED * limit_s
        if metals not in self.left_open:
            found = place_and_route(
                self.cell,
                self.technology,
                columns,
                second_metal=metals == 2,
                limit_s=asked_s,
                seed=self.options.seed,
                avoid=avoid,
            )
            if self.options.metals == 1 or found.status != "unknown":
                return found
            self.left_open.add(metals)
            limit_s -= asked_s
        if metals == 1:
            return JointResult(None, {}, {}, "unknown")
        return search_layout(
            self.cell,
            self.technology,
            columns,
            second_metal=True,
            limit_s=max(0.01, min(limit_s, self.left_s)),
            seed=self.options.seed,
            avoid=avoid,
        )

    def _placements(self) -> Iterator[Iterable[Placement]]:
        """Give the placements to try in groups, the narrowest first."""
        cell, technology, options = self.cell, self.technology, self.options
        if self.bound_cpp is not None:
            for width_cpp in self._widths(self.bound_cpp):
                columns = width_cpp - technology.boundary_columns
                most_s = max(0.01, min(_SHORT_S, self.left_s / options.tries))
                found = short_placements(
                    cell, technology, columns, limit_s=most_s, seed=options.seed
                )
                yield itertools.islice(found, options.tries)
            return
        search = _search(options)
        outcomes = []
        for number in range(options.tries):
            if not self.left_s:
                break
            self.tell(f"placing, try {number + 1} of {options.tries}")
            outcomes.append(
                search(
                    cell, technology, evaluations=options.evaluations, seed=options.seed + number
                )
            )
        yield sorted(
            (outcome.placement for outcome in outcomes),
            key=lambda placement: (placement.width_cpp, placement.wire_length_cpp),
        )


def _search(options: LayoutOptions) -> Callable[..., PlacementOutcome]:
    """Give the way to place that was asked for."""
    if options.method != "rl":
        return anneal_placement if options.method == "anneal" else random_placement
    from edarl.runs.guided import needing_torch

    with needing_torch("placing cells by a policy needs"):
        from edarl.agents.cells import load_cell_policy, place_by_policy, shipped_cell_policy

    path = options.policy
    policy = shipped_cell_policy() if path is None else load_cell_policy(path)
    return partial(place_by_policy, policy)


def _routed(attempt: _Attempt, options: LayoutOptions, left_s: float) -> Routing:
    """Route a placement in the way that was asked for."""
    exact = options.router == "exact"
    grid = grid_of(attempt.placement, stretched=exact)
    if exact:
        return route_exactly(
            grid,
            second_metal=attempt.second_metal,
            limit_s=max(1.0, min(options.route_s, left_s)),
            seed=options.seed,
            hint=attempt.wires,
        )
    try:
        routing = route_by_ripup(grid, seed=options.seed)
        if routing.status == "crowded" and options.fix != "none":
            # Wires that are too near can be parted; nets that share a node cannot.
            routing = route_by_ripup(grid, seed=options.seed, keep_apart=False)
    except NetlistError:
        return Routing((), "impossible")
    return routing


def _fixer(options: LayoutOptions) -> _Fixer | None:
    """Give the way to mend that was asked for; None where nothing is to be mended."""
    if options.fix == "none":
        return None
    if options.fix == "greedy":
        return partial(fix_greedily, checks=_FIX_CHECKS, seed=options.seed)
    from edarl.runs.guided import needing_torch

    with needing_torch("mending cells by a policy needs"):
        from edarl.agents.cells import fix_by_policy, load_fix_policy, shipped_fix_policy

    path = options.fix_policy
    policy = shipped_fix_policy() if path is None else load_fix_policy(path)
    return partial(fix_by_policy, policy, checks=_FIX_CHECKS, seed=options.seed)


def _mended(
    placement: Placement, routes: tuple[Route, ...], fixer: _Fixer | None
) -> tuple[Route, ...]:
    """Mend what the rules find in the first metal.

    Wires that go up to the second are left, and those that need stretched contacts.
    """
    vias = {net: len(terminals) for net, terminals in grid_of(placement).nets.items()}
    if (
        fixer is None
        or any(route.lifts for route in routes)
        or vias != {route.net: len(route.vias) for route in routes}
    ):
        return routes
    return fixer(FixTask(placement, routes)).routes


def _checked(
    cell: CellNetlist, technology: Technology, shapes: list[Shape], labels: list[Label]
) -> tuple[tuple[Violation, ...], str]:
    """Check the bytes as they would be written."""
    deck = technology.deck
    if deck is None:
        raise ConfigError(f"{technology.name} has no layers and rules in its file")
    with tempfile.TemporaryDirectory(prefix="edarl-cell-") as scratch:
        path = Path(scratch) / "cell.gds"
        write_gds(path, cell.name, shapes, labels, deck)
        violations, lvs = check_gds(path, cell.name, deck, cell)
    return tuple(violations), lvs
