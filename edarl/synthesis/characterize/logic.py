"""What a cell of transistors computes, found by switching them, and which changes show at a pin.

Switch-level evaluation after R. E. Bryant, "A Switch-Level Model and Simulator for MOS Digital
Systems" (IEEE Trans. Computers C-33, 1984), without strengths: static gates need none. A net is 0
when closed transistors join it to a 0 and no open question joins it to a 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from edarl.errors import LibraryError
from edarl.synthesis.boolean import MAX_INPUTS
from edarl.synthesis.characterize.subcircuits import Subcircuit

__all__ = ["Vector", "function_of_cell", "function_text", "vectors"]


@dataclass(frozen=True, slots=True)
class Vector:
    """A change of one input that shows at an output.

    Attributes:
        input: The pin that changes.
        output: The pin at which it shows.
        others: The values of the other inputs meanwhile.
        positive: Whether the output follows the input; it moves against it otherwise.
    """

    input: str
    output: str
    others: tuple[tuple[str, bool], ...]
    positive: bool


def function_of_cell(
    cell: Subcircuit,
    *,
    inputs: Sequence[str],
    output: str,
    power: Iterable[str],
    ground: Iterable[str],
) -> int:
    """Give a cell's truth table, as `edarl.synthesis.boolean.truth_table` gives it.

    Raises:
        LibraryError: It has too many inputs, or for some input its output floats, is driven both
            ways, or depends on what was there before: it is then no combinational gate.
    """
    if len(inputs) > MAX_INPUTS:
        raise LibraryError(
            f"cell {cell.name} should have at most {MAX_INPUTS} inputs, "
            f"actual number: {len(inputs)}"
        )
    supplies = dict.fromkeys(ground, False) | dict.fromkeys(power, True)
    table = 0
    for row in range(1 << len(inputs)):
        chosen = {name: bool(row >> k & 1) for k, name in enumerate(inputs)}
        value = _settle(cell, supplies | chosen).get(output)
        if value is None:
            spelt = " ".join(f"{name}={int(bit)}" for name, bit in chosen.items())
            raise LibraryError(
                f"cell {cell.name} should be a combinational gate, but its output {output} is not "
                f"driven to 0 or 1 at {spelt or 'any time'}"
            )
        table |= value << row
    return table


def vectors(table: int, inputs: Sequence[str], output: str) -> tuple[Vector, ...]:
    """Give every change of one input that changes the output, by input and then by the others."""
    found = []
    for k, name in enumerate(inputs):
        for row in range(1 << len(inputs)):
            if row >> k & 1:
                continue
            low, high = bool(table >> row & 1), bool(table >> (row | 1 << k) & 1)
            if low != high:
                others = tuple(
                    (other, bool(row >> j & 1)) for j, other in enumerate(inputs) if j != k
                )
                found.append(Vector(name, output, others, high))
    return tuple(found)


def function_text(table: int, inputs: Sequence[str]) -> str:
    """Write a truth table as a Liberty function: the shorter of it and its complement's inverse.

    Shorter is fewer pins, then fewer inversions. The sum of products is a smallest one by number of
    products, then of pins.
    """
    full = (1 << (1 << len(inputs))) - 1
    if table in (0, full):
        return str(int(table == full))
    plain, inverse = _products(table, len(inputs)), _products(table ^ full, len(inputs))
    if _cost(inverse, outer=1) < _cost(plain, outer=0):
        return f"!({_sum_text(inverse, inputs)})"
    return _sum_text(plain, inputs)


def _settle(cell: Subcircuit, fixed: Mapping[str, bool]) -> dict[str, bool]:
    """Give the values of the nets that are driven; nets not named float or are undecided."""
    values = dict(fixed)
    ground = {name for name, value in fixed.items() if not value}
    while True:
        sure: dict[str, list[str]] = defaultdict(list)
        possible: dict[str, list[str]] = defaultdict(list)
        for transistor in cell.transistors:
            gate = values.get(transistor.gate)
            n_type = transistor.bulk in ground
            if gate is not None and gate != n_type:
                continue
            for one, other in (
                (transistor.drain, transistor.source),
                (transistor.source, transistor.drain),
            ):
                possible[one].append(other)
                if gate is not None:
                    sure[one].append(other)
        low, high = ([net for net, value in fixed.items() if value is it] for it in (False, True))
        surely_low, surely_high = _reached(low, sure, fixed), _reached(high, sure, fixed)
        maybe_low, maybe_high = _reached(low, possible, fixed), _reached(high, possible, fixed)
        settled = dict(fixed)
        settled |= dict.fromkeys(surely_low - maybe_high, False)
        settled |= dict.fromkeys(surely_high - maybe_low, True)
        if settled == values:
            return values
        values = settled


def _reached(
    sources: Iterable[str], edges: Mapping[str, list[str]], fixed: Mapping[str, bool]
) -> set[str]:
    """Give the free nets that can be reached without passing through a fixed one."""
    reached: set[str] = set()
    waiting = list(sources)
    while waiting:
        for net in edges.get(waiting.pop(), ()):
            if net not in fixed and net not in reached:
                reached.add(net)
                waiting.append(net)
    return reached


_Product = tuple[tuple[int, bool], ...]


def _products(table: int, count: int) -> tuple[_Product, ...]:
    """Give a smallest sum of products by trying prime implicants in order (at most 8 inputs)."""
    rows = [row for row in range(1 << count) if table >> row & 1]
    primes = _primes(rows, count)
    covers = [frozenset(row for row in rows if _holds(prime, row)) for prime in primes]
    wanted = frozenset(rows)
    for size in range(1, 5):
        best = min(
            (
                chosen
                for chosen in combinations(range(len(primes)), size)
                if frozenset().union(*(covers[k] for k in chosen)) == wanted
            ),
            key=lambda chosen: sum(len(primes[k]) for k in chosen),
            default=None,
        )
        if best is not None:
            return tuple(primes[k] for k in best)
    return tuple(primes)  # correct, if longer than need be: no cell of a library comes here


def _cost(products: Sequence[_Product], *, outer: int) -> tuple[int, int]:
    """Give literals, then inversions: what makes a function hard to read."""
    literals = [bit for product in products for _, bit in product]
    return len(literals), literals.count(False) + outer


def _primes(rows: list[int], count: int) -> list[_Product]:
    """Give the prime implicants by Quine and McCluskey's merging."""
    current: set[tuple[int, int]] = {(row, 0) for row in rows}  # value, mask of left-out inputs
    primes: list[tuple[int, int]] = []
    while current:
        merged: set[tuple[int, int]] = set()
        used: set[tuple[int, int]] = set()
        for value, mask in current:
            for k in range(count):
                partner = (value ^ (1 << k), mask)
                if not mask >> k & 1 and partner in current:
                    merged.add((value & ~(1 << k), mask | 1 << k))
                    used |= {(value, mask), partner}
        primes += sorted(current - used)
        current = merged
    products = [
        tuple((k, bool(value >> k & 1)) for k in range(count) if not mask >> k & 1)
        for value, mask in primes
    ]
    return sorted(products, key=lambda product: (len(product), product))


def _holds(product: _Product, row: int) -> bool:
    return all(bool(row >> k & 1) == bit for k, bit in product)


def _sum_text(products: Sequence[_Product], inputs: Sequence[str]) -> str:
    texts = [
        " & ".join(inputs[k] if bit else f"!{inputs[k]}" for k, bit in product)
        for product in products
    ]
    if len(texts) == 1:
        return texts[0]
    return " | ".join(
        f"({text})" if len(product) > 1 else text
        for text, product in zip(texts, products, strict=True)
    )
