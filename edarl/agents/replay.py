"""The replay: a ring of the designs an agent went through, fit to be scored for any target.

One row is one state: its graph as bits, its p modes as bits, its curve as it was measured, the
target of its episode, the move made there. Neither planes nor costs are kept: planes are built
again from the design, costs are scored again from the curve, both for whatever target is asked for.
A transition is a row and the row that it names as its next; several episodes may be under way at
once.

Memory: 4e5 states of a 64-bit adder with four points per curve take 152 MB; the planes of one such
state alone would take 229 kB.

Letters in shapes: N leaves of the circuit, B batch, P points of a curve, S steps, R rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from edarl.agents.scoring import POINT_NAMES, Curve
from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["Draw", "Replay", "Sample"]

_NONE = -1
_RUNNING, _TRUNCATED, _TERMINATED = 0, 1, 2
_MOST_POINTS = 4096
_MOST_CELLS_READ = 2**22


@dataclass(frozen=True, slots=True)
class Draw:
    """A batch of n-step transitions as they were met, not yet scored.

    Attributes:
        designs: [B] the first states.
        actions: [B] the move taken there.
        curves: [B, S + 1, P, 3] what was measured of the first state and its successors, see
            `edarl.agents.scoring`; rows after ``lengths`` repeat the last one.
        lengths: [B] steps that the transition spans, 1 to S.
        next_designs: [B] the last states.
        terminated: [B] whether the last state is terminal; a time limit does not count.
        targets_ps: [B] delay target of the episode; None where it has none.
    """

    designs: tuple[Design, ...]
    actions: Int[np.ndarray, " b"]
    curves: Float[np.ndarray, "b s p 3"]
    lengths: Int[np.ndarray, " b"]
    next_designs: tuple[Design, ...]
    terminated: Bool[np.ndarray, " b"]
    targets_ps: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A batch of n-step transitions, scored for a target each: what a learner learns from.

    Letters in shapes: C planes, K cost components, A = 2 N N actions.

    Attributes:
        observations: [B, C, N, N] planes of the first state.
        actions: [B] the move taken there.
        costs: [B, S + 1, K] of the first state and its successors; rows after ``lengths`` repeat
            the last one.
        lengths: [B] steps that the transition spans, 1 to S.
        next_observations: [B, C, N, N] planes of the last state.
        next_legal: [B, A] legal moves of the last state.
        terminated: [B] whether the last state is terminal; a time limit does not count.
        targets_ps: [B] delay target that is scored; NaN where there is none.
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
        circuit: Of all designs.

    Raises:
        ConfigError: The capacity is too small.
    """

    def __init__(self, capacity: int, circuit: Circuit) -> None:
        if capacity < 2:
            raise ConfigError(f"`replay_capacity` should be at least 2, actual value: {capacity}")
        self.capacity = capacity
        self.circuit = circuit
        leaves = circuit.leaves
        self.actions_count = 2 * leaves * leaves
        self._graphs = np.zeros((capacity, (leaves * (leaves + 1) // 2 + 7) // 8), dtype=np.uint8)
        self._or_bits = np.zeros((capacity, (leaves + 7) // 8), dtype=np.uint8)
        self._points = np.full((capacity, 1, len(POINT_NAMES)), np.nan)
        self._targets_ps = np.zeros(capacity, dtype=np.float64)
        self._actions = np.full(capacity, _NONE, dtype=np.int32)
        self._next = np.full(capacity, _NONE, dtype=np.int32)
        self._ends = np.zeros(capacity, dtype=np.uint8)
        self._added = 0
        self._transitions = 0
        self._read: dict[tuple[bytes, bytes], Design] = {}

    def __len__(self) -> int:
        """Number of transitions that can be sampled."""
        return self._transitions

    @property
    def rows(self) -> int:
        """Number of states that are stored."""
        return min(self._added, self.capacity)

    @property
    def added(self) -> int:
        """Number of states that ever came in."""
        return self._added

    @property
    def points(self) -> int:
        """Points that there is room for in every row, P."""
        return self._points.shape[1]

    @property
    def size_bytes(self) -> int:
        """Bytes of memory that the rows take."""
        return sum(array.nbytes for array in self._storage().values())

    # ---------------------------------------------------------------- filling

    def begin(self, design: Design, curve: Curve, target_ps: float | None) -> int:
        """Store the first state of an episode.

        Returns:
            The state's number, with which `step` goes on from it.
        """
        return self._append(design, curve, np.nan if target_ps is None else target_ps, _RUNNING)

    def step(
        self,
        number: int,
        action: int,
        design: Design,
        curve: Curve,
        *,
        terminated: bool,
        truncated: bool,
    ) -> int:
        """Store a move and the state it led to.

        Args:
            number: Of the state in which the move was made, the newest one of its episode.
            action: The move's index.
            design: The state it led to.
            curve: What was measured there, or is known from before.
            terminated: Whether that state is terminal.
            truncated: Whether the episode's time is up.

        Returns:
            The number of the state it led to.
        """
        assert 0 <= number < self._added, "an episode starts with `begin`"
        row = number % self.capacity
        target_ps = float(self._targets_ps[row])
        # In a very small ring the others may have overwritten the state, or do so now.
        if number > self._added - self.capacity:
            self._actions[row] = action
            self._next[row] = self._added % self.capacity
            self._transitions += 1
        end = _TERMINATED if terminated else _TRUNCATED if truncated else _RUNNING
        return self._append(design, curve, target_ps, end)

    def _append(self, design: Design, curve: Curve, target_ps: float, end: int) -> int:
        number, row = self._added, self._added % self.capacity
        if number >= self.capacity and self._actions[row] != _NONE:
            self._transitions -= 1
        self._make_room(len(curve))
        self._graphs[row] = _packed(design.graph.rows, self._graphs.shape[1])
        self._or_bits[row] = _bytes_of(design.or_bits, self._or_bits.shape[1])
        self._points[row] = np.nan
        self._points[row, : len(curve)] = curve
        self._targets_ps[row] = target_ps
        self._actions[row] = self._next[row] = _NONE
        self._ends[row] = end
        self._added += 1
        return number

    def _make_room(self, points: int) -> None:
        """Let a row have so many points."""
        if points <= self.points:
            return
        wider = np.full((self.capacity, points, len(POINT_NAMES)), np.nan)
        wider[:, : self.points] = self._points
        self._points = wider

    # ---------------------------------------------------------------- sampling

    def sample(self, batch: int, steps: int, rng: np.random.Generator) -> Draw:
        """Draw transitions uniformly, with replacement.

        Args:
            batch: Transitions, B.
            steps: Most steps a transition spans, S; episodes' ends shorten it.
            rng: Where the randomness comes from.

        Raises:
            ConfigError: Nothing has been stored yet.
        """
        if not self._transitions:
            raise ConfigError("a replay should hold a transition before it is sampled")
        starts = np.flatnonzero(self._actions[: self.rows] != _NONE)
        first = starts[rng.integers(len(starts), size=batch)]
        chain = np.empty((batch, steps + 1), dtype=np.int64)
        chain[:, 0] = first
        lengths = np.zeros(batch, dtype=np.int64)
        for step in range(steps):
            here = chain[:, step]
            goes_on = self._actions[here] != _NONE
            chain[:, step + 1] = np.where(goes_on, self._next[here], here)
            lengths += goes_on
        last = chain[:, -1]
        targets = self._targets_ps[first].tolist()
        return Draw(
            designs=self._designs(first),
            actions=self._actions[first].astype(np.int64),
            curves=self._points[chain],
            lengths=lengths,
            next_designs=self._designs(last),
            terminated=self._ends[last] == _TERMINATED,
            targets_ps=tuple(None if np.isnan(target) else target for target in targets),
        )

    def _designs(self, rows: Int[np.ndarray, " b"]) -> tuple[Design, ...]:
        return tuple(
            self._design(graph.tobytes(), or_bits.tobytes())
            for graph, or_bits in zip(self._graphs[rows], self._or_bits[rows], strict=True)
        )

    def _design(self, graph: bytes, or_bits: bytes) -> Design:
        """Read a design, or give it once more; designs of a mean size fill about 30 MB."""
        design = self._read.get((graph, or_bits))
        if design is None:
            leaves = self.circuit.leaves
            if len(self._read) * leaves * leaves >= _MOST_CELLS_READ:
                self._read.clear()
            design = self._read[graph, or_bits] = Design(
                PrefixGraph.from_rows(_unpacked(graph, leaves)),
                self.circuit,
                int.from_bytes(or_bits, "little"),
            )
        return design

    # ---------------------------------------------------------------- saving

    def _storage(self) -> dict[str, np.ndarray]:
        return {
            "graphs": self._graphs,
            "or_bits": self._or_bits,
            "points": self._points,
            "targets_ps": self._targets_ps,
            "actions": self._actions,
            "next": self._next,
            "ends": self._ends,
        }

    def expected(self, rows: int, points: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Give type and shape of every array that `state` has with so many rows and points."""
        forms = {
            name: (array.dtype.name, (rows, *array.shape[1:]))
            for name, array in self._storage().items()
        }
        return {
            **forms,
            "points": ("float64", (rows, points, len(POINT_NAMES))),
            "added": ("int64", (1,)),
        }

    def state(self) -> dict[str, np.ndarray]:
        """Give everything that is stored as arrays: the rows in use and how many came in all."""
        rows = {name: array[: self.rows].copy() for name, array in self._storage().items()}
        return {**rows, "added": np.array([self._added], dtype=np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave, whose names, types and shapes have been checked.

        Raises:
            CheckpointError: The contents contradict each other.
        """
        added = int(state["added"][0])
        rows = len(state["actions"])
        if rows != min(added, self.capacity) or added < 0:
            raise CheckpointError(
                f"a replay of {self.capacity} rows that {added} states went into should have "
                f"{min(max(added, 0), self.capacity)} rows, actual: {rows}"
            )
        if state["points"].shape[1] > _MOST_POINTS or not self._is_sound(state, added):
            raise CheckpointError(
                "a replay's rows should hold moves, successors, p modes and measured points that "
                "are possible; the file is damaged"
            )
        self._make_room(state["points"].shape[1])
        self._points[:rows] = np.nan
        for name, array in self._storage().items():
            if name == "points":
                array[:rows, : state[name].shape[1]] = state[name]
            else:
                array[:rows] = state[name]
        self._added = added
        self._transitions = int((state["actions"] != _NONE).sum())

    def _is_sound(self, state: Mapping[str, np.ndarray], added: int) -> bool:
        """Say whether saved rows could have come from episodes; any graph bits make some graph."""
        actions, successors = state["actions"], state["next"]
        if not len(actions):
            return True
        moved = actions != _NONE
        rows = np.arange(len(actions))
        # By age: a successor is younger than its predecessor.
        ages = (added - 1 - rows) % self.capacity if added > self.capacity else rows[::-1]
        leaves = self.circuit.leaves
        spare = np.unpackbits(state["or_bits"], axis=1, bitorder="little")
        allowed = leaves if self.circuit.entry.operator == "carry" else 0
        points = state["points"]
        known = ~np.isnan(points).any(axis=2)
        return bool(
            ((actions >= _NONE) & (actions < self.actions_count)).all()
            and (moved == (successors != _NONE)).all()
            and ((successors >= _NONE) & (successors < len(actions))).all()
            and (ages[successors[moved]] < ages[moved]).all()
            and (state["ends"] <= _TERMINATED).all()
            and not spare[:, allowed:].any()
            and known[:, 0].all()
            and np.isnan(points[~known]).all()
            and (np.isfinite(points[known]) & (points[known] >= 0)).all()
            and not np.isinf(state["targets_ps"]).any()
        )


def _packed(rows: Sequence[int], size: int) -> UInt8[np.ndarray, " s"]:
    """Give the triangle of a graph as bits, one row after the other, m + 1 bits of row m."""
    together = 0
    for msb in range(len(rows) - 1, -1, -1):
        together = together << msb + 1 | rows[msb]
    return _bytes_of(together, size)


def _unpacked(data: bytes, leaves: int) -> list[int]:
    together = int.from_bytes(data, "little")
    rows = []
    for msb in range(leaves):
        rows.append(together & (2 << msb) - 1)
        together >>= msb + 1
    return rows


def _bytes_of(number: int, size: int) -> UInt8[np.ndarray, " s"]:
    return np.frombuffer(number.to_bytes(size, "little"), dtype=np.uint8)
