"""Changes of a timed netlist: other cells, exchanged pins, buffers in and out, sinks that move.

Each change times again what it affects, so a netlist is always timed; a change that turns out bad
is undone by another change.
"""

from __future__ import annotations

from edarl.synthesis.timing.arrays import CellArrays, Ints, NetArrays
from edarl.synthesis.timing.compiled import compiled
from edarl.synthesis.timing.timer import (
    load_net,
    mark_sinks,
    resized,
    time_incrementally,
    time_input,
)

__all__ = [
    "add_buffer",
    "area_of",
    "buffer_of",
    "copy_net",
    "drop_buffer",
    "link",
    "move_sinks",
    "rename",
    "set_cell",
    "swap_pins",
    "unlink",
]


@compiled
def area_of(t: CellArrays, n: NetArrays) -> float:
    """Give the area of all gates in um2."""
    area = 0.0
    cells, areas = n.cell, t.area
    for gate in range(n.size[0]):
        area += areas[cells[gate]]
    return area


@compiled
def unlink(n: NetArrays, net: int, sink: int) -> None:
    """Take a sink out of a net's list."""
    if n.head[net] == sink:
        n.head[net] = n.following[sink]
        return
    before = n.head[net]
    while n.following[before] != sink:
        before = n.following[before]
    n.following[before] = n.following[sink]


@compiled
def link(n: NetArrays, net: int, sink: int) -> None:
    """Put a sink into a net's list and on its pin."""
    n.following[sink] = n.head[net]
    n.head[net] = sink
    n.fanin[sink >> 3, sink & 7] = net


@compiled
def set_cell(t: CellArrays, n: NetArrays, gate: int, cell: int) -> float:
    """Change a gate's cell and time the netlist again; give the circuit's delay."""
    n.cell[gate] = cell
    return time_incrementally(t, n, resized(t, n, gate))


@compiled
def swap_pins(t: CellArrays, n: NetArrays, gate: int) -> float:
    """Exchange a gate's first two inputs and time again; give the circuit's delay."""
    x, y = n.fanin[gate, 0], n.fanin[gate, 1]
    unlink(n, x, 8 * gate)
    unlink(n, y, 8 * gate + 1)
    link(n, y, 8 * gate)
    link(n, x, 8 * gate + 1)
    n.swapped[gate] = not n.swapped[gate]
    return time_incrementally(t, n, resized(t, n, gate))


@compiled
def add_buffer(t: CellArrays, n: NetArrays, net: int, cell: int, sinks: Ints, count: int) -> float:
    """Put sinks of a net behind a new buffer and time again; give the circuit's delay.

    Args:
        t: The cells.
        n: A timed netlist with room for a gate.
        net: Output of a gate.
        cell: The buffer.
        sinks: Which sinks.
        count: How many of them.
    """
    inputs = n.size[1]
    gate = n.size[0]
    place = n.position[net - inputs] + 1
    for p in range(gate, place, -1):
        moved = n.order[p - 1]
        n.order[p] = moved
        n.position[moved] = p
    n.order[place] = gate
    n.position[gate] = place
    n.size[0] = gate + 1
    n.cell[gate] = cell
    n.fanin[gate, :] = -1
    n.slot[gate] = n.size[3] + n.slot[net - inputs]
    n.swapped[gate] = False
    n.tried[gate, :] = 0
    n.dirty[gate] = 0
    out = inputs + gate
    n.head[out] = -1
    n.outside[out] = 0.0
    for k in range(count):
        unlink(n, net, sinks[k])
        link(n, out, sinks[k])
        n.dirty[n.position[sinks[k] >> 3]] = 1
    link(n, net, 8 * gate)
    load_net(t, n, out)
    return time_incrementally(t, n, resized(t, n, gate))


@compiled
def drop_buffer(t: CellArrays, n: NetArrays, gate: int) -> float:
    """Take a buffer out, its sinks back to its source, and time again; give the delay.

    The gate with the highest number takes its number.
    """
    inputs = n.size[1]
    net, out = n.fanin[gate, 0], inputs + gate
    unlink(n, net, 8 * gate)
    while n.head[out] >= 0:
        sink = n.head[out]
        n.head[out] = n.following[sink]
        link(n, net, sink)
        n.dirty[n.position[sink >> 3]] = 1
    last = n.size[0] - 1
    for p in range(n.position[gate], last):
        moved = n.order[p + 1]
        n.order[p] = moved
        n.position[moved] = p
        n.dirty[p] = n.dirty[p + 1]
    n.dirty[last] = 0
    n.size[0] = last
    if gate != last:
        rename(t, n, last, gate)
        if net == inputs + last:
            net = out
    first = 0
    load_net(t, n, net)
    if net >= inputs:
        first = n.position[net - inputs]
        n.dirty[first] = 1
    elif time_input(t, n, net):
        mark_sinks(n, net)
    return time_incrementally(t, n, first)


