"""The learning agent's own transfer: trained small, asked elsewhere as it is, and taught on there.

Agents are double DQNs with the presets for a CPU, trained on adders of 8 bits, or of 8 and then of
16. Two measures elsewhere:

- *asked*: what its walks come by, or a search that its proposals visit, with nothing learnt there.
- *taught*: a training there that begins with its weights, against one that begins anew.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _problems import Problem, kept
from common import load_named

from edarl.agents.chooser import Chooser
from edarl.agents.inference import TrainedPolicy, sampled_rollouts
from edarl.agents.judge import Judge
from edarl.agents.judging import judge
from edarl.agents.learner import Learner
from edarl.agents.value.foreteller import EnsembleForeteller
from edarl.metrics import Evaluation
from edarl.objectives.frame import Frame, measure_frame
from edarl.objectives.fronts import areas_at
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import REGULAR
from edarl.runs.config import read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.policy_search import policy_search
from edarl.search import SearchProblem
from edarl.search.moves import Proposal, mutate
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.features import Physics

__all__ = ["SEARCHES", "STARTS", "WALKERS", "Asked", "Taught", "Training"]

WALKERS = {
    "random": "random moves",
    "untrained": "untrained agent",
    "judge": "its judge, untrained network",
    "agent": "trained agent",
}
"""Who walks."""

SEARCHES = {
    "nobody": "search alone",
    "proposed": "with its proposals",
}
"""Whose proposals a guided search looks at; its model begins anew."""

STARTS = {"scratch": "begins anew", "adopted": "begins with trained weights"}
WALKS, STEPS = 8, 16
_EVERY = 10
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Training:
    """An agent trained on adders, kept as a policy.

    Attributes:
        width: Bits.
        library: Name of the cell library.
        seed: Seeds the run.
        calls: Evaluation calls.
        before: The training that it begins with, None for weights as drawn.
    """

    width: int
    library: str
    seed: int
    calls: int
    before: Training | None = None

    @property
    def title(self) -> str:
        """What it was trained on, in words."""
        before = f"{self.before.title}, then " if self.before else ""
        return f"{before}{self.library} {self.width} b"

    @property
    def all_calls(self) -> int:
        """Evaluation calls of the whole training."""
        return self.calls + (self.before.all_calls if self.before else 0)

    def run(self, folder: Path) -> Row:
        """Train, and keep the policy in the folder."""
        begun = time.process_time()
        problem = Problem("adder", self.width, self.library, 1.0)
        begins = {} if self.before is None else {"weights": str(self.before.policy(folder))}
        with tempfile.TemporaryDirectory() as scratch:
            run = _Traced(problem, self.seed, self.calls, begins, Path(scratch))
            result = run.execute()
            policy = TrainedPolicy.load(run.directory.path / "agent")
            name = f"agent-{self.width}-{self.library}-{self.seed}-{self.all_calls}"
            policy.save(folder / name, about={"adders": self.title})
        cpu_s = round(time.process_time() - begun, 1)
        return {"agent": name, "calls": result.calls, "cpu_s": cpu_s, "trace": run.trace}

    def policy(self, folder: Path) -> Path:
        """Give the policy's folder; it is trained first if it was not."""
        return (folder / str(kept(self, folder)["agent"])).resolve()


@dataclass(frozen=True, slots=True)
class Asked:
    """An agent at work where it was not trained; it learns nothing there.

    Attributes:
        kind: A key of `WALKERS` or `SEARCHES`.
        problem: What is asked for.
        group: What is other than in the training.
        seed: Seeds walks, searches and untrained weights.
        calls: Evaluation calls.
        training: The agent; None where none is asked.
    """

    kind: str
    problem: Problem
    group: str
    seed: int
    calls: int
    training: Training | None

    def run(self, folder: Path) -> Row:
        """Walk or search, and give what it saves."""
        stated = self.problem.stated()
        regular = self.problem.regular_um2()
        begun = time.process_time()
        chooser = self._chooser(folder)
        work = self._searched if self.kind in SEARCHES else self._walked
        best, calls = work(stated, chooser)
        return {
            "group": self.group,
            "library": self.problem.library,
            "circuit": self.problem.kind,
            "width": self.problem.width,
            "target_ps": self.problem.target_ps,
            "kind": self.kind,
            "trained_on": self.training.title if self.training else "",
            "training_calls": self.training.all_calls if self.training else 0,
            "seed": self.seed,
            "calls": calls,
            "regular_um2": round(regular, 4),
            "best_um2": round(best, 4),
            "percent": 100 * (1 - min(best, regular) / regular),
            "cpu_s": round(time.process_time() - begun, 2),
        }

    def _searched(self, stated: SearchProblem, chooser: Chooser | None) -> tuple[float, int]:
        target = self.problem.target_ps
        physics = Physics(*self.problem.equipment(), self.problem.circuit)
        model = EnsembleForeteller(physics, target, seed=self.seed)
        problem = SearchProblem(stated.circuit, stated.cost, stated.starts, foreteller=model)
        asked = policy_search(
            problem,
            self.problem.evaluator(),
            chooser,
            target_ps=target,
            budget_calls=self.calls,
            seed=self.seed,
        )
        return min(each.cost(target) for each in asked.visited), asked.calls

    def _walked(self, stated: SearchProblem, chooser: Chooser | None) -> tuple[float, int]:
        """Walk from the best regular structure, and judge what was met in order."""
        evaluator = self.problem.evaluator()
        found = evaluator.evaluate(list(stated.starts))
        costs = [stated.cost(evaluation) for evaluation in found]
        start = stated.starts[int(np.argmin(costs))]
        rng = np.random.default_rng(self.seed)
        target = self.problem.target_ps
        met: dict[Design, None] = {}
        for _ in range(WALKS):
            if chooser is None:
                walk = _random_walk(start, rng)
            else:
                [walk] = sampled_rollouts(
                    chooser, start, target, STEPS, count=1, temperature=1.0, rng=rng
                )
            met |= dict.fromkeys(walk[1:])
            if len(met) >= self.calls:  # wide graphs take long to walk on
                break
        judged = judge(met, evaluator, budget_calls=self.calls)
        known = [evaluation for _, evaluation in judged.results if evaluation is not None]
        areas = [iso_delay_cost(each, target) for each in known if not each.failed]
        return min(areas, default=min(costs)), judged.calls

    def _chooser(self, folder: Path) -> Chooser | None:
        if self.training is None:
            return None
        policy = TrainedPolicy.load(self.training.policy(folder))
        trained = policy.on(
            _frame(self.problem.kind, self.problem.width, self.problem.library),
            physics=Physics(*self.problem.equipment(), self.problem.circuit),
        )
        if self.kind in ("agent", "proposed"):
            return trained
        config, info = trained.config, trained.info
        drawn = Learner(config, info.planes, info.components, seed=self.seed)
        own = trained.judge if self.kind == "judge" else Judge(config, info, seed=self.seed)
        return Chooser(config, info, drawn, own)


