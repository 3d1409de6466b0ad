"""The timer: rising and falling arrival and slew of every net, in full or only where it changed.

What it computes is what OpenSTA computes on the same netlist: NLDM tables, bilinear between their
breakpoints and linear beyond them; of all arcs into a net's edge the latest arrival and the largest
slew, each for itself; every conditional arc counts; pin capacitances by edge; a primary input
switches when the driving cell's own delay without load has passed, with the slew it has under load.

Everything here is compiled, holds no Python object and releases the interpreter lock, so netlists
can be timed in several threads as long as no two share arrays.
"""

from __future__ import annotations

import numpy as np

from edarl.synthesis.timing.arrays import CellArrays, Floats, NetArrays
from edarl.synthesis.timing.compiled import U, compiled, inlined

__all__ = [
    "circuit_delay",
    "link_sinks",
    "load_net",
    "lookup",
    "mark_sinks",
    "require",
    "resized",
    "segment",
    "slack",
    "time_fully",
    "time_gate",
    "time_incrementally",
    "time_input",
]


@inlined
def time_gate(t: CellArrays, n: NetArrays, gate: int) -> bool:
    """Time one gate from its inputs and load; say whether its output changed."""
    inputs = n.size[1]
    pins = t.cap.shape[1]
    slew_points, load_points = t.slew_axis.shape[1], t.load_axis.shape[1]
    row = 2 * load_points
    table = slew_points * row
    v = t.values
    c = n.cell[U(gate)]
    net = inputs + gate
    rise_load = n.load[U(net), 0]
    fall_load = n.load[U(net), 1]
    rise_at = fall_at = 0
    for q in range(1, load_points - 1):
        point = t.load_axis[U(c), U(q)]
        rise_at += rise_load >= point
        fall_at += fall_load >= point
    rise_y = (rise_load - t.load_axis[U(c), U(rise_at)]) * t.load_step[U(c), U(rise_at)]
    fall_y = (fall_load - t.load_axis[U(c), U(fall_at)]) * t.load_step[U(c), U(fall_at)]
    rise_at *= 2
    fall_at *= 2
    rise = fall = -np.inf
    rise_slew = fall_slew = 0.0
    for k in range(t.inputs[U(c)]):
        source = n.fanin[U(gate), U(k)]
        s0 = n.slew[U(source), 0]
        s1 = n.slew[U(source), 1]
        i0 = i1 = 0
        for q in range(1, slew_points - 1):
            point = t.slew_axis[U(c), U(q)]
            i0 += s0 >= point
            i1 += s1 >= point
        x0 = (s0 - t.slew_axis[U(c), U(i0)]) * t.slew_step[U(c), U(i0)]
        x1 = (s1 - t.slew_axis[U(c), U(i1)]) * t.slew_step[U(c), U(i1)]
        i0 *= row
        i1 *= row
        a0 = n.arrival[U(source), 0]
        a1 = n.arrival[U(source), 1]
        first = (c * pins + k) * 2
        for arc in range(t.arc_start[U(first)], t.arc_start[U(first + 1)]):
            falls = t.arc_falls[U(arc)]
            x = x1 if falls else x0
            at = arc * table + (i1 if falls else i0) + rise_at
            d00 = v[U(at)]
            s00 = v[U(at + 1)]
            d01 = v[U(at + 2)]
            s01 = v[U(at + 3)]
            at += row
            d10 = v[U(at)]
            s10 = v[U(at + 1)]
            d11 = v[U(at + 2)]
            s11 = v[U(at + 3)]
            d0 = d00 + rise_y * (d01 - d00)
            s0_ = s00 + rise_y * (s01 - s00)
            d1 = d10 + rise_y * (d11 - d10)
            s1_ = s10 + rise_y * (s11 - s10)
            latest = (a1 if falls else a0) + (d0 + x * (d1 - d0))
            slew = s0_ + x * (s1_ - s0_)
            rise = latest if latest > rise else rise
            rise_slew = slew if slew > rise_slew else rise_slew
        for arc in range(t.arc_start[U(first + 1)], t.arc_start[U(first + 2)]):
            falls = t.arc_falls[U(arc)]
            x = x1 if falls else x0
            at = arc * table + (i1 if falls else i0) + fall_at
            d00 = v[U(at)]
            s00 = v[U(at + 1)]
            d01 = v[U(at + 2)]
            s01 = v[U(at + 3)]
            at += row
            d10 = v[U(at)]
            s10 = v[U(at + 1)]
            d11 = v[U(at + 2)]
            s11 = v[U(at + 3)]
            d0 = d00 + fall_y * (d01 - d00)
            s0_ = s00 + fall_y * (s01 - s00)
            d1 = d10 + fall_y * (d11 - d10)
            s1_ = s10 + fall_y * (s11 - s10)
            latest = (a1 if falls else a0) + (d0 + x * (d1 - d0))
            slew = s0_ + x * (s1_ - s0_)
            fall = latest if latest > fall else fall
            fall_slew = slew if slew > fall_slew else fall_slew
    changed = (
        n.arrival[U(net), 0] != rise
        or n.arrival[U(net), 1] != fall
        or n.slew[U(net), 0] != rise_slew
        or n.slew[U(net), 1] != fall_slew
    )
    n.arrival[U(net), 0] = rise
    n.arrival[U(net), 1] = fall
    n.slew[U(net), 0] = rise_slew
    n.slew[U(net), 1] = fall_slew
    return changed


