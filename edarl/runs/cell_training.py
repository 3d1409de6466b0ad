"""Training a policy that places cells, and keeping it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edarl.layout.netlist import CellNetlist
from edarl.layout.technology import Technology
from edarl.runs.guided import needing_torch

__all__ = ["train_on_cells"]


def train_on_cells(
    cells: Sequence[CellNetlist],
    technology: Technology,
    folder: Path,
    *,
    placements: int,
    seed: int = 0,
    on_progress: Callable[[int, float], None] | None = None,
) -> dict[str, Any]:
    """Train a policy, save it, and give how much it took.

    Args:
        cells: The netlists to place.
        technology: The rules.
        folder: Where the policy goes, a new folder or one of a policy.
        placements: Placements to make, >= 1.
        seed: The one seed.
        on_progress: Told after every placement how many there have been, and how many columns more
            than their larger row the last ones took in the mean.

    Raises:
        ConfigError: A setting or a cell is not usable, or PyTorch is not installed.
        CheckpointError: The folder cannot be written.
    """
    with needing_torch("training a policy needs"):
        from edarl.agents.cells import train_cell_policy
        from edarl.agents.cells.training import CellTraining

    def tell(training: CellTraining) -> None:
        if on_progress is not None:
            on_progress(training.placements, -training.reward)

    policy = train_cell_policy(
        cells, technology, placements=placements, seed=seed, on_progress=tell
    )
    policy.save(folder)
    return {"cells": len(cells), "placements": policy.placements, "columns": policy.steps}
