"""Walkers that anneal adders with their sizes: states of the compiled kernel and their netlists."""

from __future__ import annotations

import base64
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from edarl.errors import CheckpointError, ConfigError, EdarlError
from edarl.hdl.netlist import MappedNetlist
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.timing.arrays import NetArrays
from edarl.synthesis.timing.edits import area_of
from edarl.synthesis.timing.joint import KINDS, anneal, copy_state, cost_of, polish, rebuild
from edarl.synthesis.timing.mapping import AdderState, Scratch, adder_netlist, adder_state
from edarl.synthesis.timing.netlist import to_mapped
from edarl.synthesis.timing.sizer import sizer_for

__all__ = ["JointNetlist", "JointWalkers", "Walkers"]

_ROUNDS = 8
_SAME = 1e-9
"""A saved cost may differ by this share from that of its state: figures are added up in the order
in which gates came."""


class JointNetlist(NamedTuple):
    """What joint annealing found: one netlist with exact cells.

    Attributes:
        design: The graph and p modes; polarities and sizes are in the netlist alone.
        netlist: The cells.
        delay_ps: Delay by the own timer with the arcs that ABC and OpenSTA see, so that neither of
            them reports a larger one.
        area_um2: Cell area.
    """

    design: Design
    netlist: MappedNetlist
    delay_ps: float
    area_um2: float


class _Walker(NamedTuple):
    """One state that is annealed, the best it has been, and their costs.

    A walker that walks is a copy: nothing changes in place, so that walkers can share states and
    go back to where they were.
    """

    current: AdderState
    best: AdderState
    costs: np.ndarray[tuple[int], np.dtype[np.float64]]
    counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]


Walkers = tuple[_Walker, ...]


class _Desk(NamedTuple):
    """Working memory of one thread."""

    trial: AdderState
    scratch: Scratch
    arrays: NetArrays


