"""Training a policy that places cells: sb3-contrib's MaskablePPO on the cell environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from edarl.agents.cells.config import CellPpoConfig
from edarl.agents.cells.policy import CellPolicy, policy_arguments
from edarl.agents.cells.ppo import train_ppo
from edarl.envs.cell_placement import CellPlacementEnv
from edarl.errors import ConfigError
from edarl.layout.netlist import CellNetlist
from edarl.layout.technology import Technology

__all__ = ["CellTraining", "train_cell_policy"]


@dataclass(frozen=True, slots=True)
class CellTraining:
    """How far a training is.

    Attributes:
        placements: Complete placements so far.
        steps: Columns placed so far.
        reward: Mean reward of the last placements, 0 at best, in columns.
    """

    placements: int
    steps: int
    reward: float


class _Watch(BaseCallback):
    """Counts placements, and ends the training when there have been enough."""

    def __init__(
        self,
        placements: int,
        on_progress: Callable[[CellTraining], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        super().__init__()
        self.placements = 0
        self._most = placements
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._rewards: list[float] = []
        self._reward = 0.0

    def _on_step(self) -> bool:
        self._reward += float(self.locals["rewards"][0])
        if self.locals["dones"][0]:
            self.placements += 1
            self._rewards = [*self._rewards[-99:], self._reward]
            self._reward = 0.0
            if self._on_progress is not None:
                mean = sum(self._rewards) / len(self._rewards)
                self._on_progress(CellTraining(self.placements, self.num_timesteps, mean))
        asked = self._should_stop is not None and self._should_stop()
        return self.placements < self._most and not asked


def train_cell_policy(
    cells: Sequence[CellNetlist],
    technology: str | Technology = "asap7",
    *,
    placements: int,
    seed: int = 0,
    config: CellPpoConfig | None = None,
    on_progress: Callable[[CellTraining], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> CellPolicy:
    """Train a policy on some cells until it has made so many placements, or Ctrl-C.

    Args:
        cells: The netlists to place, drawn evenly.
        technology: The rules.
        placements: Placements to make, >= 1.
        seed: Seeds policy and environment; a training on the CPU can be repeated exactly.
        config: Settings; None takes the defaults.
        on_progress: Told after every placement.
        should_stop: Asked after every column; True ends the training.

    Raises:
        ConfigError: A setting or a cell is not usable, or the device is missing.
    """
    config = config or CellPpoConfig()
    if placements < 1:
        raise ConfigError(f"`placements` should be at least 1, actual value: {placements}")
    env = CellPlacementEnv(cells, technology=technology)
    watch = _Watch(placements, on_progress, should_stop)
    model = train_ppo(policy_arguments(config), env, watch, config, seed)
    network: Any = model.policy  # Stable-Baselines3 names the base class
    return CellPolicy(config, network, env.cells, watch.placements, model.num_timesteps, seed)
