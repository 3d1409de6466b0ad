"""Area saved against a baseline at a list of delays, the way results are stated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edarl.errors import ConfigError
from edarl.objectives.fronts import AreaDelay, areas_at

__all__ = ["DelaySaving", "Saving", "saving"]


class DelaySaving(NamedTuple):
    """What was saved at one delay.

    Attributes:
        delay_ps: The maximum delay asked for.
        baseline_um2: Smallest baseline area there; None when no baseline reaches the delay.
        area_um2: Smallest area of ours there; None when nothing of ours reaches it.
        percent: Saving in percent of the baseline, negative when ours is larger; None unless both
            reach the delay.
    """

    delay_ps: float
    baseline_um2: float | None
    area_um2: float | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class Saving:
    """Savings at a list of delays, with the two figures that summarise them.

    Attributes:
        delays: One entry per delay, in the given order.
        mean_percent: Mean over the delays that a baseline reaches; None when ours misses one of
            them (leaving it out would flatter us) or when no baseline reaches any.
        best_percent: The largest saving; None when there is nothing to compare.
        best_delay_ps: Where the largest saving is.
    """

    delays: tuple[DelaySaving, ...]
    mean_percent: float | None
    best_percent: float | None
    best_delay_ps: float | None

    @property
    def missed_ps(self) -> tuple[float, ...]:
        """The delays that a baseline reaches and nothing of ours does."""
        return tuple(
            entry.delay_ps
            for entry in self.delays
            if entry.baseline_um2 is not None and entry.area_um2 is None
        )

    @property
    def only_ours_ps(self) -> tuple[float, ...]:
        """The delays that no baseline reaches and something of ours does."""
        return tuple(
            entry.delay_ps
            for entry in self.delays
            if entry.baseline_um2 is None and entry.area_um2 is not None
        )


def saving(
    points: Iterable[AreaDelay],
    delays_ps: Sequence[float],
    baseline_um2: Sequence[float | None],
) -> Saving:
    """Compare points with baseline areas at a list of delays.

    Area at a delay is the smallest area of any point within `edarl.metrics.TOLERANCE` of it.

    Args:
        points: What was found; any order, dominated points do no harm.
        delays_ps: The delays to compare at, in picoseconds.
        baseline_um2: Baseline area at each delay; None where no baseline reaches it.

    Raises:
        ConfigError: The two lists differ in length, or a baseline area is not positive.
    """
    if len(delays_ps) != len(baseline_um2):
        raise ConfigError(
            f"`baseline_um2` should have one entry per delay, expected {len(delays_ps)}, "
            f"actual: {len(baseline_um2)}"
        )
    wrong = [area for area in baseline_um2 if area is not None and not area > 0]
    if wrong:
        raise ConfigError(f"baseline areas should be > 0 or None, actual: {wrong}")
    entries = tuple(
        DelaySaving(
            delay_ps,
            base,
            area,
            None if base is None or area is None else 100.0 * (base - area) / base,
        )
        for delay_ps, base, area in zip(
            delays_ps, baseline_um2, areas_at(points, delays_ps), strict=True
        )
    )
    compared = [(e.percent, e.delay_ps) for e in entries if e.percent is not None]
    missed = any(e.baseline_um2 is not None and e.area_um2 is None for e in entries)
    best = max(compared, default=None)
    mean = sum(percent for percent, _ in compared) / len(compared) if compared else None
    return Saving(
        delays=entries,
        mean_percent=None if missed else mean,
        best_percent=best[0] if best else None,
        best_delay_ps=best[1] if best else None,
    )
