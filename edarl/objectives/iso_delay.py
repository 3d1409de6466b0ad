"""The cost of a design for one maximum delay: its area, and continuously more when it is too slow.

A user asks for the smallest circuit within a delay. A hard limit would make every too slow design
equally bad and give a search nothing to follow, so area grows with the overrun instead.
"""

from __future__ import annotations

from edarl.errors import ToolError
from edarl.metrics import TOLERANCE, Evaluation
from edarl.objectives.fronts import AreaDelay

__all__ = ["OVERRUN_SLOPE", "iso_delay_cost", "overrun_area", "require_points"]

OVERRUN_SLOPE = 10.0
"""How steeply area grows with overrun: 1 % too slow costs 10 % area.

At the tight end of a front 1 % of delay buys 2 to 4 % of area, so a slope below that would make
too slow designs attractive.
"""


def overrun_area(point: AreaDelay, target_ps: float, overrun_slope: float = OVERRUN_SLOPE) -> float:
    """Give a point's area in um2, enlarged when the point is slower than the target.

    ``area * (1 + overrun_slope * max(0, delay / (1.002 target) - 1))``: plain area where the
    target is met within the tolerance, continuous, rising with area and delay, falling with the
    target.

    Args:
        point: A sized netlist.
        target_ps: The maximum delay asked for, in picoseconds, > 0.
        overrun_slope: Relative growth of area per relative overrun, >= 0.
    """
    overrun = point.delay_ps / (TOLERANCE * target_ps) - 1.0
    return point.area_um2 * (1.0 + overrun_slope * overrun) if overrun > 0 else point.area_um2


def iso_delay_cost(
    evaluation: Evaluation, target_ps: float, overrun_slope: float = OVERRUN_SLOPE
) -> float:
    """Give the cost in um2 of a design for one maximum delay: its cheapest point there.

    Works for any target, also for one that the design was not sized for: a stored evaluation can
    be judged again. A design that cannot reach the target costs more, it does not fail.

    Raises:
        ToolError: The evaluation failed; it has no cost.
    """
    require_points(evaluation)
    return min(overrun_area(point, target_ps, overrun_slope) for point in evaluation.points)


def require_points(evaluation: Evaluation) -> None:
    """Refuse an evaluation that failed.

    Raises:
        ToolError: There are no points to judge.
    """
    if evaluation.failed or not evaluation.points:
        raise ToolError(
            f"the evaluation of design {evaluation.design} should have points, but it failed: "
            f"{evaluation.failure or 'no points'}; a failed evaluation has no cost"
        )
