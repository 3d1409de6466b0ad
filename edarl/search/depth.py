"""Few nodes within a delay that is counted and not timed: a depth, or the analytical model's delay.

No library and no evaluator: a step of the annealing here takes some microseconds, so a search tries
millions of graphs. For a depth alone `edarl.search.compositions` is both faster and better, and
annealing from its graphs has found nothing smaller; where fanout costs delay, annealing is what
there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edarl.errors import ConfigError
from edarl.prefix.graph import PrefixGraph
from edarl.search.compiled import compiled

__all__ = ["DEPTH", "DelayModel", "NodeCooling", "anneal_nodes"]

_Flags: TypeAlias = npt.NDArray[np.bool_]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Shorts: TypeAlias = npt.NDArray[np.int16]

_REACH = 3


@dataclass(frozen=True, slots=True)
class DelayModel:
    """How the delay of a graph is counted, from inputs to outputs along the slowest path.

    Attributes:
        per_node: What each operator node adds, > 0.
        per_fanout: What each use of a node adds to that, >= 0. Uses are by operator nodes.
        input_fanout: Whether the uses of an input add as much.
        output_load: Whether an output port counts as one more use.

    Raises:
        ConfigError: A figure is out of range.
    """

    per_node: float = 1.0
    per_fanout: float = 0.0
    input_fanout: bool = False
    output_load: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.per_node < math.inf and 0 <= self.per_fanout < math.inf):
            raise ConfigError(
                "`per_node` should be above 0 and `per_fanout` at least 0, actual values: "
                f"{self.per_node}, {self.per_fanout}"
            )


DEPTH = DelayModel()
"""Delay counted in operator levels."""


@dataclass(frozen=True, slots=True)
class NodeCooling:
    """How graphs are annealed; the cost of a graph is its nodes, and more where outputs are late.

    Attributes:
        steps: How many changes are tried, >= 1.
        hot: Temperature at the first step, in nodes, > 0.
        cold: Temperature at the last step, in nodes, > 0.
        late: What one output that is late by ``per_node`` costs, in nodes, > 0.

    Raises:
        ConfigError: A figure is out of range.
    """

    steps: int = 1_000_000
    hot: float = 1.0
    cold: float = 0.15
    late: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"`steps` should be at least 1, actual value: {self.steps}")
        for name in ("hot", "cold", "late"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"`{name}` should be above 0, actual: {getattr(self, name)}")


def anneal_nodes(
    start: PrefixGraph,
    limit: float,
    model: DelayModel = DEPTH,
    *,
    seed: int = 0,
    cooling: NodeCooling | None = None,
) -> PrefixGraph | None:
    """Anneal a graph towards few nodes within a delay.

    Steps add, delete and shift nodes of the minlist, one to four at once; graphs that are too slow
    are walked through at a price.

    Args:
        start: Where to begin; it may be too slow.
        limit: The most delay, in the model's unit.
        model: How delay is counted.
        seed: Seeds the random numbers, 0 to 2**32 - 1; equal seeds give equal graphs.
        cooling: How to anneal.

    Returns:
        The smallest graph met within the limit, ``start`` included; None where there was none.
    """
    cooling = cooling or NodeCooling()
    width = start.width
    kept = np.zeros((width, width), dtype=np.int16)
    counts = np.zeros(width, dtype=np.int64)
    for msb, row in enumerate(start.minlist_rows):
        lsbs = [lsb for lsb in reversed(range(msb)) if row >> lsb & 1]
        kept[msb, : len(lsbs)] = lsbs
        counts[msb] = len(lsbs)
    figures = np.array(
        (
            model.per_node,
            model.per_fanout,
            model.per_fanout if model.input_fanout else 0.0,
            float(model.output_load),
            limit + 1e-9,  # sums of decimal figures are not exact
            cooling.late / model.per_node,
            cooling.hot,
            cooling.cold,
        )
    )
    if not _anneal(kept, counts, figures, cooling.steps, seed):
        return None
    return PrefixGraph.legalise(
        width, [(msb, int(lsb)) for msb in range(width) for lsb in kept[msb, : counts[msb]]]
    )


# -------------------------------------------------------------------- compiled

# A graph is lists of lsbs, falling, one for each msb: `rows` [W, W], of which row m has `counts[m]`
# entries; inputs are left out. `kept` are such lists of a minlist.


@compiled
def _insert(rows: _Shorts, counts: _Ints, m: int, lsb: int) -> None:
    count = counts[m]
    place = count
    while place > 0 and rows[m, place - 1] < lsb:
        place -= 1
    if place > 0 and rows[m, place - 1] == lsb:
        return
    for index in range(count, place, -1):
        rows[m, index] = rows[m, index - 1]
    rows[m, place] = lsb
    counts[m] = count + 1


@compiled
def _remove(rows: _Shorts, counts: _Ints, m: int, index: int) -> None:
    for later in range(index, counts[m] - 1):
        rows[m, later] = rows[m, later + 1]
    counts[m] -= 1


@compiled
def _copy(rows: _Shorts, counts: _Ints, to_rows: _Shorts, to_counts: _Ints) -> None:
    for m in range(counts.shape[0]):
        to_counts[m] = counts[m]
        for index in range(counts[m]):
            to_rows[m, index] = rows[m, index]


@compiled
def _legalise(kept: _Shorts, kept_counts: _Ints, rows: _Shorts, counts: _Ints, most: float) -> int:
    """Build the graph of a minlist; give its nodes, or -1 when there are more than ``most``."""
    width = counts.shape[0]
    _copy(kept, kept_counts, rows, counts)
    for m in range(1, width):
        _insert(rows, counts, m, 0)
    size = 0
    for m in range(width - 1, 0, -1):
        size += counts[m]
        if size + m - 1 > most:  # each row below has its output
            return -1
        above = m
        for index in range(counts[m]):
            lsb = rows[m, index]
            if lsb < above - 1:
                _insert(rows, counts, above - 1, lsb)
            above = lsb
    return size


@compiled
def _lateness(
    rows: _Shorts, counts: _Ints, figures: _Floats, uses: _Ints, arrival: _Floats
) -> float:
    """Give by how much the outputs are later than the limit, added up."""
    width = counts.shape[0]
    per_node, per_fanout, per_input_use, load, limit = figures[:5]
    port = int(load)
    if per_fanout > 0.0:
        for m in range(width):
            uses[m, m] = 0
            for index in range(counts[m]):
                uses[m, rows[m, index]] = 0
            uses[m, 0] = port
        for m in range(1, width):
            above = m
            for index in range(counts[m]):
                lsb = rows[m, index]
                uses[m, above] += 1
                uses[above - 1, lsb] += 1
                above = lsb
    late = 0.0
    for m in range(width):
        time = per_input_use * uses[m, m]
        arrival[m, m] = time
        above = m
        for index in range(counts[m]):
            lsb = rows[m, index]
            time = max(time, arrival[above - 1, lsb]) + per_node
            if per_fanout > 0.0:
                time += per_fanout * uses[m, lsb]
            arrival[m, lsb] = time
            above = lsb
        late += max(0.0, time - limit)
    return late


@compiled
def _find_minlist(
    rows: _Shorts, counts: _Ints, kept: _Shorts, kept_counts: _Ints, is_lower: _Flags
) -> None:
    """List the interior nodes that are nobody's lower parent."""
    width = counts.shape[0]
    for m in range(width):
        for index in range(counts[m]):
            is_lower[m, rows[m, index]] = False
    for m in range(1, width):
        above = m
        for index in range(counts[m]):
            is_lower[above - 1, rows[m, index]] = True
            above = rows[m, index]
    for m in range(width):
        kept_counts[m] = 0
        for index in range(counts[m]):
            lsb = rows[m, index]
            if lsb > 0 and not is_lower[m, lsb]:
                kept[m, kept_counts[m]] = lsb
                kept_counts[m] += 1


