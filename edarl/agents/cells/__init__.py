"""Agents for standard cells: one places fingers column by column, one mends design rules.

Both are trained by sb3-contrib's MaskablePPO on the environments of `edarl.envs`.
"""

from edarl.agents.cells.config import CellPpoConfig, FixPpoConfig
from edarl.agents.cells.fixing import (
    FixPolicy,
    fix_by_policy,
    load_fix_policy,
    shipped_fix_policy,
    train_fix_policy,
)
from edarl.agents.cells.placing import place_by_policy
from edarl.agents.cells.policy import CellPolicy, load_cell_policy, shipped_cell_policy
from edarl.agents.cells.training import train_cell_policy

__all__ = [
    "CellPolicy",
    "CellPpoConfig",
    "FixPolicy",
    "FixPpoConfig",
    "fix_by_policy",
    "load_cell_policy",
    "load_fix_policy",
    "place_by_policy",
    "shipped_cell_policy",
    "shipped_fix_policy",
    "train_cell_policy",
    "train_fix_policy",
]
