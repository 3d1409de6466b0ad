"""Evaluators around evaluators: one that tells a listener, one that pools the p modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edarl.metrics import Evaluation
from edarl.prefix.design import P_MODES, Design
from edarl.synthesis.evaluator import Evaluator

__all__ = ["PooledPModes", "RecordingEvaluator"]


class RecordingEvaluator:
    """Tells a listener of every evaluation, in order, cache hits and failures included.

    Args:
        inner: Who evaluates.
        listener: Called with each design and its evaluation.
    """

    def __init__(self, inner: Evaluator, listener: Callable[[Design, Evaluation], None]) -> None:
        self.inner = inner
        self.listener = listener

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets in picoseconds."""
        return self.inner.targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Evaluate and tell."""
        evaluations = self.inner.evaluate(designs)
        for design, evaluation in zip(designs, evaluations, strict=True):
            self.listener(design, evaluation)
        return evaluations

    def close(self) -> None:
        """Close the evaluator behind."""
        self.inner.close()


class PooledPModes:
    """Judges a graph by the best of its p modes: evaluates a design in each, pools the points.

    For whoever searches graphs alone. The answer carries the asked design's digest and the calls of
    all modes; a listener behind this wrapper sees the designs apart. It fails when any mode does.
    """

    def __init__(self, inner: Evaluator) -> None:
        self.inner = inner

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets in picoseconds."""
        return self.inner.targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Evaluate every design in every p mode, all in one batch."""
        variants = [
            Design.of(design.graph, design.circuit, p_mode)
            for design in designs
            for p_mode in P_MODES
        ]
        evaluations = self.inner.evaluate(variants)
        modes = len(P_MODES)
        return [
            _pooled(design, evaluations[modes * index : modes * (index + 1)])
            for index, design in enumerate(designs)
        ]

    def close(self) -> None:
        """Close the evaluator behind."""
        self.inner.close()


def _pooled(design: Design, evaluations: Sequence[Evaluation]) -> Evaluation:
    failure = next((entry.failure for entry in evaluations if entry.failed), None)
    return Evaluation(
        design=design.digest,
        library=evaluations[0].library,
        constraint=evaluations[0].constraint,
        points=() if failure else tuple(point for entry in evaluations for point in entry.points),
        calls=sum(entry.calls for entry in evaluations),
        cache_hits=sum(entry.cache_hits for entry in evaluations),
        failure=failure,
    )
