"""What an evaluator is: the one interface through which everything above asks for figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edarl.metrics import Evaluation
from edarl.prefix.design import Design

__all__ = ["Evaluator"]


class Evaluator(Protocol):
    """Evaluates designs in one library, one constraint, one or more flows, at fixed targets.

    Evaluators wrap evaluators: a cache, a counter or a recorder has the same interface.
    """

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets every design is sized for, in picoseconds."""

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Evaluate designs, in the same order.

        A design that the tools cannot evaluate comes back with ``failure`` set.

        Raises:
            ToolError: The tools themselves cannot be used any more.
        """

    def close(self) -> None:
        """End the processes behind it; further calls start them again."""
