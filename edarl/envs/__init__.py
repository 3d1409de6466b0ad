"""Environments: prefix graphs and standard cells as Gymnasium tasks.

Importing this package registers ``edarl/PrefixCircuit-v0`` (scalar reward),
``edarl/MOPrefixCircuit-v0`` (vector reward, MO-Gymnasium's convention),
``edarl/CellPlacement-v0`` and ``edarl/DrcFix-v0``. It holds no agent and trains nothing.
"""

import gymnasium

from edarl.envs.cell_placement import CellPlacementEnv
from edarl.envs.drc_fix import DrcFixEnv
from edarl.envs.encoding import (
    PLANES,
    action_to_move,
    encode_observation,
    legal_actions,
    move_to_action,
    target_at,
    target_position,
)
from edarl.envs.environment import MOPrefixCircuitEnv, PrefixCircuitEnv
from edarl.envs.physics import PHYSICS_PLANES, Encoder, physics_planes
from edarl.envs.wrappers import ActionMaskObservation, PhysicsObservation

__all__ = [
    "IDS",
    "PHYSICS_PLANES",
    "PLANES",
    "ActionMaskObservation",
    "CellPlacementEnv",
    "DrcFixEnv",
    "Encoder",
    "MOPrefixCircuitEnv",
    "PhysicsObservation",
    "PrefixCircuitEnv",
    "action_to_move",
    "encode_observation",
    "legal_actions",
    "move_to_action",
    "physics_planes",
    "target_at",
    "target_position",
]

IDS = (
    "edarl/PrefixCircuit-v0",
    "edarl/MOPrefixCircuit-v0",
    "edarl/CellPlacement-v0",
    "edarl/DrcFix-v0",
)
"""The ids of the registered environments: circuits with scalar and with vector reward; cells."""

gymnasium.register(id=IDS[0], entry_point="edarl.envs.environment:PrefixCircuitEnv")
# Gymnasium's checker on every step warns about any reward that is not a single number.
gymnasium.register(
    id=IDS[1],
    entry_point="edarl.envs.environment:MOPrefixCircuitEnv",
    disable_env_checker=True,
)
gymnasium.register(id=IDS[2], entry_point="edarl.envs.cell_placement:CellPlacementEnv")
gymnasium.register(id=IDS[3], entry_point="edarl.envs.drc_fix:DrcFixEnv")
