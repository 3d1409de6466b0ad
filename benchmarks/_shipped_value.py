"""The shipped value model: its lessons, its training, and how it does where it has not been."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _learning import Problem, Taught, kept
from common import load_named

from edarl.agents.value.base import Examples
from edarl.agents.value.foreteller import EnsembleForeteller
from edarl.agents.value.saving import load_value_model, save_value_model
from edarl.agents.value.scale import regular_designs
from edarl.metrics import Constraint
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.search import Guided, GuidedOptions, SearchProblem, run_search
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import FEATURE_NAMES, Physics

__all__ = ["measured", "stretched", "train", "with_constraint"]

LIBRARIES = ("nangate45", "sky130", "sky130hd")
WIDTHS = (8, 12, 16, 24, 32)
STRETCH = (1.04, 1.12, 1.25)
"""Delay targets, in delays of the fastest regular structure."""
CALLS = 250
SEED = 300
STEPS = 6000
KEPT = 2000
"""Examples that go into the file."""

UNSEEN = (("nangate45", 20, 1.08), ("nangate45", 48, 1.12), ("osu018", 16, 1.12))
"""Two widths and a library that no lesson is of."""
UNSEEN_CALLS = 200
UNSEEN_SEEDS = (0, 1, 2)
_MODELS = ("no model", "shipped, frozen", "from scratch", "shipped, learns on")


def train(out: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Search, learn from all that was evaluated, write the model; give what it took.

    Args:
        out: The folder that the model goes to.
        folder: Where finished searches are kept.
        quick: A small version of the same.
    """
    lessons = _lessons(quick=quick)
    begun = time.process_time()
    found = [kept(lesson, folder) for lesson in lessons]
    examples = Examples.joined([_examples(one) for one in found])
    first = lessons[0].problem
    foreteller = EnsembleForeteller(
        Physics(*with_constraint(first.library), Circuit("adder", first.width)),
        first.target_ps,
        seed=SEED,
    )
    error = foreteller.pretrain(examples, steps=60 if quick else STEPS)
    calls = sum(one["calls"] for one in found)
    figures = {
        "searches": len(lessons),
        "calls": calls,
        "examples": len(examples),
        "error": round(error, 4),
        "cpu_s": round(sum(one["cpu_s"] for one in found) + time.process_time() - begun, 1),
    }
    save_value_model(
        out,
        foreteller.model,
        examples.thinned(KEPT, np.random.default_rng(SEED)),
        calls=calls,
        seed=SEED,
        about={
            "circuits": "adders of "
            + ", ".join(str(width) for width in _widths(lessons))
            + " bits",
            "libraries": ", ".join(dict.fromkeys(lesson.problem.library for lesson in lessons)),
            "flow": "sized",
            "method": (
                f"{len(lessons)} guided searches of {lessons[0].calls} calls, each from scratch, "
                f"at {', '.join(f'{factor:g}' for factor in STRETCH)} times the delay of the "
                f"fastest regular structure; then {STEPS} gradient steps on all of them"
            ),
        },
    )
    return figures


def measured(model: Path, *, quick: bool) -> list[dict[str, Any]]:
    """Search with the model and without it where it has never been; give what each saves.

    Args:
        model: The model's folder.
        quick: A small version of the same.
    """
    rows: list[dict[str, Any]] = []
    for name, width, factor in UNSEEN[: 1 if quick else None]:
        library, constraint = with_constraint(name)
        target = stretched(library, constraint, width, factor)
        for kind in _MODELS:
            savings = [
                _saving(model, kind, library, constraint, width, target, seed, quick=quick)
                for seed in UNSEEN_SEEDS[: 1 if quick else None]
            ]
            rows.append(
                {
                    "library": name,
                    "bits": width,
                    "target [ps]": target,
                    "model": kind,
                    "calls": 40 if quick else UNSEEN_CALLS,
                    "seeds": len(savings),
                    "saving [%]": round(float(np.mean(savings)), 2),
                    "seeds [%]": f"{min(savings):.1f} to {max(savings):.1f}",
                }
            )
    return rows


def _saving(
    model: Path,
    kind: str,
    library: CellLibrary,
    constraint: Constraint,
    width: int,
    target: float,
    seed: int,
    *,
    quick: bool,
) -> float:
    """Search once; give the saving against the best regular structure in percent."""
    calls = 40 if quick else UNSEEN_CALLS
    circuit = Circuit("adder", width)
    cost = partial(iso_delay_cost, target_ps=target)
    starts = sorted(regular_designs(circuit), key=lambda design: design.digest)
    foreteller = None
    if kind != "no model":
        from edarl.agents.value.foreteller import ForetellerOptions

        frozen = ForetellerOptions(steps=0) if "frozen" in kind else ForetellerOptions()
        physics = Physics(library, constraint, circuit)
        foreteller = EnsembleForeteller(physics, target, seed=seed, options=frozen)
        if "shipped" in kind:
            trained = load_value_model(model)
            foreteller.adopt(trained.model, trained.examples)
    problem = SearchProblem(circuit, cost, tuple(starts), foreteller=foreteller)
    searcher = Guided(problem, seed, GuidedOptions().for_budget(calls))
    evaluator = FastEvaluator(library, constraint, flow="sized", targets_ps=(target,))
    regular = min(cost(found) for found in evaluator.evaluate(starts))
    best = run_search(searcher, evaluator, budget_calls=calls).best_cost
    return 100 * (1 - (best or regular) / regular)


def _lessons(*, quick: bool) -> list[Taught]:
    """Give the searches that the model learns from."""
    lessons = []
    for name in LIBRARIES[: 1 if quick else None]:
        library, constraint = with_constraint(name)
        for width in WIDTHS[: 1 if quick else None]:
            for factor in STRETCH[: 2 if quick else None]:
                target = stretched(library, constraint, width, factor)
                calls = 40 if quick else CALLS
                lessons.append(Taught(Problem(width, target, name), SEED, calls))
    return lessons


def with_constraint(name: str) -> tuple[CellLibrary, Constraint]:
    """Give a library with the constraint that the lessons use."""
    library = load_named(name)
    if name == "nangate45":
        return library, library.constraint(driver_cell="BUF_X1", load_ff=10.0)
    return library, library.constraint()


def stretched(library: CellLibrary, constraint: Constraint, width: int, factor: float) -> float:
    """Give a multiple of the delay of the fastest regular structure, in whole picoseconds."""
    evaluator = FastEvaluator(library, constraint, flow="sized-quick", targets_ps=(1.0,))
    found = evaluator.evaluate(regular_designs(Circuit("adder", width)))
    return float(round(factor * min(p.delay_ps for e in found for p in e.points)))


def _examples(found: dict[str, Any]) -> Examples:
    features = np.array(found["features"], dtype=np.float32).reshape(-1, len(FEATURE_NAMES))
    return Examples(features, np.array(found["log_costs"], dtype=np.float32))


def _widths(lessons: Sequence[Taught]) -> list[int]:
    return sorted({lesson.problem.width for lesson in lessons})
