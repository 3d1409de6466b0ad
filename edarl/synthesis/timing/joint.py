"""Annealing the graph, polarities, p modes and sizes of an adder together, in compiled code.

One step changes one thing (a node, a polarity, some p modes, some sizes), builds the netlist with
the sizes that the gates had before, makes it fast enough again, takes back a little of what is no
longer needed, and accepts or refuses by Metropolis' rule on the area. So every step judges a sized
netlist, at the price of some dozen incremental timings.

Letters as in `edarl.synthesis.timing.mapping`.
"""

from __future__ import annotations

import math

import numpy as np

from edarl.synthesis.timing.arrays import CellArrays, Flags, Floats, Ints, Longs, NetArrays
from edarl.synthesis.timing.compiled import compiled
from edarl.synthesis.timing.edits import area_of
from edarl.synthesis.timing.mapping import AdderState, Scratch, build_adder
from edarl.synthesis.timing.sizing import fasten, recover, shrink
from edarl.synthesis.timing.timer import circuit_delay, link_sinks, require, slack, time_fully

__all__ = [
    "KINDS",
    "OVER",
    "add_node",
    "anneal",
    "copy_state",
    "cost_of",
    "delete_node",
    "find_minlist",
    "legalise",
    "polish",
    "rebuild",
    "write_back",
]

KINDS = ("add", "delete", "shift", "polarity", "p_bit", "p_run", "kick")
"""What a step may change, in the order of its weights."""

OVER = 8.0
"""What missing the target by one part costs, in parts of the area."""

_TRIMS = 12
_CHANGES = 30.0
_REACH = 2


@compiled
def copy_state(a: AdderState, b: AdderState) -> None:
    """Copy a state into another of the same circuit."""
    b.present[:] = a.present
    b.or_bits[:] = a.or_bits
    b.polarity[:] = a.polarity
    b.size[:] = a.size
    b.swapped[:] = a.swapped
    b.behind[:] = a.behind


@compiled
def legalise(present: Flags) -> None:
    """Add every missing lower parent, from the highest row down."""
    leaves = present.shape[0]
    for m in range(leaves - 1, 0, -1):
        above = m
        for lsb in range(m - 1, -1, -1):
            if present[m, lsb]:
                present[above - 1, lsb] = True
                above = lsb


@compiled
def find_minlist(present: Flags, kept: Flags) -> int:
    """Mark the interior nodes that are nobody's lower parent; give how many there are."""
    leaves = present.shape[0]
    kept[:] = False
    for m in range(2, leaves):
        for lsb in range(1, m):
            kept[m, lsb] = present[m, lsb]
    for m in range(1, leaves):
        above = m
        for lsb in range(m - 1, -1, -1):
            if present[m, lsb]:
                kept[above - 1, lsb] = False
                above = lsb
    count = 0
    for m in range(2, leaves):
        for lsb in range(1, m):
            count += kept[m, lsb]
    return count


@compiled
def _from_minlist(kept: Flags, present: Flags) -> None:
    leaves = present.shape[0]
    present[:] = kept
    for m in range(leaves):
        present[m, m] = True
        present[m, 0] = True
    legalise(present)


@compiled
def add_node(present: Flags, kept: Flags, m: int, lsb: int) -> None:
    """Add a node as the environment does; ``kept`` is the minlist before, and with the node after.

    What became a lower parent by it need not leave ``kept``: it is added either way.
    """
    kept[m, lsb] = True
    _from_minlist(kept, present)


@compiled
def delete_node(present: Flags, kept: Flags, m: int, lsb: int) -> None:
    """Delete a node of the minlist ``kept`` as the environment does."""
    kept[m, lsb] = False
    _from_minlist(kept, present)


@compiled
def _pick(kept: Flags, number: int) -> int:
    """Give the place of the marked cell with a number."""
    leaves = kept.shape[0]
    for m in range(leaves):
        for lsb in range(m):
            if kept[m, lsb]:
                if number == 0:
                    return m * leaves + lsb
                number -= 1
    return -1


@compiled
def _add_somewhere(present: Flags, kept: Flags, around: int) -> bool:
    """Add a node beside a place, or anywhere for -1; say whether that was possible."""
    leaves = present.shape[0]
    if leaves < 3:
        return False
    for _ in range(12):
        if around >= 0:
            m = around // leaves + np.random.randint(-_REACH, _REACH + 1)
            lsb = around % leaves + np.random.randint(-_REACH, _REACH + 1)
        else:
            m = np.random.randint(2, leaves)
            lsb = np.random.randint(1, m)
        if 0 < lsb < m < leaves and not present[m, lsb]:
            find_minlist(present, kept)
            add_node(present, kept, m, lsb)
            return True
    return False


