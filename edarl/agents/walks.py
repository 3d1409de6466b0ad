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
    adds, deletes = graph.legal_moves()
    cells = np.argwhere(deletes)
    if len(cells) and rng.random() < _DELETE:
        msb, lsb = cells[int(rng.integers(len(cells)))].tolist()
        return Move("delete", msb, lsb)
    if rng.random() < _BESIDE:
        nodes = [last] if last is not None else list(graph.nodes())
        for _ in range(_TRIES):
            node = nodes[int(rng.integers(len(nodes)))]
            rows, columns = rng.integers(-_REACH, _REACH + 1, size=2).tolist()
            msb, lsb = node[0] + rows, node[1] + columns
            if 0 < lsb < msb < graph.width and adds[msb, lsb]:
                return Move("add", msb, lsb)
    cells = np.argwhere(adds)
    if not len(cells):
        return None
    msb, lsb = cells[int(rng.integers(len(cells)))].tolist()
    return Move("add", msb, lsb)
