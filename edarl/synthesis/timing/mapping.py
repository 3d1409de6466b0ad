"""Direct mapping of adders in compiled code: the same gates as `edarl.hdl.mapping`, as arrays.

Beyond that mapping it takes a polarity for every node, a size and a pin order for every gate, and
sinks that hang behind a buffer. All of these belong to *slots*: a slot is the name of a gate that
stays when the graph changes, so that sizes survive a move. Letters: W leaves of the graph, S slots.

Slots: ``kind * W * W + msb * W + lsb`` for the generate (0), propagate (1), inverted generate (2)
and inverted propagate (3) of a node or leaf; then W half sums, W sums and the carry out; then as
many again for the buffers behind the gates of the first S slots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edarl.prefix.design import Design
from edarl.synthesis.timing.arrays import Ints, Longs, NetArrays, allocate
from edarl.synthesis.timing.compiled import compiled, inlined

__all__ = [
    "AdderState",
    "Scratch",
    "adder_netlist",
    "adder_state",
    "bits_of_rows",
    "build_adder",
    "gate_room",
    "scratch_for",
    "sized",
    "slots_of",
]


_INV, _BUF, _NAND, _NOR, _XOR, _XNOR, _AOI, _OAI = 0, 1, 2, 3, 6, 7, 8, 9


class AdderState(NamedTuple):
    """Everything that determines an adder's netlist.

    Attributes:
        flags: [3] carry in, carry out, number of leaves W.
        present: [W, W] nodes of the legal graph, ``[msb, lsb]``; inputs and outputs among them.
        or_bits: [W] leaves whose propagate is formed by OR.
        polarity: [W, W] output polarity of each node, +1 or -1; 0 takes the greedy choice.
        size: [2 S] drive strength of each slot, counted from the smallest cell of its function.
        swapped: [S] whether a gate's first two inputs are exchanged.
        behind: [S, 3] whether a gate's input hangs behind a buffer of its net.
    """

    flags: npt.NDArray[np.int64]
    present: npt.NDArray[np.bool_]
    or_bits: npt.NDArray[np.bool_]
    polarity: npt.NDArray[np.int8]
    size: npt.NDArray[np.int8]
    swapped: npt.NDArray[np.bool_]
    behind: npt.NDArray[np.bool_]


class Scratch(NamedTuple):
    """What building needs beside the state; reused between builds.

    Attributes:
        needed: [2, W, W] whether the generate or propagate of a node is needed.
        net: [2, 2, W, W] net of generate or propagate in negative or positive polarity, -1.
        upper: [W, W] lsb of a node's upper parent.
        level: [W, W] operator level.
        chosen: [W, W] polarity in use.
        ordered: [W * W] nodes by level.
        total: [W + 2] nodes up to each level.
        half: [W] net of each half sum.
        buffer: [G] net of the buffer behind each gate, -1.
    """

    needed: npt.NDArray[np.bool_]
    net: npt.NDArray[np.int32]
    upper: npt.NDArray[np.int32]
    level: npt.NDArray[np.int32]
    chosen: npt.NDArray[np.int8]
    ordered: npt.NDArray[np.int32]
    total: npt.NDArray[np.int32]
    half: npt.NDArray[np.int32]
    buffer: npt.NDArray[np.int32]


def slots_of(leaves: int) -> int:
    """Give the number of slots S."""
    return 4 * leaves * leaves + 2 * leaves + 1


def gate_room(leaves: int, nodes: int) -> int:
    """Give how many gates an adder of so many operator nodes can have, buffers included."""
    return 2 * (3 * leaves + 2 * (nodes + leaves) + 2 * nodes + leaves + 1)


def scratch_for(leaves: int, gates: int) -> Scratch:
    """Give working memory for graphs of so many leaves and netlists of so many gates."""
    square = (leaves, leaves)
    return Scratch(
        needed=np.zeros((2, *square), dtype=np.bool_),
        net=np.full((2, 2, *square), -1, dtype=np.int32),
        upper=np.zeros(square, dtype=np.int32),
        level=np.zeros(square, dtype=np.int32),
        chosen=np.zeros(square, dtype=np.int8),
        ordered=np.zeros(leaves * leaves, dtype=np.int32),
        total=np.zeros(leaves + 2, dtype=np.int32),
        half=np.full(leaves, -1, dtype=np.int32),
        buffer=np.full(gates, -1, dtype=np.int32),
    )


def adder_state(design: Design) -> AdderState:
    """Give an adder design as the compiled code takes it, in smallest cells."""
    circuit, graph = design.circuit, design.graph
    assert circuit.kind == "adder"
    leaves = circuit.leaves
    present = bits_of_rows(graph.rows, leaves)
    slots = slots_of(leaves)
    return AdderState(
        flags=np.array([circuit.carry_in, bool(circuit.carry_out), leaves], dtype=np.int64),
        present=present,
        or_bits=bits_of_rows((design.or_bits,), leaves)[0],
        polarity=np.zeros((leaves, leaves), dtype=np.int8),
        size=np.zeros(2 * slots, dtype=np.int8),
        swapped=np.zeros(slots, dtype=np.bool_),
        behind=np.zeros((slots, 3), dtype=np.bool_),
    )


def bits_of_rows(rows: tuple[int, ...], width: int) -> npt.NDArray[np.bool_]:
    """Give integers as rows of bits, least significant first."""
    size = (width + 7) // 8
    data = b"".join(row.to_bytes(size, "little") for row in rows)
    packed = np.frombuffer(data, dtype=np.uint8).reshape(len(rows), size)
    return np.unpackbits(packed, axis=1, bitorder="little")[:, :width].astype(np.bool_)


def adder_netlist(
    state: AdderState, *, pins: int, driver: int, load_ff: float, nodes: int = 0
) -> tuple[NetArrays, Scratch]:
    """Give empty arrays that are large enough for a state, and scratch to build it.

    Args:
        state: What is to be built.
        pins: Most input pins of a cell of the library.
        driver: Cell that drives the inputs.
        load_ff: Load of every output in fF.
        nodes: Most operator nodes to leave room for, if more than the state has.
    """
    leaves = int(state.flags[2])
    room = gate_room(leaves, max(nodes, int(state.present.sum()) - leaves))
    width = leaves - int(state.flags[0])
    arrays = allocate(
        room,
        2 * width + int(state.flags[0]),
        width + int(state.flags[1]),
        pins=pins,
        driver=driver,
        load_ff=load_ff,
    )
    return arrays, scratch_for(leaves, room)


@compiled
def _need(state: AdderState, s: Scratch) -> None:
    """Find the parents of every node and which generates and propagates some output needs."""
    leaves = state.flags[2]
    present = state.present
    s.needed[:] = False
    last = leaves - 1 if state.flags[1] else leaves - 2
    for m in range(last + 1):
        s.needed[0, m, 0] = True
    for m in range(last, 0, -1):
        above = -1
        # From low lsb to high: children before their upper parent in the same row.
        for lsb in range(m + 1):
            if not present[m, lsb]:
                continue
            if above >= 0 and s.needed[0, m, above]:
                s.upper[m, above] = lsb
                s.needed[0, m, lsb] = True
                s.needed[1, m, lsb] = True
                s.needed[0, lsb - 1, above] = True
                if s.needed[1, m, above]:
                    s.needed[1, lsb - 1, above] = True
            above = lsb


@compiled
def _choose(state: AdderState, s: Scratch) -> None:
    """Choose the polarity of every needed node: as given, else by the greedy rule."""
    leaves = state.flags[2]
    carry_in = state.flags[0]
    s.total[:] = 0
    for m in range(leaves):
        s.level[m, m] = 0
        s.chosen[m, m] = 1 if (m == 0 and carry_in) else -1
        for lsb in range(m - 1, -1, -1):
            if s.needed[0, m, lsb] and state.present[m, lsb]:
                u = s.upper[m, lsb]
                level = 1 + max(s.level[m, u], s.level[u - 1, lsb])
                s.level[m, lsb] = level
                s.total[level + 1] += 1
    for level in range(1, leaves + 1):
        s.total[level + 1] += s.total[level]
    total = s.total[leaves + 1]
    for m in range(leaves):
        for lsb in range(m):
            if s.needed[0, m, lsb] and state.present[m, lsb]:
                level = s.level[m, lsb]
                s.ordered[s.total[level]] = m * leaves + lsb
                s.total[level] += 1
    inverted = s.net[0]  # borrowed: [2, W, W], 1 where an inverter is known to be needed
    inverted[:] = 0
    for number in range(total):
        m = s.ordered[number] // leaves
        lsb = s.ordered[number] % leaves
        if state.polarity[m, lsb] != 0:
            polarity = state.polarity[m, lsb]
        else:
            u = s.upper[m, lsb]
            balance = 0
            for kind in range(2):
                if inverted[kind, m, u] == 0:
                    balance += s.chosen[m, u]
                if (kind == 0 or s.needed[1, m, lsb]) and inverted[kind, u - 1, lsb] == 0:
                    balance += s.chosen[u - 1, lsb]
            if balance == 0:
                polarity = -1 if s.level[m, lsb] % 2 == 0 else 1
            else:
                polarity = -1 if balance > 0 else 1
        s.chosen[m, lsb] = polarity
        u = s.upper[m, lsb]
        for kind in range(2):
            if s.chosen[m, u] == polarity:
                inverted[kind, m, u] = 1
            if (kind == 0 or s.needed[1, m, lsb]) and s.chosen[u - 1, lsb] == polarity:
                inverted[kind, u - 1, lsb] = 1


@inlined
def _emit(
    size: Longs,
    cells: Ints,
    slots: Ints,
    fanin: Ints,
    function: int,
    slot: int,
    x: int,
    y: int,
    z: int,
) -> int:
    """Add a gate, for now with its function in the place of its cell; give its output net."""
    gate = size[0]
    size[0] = gate + 1
    slots[gate] = slot
    cells[gate] = function
    fanin[gate, 0] = x
    fanin[gate, 1] = y
    fanin[gate, 2] = z
    return size[1] + gate


@inlined
def _signal(
    leaves: int,
    nets: Ints,
    size: Longs,
    cells: Ints,
    slots: Ints,
    fanin: Ints,
    kind: int,
    m: int,
    lsb: int,
    positive: int,
) -> int:
    """Give the net of a signal in a polarity, adding the shared inverter where needed."""
    found = nets[kind, positive, m, lsb]
    if found < 0:
        slot = (2 + kind) * leaves * leaves + m * leaves + lsb
        other = nets[kind, 1 - positive, m, lsb]
        found = _emit(size, cells, slots, fanin, _INV, slot, other, -1, -1)
        nets[kind, positive, m, lsb] = found
    return found


@inlined
def sized(families: Ints, function: int, size: int) -> int:
    """Give the cell of a function in a drive strength, or its strongest."""
    size = min(size, families.shape[1] - 1)
    while families[function, size] < 0:
        size -= 1
    return families[function, size]


@compiled
def _settle(state: AdderState, families: Ints, s: Scratch, n: NetArrays) -> None:
    """Choose every gate's cell and pins, and add the buffers that sinks hang behind."""
    gates, inputs = n.size[0], n.size[1]
    buffers, cells, slots, fanin, order = s.buffer, n.cell, n.slot, n.fanin, n.order
    swapped, behind, sizes = state.swapped, state.behind, state.size
    exchanged = n.swapped
    buffers[:gates] = -1
    total = gates
    for gate in range(gates):
        slot = slots[gate]
        exchanged[gate] = swapped[slot] and fanin[gate, 1] >= 0
        if exchanged[gate]:
            first = fanin[gate, 0]
            fanin[gate, 0] = fanin[gate, 1]
            fanin[gate, 1] = first
        for k in range(3):
            if not behind[slot, k]:
                continue
            source = fanin[gate, k] - inputs
            if source < 0:
                continue
            buffer = buffers[source]
            if buffer < 0:
                buffer = total
                total += 1
                name = swapped.shape[0] + slots[source]
                slots[buffer] = name
                exchanged[buffer] = False
                cells[buffer] = sized(families, _BUF, sizes[name])
                fanin[buffer, 0] = inputs + source
                fanin[buffer, 1] = -1
                fanin[buffer, 2] = -1
                buffers[source] = buffer
            fanin[gate, k] = inputs + buffer
        cells[gate] = sized(families, cells[gate], sizes[slot])
    # A buffer stands right behind its source, so that sizing can put any of its sinks behind it.
    placed = 0
    for gate in range(gates):
        order[placed] = gate
        placed += 1
        if buffers[gate] >= 0:
            order[placed] = buffers[gate]
            placed += 1
    n.size[0] = total


