"""PrefixRL's analytical model as an evaluator: no library, no tools, microseconds per design.

It is a setting in which results are published, and it makes tests fast. It is no stand-in for
synthesis: what is best here is often worse than a regular adder once it is mapped and sized.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.design import Design

__all__ = ["AnalyticalEvaluator"]

_NO_CONSTRAINT = Constraint(driver_cell="none", load_ff=0.0)


@dataclass(frozen=True, slots=True)
class AnalyticalEvaluator:
    """Evaluates a design by counting: area 1 per operator node, delay ``1 + 0.5 fanout`` per node.

    The delay of the design is that of its slowest path, inputs to outputs, over the nodes that some
    live output needs. Fanout counts operator nodes only. Two conventions are open in the paper and
    change which graph is best, so both are arguments:

    - an input adds no delay of its own; with ``input_fanout`` it adds ``0.5 fanout``;
    - an output port is no load; with ``output_load`` it counts as one more fanout of its node (and,
      with ``input_fanout``, of the input that is output 0).

    Results are in model units: ``area_um2`` of a point is a number of nodes, ``delay_ps`` a number
    of unit delays, ``target_ps`` is 0. Each design costs one call; nothing is cached.

    Attributes:
        input_fanout: Whether an input's fanout delays it.
        output_load: Whether an output port counts as a fanout.

    Source: PrefixRL (arXiv 2205.07000), section V, after Moto and Kaneko (ISCAS 2018).
    """

    input_fanout: bool = False
    output_load: bool = False

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The one target that every design is "sized" for; the model has no sizes."""
        return (0.0,)

    @property
    def library(self) -> str:
        """What stands in the place of a library's digest."""
        return f"analytical:inputs={int(self.input_fanout)}:outputs={int(self.output_load)}"

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Evaluate designs, in the same order; it never fails."""
        return [self._evaluate(design) for design in designs]

    def close(self) -> None:
        """Do nothing: there are no processes behind it."""

    def _evaluate(self, design: Design) -> Evaluation:
        links = list(design.parents())
        fanout: dict[tuple[int, int], int] = {}
        for _, upper, lower in links:
            fanout[upper] = fanout.get(upper, 0) + 1
            fanout[lower] = fanout.get(lower, 0) + 1
        if self.output_load:
            for msb in design.circuit.live_outputs():
                fanout[msb, 0] = fanout.get((msb, 0), 0) + 1
        per_input = 0.5 if self.input_fanout else 0.0
        arrival: dict[tuple[int, int], float] = {
            (bit, bit): per_input * fanout.get((bit, bit), 0) for bit in range(design.graph.width)
        }
        for node, upper, lower in links:
            own = 1.0 + 0.5 * fanout.get(node, 0)
            arrival[node] = own + max(arrival[upper], arrival[lower])
        delay = max(arrival[msb, 0] for msb in design.circuit.live_outputs())
        point = Point(target_ps=0.0, delay_ps=delay, area_um2=float(len(links)), flow="analytical")
        return Evaluation(design.digest, self.library, _NO_CONSTRAINT, (point,), calls=1)
