"""The circuits that a prefix graph can compute: one table entry per kind.

An entry says which ports a circuit has, which operator its nodes compute, in which direction the
graph's index runs, which prefixes an output needs, and what the outputs are in plain arithmetic
(the Python reference; `edarl.hdl.reference` has the Verilog one).

Leaves: leaf ``j`` of the graph is bit ``j`` of the operands, or bit ``width - 1 - j`` for circuits
that look down from the most significant bit. A carry-in is one extra leaf, at position 0.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from edarl.errors import ConfigError
from edarl.prefix.graph import MAX_WIDTH, MIN_WIDTH

__all__ = ["KINDS", "Circuit", "Kind", "Operator", "Port"]

Operator = Literal["carry", "and", "or", "xor"]
"""``carry`` works on (generate, propagate) pairs; the others on single bits."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the circuit: name, direction, width in bits."""

    name: str
    direction: Literal["input", "output"]
    width: int


@dataclass(frozen=True, slots=True)
class Kind:
    """One table entry.

    Attributes:
        name: How users name it.
        summary: What it computes, in one line.
        operator: What a node computes.
        reversed: True when leaf 0 is the most significant bit.
        operands: Names of the input buses.
        result: Name of the result port.
        carry_in: Name of the optional carry-in port, or None when the kind has none.
        carry_out: Name of the optional carry-out port, or None.
        uses_all_prefixes: True when every output (i, 0) is live, False when only the last one is.
        compute: ``(width, operands, carry_in) -> (result, carry_out)`` in plain integers.
    """

    name: str
    summary: str
    operator: Operator
    reversed: bool
    operands: tuple[str, ...]
    result: str
    carry_in: str | None
    carry_out: str | None
    uses_all_prefixes: bool
    compute: Callable[[int, tuple[int, ...], int | None], tuple[int, int]]


def _add(width: int, operands: tuple[int, ...], carry_in: int | None) -> tuple[int, int]:
    total = operands[0] + operands[1] + (carry_in or 0)
    return total % (1 << width), total >> width


def _subtract(width: int, operands: tuple[int, ...], borrow_in: int | None) -> tuple[int, int]:
    total = operands[0] - operands[1] - (borrow_in or 0)
    return total % (1 << width), int(total < 0)


def _increment(width: int, operands: tuple[int, ...], carry_in: int | None) -> tuple[int, int]:
    total = operands[0] + (1 if carry_in is None else carry_in)
    return total % (1 << width), total >> width


def _decrement(width: int, operands: tuple[int, ...], borrow_in: int | None) -> tuple[int, int]:
    total = operands[0] - (1 if borrow_in is None else borrow_in)
    return total % (1 << width), int(total < 0)


def _less_than(width: int, operands: tuple[int, ...], carry_in: int | None) -> tuple[int, int]:
    del width, carry_in
    return int(operands[0] < operands[1]), 0


def _highest_one(width: int, operands: tuple[int, ...], carry_in: int | None) -> tuple[int, int]:
    del width, carry_in
    request = operands[0]
    return (1 << (request.bit_length() - 1), 1) if request else (0, 0)


def _leading_zeros(width: int, operands: tuple[int, ...], carry_in: int | None) -> tuple[int, int]:
    del carry_in
    return width - operands[0].bit_length(), 0