@compiled
def _change_graph(kind: int, state: AdderState, kept: Flags) -> bool:
    """Add, delete or shift a node; say whether something changed."""
    present = state.present
    leaves = present.shape[0]
    count = find_minlist(present, kept)
    if kind == 0:
        around = -1
        if np.random.random() < 0.6:
            # A random node: a random row, then the first node left of a random column.
            m = np.random.randint(1, leaves)
            lsb = np.random.randint(0, m)
            while not present[m, lsb]:
                lsb -= 1
            around = m * leaves + lsb
        return _add_somewhere(present, kept, around)
    if count == 0:
        return False
    place = _pick(kept, np.random.randint(0, count))
    m, lsb = place // leaves, place % leaves
    delete_node(present, kept, m, lsb)
    if kind == 2:
        for _ in range(8):
            row = m + np.random.randint(-_REACH, _REACH + 1)
            column = lsb + np.random.randint(-_REACH, _REACH + 1)
            if (
                0 < column < row < leaves
                and not present[row, column]
                and (row != m or column != lsb)
            ):
                find_minlist(present, kept)
                add_node(present, kept, row, column)
                break
    return True


@compiled
def _change_polarity(state: AdderState) -> None:
    """Flip the polarity of a node, or leave it to the greedy rule again."""
    leaves = state.present.shape[0]
    m = np.random.randint(1, leaves)
    lsb = np.random.randint(0, m)
    while not state.present[m, lsb]:
        lsb -= 1
    old = state.polarity[m, lsb]
    state.polarity[m, lsb] = -old if old != 0 else 1
    if np.random.random() < 0.3:
        # Its row with it: what is above often wants to follow.
        for column in range(lsb):
            if state.present[m, column]:
                state.polarity[m, column] = 0


@compiled
def _kick(t: CellArrays, state: AdderState, n: NetArrays) -> None:
    """Change some sizes, pins or buffers of the gates in the netlist that was built last."""
    gates, slots = n.size[0], n.size[3]
    for _ in range(1 + np.random.randint(0, 3)):
        gate = np.random.randint(0, gates)
        slot = n.slot[gate]
        choice = np.random.random()
        if choice < 0.35:
            state.size[slot] = min(state.size[slot] + 1, t.family.shape[1] - 2)
        elif choice < 0.55:
            state.size[slot] = max(state.size[slot] - 1, 0)
        elif slot < slots:
            if choice < 0.75:
                state.swapped[slot] = not state.swapped[slot]
            else:
                k = np.random.randint(0, 3)
                state.behind[slot, k] = not state.behind[slot, k]


@compiled
def write_back(t: CellArrays, n: NetArrays, s: Scratch, state: AdderState) -> None:
    """Put a netlist's sizes, pins, buffers and polarities into the state that it was built from."""
    gates, inputs, slots = n.size[0], n.size[1], n.size[3]
    leaves = state.present.shape[0]
    for gate in range(gates):
        slot = n.slot[gate]
        state.size[slot] = t.rank[n.cell[gate]]
        if slot >= slots:
            continue
        state.swapped[slot] = n.swapped[gate]
        for k in range(3):
            source = n.fanin[gate, k] - inputs
            state.behind[slot, k] = source >= 0 and n.slot[source] >= slots
    for m in range(leaves):
        for lsb in range(m):
            if state.present[m, lsb] and s.needed[0, m, lsb]:
                state.polarity[m, lsb] = s.chosen[m, lsb]
            else:
                state.polarity[m, lsb] = 0


@compiled
def rebuild(t: CellArrays, state: AdderState, s: Scratch, n: NetArrays) -> float:
    """Build a state's netlist as it is and time it; give its delay in ps."""
    build_adder(state, t.family, s, n)
    n.tried[: n.size[0]] = 0
    n.dirty[: n.size[0]] = 0
    link_sinks(t, n)
    return time_fully(t, n)


@compiled
def _trim(t: CellArrays, n: NetArrays, target: float, trials: int, sinks: Ints) -> None:
    """Try to make some gates smaller, beginning at a random one."""
    require(t, n, target)
    gates, inputs = n.size[0], n.size[1]
    gate = np.random.randint(0, gates)
    done = 0
    for _ in range(gates):
        if gate >= n.size[0]:
            gate = 0
        c = n.cell[gate]
        if (t.rank[c] > 0 or n.slot[gate] >= n.size[3]) and slack(n, inputs + gate) > 0.0:
            shrink(t, n, gate, target, sinks)
            done += 1
            if done >= trials:
                return
        gate += 1


