"""How well models rank designs that nobody has evaluated: the jobs of `learning.py --parts ranks`.

Models learn from the first designs of an evolution and rank neighbours of the best ones.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _learning import Problem
from common import load_named

from edarl.agents.value.scale import regular_designs
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.search import Evolution, SearchProblem, run_search
from edarl.search.base import Judged, of_distinct_cost
from edarl.search.moves import Proposal, mutate
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import Physics

__all__ = ["RANKED", "Ranking", "rankings"]

RANKED = {
    "features": ("ensemble on features", {"batch_size": 64}, 3000),
    "convolution": (
        "convolution beside the features",
        {"kind": "convolution", "batch_size": 16},
        300,
    ),
}
"""In words, how it learns, and most gradient steps: those of the convolution take far longer."""

_NEIGHBOURS = 128
_TOP = 8


@dataclass(frozen=True, slots=True)
class Ranking:
    """One model that ranks.

    Attributes:
        kind: A key of `RANKED`.
        problem: What designs are evaluated for.
        learnt: How many designs it learns from.
        seed: Seeds the evolution, the neighbours and the model.
    """

    kind: str
    problem: Problem
    learnt: int
    seed: int

    def run(self, _: Path) -> dict[str, Any]:
        """Learn, rank, and say how right it was."""
        from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions

        library = load_named(self.problem.library)
        constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
        target, circuit = self.problem.target_ps, Circuit("adder", self.problem.width)
        evaluator = FastEvaluator(library, constraint, flow="sized", targets_ps=(target,))
        cost = partial(iso_delay_cost, target_ps=target)
        starts = sorted(regular_designs(circuit), key=lambda design: design.digest)
        known: dict[Design, float] = {}
        run_search(
            Evolution(SearchProblem(circuit, cost, tuple(starts)), self.seed),
            evaluator,
            budget_calls=self.learnt,
            on_evaluation=lambda design, found, _: known.update({design: cost(found)}),
        )
        unseen = self._neighbours(known)
        truth = np.log([cost(found) for found in evaluator.evaluate(unseen)])

        _, settings, most = RANKED[self.kind]
        begun = time.process_time()
        options = ForetellerOptions(**settings, steps=0)  # type: ignore[arg-type]
        physics = Physics(library, constraint, circuit)
        waiting = EnsembleForeteller(physics, target, seed=self.seed, options=options)
        waiting.learn(list(known), np.array(list(known.values())))
        model = EnsembleForeteller(physics, target, seed=self.seed, options=options)
        model.pretrain(waiting.examples, steps=min(most, 6 * self.learnt))
        expected = model.foretell(unseen).mean(axis=0)
        top = np.argsort(expected)[:_TOP]
        return {
            "kind": self.kind,
            "width": self.problem.width,
            "target_ps": target,
            "learnt": self.learnt,
            "seed": self.seed,
            "spearman": _correlation(_ranks(expected), _ranks(truth)),
            "beaten_by_top_8_percent": 100 * float((truth[:, None] > truth[top]).mean()),
            "regret_of_top_1_percent": 100 * float(truth[top[0]] - truth.min()),
            "regret_of_top_8_percent": 100 * float(truth[top].min() - truth.min()),
            "cpu_s": round(time.process_time() - begun, 2),
        }

    def _neighbours(self, known: dict[Design, float]) -> list[Design]:
        rng = np.random.default_rng(self.seed)
        best = of_distinct_cost([Judged(*entry) for entry in known.items()], 16)
        unseen: dict[str, Design] = {}
        taken = {design.digest for design in known}
        while len(unseen) < _NEIGHBOURS:
            parent = best[int(rng.integers(len(best)))].design
            design = mutate(parent, rng, Proposal(), p_moves=True)
            if design.digest not in taken:
                unseen.setdefault(design.digest, design)
        return list(unseen.values())


def rankings(problems: Sequence[Problem], learnt: Sequence[int], seeds: int) -> list[Ranking]:
    """Give all jobs."""
    return [
        Ranking(kind, problem, count, seed)
        for seed in range(seeds)
        for problem in problems
        for count in learnt
        for kind in RANKED
    ]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Give ranks, the mean of them for equal values."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    return np.asarray(middle[place])


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])
