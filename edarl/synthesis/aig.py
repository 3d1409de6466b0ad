"""And-inverter graphs: the form in which two circuits are compared.

An AIG here is combinational and canonical: its inputs stand in the order that was asked for by
name, every gate stands after what it uses. So two AIGs arranged by the same names can be compared
by order, and nobody has to guess which input belongs to which.

Literals as in the AIGER format (Biere, "The AIGER And-Inverter Graph Format Version 20071012"):
0 is false, 1 is true, ``2 * v`` is variable ``v`` and ``2 * v + 1`` its complement; the inputs are
the variables from 1 on, then come the gates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edarl.errors import ToolOutputError

__all__ = ["Aig", "read_aag"]


@dataclass(frozen=True, slots=True)
class Aig:
    """A combinational and-inverter graph.

    Attributes:
        inputs: Names of the inputs; input ``i`` is variable ``i + 1``.
        outputs: Names of the outputs.
        output_literals: The literal that each output carries.
        gates: The two literals that each gate combines by AND; gate ``k`` is variable
            ``len(inputs) + k + 1`` and uses only variables before it.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_literals: tuple[int, ...]
    gates: tuple[tuple[int, int], ...]

    def simulate(self, inputs: Mapping[str, int], patterns: int) -> dict[str, int]:
        """Compute many input patterns at once.

        Args:
            inputs: For each input an integer whose bit ``p`` is its value in pattern ``p``.
            patterns: Number of patterns, >= 1.

        Returns:
            The same for each output.
        """
        ones = (1 << patterns) - 1
        values = [0, ones]
        for name in self.inputs:
            values += (inputs[name], inputs[name] ^ ones)
        for left, right in self.gates:
            value = values[left] & values[right]
            values += (value, value ^ ones)
        return {
            name: values[literal]
            for name, literal in zip(self.outputs, self.output_literals, strict=True)
        }

    def to_bytes(self) -> bytes:
        """Give the binary AIGER form, without a symbol table: readers go by order."""
        count = len(self.inputs)
        header = f"aig {count + len(self.gates)} {count} 0 {len(self.outputs)} {len(self.gates)}\n"
        data = bytearray(header.encode())
        data += "".join(f"{literal}\n" for literal in self.output_literals).encode()
        for number, gate in enumerate(self.gates, start=count + 1):
            low, high = sorted(gate)
            data += _varint(2 * number - high) + _varint(high - low)
        return bytes(data)


def read_aag(text: str, inputs: Sequence[str], outputs: Sequence[str]) -> Aig:
    """Read the ASCII AIGER form with its symbol table, and arrange it by the given names.

    Args:
        text: What ``write_aiger -ascii -symbols`` wrote.
        inputs: All input names, in the order that the result should have.
        outputs: All output names, in the order that the result should have.

    Raises:
        ToolOutputError: The text is not of that form, has latches, loops or undriven signals, or
            its names are not exactly the given ones.
    """
    try:
        return _read(text, inputs, outputs)
    except (ValueError, IndexError, KeyError) as error:
        raise ToolOutputError(
            f"an AIGER file should have a header, its literals and all names, but it does not: "
            f"{error!r}",
            command="write_aiger",
        ) from error


def _read(text: str, inputs: Sequence[str], outputs: Sequence[str]) -> Aig:
    lines = text.splitlines()
    kind, *numbers = lines[0].split()
    _, input_count, latch_count, output_count, gate_count = (int(word) for word in numbers[:5])
    if kind != "aag" or latch_count or any(int(word) for word in numbers[5:]):
        raise ToolOutputError(
            "an AIGER file should be ASCII and have neither latches nor constraints, "
            f"actual header: {lines[0]!r}",
            command="write_aiger",
        )
    body = [[int(word) for word in line.split()] for line in lines[1 : 1 + input_count]]
    outputs_start = 1 + input_count
    gates_start = outputs_start + output_count
    symbols_start = gates_start + gate_count
    carried = [int(line) for line in lines[outputs_start:gates_start]]
    defined: dict[int, tuple[int, int]] = {}
    for line in lines[gates_start:symbols_start]:
        literal, left, right = (int(word) for word in line.split())
        if literal % 2 or literal // 2 in defined:
            raise ToolOutputError(f"gate {literal} should be defined once", command="write_aiger")
        defined[literal // 2] = (left, right)
    names: dict[str, dict[str, int]] = {"i": {}, "o": {}}
    for line in lines[symbols_start:]:
        if line == "c":
            break
        position, name = line.split(" ", 1)
        names[position[0]][name] = int(position[1:])
    for kind, given in (("i", inputs), ("o", outputs)):
        if len(names[kind]) != len(given) or set(names[kind]) != set(given):
            raise ToolOutputError(
                f"{'inputs' if kind == 'i' else 'outputs'} should be {_shown(given)}, "
                f"actual: {_shown(names[kind])}",
                command="write_aiger",
            )
    if (input_count, output_count) != (len(inputs), len(outputs)):
        raise ToolOutputError(
            f"{len(inputs)} inputs and {len(outputs)} outputs should have names, "
            f"actual: {input_count} inputs and {output_count} outputs in {lines[0]!r}",
            command="write_aiger",
        )
    known = {0: 0}
    for number, name in enumerate(inputs, start=1):
        known[body[names["i"][name]][0] // 2] = number
    wanted = [carried[names["o"][name]] for name in outputs]
    gates = _arrange(defined, known, len(inputs), [literal // 2 for literal in wanted])
    literals = tuple(2 * known[literal // 2] + literal % 2 for literal in wanted)
    return Aig(tuple(inputs), tuple(outputs), literals, gates)


def _arrange(
    defined: Mapping[int, tuple[int, int]], known: dict[int, int], inputs: int, roots: list[int]
) -> tuple[tuple[int, int], ...]:
    """Number the gates that the roots need, users last; fills ``known``."""
    gates: list[tuple[int, int]] = []
    pending: set[int] = set()
    stack = list(reversed(roots))
    while stack:
        variable = stack[-1]
        if variable in known:
            stack.pop()
            continue
        left, right = defined[variable]  # a KeyError is an undriven signal
        missing = [literal // 2 for literal in (left, right) if literal // 2 not in known]
        if missing:
            if variable in pending:
                raise ToolOutputError(
                    "an AIGER file should have no loops, but a gate depends on itself",
                    command="write_aiger",
                )
            pending.add(variable)
            stack += missing
            continue
        gates.append(
            (2 * known[left // 2] + left % 2, 2 * known[right // 2] + right % 2),
        )
        known[variable] = inputs + len(gates)
        stack.pop()
    return tuple(gates)


def _varint(number: int) -> bytes:
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)


def _shown(names: Iterable[object]) -> str:
    listed = sorted(map(str, names))
    return ", ".join(listed[:8]) + (", ..." if len(listed) > 8 else "")
