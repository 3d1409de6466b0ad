"""Imagined walks: a few random legal moves, made on paper.

Uniform legal moves are nearly all additions, and a node that should stand one column further needs
a deletion and an addition. So a walk draws the kind of move first, and likes to add beside where
something is or was.
"""

from __future__ import annotations

import numpy as np

from edarl.prefix.graph import Move, PrefixGraph

__all__ = ["wander"]

_REACH = 2
_DELETE = 0.55
_BESIDE = 0.6
_TRIES = 8
_MOST = 6


def wander(
    graph: PrefixGraph, rng: np.random.Generator, *, again: float, least: int
) -> PrefixGraph:
    """Give a graph a few random moves away; now and then the graph itself.

    Args:
        graph: Where to start.
        rng: Where the randomness comes from.
        again: Probability of one more move after each, 0 to below 1.
        least: Moves that are made at least.
    """
    last: tuple[int, int] | None = None
    for done in range(_MOST):
        if done >= least and rng.random() >= again:
            break
        move = _draw(graph, rng, last)
        if move is None:
            break
        graph = graph.apply(move)
        last = (move.msb, move.lsb)
    return graph


def _draw(
    graph: PrefixGraph, rng: np.random.Generator, last: tuple[int, int] | None
) -> Move | None:
    """Draw a legal move, None where there is none; masks of all moves would take too long."""
    width = graph.width
    deletes = [(msb, lsb) for msb, row in enumerate(graph.minlist_rows) for lsb in _bits(row)]
    if deletes and rng.random() < _DELETE:
        return Move("delete", *deletes[int(rng.integers(len(deletes)))])
    if rng.random() < _BESIDE:
        nodes = [last] if last is not None else list(graph.nodes())
        chosen = rng.integers(len(nodes), size=_TRIES).tolist()
        steps = rng.integers(-_REACH, _REACH + 1, size=(_TRIES, 2)).tolist()
        for index, (rows, columns) in zip(chosen, steps, strict=True):
            msb, lsb = nodes[index][0] + rows, nodes[index][1] + columns
            if 0 < lsb < msb < width and not graph.rows[msb] >> lsb & 1:
                return Move("add", msb, lsb)
    free = [
        (msb, lsb)
        for msb, row in enumerate(graph.rows)
        for lsb in _bits(~row & ((1 << msb) - 2 if msb > 1 else 0))
    ]
    return Move("add", *free[int(rng.integers(len(free)))]) if free else None


def _bits(row: int) -> list[int]:
    found = []
    while row:
        lowest = row & -row
        found.append(lowest.bit_length() - 1)
        row ^= lowest
    return found
