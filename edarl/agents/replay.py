"""The replay: a ring of the states an agent went through, fit to be re-scored for any target.

One row is one state. The rows of an episode follow each other, so a transition is a row and its
successor, an n-step transition a row and its n-th successor, and every state is stored once. A row
keeps the cost vector of its design instead of a reward. The vector holds for every delay target,
only its weighing depends on the target, so any transition can be re-scored for any target.

Letters in shapes: B batch, C planes, N width, K cost components, A = 2 N N actions, S steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from edarl.errors import CheckpointError, ConfigError

__all__ = ["Replay", "Sample"]

_NO_ACTION = -1
_RUNNING, _TRUNCATED, _TERMINATED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A batch of n-step transitions, not yet scored.

    Attributes:
        observations: [B, C, N, N] planes of the first state, for the target of its episode.
        actions: [B] the move taken there.
        costs: [B, S + 1, K] of the first state and its successors; rows after ``lengths`` repeat
            the last one.
        lengths: [B] steps that the transition spans, 1 to S.
        next_observations: [B, C, N, N] planes of the last state.
        next_legal: [B, A] legal moves of the last state.
        terminated: [B] whether the last state is terminal; a time limit does not count.
        targets_ps: [B] delay target of the episode; NaN where it has none.
    """

    observations: Float[np.ndarray, "b c n n"]
    actions: Int[np.ndarray, " b"]
    costs: Float[np.ndarray, "b s k"]
    lengths: Int[np.ndarray, " b"]
    next_observations: Float[np.ndarray, "b c n n"]
    next_legal: Bool[np.ndarray, "b a"]
    terminated: Bool[np.ndarray, " b"]
    targets_ps: Float[np.ndarray, " b"]