@inlined
def segment(axis: Floats, cell: int, value: float) -> int:
    """Give the number of the segment of a cell's axis that holds or is nearest to a value."""
    found = 0
    for q in range(1, axis.shape[1] - 1):
        found += value >= axis[U(cell), U(q)]
    return found


@inlined
def lookup(t: CellArrays, arc: int, cell: int, slew: float, load: float) -> tuple[float, float]:
    """Give delay and output slew of one arc of a cell."""
    i = segment(t.slew_axis, cell, slew)
    j = segment(t.load_axis, cell, load)
    x = (slew - t.slew_axis[U(cell), U(i)]) * t.slew_step[U(cell), U(i)]
    y = (load - t.load_axis[U(cell), U(j)]) * t.load_step[U(cell), U(j)]
    row = 2 * t.load_axis.shape[1]
    v = t.values
    at = arc * t.slew_axis.shape[1] * row + i * row + 2 * j
    d0 = v[U(at)] + y * (v[U(at + 2)] - v[U(at)])
    s0 = v[U(at + 1)] + y * (v[U(at + 3)] - v[U(at + 1)])
    at += row
    d1 = v[U(at)] + y * (v[U(at + 2)] - v[U(at)])
    s1 = v[U(at + 1)] + y * (v[U(at + 3)] - v[U(at + 1)])
    return d0 + x * (d1 - d0), s0 + x * (s1 - s0)


@compiled
def time_input(t: CellArrays, n: NetArrays, net: int) -> bool:
    """Time a primary input: the driving cell's delay beyond what it takes without load."""
    c = n.driver[0]
    first = c * t.cap.shape[1] * 2
    changed = False
    for edge in range(2):
        latest = -np.inf
        largest = 0.0
        for arc in range(t.arc_start[first + edge], t.arc_start[first + edge + 1]):
            delay, slew = lookup(t, arc, c, 0.0, n.load[net, edge])
            latest = max(latest, delay - t.idle[arc])
            largest = max(largest, slew)
        if n.arrival[net, edge] != latest or n.slew[net, edge] != largest:
            changed = True
        n.arrival[net, edge] = latest
        n.slew[net, edge] = largest
    return changed


@inlined
def load_net(t: CellArrays, n: NetArrays, net: int) -> None:
    """Add up the capacitance on a net."""
    rise = fall = n.outside[U(net)]
    sink = n.head[U(net)]
    while sink >= 0:
        c = n.cell[U(sink >> 3)]
        rise += t.cap[U(c), U(sink & 7), 0]
        fall += t.cap[U(c), U(sink & 7), 1]
        sink = n.following[U(sink)]
    n.load[U(net), 0] = rise
    n.load[U(net), 1] = fall