@compiled
def rename(t: CellArrays, n: NetArrays, old: int, new: int) -> None:
    """Give a gate another number."""
    inputs = n.size[1]
    n.cell[new] = n.cell[old]
    n.slot[new] = n.slot[old]
    n.swapped[new] = n.swapped[old]
    n.tried[new, 0] = n.tried[old, 0]
    n.tried[new, 1] = n.tried[old, 1]
    n.position[new] = n.position[old]
    n.order[n.position[new]] = new
    n.fanin[new, :] = -1
    for k in range(t.inputs[n.cell[old]]):
        # The new sink takes the old one's place: loads are added up in the order of the list.
        net = n.fanin[old, k]
        before, after = 8 * old + k, 8 * new + k
        n.following[after] = n.following[before]
        n.fanin[new, k] = net
        if n.head[net] == before:
            n.head[net] = after
        else:
            sink = n.head[net]
            while n.following[sink] != before:
                sink = n.following[sink]
            n.following[sink] = after
    n.head[inputs + new] = n.head[inputs + old]
    sink = n.head[inputs + new]
    while sink >= 0:
        n.fanin[sink >> 3, sink & 7] = inputs + new
        sink = n.following[sink]
    for edge in range(2):
        n.load[inputs + new, edge] = n.load[inputs + old, edge]
        n.arrival[inputs + new, edge] = n.arrival[inputs + old, edge]
        n.slew[inputs + new, edge] = n.slew[inputs + old, edge]
    n.outside[inputs + new] = n.outside[inputs + old]
    for k in range(n.size[2]):
        if n.outputs[k] == inputs + old:
            n.outputs[k] = inputs + new


@compiled
def buffer_of(n: NetArrays, net: int) -> int:
    """Give the buffer that sizing put on a net, -1 for none."""
    slots = n.size[3]
    sink = n.head[net]
    while sink >= 0:
        if n.slot[sink >> 3] >= slots:
            return sink >> 3
        sink = n.following[sink]
    return -1


@compiled
def move_sinks(t: CellArrays, n: NetArrays, net: int, to: int, sinks: Ints, count: int) -> float:
    """Move sinks from a net to another that carries the same signal; give the delay."""
    inputs = n.size[1]
    first = n.cell.shape[0]
    for k in range(count):
        unlink(n, net, sinks[k])
        link(n, to, sinks[k])
        place = n.position[sinks[k] >> 3]
        n.dirty[place] = 1
        first = min(first, place)
    for changed in (net, to):
        load_net(t, n, changed)
        if changed >= inputs:
            place = n.position[changed - inputs]
            n.dirty[place] = 1
            first = min(first, place)
        elif time_input(t, n, changed):
            first = min(first, mark_sinks(n, changed))
    return time_incrementally(t, n, first)


@compiled
def copy_net(n: NetArrays, m: NetArrays) -> None:
    """Copy a netlist with its timing into other arrays of the same room."""
    gates = n.size[0]
    nets = n.size[1] + gates
    m.size[:] = n.size
    m.cell[:gates] = n.cell[:gates]
    m.fanin[:gates] = n.fanin[:gates]
    m.order[:gates] = n.order[:gates]
    m.position[:gates] = n.position[:gates]
    m.head[:nets] = n.head[:nets]
    m.following[: 8 * gates] = n.following[: 8 * gates]
    m.outputs[:] = n.outputs
    m.outside[:nets] = n.outside[:nets]
    m.load[:nets] = n.load[:nets]
    m.arrival[:nets] = n.arrival[:nets]
    m.slew[:nets] = n.slew[:nets]
    m.dirty[:gates] = n.dirty[:gates]
    m.slot[:gates] = n.slot[:gates]
    m.swapped[:gates] = n.swapped[:gates]
    m.tried[:gates] = n.tried[:gates]