@compiled
def _change(kept: _Shorts, kept_counts: _Ints, rows: _Shorts, counts: _Ints) -> None:
    """Add, delete or shift one node of a minlist; ``rows`` is some graph like its own."""
    width = counts.shape[0]
    draw = np.random.random()
    if draw < 0.25:
        m = np.random.randint(1, width)
        if draw < 0.175:  # beside a node
            lsb = rows[m, np.random.randint(0, counts[m])] + np.random.randint(-2, 3)
            m += np.random.randint(-2, 3)
        else:
            lsb = np.random.randint(0, m)
    else:
        m = np.random.randint(1, width)
        for _ in range(width):
            if kept_counts[m] > 0:
                break
            m = np.random.randint(1, width)
        if kept_counts[m] == 0:
            return
        index = np.random.randint(0, kept_counts[m])
        lsb = kept[m, index]
        _remove(kept, kept_counts, m, index)
        if draw < 0.45:
            lsb += np.random.randint(-_REACH, _REACH + 1)
        elif draw < 0.6:
            m += np.random.randint(-_REACH, _REACH + 1)
        elif draw < 0.8:
            lsb += np.random.randint(-2, 3)
            m += np.random.randint(-2, 3)
        else:
            return
    if 0 < lsb < m < width:
        _insert(kept, kept_counts, m, lsb)


@compiled
def _anneal(best: _Shorts, best_counts: _Ints, figures: _Floats, steps: int, seed: int) -> bool:
    """Anneal from the minlist ``best`` and leave the best one there; say whether any was in time.

    Args:
        best: [W, W] minlist, changed in place.
        best_counts: [W] entries of its rows, changed in place.
        figures: [8] per node, per use, per use of an input, uses by a port, the limit, the price
            of a unit of lateness, first and last temperature.
        steps: How many changes to try.
        seed: Seeds the random numbers.
    """
    np.random.seed(seed)
    width = best_counts.shape[0]
    price, hot, cold = figures[5:]
    kept, kept_counts = best.copy(), best_counts.copy()
    trial, trial_counts = best.copy(), best_counts.copy()
    rows, counts = best.copy(), best_counts.copy()
    uses = np.zeros((width, width), dtype=np.int64)
    arrival = np.zeros((width, width))
    is_lower = np.zeros((width, width), dtype=np.bool_)
    size = _legalise(kept, kept_counts, rows, counts, np.inf)
    late = _lateness(rows, counts, figures, uses, arrival)
    cost = size + price * late
    least = float(size) if late == 0.0 else np.inf
    for step in range(steps):
        temperature = hot * (cold / hot) ** (step / steps)
        _copy(kept, kept_counts, trial, trial_counts)
        _change(trial, trial_counts, rows, counts)
        for _ in range(3):
            if np.random.random() < 0.65:
                break
            _change(trial, trial_counts, rows, counts)
        ceiling = cost - temperature * math.log(1.0 - np.random.random())
        size = _legalise(trial, trial_counts, rows, counts, ceiling)
        if size < 0:
            continue
        late = _lateness(rows, counts, figures, uses, arrival)
        if size + price * late > ceiling:
            continue
        cost = size + price * late
        _find_minlist(rows, counts, kept, kept_counts, is_lower)
        if late == 0.0 and size < least:
            least = size
            _copy(kept, kept_counts, best, best_counts)
    return least < np.inf
