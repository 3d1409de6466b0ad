"""Placing a standard cell's fingers column by column, as a Gymnasium task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, SupportsInt

import gymnasium as gym
import numpy as np
from jaxtyping import Bool, Float32

from edarl.errors import ConfigError
from edarl.layout.candidates import FEATURES, Candidates, Construction
from edarl.layout.netlist import CellNetlist, basic_cells
from edarl.layout.outcome import CROSSING_WEIGHT, LENGTH_WEIGHT
from edarl.layout.technology import Technology, load_technology

__all__ = ["CellPlacementEnv"]

_UNROUTED = 2.0
"""What a placement that is not routed in time costs, in columns."""

_OPTIONS = ("cell",)

Observation = Float32[np.ndarray, "..."]


class CellPlacementEnv(gym.Env[Observation, np.int64]):
    """Place the transistor fingers of a standard cell so that it is narrow and easy to wire.

    ## Description
    A cell is built from left to right. Each step chooses the next column: one p finger, one n
    finger on the same gate, or one of both alone, each either way round. The empty columns that
    the technology wants between diffusions go in by rule, so every complete episode is a legal
    placement. Source: the task of NVCell (arXiv 2107.07044, section III); there a placement is
    changed by an agent's swaps, here it is built.

    ## Action Space
    ``Discrete(A)``: A is the number of columns that the largest of the cells could have
    (`edarl.layout.candidates.Candidates.pairs`). Columns whose fingers are used up are illegal, as
    are numbers beyond the present cell's: nothing changes, the reward is 0,
    ``info["illegal_action"]`` is True, and the step counts. Masks of legal actions (True = legal):
    `action_masks()`, ``info["action_mask"]``, and `edarl.envs.ActionMaskObservation`.

    ## Observation Space
    For each action a row of numbers in [0, 1] (`edarl.layout.candidates.FEATURES` defines each):
    ``Box(0, 1, (A * F,), float32)``, the rows one after the other, because Stable-Baselines3 wants
    vectors; ``flat_observation=False`` gives the matrix [A, F]. Rows of illegal actions are zero.
    No row names a device or a net, so the same policy serves any cell.

    Example: an inverter of one finger each has two kinds of fingers and 8 columns. At the start
    ``legal`` and ``n_left`` (1 / 16) stand in all rows, ``paired`` in the first four.

    ## Reward Space
    One number per step, 0 at best: minus the columns added in excess of those that the fingers
    placed had to take (the fall of the larger row's count), minus 0.0001 per column and net that
    crosses it, minus 0.001 per rise of the most nets that cross one boundary. The rewards of an
    episode add up to `placement_cost` of a cell as wide as its larger row, without nets, minus the
    `edarl.layout.outcome.placement_cost` of what was built. With ``route_s`` a placement that
    is not routed in that time costs 2 columns more at the end.

    ## Starting State
    No finger placed, of a cell drawn with the environment's generator, or of the one that
    ``options["cell"]`` names.

    ## Episode End
    Termination: every finger is placed. Truncation: after as many illegal steps as the cell has
    fingers, and not before 16.

    ## Information
    - ``cell``: the cell's name.
    - ``action_mask``: legal actions, True = legal.
    - ``illegal_action``: whether the action was a no-op because it is illegal.
    - ``width_cpp``: columns so far, boundary columns included.
    - ``placement``: the complete placement, None before the end.
    - ``routed``: whether it could be routed; None before the end and without ``route_s``.

    ## Arguments
    - ``cells``: netlists to draw from. Default: the cells that come with edarl.
    - ``technology``: a technology, its name, or a TOML file. Default: ``asap7``.
    - ``route_s``: most seconds of the router on a complete placement; None does not route. Needs
      the extra ``layout`` and a technology with a drawing.
    - ``flat_observation``: whether observations are one vector instead of a matrix.
    - ``render_mode``: ``"ansi"`` for rows of nets and gates as text.

    ## Version History
    - v0: first version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium declares it without ClassVar
        "render_modes": ["ansi"],
        "render_fps": 4,
    }

    def __init__(
        self,
        cells: Sequence[CellNetlist] | None = None,
        *,
        technology: str | Technology = "asap7",
        route_s: float | None = None,
        flat_observation: bool = True,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ConfigError(
                f"`render_mode` should be ansi or None, actual value: {render_mode!r}"
            )
        if route_s is not None and not route_s > 0:
            raise ConfigError(f"`route_s` should be above 0 or None, actual value: {route_s}")
        if isinstance(technology, str):
            technology = load_technology(technology)
        if route_s is not None:
            technology.drawn()
        chosen = tuple(basic_cells().values() if cells is None else cells)
        if not chosen:
            raise ConfigError("`cells` should hold at least one netlist, actual: none")
        self.technology = technology
        self.route_s = route_s
        self.render_mode = render_mode
        self._known = {cell.name: Candidates(cell, technology) for cell in chosen}
        if len(self._known) < len(chosen):
            raise ConfigError("`cells` should have different names")
        self._flat = flat_observation
        actions = max(len(entry.pairs) for entry in self._known.values())
        shape = (actions * len(FEATURES),) if flat_observation else (actions, len(FEATURES))
        self._actions = actions
        self.action_space = gym.spaces.Discrete(actions)
        self.observation_space = gym.spaces.Box(0.0, 1.0, shape, np.float32)
        self._construction: Construction | None = None
        self._mistakes = 0
        self._routed: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of the cells that episodes are drawn from."""
        return tuple(self._known)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin with an empty cell.

        Args:
            seed: Seeds the draw of cells.
            options: ``cell`` names one.

        Raises:
            ConfigError: An option or a cell is unknown.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        unknown = sorted(given.keys() - set(_OPTIONS))
        if unknown:
            raise ConfigError(
                f"options should be among {', '.join(_OPTIONS)}, actual: {', '.join(unknown)}"
            )
        name = given.get("cell")
        if name is None:
            name = self.cells[int(self.np_random.integers(len(self._known)))]
        if name not in self._known:
            raise ConfigError(
                f"`cell` should be one of {', '.join(self.cells[:12])}, actual value: {name!r}"
            )
        self._construction = Construction(self._known[name])
        self._mistakes = 0
        self._routed = None
        return self._observation(), self._info(illegal=False)

    def step(self, action: SupportsInt) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Place one column.

        Raises:
            ConfigError: The action is outside the action space.
            gymnasium.error.ResetNeeded: There is no episode, or it has ended.
        """
        construction = self._construction
        if construction is None or construction.done:
            raise gym.error.ResetNeeded("call reset() before step()")
        number = int(action)
        if not self.action_space.contains(np.int64(number)):
            raise ConfigError(
                f"an action should be 0 to {self._actions - 1}, actual value: {number}"
            )
        reward = 0.0
        illegal = not self.action_masks()[number]
        if illegal:
            self._mistakes += 1
        else:
            most, needed = construction.most_open, construction.columns_left
            added, length = construction.push(number)
            wasted = added - (needed - construction.columns_left)
            risen = construction.most_open - most
            reward = -(wasted + LENGTH_WEIGHT * length + CROSSING_WEIGHT * risen)
            if construction.done and self.route_s is not None:
                self._routed = self._can_be_routed(self.route_s)
                reward -= 0.0 if self._routed else _UNROUTED
        most_mistakes = max(16, sum(item.count for item in construction.candidates.kinds))
        return (
            self._observation(),
            reward,
            construction.done,
            self._mistakes >= most_mistakes,
            self._info(illegal=illegal),
        )

    def action_masks(self) -> Bool[np.ndarray, " a"]:
        """Say which actions are legal; [A] True = legal."""
        mask = np.zeros(self._actions, dtype=np.bool_)
        if self._construction is not None:
            legal = self._construction.legal()
            mask[: len(legal)] = legal
        return mask

    def render(self) -> str | None:
        """Give what has been placed as text, in mode ``ansi``."""
        if self.render_mode is None or self._construction is None:
            return None
        return self._construction.placement().picture()

    def _observation(self) -> Observation:
        assert self._construction is not None
        seen = np.zeros((self._actions, len(FEATURES)), dtype=np.float32)
        features = self._construction.features()
        seen[: len(features)] = features
        return seen.reshape(-1) if self._flat else seen

    def _info(self, *, illegal: bool) -> dict[str, Any]:
        assert self._construction is not None
        construction = self._construction
        placement = construction.placement()
        return {
            "cell": placement.cell.name,
            "action_mask": self.action_masks(),
            "illegal_action": illegal,
            "width_cpp": placement.width_cpp,
            "placement": placement if construction.done else None,
            "routed": self._routed,
        }

    def _can_be_routed(self, limit_s: float) -> bool:
        from edarl.layout.grid import grid_of
        from edarl.layout.router import route_exactly

        assert self._construction is not None
        grid = grid_of(self._construction.placement())
        return route_exactly(grid, limit_s=limit_s).status == "routed"
