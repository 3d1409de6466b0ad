"""Netlists as plain data: gates by function before a library is chosen, cells by name after.

Net names are Verilog-like: a port bit is ``a[3]`` (or ``cin`` for a one-bit port), everything else
a simple identifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from edarl.prefix.circuits import Circuit, Port

__all__ = ["FUNCTIONS", "CellBinding", "Gate", "Instance", "MappedNetlist", "Netlist", "port_bits"]

FUNCTIONS: Mapping[str, tuple[int, int]] = {
    # name: (number of inputs, truth table; bit i is the output when the inputs spell i, first
    # input least significant)
    "INV": (1, 0b01),
    "BUF": (1, 0b10),
    "NAND2": (2, 0b0111),
    "NOR2": (2, 0b0001),
    "AND2": (2, 0b1000),
    "OR2": (2, 0b1110),
    "XOR2": (2, 0b0110),
    "XNOR2": (2, 0b1001),
    "AOI21": (3, 0b00000111),  # !(x & y | z)
    "OAI21": (3, 0b00011111),  # !((x | y) & z)
}
"""The gate functions that circuits are built from: inputs x, y, z in this order."""


class Gate(NamedTuple):
    """One gate: a function of `FUNCTIONS`, its input nets in that order, its output net."""

    function: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Netlist:
    """A circuit as gates, drivers before users. A port's bits are nets named by `port_bits`."""

    circuit: Circuit
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class CellBinding:
    """How a library realises one gate function.

    Attributes:
        cell: The cell's name.
        pins: Its input pins in the order of the function's inputs.
        output: Its output pin.
    """

    cell: str
    pins: tuple[str, ...]
    output: str


class Instance(NamedTuple):
    """One library cell: its name and its (pin, net) pairs."""

    cell: str
    connections: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MappedNetlist:
    """A netlist of library cells, as a synthesis flow leaves it.

    Attributes:
        name: Module name.
        ports: The ports in header order.
        instances: The cells.
        aliases: (net, source) pairs: ``net`` carries the same signal as ``source``, which may be
            ``"0"`` or ``"1"``. Only output port bits are ever aliased.
    """

    name: str
    ports: tuple[Port, ...]
    instances: tuple[Instance, ...]
    aliases: tuple[tuple[str, str], ...] = ()


def port_bits(port: Port) -> tuple[str, ...]:
    """Give the net names of a port, least significant bit first."""
    if port.width == 1:
        return (port.name,)
    return tuple(f"{port.name}[{bit}]" for bit in range(port.width))
