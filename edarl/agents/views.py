"""Planes of designs, built when they are asked for and kept while there is room.

Letters in shapes: B designs, C planes, N width of the graph, A = 2 N N actions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32

from edarl.agents.task import TaskInfo
from edarl.envs.encoding import PLANES
from edarl.envs.physics import Encoder
from edarl.prefix.design import Design

__all__ = ["Views"]

_ROOM_BYTES = 64 * 1024 * 1024
_MOVES = [PLANES.index("addable"), PLANES.index("minlist")]
"""The planes that say what can be added and what can be deleted."""


class Views:
    """Shows designs to a network; the ones looked at last are remembered.

    Args:
        info: The task.
        planes: How many planes are looked at, C; None looks at all. Without any of the timer's
            planes it is not asked.
        room_bytes: Memory for planes that are remembered; the default keeps about 4700 designs at
            16 bits and 290 at 64 bits.
    """

    def __init__(
        self, info: TaskInfo, planes: int | None = None, room_bytes: int = _ROOM_BYTES
    ) -> None:
        planes = info.planes if planes is None else planes
        graph_alone = Encoder(info.objective.targets_ps)
        self._encoder = graph_alone if planes <= graph_alone.planes else info.encoder
        self._shape = (self._encoder.planes, info.width, info.width)
        self._most = max(1, room_bytes // (4 * int(np.prod(self._shape))))
        self._seen: OrderedDict[tuple[Design, float | None], Float32[np.ndarray, "c n n"]] = (
            OrderedDict()
        )

    def __len__(self) -> int:
        """How many designs are remembered."""
        return len(self._seen)

    def observations(
        self, designs: Sequence[Design], targets_ps: Sequence[float | None]
    ) -> Float32[np.ndarray, "b c n n"]:
        """Give the planes of designs, each for the target in the same place."""
        shown = np.empty((len(designs), *self._shape), dtype=np.float32)
        for planes, design, target_ps in zip(shown, designs, targets_ps, strict=True):
            planes[:] = self._planes(design, target_ps)
        return shown

    @staticmethod
    def masks(observations: Float32[np.ndarray, "b c n n"]) -> Bool[np.ndarray, "b a"]:
        """Give the legal actions of designs from their planes."""
        return (observations[:, _MOVES] > 0).reshape(len(observations), -1)

    def _planes(self, design: Design, target_ps: float | None) -> Float32[np.ndarray, "c n n"]:
        key = (design, target_ps)
        planes = self._seen.get(key)
        if planes is None:
            planes = self._seen[key] = self._encoder(design, target_ps)
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(key)
        return planes