class Replay:
    """A ring buffer of states with preallocated storage.

    Args:
        capacity: Rows, at least 2.
        planes: Observation planes, C.
        width: Width of the graphs, N.
        components: Cost components, K.

    Raises:
        ConfigError: The capacity is too small.
    """

    def __init__(self, capacity: int, planes: int, width: int, components: int) -> None:
        if capacity < 2:
            raise ConfigError(f"`replay_capacity` should be at least 2, actual value: {capacity}")
        self.capacity = capacity
        self.actions_count = 2 * width * width
        self._observations = np.zeros((capacity, planes, width, width), dtype=np.float16)
        self._legal = np.zeros((capacity, (self.actions_count + 7) // 8), dtype=np.uint8)
        self._costs = np.zeros((capacity, components), dtype=np.float64)
        self._targets_ps = np.zeros(capacity, dtype=np.float64)
        self._actions = np.full(capacity, _NO_ACTION, dtype=np.int32)
        self._ends = np.zeros(capacity, dtype=np.uint8)
        self._head = 0
        self._filled = 0
        self._transitions = 0

    def __len__(self) -> int:
        """Number of transitions that can be sampled."""
        return self._transitions

    # ---------------------------------------------------------------- filling

    def begin(
        self,
        observation: Float[np.ndarray, "c n n"],
        legal: Bool[np.ndarray, " a"],
        costs: Float[np.ndarray, " k"],
        target_ps: float | None,
    ) -> None:
        """Store the first state of an episode; an episode still open is cut off there."""
        self._append(
            observation, legal, costs, np.nan if target_ps is None else target_ps, _RUNNING
        )

    def step(
        self,
        action: int,
        observation: Float[np.ndarray, "c n n"],
        legal: Bool[np.ndarray, " a"],
        costs: Float[np.ndarray, " k"],
        *,
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Store a move from the newest state and the state it led to."""
        assert self._filled, "an episode starts with `begin`"
        newest = (self._head - 1) % self.capacity
        self._actions[newest] = action
        self._transitions += 1
        end = _TERMINATED if terminated else _TRUNCATED if truncated else _RUNNING
        self._append(observation, legal, costs, float(self._targets_ps[newest]), end)

    def _append(
        self,
        observation: Float[np.ndarray, "c n n"],
        legal: Bool[np.ndarray, " a"],
        costs: Float[np.ndarray, " k"],
        target_ps: float,
        end: int,
    ) -> None:
        row = self._head
        if self._filled == self.capacity and self._actions[row] != _NO_ACTION:
            self._transitions -= 1
        self._observations[row] = observation
        self._legal[row] = np.packbits(legal)
        self._costs[row] = costs
        self._targets_ps[row] = target_ps
        self._actions[row] = _NO_ACTION
        self._ends[row] = end
        self._head = (row + 1) % self.capacity
        self._filled = min(self._filled + 1, self.capacity)

    # ---------------------------------------------------------------- sampling

    def sample(self, batch: int, steps: int, rng: np.random.Generator) -> Sample:
        """Draw transitions uniformly, with replacement.

        Args:
            batch: Transitions, B.
            steps: Most steps a transition spans, S; episodes' ends shorten it.
            rng: Where the randomness comes from.

        Raises:
            ConfigError: Nothing has been stored yet.
        """
        starts = np.flatnonzero(self._actions[: self._filled] != _NO_ACTION)
        if not len(starts):
            raise ConfigError("a replay should hold a transition before it is sampled")
        first = starts[rng.integers(len(starts), size=batch)]
        chain = np.empty((batch, steps + 1), dtype=np.int64)
        chain[:, 0] = first
        for step in range(steps):
            here = chain[:, step]
            goes_on = self._actions[here] != _NO_ACTION
            chain[:, step + 1] = np.where(goes_on, (here + 1) % self.capacity, here)
        last = chain[:, -1]
        lengths = (np.diff((chain - first[:, None]) % self.capacity, axis=1) > 0).sum(axis=1)
        return Sample(
            observations=self._observations[first].astype(np.float32),
            actions=self._actions[first].astype(np.int64),
            costs=self._costs[chain],
            lengths=lengths,
            next_observations=self._observations[last].astype(np.float32),
            next_legal=self._unpacked(last),
            terminated=self._ends[last] == _TERMINATED,
            targets_ps=self._targets_ps[first],
        )

    def _unpacked(self, rows: Int[np.ndarray, " b"]) -> Bool[np.ndarray, "b a"]:
        return np.unpackbits(self._legal[rows], axis=1, count=self.actions_count).astype(bool)

    # ---------------------------------------------------------------- saving

    def _storage(self) -> dict[str, np.ndarray]:
        return {
            "observations": self._observations,
            "legal": self._legal,
            "costs": self._costs,
            "targets_ps": self._targets_ps,
            "actions": self._actions,
            "ends": self._ends,
        }

    def expected(self, filled: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Give type and shape of every array that `state` has when ``filled`` rows are in use."""
        forms = {
            name: (array.dtype.name, (filled, *array.shape[1:]))
            for name, array in self._storage().items()
        }
        return {**forms, "cursor": ("int64", (2,))}

    def state(self) -> dict[str, np.ndarray]:
        """Give everything that is stored as arrays: the rows in use and the cursor."""
        rows = {name: array[: self._filled].copy() for name, array in self._storage().items()}
        return {**rows, "cursor": np.array([self._head, self._filled], dtype=np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave, whose names, types and shapes have been checked.

        Raises:
            CheckpointError: The contents contradict each other.
        """
        head, filled = (int(value) for value in state["cursor"])
        actions = state["actions"]
        expected_heads = (filled % self.capacity,) if filled < self.capacity else range(filled)
        if not 0 <= filled <= self.capacity or head not in expected_heads:
            raise CheckpointError(
                f"a replay of {self.capacity} rows should have a cursor inside them, "
                f"actual head {head}, rows {filled}"
            )
        if actions.size and not (
            actions.min() >= _NO_ACTION
            and actions.max() < self.actions_count
            and state["ends"].max() <= _TERMINATED
            and (not filled or actions[head - 1 if filled == self.capacity else filled - 1] < 0)
        ):
            raise CheckpointError(
                f"a replay's actions should lie between {_NO_ACTION} and "
                f"{self.actions_count - 1} and its newest row should have none; the file is damaged"
            )
        for name, array in self._storage().items():
            array[:filled] = state[name]
        self._head, self._filled = head, filled
        self._transitions = int((actions != _NO_ACTION).sum())
