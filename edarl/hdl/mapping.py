"""Direct mapping: a design becomes gates node by node, so that what is built is what is measured.

Inverting gates alternate: a node whose inputs are positive is an AOI21 with a NAND2 and gives
negative outputs, a node whose inputs are negative is an OAI21 with a NOR2 and gives positive ones.
The polarity of each node is free; it is chosen greedily by rising level, so that the fewest new
inverters are needed. An inverter stands where a node and its parents still disagree and is shared
by all users that need it.

Letters: a *signal* is the generate or propagate of one node; its *polarity* is +1 or -1.
"""

from __future__ import annotations

from typing import Literal

from edarl.hdl.netlist import Gate, Netlist, port_bits
from edarl.prefix.design import Design
from edarl.prefix.graph import Node

__all__ = ["InputOrder", "map_direct", "map_with_signals"]

InputOrder = Literal["operand", "arrival"]
"""Which of two interchangeable inputs comes first: as the operator is written, or the earlier."""

_Signal = tuple[Node, str]

_GATE_DELAY = {
    "INV": 1.0,
    "BUF": 2.0,
    "NAND2": 1.0,
    "NOR2": 1.3,
    "AND2": 2.0,
    "OR2": 2.3,
    "XOR2": 2.6,
    "XNOR2": 2.4,
    "AOI21": 1.8,
    "OAI21": 1.6,
}
"""Rough delays in inverter delays, only to see which of two nets settles later."""


def map_direct(design: Design, *, input_order: InputOrder = "operand") -> Netlist:
    """Map a design cell by cell.

    Args:
        design: What to build.
        input_order: With ``"arrival"``, of two interchangeable inputs of a gate the one that
            settles later comes second, for bindings that put the second input on the faster pin.

    Returns:
        Gates in topological order; only nodes that an output needs are built.
    """
    builder = _build(design, by_arrival=input_order == "arrival")
    return Netlist(design.circuit, tuple(builder.gates))


def map_with_signals(design: Design) -> tuple[Netlist, dict[tuple[Node, str, int], str]]:
    """Map a design as `map_direct` does; tell also which nets are its nodes' signals.

    Returns:
        The gates, and the nets by node, ``"g"`` or ``"p"``, and polarity; of the two polarities of
        a signal the one that it was built in comes first, the other is that of an inverter.
    """
    builder = _build(design, by_arrival=False)
    signals = {(*signal, polarity): net for (signal, polarity), net in builder.nets.items()}
    return Netlist(design.circuit, tuple(builder.gates)), signals


def _build(design: Design, *, by_arrival: bool) -> _Builder:
    builder = _Builder(design, by_arrival=by_arrival)
    builder.build_leaves()
    if design.circuit.entry.operator == "xor":
        builder.build_xor_nodes()
    else:
        builder.build_nodes()
    _OUTPUTS[design.circuit.kind](builder)
    return builder


