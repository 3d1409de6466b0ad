"""The sizer: from the smallest cells to the fastest circuit, giving the whole area-delay curve.

In the spirit of TILOS: the slowest path is followed back, and of all changes to its gates the one
that buys the most delay for its area is made. What changes is a gate's drive strength, which of two
interchangeable pins a signal is on, and which sinks of a net hang behind a buffer. Where the curve
is wanted, what turned out to be unnecessary is taken back.

Everything is compiled and deterministic.

Source: Fishburn and Dunlop, TILOS (ICCAD 1985). Different: every change is timed in full, not only
along the path; pins and buffers; area recovery.
"""

from __future__ import annotations

import numpy as np

from edarl.synthesis.timing.arrays import CellArrays, Floats, Ints, Longs, NetArrays
from edarl.synthesis.timing.compiled import compiled, inlined
from edarl.synthesis.timing.edits import (
    add_buffer,
    area_of,
    buffer_of,
    copy_net,
    drop_buffer,
    move_sinks,
    set_cell,
    swap_pins,
)
from edarl.synthesis.timing.timer import (
    circuit_delay,
    link_sinks,
    lookup,
    require,
    slack,
    time_fully,
    time_gate,
)

__all__ = [
    "MAX_PATH",
    "fasten",
    "has_twins",
    "largest_fanout",
    "orient",
    "path_change",
    "pin_delay",
    "recover",
    "shrink",
    "side_sinks",
    "size_curve",
    "slowest_path",
    "spread",
]


MAX_PATH = 512
"""The longest path in gates that is followed; longer ones are improved at their end first."""

_LEAST_GAIN = 1e-6
"""A change counts as faster when it saves at least so many ps."""


@compiled
def slowest_path(t: CellArrays, n: NetArrays, path: Ints, stages: Floats) -> int:
    """Follow the slowest path back from its output.

    Args:
        t: The cells.
        n: A timed netlist.
        path: [4, L] filled with gate, input pin, input edge and output edge, output first.
        stages: [2, L] filled with delay and output slew of each gate from that pin, in ps.

    Returns:
        How many gates are on it.
    """
    inputs, pins = n.size[1], t.cap.shape[1]
    arrival, slews, loads, fanin, cells = n.arrival, n.slew, n.load, n.fanin, n.cell
    arc_start, arc_falls, pin_count, outputs = t.arc_start, t.arc_falls, t.inputs, n.outputs
    latest = -np.inf
    net = edge = 0
    for k in range(n.size[2]):
        for e in range(2):
            if arrival[outputs[k], e] > latest:
                latest = arrival[outputs[k], e]
                net = outputs[k]
                edge = e
    length = 0
    while net >= inputs and length < path.shape[1]:
        gate = net - inputs
        c = cells[gate]
        best = -np.inf
        pin = falls_in = 0
        for k in range(pin_count[c]):
            source = fanin[gate, k]
            first = (c * pins + k) * 2 + edge
            for arc in range(arc_start[first], arc_start[first + 1]):
                falls = arc_falls[arc]
                delay, slew = lookup(t, arc, c, slews[source, falls], loads[net, edge])
                if arrival[source, falls] + delay > best:
                    best = arrival[source, falls] + delay
                    pin = k
                    falls_in = falls
                    stages[0, length] = delay
                    stages[1, length] = slew
        path[0, length] = gate
        path[1, length] = pin
        path[2, length] = falls_in
        path[3, length] = edge
        length += 1
        net = fanin[gate, pin]
        edge = falls_in
    return length


@inlined
def pin_delay(
    t: CellArrays, cell: int, pin: int, falls: int, edge: int, slew: float, load: float
) -> tuple[float, float]:
    """Give the largest delay and slew over a pin's arcs from one edge to another."""
    first = (cell * t.cap.shape[1] + pin) * 2 + edge
    longest = largest = -np.inf
    for arc in range(t.arc_start[first], t.arc_start[first + 1]):
        if t.arc_falls[arc] == falls:
            delay, out = lookup(t, arc, cell, slew, load)
            longest = max(longest, delay)
            largest = max(largest, out)
    return longest, largest