def _gray_to_binary(width: int, operands: tuple[int, ...], carry_in: int | None) -> tuple[int, int]:
    del carry_in
    binary = operands[0]
    shift = 1
    while shift < width:
        binary ^= binary >> shift
        shift *= 2
    return binary, 0


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("adder", "sum = a + b (+ cin)", "carry", False, ("a", "b"), "sum",
             "cin", "cout", True, _add),
        Kind("subtractor", "diff = a - b (- bin)", "carry", False, ("a", "b"), "diff",
             "bin", "bout", True, _subtract),
        Kind("incrementer", "sum = a + 1, or a + cin", "and", False, ("a",), "sum",
             "cin", "cout", True, _increment),
        Kind("decrementer", "diff = a - 1, or a - bin", "or", False, ("a",), "diff",
             "bin", "bout", True, _decrement),
        Kind("comparator", "lt = a < b, unsigned", "carry", False, ("a", "b"), "lt",
             None, None, False, _less_than),
        Kind("priority_encoder", "grant = the highest set bit of req, one-hot; valid = any",
             "or", True, ("req",), "grant", None, "valid", True, _highest_one),
        Kind("leading_zero_count", "count = zeros above the highest set bit of a",
             "or", True, ("a",), "count", None, None, True, _leading_zeros),
        Kind("gray_to_binary", "binary = the number whose Gray code is gray",
             "xor", True, ("gray",), "binary", None, None, True, _gray_to_binary),
    )
}  # fmt: skip
"""Every circuit kind by name."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A kind at a width, with or without carry-in and carry-out.

    Attributes:
        kind: A key of `KINDS`.
        width: Operand width in bits, 2 to 256 (255 with a carry-in).
        carry_in: Whether the carry-in port exists.
        carry_out: Whether the carry-out port exists; None means yes where the kind has one.

    Raises:
        ConfigError: The kind is unknown, the width out of range, or the kind has no such port.
    """

    kind: str
    width: int
    carry_in: bool = False
    carry_out: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            close = difflib.get_close_matches(self.kind, KINDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ConfigError(
                f"`circuit` should be one of {', '.join(KINDS)}, actual value: {self.kind!r}{hint}"
            )
        entry = KINDS[self.kind]
        most = MAX_WIDTH - int(self.carry_in)
        if not isinstance(self.width, int) or not MIN_WIDTH <= self.width <= most:
            raise ConfigError(
                f"`width` should be between {MIN_WIDTH} and {most}, actual value: {self.width!r}"
            )
        if self.carry_in and entry.carry_in is None:
            raise ConfigError(f"a {self.kind} has no carry-in; leave it out")
        if self.carry_out and entry.carry_out is None:
            raise ConfigError(f"a {self.kind} has no carry-out; leave it out")
        if self.carry_out is None:
            object.__setattr__(self, "carry_out", entry.carry_out is not None)

    @property
    def entry(self) -> Kind:
        """The table entry of this kind."""
        return KINDS[self.kind]

    @property
    def leaves(self) -> int:
        """Width of the prefix graph: the operand width, plus one with a carry-in."""
        return self.width + int(self.carry_in)

    @property
    def name(self) -> str:
        """A name for modules and files, such as ``adder_32`` or ``adder_32_cin``."""
        entry = self.entry
        suffix = f"_{entry.carry_in}" if self.carry_in else ""
        if entry.carry_out is not None and not self.carry_out:
            suffix += f"_no_{entry.carry_out}"
        return f"{self.kind}_{self.width}{suffix}"

    @property
    def result_width(self) -> int:
        """Width of the result port in bits."""
        if self.kind == "comparator":
            return 1
        return self.width.bit_length() if self.kind == "leading_zero_count" else self.width

    def ports(self) -> tuple[Port, ...]:
        """Give the ports in the order of the module header."""
        entry = self.entry
        ports = [Port(name, "input", self.width) for name in entry.operands]
        if self.carry_in and entry.carry_in:
            ports.append(Port(entry.carry_in, "input", 1))
        ports.append(Port(entry.result, "output", self.result_width))
        if self.carry_out and entry.carry_out:
            ports.append(Port(entry.carry_out, "output", 1))
        return tuple(ports)

    def live_outputs(self) -> range:
        """Give the msbs of the column-0 nodes that the circuit's outputs need."""
        last = self.leaves - 1
        if not self.entry.uses_all_prefixes:
            return range(last, last + 1)
        needs_last = bool(self.carry_out) or self.kind in ("leading_zero_count", "gray_to_binary")
        return range(last + 1 if needs_last else last)

    def reference(self, **inputs: int) -> dict[str, int]:
        """Compute the outputs in plain integer arithmetic.

        Args:
            **inputs: One unsigned integer per input port.

        Raises:
            ConfigError: A port is missing or unknown, or a value does not fit its port.
        """
        entry = self.entry
        widths = {port.name: port.width for port in self.ports() if port.direction == "input"}
        if inputs.keys() != widths.keys() or any(
            not 0 <= inputs[name] < 1 << width for name, width in widths.items()
        ):
            expected = ", ".join(f"{name} ({width} bits)" for name, width in widths.items())
            given = ", ".join(f"{name}={value}" for name, value in inputs.items()) or "none"
            raise ConfigError(
                f"{self.name} should get unsigned inputs {expected}; actual inputs: {given}"
            )
        carry_in = inputs[entry.carry_in] if self.carry_in and entry.carry_in else None
        operands = tuple(inputs[name] for name in entry.operands)
        result, carry_out = entry.compute(self.width, operands, carry_in)
        outputs = {entry.result: result}
        if self.carry_out and entry.carry_out:
            outputs[entry.carry_out] = carry_out
        return outputs