@compiled
def build_adder(state: AdderState, families: Ints, s: Scratch, n: NetArrays) -> None:
    """Build the gates of an adder; the netlist is neither linked nor timed.

    Args:
        state: What to build.
        families: [functions, F] cells of each function from small to large, -1 at the end.
        s: Scratch for as many leaves.
        n: Arrays with enough room; what they held is overwritten.
    """
    carry_in, carry_out, leaves = state.flags[0], state.flags[1], state.flags[2]
    width = leaves - carry_in
    square = leaves * leaves
    _need(state, s)
    _choose(state, s)
    # Arrays that are fetched from a tuple within a loop are counted each time: fetch them once.
    nets, needed, upper, chosen, half_sums = s.net, s.needed, s.upper, s.chosen, s.half
    present, or_bits = state.present, state.or_bits
    size, cells, slots, fanin, outputs, outside = (
        n.size,
        n.cell,
        n.slot,
        n.fanin,
        n.outputs,
        n.outside,
    )
    load = n.output_load[0]
    size[0] = 0
    size[3] = state.swapped.shape[0]
    nets[:] = -1
    half_sums[:] = -1
    if carry_in:
        nets[0, 1, 0, 0] = 2 * width
    for bit in range(width):
        m = bit + carry_in
        a, b = bit, width + bit
        if not needed[0, m, m]:
            if m > 0:
                half_sums[bit] = _emit(size, cells, slots, fanin, _XNOR, 4 * square + bit, a, b, -1)
            continue
        generate = _emit(size, cells, slots, fanin, _NAND, m * leaves + m, a, b, -1)
        nets[0, 0, m, m] = generate
        needs_p = needed[1, m, m]
        if needs_p and or_bits[m]:
            nets[1, 0, m, m] = _emit(
                size, cells, slots, fanin, _NOR, square + m * leaves + m, a, b, -1
            )
            needs_p = False
        if m == 0:
            continue
        half = _emit(size, cells, slots, fanin, _OAI, 4 * square + bit, a, b, generate)
        half_sums[bit] = half
        if needs_p:
            nets[1, 0, m, m] = half
    for m in range(1, leaves):
        for lsb in range(m - 1, -1, -1):
            if not (present[m, lsb] and needed[0, m, lsb]):
                continue
            u = upper[m, lsb]
            positive = 1 if chosen[m, lsb] > 0 else 0
            x = _signal(leaves, nets, size, cells, slots, fanin, 1, m, u, 1 - positive)
            y = _signal(leaves, nets, size, cells, slots, fanin, 0, u - 1, lsb, 1 - positive)
            z = _signal(leaves, nets, size, cells, slots, fanin, 0, m, u, 1 - positive)
            slot = m * leaves + lsb
            generate = _emit(size, cells, slots, fanin, _OAI if positive else _AOI, slot, x, y, z)
            if needed[1, m, lsb]:
                y = _signal(leaves, nets, size, cells, slots, fanin, 1, u - 1, lsb, 1 - positive)
                nets[1, positive, m, lsb] = _emit(
                    size, cells, slots, fanin, _NOR if positive else _NAND, square + slot, x, y, -1
                )
            nets[0, positive, m, lsb] = generate
    outside[:] = 0.0
    for bit in range(width):
        m = bit + carry_in
        slot = 4 * square + leaves + bit
        if m == 0:
            net = _emit(size, cells, slots, fanin, _XOR, slot, 0, width, -1)
        else:
            net = nets[0, 1, m - 1, 0]
            function = _XNOR
            if net < 0:
                net = nets[0, 0, m - 1, 0]
                function = _XOR
            net = _emit(size, cells, slots, fanin, function, slot, half_sums[bit], net, -1)
        outputs[bit] = net
        outside[net] = load
    if carry_out:
        slot = 4 * square + 2 * leaves
        net = nets[0, 1, leaves - 1, 0]
        function = _BUF
        if net < 0:
            net = nets[0, 0, leaves - 1, 0]
            function = _INV
        net = _emit(size, cells, slots, fanin, function, slot, net, -1, -1)
        outputs[width] = net
        outside[net] = load
    _settle(state, families, s, n)