@inlined
def path_change(
    t: CellArrays,
    n: NetArrays,
    path: Ints,
    stages: Floats,
    length: int,
    i: int,
    cell: int,
    pin: int,
) -> float:
    """Estimate how a path's delay changes when a gate on it becomes another cell or uses a pin.

    Looks at the gate, the one before it (whose load changes) and the one behind it (whose slew
    changes).
    """
    inputs = n.size[1]
    gate, old_pin, falls, edge = path[0, i], path[1, i], path[2, i], path[3, i]
    old = n.cell[gate]
    source = n.fanin[gate, old_pin]
    more = t.cap[cell, pin, falls] - t.cap[old, old_pin, falls]
    change = 0.0
    slew_in = n.slew[source, falls]
    if more != 0.0:
        load_in = n.load[source, falls]
        if i + 1 < length:
            driver, driver_pin, driver_falls = path[0, i + 1], path[1, i + 1], path[2, i + 1]
            slew_before = n.slew[n.fanin[driver, driver_pin], driver_falls]
            delay, slew = pin_delay(
                t, n.cell[driver], driver_pin, driver_falls, falls, slew_before, load_in + more
            )
            change += delay - stages[0, i + 1]
            slew_in += slew - stages[1, i + 1]
        elif source < inputs:
            # The driving cell is a buffer or an inverter: one of both edges causes this one.
            for cause in range(2):
                delay, slew = pin_delay(t, n.driver[0], 0, cause, falls, 0.0, load_in + more)
                if delay > -np.inf:
                    before, slew_before = pin_delay(t, n.driver[0], 0, cause, falls, 0.0, load_in)
                    change += delay - before
                    slew_in += slew - slew_before
    net = inputs + gate
    delay, slew = pin_delay(t, cell, pin, falls, edge, slew_in, n.load[net, edge])
    change += delay - stages[0, i]
    if i > 0:
        user, user_edge = path[0, i - 1], path[3, i - 1]
        slew_out = n.slew[net, edge] + slew - stages[1, i]
        load_out = n.load[inputs + user, user_edge]
        delay, _ = pin_delay(t, n.cell[user], path[1, i - 1], edge, user_edge, slew_out, load_out)
        change += delay - stages[0, i - 1]
    return change


@inlined
def has_twins(function: int) -> bool:
    """Say whether a function's first two inputs are interchangeable."""
    return function >= 2


@compiled
def orient(t: CellArrays, n: NetArrays) -> float:
    """Put the later of two interchangeable inputs on the faster pin, from the inputs onward.

    Loads are taken as they are before; the netlist is linked and timed again at the end.
    """
    inputs = n.size[1]
    for p in range(n.size[0]):
        gate = n.order[p]
        net = inputs + gate
        time_gate(t, n, gate)
        if not has_twins(t.function[n.cell[gate]]):
            continue
        rise, fall = n.arrival[net, 0], n.arrival[net, 1]
        rise_slew, fall_slew = n.slew[net, 0], n.slew[net, 1]
        x, y = n.fanin[gate, 0], n.fanin[gate, 1]
        n.fanin[gate, 0] = y
        n.fanin[gate, 1] = x
        time_gate(t, n, gate)
        if rise + fall <= n.arrival[net, 0] + n.arrival[net, 1]:
            n.fanin[gate, 0] = x
            n.fanin[gate, 1] = y
            n.arrival[net, 0] = rise
            n.arrival[net, 1] = fall
            n.slew[net, 0] = rise_slew
            n.slew[net, 1] = fall_slew
        else:
            n.swapped[gate] = not n.swapped[gate]
    link_sinks(t, n)
    return time_fully(t, n)


