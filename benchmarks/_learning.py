"""The searches of `learning.py`: one job each, kept in a folder when finished."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from common import load_named
from jaxtyping import Float32

from edarl.agents.value.base import Examples
from edarl.agents.value.scale import Reference, regular_designs
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.search import (
    Annealing,
    AnnealingOptions,
    Evolution,
    EvolutionOptions,
    Guided,
    GuidedOptions,
    SearchProblem,
    run_search,
)
from edarl.search.base import BaseSearcher
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics

__all__ = ["ABLATIONS", "KINDS", "RIVALS", "Job", "Problem", "Search", "Taught", "finished", "kept"]

RIVALS: dict[str, tuple[str, ...]] = {
    "annealing": ("anneal", "anneal_default"),
    "evolution": ("evolve", "evolve_default"),
}
"""Two settings of each method: the one with the best score in `tuning.py`, and the default."""

KINDS = {
    "anneal": "annealing, hot 0.016",
    "anneal_default": "annealing, default (hot 0.008)",
    "evolve": "evolution, population 48",
    "evolve_default": "evolution, default (population 16)",
    "random": "guided, random pick",
    "untrained": "guided, untrained frozen model",
    "shuffled": "guided, frozen model trained on shuffled costs",
    "frozen": "guided, frozen pre-trained model",
    "scratch": "guided, model learning from scratch",
    "pretrained": "guided, pre-trained model that learns on",
}

ABLATIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "static": ("features without timing (the first 8 of 38)", {}, {}),
    "single": ("one network instead of four", {}, {"members": 1}),
    "mean": ("the mean of the networks decides", {"choose": "mean"}, {}),
    "candidates_8": ("8 candidates per call", {"candidates": 8}, {}),
    "candidates_128": ("128 candidates per call", {"candidates": 128}, {}),
    "walkers": ("walkers only", {"share_of_walkers": 1.0}, {}),
    "population": ("population only", {"share_of_walkers": 0.0}, {}),
    "convolution": (
        "convolution beside the features, 1 step of 16 designs per head and call",
        {},
        {"kind": "convolution", "steps": 1, "batch_size": 16},
    ),
}
"""Guided search from scratch with something changed: in words, its options and the model's."""