class JointWalkers:
    """Walkers that look for the smallest adder within one delay.

    What they find depends on the seeds alone, not on the number of threads.

    Args:
        library: The cell library.
        constraint: Driver and load.
        target_ps: The delay to meet in picoseconds.
        circuit: An adder.
        count: How many walkers.
        threads: How many of them walk at the same time; the kernel releases the interpreter lock.

    Raises:
        ConfigError: The circuit is no adder, or a number is out of range.
        LibraryError: The library has no usable delay tables.
    """

    def __init__(
        self,
        library: CellLibrary,
        constraint: Constraint,
        target_ps: float,
        circuit: Circuit,
        *,
        count: int,
        threads: int = 1,
    ) -> None:
        if circuit.kind != "adder":
            raise ConfigError(
                "joint annealing builds adders, actual circuit: "
                f"{circuit.name}; use another method for it, such as anneal"
            )
        if count < 1 or threads < 1:
            raise ConfigError(
                f"walkers and threads should be at least 1, actual: {count} and {threads}"
            )
        self.sizer = sizer_for(library, constraint, "quick", "cautious")
        self.target_ps = float(target_ps)
        self.circuit = circuit
        self.count = count
        self.threads = min(threads, count)
        self._walkers: list[_Walker] = []
        self._desks: list[_Desk] = []

    # ---------------------------------------------------------------- walking

    def begin(self, starts: Sequence[Design]) -> None:
        """Size the starts and put the walkers on the best of them, best first."""
        sized = []
        for number, design in enumerate(starts):
            state = adder_state(design)
            desk = self._desk(state)
            delay, area = polish(
                self.sizer.cells, state, desk.scratch, desk.arrays, self.target_ps, _ROUNDS
            )
            sized.append((cost_of(area, delay, self.target_ps), number, state))
        sized.sort(key=lambda entry: entry[:2])
        self._walkers = [
            _walker(sized[number % len(sized)][2], sized[number % len(sized)][0])
            for number in range(self.count)
        ]

    def walk(
        self, steps: int, hot: float, cold: float, weights: Sequence[float], seeds: Sequence[int]
    ) -> None:
        """Let every walker make some steps while the temperature falls.

        Args:
            steps: Changes that each walker tries.
            hot: Temperature at the first step, as a share of the area.
            cold: Temperature at the last.
            weights: How often each kind of change is tried, in the order of `KINDS`.
            seeds: One per walker.
        """
        walkers = [_copy_of(walker) for walker in self._walkers]
        jobs = list(zip(walkers, seeds, strict=True))
        desks = self._all_desks()
        chances = np.array(weights, dtype=np.float64)
        temperatures = np.array((hot, cold))
        stopped = threading.Event()

        def run(thread: int) -> None:
            trial, scratch, arrays = desks[thread]
            for walker, seed in jobs[thread :: self.threads]:
                if stopped.is_set():
                    return
                anneal(
                    self.sizer.cells,
                    walker.current,
                    trial,
                    walker.best,
                    walker.costs,
                    scratch,
                    arrays,
                    self.target_ps,
                    steps,
                    temperatures,
                    chances,
                    seed,
                    walker.counts,
                )

        if self.threads == 1:
            run(0)
        else:
            with ThreadPoolExecutor(self.threads, thread_name_prefix="edarl-joint") as pool:
                try:
                    list(pool.map(run, range(self.threads)))
                finally:
                    stopped.set()  # Ctrl-C waits for one walker of each thread, not for all
        self._walkers = walkers

    def exchange(self, rng: np.random.Generator, pairs: int) -> None:
        """Let the worse of two random walkers take the place of the better one, some times."""
        walkers = list(self._walkers)
        for _ in range(pairs):
            one, other = rng.integers(self.count, size=2).tolist()
            if walkers[one].costs[0] < walkers[other].costs[0]:
                walkers[other] = _moved(walkers[other], walkers[one].current, walkers[one].costs[0])
        self._walkers = walkers

    def gather(self) -> None:
        """Put every walker on the best state that it has been in."""
        self._walkers = [_moved(entry, entry.best, entry.costs[1]) for entry in self._walkers]

    def clean(self, *, every: bool = False) -> None:
        """Take from the best state all that the target does not need, or from that of every walker.

        A step only takes back a little, so there is often something left.
        """
        champion = self._champion()
        self._walkers = [
            self._cleaned(entry) if every or number == champion else entry
            for number, entry in enumerate(self._walkers)
        ]

    def _champion(self) -> int:
        return min(range(self.count), key=lambda number: float(self._walkers[number].costs[1]))

    def _cleaned(self, walker: _Walker) -> _Walker:
        state = _copy(walker.best)
        desk = self._desk(state)
        delay, area = polish(
            self.sizer.cells, state, desk.scratch, desk.arrays, self.target_ps, _ROUNDS
        )
        cost = cost_of(area, delay, self.target_ps)
        if cost >= walker.costs[1]:
            return walker
        return walker._replace(best=state, costs=np.array((walker.costs[0], cost)))

    def snapshot(self) -> Walkers:
        """Give the walkers as they are, for `back_to`."""
        return tuple(self._walkers)

    def back_to(self, snapshot: Walkers) -> None:
        """Put the walkers back to where they were."""
        self._walkers = list(snapshot)

    # ---------------------------------------------------------------- what was found

    @property
    def costs(self) -> list[float]:
        """The best cost of every walker in um2, raised where the target is missed."""
        return [float(walker.costs[1]) for walker in self._walkers]

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """How often each kind of change was tried and accepted."""
        total = np.sum([walker.counts for walker in self._walkers], axis=0)
        return {kind: (int(total[0, k]), int(total[1, k])) for k, kind in enumerate(KINDS)}

    def best(self) -> JointNetlist:
        """Give the best netlist so far."""
        state = self._walkers[self._champion()].best
        desk = self._desk(state)
        delay = rebuild(self.sizer.cells, state, desk.scratch, desk.arrays)
        area = area_of(self.sizer.cells, desk.arrays)
        netlist = to_mapped(desk.arrays, self.sizer.timing, self.circuit)
        return JointNetlist(_design(state, self.circuit), netlist, float(delay), float(area))

    def designs(self) -> Iterator[Design]:
        """Give the designs that the walkers have been at best, best first, then where they are."""
        ordered = sorted(self._walkers, key=lambda entry: float(entry.costs[1]))
        for state in (*(entry.best for entry in ordered), *(entry.current for entry in ordered)):
            yield _design(state, self.circuit)

    # ---------------------------------------------------------------- saving

    def state(self) -> list[dict[str, Any]]:  # JSON has no narrower type
        """Give all walkers as JSON values."""
        return [
            {
                "current": _packed(walker.current),
                "best": _packed(walker.best),
                "costs": walker.costs.tolist(),
            }
            for walker in self._walkers
        ]

    def restore(self, saved: Sequence[Any]) -> None:  # it comes from a file
        """Take walkers from JSON values.

        Raises:
            CheckpointError: They are damaged or of another circuit.
        """
        if len(saved) not in (0, self.count):
            raise CheckpointError(
                f"a saved joint annealing should have {self.count} walkers, actual: {len(saved)}"
            )
        walkers = []
        for entry in saved:
            try:
                current, best = self._unpacked(entry["current"]), self._unpacked(entry["best"])
                costs = np.array([float(value) for value in entry["costs"]])
            except (
                KeyError,
                TypeError,
                ValueError,
                OverflowError,
                zlib.error,
                EdarlError,
            ) as error:
                raise CheckpointError(f"a saved walker is damaged: {error!r}") from error
            actual = np.array([self._cost(current), self._cost(best)])
            if costs.shape != (2,) or not np.allclose(costs, actual, rtol=_SAME, atol=0.0):
                raise CheckpointError(
                    f"a saved walker should have the costs of its states, {actual.tolist()} um2, "
                    f"actual: {costs.tolist()!r:.80}; it is damaged, or the library has changed"
                )
            walkers.append(_Walker(current, best, costs, _no_counts()))
        self._walkers = walkers

    def _cost(self, state: AdderState) -> float:
        desk = self._desk(state)
        delay = rebuild(self.sizer.cells, state, desk.scratch, desk.arrays)
        return cost_of(area_of(self.sizer.cells, desk.arrays), delay, self.target_ps)

    def _unpacked(self, text: str) -> AdderState:
        """Read a state and check it: the compiled code trusts what it is given."""
        like = adder_state(Design.of(PrefixGraph.legalise(self.circuit.leaves), self.circuit))
        length = sum(array.nbytes for array in like)
        packed = zlib.decompressobj()
        raw = packed.decompress(base64.b64decode(text, validate=True), length + 1)
        if len(raw) != length or not packed.eof:
            raise ValueError(f"the state should be of {self.circuit.name}")
        parts: list[Any] = []  # Any: the arrays of a state have several types
        at = 0
        for array in like:
            part = np.frombuffer(raw, dtype=np.uint8, count=array.nbytes, offset=at)
            at += array.nbytes
            if array.dtype == np.bool_ and part.max() > 1:
                raise ValueError("a flag should be 0 or 1")
            parts.append(part.view(array.dtype).reshape(array.shape).copy())
        state = AdderState(*parts)
        if (state.flags != like.flags).any():
            raise ValueError(f"the state should be of {self.circuit.name}")
        if not (like.present <= state.present).all():
            raise ValueError("inputs and outputs should be there")
        strengths = self.sizer.cells.family.shape[1] - 1  # -1 ends the longest family too
        if state.size.min() < 0 or state.size.max() >= strengths:
            raise ValueError(f"a size should be from 0 to {strengths - 1}")
        if np.abs(state.polarity.astype(int)).max() > 1:
            raise ValueError("a polarity should be from -1 to 1")
        _design(state, self.circuit)
        return state

    # ---------------------------------------------------------------- memory

    def _all_desks(self) -> list[_Desk]:
        while len(self._desks) < self.threads:
            self._desks.append(self._new_desk(_copy(self._walkers[0].current)))
        return self._desks

    def _desk(self, like: AdderState) -> _Desk:
        if not self._desks:
            self._desks.append(self._new_desk(_copy(like)))
        return self._desks[0]

    def _new_desk(self, trial: AdderState) -> _Desk:
        leaves = self.circuit.leaves
        arrays, scratch = adder_netlist(
            trial,
            pins=self.sizer.cells.cap.shape[1],
            driver=self.sizer.driver,
            load_ff=self.sizer.constraint.load_ff,
            nodes=leaves * (leaves - 1) // 2,
        )
        return _Desk(trial, scratch, arrays)


