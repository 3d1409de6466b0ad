"""How a graph looks to an agent, and how an action index names a move: pure functions.

Letters in shapes: N width of the graph, C feature planes, A = 2 N N actions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from edarl.errors import ConfigError
from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph

__all__ = [
    "PLANES",
    "action_to_move",
    "encode_observation",
    "legal_actions",
    "move_to_action",
    "target_at",
    "target_position",
]

PLANES = ("node", "minlist", "level", "fanout", "msb", "lsb", "addable", "target")
"""The feature planes in order; `encode_observation` says what each holds."""

_NODE, _MINLIST, _LEVEL, _FANOUT, _MSB, _LSB, _ADDABLE, _TARGET = range(len(PLANES))


def encode_observation(
    graph: PrefixGraph | Design, target: float = 0.0
) -> Float32[np.ndarray, "c n n"]:
    """Give the feature planes of a graph, every value in [0, 1], indexed ``[plane, msb, lsb]``.

    - ``node``: 1 where a node exists, inputs (diagonal) and outputs (column 0) included.
    - ``minlist``: 1 on the interior nodes that are nobody's lower parent. These are exactly the
      legal deletes.
    - ``level``: ``log2(1 + level) / log2(N)`` of each node; inputs are level 0.
    - ``fanout``: ``log2(1 + fanout) / log2(N)`` of each node; uses by operator nodes.
    - ``msb``, ``lsb``: the cell's own coordinates divided by N - 1, on every cell.
    - ``addable``: 1 on the interior cells without a node, the legal adds.
    - ``target``: the delay target's position, the same on every cell; see `target_position`.

    Args:
        graph: The graph, or a design whose graph is meant.
        target: Position of the delay target in [0, 1]; 0 where there is none.

    Returns:
        observation: [C, N, N] a new array.

    Source: PrefixRL (arXiv 2205.07000), section IV, for the first four. It scales level and fanout
    linearly; logarithms keep small values apart at large widths. The other planes are ours.
    """
    if isinstance(graph, Design):
        graph = graph.graph
    width = graph.width
    template, scaled, interior = _constants(width)
    planes = template.copy()
    nodes = graph.grid()
    planes[_NODE] = nodes
    planes[_MINLIST] = graph.minlist()
    planes[_ADDABLE] = interior & ~nodes
    planes[_TARGET] = target
    planes[_LEVEL], planes[_FANOUT] = (scaled[counts] for counts in _levels_and_fanouts(graph))
    return planes


def legal_actions(graph: PrefixGraph) -> Bool[np.ndarray, " a"]:
    """Give the mask over action indices, True = legal. It always allows some action (N >= 3)."""
    return graph.legal_moves().reshape(-1)


def action_to_move(action: int, width: int) -> Move:
    """Give the move that an action index names, legal or not.

    ``index = kind * N * N + msb * N + lsb`` with kind 0 for add and 1 for delete.

    Args:
        action: 0 to 2 N N - 1.
        width: Width of the graph, N.

    Raises:
        ConfigError: The index is out of range.
    """
    if not 0 <= action < 2 * width * width:
        raise ConfigError(
            f"an action should be between 0 and {2 * width * width - 1} at width {width}, "
            f"actual value: {action}"
        )
    kind, cell = divmod(int(action), width * width)
    msb, lsb = divmod(cell, width)
    return Move("delete" if kind else "add", msb, lsb)


def move_to_action(move: Move, width: int) -> int:
    """Give the index that names a move; the inverse of `action_to_move`.

    Raises:
        ConfigError: The move lies outside the grid.
    """
    kind, msb, lsb = move
    if not (0 <= msb < width and 0 <= lsb < width):
        raise ConfigError(f"a move at width {width} should be inside the grid, actual: {move}")
    return (width * width if kind == "delete" else 0) + msb * width + lsb


def target_position(target_ps: float | None, targets_ps: Sequence[float] | None) -> float:
    """Give where a delay target lies among fixed targets: 0 at the tightest, 1 at the loosest.

    The fixed targets are equally far apart, linear in between; a target outside counts as the
    nearest end. Without a target, or with fewer than two fixed ones, it is 0.

    Example: among 300, 400 and 600 ps the target 400 ps has position 0.5 and 500 ps has 0.75.
    """
    if target_ps is None or targets_ps is None or len(targets_ps) < 2:
        return 0.0
    return float(np.interp(target_ps, targets_ps, np.linspace(0.0, 1.0, len(targets_ps))))


def target_at(position: float, targets_ps: Sequence[float]) -> float:
    """Give the delay target in picoseconds at a position; the inverse of `target_position`."""
    return float(np.interp(position, np.linspace(0.0, 1.0, len(targets_ps)), targets_ps))


def _levels_and_fanouts(
    graph: PrefixGraph,
) -> tuple[UInt8[np.ndarray, "n n"], UInt8[np.ndarray, "n n"]]:
    """Give level and fanout of every node, 0 elsewhere; both fit a byte at every width.

    One pass over the rows as bits, because this is half the time of an environment step.
    """
    width = graph.width
    levels, fanouts = bytearray(width * width), bytearray(width * width)
    for msb, row in enumerate(graph.rows):
        start, upper, level = msb * width, msb, 0
        rest = row ^ 1 << msb
        while rest:
            lsb = rest.bit_length() - 1
            rest ^= 1 << lsb
            lower = (upper - 1) * width + lsb
            lower_level = levels[lower]
            level = 1 + (level if level > lower_level else lower_level)
            levels[start + lsb] = level
            fanouts[start + upper] += 1
            fanouts[lower] += 1
            upper = lsb
    shape = (width, width)
    return (
        np.frombuffer(levels, dtype=np.uint8).reshape(shape),
        np.frombuffer(fanouts, dtype=np.uint8).reshape(shape),
    )


@lru_cache(maxsize=16)
def _constants(
    width: int,
) -> tuple[Float32[np.ndarray, "c n n"], Float32[np.ndarray, " n"], Bool[np.ndarray, "n n"]]:
    """Give what depends on the width alone: coordinate planes, scaled counts, interior cells."""
    template = np.zeros((len(PLANES), width, width), dtype=np.float32)
    axis = np.arange(width, dtype=np.float32) / (width - 1)
    template[_MSB] = axis[:, None]
    template[_LSB] = axis[None, :]
    # Neither a level nor a fanout exceeds width - 1.
    scaled = (np.log2(np.arange(1, width + 1)) / math.log2(width)).astype(np.float32)
    msb, lsb = np.indices((width, width))
    return template, scaled, (lsb >= 1) & (lsb < msb)
