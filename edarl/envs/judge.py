"""Who evaluates and who judges an environment's designs, built from plain descriptions when needed.

An environment is described by values that pickle; processes, pipes and measured frames appear when
the first design is to be judged. Nothing here knows where descriptions come from.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol, cast, runtime_checkable

from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.objectives.frame import Frame, measure_frame
from edarl.objectives.reward import AreaAtTargets, Objective
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.synthesis.evaluator import Evaluator

__all__ = ["EvaluatorDescription", "Judge"]


@runtime_checkable
class EvaluatorDescription(Protocol):
    """A frozen dataclass that builds evaluators, such as `edarl.synthesis.spec.EvaluatorSpec`."""

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets in picoseconds; `dataclasses.replace` gives it others."""

    def build(self) -> Evaluator:
        """Build an evaluator; its processes start on first use."""


class Judge:
    """Evaluates designs and turns evaluations into costs.

    Args:
        circuit: The circuit of all designs.
        evaluator: A ready evaluator, a description of one, or the name or file of a library for a
            description with that library and the frame's targets.
        objective: How evaluations are judged; None takes `AreaAtTargets` on the frame.
        frame: The frame of reference. None takes the objective's, or measures one when the first
            design is judged; environments with equal descriptions share what was measured.
        targets: How many targets a measured frame gets when the evaluator does not fix them.

    Raises:
        ConfigError: The frame belongs to another circuit.
    """

    def __init__(
        self,
        circuit: Circuit,
        evaluator: Evaluator | EvaluatorDescription | str,
        objective: Objective | None,
        frame: Frame | None,
        targets: int,
    ) -> None:
        if frame is None and isinstance(objective, AreaAtTargets):
            frame = objective.frame
        if frame is not None and frame.circuit != circuit:
            raise ConfigError(
                f"`frame` should be measured for {circuit.name}, actual: {frame.circuit.name}"
            )
        self.circuit = circuit
        self.frame = frame
        self._source = evaluator
        self._objective = objective
        self._targets = targets
        self._evaluator: Evaluator | None = None

    @property
    def components(self) -> int:
        """Number of cost components, known before anything is measured."""
        if self._objective is not None:
            return len(self._objective.names)
        if self.frame is not None:
            return len(self.frame.targets_ps) + 1
        fixed = _fixed_targets(self._source)
        return (len(fixed) if fixed else self._targets) + 1

    @property
    def objective(self) -> Objective:
        """The objective; measures the frame when there is none yet.

        Raises:
            ToolError: A regular structure could not be evaluated.
            LibraryError: The library is not installed or lacks what is needed.
        """
        if self._objective is None:
            self._objective = AreaAtTargets(self._measured_frame())
        return self._objective

    def evaluate(self, design: Design) -> Evaluation:
        """Evaluate one design.

        Raises:
            ConfigError: The frame was measured in another library or under another constraint.
            ToolError: The tools cannot be used any more.
            LibraryError: The library is not installed or lacks what is needed.
        """
        if self._evaluator is None:
            self._evaluator = self._build()
        (evaluation,) = self._evaluator.evaluate([design])
        frame = self.frame
        if frame is not None and (frame.library, frame.constraint) != (
            evaluation.library,
            evaluation.constraint,
        ):
            raise ConfigError(
                f"`frame` should be measured in the evaluator's library and constraint, "
                f"{evaluation.library}, {evaluation.constraint}; actual: {frame.library}, "
                f"{frame.constraint}"
            )
        return evaluation

    def close(self) -> None:
        """Close the evaluator if it was built here; the next evaluation builds another."""
        if self._evaluator is not None and self._evaluator is not self._source:
            self._evaluator.close()
            self._evaluator = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_evaluator": None}

    def _build(self) -> Evaluator:
        source = self._source
        if isinstance(source, str):
            source = _library_spec(source, self._measured_frame().targets_ps)
        return source.build() if isinstance(source, EvaluatorDescription) else source

    def _measured_frame(self) -> Frame:
        if self.frame is None:
            source = self._source
            if isinstance(source, str) or (
                isinstance(source, EvaluatorDescription) and isinstance(source, Hashable)
            ):
                self.frame = _shared_frame(self.circuit, source, self._targets)
            else:
                self.frame = _measure(self.circuit, source, self._targets)
        return self.frame


def _fixed_targets(source: Evaluator | EvaluatorDescription | str) -> tuple[float, ...]:
    """Give the usable targets that an evaluator or description brings along, none if it is free."""
    if isinstance(source, str):
        return ()
    targets = tuple(sorted({float(target) for target in source.targets_ps}))
    # A model without sizes has the one target 0.
    return targets if targets and targets[0] > 0 else ()


def _measure(
    circuit: Circuit, source: Evaluator | EvaluatorDescription | str, targets: int
) -> Frame:
    factory: Callable[[tuple[float, ...]], Evaluator]
    owned = True
    if isinstance(source, str):
        library = source

        def factory(targets_ps: tuple[float, ...]) -> Evaluator:
            return _library_spec(library, targets_ps).build()

    elif isinstance(source, EvaluatorDescription):
        description: Any = source  # a dataclass, which its Protocol cannot say

        def factory(targets_ps: tuple[float, ...]) -> Evaluator:
            return cast("EvaluatorDescription", replace(description, targets_ps=targets_ps)).build()

    else:
        evaluator, owned = source, False

        def factory(targets_ps: tuple[float, ...]) -> Evaluator:
            del targets_ps
            return evaluator

    return measure_frame(
        circuit, factory, targets=_fixed_targets(source) or targets, close_evaluators=owned
    )


@lru_cache(maxsize=64)
def _shared_frame(circuit: Circuit, source: EvaluatorDescription | str, targets: int) -> Frame:
    return _measure(circuit, source, targets)


def _library_spec(library: str, targets_ps: tuple[float, ...]) -> EvaluatorDescription:
    from edarl.synthesis.spec import EvaluatorSpec

    return EvaluatorSpec(library=library, targets_ps=targets_ps)
