"""What the tests of environments share: ids, fast settings, evaluators that misbehave."""

from dataclasses import dataclass, replace

import gymnasium as gym

from edarl.envs import IDS
from edarl.metrics import Constraint, Evaluation, Point
from edarl.synthesis.analytical import AnalyticalEvaluator

SCALAR, VECTOR, CELLS, FIXES = IDS

PROBLEMS = [
    {"circuit": "adder", "width": 8},
    {"circuit": "adder", "width": 5, "carry_in": True, "p_mode": "or"},
    {"circuit": "priority_encoder", "width": 7},
    {"circuit": "gray_to_binary", "width": 3},
]


def make(env_id=SCALAR, **options):
    """Make an environment, one of circuits on the analytical model."""
    if env_id in (CELLS, FIXES):
        return gym.make(env_id, **options)
    return gym.make(env_id, **{"evaluator": AnalyticalEvaluator(), **options})


def first_legal(info):
    """Give the smallest legal action."""
    return int(info["action_mask"].argmax())


@dataclass(frozen=True)
class SizingDescription:
    """Describes `SizingEvaluator`: what a library with many sizes would answer, and how often."""

    targets_ps: tuple[float, ...] = (5.0, 8.0, 12.0)
    fails_above_nodes: int = 10**9

    def build(self):
        return SizingEvaluator(self)


class SizingEvaluator:
    """The analytical model with a size per target: twice the area halves the delay; a cache."""

    def __init__(self, description):
        self.description = description
        self.targets_ps = description.targets_ps
        self.known = set()
        self.batches = 0
        self.closed = 0

    def __getstate__(self):
        raise TypeError("a process cannot be pickled")

    def evaluate(self, designs):
        self.batches += 1
        return [self._evaluate(design) for design in designs]

    def close(self):
        self.closed += 1

    def _evaluate(self, design):
        (plain,) = AnalyticalEvaluator().evaluate([design])
        (point,) = plain.points
        found = []
        for target in self.targets_ps:
            delay = min(max(target, point.delay_ps / 2), point.delay_ps)
            found.append(Point(target, delay, point.area_um2 * point.delay_ps / delay, "model"))
        constraint = Constraint("BUF", 1.0)
        evaluation = Evaluation(design.digest, "model", constraint, tuple(found), len(found))
        if design.graph.size > self.description.fails_above_nodes:
            return replace(evaluation, points=(), failure="the tool ran out of memory")
        if design.digest in self.known:
            return evaluation.from_cache()
        self.known.add(design.digest)
        return evaluation
