"""Figures of a netlist before it is sized, in compiled code: what `features` gives by name.

What sizing will cost can be guessed from the netlist in smallest cells: how slow it is, how many
gates are on slow paths and what they drive, how much delay is missing up to the target. The same
figures with all gates one size up tell which of it larger cells will mend. Reading them takes about
a tenth of the time of the quickest sizing.

Loads are counted in *inverters*, the input capacitance of the library's smallest one, and steps of
time are shares of the netlist's own delay, so that a figure means the same in every library.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edarl.synthesis.timing.arrays import CellArrays, Floats, Ints, NetArrays
from edarl.synthesis.timing.compiled import compiled
from edarl.synthesis.timing.mapping import AdderState, Scratch, build_adder, sized
from edarl.synthesis.timing.sizing import orient
from edarl.synthesis.timing.timer import link_sinks, require, slack, time_fully

__all__ = [
    "FEATURE_NAMES",
    "PLANE_NAMES",
    "adder_features",
    "adder_planes",
    "netlist_features",
    "netlist_planes",
]

_INV, _AOI, _OAI = 0, 8, 9

_STATIC = (
    "area",
    "gates",
    "inverters",
    "compound_gates",
    "largest_load",
    "rms_load",
    "load_above_5",
    "load_above_10",
)
_TIMED = (
    "delay",
    "mean_arrival",
    "latest_outputs",
    "late_outputs",
    "outputs_overrun",
    "area_within_3",
    "area_within_10",
    "area_within_20",
    "load_within_3",
    "area_too_slow",
    "missing",
    "area_missing",
    "load_missing",
    "critical_area",
    "critical_load",
)
FEATURE_NAMES = (
    *(f"smallest_{name}" for name in (*_STATIC, *_TIMED)),
    *(f"larger_{name}" for name in _TIMED),
)
"""The features in their order: ``smallest`` in smallest cells, ``larger`` one size up.

- ``area`` in um2; ``gates``, ``inverters`` and ``compound_gates`` (AOI21, OAI21) are counts.
- ``largest_load``, ``rms_load``: over the nets that gates drive, in inverters; ``load_above_5`` and
  ``load_above_10``: the sum of what nets carry beyond 5 and 10 inverters.
- ``delay``, ``mean_arrival``: of the circuit, and over its outputs, in ps.
- ``latest_outputs``, ``late_outputs``: outputs counted as exp(-distance to the latest / (2 %, 6 %
  of the delay)).
- ``outputs_overrun``: the sum over the outputs of what they are too late for the target, as a share
  of the target.
- ``area_within_3`` and so on: area in um2, or load in inverters, of gates whose slack is less than
  so many percent of the delay.
- ``area_too_slow``: area of the gates that miss the target. ``missing``: the sum of what they miss
  as a share of the target, alone and times area or load.
- ``critical_area``, ``critical_load``: counted as exp(-slack / (5 % of the delay)).
"""

PLANE_NAMES = ("arrival", "slack", "load", "inverters", "slack_to_target", "critical")
"""The planes in their order, 0 where no gate computes a node; see `features.Physics.planes`."""

_Planes = npt.NDArray[np.float32]
_Polarities = npt.NDArray[np.int8]


@compiled
def _resize(t: CellArrays, n: NetArrays, size: int) -> None:
    """Give every gate its function's cell of one strength, or the strongest."""
    cells, functions, family = n.cell, t.function, t.family
    for gate in range(n.size[0]):
        cells[gate] = sized(family, functions[cells[gate]], size)


@compiled
def _inverter_load(t: CellArrays) -> float:
    """Give the input capacitance of the smallest inverter in fF."""
    cell = t.family[_INV, 0]
    return max(t.cap[cell, 0, 0], t.cap[cell, 0, 1])


@compiled
def _static(t: CellArrays, n: NetArrays, out: Floats) -> None:
    """Fill in what does not depend on time."""
    gates, inputs = n.size[0], n.size[1]
    unit = _inverter_load(t)
    cells, functions, areas, loads = n.cell, t.function, t.area, n.load
    area = largest = squares = above_5 = above_10 = 0.0
    inverters = compound = 0
    for gate in range(gates):
        cell = cells[gate]
        function = functions[cell]
        area += areas[cell]
        inverters += function == _INV
        compound += function in (_AOI, _OAI)
        load = max(loads[inputs + gate, 0], loads[inputs + gate, 1]) / unit
        largest = max(largest, load)
        squares += load * load
        above_5 += max(load - 5.0, 0.0)
        above_10 += max(load - 10.0, 0.0)
    out[0] = area
    out[1] = gates
    out[2] = inverters
    out[3] = compound
    out[4] = largest
    out[5] = math.sqrt(squares / gates)
    out[6] = above_5
    out[7] = above_10