class _Builder:
    """Gates under construction, and which net carries each signal in which polarity."""

    def __init__(self, design: Design, *, by_arrival: bool) -> None:
        self.circuit = design.circuit
        self.design = design
        self.by_arrival = by_arrival
        self.gates: list[Gate] = []
        self.nets: dict[tuple[_Signal, int], str] = {}
        self.arrival: dict[str, float] = {}
        self.parents = list(design.parents())
        self.uses_pairs = self.circuit.entry.operator == "carry"
        self.needed = self._needed_signals()
        ports = {port.name: port_bits(port) for port in self.circuit.ports()}
        entry = self.circuit.entry
        self.operands = [ports[name] for name in entry.operands]
        if entry.reversed:
            self.operands = [bits[::-1] for bits in self.operands]
        self.result = ports[entry.result][::-1] if entry.reversed else ports[entry.result]
        self.carry_out = ports[entry.carry_out][0] if self.circuit.carry_out else ""  # type: ignore[index]  # the kind has one
        self.carry_in = ports[entry.carry_in][0] if self.circuit.carry_in else ""  # type: ignore[index]  # the kind has one
        self.half_sums: list[tuple[str, int]] = []

    def _needed_signals(self) -> set[_Signal]:
        """Find the signals that some live output needs."""
        needed: set[_Signal] = {(Node(msb, 0), "g") for msb in self.circuit.live_outputs()}
        for node, upper, lower in reversed(self.parents):
            needed.add((upper, "g"))
            needed.add((lower, "g"))
            if self.uses_pairs:
                needed.add((upper, "p"))
                if (node, "p") in needed:
                    needed.add((lower, "p"))
        return needed

    # ---------------------------------------------------------------- gates and nets

    def gate(self, function: str, inputs: tuple[str, ...], output: str) -> str:
        """Add a gate; with ``by_arrival`` the first two inputs are ordered by arrival."""
        if self.by_arrival:
            arrival = self.arrival
            times = [arrival.get(net, 0.0) for net in inputs]
            if len(inputs) > 1 and times[0] > times[1]:
                inputs = (inputs[1], inputs[0], *inputs[2:])
            arrival[output] = max(times) + _GATE_DELAY[function]
        self.gates.append(Gate(function, inputs, output))
        return output

    def net(self, node: Node, kind: str, polarity: int) -> str:
        """Give the net with a signal in a polarity, adding a shared inverter where needed."""
        signal = (node, kind)
        found = self.nets.get((signal, polarity))
        if found is None:
            name = _net_name(kind, node, polarity)
            found = self.gate("INV", (self.nets[signal, -polarity],), name)
            self.nets[signal, polarity] = found
        return found

    def either(self, node: Node, kind: str = "g") -> tuple[str, int]:
        """Give a signal in whichever polarity it was built."""
        signal = (node, kind)
        net = self.nets.get((signal, 1))
        return (net, 1) if net is not None else (self.nets[signal, -1], -1)

    def drive(self, output: str, node: Node, polarity: int) -> None:
        """Drive an output port with a node's value, through a buffer or an inverter.

        The load outside then does not slow the node's other users, and sizing can treat the
        driver apart.
        """
        if ((node, "g"), polarity) in self.nets:
            self.gate("BUF", (self.nets[(node, "g"), polarity],), output)
        else:
            self.gate("INV", (self.nets[(node, "g"), -polarity],), output)

    # ---------------------------------------------------------------- leaves

    def build_leaves(self) -> None:
        """Build the leaves' signals; a carry-in is leaf 0."""
        first = 0
        if self.carry_in:
            polarity = -1 if self.circuit.entry.name in ("subtractor", "decrementer") else 1
            self.nets[(Node(0, 0), "g"), polarity] = self.carry_in
            self.arrival[self.carry_in] = 0.0
            first = 1
        for bit in range(self.circuit.width):
            leaf = Node(bit + first, bit + first)
            if self.uses_pairs:
                self._build_carry_leaf(leaf, bit)
            else:
                self.nets[(leaf, "g"), 1] = self.operands[0][bit]

    def _build_carry_leaf(self, leaf: Node, bit: int) -> None:
        """Build generate, propagate and half sum of one bit of ``a + b``, or of ``a + ~b + 1``."""
        a, b = self.operands[0][bit], self.operands[1][bit]
        subtracts = self.circuit.kind != "adder"
        needs_sum = self.circuit.kind != "comparator"
        has_constant_carry = bit == 0 and not self.carry_in
        if (leaf, "g") not in self.needed:
            # No prefix uses this bit, so none uses its propagate either: only its half sum is left.
            if needs_sum:
                self.half_sums.append(
                    (a, 1)
                    if has_constant_carry
                    else (self.gate("XOR2" if subtracts else "XNOR2", (a, b), f"nx{bit}"), -1)
                )
            return
        if subtracts:
            b = self.gate("INV", (b,), f"nb{bit}")
        name = _net_name("g", leaf, -1)
        if subtracts and has_constant_carry:
            self.nets[(leaf, "g"), -1] = self.gate("NOR2", (a, b), name)
            self.half_sums.append((a, 1))
            return
        not_g = self.nets[(leaf, "g"), -1] = self.gate("NAND2", (a, b), name)
        needs_p = (leaf, "p") in self.needed
        if needs_p and self.design.or_bits >> leaf.msb & 1:
            self.nets[(leaf, "p"), -1] = self.gate("NOR2", (a, b), _net_name("p", leaf, -1))
            needs_p = False
        if has_constant_carry:
            self.half_sums.append((a, 1))
            return
        if not (needs_sum or needs_p):
            return
        # !((a | b) & !(a & b)) is XNOR: the generate's NAND2 is there anyhow, and an OAI21 on top
        # of it is smaller than an XNOR2.
        not_x = self.gate("OAI21", (a, b, not_g), f"nx{bit}")
        self.half_sums.append((not_x, -1))
        if needs_p:
            self.nets[(leaf, "p"), -1] = not_x

    # ---------------------------------------------------------------- nodes

    def build_nodes(self) -> None:
        """Build the operator nodes of a carry, AND or OR prefix."""
        operator = self.circuit.entry.operator
        polarity_of = self._choose_polarities()
        for node, upper, lower in self.parents:
            polarity = polarity_of[node]
            positive_inputs = polarity < 0
            name = _net_name("g", node, polarity)
            if operator == "carry":
                upper_p = self.net(upper, "p", -polarity)
                inputs = (
                    upper_p,
                    self.net(lower, "g", -polarity),
                    self.net(upper, "g", -polarity),
                )
                self.gate("AOI21" if positive_inputs else "OAI21", inputs, name)
                if (node, "p") in self.needed:
                    p_name = _net_name("p", node, polarity)
                    pair = (upper_p, self.net(lower, "p", -polarity))
                    self.gate("NAND2" if positive_inputs else "NOR2", pair, p_name)
                    self.nets[(node, "p"), polarity] = p_name
            else:
                pair = (self.net(upper, "g", -polarity), self.net(lower, "g", -polarity))
                self.gate("NAND2" if positive_inputs == (operator == "and") else "NOR2", pair, name)
            self.nets[(node, "g"), polarity] = name

    def _choose_polarities(self) -> dict[Node, int]:
        """Choose each node's output polarity by rising level, with the fewest new inverters.

        On a tie the polarity that alternates with the level wins.
        """
        needed = self.needed
        polarity_of: dict[Node, int] = {}
        for signal, polarity in self.nets:
            polarity_of[signal[0]] = polarity
        level: dict[Node, int] = dict.fromkeys(polarity_of, 0)
        by_level: list[tuple[int, Node, Node, Node]] = []
        for node, upper, lower in self.parents:
            level[node] = depth = 1 + max(level.get(upper, 0), level.get(lower, 0))
            by_level.append((depth, node, upper, lower))
        by_level.sort()
        inverted: set[_Signal] = set()
        for depth, node, upper, lower in by_level:
            signals: list[_Signal] = [(upper, "g"), (lower, "g")]
            if self.uses_pairs:
                signals.append((upper, "p"))
                if (node, "p") in needed:
                    signals.append((lower, "p"))
            open_signals = [signal for signal in signals if signal not in inverted]
            positive = [signal for signal in open_signals if polarity_of[signal[0]] > 0]
            negative = [signal for signal in open_signals if polarity_of[signal[0]] < 0]
            if len(positive) == len(negative):
                polarity = -1 if depth % 2 == 0 else 1
            else:
                polarity = -1 if len(positive) > len(negative) else 1
            polarity_of[node] = polarity
            inverted.update(positive if polarity > 0 else negative)
        return polarity_of

    def build_xor_nodes(self) -> None:
        """Build the nodes of an XOR prefix; a node that is an output drives its port directly."""
        for node, upper, lower in self.parents:
            inputs = (self.nets[(upper, "g"), 1], self.nets[(lower, "g"), 1])
            name = self.result[node.msb] if node.lsb == 0 else _net_name("g", node, 1)
            self.nets[(node, "g"), 1] = self.gate("XOR2", inputs, name)

    # ---------------------------------------------------------------- outputs

    def carry_into(self, bit: int) -> Node | None:
        """Give the node that carries into a bit, or None where the carry is a constant."""
        leaf = bit + int(bool(self.carry_in))
        return Node(leaf - 1, 0) if leaf > 0 else None

    def sum_outputs(self) -> None:
        """Build ``half sum ^ carry`` for adder and subtractor, and the carry out."""
        subtracts = self.circuit.kind == "subtractor"
        for bit in range(self.circuit.width):
            carry = self.carry_into(bit)
            if carry is None:
                # a ^ b, also for a - b: the half sum is XNOR there, and the constant carry inverts.
                self.gate("XOR2", (self.operands[0][0], self.operands[1][0]), self.result[0])
                continue
            half, half_polarity = self.half_sums[bit]
            net, polarity = self.either(carry)
            self.gate(
                "XOR2" if polarity == half_polarity else "XNOR2", (half, net), self.result[bit]
            )
        if self.carry_out:
            self.drive(self.carry_out, self._last(), -1 if subtracts else 1)

    def step_outputs(self) -> None:
        """Build the result of incrementer and decrementer."""
        decrements = self.circuit.kind == "decrementer"
        for bit, a in enumerate(self.operands[0]):
            carry = self.carry_into(bit)
            if carry is None:
                self.gate("INV", (a,), self.result[0])
                continue
            net, polarity = self.either(carry)
            straight = (polarity > 0) != decrements
            self.gate("XOR2" if straight else "XNOR2", (a, net), self.result[bit])
        if self.carry_out:
            self.drive(self.carry_out, self._last(), -1 if decrements else 1)

    def comparator_output(self) -> None:
        """Build ``a < b``: there is no carry out of ``a + ~b + 1``."""
        self.drive(self.result[0], self._last(), -1)

    def grant_outputs(self) -> None:
        """Build the one-hot grant: requested, and no request above."""
        for position, request in enumerate(self.operands[0]):
            if position == 0:
                self.gate("BUF", (request,), self.result[0])
                continue
            above, polarity = self.either(Node(position - 1, 0))
            if polarity < 0:
                self.gate("AND2", (request, above), self.result[position])
            else:
                leaf = Node(position, position)
                self.gate("NOR2", (self.net(leaf, "g", -1), above), self.result[position])
        if self.carry_out:
            self.drive(self.carry_out, self._last(), 1)

    def count_outputs(self) -> None:
        """Build the binary count of leading zeros from the thermometer code of the OR prefix.

        ``count >= c`` exactly when prefix ``c - 1`` is 0, so bit ``k`` of the count is the OR over
        the odd multiples ``s`` of ``2**k`` of ``count >= s and not count >= s + 2**k``.
        """
        width = self.circuit.width
        result = self.result[::-1]
        for k, output in enumerate(result):
            step = 1 << k
            terms: list[tuple[str, int]] = []
            for start in range(step, width + 1, 2 * step):
                end = start + step
                if end > width:
                    terms.append((self.net(Node(start - 1, 0), "g", 1), -1))
                else:
                    below = self.net(Node(start - 1, 0), "g", -1)
                    reached = self.net(Node(end - 1, 0), "g", 1)
                    terms.append((self.gate("NAND2", (below, reached), f"c{k}_{start}"), -1))
            self._or_tree(terms, output, f"c{k}")

    def _or_tree(self, terms: list[tuple[str, int]], output: str, prefix: str) -> None:
        """OR the terms into ``output``; a term is a net and its polarity, all of one polarity."""
        stage = 0
        while len(terms) > 1:
            polarity = terms[0][1]
            merged: list[tuple[str, int]] = []
            for index in range(0, len(terms), 2):
                pair = tuple(net for net, _ in terms[index : index + 2])
                last = len(terms) == 2 and polarity < 0
                name = output if last else f"{prefix}_or{stage}_{index}"
                function = "INV" if len(pair) == 1 else ("NAND2" if polarity < 0 else "NOR2")
                merged.append((self.gate(function, pair, name), -polarity))
            terms = merged
            stage += 1
        net, polarity = terms[0]
        if net != output:
            self.gate("BUF" if polarity > 0 else "INV", (net,), output)

    def binary_outputs(self) -> None:
        """Build the one output of the XOR prefix that no node drives: the top bit itself."""
        self.gate("BUF", (self.operands[0][0],), self.result[0])

    def _last(self) -> Node:
        return Node(self.circuit.leaves - 1, 0)


_OUTPUTS = {
    "adder": _Builder.sum_outputs,
    "subtractor": _Builder.sum_outputs,
    "incrementer": _Builder.step_outputs,
    "decrementer": _Builder.step_outputs,
    "comparator": _Builder.comparator_output,
    "priority_encoder": _Builder.grant_outputs,
    "leading_zero_count": _Builder.count_outputs,
    "gray_to_binary": _Builder.binary_outputs,
}


def _net_name(kind: str, node: Node, polarity: int) -> str:
    return f"{'' if polarity > 0 else 'n'}{kind}{node.msb}_{node.lsb}"