@compiled
def link_sinks(t: CellArrays, n: NetArrays) -> None:
    """Build the list of sinks of every net, and the positions of the gates."""
    gates, inputs = n.size[0], n.size[1]
    n.head[: inputs + gates] = -1
    for p in range(gates - 1, -1, -1):
        gate = n.order[p]
        n.position[gate] = p
        for k in range(t.inputs[n.cell[gate]] - 1, -1, -1):
            net = n.fanin[gate, k]
            n.following[8 * gate + k] = n.head[net]
            n.head[net] = 8 * gate + k


@compiled
def time_fully(t: CellArrays, n: NetArrays) -> float:
    """Compute all loads, slews and arrivals; give the delay of the circuit in ps."""
    gates, inputs = n.size[0], n.size[1]
    for net in range(inputs + gates):
        load_net(t, n, net)
    for net in range(inputs):
        time_input(t, n, net)
    for p in range(gates):
        time_gate(t, n, n.order[p])
    return circuit_delay(n)


@compiled
def circuit_delay(n: NetArrays) -> float:
    """Give the latest arrival at any output in ps."""
    latest = -np.inf
    for k in range(n.size[2]):
        net = n.outputs[k]
        latest = max(latest, n.arrival[net, 0], n.arrival[net, 1])
    return latest


@inlined
def mark_sinks(n: NetArrays, net: int) -> int:
    """Say that the gates that use a net have to be timed again; give the first position."""
    first = n.dirty.shape[0]
    sink = n.head[net]
    while sink >= 0:
        p = n.position[sink >> 3]
        n.dirty[p] = 1
        first = min(first, p)
        sink = n.following[sink]
    return first


@compiled
def resized(t: CellArrays, n: NetArrays, gate: int) -> int:
    """Take in that a gate's cell or pins changed: loads of its inputs; give the first position."""
    inputs = n.size[1]
    first = n.position[gate]
    n.dirty[first] = 1
    for k in range(t.inputs[n.cell[gate]]):
        net = n.fanin[gate, k]
        load_net(t, n, net)
        if net >= inputs:
            p = n.position[net - inputs]
            n.dirty[p] = 1
            first = min(first, p)
        elif time_input(t, n, net):
            first = min(first, mark_sinks(n, net))
    return first


@compiled
def time_incrementally(t: CellArrays, n: NetArrays, first: int) -> float:
    """Time what waits, from a position on, and whatever that changes; give the circuit's delay."""
    gates, inputs = n.size[0], n.size[1]
    for p in range(first, gates):
        if n.dirty[p]:
            n.dirty[p] = 0
            gate = n.order[p]
            if time_gate(t, n, gate):
                mark_sinks(n, inputs + gate)
    return circuit_delay(n)


@compiled
def require(t: CellArrays, n: NetArrays, target: float) -> None:
    """Compute the latest allowed arrival of every net if the circuit should take ``target`` ps."""
    gates, inputs = n.size[0], n.size[1]
    pins = t.cap.shape[1]
    required, fanin, order, cells = n.required, n.fanin, n.order, n.cell
    slew, load, outputs = n.slew, n.load, n.outputs
    arc_start, arc_falls, pin_count = t.arc_start, t.arc_falls, t.inputs
    required[: inputs + gates] = np.inf
    for k in range(n.size[2]):
        required[outputs[k]] = target
    for p in range(gates - 1, -1, -1):
        gate = order[p]
        c = cells[gate]
        net = inputs + gate
        for k in range(pin_count[c]):
            source = fanin[gate, k]
            first = (c * pins + k) * 2
            for edge in range(2):
                limit = required[net, edge]
                for arc in range(arc_start[first + edge], arc_start[first + edge + 1]):
                    falls = arc_falls[arc]
                    delay, _ = lookup(t, arc, c, slew[source, falls], load[net, edge])
                    if limit - delay < required[source, falls]:
                        required[source, falls] = limit - delay


@inlined
def slack(n: NetArrays, net: int) -> float:
    """Give the smaller slack of a net's two edges in ps; `require` comes first."""
    rise = n.required[U(net), 0] - n.arrival[U(net), 0]
    fall = n.required[U(net), 1] - n.arrival[U(net), 1]
    return rise if rise < fall else fall
