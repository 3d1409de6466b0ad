"""AIGER: a gate netlist as an and-inverter graph, the form that model checkers and ABC exchange.

The binary form of Biere, "The AIGER And-Inverter Graph Format Version 20071012": literal 0 is
false, ``2 * v`` is variable ``v`` and ``2 * v + 1`` its complement; inputs come first, then gates,
each after what it uses. Readers go by order; the symbol table names every port bit.
"""

from __future__ import annotations

import edarl
from edarl.hdl.netlist import FUNCTIONS, Netlist, port_bits

__all__ = ["generic_aiger"]


def generic_aiger(netlist: Netlist) -> bytes:
    """Write a gate netlist as binary AIGER, equal gates shared.

    Args:
        netlist: The gates, drivers before users.

    Returns:
        The file's bytes; inputs and outputs in the order of the circuit's ports.
    """
    ports = netlist.circuit.ports()
    inputs = [bit for port in ports if port.direction == "input" for bit in port_bits(port)]
    outputs = [bit for port in ports if port.direction == "output" for bit in port_bits(port)]
    builder = _Builder(len(inputs))
    literal = {name: 2 * number for number, name in enumerate(inputs, start=1)}
    for function, nets, output in netlist.gates:
        count, table = FUNCTIONS[function]
        values = [literal[net] for net in nets]
        literal[output] = builder.function(values, count, table)
    gates = builder.gates
    total = len(inputs) + len(gates)
    lines = [f"aig {total} {len(inputs)} 0 {len(outputs)} {len(gates)}"]
    lines += [str(literal[name]) for name in outputs]
    data = bytearray("".join(f"{line}\n" for line in lines).encode())
    for number, (low, high) in enumerate(gates, start=len(inputs) + 1):
        data += _varint(2 * number - high) + _varint(high - low)
    names = [f"i{position} {name}" for position, name in enumerate(inputs)]
    names += [f"o{position} {name}" for position, name in enumerate(outputs)]
    comment = ["c", f"{netlist.circuit.name}, written by edarl {edarl.__version__}"]
    return bytes(data) + "".join(f"{line}\n" for line in (*names, *comment)).encode()


class _Builder:
    """Makes AND gates, each pair of literals once.

    Args:
        inputs: Number of inputs, the variables before the gates.
    """

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self.gates: list[tuple[int, int]] = []
        self._known: dict[tuple[int, int], int] = {}

    def conjunction(self, left: int, right: int) -> int:
        """Give the literal of ``left & right``."""
        low, high = sorted((left, right))
        if low == 0 or low ^ 1 == high:
            return 0
        if low == 1 or low == high:
            return high
        if (low, high) not in self._known:
            self.gates.append((low, high))
            self._known[low, high] = 2 * (self._inputs + len(self.gates))
        return self._known[low, high]

    def function(self, values: list[int], count: int, table: int) -> int:
        """Give the literal of a truth table over some literals, the first input the lowest bit."""
        if table == 0:
            return 0
        if table == (1 << (1 << count)) - 1:
            return 1
        half = 1 << (count - 1)
        low, high = table & ((1 << half) - 1), table >> half
        last = values[count - 1]
        if low == high:
            return self.function(values, count - 1, low)
        off = self.function(values, count - 1, low)
        on = self.function(values, count - 1, high)
        if on == 1:  # last | off
            return self.conjunction(last ^ 1, off ^ 1) ^ 1
        if off == 1:  # !last | on
            return self.conjunction(last, on ^ 1) ^ 1
        chosen = self.conjunction(last, on)
        other = self.conjunction(last ^ 1, off)
        return self.conjunction(chosen ^ 1, other ^ 1) ^ 1


def _varint(number: int) -> bytes:
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)