_TAUGHT = ("shuffled", "frozen", "pretrained")
STATIC_FEATURES = 8
_FROZEN = ("untrained", "shuffled", "frozen")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be found: the smallest adder at a delay.

    Attributes:
        width: Bits.
        target_ps: The delay to meet in picoseconds.
        library: Name of the cell library.
    """

    width: int
    target_ps: float
    library: str = "nangate45"

    @property
    def title(self) -> str:
        """The problem in words."""
        return f"{self.library}, {self.width} b at {self.target_ps:g} ps"


@dataclass(frozen=True, slots=True)
class Taught:
    """Examples for pre-training: those of one search that learns from scratch.

    Attributes:
        problem: What was searched.
        seed: Seeds the search.
        calls: Evaluation calls.
    """

    problem: Problem
    seed: int
    calls: int

    def run(self, _: Path) -> dict[str, Any]:
        """Search, and give all examples that came by."""
        begun = time.process_time()
        searcher, evaluator = _made("scratch", self.problem, self.seed, self.calls, None)
        outcome = run_search(searcher, evaluator, budget_calls=self.calls)
        foreteller: Any = searcher.problem.foreteller
        examples = foreteller.examples
        return {
            "calls": outcome.progress.calls,
            "features": np.round(examples.features.astype(float), 6).tolist(),
            "log_costs": np.round(examples.log_costs.astype(float), 7).tolist(),
            "cpu_s": round(time.process_time() - begun, 2),
        }


@dataclass(frozen=True, slots=True)
class Search:
    """One measured search.

    Attributes:
        kind: A key of `KINDS`.
        problem: What is searched.
        seed: Seeds the search and its model.
        calls: Evaluation calls, those of the regular starts among them.
        taught: Where the examples for pre-training come from.
    """

    kind: str
    problem: Problem
    seed: int
    calls: int
    taught: tuple[Taught, ...] = ()

    def run(self, folder: Path) -> dict[str, Any]:
        """Search, and give every improvement with the calls until then."""
        problem = self.problem
        examples = _examples(self.taught, folder) if self.kind in _TAUGHT else None
        searcher, evaluator = _made(self.kind, problem, self.seed, self.calls, examples)
        _, again = _made("random", problem, 0, self.calls, None)
        regular = [
            iso_delay_cost(found, target_ps=problem.target_ps)
            for found in again.evaluate(list(searcher.problem.starts))
        ]
        begun = time.process_time()
        outcome = run_search(searcher, evaluator, budget_calls=self.calls)
        return {
            "kind": self.kind,
            "library": problem.library,
            "width": problem.width,
            "target_ps": problem.target_ps,
            "seed": self.seed,
            "calls": outcome.progress.calls,
            "pretraining_calls": sum(taught.calls for taught in self.taught) if examples else 0,
            "regular_um2": round(min(regular), 4),
            "final_um2": round(float(outcome.best_cost or min(regular)), 4),
            "cpu_s": round(time.process_time() - begun, 2),
            "improvements": [[calls, round(cost, 4)] for calls, cost in outcome.improvements],
        }


def _made(
    kind: str, stated: Problem, seed: int, calls: int, examples: Examples | None
) -> tuple[BaseSearcher, FastEvaluator]:
    """Make the searcher of a kind and an evaluator that knows nothing yet."""
    library = load_named(stated.library)
    own = {"driver_cell": "BUF_X1", "load_ff": 10.0} if stated.library == "nangate45" else {}
    constraint = library.constraint(**own)  # type: ignore[arg-type]
    target = stated.target_ps
    circuit = Circuit("adder", stated.width)
    starts = sorted(regular_designs(circuit), key=lambda design: design.digest)
    problem = SearchProblem(circuit, partial(iso_delay_cost, target_ps=target), tuple(starts))
    evaluator = FastEvaluator(library, constraint, flow="sized", targets_ps=(target,))
    if kind in RIVALS["annealing"]:
        cooling = AnnealingOptions.for_budget(calls)
        if kind == "anneal":
            cooling = replace(cooling, hot=0.016)
        return Annealing(problem, seed, cooling), evaluator
    if kind in RIVALS["evolution"]:
        breeding = EvolutionOptions(population=48) if kind == "evolve" else EvolutionOptions()
        return Evolution(problem, seed, breeding), evaluator
    options = GuidedOptions().for_budget(calls)
    if kind == "random":
        return Guided(problem, seed, replace(options, choose="random")), evaluator

    from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions

    _, changed, changed_model = ABLATIONS.get(kind, ("", {}, {}))
    options = replace(options, **changed)
    learning = ForetellerOptions(steps=0) if kind in _FROZEN else ForetellerOptions(**changed_model)
    physics = Physics(library, constraint, circuit)
    foreteller = EnsembleForeteller(physics, target, seed=seed, options=learning)
    if kind == "static":
        foreteller.reference = _Static(physics, target)
    if kind in _TAUGHT:
        assert examples is not None
        if kind == "shuffled":
            order = np.random.default_rng(seed).permutation(len(examples))
            examples = Examples(examples.features, examples.log_costs[order])
        foreteller.pretrain(examples, steps=min(3000, 3 * calls))  # fewer only with `--quick`
    return Guided(replace(problem, foreteller=foreteller), seed, options), evaluator


class Job(Protocol):
    """Something that is done once and kept."""

    def run(self, folder: Path) -> dict[str, Any]:
        """Do it; the folder has what it needs from others."""


class _Static(Reference):
    """Keeps back what the timer says; the first features are what can be counted without it."""

    def relative(self, designs: Sequence[Design]) -> Float32[np.ndarray, "b s"]:
        features = super().relative(designs)
        features[:, STATIC_FEATURES:] = 0
        return features


def _examples(taught: Sequence[Taught], folder: Path) -> Examples:
    parts = []
    for one in taught:
        found = kept(one, folder)
        features = np.array(found["features"], dtype=np.float32).reshape(-1, len(FEATURE_NAMES))
        parts.append(Examples(features, np.array(found["log_costs"], dtype=np.float32)))
    return Examples.joined(parts)


def finished(job: Job, folder: Path) -> bool:
    """Say whether the folder has a job already."""
    return _path(job, folder).exists()


def kept(job: Job, folder: Path) -> dict[str, Any]:
    """Give a job's result from the folder; run it first where it is not there."""
    path = _path(job, folder)
    if not path.exists():
        result = job.run(folder)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(result))
        unfinished.replace(path)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _path(job: Job, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(repr(job).encode()).hexdigest()[:24]}.json"
