"""Annealing a cell's columns: their order, and which fingers share a gate strip.

Which way fingers are turned is not searched: the best turns for an order are computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edarl.errors import ConfigError
from edarl.layout.building import build, oriented
from edarl.layout.netlist import CellNetlist
from edarl.layout.outcome import PlacementOutcome, placement_cost
from edarl.layout.placement import Column, Placement
from edarl.layout.technology import Technology
from edarl.search.cells.walk import random_columns

__all__ = ["AnnealingSettings", "anneal_placement"]


@dataclass(frozen=True, slots=True)
class AnnealingSettings:
    """How a placement is annealed.

    Attributes:
        hot: First temperature in CPP, > 0.
        cold: Last temperature in CPP, > 0 and at most the first.
    """

    hot: float = 0.7
    cold: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.cold <= self.hot:
            raise ConfigError(
                f"`cold` should be above 0 and at most `hot`, actual: {self.cold} and {self.hot}"
            )


def anneal_placement(
    cell: CellNetlist,
    technology: Technology,
    *,
    evaluations: int,
    seed: int,
    settings: AnnealingSettings | None = None,
    on_evaluation: Callable[[Placement], None] | None = None,
) -> PlacementOutcome:
    """Anneal from a random placement.

    Args:
        cell: The netlist.
        technology: The rules.
        evaluations: Placements to judge, >= 1.
        seed: The one seed.
        settings: Temperatures.
        on_evaluation: Given every placement judged.

    Raises:
        ConfigError: A device does not fit the technology.
    """
    settings = settings or AnnealingSettings()
    rng = np.random.default_rng(seed)
    columns = random_columns(cell, technology, rng)
    columns = oriented(technology, columns)
    placement = build(cell, technology, columns)
    cost = best_cost = placement_cost(placement)
    best, first_at = placement, 1
    if on_evaluation is not None:
        on_evaluation(placement)
    for count in range(2, evaluations + 1):
        share = count / evaluations
        temperature = settings.hot * (settings.cold / settings.hot) ** share
        changed = oriented(technology, _moved(columns, rng))
        placement = build(cell, technology, changed)
        if on_evaluation is not None:
            on_evaluation(placement)
        new_cost = placement_cost(placement)
        if new_cost <= cost or rng.random() < math.exp((cost - new_cost) / temperature):
            columns, cost = changed, new_cost
            if cost < best_cost:
                if placement.width_cpp < best.width_cpp:
                    first_at = count
                best_cost, best = cost, placement
    return PlacementOutcome(best, max(1, evaluations), first_at)


def _moved(columns: list[Column], rng: np.random.Generator) -> list[Column]:
    """Give a neighbour: another order or pairing."""
    changed = list(columns)
    one, other = sorted(int(index) for index in rng.integers(len(columns), size=2))
    kind = rng.integers(5)
    if kind == 0:
        changed[one], changed[other] = changed[other], changed[one]
    elif kind == 1:
        source, target = (one, other) if rng.random() < 0.5 else (other, one)
        changed.insert(target, changed.pop(source))
    elif kind == 2:
        changed[one : other + 1] = reversed(changed[one : other + 1])
    elif kind == 3:
        _repair(changed, one, other)
    else:
        _part_or_join(changed, one, rng)
    return changed


def _gate(column: Column) -> str:
    finger = column.p or column.n
    assert finger is not None
    return finger.gate


def _repair(columns: list[Column], one: int, other: int) -> None:
    """Exchange the n fingers of two columns on one gate."""
    first, second = columns[one], columns[other]
    if one == other or _gate(first) != _gate(second):
        return
    exchanged = Column(first.p, second.n), Column(second.p, first.n)
    if any(column.p is None and column.n is None for column in exchanged):
        return
    columns[one], columns[other] = exchanged


def _part_or_join(columns: list[Column], at: int, rng: np.random.Generator) -> None:
    """Give a pair's n finger a column of its own, or join it with a p finger that has none."""
    column = columns[at]
    if column.p is not None and column.n is not None:
        columns[at] = Column(column.p, None)
        columns.insert(int(rng.integers(len(columns) + 1)), Column(None, column.n))
        return
    partners = [
        index
        for index, item in enumerate(columns)
        if _gate(item) == _gate(column)
        and (item.p is None) != (column.p is None)
        and (item.n is None) != (column.n is None)
    ]
    if partners:
        partner = columns[partners[int(rng.integers(len(partners)))]]
        columns[at] = Column(column.p or partner.p, column.n or partner.n)
        columns.remove(partner)
