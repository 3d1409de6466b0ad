"""A design evaluated on its prefix graph, node by node, as docs/definitions.md describes it.

This is the meaning that every netlist has to have; no gate is chosen here.
"""

from edarl.prefix.design import Design
from edarl.prefix.graph import Node

__all__ = ["outputs_of"]

Pair = tuple[int, int]
"""(generate, propagate) for carries; the second is unused by the single-bit operators."""


def bits(value: int, width: int) -> list[int]:
    return [value >> bit & 1 for bit in range(width)]


def number(values: list[int]) -> int:
    return sum(value << bit for bit, value in enumerate(values))


def operate(operator: str, upper: Pair, lower: Pair) -> Pair:
    match operator:
        case "carry":
            return upper[0] | upper[1] & lower[0], upper[1] & lower[1]
        case "and":
            return upper[0] & lower[0], 0
        case "or":
            return upper[0] | lower[0], 0
        case "xor":
            return upper[0] ^ lower[0], 0
    raise AssertionError(operator)


def leaves_of(design: Design, inputs: dict[str, int]) -> list[Pair]:
    circuit = design.circuit
    entry = circuit.entry
    a = bits(inputs[entry.operands[0]], circuit.width)
    if entry.operator == "carry":
        b = bits(inputs["b"], circuit.width)
        if circuit.kind != "adder":  # a - b is a + ~b + 1
            b = [1 - bit for bit in b]
        leaf = int(circuit.carry_in)
        leaves = [
            (x & y, x | y if design.or_bits >> leaf + bit & 1 else x ^ y)
            for bit, (x, y) in enumerate(zip(a, b, strict=True))
        ]
        if circuit.kind != "adder" and not circuit.carry_in:
            leaves[0] = (a[0] | b[0], leaves[0][1])
    else:
        leaves = [(bit, 0) for bit in (a[::-1] if entry.reversed else a)]
    if circuit.carry_in and entry.carry_in:
        carry = inputs[entry.carry_in]
        inverted = circuit.kind in ("subtractor", "decrementer")
        leaves.insert(0, (1 - carry if inverted else carry, 0))
    return leaves


def prefixes_of(design: Design, leaves: list[Pair]) -> dict[int, int]:
    """Evaluate the live nodes only: a pruned node that is needed after all is a KeyError."""
    values = {Node(bit, bit): leaf for bit, leaf in enumerate(leaves)}
    for node, upper, lower in design.parents():
        values[node] = operate(design.circuit.entry.operator, values[upper], values[lower])
    return {msb: values[Node(msb, 0)][0] for msb in design.circuit.live_outputs()}


def outputs_of(design: Design, inputs: dict[str, int]) -> dict[str, int]:
    """Give the value of every output port."""
    circuit = design.circuit
    entry = circuit.entry
    width = circuit.width
    leaves = leaves_of(design, inputs)
    prefix = prefixes_of(design, leaves)
    last = circuit.leaves - 1
    with_leaf = int(circuit.carry_in)

    a = bits(inputs[entry.operands[0]], width)
    # the prefix over everything below bit i; None below bit 0 of a circuit without carry-in
    below = [prefix.get(bit - 1 + with_leaf) for bit in range(width)]
    result: list[int] = []
    carry_out = 0
    match circuit.kind:
        case "adder" | "subtractor":
            b = bits(inputs["b"], width)
            inverted = int(circuit.kind == "subtractor")
            constant = inverted  # the 1 of a + ~b + 1
            result = [
                x ^ y ^ inverted ^ (constant if carry is None else carry)
                for x, y, carry in zip(a, b, below, strict=True)
            ]
            carry_out = prefix.get(last, 0) ^ inverted
        case "incrementer":
            result = [x ^ (1 if ones is None else ones) for x, ones in zip(a, below, strict=True)]
            carry_out = prefix.get(last, 0)
        case "decrementer":
            result = [
                1 - (x ^ (0 if some is None else some)) for x, some in zip(a, below, strict=True)
            ]
            carry_out = 1 - prefix.get(last, 0)
        case "comparator":
            result = [1 - prefix[last]]
        case "priority_encoder":
            grants = [
                leaf & (1 - (prefix[bit - 1] if bit else 0)) for bit, (leaf, _) in enumerate(leaves)
            ]
            result = grants[::-1]
            carry_out = prefix.get(last, 0)
        case "leading_zero_count":
            result = count_bits([prefix[bit] for bit in range(width)], circuit.result_width)
        case "gray_to_binary":
            result = [prefix[bit] for bit in range(width)][::-1]
    outputs = {entry.result: number(result)}
    if circuit.carry_out and entry.carry_out:
        outputs[entry.carry_out] = carry_out
    return outputs


def count_bits(found: list[int], result_width: int) -> list[int]:
    """Count the zeros of a thermometer code: they come first.

    The count is at least s when ``found[s - 1]`` is 0 and less than e when ``found[e - 1]`` is 1.
    Bit ``i`` of the count is set when it lies in one of the runs [s, e) of numbers with that bit.
    """
    result = []
    for bit in range(result_width):
        value = 0
        for start in range(1 << bit, len(found) + 1, 2 << bit):
            end = start + (1 << bit)
            value |= (1 - found[start - 1]) & (found[end - 1] if end <= len(found) else 1)
        result.append(value)
    return result
