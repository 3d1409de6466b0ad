"""The jobs of `transfer.py`: examples, a model from them, ranking without search, and searches."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _problems import Problem, kept
from _quality import spearman

from edarl.agents.value.base import Examples
from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions
from edarl.agents.value.saving import TrainedModel, load_value_model, save_value_model
from edarl.metrics import Evaluation
from edarl.prefix.design import Design
from edarl.search import (
    Annealing,
    AnnealingOptions,
    Guided,
    GuidedOptions,
    Progress,
    run_search,
)
from edarl.search.base import Judged, of_distinct_cost
from edarl.search.moves import Proposal, crossover, mutate
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics

__all__ = ["MODELS", "SEARCHERS", "Lesson", "Rank", "Search", "Teaching"]

MODELS = {
    "frozen": "pre-trained, frozen",
    "tuned": "pre-trained, then 100 own designs",
    "own100": "100 own designs",
    "own300": "300 own designs",
    "untrained": "untrained",
    "area": "unsized area alone",
    "delay": "unsized delay alone",
}
"""Ways to rank designs without search."""

SEARCHERS = {
    "random": "random pick",
    "frozen": "pre-trained, frozen",
    "pretrained": "pre-trained, learns on",
    "scratch": "from scratch",
}
WIDE_FROM = 32
WIDE = GuidedOptions(share_of_walkers=1.0, hot=0.016, cooling=0.6)
"""Wide graphs are searched by walkers alone, hotter than by default and cooled twice."""
POPULATION, POOL, TOP = 24, 128, 8
_CROSSOVER = 0.3
_AT_A_TIME = 16
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Examples: everything that one guided search from scratch evaluates.

    Attributes:
        problem: What is searched.
        seed: Seeds the search.
        calls: Evaluation calls.
    """

    problem: Problem
    seed: int
    calls: int

    def run(self, _: Path) -> Row:
        """Search, and give what was seen."""
        foreteller = _foreteller(self.problem, self.seed)
        stated = replace(self.problem.stated(), foreteller=foreteller)
        searcher = Guided(stated, self.seed, GuidedOptions().for_budget(self.calls))
        outcome = run_search(searcher, self.problem.evaluator(), budget_calls=self.calls)
        examples = foreteller.examples
        return {
            "calls": outcome.progress.calls,
            "features": np.round(examples.features.astype(float), 6).tolist(),
            "log_costs": np.round(examples.log_costs.astype(float), 7).tolist(),
        }


@dataclass(frozen=True, slots=True)
class Teaching:
    """A model pre-trained on lessons, kept as a checkpoint.

    Attributes:
        lessons: Where its examples come from.
        seed: Seeds its weights and batches.
        steps: Gradient steps.
    """

    lessons: tuple[Lesson, ...]
    seed: int
    steps: int

    def run(self, folder: Path) -> Row:
        """Train and save; give where it is."""
        parts = []
        for lesson in self.lessons:
            found = kept(lesson, folder)
            features = np.array(found["features"], dtype=np.float32).reshape(-1, len(FEATURE_NAMES))
            parts.append(Examples(features, np.array(found["log_costs"], dtype=np.float32)))
        examples = Examples.joined(parts)
        # The problem gives the shape of the features only: examples are relative already.
        foreteller = _foreteller(self.lessons[0].problem, self.seed)
        error = foreteller.pretrain(examples, steps=self.steps)
        assert foreteller.pretraining is not None
        calls = sum(lesson.calls for lesson in self.lessons)
        name = f"model-{self.seed}-{len(examples)}-{self.steps}"
        about = {"examples": "; ".join(lesson.problem.title for lesson in self.lessons)}
        save_value_model(
            folder / name,
            foreteller.model,
            foreteller.pretraining,
            calls=calls,
            seed=self.seed,
            about=about,
        )
        return {"model": name, "calls": calls, "examples": len(examples), "error": error}

    def load(self, folder: Path) -> TrainedModel:
        """Read the model; it is trained first if it was not."""
        return load_value_model(folder / kept(self, folder)["model"])