@compiled
def _timed(t: CellArrays, n: NetArrays, delay: float, target: float, out: Floats) -> None:
    """Fill in what depends on arrivals; the netlist is timed, and required to take its delay."""
    gates, inputs, outputs = n.size[0], n.size[1], n.size[2]
    unit = _inverter_load(t)
    cells, areas, loads, arrival, drives = n.cell, t.area, n.load, n.arrival, n.outputs
    out[:] = 0.0
    out[0] = delay
    for k in range(outputs):
        latest = max(arrival[drives[k], 0], arrival[drives[k], 1])
        out[1] += latest / outputs
        out[2] += math.exp((latest - delay) / (0.02 * delay))
        out[3] += math.exp((latest - delay) / (0.06 * delay))
        out[4] += max(latest - target, 0.0) / target
    for gate in range(gates):
        net = inputs + gate
        area = areas[cells[gate]]
        load = max(loads[net, 0], loads[net, 1]) / unit
        spare = slack(n, net)
        if spare < 0.2 * delay:
            out[7] += area
            if spare < 0.1 * delay:
                out[6] += area
                if spare < 0.03 * delay:
                    out[5] += area
                    out[8] += load
        missing = (delay - target - spare) / target
        if missing > 0.0:
            out[9] += area
            out[10] += missing
            out[11] += missing * area
            out[12] += missing * load
        critical = math.exp(-max(spare, 0.0) / (0.05 * delay))
        out[13] += critical * area
        out[14] += critical * load


@compiled
def _in_smallest_cells(t: CellArrays, n: NetArrays) -> float:
    """Time a linked netlist in smallest cells, later inputs on faster pins; give its delay."""
    _resize(t, n, 0)
    time_fully(t, n)
    delay = orient(t, n)
    require(t, n, delay)
    return delay


@compiled
def netlist_features(t: CellArrays, n: NetArrays, target: float, out: Floats) -> None:
    """Fill in the features of a netlist in the order of `FEATURE_NAMES`.

    Args:
        t: The cells.
        n: A netlist of cells that are in families; what it was sized to is lost.
        target: The delay to meet in ps, > 0.
        out: [features] filled.
    """
    link_sinks(t, n)
    _resize(t, n, 1)
    delay = time_fully(t, n)
    require(t, n, delay)
    _timed(t, n, delay, target, out[23:])
    delay = _in_smallest_cells(t, n)
    _static(t, n, out[:8])
    _timed(t, n, delay, target, out[8:23])


@compiled
def adder_features(
    t: CellArrays, state: AdderState, s: Scratch, n: NetArrays, target: float, out: Floats
) -> None:
    """Build an adder and fill in its features; see `netlist_features`."""
    build_adder(state, t.family, s, n)
    netlist_features(t, n, target, out)


@compiled
def netlist_planes(
    t: CellArrays, n: NetArrays, nets: Ints, chosen: _Polarities, target: float, out: _Planes
) -> None:
    """Fill in the planes of a netlist in the order of `PLANE_NAMES`.

    Args:
        t: The cells.
        n: A netlist of cells that are in families; what it was sized to is lost.
        nets: [2, 2, W, W] net of the generate or propagate of node ``[msb, lsb]`` in negative or
            positive polarity, -1 where there is none.
        chosen: [W, W] polarity in which a node was built, > 0 for positive; the other one is that
            of its inverters.
        target: The delay to meet in ps, > 0.
        out: [planes, W, W] filled.
    """
    link_sinks(t, n)
    delay = _in_smallest_cells(t, n)
    unit = _inverter_load(t)
    arrivals, loads = n.arrival, n.load
    out[:] = 0.0
    for m in range(nets.shape[2]):
        for lsb in range(m + 1):
            positive = 1 if chosen[m, lsb] > 0 else 0
            arrival = load = inverters = 0.0
            spare = delay  # what nothing waits for has at most the whole delay to spare
            for kind in range(2):
                net = nets[kind, positive, m, lsb]
                if net < 0:
                    continue
                arrival = max(arrival, arrivals[net, 0], arrivals[net, 1])
                spare = min(spare, slack(n, net))
                load = max(load, loads[net, 0], loads[net, 1])
                inverters += nets[kind, 1 - positive, m, lsb] >= 0
            if nets[0, positive, m, lsb] < 0:
                continue
            out[0, m, lsb] = arrival / target
            out[1, m, lsb] = spare / delay
            out[2, m, lsb] = load / unit
            out[3, m, lsb] = inverters
            out[4, m, lsb] = (spare - delay + target) / target
            out[5, m, lsb] = math.exp(-max(spare, 0.0) / (0.05 * delay))


@compiled
def adder_planes(
    t: CellArrays, state: AdderState, s: Scratch, n: NetArrays, target: float, out: _Planes
) -> None:
    """Build an adder and fill in its planes; see `netlist_planes`."""
    build_adder(state, t.family, s, n)
    netlist_planes(t, n, s.net, s.chosen, target, out)
