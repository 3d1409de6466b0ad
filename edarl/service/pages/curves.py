"""Learning curves, as agents and trainings have them: plots, and the same figures as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edarl.service.pages.charts import Plot, line_plot
from edarl.service.pages.rendering import percent
from edarl.service.schemas import CurvePoint

__all__ = ["LearningCurve", "learning_curve"]

_SIZE = (820, 260)


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """A learning curve.

    Attributes:
        plots: A plot for each figure, over evaluation calls.
        head: Heads of the table, with units.
        rows: Its rows.
    """

    plots: Sequence[Plot]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def learning_curve(points: Sequence[CurvePoint]) -> LearningCurve | None:
    """Lay out a learning curve; fewer than two points are none."""
    volumes = [
        (float(each.calls), 100 * each.hypervolume)
        for each in points
        if each.hypervolume is not None
    ]
    savings = [
        (float(each.calls), 100 * each.best_saving)
        for each in points
        if each.best_saving is not None
    ]
    plots = [
        line_plot(name, found, size=_SIZE)
        for name, found in (("Hypervolume [%]", volumes), ("Best saving [%]", savings))
        if len(found) > 1
    ]
    if not plots:
        return None
    return LearningCurve(
        plots,
        ("Evaluation calls", "Hypervolume [%]", "Best saving [%]"),
        [
            (str(each.calls), _percent(each.hypervolume), _percent(each.best_saving))
            for each in points
        ],
    )


def _percent(share: float | None) -> str:
    return "\N{EN DASH}" if share is None else percent(share)