@dataclass(frozen=True, slots=True)
class Rank:
    """How well models rank fresh neighbours of good designs, without search.

    A short annealing gives a population; its neighbours, drawn as guided search draws them and
    never seen before, are all evaluated, so that the truth is known.

    Attributes:
        problem: Of what.
        group: What is other than in the lessons.
        seed: Seeds annealing, neighbours and own models.
        calls: Of the annealing: the most designs that own models learn from.
        teaching: The pre-trained model.
    """

    problem: Problem
    group: str
    seed: int
    calls: int
    teaching: Teaching

    def run(self, folder: Path) -> Row:
        """Anneal, draw, evaluate, rank."""
        seen = self._annealed()
        pool = self._neighbours(seen)
        stated = self.problem.stated()
        evaluations = self.problem.evaluator().evaluate(pool)
        truth = np.array([stated.cost(evaluation) for evaluation in evaluations])
        scores = self._scores(seen, pool, folder)
        return {
            **_named(self.problem, self.group),
            "seed": self.seed,
            "pool": len(pool),
            "calls": self.calls + len(pool),
            "spread_percent": 100 * float(truth.std() / truth.mean()),
            "random_regret_percent": 100 * (_expected_best(truth, TOP) / truth.min() - 1),
            "models": {
                name: {
                    "spearman": spearman(score.tolist(), truth.tolist()),
                    "regret_percent": 100 * (_best_of_top(score, truth) / truth.min() - 1),
                }
                for name, score in scores.items()
            },
        }

    def _annealed(self) -> list[Judged]:
        """Give what an annealing evaluates, in order; the regular structures come first."""
        seen: list[Judged] = []
        stated = self.problem.stated()

        def on_evaluation(design: Design, evaluation: Evaluation, _: Progress) -> None:
            if not evaluation.failed:
                seen.append(Judged(design, stated.cost(evaluation)))

        searcher = Annealing(stated, self.seed, AnnealingOptions.for_budget(self.calls))
        run_search(
            searcher,
            self.problem.evaluator(),
            budget_calls=self.calls,
            on_evaluation=on_evaluation,
        )
        return seen

    def _neighbours(self, seen: Sequence[Judged]) -> list[Design]:
        rng = np.random.default_rng([self.seed, self.problem.width])
        population = [entry.design for entry in of_distinct_cost(list(seen), POPULATION)]
        known = {entry.design.digest for entry in seen}
        p_moves = self.problem.stated().varies_p_mode
        drawn: dict[str, Design] = {}
        for attempt in range(40 * POOL):
            one, other = (population[int(i)] for i in rng.integers(len(population), size=2))
            child = crossover(one, other, rng) if rng.random() < _CROSSOVER else one
            steps = 1 + attempt // (8 * POOL)
            child = mutate(child, rng, Proposal(), p_moves=p_moves, steps=steps)
            if child.digest not in known:
                drawn.setdefault(child.digest, child)
            if len(drawn) == POOL:
                break
        return list(drawn.values())

    def _scores(
        self, seen: Sequence[Judged], pool: Sequence[Design], folder: Path
    ) -> dict[str, np.ndarray]:
        """Give what each way makes of the pool, [B] each; lower is better."""
        trained = self.teaching.load(folder)
        frozen = _foreteller(self.problem, self.seed, trained, frozen=True)
        tuned = _foreteller(self.problem, self.seed, trained)
        untrained = _foreteller(self.problem, self.seed, frozen=True)
        fewer, more = (_foreteller(self.problem, self.seed) for _ in range(2))
        for model, count in ((tuned, 100), (untrained, 100), (fewer, 100), (more, 300)):
            _study(model, seen[:count])
        models = {
            "frozen": frozen,
            "tuned": tuned,
            "own100": fewer,
            "own300": more,
            "untrained": untrained,
        }
        scores = {name: model.foretell(pool).mean(axis=0) for name, model in models.items()}
        features = frozen.reference.relative(pool).astype(float)
        alone = {
            name: features[:, FEATURE_NAMES.index(f"smallest_{name}")] for name in ("area", "delay")
        }
        return {**scores, **alone}


@dataclass(frozen=True, slots=True)
class Search:
    """One guided search.

    Attributes:
        kind: A key of `SEARCHERS`.
        problem: What is searched.
        group: What is other than in the lessons.
        seed: Seeds the search and its model.
        calls: Evaluation calls, those of the regular starts among them.
        candidates: Per call.
        teaching: The pre-trained model, where it has one.
    """

    kind: str
    problem: Problem
    group: str
    seed: int
    calls: int
    candidates: int
    teaching: Teaching | None = None

    def run(self, folder: Path) -> Row:
        """Search, and give every improvement with the calls until then."""
        stated = self.problem.stated()
        regular = self.problem.regular_um2()
        options = WIDE if self.problem.width >= WIDE_FROM else GuidedOptions()
        options = replace(options, candidates=self.candidates).for_budget(self.calls)
        if self.kind == "random":
            options = replace(options, choose="random")
        else:
            trained = self.teaching.load(folder) if self.teaching else None
            foreteller = _foreteller(self.problem, self.seed, trained, frozen=self.kind == "frozen")
            stated = replace(stated, foreteller=foreteller)
        begun = time.process_time()
        searcher = Guided(stated, self.seed, options)
        outcome = run_search(searcher, self.problem.evaluator(), budget_calls=self.calls)
        return {
            **_named(self.problem, self.group),
            "kind": self.kind,
            "seed": self.seed,
            "calls": outcome.progress.calls,
            "candidates": self.candidates,
            "regular_um2": round(regular, 4),
            "final_um2": round(float(outcome.best_cost or regular), 4),
            "cpu_s": round(time.process_time() - begun, 2),
            "improvements": [[calls, round(cost, 4)] for calls, cost in outcome.improvements],
        }


def _named(problem: Problem, group: str) -> Row:
    return {
        "group": group,
        "library": problem.library,
        "circuit": problem.kind,
        "width": problem.width,
        "target_ps": problem.target_ps,
    }


def _foreteller(
    problem: Problem, seed: int, trained: TrainedModel | None = None, *, frozen: bool = False
) -> EnsembleForeteller:
    options = ForetellerOptions(steps=0) if frozen else ForetellerOptions()
    physics = Physics(*problem.equipment(), problem.circuit)
    foreteller = EnsembleForeteller(physics, problem.target_ps, seed=seed, options=options)
    if trained is not None:
        foreteller.adopt(trained.model, trained.examples)
    return foreteller


def _study(foreteller: EnsembleForeteller, seen: Sequence[Judged]) -> None:
    """Let a model learn as it does in a search, some designs at a time."""
    for first in range(0, len(seen), _AT_A_TIME):
        some = seen[first : first + _AT_A_TIME]
        foreteller.learn([entry.design for entry in some], np.array([e.cost for e in some]))


def _best_of_top(score: np.ndarray, truth: np.ndarray) -> float:
    """Give the smallest cost among the designs of the best scores."""
    return float(truth[np.argsort(score, kind="stable")[:TOP]].min())


def _expected_best(truth: np.ndarray, drawn: int) -> float:
    """Give the mean of the smallest cost among so many designs drawn blindly."""
    costs, count = np.sort(truth), len(truth)
    ways = [math.comb(count - 1 - place, drawn - 1) for place in range(count - drawn + 1)]
    shares = np.array(ways) / math.comb(count, drawn)
    return float((shares * costs[: len(shares)]).sum())
