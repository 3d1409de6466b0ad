"""BLIF for ABC: gate netlists bound to a library's cells, and reading mapped BLIF back.

ABC's own reader crashes on files that mix ``.gate`` and ``.names``; what is written here has only
the one or only the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from edarl.errors import NetlistError
from edarl.hdl.netlist import FUNCTIONS, CellBinding, Instance, MappedNetlist, Netlist, port_bits
from edarl.prefix.circuits import Circuit, Port

__all__ = ["bind", "generic_blif", "mapped_blif", "netlist_blif", "read_mapped_blif"]


def generic_blif(netlist: Netlist) -> str:
    """Write a gate netlist as BLIF of truth tables (``.names``), which needs no cell library."""
    covers = {function: _cover(*shape) for function, shape in FUNCTIONS.items()}
    lines = _header(netlist.circuit.name, netlist.circuit.ports())
    for function, inputs, output in netlist.gates:
        lines += [f".names {' '.join((*inputs, output))}", *covers[function]]
    lines.append(".end\n")
    return "\n".join(lines)


def _cover(inputs: int, table: int) -> list[str]:
    """Give the rows of a truth table that are 1, first input leftmost."""
    rows = (row for row in range(1 << inputs) if table >> row & 1)
    return [f"{''.join(str(row >> bit & 1) for bit in range(inputs))} 1" for row in rows]


def netlist_blif(
    netlist: Netlist, bindings: Mapping[str, CellBinding], *, carry_first: bool = False
) -> str:
    """Write a gate netlist as BLIF of library cells.

    Args:
        netlist: The gates.
        bindings: For each gate function the cell that realises it.
        carry_first: Whether the last output is listed before the others, and the inputs bit by
            bit from the most significant one; by default all are in the order of the ports.

    Raises:
        KeyError: A function has no binding; libraries check theirs when they are loaded.
    """
    templates = {
        function: (
            f".gate {binding.cell} "
            + " ".join(f"{pin}=%s" for pin in (*binding.pins, binding.output))
        )
        for function, binding in bindings.items()
    }
    lines = _header(netlist.circuit.name, netlist.circuit.ports(), carry_first=carry_first)
    lines += [templates[function] % (*inputs, output) for function, inputs, output in netlist.gates]
    lines.append(".end\n")
    return "\n".join(lines)


def bind(netlist: Netlist, bindings: Mapping[str, CellBinding]) -> MappedNetlist:
    """Choose the bound cell for every gate, without sizing."""
    instances = []
    for function, inputs, output in netlist.gates:
        binding = bindings[function]
        pins = (*zip(binding.pins, inputs, strict=True), (binding.output, output))
        instances.append(Instance(binding.cell, pins))
    return MappedNetlist(netlist.circuit.name, netlist.circuit.ports(), tuple(instances))


def mapped_blif(netlist: MappedNetlist) -> str:
    """Write a mapped netlist as BLIF with ``.gate`` lines only.

    Raises:
        NetlistError: An output is an alias of another net or a constant, which ABC cannot read
            beside gates.
    """
    if netlist.aliases:
        raise NetlistError(
            f"every output should be driven by a cell, but {netlist.name} has aliases: "
            f"{', '.join(f'{net} = {source}' for net, source in netlist.aliases[:4])}"
        )
    lines = _header(netlist.name, netlist.ports)
    for cell, connections in netlist.instances:
        lines.append(f".gate {cell} " + " ".join(f"{pin}={net}" for pin, net in connections))
    lines.append(".end\n")
    return "\n".join(lines)


def _header(name: str, ports: tuple[Port, ...], *, carry_first: bool = False) -> list[str]:
    buses = [port_bits(port) for port in ports if port.direction == "input"]
    inputs = [bit for bits in buses for bit in bits]
    outputs = [bit for port in ports if port.direction == "output" for bit in port_bits(port)]
    if carry_first:
        by_bit = itertools.zip_longest(*(reversed(bits) for bits in buses))
        inputs = [bit for bits in by_bit for bit in bits if bit is not None]
        outputs = [*outputs[-1:], *outputs[:-1]]
    return [f".model {name}", f".inputs {' '.join(inputs)}", f".outputs {' '.join(outputs)}"]


def read_mapped_blif(text: str, circuit: Circuit) -> MappedNetlist:
    """Read the mapped BLIF that ABC writes for a circuit.

    Internal nets are renamed ``w0``, ``w1``, ... in the order they appear, so that the same netlist
    always gives the same bytes.

    Raises:
        NetlistError: The text is not mapped BLIF of gates, or its ports are not the circuit's.
    """
    ports = circuit.ports()
    expected = {line.split(" ", 1)[0]: line.split() for line in _header(circuit.name, ports)}
    port_nets = {bit for port in ports for bit in port_bits(port)}
    names: dict[str, str] = {net: net for net in port_nets}
    instances: list[Instance] = []
    aliases: list[tuple[str, str]] = []
    lines = [
        line
        for line in text.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    ended = False
    position = 0
    while position < len(lines):
        words = lines[position].split()
        position += 1
        keyword = words[0]
        if keyword == ".gate":
            connections = []
            for pair in words[2:]:
                pin, separator, net = pair.partition("=")
                if not separator:
                    raise NetlistError(f"a pin should read PIN=NET, actual: {pair!r}")
                if net not in names:
                    names[net] = f"w{len(names) - len(port_nets)}"
                connections.append((pin, names[net]))
            instances.append(Instance(words[1], tuple(connections)))
        elif keyword in (".inputs", ".outputs"):
            if sorted(words) != sorted(expected[keyword]):
                raise NetlistError(
                    f"{keyword} should list {' '.join(expected[keyword][1:5])} ..., "
                    f"actual: {' '.join(words[1:5])} ..."
                )
        elif keyword == ".names" and len(words) in (2, 3):
            cover = []
            while position < len(lines) and not lines[position].startswith("."):
                cover.append(lines[position].split())
                position += 1
            aliases.append((words[-1], _alias_source(words, cover, names)))
        elif keyword == ".end":
            ended = True
        elif keyword not in (".model", ".default_input_arrival"):
            raise NetlistError(
                f"mapped BLIF should hold only gates, actual line: {' '.join(words)}"
            )
    if not ended:
        raise NetlistError("mapped BLIF should close with .end: the text is cut short")
    return MappedNetlist(circuit.name, ports, tuple(instances), tuple(aliases))


def _alias_source(words: list[str], cover: list[list[str]], names: Mapping[str, str]) -> str:
    if len(words) == 3 and cover == [["1", "1"]] and words[1] in names:
        return names[words[1]]
    if len(words) == 2 and cover in ([["1"]], [["0"]], []):
        return "1" if cover == [["1"]] else "0"
    raise NetlistError(f"only buffers and constants may stand beside gates, actual: {words}")