def _walker(state: AdderState, cost: float) -> _Walker:
    return _Walker(_copy(state), _copy(state), np.array((cost, cost)), _no_counts())


def _copy_of(walker: _Walker) -> _Walker:
    return _Walker(
        _copy(walker.current), _copy(walker.best), walker.costs.copy(), walker.counts.copy()
    )


def _moved(walker: _Walker, to: AdderState, cost: float) -> _Walker:
    """Give a walker on another state; what it has been at best stays."""
    return walker._replace(current=to, costs=np.array((cost, walker.costs[1])))


def _no_counts() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.zeros((2, len(KINDS)), dtype=np.int64)


def _copy(state: AdderState) -> AdderState:
    copied = AdderState._make(np.empty_like(array) for array in state)
    copied.flags[:] = state.flags
    copy_state(state, copied)
    return copied


def _packed(state: AdderState) -> str:
    raw = b"".join(array.tobytes() for array in state)
    return base64.b64encode(zlib.compress(raw, 1)).decode()


def _design(state: AdderState, circuit: Circuit) -> Design:
    """Give the design of a state.

    Raises:
        IllegalGraphError: The graph is not legal.
    """
    bits = np.packbits(state.or_bits, bitorder="little").tobytes()
    or_bits = int.from_bytes(bits, "little")
    # Leaf 0 has the p mode of leaf 1: no node uses it, and equal netlists should be equal designs.
    return Design(PrefixGraph.from_grid(state.present), circuit, or_bits & ~1 | or_bits >> 1 & 1)
