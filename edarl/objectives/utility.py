"""Expected utility: how well a set of designs serves users who want different things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edarl.errors import ConfigError
from edarl.objectives.fronts import AreaDelay
from edarl.objectives.iso_delay import OVERRUN_SLOPE, overrun_area

__all__ = ["eum_over_targets", "eum_over_weights"]


def eum_over_targets(
    points: Iterable[AreaDelay],
    targets_ps: Sequence[float],
    *,
    area_scale_um2: float,
    overrun_slope: float = OVERRUN_SLOPE,
) -> float:
    """Give the expected utility of a set for users who each come with a delay target.

    Every target is as likely as every other. A user takes the point that costs least at the
    target, as `edarl.objectives.iso_delay.overrun_area` counts; the utility is minus that cost in
    units of the area scale. Higher is better, about -1 for regular structures.

    Raises:
        ConfigError: There are no points or no targets.

    Source: the expected utility metric of Zintgraf et al., BNAIC 2015, with this utility.
    """
    kept = _kept(points, len(targets_ps))
    best = [min(overrun_area(p, target, overrun_slope) for p in kept) for target in targets_ps]
    return -sum(best) / len(best) / area_scale_um2


def eum_over_weights(
    points: Iterable[AreaDelay],
    area_weights: Sequence[float],
    *,
    area_scale_um2: float,
    delay_scale_ps: float,
) -> float:
    """Give the expected utility of a set for users who weigh area against delay linearly.

    Every weight ``w`` (0 to 1, the weight of area) is as likely as every other. The utility of a
    point is ``-(w area / area scale + (1 - w) delay / delay scale)``; each user takes the best
    point. Higher is better.

    Raises:
        ConfigError: There are no points or no weights, or a weight is outside 0 to 1.

    Source: Zintgraf et al., BNAIC 2015.
    """
    outside = [weight for weight in area_weights if not 0 <= weight <= 1]
    if outside:
        raise ConfigError(f"`area_weights` should be between 0 and 1, actual: {outside}")
    kept = np.array([(p.area_um2, p.delay_ps) for p in _kept(points, len(area_weights))])
    scaled = kept / np.array([area_scale_um2, delay_scale_ps])
    weights = np.array([[weight, 1 - weight] for weight in area_weights])
    return -float((weights @ scaled.T).min(axis=1).mean())


def _kept(points: Iterable[AreaDelay], users: int) -> list[AreaDelay]:
    kept = list(points)
    if not kept or not users:
        raise ConfigError(
            f"expected utility needs points and users, actual: {len(kept)} points, {users} users"
        )
    return kept
