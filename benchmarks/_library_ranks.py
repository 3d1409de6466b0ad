"""How two characterisations of the same cells rank designs at equal delay, and what they choose.

Not a benchmark by itself; `characterization.py` runs it. Delay targets are equal factors of what
the fastest regular adder reaches in the same library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from _library_adders import SIDES, Side
from _populations import FASTEST_PS, abc_points, annealed, random_designs, regular
from _quality import spearman

from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.design import Design
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.abc_evaluator import time_netlist
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.sizer import sizer_for

__all__ = [
    "CONTROL",
    "FACTORS",
    "MIDDLE_LEAST",
    "MIDDLE_SHARE",
    "POPULATIONS",
    "RANKED_FLOWS",
    "SHORTLIST",
    "Areas",
    "AreasJob",
    "Labelled",
    "PopulationJob",
    "area_rows",
    "choice_rows",
    "population",
    "rank_rows",
]

Row = dict[str, Any]

FACTORS = (1.05, 1.1, 1.2, 1.3, 1.45, 1.6, 1.8, 2.1, 2.5)
"""Delay targets as factors of the fastest regular adder's delay in the same library."""

MIDDLE_LEAST, MIDDLE_SHARE = 40, 0.75
"""The bar is for middle targets: those that at least so many designs and no more than such a share
of them meet in the official library. Tighter ones rank too few, looser ones are met with smallest
cells alone, whose areas are equal in both libraries."""

CONTROL = 1.01
"""Areas in the official library at targets so much larger are ranked too, as a control: a sizer's
areas jump, so two targets that hardly differ do not rank designs quite alike either."""

RANKED_FLOWS = ("sized", "pinswap")
"""The own sizer at effort normal, and the better of ABC's two direct flows."""

SHORTLIST = 5
"""So many of the best designs in the measured library are looked at in the official one."""

POPULATIONS = ("regular", "random", "annealed")


class Labelled(NamedTuple):
    """A design with the population it belongs to and its name there."""

    population: str
    name: str
    design: Design


@dataclass(frozen=True, slots=True)
class PopulationJob:
    """Anneal graphs of one width in one library.

    Attributes:
        side: The library.
        width: Bits.
        count: How many graphs to keep.
        evaluations: Evaluations of each annealing.
    """

    side: Side
    width: int
    count: int
    evaluations: int

    def run(self) -> list[Design]:
        """Give the best graphs found."""
        return annealed(*self.side.load(), self.width, self.count, self.evaluations)


def population(
    width: int, random_count: int, annealed_graphs: Sequence[tuple[str, Sequence[Design]]]
) -> list[Labelled]:
    """Give the ranked designs of a width, each once: regular, random, annealed in each library."""
    found = {design: Labelled("regular", name, design) for design, name in regular(width).items()}
    for kind, designs in (("random", random_designs(width, random_count)), *annealed_graphs):
        for number, design in enumerate(designs):
            found.setdefault(design, Labelled(kind.partition(" ")[0], f"{kind} {number}", design))
    return [*found.values()]


class Areas(NamedTuple):
    """The smallest points of some designs at each target, in one library.

    Attributes:
        fastest_ps: The fastest regular adder's delay.
        targets_ps: `FACTORS` times that.
        at: By flow, for each design and target the smallest point that meets it, or None.
        fastest_of: By flow, for each design the smallest delay of all its points.
    """

    fastest_ps: float
    targets_ps: tuple[float, ...]
    at: dict[str, list[list[Point | None]]]
    fastest_of: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class AreasJob:
    """Size designs of one width in one library at every target.

    Attributes:
        side: The library.
        width: Bits.
        designs: What to size.
        shift: Factor on all targets.
    """

    side: Side
    width: int
    designs: tuple[Design, ...]
    shift: float = 1.0

    def run(self) -> Areas:
        """Give the points; both flows have the same targets."""
        library, constraint = self.side.load()
        sizer = sizer_for(library, constraint, "normal")
        fastest = min(sizer.curve(d, (FASTEST_PS,))[0].delay_ps for d in regular(self.width))
        targets = tuple(round(self.shift * factor * fastest, 2) for factor in FACTORS)
        points: dict[str, list[list[Point]]] = {
            "sized": [
                [Point(*sized, "sized") for sized in sizer.curve(design, targets)]
                for design in self.designs
            ]
        }
        with AbcSession(library, constraint) as session:
            for flow in RANKED_FLOWS[1:]:
                points[flow] = [abc_points(session, d, flow, targets) for d in self.designs]
        return Areas(
            fastest,
            targets,
            {
                flow: [
                    [Evaluation("", "", constraint, tuple(own)).at(t) for t in targets]
                    for own in of_flow
                ]
                for flow, of_flow in points.items()
            },
            {flow: [min(p.delay_ps for p in own) for own in ps] for flow, ps in points.items()},
        )


def area_rows(width: int, designs: Sequence[Labelled], areas: dict[str, Areas]) -> list[Row]:
    """Give one row per design, flow and target with its areas in both libraries and as control."""

    def area(side: str, flow: str, number: int, k: int) -> float | None:
        point = areas[side].at[flow][number][k]
        return None if point is None else round(point.area_um2, 3)

    return [
        {
            "width": width,
            "flow": flow,
            "factor": factor,
            "population": labelled.population,
            "graph": labelled.name,
            **{f"{side}_um2": area(side, flow, number, k) for side in (*SIDES, "control")},
        }
        for flow in RANKED_FLOWS
        for k, factor in enumerate(FACTORS)
        for number, labelled in enumerate(designs)
    ]


