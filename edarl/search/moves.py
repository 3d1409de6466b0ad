"""Random neighbours of a design: what the stochastic methods propose.

Most uniform additions make a design larger for nothing, and a node that should move one column
needs a deletion and an addition at once. So a neighbour is drawn by kind first: add, delete, shift
(delete a node and add one beside it) or a change of p mode, and the kinds have weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph

__all__ = ["Change", "Proposal", "changed", "crossover", "legal_changes", "mutate"]

Change = Move | int
"""A move of the graph, or the new p modes of all bits."""

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Proposal:
    """How neighbours are drawn.

    Attributes:
        add: Weight of adding a node.
        delete: Weight of deleting a node of the minlist.
        shift: Weight of deleting a node and adding one at most ``reach`` cells away.
        p_bit: Weight of changing the p mode of one bit, or of a run of bits.
        p_all: Weight of giving all bits the same p mode.
        near: Share of additions that are placed beside an existing node.
        reach: Largest distance in cells of a shift and of a near addition, >= 1.
        repeat: Probability of making one more change after each, 0 to below 1.
    """

    add: float = 0.3
    delete: float = 0.3
    shift: float = 0.25
    p_bit: float = 0.12
    p_all: float = 0.03
    near: float = 0.5
    reach: int = 2
    repeat: float = 0.25


def mutate(
    design: Design, rng: np.random.Generator, proposal: Proposal, *, p_moves: bool, steps: int = 1
) -> Design:
    """Give a random neighbour; now and then the design itself, when no change was possible.

    Args:
        design: Where to start.
        rng: The source of randomness.
        proposal: How neighbours are drawn.
        p_moves: Whether p modes may change.
        steps: Least number of changes made.
    """
    weights = np.array(
        [proposal.add, proposal.delete, proposal.shift]
        + ([proposal.p_bit, proposal.p_all] if p_moves else [0.0, 0.0])
    )
    limits = np.cumsum(weights / weights.sum())
    graph, or_bits, leaves = design.graph, design.or_bits, design.circuit.leaves
    done = 0
    while done < steps or rng.random() < proposal.repeat:
        kind = int(np.searchsorted(limits, rng.random(), side="right"))
        if kind == 0:
            graph = _added(graph, rng, proposal)
        elif kind == 1:
            graph = _deleted(graph, rng)
        elif kind == 2:
            graph = _shifted(graph, rng, proposal)
        elif kind == 3:
            or_bits ^= _run_of_bits(leaves, rng)
        else:
            everything = (1 << leaves) - 1
            or_bits = everything if 2 * or_bits.bit_count() <= leaves else 0
        done += 1
    return Design(graph, design.circuit, _settled(or_bits))


def crossover(one: Design, other: Design, rng: np.random.Generator) -> Design:
    """Give a design that has some rows and p modes of one parent, and the rest of the other.

    One parent gives the rows above a random bit, the other those below; rows are taken from the
    minlists, so the child is built from what each parent really chose.
    """
    leaves = one.circuit.leaves
    cut = int(rng.integers(1, leaves))
    if rng.random() < 0.5:
        one, other = other, one
    rows = (*one.graph.minlist_rows[:cut], *other.graph.minlist_rows[cut:])
    nodes = [(msb, lsb) for msb, row in enumerate(rows) for lsb in _bits(row)]
    low = (1 << cut) - 1
    or_bits = (one.or_bits & low) | (other.or_bits & ~low)
    return Design(PrefixGraph.legalise(leaves, nodes), one.circuit, _settled(or_bits))


def legal_changes(design: Design, *, p_moves: bool) -> list[Change]:
    """Give every single change of a design: all legal moves, one bit's p mode, all bits' p mode.

    Changes are cheap to list; `changed` builds the design of one.
    """
    found: list[Change] = [
        Move("delete" if plane else "add", msb, lsb)
        for plane, msb, lsb in np.argwhere(design.graph.legal_moves()).tolist()
    ]
    if p_moves:
        leaves = design.circuit.leaves
        modes = {_settled(design.or_bits ^ 1 << bit) for bit in range(1, leaves)}
        modes |= {0, (1 << leaves) - 1}
        found += sorted(modes - {design.or_bits})
    return found


def changed(design: Design, change: Change) -> Design:
    """Give the design after one change.

    Raises:
        IllegalMoveError: The move is not legal.
        ConfigError: The p modes do not fit the circuit.
    """
    if isinstance(change, int):
        return Design(design.graph, design.circuit, change)
    return Design(design.graph.apply(change), design.circuit, design.or_bits)


def _added(graph: PrefixGraph, rng: np.random.Generator, proposal: Proposal) -> PrefixGraph:
    if rng.random() < proposal.near:
        nodes = list(graph.nodes())
        for _ in range(_TRIES):
            node = nodes[int(rng.integers(len(nodes)))]
            cell = _beside(node.msb, node.lsb, rng, proposal.reach)
            if _is_free(graph, *cell):
                return graph.apply(Move("add", *cell))
    cells = np.argwhere(graph.legal_moves()[0])
    if not len(cells):
        return graph
    msb, lsb = cells[int(rng.integers(len(cells)))].tolist()
    return graph.apply(Move("add", msb, lsb))


def _deleted(graph: PrefixGraph, rng: np.random.Generator) -> PrefixGraph:
    cells = [(msb, lsb) for msb, row in enumerate(graph.minlist_rows) for lsb in _bits(row)]
    if not cells:
        return graph
    return graph.apply(Move("delete", *cells[int(rng.integers(len(cells)))]))


def _shifted(graph: PrefixGraph, rng: np.random.Generator, proposal: Proposal) -> PrefixGraph:
    cells = [(msb, lsb) for msb, row in enumerate(graph.minlist_rows) for lsb in _bits(row)]
    if not cells:
        return graph
    for _ in range(_TRIES):
        msb, lsb = cells[int(rng.integers(len(cells)))]
        target = _beside(msb, lsb, rng, proposal.reach)
        if _is_free(graph, *target):
            smaller = graph.apply(Move("delete", msb, lsb))
            if _is_free(smaller, *target):
                return smaller.apply(Move("add", *target))
    return graph


def _beside(msb: int, lsb: int, rng: np.random.Generator, reach: int) -> tuple[int, int]:
    rows, columns = rng.integers(-reach, reach + 1, size=2).tolist()
    return msb + rows, lsb + columns


def _is_free(graph: PrefixGraph, msb: int, lsb: int) -> bool:
    return 0 < lsb < msb < graph.width and not graph.rows[msb] >> lsb & 1


def _settled(or_bits: int) -> int:
    """Give leaf 0 the p mode of leaf 1: no node uses it, and designs should differ in more."""
    return or_bits & ~1 | or_bits >> 1 & 1


def _run_of_bits(leaves: int, rng: np.random.Generator) -> int:
    first = int(rng.integers(1, leaves))
    length = min(int(rng.geometric(0.5)), leaves - first)
    return ((1 << length) - 1) << first


def _bits(row: int) -> list[int]:
    return [lsb for lsb in range(row.bit_length()) if row >> lsb & 1]
