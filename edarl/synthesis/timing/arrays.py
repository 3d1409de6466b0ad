"""The arrays of one netlist, which the compiled timer and sizer work on.

Letters: G gates there is room for, N = inputs + G nets, P the most input pins of a cell. Net ``n``
is primary input ``n`` for ``n < inputs`` and the output of gate ``n - inputs`` otherwise. Sink
``s`` is input pin ``s % 8`` of gate ``s // 8``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edarl.synthesis.timing.tables import Tables, TimingLibrary

__all__ = [
    "MAX_PINS",
    "CellArrays",
    "Flags",
    "Floats",
    "Ints",
    "Longs",
    "NetArrays",
    "View",
    "allocate",
    "cell_arrays",
]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


MAX_PINS = 8
"""The most input pins that a cell may have; a power of two, so that sinks come apart by shifts."""

_RISE_TO_RISE, _FALL_TO_RISE = 0, 2
"""Two values of `Tables.arc_edges`."""


View = Literal["opensta", "abc", "cautious"]
"""Whose delays the timer gives. ABC merges the conditional arcs of a pin, which changes delays by
up to some percent where a cell has such arcs of both senses, as an XOR has. ``cautious`` has the
arcs of both: a netlist that is fast enough for it is fast enough for either."""


class CellArrays(NamedTuple):
    """A library's cells as the compiled code reads them.

    Letters: C cells, A arcs, S and L breakpoints of the slew and load axes.

    Attributes:
        area: [C] in um2.
        function: [C] number of the gate function, -1 for none of ours.
        inputs: [C] number of input pins.
        cap: [C, P, 2] pin capacitance on a rising and a falling edge, in fF.
        slew_axis: [C, S] in ps.
        load_axis: [C, L] in fF.
        slew_step: [C, S - 1] one by the width of each segment.
        load_step: [C, L - 1] one by the width of each segment.
        arc_start: [C * P * 2 + 1] first arc by cell, pin and output edge.
        arc_falls: [A] whether an arc is for a falling input.
        values: [A * S * L * 2] delay and slew tables in ps.
        idle: [A] delay from a step without load, in ps.
        family: [F, M] cells of each function from small to large, -1 at the end.
        rank: [C] place of each cell in its family, -1 where it is in none.
    """

    area: Floats
    function: Ints
    inputs: Ints
    cap: Floats
    slew_axis: Floats
    load_axis: Floats
    slew_step: Floats
    load_step: Floats
    arc_start: Ints
    arc_falls: Ints
    values: Floats
    idle: Floats
    family: Ints
    rank: Ints


def _without_padding(t: Tables) -> Tables:
    """Give every cell as many breakpoints as the longest axis has, the added ones extrapolated.

    Linear extrapolation to a further breakpoint changes no lookup, and the compiled code can treat
    all cells alike.
    """
    pins = t.cap.shape[1]
    slew_axis, load_axis, values = t.slew_axis.copy(), t.load_axis.copy(), t.values.astype(float)
    for cell in range(len(t.area)):
        arcs = slice(t.arc_start[cell * pins], t.arc_start[(cell + 1) * pins])
        for axis, count, table in (
            (slew_axis[cell], t.slew_count[cell], values[arcs]),
            (load_axis[cell], t.load_count[cell], values[arcs].swapaxes(1, 2)),
        ):
            for k in range(count, len(axis)):
                axis[k] = 2 * axis[k - 1] - axis[k - 2]
                table[:, k] = 2 * table[:, k - 1] - table[:, k - 2]
    return t._replace(slew_axis=slew_axis, load_axis=load_axis, values=values)


def _merged(t: Tables, *, keep_other_senses: bool) -> Tables:
    """Merge each pin's arcs as ABC does; with ``keep_other_senses`` without dropping any sense.

    ABC knows one arc per input pin: the sense is that of the pin's first timing group, and each
    table has the largest value of all groups at every breakpoint. So where conditional groups are
    of both senses, as those of an XOR, an output edge waits for the wrong input edge.
    """
    starts, edges, values = [0], [], []
    for key in range(len(t.arc_start) - 1):
        own = slice(t.arc_start[key], t.arc_start[key + 1])
        order, grids = t.arc_edges[own].tolist(), t.values[own]
        # Arcs stand in the order of their groups: a rising output first, the same edge first.
        both = order[:2] == [_RISE_TO_RISE, _FALL_TO_RISE] and np.array_equal(grids[0], grids[1])
        for out in (0, 1) if order else ():
            largest = grids[[edge & 1 == out for edge in order]].max(axis=0)
            follows = order[0] == _RISE_TO_RISE
            for before in (0, 1) if both else (out if follows else 1 - out,):
                edges.append(2 * before + out)
                values.append(largest)
        if keep_other_senses:
            there = set(edges[starts[-1] :])
            for edge, grid in zip(order, grids, strict=True):
                if edge not in there:
                    edges.append(edge)
                    values.append(grid)
        starts.append(len(edges))
    return t._replace(
        arc_start=np.array(starts), arc_edges=np.array(edges), values=np.array(values)
    )


def cell_arrays(timing: TimingLibrary, view: View = "opensta") -> CellArrays:
    """Give a library as the compiled code reads it.

    Args:
        timing: The library.
        view: Whose delays to give.
    """
    tables = timing.tables
    if view != "opensta":
        tables = _merged(tables, keep_other_senses=view == "cautious")
    t = _without_padding(tables)
    cells, pins = t.cap.shape[:2]
    order: list[int] = []
    starts = [0]
    for key in range(cells * pins):
        arcs = range(t.arc_start[key], t.arc_start[key + 1])
        for edge in range(2):
            order += [arc for arc in arcs if t.arc_edges[arc] & 1 == edge]
            starts.append(len(order))
    family = np.full((len(timing.families), 1 + max(map(len, timing.families))), -1, np.int32)
    rank = np.full(cells, -1, np.int32)
    for row, members in zip(family, timing.families, strict=True):
        row[: len(members)] = members
        rank[list(members)] = range(len(members))
    owner = np.repeat(np.arange(cells), np.diff(t.arc_start[::pins]))[order]
    values = t.values[order].astype(np.float64)
    slew_step = 1 / np.diff(t.slew_axis, axis=1)
    load_step = 1 / np.diff(t.load_axis, axis=1)
    # Bilinear in the first segments, at slew and load 0.
    x = -(t.slew_axis[:, 0] * slew_step[:, 0])[owner]
    y = -(t.load_axis[:, 0] * load_step[:, 0])[owner]
    corners = values[:, :2, :2, 0]
    by_slew = corners[:, :, 0] + y[:, None] * (corners[:, :, 1] - corners[:, :, 0])
    idle = by_slew[:, 0] + x * (by_slew[:, 1] - by_slew[:, 0])
    return CellArrays(
        area=t.area.astype(np.float64),
        function=t.function.astype(np.int32),
        inputs=t.inputs.astype(np.int32),
        cap=np.ascontiguousarray(t.cap, dtype=np.float64),
        slew_axis=np.ascontiguousarray(t.slew_axis, dtype=np.float64),
        load_axis=np.ascontiguousarray(t.load_axis, dtype=np.float64),
        slew_step=slew_step,
        load_step=load_step,
        arc_start=np.array(starts, dtype=np.int32),
        arc_falls=(t.arc_edges[order] >> 1).astype(np.int32),
        values=values.ravel(),
        idle=idle,
        family=family,
        rank=rank,
    )


class NetArrays(NamedTuple):
    """One netlist with its timing; the compiled code changes the arrays in place.

    Attributes:
        size: [4] number of gates, of primary inputs, of primary outputs, of slots.
        cell: [G] library cell of each gate.
        fanin: [G, P] net on each input pin.
        order: [G] gates, drivers before users.
        position: [G] where each gate stands in ``order``.
        head: [N] first sink of each net, -1 for none.
        following: [G * 8] next sink of the same net, -1 at the end.
        outputs: [O] net of each primary output.
        outside: [N] capacitance outside of the circuit on each net, in fF.
        driver: [1] cell that drives every primary input.
        output_load: [1] load of every primary output, in fF.
        load: [N, 2] capacitance on each net for a rising and a falling edge, in fF.
        arrival: [N, 2] latest rising and falling arrival in ps.
        slew: [N, 2] largest rising and falling slew in ps.
        required: [N, 2] latest allowed rising and falling arrival in ps.
        dirty: [G] scratch of the incremental timer: positions that wait.
        slot: [G] name of each gate that outlives the netlist; with the number of slots added it
            names the buffer behind that gate.
        swapped: [G] whether the first two inputs are exchanged.
        tried: [G, 2] until when exchanging inputs, or buffering the output, is not tried again.
    """

    size: Longs
    cell: Ints
    fanin: Ints
    order: Ints
    position: Ints
    head: Ints
    following: Ints
    outputs: Ints
    outside: Floats
    driver: Ints
    output_load: Floats
    load: Floats
    arrival: Floats
    slew: Floats
    required: Floats
    dirty: npt.NDArray[np.uint8]
    slot: Ints
    swapped: Flags
    tried: Ints


def allocate(
    gates: int, inputs: int, outputs: int, *, pins: int, driver: int, load_ff: float
) -> NetArrays:
    """Give an empty netlist with room for ``gates`` gates."""
    nets = inputs + gates
    return NetArrays(
        size=np.array([0, inputs, outputs, 0], dtype=np.int64),
        cell=np.zeros(gates, dtype=np.int32),
        fanin=np.full((gates, pins), -1, dtype=np.int32),
        order=np.zeros(gates, dtype=np.int32),
        position=np.zeros(gates, dtype=np.int32),
        head=np.full(nets, -1, dtype=np.int32),
        following=np.full(gates * MAX_PINS, -1, dtype=np.int32),
        outputs=np.zeros(outputs, dtype=np.int32),
        outside=np.zeros(nets),
        driver=np.array([driver], dtype=np.int32),
        output_load=np.array([load_ff]),
        load=np.zeros((nets, 2)),
        arrival=np.zeros((nets, 2)),
        slew=np.zeros((nets, 2)),
        required=np.zeros((nets, 2)),
        dirty=np.zeros(gates, dtype=np.uint8),
        slot=np.full(gates, -1, dtype=np.int32),
        swapped=np.zeros(gates, dtype=np.bool_),
        tried=np.zeros((gates, 2), dtype=np.int32),
    )