@compiled
def cost_of(area: float, delay: float, target: float) -> float:
    """Give the area, raised where the delay misses the target."""
    over = delay / target - 1.0
    return area * (1.0 + OVER * over) if over > 0.0 else area


@compiled
def anneal(
    t: CellArrays,
    current: AdderState,
    trial: AdderState,
    best: AdderState,
    costs: Floats,
    s: Scratch,
    n: NetArrays,
    target: float,
    steps: int,
    temperatures: Floats,
    weights: Floats,
    seed: int,
    counts: Longs,
) -> None:
    """Anneal one state in place.

    Args:
        t: The cells.
        current: Where to go on; changed in place.
        trial: Scratch of the same shape.
        best: The best state so far; changed in place.
        costs: [2] costs of ``current`` and ``best``, changed in place; infinite where unknown.
        s: Scratch for building.
        n: Arrays with enough room.
        target: Delay to meet in ps.
        steps: How many changes to try.
        temperatures: [2] at the first and the last step, as shares of the area.
        weights: [7] how often each of `KINDS` is tried.
        seed: Seeds the random numbers.
        counts: [2, 7] tried and accepted changes of each kind, added up in place.
    """
    np.random.seed(seed)
    path = np.zeros((4, 512), dtype=np.int32)
    sinks = np.zeros(n.cell.shape[0], dtype=np.int32)
    clock = np.ones(1, dtype=np.int64)
    limits = np.ones(3)
    kept = np.zeros_like(current.present)
    limit = weights.cumsum() / weights.sum()
    delay = rebuild(t, current, s, n)
    costs[0] = cost_of(area_of(t, n), delay, target)
    for step in range(steps):
        temperature = temperatures[0] * (temperatures[1] / temperatures[0]) ** (step / steps)
        kind = 0
        draw = np.random.random()
        while kind < 6 and draw >= limit[kind]:
            kind += 1
        copy_state(current, trial)
        if kind < 3:
            if not _change_graph(kind, trial, kept):
                continue
        elif kind == 3:
            _change_polarity(trial)
        elif kind == 4:
            bit = np.random.randint(1, trial.or_bits.shape[0])
            trial.or_bits[bit] = not trial.or_bits[bit]
        elif kind == 5:
            bit = np.random.randint(1, trial.or_bits.shape[0])
            to = not trial.or_bits[bit]
            length = np.random.randint(1, 6)
            for k in range(bit, min(bit + length, trial.or_bits.shape[0])):
                trial.or_bits[k] = to
        else:
            _kick(t, trial, n)
        counts[0, kind] += 1
        delay = rebuild(t, trial, s, n)
        ceiling = costs[0] * (1.0 + 6.0 * temperature)
        if delay > target:
            if delay > 1.35 * target:
                continue
            limits[0] = ceiling
            limits[1] = _CHANGES
            clock[0] = 1
            fasten(t, n, target, limits, path, sinks, clock)
            delay = circuit_delay(n)
        area = area_of(t, n)
        if cost_of(area, delay, target) > ceiling:
            continue
        if delay <= target:
            _trim(t, n, target, _TRIMS, sinks)
            delay = circuit_delay(n)
            area = area_of(t, n)
        cost = cost_of(area, delay, target)
        rise = cost / costs[0] - 1.0
        if rise > 0.0 and np.random.random() >= math.exp(-rise / temperature):
            continue
        counts[1, kind] += 1
        write_back(t, n, s, trial)
        copy_state(trial, current)
        costs[0] = cost
        if cost < costs[1]:
            costs[1] = cost
            copy_state(trial, best)


@compiled
def polish(
    t: CellArrays, state: AdderState, s: Scratch, n: NetArrays, target: float, rounds: int
) -> tuple[float, float]:
    """Build a state, meet a target and take back all that it does not need.

    The netlist stays in ``n``; the state takes its sizes.

    Returns:
        Delay in ps and area in um2.
    """
    path = np.zeros((4, 512), dtype=np.int32)
    sinks = np.zeros(n.cell.shape[0], dtype=np.int32)
    clock = np.ones(1, dtype=np.int64)
    limits = np.array((np.inf, np.inf, 1.0))
    delay = rebuild(t, state, s, n)
    if delay > target:
        delay = fasten(t, n, target, limits, path, sinks, clock)
    if delay <= target:
        delay = recover(t, n, target, rounds, sinks)
    write_back(t, n, s, state)
    return delay, area_of(t, n)