@compiled
def side_sinks(
    t: CellArrays, n: NetArrays, net: int, keep: int, spare: float, sinks: Ints
) -> tuple[int, float]:
    """Find the sinks of a net that can wait for a buffer; give how many and what they weigh."""
    count = 0
    weight = 0.0
    sink = n.head[net]
    pins = t.cap.shape[1]
    while sink >= 0:
        gate = sink >> 3
        k = sink & 7
        if sink != keep and count < sinks.shape[0]:
            # The slack of this very pin, not of the net.
            c = n.cell[gate]
            out = n.size[1] + gate
            least = np.inf
            first = (c * pins + k) * 2
            for edge in range(2):
                for arc in range(t.arc_start[first + edge], t.arc_start[first + edge + 1]):
                    falls = t.arc_falls[arc]
                    d, _ = lookup(t, arc, c, n.slew[net, falls], n.load[out, edge])
                    room = n.required[out, edge] - n.arrival[net, falls] - d
                    least = min(least, room)
            if least > spare:
                sinks[count] = sink
                count += 1
                weight += t.cap[c, k, 0]
        sink = n.following[sink]
    return count, weight


@compiled
def fasten(
    t: CellArrays,
    n: NetArrays,
    target: float,
    limits: Floats,
    path: Ints,
    sinks: Ints,
    clock: Longs,
) -> float:
    """Make a timed netlist faster until it meets a delay or nothing helps; give its delay in ps.

    Args:
        t: The cells.
        n: The netlist, timed.
        target: The delay to reach in ps.
        limits: [3] area in um2 and number of steps at which to give up; 1 where a gate may have one
            buffer only and a buffer none, as slots can tell.
        path: Scratch, [4, L].
        sinks: Scratch, [K].
        clock: [1] counts changes, over several calls for the same netlist.
    """
    inputs = n.size[1]
    delay = circuit_delay(n)
    buffer = t.family[1, 0]
    stages = np.zeros((2, path.shape[1]))
    stuck = -1
    area = area_of(t, n)
    changes = 0
    while delay > target and area <= limits[0] and changes < limits[1]:
        changes += 1
        length = slowest_path(t, n, path, stages)
        best = 0.0
        best_kind = best_at = -1
        for i in range(length):
            gate, pin = path[0, i], path[1, i]
            c = n.cell[gate]
            function = t.function[c]
            if function < 0:
                continue
            if pin < 2 and has_twins(function) and clock[0] > n.tried[gate, 0]:
                change = path_change(t, n, path, stages, length, i, c, 1 - pin)
                if change >= -0.05:
                    n.tried[gate, 0] = clock[0] + 10
                elif change * 20.0 < best:
                    best, best_kind, best_at = change * 20.0, 1, i
            larger = t.family[function, t.rank[c] + 1] if t.rank[c] >= 0 else -1
            if larger >= 0:
                change = path_change(t, n, path, stages, length, i, larger, pin)
                if change < -_LEAST_GAIN:
                    ratio = change / max(t.area[larger] - t.area[c], 0.01)
                    if ratio < best:
                        best, best_kind, best_at = ratio, 0, i
            # Sinks beside the path: what would they weigh less behind the smallest buffer?
            net = inputs + gate
            if (
                i > 0
                and n.size[0] < n.cell.shape[0]
                and clock[0] > n.tried[gate, 1]
                and (limits[2] == 0.0 or n.slot[gate] < n.size[3])
            ):
                keep = 8 * path[0, i - 1] + path[1, i - 1]
                keep_gate = path[0, i - 1]
                edge, falls = path[3, i], path[2, i]
                rest = (
                    n.load[net, edge]
                    - t.cap[n.cell[keep_gate], keep & 7, edge]
                    - n.outside[net]
                    - t.cap[buffer, 0, edge]
                )
                if rest > t.cap[buffer, 0, edge]:
                    s = n.slew[n.fanin[gate, pin], falls]
                    load = n.load[net, edge]
                    before, _ = pin_delay(t, c, pin, falls, edge, s, load)
                    after, _ = pin_delay(t, c, pin, falls, edge, s, load - rest)
                    ratio = 0.8 * (after - before) / t.area[buffer]
                    if ratio < best:
                        best, best_kind, best_at = ratio, 2, i
        if best_kind < 0:
            if clock[0] == stuck:
                break
            # Much has changed since some things were tried: try them once more.
            clock[0] += 50
            stuck = clock[0]
            continue
        gate = path[0, best_at]
        if best_kind == 0:
            c = n.cell[gate]
            larger = t.family[t.function[c], t.rank[c] + 1]
            area += t.area[larger] - t.area[c]
            delay = set_cell(t, n, gate, larger)
            clock[0] += 1
        elif best_kind == 1:
            now = swap_pins(t, n, gate)
            if now > delay - 0.01:
                delay = swap_pins(t, n, gate)
                n.tried[gate, 0] = clock[0] + 20
            else:
                delay = now
                clock[0] += 1
        else:
            net = inputs + gate
            keep = 8 * path[0, best_at - 1] + path[1, best_at - 1]
            edge = path[3, best_at]
            require(t, n, delay)
            wait, _ = pin_delay(
                t, buffer, 0, edge, edge, n.slew[net, edge], 4 * t.cap[buffer, 0, 0]
            )
            count, weight = side_sinks(t, n, net, keep, 0.8 * wait, sinks)
            n.tried[gate, 1] = clock[0] + 40
            present = buffer_of(n, net) if limits[2] else -1
            if present >= 0:
                # The buffer itself stays where it is.
                kept = 0
                for k in range(count):
                    if sinks[k] >> 3 != present:
                        sinks[kept] = sinks[k]
                        kept += 1
                if kept > 0 and keep >> 3 != present:
                    now = move_sinks(t, n, net, inputs + present, sinks, kept)
                    if now > delay - 0.2:
                        delay = move_sinks(t, n, inputs + present, net, sinks, kept)
                    else:
                        delay = now
                        clock[0] += 1
            elif count > 0 and weight > t.cap[buffer, 0, 0]:
                now = add_buffer(t, n, net, buffer, sinks, count)
                if now > delay - 0.2:
                    delay = drop_buffer(t, n, n.size[0] - 1)
                else:
                    delay = now
                    area += t.area[buffer]
                    clock[0] += 1
    return delay