@dataclass(frozen=True, slots=True)
class Taught:
    """A training elsewhere, with or without weights to begin with.

    Attributes:
        problem: Circuit and library; the run places its own targets.
        group: What is other than in the training before.
        seed: Seeds the run.
        calls: Evaluation calls.
        before: The agent to begin with, None for weights as drawn.
    """

    problem: Problem
    group: str
    seed: int
    calls: int
    before: Training | None

    def run(self, folder: Path) -> Row:
        """Train, and give what it saved after how many calls."""
        begun = time.process_time()
        begins: dict[str, Any] = {"starts": list(REGULAR)}
        if self.before is not None:
            begins["weights"] = str(self.before.policy(folder))
        with tempfile.TemporaryDirectory() as scratch:
            run = _Traced(self.problem, self.seed, self.calls, begins, Path(scratch))
            result = run.execute()
        return {
            "group": self.group,
            "library": self.problem.library,
            "circuit": self.problem.kind,
            "width": self.problem.width,
            "kind": "scratch" if self.before is None else "adopted",
            "trained_on": self.before.title if self.before else "",
            "training_calls": self.before.all_calls if self.before else 0,
            "seed": self.seed,
            "calls": result.calls,
            "targets_ps": list(result.frame.targets_ps),
            "trace": run.trace,
            "cpu_s": round(time.process_time() - begun, 1),
        }


class _Traced(Run):
    """An agent's run that remembers what it saves at its targets, every few calls."""

    def __init__(
        self, problem: Problem, seed: int, calls: int, dqn: dict[str, Any], folder: Path
    ) -> None:
        constraint = problem.equipment()[1]
        config = read_config(
            preset="cpu8" if problem.width <= 8 else "cpu16",
            circuit=problem.kind,
            width=problem.width,
            library=_file(problem.library),
            driver_cell=constraint.driver_cell,
            load_ff=constraint.load_ff,
            flow=problem.flow,
            budget_calls=calls,
            seed=seed,
            confirm=False,
            dqn=dqn,
        )
        super().__init__(RunDirectory.create(config, folder / "run"))
        self.trace: list[tuple[int, tuple[float, ...]]] = []

    def record(self, design: Design, evaluation: Evaluation) -> None:
        """Count an evaluation, and every few calls what was saved until then."""
        super().record(design, evaluation)
        if self.trace and self.calls < self.trace[-1][0] + _EVERY:
            return
        assert self.frame is not None
        targets = self.frame.targets_ps
        regular = areas_at(self.frame.regular_front(), targets)
        found = areas_at(self.archive.points, targets)
        saved = [
            0.0 if known is None or area is None else max(0.0, 100 * (1 - area / known))
            for known, area in zip(regular, found, strict=True)
        ]
        self.trace.append((self.calls, tuple(round(each, 4) for each in saved)))


def _random_walk(start: Design, rng: np.random.Generator) -> tuple[Design, ...]:
    """Give a walk of neighbours, drawn as searches draw them, without changes of p modes."""
    visited = [start]
    for _ in range(STEPS):
        visited.append(mutate(visited[-1], rng, Proposal(), p_moves=False, steps=1))
    return tuple(visited)


@cache
def _frame(kind: str, width: int, name: str) -> Frame:
    library, constraint = Problem(kind, width, name, 1.0).equipment()
    return measure_frame(
        Circuit(kind, width),
        lambda at: FastEvaluator(library, constraint, flow="sized", targets_ps=at),
        targets=4,
    )


def _file(library: str) -> str:
    return library if library == "sky130" else str(load_named(library).liberty_path)
