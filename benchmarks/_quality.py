"""How good the own sizer's netlists are beside ABC's, and how far the tiers rank designs alike.

Not a benchmark by itself. A job is one library and width and runs in a process of its own; nothing
is timed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _populations import (
    FASTEST_PS,
    abc_points,
    annealed,
    constraint_of,
    random_designs,
    regular,
)
from _speed import design_targets, evenly, excess_percent
from common import load_named

from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Evaluation, Point
from edarl.prefix.design import Design
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.confirm import emit_netlist, time_verilog
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.timing.sizer import EFFORTS, Sizer

__all__ = ["PAIRS", "QualityJob", "rank_rows", "share_rows", "spearman"]

_RIVALS = ("direct", "pinswap")

_RANKED_AT = (("tight", "annealed", 0.5), ("middle", "random", 0.25), ("loose", "random", 0.75))

PAIRS = (
    ("fast", "direct"),
    ("fast", "pinswap"),
    ("fast", "best of ABC"),
    ("fast", "best"),
    ("fast", "confirmed fast"),
    ("fast", "confirmed best"),
    ("best", "confirmed best"),
)
"""Which tiers are compared by rank."""


@dataclass(frozen=True, slots=True)
class QualityJob:
    """Size the designs of one library and width in every way.

    Attributes:
        library: Name.
        width: Bits.
        count: Random graphs, and annealed graphs.
        evaluations: Evaluations of each annealing.
        ranked: Of each, how many are ranked by the tiers; 0 for none.
        thorough: Of each kind of designs, how many are sized at effort thorough too.
    """

    library: str
    width: int
    count: int
    evaluations: int
    ranked: int
    thorough: int

    def run(self) -> dict[str, Any]:
        """Give one row per design and compared point, and the areas by tier of the ranked ones."""
        library = load_named(self.library)
        constraint = constraint_of(library, self.library)
        sizers = {e: Sizer(library, constraint, effort=e, view="abc") for e in EFFORTS}
        names = regular(self.width)
        populations = {
            "regular": [*names],
            "random": random_designs(self.width, self.count),
            "annealed": annealed(library, constraint, self.width, self.count, self.evaluations),
        }
        with AbcSession(library, constraint) as session:
            hard = {d for designs in populations.values() for d in evenly(designs, self.thorough)}
            points = [
                {"population": name, "graph": names.get(design, f"{name} {number}"), **row}
                for name, designs in populations.items()
                for number, design in enumerate(designs)
                for row in self._compare(design, session, sizers, hard=design in hard)
            ]
            ranks = self._rank(populations, session, sizers["normal"]) if self.ranked else []
        counts = {name: len(designs) for name, designs in populations.items()}
        return {
            "job": [self.library, self.width],
            "designs": counts,
            "points": points,
            "ranks": ranks,
        }

    def _compare(
        self, design: Design, session: AbcSession, sizers: dict[Any, Sizer], *, hard: bool
    ) -> list[dict[str, Any]]:
        """Size at ABC's measured delays; the same timer speaks on both sides."""
        targets = design_targets(session, design)
        theirs = [
            point
            for rival in _RIVALS
            for point in abc_points(session, design, rival, targets)
            if point.meets(point.target_ps)
        ]
        delays = [point.delay_ps for point in theirs]
        own = {
            effort: sizer.curve(design, delays)
            for effort, sizer in sizers.items()
            if hard or effort != "thorough"
        }
        return [
            {
                "library": self.library,
                "width": self.width,
                "rival": point.flow,
                "delay_ps": point.delay_ps,
                "abc_um2": round(point.area_um2, 3),
                **{
                    e: round(excess_percent(own[e][k], point), 3) if e in own else None
                    for e in EFFORTS
                },
                **{f"{e}_ps": round(own[e][k].delay_ps, 2) if e in own else None for e in EFFORTS},
            }
            for k, point in enumerate(theirs)
        ]

    def _rank(
        self, populations: dict[str, list[Design]], session: AbcSession, sizer: Sizer
    ) -> list[dict[str, Any]]:
        """Give each tier's area at three delays, for the designs that reach them in every tier.

        The delays are 1.1 times the fastest delay of the median annealed graph, and of the random
        graph that a quarter, and three quarters, of the random graphs are at least as fast as.
        """
        chosen = [
            (name, design, sizer.curve(design, (FASTEST_PS,))[0].delay_ps)
            for name in ("annealed", "random")
            for design in evenly(populations[name], self.ranked)
        ]
        rows = []
        for label, kind, share in _RANKED_AT:
            known = [fastest for name, _, fastest in chosen if name == kind]
            target = round(1.1 * float(np.quantile(known, share)), 1)
            rows += [
                {
                    "library": self.library,
                    "width": self.width,
                    "delay": label,
                    "target_ps": target,
                    "population": name,
                    "areas": self._tiers(design, target, session, sizer),
                }
                for name, design, fastest in chosen
                if fastest < 1.05 * target
            ]
        return rows

    def _tiers(
        self, design: Design, target: float, session: AbcSession, sizer: Sizer
    ) -> dict[str, float | None]:
        def area(*points: Point) -> float | None:
            found = Evaluation(design.digest, "", session.constraint, points).at(target)
            return None if found is None else round(found.area_um2, 3)

        def emitted(flow: str) -> Point:
            netlist = emit_netlist(design, flow, target, session.library, session)
            return time_verilog(mapped_verilog(netlist), session)

        sized = sizer.curve(design, (target,))[0]
        fast = Point(target, sized.delay_ps, sized.area_um2, "sized")
        by_flow = {flow: abc_points(session, design, flow, (target,))[0] for flow in FLOWS}
        confirmed = emitted("sized")
        reaching = [point for point in (*by_flow.values(), fast) if point.meets(target)]
        winner = min(reaching, key=lambda point: point.area_um2, default=fast)
        best_confirmed = confirmed if winner.flow == "sized" else emitted(winner.flow)
        return {
            "fast": area(fast),
            "direct": area(by_flow["direct"]),
            "pinswap": area(by_flow["pinswap"]),
            "best of ABC": area(*by_flow.values()),
            "best": area(fast, *by_flow.values()),
            "confirmed fast": area(confirmed),
            "confirmed best": area(best_confirmed),
        }


