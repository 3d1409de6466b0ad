"""Tuning with equal effort: eight settings of each method, two seeds, two problems.

Adders of 16 bits at 275 ps and of 32 bits at 320 ps on Nangate45, flow `sized` at that one target,
from the regular structures in both p modes, which are counted. A setting's score is its mean saving
against the best of these, over seeds and problems; a default gives way only to a setting that is
better than it at both problems. The seeds are used for nothing else. Guided search, whose model
begins untrained, gets half the calls of the others. Costs are areas in um2, and more where the
target is missed (`iso_delay_cost`); pre-layout, inside the flow, not confirmed.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from common import arguments, load_named, print_table, write_json

from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.search import (
    Annealing,
    AnnealingOptions,
    Evolution,
    EvolutionOptions,
    Guided,
    GuidedOptions,
    SearchProblem,
    Sizing,
    run_search,
)
from edarl.search.base import BaseSearcher
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import Physics

PROBLEMS = {16: 275.0, 32: 320.0}
"""Target in ps by width."""
CALLS = {16: 2000, 32: 4000}
SHARE_OF_CALLS = {"guided": 0.5}
SEEDS = (100, 101)
Settings = Mapping[str, Any]


def _annealing(problem: SearchProblem, seed: int, calls: int, settings: Settings) -> BaseSearcher:
    walkers = int(settings["walkers"])
    options = AnnealingOptions(
        evaluations=calls, walkers=walkers, exchange=2 * walkers, hot=settings["hot"]
    )
    return Annealing(problem, seed, options)


def _evolution(problem: SearchProblem, seed: int, _: int, settings: Settings) -> BaseSearcher:
    return Evolution(problem, seed, EvolutionOptions(**settings))


def _guided(problem: SearchProblem, seed: int, calls: int, settings: Settings) -> BaseSearcher:
    from edarl.agents.value.foreteller import EnsembleForeteller

    assert problem.sizing is not None
    sizing = problem.sizing
    physics = Physics(sizing.library, sizing.constraint, problem.circuit)
    foreteller = EnsembleForeteller(physics, sizing.target_ps, seed=seed)
    options = replace(GuidedOptions(**settings), evaluations=calls)
    return Guided(replace(problem, foreteller=foreteller), seed, options)


MAKERS: Mapping[str, Callable[[SearchProblem, int, int, Settings], BaseSearcher]] = {
    "anneal": _annealing,
    "evolve": _evolution,
    "guided": _guided,
}
SETTINGS: Mapping[str, tuple[Settings, ...]] = {
    "anneal": tuple(
        {"hot": hot, "walkers": walkers}
        for hot in (0.002, 0.004, 0.008, 0.016)
        for walkers in (6, 12)
    ),
    "evolve": tuple(
        {"population": population, "tournament": tournament}
        for population in (16, 24, 48, 96)
        for tournament in (1, 2)
    ),
    "guided": tuple(
        {"candidates": candidates, "share_of_walkers": share, "hot": hot, "cooling": cooling}
        for candidates in (32, 64)
        for share in (0.5, 1.0)
        for hot, cooling in ((0.004, 1.0), (0.016, 0.6))
    ),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One search.

    Attributes:
        method: A key of `MAKERS`.
        setting: Index into the method's `SETTINGS`.
        width: Bits.
        seed: Seeds the search.
        calls: Evaluation calls.
    """

    method: str
    setting: int
    width: int
    seed: int
    calls: int

    def run(self) -> dict[str, Any]:
        """Search, and give what was found along the way."""
        library = load_named("nangate45")
        constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
        target = PROBLEMS[self.width]
        circuit = Circuit("adder", self.width)
        starts = {
            Design.of(structure(name, circuit.leaves), circuit, mode)
            for name in REGULAR
            for mode in P_MODES
        }
        problem = SearchProblem(
            circuit,
            partial(iso_delay_cost, target_ps=target),
            tuple(sorted(starts, key=lambda design: design.digest)),
            sizing=Sizing(library, constraint, target),
        )
        settings = SETTINGS[self.method][self.setting]
        searcher = MAKERS[self.method](problem, self.seed, self.calls, settings)
        begun = time.process_time()
        evaluator = FastEvaluator(library, constraint, flow="sized", targets_ps=(target,))
        regular = min(problem.cost(found) for found in evaluator.evaluate(list(problem.starts)))
        outcome = run_search(
            searcher,
            FastEvaluator(library, constraint, flow="sized", targets_ps=(target,)),
            budget_calls=self.calls,
        )

        def at(share: float) -> float:
            reached = [cost for calls, cost in outcome.improvements if calls <= share * self.calls]
            return reached[-1] if reached else regular

        return {
            "method": self.method,
            "setting": _named(settings),
            "width": self.width,
            "target_ps": target,
            "seed": self.seed,
            "calls": outcome.progress.calls,
            "regular_um2": regular,
            "quarter_um2": at(0.25),
            "half_um2": at(0.5),
            "final_um2": at(1.0),
            "cpu_s": round(time.process_time() - begun, 2),
        }


def main() -> None:
    """Run all settings, print the tables, write the figures."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--methods", nargs="+", choices=MAKERS, default=list(MAKERS))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write one line per search here")
    options = parser.parse_args()
    widths = [16] if options.quick else list(PROBLEMS)
    share = 0.05 if options.quick else 1.0
    jobs = [
        Job(
            method,
            setting,
            width,
            seed,
            round(CALLS[width] * share * SHARE_OF_CALLS.get(method, 1)),
        )
        for method in options.methods
        for setting in range(len(SETTINGS[method]))
        for width in widths
        for seed in SEEDS
    ]
    with ProcessPoolExecutor(options.processes) as processes:
        searches = list(processes.map(Job.run, jobs))
    summary = []
    for method in options.methods:
        rows = [_summary(method, settings, searches, widths) for settings in SETTINGS[method]]
        summary += sorted(rows, key=lambda row: -row["saving_percent"])
    print_table(list(summary[0]), [list(row.values()) for row in summary])
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(searches[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(searches)
    write_json(options.json, {"summary": summary, "searches": searches})


def _summary(
    method: str, settings: Settings, searches: list[dict[str, Any]], widths: list[int]
) -> dict[str, Any]:
    """Give the mean figures of one setting: final cost per problem, and the score."""
    row: dict[str, Any] = {"method": method, "setting": _named(settings)}
    savings = []
    for width in widths:
        mine = [
            search
            for search in searches
            if (search["method"], search["setting"], search["width"])
            == (method, row["setting"], width)
        ]
        savings += [100 * (1 - search["final_um2"] / search["regular_um2"]) for search in mine]
        title = f"{width} b at {PROBLEMS[width]:g} ps"
        row[f"{title}, half the calls [um2]"] = statistics.mean(s["half_um2"] for s in mine)
        row[f"{title} [um2]"] = statistics.mean(s["final_um2"] for s in mine)
        row[f"cpu_s, {width} b"] = statistics.mean(s["cpu_s"] for s in mine)
    row["saving_percent"] = statistics.mean(savings)
    return row


def _named(settings: Settings) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


if __name__ == "__main__":
    main()
