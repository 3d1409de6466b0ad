"""Mending the design rule violations of a routed cell, as a Gymnasium task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, SupportsInt

import gymnasium as gym
import numpy as np
from jaxtyping import Bool, Float32

from edarl.errors import ConfigError
from edarl.layout.fixing import CHANNELS, COLUMNS, Fixing, FixTask, change_count, fix_tasks
from edarl.layout.geometry import draw
from edarl.layout.netlist import basic_cells
from edarl.layout.technology import load_technology

__all__ = ["DrcFixEnv", "observation_of"]

_STEP_COST = 0.02
_CLEAN_REWARD = 1.0

Observation = Float32[np.ndarray, " o"]


class DrcFixEnv(gym.Env[Observation, np.int64]):
    """Mend the design rule violations of a routed cell's first metal, one small change at a time.

    ## Description
    The cell's nets are routed, but some of the metal breaks design rules. Each step lays or takes a
    piece of wire near one violation, moves a via, or shifts a straight run of wire sideways; then
    klayout checks the drawn cell. Changes that would join two nets or divide one are illegal, so
    the layout matches its netlist at every step. Source: the task of NVCell (arXiv 2107.07044,
    section V); there an agent of its own adds metal around a router's result, here pieces are also
    taken, vias moved and runs shifted.

    ## Action Space
    ``Discrete(7 * 7 * T + 1)`` for T tracks: a piece to the right of a node, a piece upwards, a via
    to the node, the upright run there to the left or right, the level one down or up, each for 7
    half columns around the violation and all tracks
    (`edarl.layout.fixing.Fixing.changed` gives the order); the last looks at the next violation
    instead. Illegal actions change nothing, cost a step's reward, and count. Masks of legal actions
    (True = legal): `action_masks()`, ``info["action_mask"]``, and
    `edarl.envs.ActionMaskObservation`.

    ## Observation Space
    ``Box(0, 1, (7 * T * C + 2,), float32)``: for each node around the violation the
    `edarl.layout.fixing.CHANNELS`, then the number of violations / 16 and the share of steps taken.

    Example: at the left edge of a cell the nodes of the columns outside are zero in every channel.

    ## Reward Space
    One number: violations before minus violations after, minus 0.02 per step, plus 1 when the last
    one is gone.

    ## Starting State
    A task drawn with the environment's generator, or ``options["task"]``, its number. Tasks without
    violations are not drawn.

    ## Episode End
    Termination: no violation is left. Truncation: after ``max_steps``.

    ## Information
    - ``cell``: the cell's name.
    - ``action_mask``: legal actions, True = legal.
    - ``illegal_action``: whether the action was a no-op because it is illegal.
    - ``violations``: what is broken now, and where.
    - ``wiring``: the present `edarl.layout.wiring.Wiring`.
    - ``checks``: checks of design rules made in this episode, that of its start included.

    ## Arguments
    - ``tasks``: what to mend. Default: cells that come with edarl, placed and routed by chance
      without a look at the rules.
    - ``max_steps``: steps per episode.
    - ``render_mode``: ``"svg"`` for a picture with the violations marked, as SVG text.

    ## Version History
    - v0: first version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium declares it without ClassVar
        "render_modes": ["svg"],
        "render_fps": 4,
    }

    def __init__(
        self,
        tasks: Sequence[FixTask] | None = None,
        *,
        max_steps: int = 40,
        render_mode: str | None = None,
    ) -> None:
        if max_steps < 1:
            raise ConfigError(f"`max_steps` should be at least 1, actual value: {max_steps}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ConfigError(f"`render_mode` should be svg or None, actual value: {render_mode!r}")
        if tasks is None:
            tasks = fix_tasks(tuple(basic_cells().values()), load_technology("asap7"))
        self._tasks = tuple(tasks)
        if not self._tasks:
            raise ConfigError("`tasks` should hold at least one routed cell, actual: none")
        known = {len(task.placement.technology.drawn().tracks_nm) for task in self._tasks}
        if len(known) > 1:
            raise ConfigError("`tasks` should be of technologies with equally many tracks")
        (tracks,) = known
        self.max_steps = max_steps
        self.render_mode = render_mode
        self._actions = change_count(tracks) + 1
        self.action_space = gym.spaces.Discrete(self._actions)
        length = COLUMNS * tracks * len(CHANNELS) + 2
        self.observation_space = gym.spaces.Box(0.0, 1.0, (length,), np.float32)
        self._fixing: Fixing | None = None
        self._clean: set[int] = set()
        self._focus = self._steps = 0
        self._legal: Bool[np.ndarray, " a"] | None = None
        """Which actions are legal now, once that was asked; it takes as long as a check."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin with a routed cell that has violations.

        Args:
            seed: Seeds the draw of tasks.
            options: ``task`` is the number of one.

        Raises:
            ConfigError: An option is unknown, or no task has a violation.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        unknown = sorted(given.keys() - {"task"})
        if unknown:
            raise ConfigError(f"options should be among task, actual: {', '.join(unknown)}")
        self._focus = self._steps = 0
        self._legal = None
        if "task" in given:
            number = given["task"]
            if not isinstance(number, int) or not 0 <= number < len(self._tasks):
                raise ConfigError(
                    f"`task` should be 0 to {len(self._tasks) - 1}, actual value: {number!r}"
                )
            self._fixing = Fixing(self._tasks[number])
            if not self._fixing.violations:
                raise ConfigError(f"task {number} should have a violation, actual: none")
            return self._observation(), self._info(illegal=False)
        while True:
            open_tasks = [n for n in range(len(self._tasks)) if n not in self._clean]
            if not open_tasks:
                raise ConfigError("a task should have a violation, actual: all are clean")
            number = open_tasks[int(self.np_random.integers(len(open_tasks)))]
            self._fixing = Fixing(self._tasks[number])
            if self._fixing.violations:
                return self._observation(), self._info(illegal=False)
            self._clean.add(number)

    def step(self, action: SupportsInt) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make one change, or look at the next violation.

        Raises:
            ConfigError: The action is outside the action space.
            gymnasium.error.ResetNeeded: There is no episode, or it has ended.
        """
        fixing, number = self._fixing, int(action)
        if fixing is None or not fixing.violations:
            raise gym.error.ResetNeeded("call reset() before step()")
        if not 0 <= number < self._actions:
            raise ConfigError(
                f"an action should be 0 to {self._actions - 1}, actual value: {number}"
            )
        self._steps += 1
        self._legal = None
        before = len(fixing.violations)
        illegal = False
        if number == self._actions - 1:
            self._focus = (self._focus + 1) % before
        else:
            wiring = fixing.changed(self._focus, number)
            illegal = wiring is None
            if wiring is not None:
                fixing.make(wiring, fixing.check(wiring))
                self._focus %= max(1, len(fixing.violations))
        after = len(fixing.violations)
        reward = before - after - _STEP_COST + (_CLEAN_REWARD if not after else 0.0)
        return (
            self._observation(),
            float(reward),
            not after,
            self._steps >= self.max_steps,
            self._info(illegal=illegal),
        )

    def action_masks(self) -> Bool[np.ndarray, " a"]:
        """Say which actions are legal; [A] True = legal."""
        if self._legal is None:
            self._legal = np.zeros(self._actions, np.bool_)
            if self._fixing is not None and self._fixing.violations:
                self._legal[:-1] = self._fixing.legal(self._focus)
                self._legal[-1] = True
        return self._legal.copy()

    def render(self) -> str | None:
        """Give the picture of the cell, its violations marked, in mode ``svg``."""
        if self.render_mode is None or self._fixing is None:
            return None
        from edarl.layout.picture import svg_text

        fixing = self._fixing
        shapes, labels = draw(fixing.placement, fixing.wiring.routes)
        marks = [(v.rule, v.left_nm, v.bottom_nm, v.right_nm, v.top_nm) for v in fixing.violations]
        title = f"{fixing.placement.cell.name}, {len(marks)} violations"
        return svg_text(title, shapes, labels, marks)

    def _observation(self) -> Observation:
        assert self._fixing is not None
        return observation_of(self._fixing, self._focus, self._steps / self.max_steps)

    def _info(self, *, illegal: bool) -> dict[str, Any]:
        assert self._fixing is not None
        return {
            "cell": self._fixing.placement.cell.name,
            "action_mask": self.action_masks(),
            "illegal_action": illegal,
            "violations": self._fixing.violations,
            "wiring": self._fixing.wiring,
            "checks": self._fixing.checks,
        }


def observation_of(fixing: Fixing, focus: int, spent: float) -> Observation:
    """Give what a policy sees near a violation.

    Args:
        fixing: The wiring.
        focus: Number of the violation.
        spent: The share of an episode's steps taken, 0 to 1.
    """
    seen = np.zeros(COLUMNS * fixing.tracks * len(CHANNELS) + 2, np.float32)
    if fixing.violations:
        seen[:-2] = fixing.seen(focus)
    seen[-2] = min(1.0, len(fixing.violations) / 16)
    seen[-1] = spent
    return seen