@compiled
def shrink(t: CellArrays, n: NetArrays, gate: int, target: float, sinks: Ints) -> bool:
    """Make a gate one size smaller, or drop a smallest buffer, if the delay allows it."""
    c = n.cell[gate]
    if t.rank[c] > 0:
        if set_cell(t, n, gate, t.family[t.function[c], t.rank[c] - 1]) <= target:
            return True
        set_cell(t, n, gate, c)
        return False
    if n.slot[gate] < n.size[3]:
        return False
    net = n.fanin[gate, 0]
    count = 0
    sink = n.head[n.size[1] + gate]
    while sink >= 0:
        sinks[count] = sink
        count += 1
        sink = n.following[sink]
    last = n.size[0] - 1
    if drop_buffer(t, n, gate) <= target:
        return True
    for k in range(count):
        if sinks[k] >> 3 == last:
            sinks[k] = 8 * gate + (sinks[k] & 7)
    if net == n.size[1] + last:
        net = n.size[1] + gate
    add_buffer(t, n, net, c, sinks, count)
    return False


@compiled
def recover(t: CellArrays, n: NetArrays, target: float, rounds: int, sinks: Ints) -> float:
    """Take back what a delay does not need: sizes and buffers; give the delay.

    Args:
        t: The cells.
        n: The netlist, timed and within the target.
        target: The delay to keep in ps.
        rounds: Most sweeps over the netlist.
        sinks: Scratch, [K].
    """
    inputs = n.size[1]
    for _ in range(rounds):
        changed = False
        require(t, n, target)
        gate = n.size[0] - 1
        while gate >= 0:
            c = n.cell[gate]
            removable = t.rank[c] > 0 or n.slot[gate] >= n.size[3]
            if removable and slack(n, inputs + gate) > 0.0 and shrink(t, n, gate, target, sinks):
                changed = True
                if gate < n.size[0] and n.cell[gate] != c:
                    continue
            gate -= 1
        if not changed:
            break
    return circuit_delay(n)


