"""From an evaluation to costs: vectors of numbers about 1, lower is better.

A reward is a cost before minus a cost after; the environments form it. An objective never sees a
failed evaluation: that has no cost, and asking for one is an error.

Letters in shapes: K cost components.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from edarl.errors import ConfigError
from edarl.metrics import Evaluation
from edarl.objectives.frame import Frame
from edarl.objectives.iso_delay import OVERRUN_SLOPE, iso_delay_cost, require_points
from edarl.objectives.pchip import Pchip

__all__ = ["AreaAtTargets", "Objective", "PrefixRLObjective", "ScalarAtTarget"]


@runtime_checkable
class Objective(Protocol):
    """Judges evaluations: a vector of costs, and how to weigh its components."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each component, for logs."""

    @property
    def targets_ps(self) -> tuple[float, ...] | None:
        """Its fixed delay targets in picoseconds, rising; None when it knows no targets."""

    def costs(self, evaluation: Evaluation) -> Float[np.ndarray, " k"]:
        """Give the cost vector: lower is better, about 1 for a regular structure.

        Raises:
            ToolError: The evaluation failed; it has no cost.
        """

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give the weights that turn the vector into one number for a user's delay target.

        The scalar cost is ``weights(target) @ costs``, so vectors that were stored under one
        target can be judged under any other. None asks for the whole curve.
        """


@dataclass(frozen=True, slots=True)
class AreaAtTargets:
    """Normalised area at each fixed target of a frame, and the normalised best delay.

    Components, in order: for each target the smallest `overrun_area` of any point in units of
    ``frame.area_scale_um2`` (a target that the design misses costs continuously more), then the
    smallest measured delay in units of ``frame.delay_scale_ps``. The best delay saturates near the
    first target: sizing stops when its target is met.

    Attributes:
        frame: The targets and scales.
        overrun_slope: Relative growth of area per relative overrun, >= 0.
        delay_weight: Share of the best delay in `weights`, 0 to 1; areas share the rest.
    """

    frame: Frame
    overrun_slope: float = OVERRUN_SLOPE
    delay_weight: float = 0.0

    def __post_init__(self) -> None:
        if not self.overrun_slope >= 0:
            raise ConfigError(f"`overrun_slope` should be >= 0, actual: {self.overrun_slope}")
        if not 0 <= self.delay_weight <= 1:
            raise ConfigError(f"`delay_weight` should be 0 to 1, actual: {self.delay_weight}")

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each component, such as ``area_at_300ps`` and ``best_delay``."""
        return (*(f"area_at_{target:g}ps" for target in self.frame.targets_ps), "best_delay")

    @property
    def targets_ps(self) -> tuple[float, ...] | None:
        """The fixed targets in picoseconds."""
        return self.frame.targets_ps

    def costs(self, evaluation: Evaluation) -> Float[np.ndarray, " k"]:
        """Give the K - 1 normalised areas and the normalised best delay.

        Raises:
            ToolError: The evaluation failed; it has no cost.
        """
        area_at = partial(iso_delay_cost, evaluation, overrun_slope=self.overrun_slope)
        costs = [area_at(target) / self.frame.area_scale_um2 for target in self.frame.targets_ps]
        fastest_ps = min(point.delay_ps for point in evaluation.points)
        return np.array([*costs, fastest_ps / self.frame.delay_scale_ps], dtype=np.float64)

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give the weights for a delay target.

        The target's two neighbours among the fixed targets share ``1 - delay_weight`` by linear
        interpolation; a target outside the range counts as the nearest end. For None all areas
        share it equally.
        """
        targets = self.frame.targets_ps
        if target_ps is None:
            areas = np.full(len(targets), 1.0 / len(targets))
        else:
            areas = np.array([np.interp(target_ps, targets, unit) for unit in np.eye(len(targets))])
        return np.append(areas * (1.0 - self.delay_weight), self.delay_weight)


@dataclass(frozen=True, slots=True)
class ScalarAtTarget:
    """One number for one delay target: another objective's vector, weighed for that target.

    Its single cost interpolates between the fixed targets, so it exists for every target. To judge
    a stored curve at exactly one delay without interpolation use `iso_delay_cost`.

    Attributes:
        objective: The objective that gives the vector.
        target_ps: The delay target in picoseconds, > 0.
    """

    objective: Objective
    target_ps: float

    @property
    def names(self) -> tuple[str, ...]:
        """The one name, such as ``cost_at_300ps``."""
        return (f"cost_at_{self.target_ps:g}ps",)

    @property
    def targets_ps(self) -> tuple[float, ...] | None:
        """None: the target is fixed."""
        return None

    def costs(self, evaluation: Evaluation) -> Float[np.ndarray, " k"]:
        """Give the one cost.

        Raises:
            ToolError: The evaluation failed; it has no cost.
        """
        vector = self.objective.costs(evaluation)
        return np.array([self.objective.weights(self.target_ps) @ vector], dtype=np.float64)

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give the one weight, 1, whatever is asked for."""
        del target_ps
        return np.ones(1)


@dataclass(frozen=True, slots=True)
class PrefixRLObjective:
    """PrefixRL's objective: area and delay of the point that is best for a linear weight.

    The measured points become a PCHIP curve of area over delay; the point of that curve where
    ``w_area c_area area + w_delay c_delay delay`` is smallest gives the two components
    ``c_area area`` and ``c_delay delay``. The paper sizes for four targets; any number works here.

    Attributes:
        w_area: Weight of area, >= 0; the paper uses ``w_area + w_delay = 1``.
        w_delay: Weight of delay, >= 0.
        c_area: Scale of area per um2. The paper prints 0.001 beside areas that are ten times real
            um2 (multiples of 2.66, ten times the site of its library), so 0.01 per real um2.
        c_delay: Scale of delay per nanosecond.

    Source: PrefixRL (arXiv 2205.07000), section IV.
    """

    w_area: float = 0.5
    w_delay: float = 0.5
    c_area: float = 0.01
    c_delay: float = 10.0

    def __post_init__(self) -> None:
        if self.w_area < 0 or self.w_delay < 0 or self.w_area + self.w_delay <= 0:
            raise ConfigError(
                f"`w_area` and `w_delay` should be >= 0 and not both 0, "
                f"actual: {self.w_area} and {self.w_delay}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the two components."""
        return ("area", "delay")

    @property
    def targets_ps(self) -> tuple[float, ...] | None:
        """None: weights take the place of targets."""
        return None

    def costs(self, evaluation: Evaluation) -> Float[np.ndarray, " k"]:
        """Give ``(c_area area, c_delay delay)`` of the best point for the weights.

        Raises:
            ToolError: The evaluation failed; it has no cost.
        """
        require_points(evaluation)
        curve = evaluation.curve()
        delays_ns = [point.delay_ps / 1000.0 for point in curve]
        delay_ns, area_um2 = Pchip.through(delays_ns, [point.area_um2 for point in curve]).cheapest(
            self.w_delay * self.c_delay, self.w_area * self.c_area
        )
        return np.array([self.c_area * area_um2, self.c_delay * delay_ns], dtype=np.float64)

    def weights(self, target_ps: float | None) -> Float[np.ndarray, " k"]:
        """Give ``(w_area, w_delay)``, whatever target is asked for."""
        del target_ps
        return np.array([self.w_area, self.w_delay], dtype=np.float64)
