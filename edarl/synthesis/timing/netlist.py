"""Netlists of gates or cells as arrays, and back.

Letters as in `edarl.synthesis.timing.arrays`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edarl.errors import NetlistError
from edarl.hdl.netlist import FUNCTIONS, Instance, MappedNetlist, Netlist, port_bits
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit, Port
from edarl.synthesis.timing.arrays import MAX_PINS, NetArrays, allocate
from edarl.synthesis.timing.tables import TimingLibrary

__all__ = ["FUNCTION_INDEX", "driver_cell", "from_gates", "from_mapped", "to_mapped"]

FUNCTION_INDEX = {name: index for index, name in enumerate(FUNCTIONS)}
"""The number by which the compiled code knows each gate function."""


def from_mapped(
    netlist: MappedNetlist, timing: TimingLibrary, constraint: Constraint, *, spare: int = 0
) -> NetArrays:
    """Give a netlist of library cells as arrays, neither linked nor timed.

    Args:
        netlist: Cells in any order; every output port bit driven by a cell or an alias of a net.
        timing: The library.
        constraint: What surrounds it.
        spare: Gates to leave room for.

    Raises:
        NetlistError: A cell is not in the library, has no tables or too many inputs, a pin is not
            connected, a net has no driver or two, an output is a constant, or the cells form a
            loop.
    """
    inputs = _port_nets(netlist.ports, "input")
    outputs = _port_nets(netlist.ports, "output")
    unknown = sorted({entry.cell for entry in netlist.instances} - timing.index.keys())
    if unknown:
        raise NetlistError(
            f"netlist {netlist.name} has cells that library {timing.library.name} has no timing "
            f"for: {', '.join(unknown)}"
        )
    tables = timing.tables
    wide = sorted(
        {entry.cell for entry in netlist.instances}
        & {timing.cells[cell] for cell in np.flatnonzero(tables.inputs > MAX_PINS).tolist()}
    )
    if wide:
        raise NetlistError(
            f"netlist {netlist.name} has cells of more inputs than the {MAX_PINS} that the timer "
            f"takes: {', '.join(wide)}"
        )
    count = len(netlist.instances)
    arrays = allocate(
        count + spare,
        len(inputs),
        len(outputs),
        pins=tables.cap.shape[1],
        driver=driver_cell(timing, constraint),
        load_ff=constraint.load_ff,
    )
    cells = [timing.index[entry.cell] for entry in netlist.instances]
    nets = {name: number for number, name in enumerate(inputs)}
    connections = [dict(entry.connections) for entry in netlist.instances]
    for gate, (cell, pins) in enumerate(zip(cells, connections, strict=True)):
        output = pins.get(timing.outputs[cell])
        if output is None or nets.setdefault(output, len(inputs) + gate) != len(inputs) + gate:
            raise NetlistError(
                f"cell {gate} of {netlist.name} ({timing.cells[cell]}) should drive a net of its "
                f"own, actual: {output}"
            )
    for net, source in netlist.aliases:
        if source not in nets:
            raise NetlistError(f"output {net} of {netlist.name} should be driven by a cell")
        nets[net] = nets[source]
    for gate, (cell, pins) in enumerate(zip(cells, connections, strict=True)):
        arrays.cell[gate] = cell
        for k, pin in enumerate(timing.pins[cell]):
            if pins.get(pin) not in nets:
                raise NetlistError(
                    f"pin {pin} of cell {gate} of {netlist.name} ({timing.cells[cell]}) should be "
                    f"on a driven net, actual: {pins.get(pin)}"
                )
            arrays.fanin[gate, k] = nets[pins[pin]]
    _finish(arrays, count, [nets.get(name, -1) for name in outputs], constraint, netlist.name)
    return arrays


def from_gates(
    netlist: Netlist, timing: TimingLibrary, constraint: Constraint, *, spare: int = 0
) -> NetArrays:
    """Give gates as arrays of each function's smallest cell, neither linked nor timed.

    Raises:
        NetlistError: An output is not driven by a gate.
    """
    ports = netlist.circuit.ports()
    inputs, outputs = _port_nets(ports, "input"), _port_nets(ports, "output")
    count = len(netlist.gates)
    tables = timing.tables
    arrays = allocate(
        count + spare,
        len(inputs),
        len(outputs),
        pins=tables.cap.shape[1],
        driver=driver_cell(timing, constraint),
        load_ff=constraint.load_ff,
    )
    nets = {name: number for number, name in enumerate(inputs)}
    for gate, (function, sources, output) in enumerate(netlist.gates):
        arrays.cell[gate] = timing.families[FUNCTION_INDEX[function]][0]
        for k, source in enumerate(sources):
            arrays.fanin[gate, k] = nets[source]
        nets[output] = len(inputs) + gate
    driven = [nets.get(name, -1) for name in outputs]
    _finish(arrays, count, driven, constraint, netlist.circuit.name)
    return arrays


def to_mapped(arrays: NetArrays, timing: TimingLibrary, circuit: Circuit) -> MappedNetlist:
    """Give arrays as a netlist of library cells, drivers before users.

    Raises:
        NetlistError: Two outputs share a net, or an output is an input.
    """
    ports = circuit.ports()
    inputs, outputs = _port_nets(ports, "input"), _port_nets(ports, "output")
    count = int(arrays.size[0])
    names = dict(enumerate(inputs))
    for net, name in zip(arrays.outputs.tolist(), outputs, strict=True):
        if net in names:
            raise NetlistError(f"output {name} should have a cell of its own, not share net {net}")
        names[net] = name
    instances = []
    order = arrays.order[:count].tolist()
    for number, gate in enumerate(order):
        names.setdefault(len(inputs) + gate, f"w{number}")
    for gate in order:
        cell = int(arrays.cell[gate])
        pins = [(pin, names[int(arrays.fanin[gate, k])]) for k, pin in enumerate(timing.pins[cell])]
        output = (timing.outputs[cell], names[len(inputs) + gate])
        instances.append(Instance(timing.cells[cell], (*pins, output)))
    return MappedNetlist(circuit.name, ports, tuple(instances))


def _finish(
    arrays: NetArrays, count: int, outputs: Sequence[int], constraint: Constraint, name: str
) -> None:
    """Set the outputs and put the gates in order."""
    if -1 in outputs:
        raise NetlistError(f"every output of {name} should be driven by a cell")
    arrays.size[0] = arrays.size[3] = count
    arrays.slot[:count] = range(count)
    arrays.outputs[:] = outputs
    for net in outputs:
        arrays.outside[net] += constraint.load_ff
    inputs = int(arrays.size[1])
    waiting = [len({int(net) for net in fanin if net >= inputs}) for fanin in arrays.fanin[:count]]
    users: dict[int, list[int]] = {}
    for gate in range(count):
        for net in {int(net) for net in arrays.fanin[gate] if net >= inputs}:
            users.setdefault(net - inputs, []).append(gate)
    ready = [gate for gate in range(count) if not waiting[gate]]
    for number, gate in enumerate(ready):
        arrays.order[number] = gate
        for user in users.get(gate, ()):
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if len(ready) != count:
        raise NetlistError(f"{name} should have no loop, but {count - len(ready)} cells are on one")


def driver_cell(timing: TimingLibrary, constraint: Constraint) -> int:
    """Give the number of the cell that drives the inputs.

    Raises:
        NetlistError: It has no timing.
    """
    found = timing.index.get(constraint.driver_cell)
    if found is None:
        raise NetlistError(
            f"library {timing.library.name} has no timing for the driver {constraint.driver_cell}"
        )
    return found


def _port_nets(ports: Sequence[Port], direction: str) -> list[str]:
    return [bit for port in ports if port.direction == direction for bit in port_bits(port)]