def rank_rows(rows: Sequence[Row], *, least: int = MIDDLE_LEAST) -> list[Row]:
    """Correlate areas at equal delay by width, flow and target, for each population and for all.

    Args:
        rows: What `area_rows` gave.
        least: Designs that a middle target has at least.
    """

    def group(row: Row) -> tuple[Any, ...]:
        return (row["width"], row["flow"], row["factor"])

    figures: list[Row] = []
    for key in dict.fromkeys(map(group, rows)):
        everything = [row for row in rows if group(row) == key]
        met = sum(row["official_um2"] is not None for row in everything)
        for kind in (*POPULATIONS, "all"):
            here = [row for row in everything if kind in (row["population"], "all")]
            pairs = [(row["official_um2"], row["measured_um2"]) for row in here]
            theirs, ours = _both(pairs)
            control = _both([(row["official_um2"], row["control_um2"]) for row in here])
            figures.append(
                {
                    **dict(zip(("width", "flow", "factor"), key, strict=True)),
                    "middle": least <= met <= MIDDLE_SHARE * len(everything),
                    "population": kind,
                    "designs": len(theirs),
                    "only_official": sum(b is None and a is not None for a, b in pairs),
                    "only_measured": sum(a is None and b is not None for a, b in pairs),
                    "neither": pairs.count((None, None)),
                    "spread_percent": 100 * (max(theirs) / min(theirs) - 1) if theirs else None,
                    "spearman": spearman(theirs, ours),
                    "control": spearman(*control),
                }
            )
    return figures


def _both(pairs: Sequence[tuple[float | None, float | None]]) -> tuple[list[float], list[float]]:
    """Give the two columns of the pairs that are complete."""
    complete = [(a, b) for a, b in pairs if a is not None and b is not None]
    return [a for a, _ in complete], [b for _, b in complete]


def choice_rows(
    width: int, designs: Sequence[Labelled], areas: dict[str, Areas], sides: Sequence[Side]
) -> list[Row]:
    """Choose at each target by the measured library, and look at the choice in the official one."""
    figures: list[Row] = []
    loaded = {side.name: side.load() for side in sides}
    with AbcSession(*loaded["official"]) as session:
        for flow in RANKED_FLOWS:
            for k, factor in enumerate(FACTORS):
                row = _choice(designs, areas, flow, k)
                if flow == "sized" and row["chosen"] is not None:
                    row |= _retimed(designs[row["chosen"]].design, areas, k, loaded, session)
                if row["chosen"] is not None:
                    row["chosen"] = designs[row["chosen"]].name
                figures.append({"width": width, "flow": flow, "factor": factor, **row})
    return figures


def _choice(designs: Sequence[Labelled], areas: dict[str, Areas], flow: str, k: int) -> Row:
    """Set the areas of what was chosen beside the best ones of the official library."""

    def known(side: str, *, only_regular: bool = False) -> dict[int, float]:
        return {
            number: point.area_um2
            for number, points in enumerate(areas[side].at[flow])
            if (point := points[k]) is not None
            and not (only_regular and designs[number].population != "regular")
        }

    theirs, ours = known("official"), known("measured")
    order = sorted(ours, key=lambda number: ours[number])
    best = min(theirs.values(), default=None)
    regular_best = min(known("official", only_regular=True).values(), default=None)
    listed = [theirs[number] for number in order[:SHORTLIST] if number in theirs]
    chosen = order[0] if order else None
    area = theirs.get(chosen) if chosen is not None else None
    late = None
    if chosen is not None:
        fastest = areas["official"].fastest_of[flow][chosen]
        late = max(0.0, 100 * (fastest / areas["official"].targets_ps[k] - 1))
    return {
        "chosen": chosen,
        "official_um2": area,
        "best_official_um2": best,
        "regret_percent": _more(area, best),
        "shortlist_regret_percent": _more(min(listed, default=None), best),
        "late_percent": late if area is None else 0.0,
        "saving_percent": _less(area, regular_best),
        "best_saving_percent": _less(best, regular_best),
    }


def _retimed(
    design: Design,
    areas: dict[str, Areas],
    k: int,
    loaded: dict[str, tuple[CellLibrary, Constraint]],
    session: AbcSession,
) -> Row:
    """Take the netlist itself along: sized in the measured library, timed in the official one."""
    theirs = areas["official"]
    netlist = sizer_for(*loaded["measured"], "normal").netlist(
        design, areas["measured"].targets_ps[k]
    )
    timed = time_netlist(netlist, session)
    resized = sizer_for(*loaded["official"], "normal").curve(design, (timed.delay_ps,))[0]
    excess = None
    if Point(*resized, "sized").meets(timed.delay_ps):
        excess = _more(timed.area_um2, resized.area_um2)
    return {
        "netlist_delay_percent": 100 * (timed.delay_ps / theirs.targets_ps[k] - 1),
        "netlist_excess_percent": excess,
    }


def _more(area: float | None, reference: float | None) -> float | None:
    """Give by how many percent an area is above another."""
    return None if area is None or reference is None else 100 * (area / reference - 1)


def _less(area: float | None, reference: float | None) -> float | None:
    more = _more(area, reference)
    return None if more is None else -more