@compiled
def largest_fanout(n: NetArrays) -> int:
    """Give the most sinks that a gate's net has."""
    most = 0
    for net in range(n.size[1], n.size[1] + n.size[0]):
        count = 0
        sink = n.head[net]
        while sink >= 0:
            count += 1
            sink = n.following[sink]
        most = max(most, count)
    return most


@compiled
def spread(t: CellArrays, n: NetArrays, limit: int) -> float:
    """Put buffers on every gate's net with more sinks than a limit, the least urgent sinks first.

    A buffer is a sink in its turn, about as urgent as its most urgent sink less its own delay, so
    that nets with many sinks get trees. The netlist is timed before and after; gives the delay.
    """
    inputs = n.size[1]
    buffer = t.family[1, 1] if t.family[1, 1] >= 0 else t.family[1, 0]
    gates = n.size[0]
    sinks = np.zeros(n.cell.shape[0], dtype=np.int32)
    rooms = np.zeros(n.cell.shape[0])
    group = np.zeros(limit, dtype=np.int32)
    require(t, n, circuit_delay(n))
    required = n.required.copy()
    for gate in range(gates):
        net = inputs + gate
        count = 0
        sink = n.head[net]
        while sink >= 0:
            out = inputs + (sink >> 3)
            rise = required[out, 0] - n.arrival[out, 0]
            sinks[count] = sink
            rooms[count] = min(rise, required[out, 1] - n.arrival[out, 1])
            count += 1
            sink = n.following[sink]
        while count > limit and n.size[0] < n.cell.shape[0]:
            order = np.argsort(-rooms[:count], kind="mergesort")
            for k in range(limit):
                group[k] = sinks[order[k]]
            load = 0.0
            for k in range(limit):
                load += t.cap[n.cell[group[k] >> 3], group[k] & 7, 0]
            wait, _ = pin_delay(t, buffer, 0, 0, 0, n.slew[net, 0], load)
            least = rooms[order[limit - 1]] - max(wait, 0.0)
            add_buffer(t, n, net, buffer, group, limit)
            chosen = np.ones(count, dtype=np.bool_)
            chosen[order[:limit]] = False
            kept = 0
            for k in range(count):
                if chosen[k]:
                    sinks[kept] = sinks[k]
                    rooms[kept] = rooms[k]
                    kept += 1
            sinks[kept] = 8 * (n.size[0] - 1)
            rooms[kept] = least
            count = kept + 1
    return circuit_delay(n)


@compiled
def size_curve(
    t: CellArrays,
    chain: NetArrays,
    work: NetArrays,
    targets: Floats,
    rounds: int,
    limit: int,
    delays: Floats,
    areas: Floats,
) -> None:
    """Size a linked netlist in smallest cells for every target.

    One chain of changes goes from the smallest to the fastest netlist; at each target a copy of it
    is cleaned of what the target does not need. So no point depends on the other targets.

    Args:
        t: The cells.
        chain: The netlist, not timed yet; it ends as fast as the tightest target needs.
        work: Arrays with as much room; holds the netlist of the tightest target at the end.
        targets: [K] delays in ps, in any order.
        rounds: Most sweeps that take back what a target does not need.
        limit: Most sinks a gate has to drive at the beginning; 0 leaves it as it is.
        delays: [K] filled with the delays reached in ps.
        areas: [K] filled with areas in um2.
    """
    path = np.zeros((4, MAX_PATH), dtype=np.int32)
    sinks = np.zeros(chain.cell.shape[0], dtype=np.int32)
    clock = np.ones(1, dtype=np.int64)
    limits = np.array((np.inf, np.inf, 0.0))
    chain.tried[:] = 0
    chain.dirty[:] = 0
    time_fully(t, chain)
    orient(t, chain)
    if limit > 0:
        spread(t, chain, limit)
    for k in np.argsort(targets)[::-1]:
        target = targets[k]
        delay = fasten(t, chain, target, limits, path, sinks, clock)
        copy_net(chain, work)
        if rounds > 0 and delay <= target:
            delay = recover(t, work, target, rounds, sinks)
        delays[k] = delay
        areas[k] = area_of(t, work)
