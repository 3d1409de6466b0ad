"""A design as Boolean equations in small cells: what every Verilog writer of this room prints.

One leaf cell per bit forms generate, propagate and half sum; one node cell per operator node joins
two spans; one output cell per result bit. Writers print the cells as modules, or write their
equations out flat. No gates are chosen here: that is `edarl.hdl.mapping`.

Net names: a port bit is ``a[3]``; ``g_7_4`` and ``p_7_4`` are generate and propagate of the span
7..4, ``t_7_4`` the prefix of a circuit whose operator works on single bits; ``g_5``, ``p_5`` and
``x_5`` belong to leaf 5 (``x`` is the half sum, where it is not the propagate itself).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal

from edarl.prefix.design import Design
from edarl.prefix.graph import Node

__all__ = [
    "Cell",
    "CellKind",
    "Equations",
    "Expression",
    "Operation",
    "equations",
    "evaluate_expression",
    "substitute",
]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator over expressions, written as in Verilog; ``~`` has one operand, the others two.

    Attributes:
        operator: The Verilog operator.
        operands: Nets or further operations.
    """

    operator: Literal["~", "&", "|", "^"]
    operands: tuple[Expression, ...]


Expression = str | Operation
"""A net, or an operation over expressions."""


@dataclass(frozen=True, slots=True)
class CellKind:
    """A small combinational module.

    Attributes:
        name: The last part of its module name.
        summary: One line for the comment above the module.
        inputs: Its input ports, one bit each.
        outputs: Each output port with its expression over the inputs.
    """

    name: str
    summary: str
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One use of a cell kind: its instance name and the net at each of its ports."""

    kind: CellKind
    name: str
    nets: Mapping[str, str]


@dataclass(slots=True)
class Equations:
    """A circuit as cells and as the few assignments that connect them to the ports.

    Attributes:
        cells: Drivers before users.
        assigns: (net, expression) pairs, to be read after the cells.
    """

    cells: list[Cell] = field(default_factory=list)
    assigns: list[tuple[str, Expression]] = field(default_factory=list)


def _not(operand: Expression) -> Operation:
    return Operation("~", (operand,))


def _and(left: Expression, right: Expression) -> Operation:
    return Operation("&", (left, right))


def _or(left: Expression, right: Expression) -> Operation:
    return Operation("|", (left, right))


def _xor(left: Expression, right: Expression) -> Operation:
    return Operation("^", (left, right))


BLACK = CellKind(
    "black",
    "generate and propagate of two adjacent spans joined",
    ("g_upper", "p_upper", "g_lower", "p_lower"),
    (
        ("g", _or("g_upper", _and("p_upper", "g_lower"))),
        ("p", _and("p_upper", "p_lower")),
    ),
)
GRAY = CellKind(
    "gray",
    "the carry out of two adjacent spans that reach down to bit 0",
    ("g_upper", "p_upper", "g_lower"),
    (("g", _or("g_upper", _and("p_upper", "g_lower"))),),
)
BORROW = CellKind("borrow_in", "no borrow is a carry", ("borrow",), (("g", _not("borrow")),))
SUM = CellKind("sum_bit", "half sum and carry", ("x", "carry"), (("sum", _xor("x", "carry")),))
STEP_UP = CellKind("count_bit", "one bit up", ("a", "all"), (("sum", _xor("a", "all")),))
STEP_DOWN = CellKind("count_bit", "one bit down", ("a", "any"), (("diff", _not(_xor("a", "any"))),))
GRANT = CellKind(
    "grant_bit",
    "a request wins when no higher one is set",
    ("req", "higher"),
    (("grant", _and("req", _not("higher"))),),
)


def equations(design: Design) -> Equations:
    """Give the equations of a design; only nodes that some output needs occur.

    Args:
        design: Any circuit kind with any of its options.
    """
    if design.circuit.entry.operator == "carry":
        return _carry_equations(design)
    return _single_bit_equations(design)


# ---------------------------------------------------------------- adder, subtractor, comparator


def _carry_equations(design: Design) -> Equations:
    circuit = design.circuit
    result = Equations()
    leaf = _CarryLeaves(design, result)
    leaf.place()
    generate, propagate = dict(leaf.generate), dict(leaf.propagate)
    for node, upper, lower in design.parents():
        span = f"{node.msb}_{node.lsb}"
        nets = {
            "g_upper": generate[upper],
            "p_upper": propagate[upper],
            "g_lower": generate[lower],
            "g": f"g_{span}",
        }
        generate[node] = nets["g"]
        if node.lsb:
            propagate[node] = f"p_{span}"
            nets |= {"p_lower": propagate[lower], "p": propagate[node]}
        result.cells.append(Cell(BLACK if node.lsb else GRAY, f"node_{span}", nets))

    carry_in = int(circuit.carry_in)
    carry_out = generate.get(Node(circuit.leaves - 1, 0), "")
    if circuit.kind == "comparator":
        result.assigns.append(("lt", _not(carry_out)))
        return result
    bus = circuit.entry.result
    for bit in range(circuit.width):
        if bit + carry_in == 0:
            result.assigns.append((f"{bus}[0]", leaf.half[0]))
            continue
        nets = {
            "x": leaf.half[bit],
            "carry": generate[Node(bit + carry_in - 1, 0)],
            "sum": f"{bus}[{bit}]",
        }
        result.cells.append(Cell(SUM, f"{bus}_{bit}", nets))
    if circuit.carry_out and circuit.entry.carry_out:
        inverted = circuit.kind == "subtractor"
        result.assigns.append((circuit.entry.carry_out, _not(carry_out) if inverted else carry_out))
    return result


class _CarryLeaves:
    """Forms generate, propagate and half sum of every bit, each only where something uses it."""

    def __init__(self, design: Design, result: Equations) -> None:
        self._design = design
        self._result = result
        self.generate: dict[Node, str] = {}
        self.propagate: dict[Node, str] = {}
        self.half: dict[int, str] = {}  # by operand bit

    def place(self) -> None:
        design, circuit = self._design, self._design.circuit
        used = {parent.msb for _, *parents in design.parents() for parent in parents
                if parent.msb == parent.lsb}  # fmt: skip
        if 0 in circuit.live_outputs():
            used.add(0)
        if circuit.carry_in and circuit.entry.carry_in:
            self._place_carry_in(circuit.entry.carry_in)
        for index in range(int(circuit.carry_in), circuit.leaves):
            self._place_bit(index, index in used)

    def _place_carry_in(self, port: str) -> None:
        net = port
        if self._design.circuit.kind == "subtractor":
            net = "g_0"
            self._result.cells.append(Cell(BORROW, "leaf_0", {"borrow": port, "g": net}))
        self.generate[Node(0, 0)] = net

    def _place_bit(self, index: int, is_used: bool) -> None:
        circuit = self._design.circuit
        bit = index - int(circuit.carry_in)
        node = Node(index, index)
        subtracts = circuit.kind != "adder"
        with_or = bool(self._design.or_bits >> index & 1)
        wanted: dict[str, Expression] = {}
        b: Expression = _not("b") if subtracts else "b"
        constant_carry = subtracts and index == 0
        if is_used:
            self.generate[node] = f"g_{index}"
            wanted["g"] = _or("a", b) if constant_carry else _and("a", b)
        if is_used and index:
            self.propagate[node] = f"p_{index}"
            wanted["p"] = _or("a", b) if with_or else _xor("a", b)
        if circuit.kind != "comparator":
            if "p" in wanted and not with_or:
                self.half[bit] = f"p_{index}"
            else:
                self.half[bit] = f"x_{index}"
                wanted["x"] = _xor("a", "b" if constant_carry else b)
        kind = CellKind(
            "_".join(["leaf", "".join(wanted)] + ["or"] * ("p" in wanted and with_or)
                     + ["first"] * constant_carry),
            _leaf_summary(wanted, subtracts=subtracts, constant_carry=constant_carry),
            ("a", "b"),
            tuple(wanted.items()),
        )  # fmt: skip
        left, right = circuit.entry.operands
        nets = {"a": f"{left}[{bit}]", "b": f"{right}[{bit}]"}
        nets |= {port: f"{port}_{index}" for port in wanted}
        self._result.cells.append(Cell(kind, f"leaf_{index}", nets))


def _leaf_summary(
    wanted: Mapping[str, Expression], *, subtracts: bool, constant_carry: bool
) -> str:
    words = {"g": "generate", "p": "propagate", "x": "half sum"}
    names = ", ".join(words[port] for port in wanted)
    if constant_carry:
        return f"{names} of bit 0 of a + ~b, with the constant carry of 1 taken in"
    return f"{names} of one bit of a + {'~b' if subtracts else 'b'}"


# ---------------------------------------------------------------- the other circuits


def _single_bit_equations(design: Design) -> Equations:
    circuit = design.circuit
    result = Equations()
    symbols: dict[str, Literal["&", "|", "^"]] = {"and": "&", "or": "|", "xor": "^"}
    symbol = symbols[circuit.entry.operator]
    kind = CellKind(
        "node",
        f"{circuit.entry.operator} of two adjacent spans",
        ("upper", "lower"),
        (("t", Operation(symbol, ("upper", "lower"))),),
    )
    prefix: dict[Node, str] = {}
    for index in range(circuit.leaves):
        prefix[Node(index, index)] = _leaf_net(design, index, result)
    for node, upper, lower in design.parents():
        net = f"t_{node.msb}_{node.lsb}"
        nets = {"upper": prefix[upper], "lower": prefix[lower], "t": net}
        result.cells.append(Cell(kind, f"node_{node.msb}_{node.lsb}", nets))
        prefix[node] = net
    outputs = [prefix[Node(index, 0)] for index in circuit.live_outputs()]
    write = {
        "incrementer": _count_outputs,
        "decrementer": _count_outputs,
        "priority_encoder": _grant_outputs,
        "leading_zero_count": _zero_count_outputs,
        "gray_to_binary": _binary_outputs,
    }[circuit.kind]
    write(design, outputs, result)
    return result


def _leaf_net(design: Design, index: int, result: Equations) -> str:
    circuit = design.circuit
    operand = circuit.entry.operands[0]
    if circuit.entry.reversed:
        return f"{operand}[{circuit.width - 1 - index}]"
    if not circuit.carry_in or circuit.entry.carry_in is None:
        return f"{operand}[{index}]"
    if index:
        return f"{operand}[{index - 1}]"
    if circuit.kind == "decrementer":
        nets = {"borrow": circuit.entry.carry_in, "g": "t_0"}
        result.cells.append(Cell(BORROW, "leaf_0", nets))
        return "t_0"
    return circuit.entry.carry_in


def _count_outputs(design: Design, prefix: list[str], result: Equations) -> None:
    circuit = design.circuit
    entry = circuit.entry
    up = circuit.kind == "incrementer"
    carry_in = int(circuit.carry_in)
    for bit in range(circuit.width):
        below = bit + carry_in - 1
        target = f"{entry.result}[{bit}]"
        if below < 0:
            result.assigns.append((target, _not(f"{entry.operands[0]}[0]")))
            continue
        kind = STEP_UP if up else STEP_DOWN
        nets = {
            "a": f"{entry.operands[0]}[{bit}]",
            kind.inputs[1]: prefix[below],
            kind.outputs[0][0]: target,
        }
        result.cells.append(Cell(kind, f"{entry.result}_{bit}", nets))
    if circuit.carry_out and entry.carry_out:
        result.assigns.append((entry.carry_out, prefix[-1] if up else _not(prefix[-1])))


def _grant_outputs(design: Design, prefix: list[str], result: Equations) -> None:
    circuit = design.circuit
    top = circuit.width - 1
    result.assigns.append((f"grant[{top}]", f"req[{top}]"))
    for index in range(1, circuit.width):
        bit = top - index
        nets = {"req": f"req[{bit}]", "higher": prefix[index - 1], "grant": f"grant[{bit}]"}
        result.cells.append(Cell(GRANT, f"grant_{bit}", nets))
    if circuit.carry_out:
        result.assigns.append(("valid", prefix[-1]))


def _zero_count_outputs(design: Design, prefix: list[str], result: Equations) -> None:
    """Count from the thermometer: count >= c exactly when none of the top c bits is set.

    Bit k of the count is set when the count lies in some [s, s + 2^k) with s an odd multiple of
    2^k; the last of these ranges may reach beyond the width and then has no upper bound.
    """
    width = design.circuit.width
    for bit in range(design.circuit.result_width):
        step = 1 << bit
        terms: list[Expression] = []
        for start in range(step, width + 1, 2 * step):
            term = _not(prefix[start - 1])
            end = start + step
            terms.append(_and(term, prefix[end - 1]) if end <= width else term)
        result.assigns.append((f"count[{bit}]", _balanced_or(terms)))


def _binary_outputs(design: Design, prefix: list[str], result: Equations) -> None:
    top = design.circuit.width - 1
    result.assigns += [(f"binary[{top - index}]", net) for index, net in enumerate(prefix)]


def _balanced_or(terms: list[Expression]) -> Expression:
    while len(terms) > 1:
        terms = [reduce(_or, terms[index : index + 2]) for index in range(0, len(terms), 2)]
    return terms[0]


# ---------------------------------------------------------------- expressions


def substitute(expression: Expression, nets: Mapping[str, str]) -> Expression:
    """Give the expression with each of its nets replaced."""
    if isinstance(expression, str):
        return nets[expression]
    return Operation(
        expression.operator, tuple(substitute(part, nets) for part in expression.operands)
    )


def evaluate_expression(expression: Expression, values: Mapping[str, int], ones: int) -> int:
    """Compute an expression on many patterns at once.

    Args:
        expression: What to compute.
        values: For each net one bit per pattern.
        ones: The value whose bits are set for every pattern.
    """
    if isinstance(expression, str):
        return values[expression]
    parts = [evaluate_expression(part, values, ones) for part in expression.operands]
    if expression.operator == "~":
        return parts[0] ^ ones
    if expression.operator == "&":
        return parts[0] & parts[1]
    return parts[0] | parts[1] if expression.operator == "|" else parts[0] ^ parts[1]
