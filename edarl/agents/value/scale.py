"""Figures relative to a problem's regular structures, so that what is learnt holds elsewhere.

A model that has learnt on absolute features of one width says nothing about another. The regular
structures exist for every width, target and library; their features cost no evaluation, and their
costs are evaluated first in any search.

Letters in shapes: B designs, S features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64

from edarl.agents.value.base import Examples
from edarl.errors import ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.synthesis.timing.features import Physics

__all__ = ["Reference", "regular_designs", "relative"]

_SHARE, _LEAST = 0.02, 1e-3
_LARGEST = 4.0
"""About what a feature of 0 gives where the reference has one."""


def regular_designs(circuit: Circuit) -> tuple[Design, ...]:
    """Give the regular structures of a circuit in each p mode, every design once."""
    modes = P_MODES if circuit.entry.operator == "carry" else P_MODES[:1]
    designs = [
        Design.of(structure(name, circuit.leaves), circuit, mode)
        for name in REGULAR
        for mode in modes
    ]
    return tuple(dict.fromkeys(designs))


def relative(
    features: Float64[np.ndarray, "b s"], reference: Float64[np.ndarray, " s"]
) -> Float32[np.ndarray, "b s"]:
    """Give the logarithms of features over a reference's, both raised a little and so above 0.

    Args:
        features: [B, S], at least 0.
        reference: [S], at least 0.

    Returns:
        [B, S] from -4 to 4.
    """
    raised = _SHARE * reference + _LEAST
    logs = np.log((features + raised) / (reference + raised))
    return np.clip(logs, -_LARGEST, _LARGEST).astype(np.float32)


class Reference:
    """One problem as models see it: a circuit in a library at a delay target.

    Args:
        physics: Of the circuit in the library.
        target_ps: The delay to meet in picoseconds, > 0.

    Raises:
        ConfigError: The target is no delay.
        NetlistError: An output of the circuit is not driven by a gate.
    """

    def __init__(self, physics: Physics, target_ps: float) -> None:
        self.physics = physics
        self.target_ps = float(target_ps)
        regular = regular_designs(physics.circuit)
        self._digests = frozenset(design.digest for design in regular)
        self.features = self._absolute(regular).mean(axis=0)

    def relative(self, designs: Sequence[Design]) -> Float32[np.ndarray, "b s"]:
        """Give the features of designs relative to the mean of the regular structures.

        Raises:
            ConfigError: A design is of another circuit.
        """
        return relative(self._absolute(designs), self.features)

    def is_regular(self, design: Design) -> bool:
        """Say whether a design is one of the regular structures."""
        return design.digest in self._digests

    def examples(self, designs: Sequence[Design], costs: Float[np.ndarray, " b"]) -> Examples:
        """Give evaluated designs as examples.

        Args:
            designs: The designs, regular structures among them.
            costs: [B] what they cost at the target, > 0.

        Raises:
            ConfigError: No design is regular, or one is of another circuit.
        """
        regular = [
            cost for design, cost in zip(designs, costs, strict=True) if self.is_regular(design)
        ]
        if not regular:
            raise ConfigError(
                "evaluated designs should have a regular structure among them that the costs of "
                f"the others are compared with, actual: none of {len(designs)}"
            )
        log_costs = np.log(costs / min(regular)).astype(np.float32)
        return Examples(self.relative(designs), log_costs)

    def _absolute(self, designs: Sequence[Design]) -> Float64[np.ndarray, "b s"]:
        return self.physics.many(designs, [self.target_ps] * len(designs))