def share_rows(points: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Sum up compared points by some of their columns; one row per group and effort."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in points:
        groups.setdefault(tuple(point[key] for key in keys), []).append(point)
    return [
        {
            **dict(zip(keys, group, strict=True)),
            "effort": effort,
            "points": len(members),
            "mean_percent": float(np.mean([point[effort] for point in members])),
            "mean_of_met_percent": _mean(
                [point[effort] for point in members if not _missed(point, effort)]
            ),
            "worst_percent": max(point[effort] for point in members),
            "losing_percent": 100 * float(np.mean([point[effort] > 0.005 for point in members])),
            "losing_by_3_percent": 100 * float(np.mean([point[effort] > 3 for point in members])),
            "missed_percent": 100 * float(np.mean([_missed(point, effort) for point in members])),
        }
        for group, everything in groups.items()
        for effort in EFFORTS
        if (members := [point for point in everything if point[effort] is not None])
    ]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _missed(point: dict[str, Any], effort: str) -> bool:
    """Say whether even the fastest netlist found was slower than ABC's."""
    return bool(point[f"{effort}_ps"] > 1.0001 * point["delay_ps"])


def rank_rows(ranks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the rank correlations, by library and width, for each population and for both pooled."""

    def group(entry: dict[str, Any]) -> tuple[Any, ...]:
        return (entry["library"], entry["width"], entry["delay"], entry["target_ps"])

    rows = []
    for key in dict.fromkeys(map(group, ranks)):
        here = [
            entry for entry in ranks if group(entry) == key and None not in entry["areas"].values()
        ]
        for population in ("random", "annealed", "both"):
            areas = [e["areas"] for e in here if population in (e["population"], "both")]
            figures = {
                f"{a} / {b}": spearman([x[a] for x in areas], [x[b] for x in areas])
                for a, b in PAIRS
            }
            names = dict(zip(("library", "width", "delay", "target_ps"), key, strict=True))
            fast = [x["fast"] for x in areas]
            spread = 100 * (max(fast) / min(fast) - 1) if fast else None
            counted = {"population": population, "designs": len(areas), "spread_percent": spread}
            rows.append({**names, **counted, **figures})
    return rows


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Give Spearman's rank correlation, None for less than 3 values or where all are equal.

    Equal values share their mean rank.
    """
    if len(one) < 3 or min(one) == max(one) or min(other) == max(other):
        return None
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float]) -> Any:
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
