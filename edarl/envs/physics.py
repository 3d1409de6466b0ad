"""How a design looks to an agent that is shown the timer's figures beside the graph.

The timer's planes have no upper bound; here every number is brought into [-1, 1] by a fixed rule,
so that one network can serve every width, target and library.

Letters in shapes: N width of the graph, C feature planes, P of them the timer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from edarl.envs.encoding import PLANES, encode_observation, target_at, target_position
from edarl.prefix.design import Design
from edarl.prefix.structures import structure

if TYPE_CHECKING:
    from edarl.synthesis.timing.features import Physics

__all__ = ["PHYSICS_PLANES", "Encoder", "physics_planes"]

PHYSICS_PLANES = ("arrival", "slack", "load", "inverters", "slack_to_target", "critical")
"""The timer's planes in order; `physics_planes` says what each holds."""

_ARRIVAL, _SLACK, _LOAD, _INVERTERS, _TO_TARGET, _ = range(len(PHYSICS_PLANES))
_LOG2_LARGEST_LOAD = 6.0
_MOST_INVERTERS = 2.0


def physics_planes(
    physics: Physics, design: Design, target_ps: float
) -> Float32[np.ndarray, "p n n"]:
    """Give what the timer says of each node of a design that is not sized, in [-1, 1].

    With the figures of `edarl.synthesis.timing.features.Physics.planes` in brackets:

    - ``arrival``: a / (1 + a), where 1/2 arrives just at the target.
    - ``slack``: [slack], 0 on the slowest path.
    - ``load``: log2(1 + load) / 6, at most 1, which is a load of 63 small inverters.
    - ``inverters``: half their number.
    - ``slack_to_target``: s / (1 + abs(s)), negative where too slow.
    - ``critical``: [critical], 1 on the slowest path.

    All is 0 where no net is.

    Args:
        physics: Of the design's circuit in a library.
        design: The design.
        target_ps: The delay to meet in picoseconds, > 0.

    Raises:
        ConfigError: The design is of another circuit, or the target is no delay.
        NetlistError: An output of the circuit is not driven by a gate.
    """
    planes = physics.planes(design, target_ps)
    arrival, load, to_target = planes[_ARRIVAL], planes[_LOAD], planes[_TO_TARGET]
    arrival /= 1.0 + arrival
    np.log2(1.0 + load, out=load)
    load /= _LOG2_LARGEST_LOAD
    planes[_INVERTERS] /= _MOST_INVERTERS
    to_target /= 1.0 + np.abs(to_target)
    np.clip(planes[_SLACK], 0.0, 1.0, out=planes[_SLACK])
    np.minimum(planes, np.float32(1.0), out=planes)
    return planes


class Encoder:
    """Gives the planes of designs: the environments' own, then the timer's where there is one.

    Args:
        targets_ps: The fixed delay targets in picoseconds, rising; None where there are none.
        physics: Reads designs of the circuit; None leaves the timer's planes out.

    Attributes:
        physics: As given.
    """

    def __init__(self, targets_ps: Sequence[float] | None, physics: Physics | None = None) -> None:
        self.physics = physics
        self._targets_ps = targets_ps
        self._neutral_ps = 0.0

    @property
    def planes(self) -> int:
        """How many planes there are, C."""
        return len(PLANES) + (0 if self.physics is None else len(PHYSICS_PLANES))

    def __call__(self, design: Design, target_ps: float | None) -> Float32[np.ndarray, "c n n"]:
        """Give the planes of a design.

        Args:
            design: The design.
            target_ps: The delay target in picoseconds; None where there is none, then the timer
                reads the design against the middle of the fixed targets.

        Raises:
            ConfigError: The design is of another circuit than the timer's.
        """
        planes = encode_observation(design.graph, target_position(target_ps, self._targets_ps))
        if self.physics is None:
            return planes
        return np.concatenate([planes, self.timed(design, target_ps)])

    def timed(self, design: Design, target_ps: float | None) -> Float32[np.ndarray, "p n n"]:
        """Give the timer's planes alone; there is a timer."""
        assert self.physics is not None
        against_ps = self.neutral_ps(design) if target_ps is None else target_ps
        return physics_planes(self.physics, design, against_ps)

    def neutral_ps(self, design: Design) -> float:
        """Give the delay that designs are read against where there is no target.

        It is the middle of the fixed targets, or without them the delay of the Sklansky structure
        in smallest cells.
        """
        if not self._neutral_ps:
            self._neutral_ps = (
                target_at(0.5, self._targets_ps) if self._targets_ps else self._unsized_ps(design)
            )
        return self._neutral_ps

    def _unsized_ps(self, design: Design) -> float:
        from edarl.synthesis.timing.features import FEATURE_NAMES

        assert self.physics is not None
        circuit = design.circuit
        regular = Design.of(structure("sklansky", circuit.leaves), circuit)
        return float(self.physics.features(regular, 1.0)[FEATURE_NAMES.index("smallest_delay")])
