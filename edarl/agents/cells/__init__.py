"""Agents that place standard cells: a policy over candidate columns, trained by MaskablePPO.

They know `edarl.envs.cell_placement` and nothing of routing, drawing or files of cells.
"""

from edarl.agents.cells.config import CellPpoConfig
from edarl.agents.cells.placing import place_by_policy
from edarl.agents.cells.policy import CellPolicy, load_cell_policy, shipped_cell_policy
from edarl.agents.cells.training import train_cell_policy

__all__ = [
    "CellPolicy",
    "CellPpoConfig",
    "load_cell_policy",
    "place_by_policy",
    "shipped_cell_policy",
    "train_cell_policy",
]
