"""Random graphs, circuits and designs for property tests."""

import random

from hypothesis import strategies as st

from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["EVERY_OPTION", "circuits", "designs", "graphs", "graphs_of", "random_inputs"]

EVERY_OPTION = [
    (entry.name, carry_in, carry_out)
    for entry in KINDS.values()
    for carry_in in ((False, True) if entry.carry_in else (False,))
    for carry_out in ((False, True) if entry.carry_out else (False,))
]
"""(kind, carry_in, carry_out) of every circuit there is, widths aside."""


def random_inputs(circuit: Circuit, rng: random.Random) -> dict[str, int]:
    """Draw inputs; some of them long runs of equal bits, where carries travel far."""
    inputs = {}
    for port in circuit.ports():
        if port.direction == "input":
            value = rng.getrandbits(port.width)
            run = (1 << rng.randrange(port.width + 1)) - 1
            inputs[port.name] = rng.choice(
                (value, run, ~run & ((1 << port.width) - 1), value & run)
            )
    return inputs


@st.composite
def graphs_of(draw: st.DrawFn, width: int) -> PrefixGraph:
    """Legal graphs of one width: any set of interior nodes, completed."""
    cells = [(msb, lsb) for msb in range(width) for lsb in range(1, msb)]
    chosen = draw(st.integers(0, (1 << len(cells)) - 1)) if cells else 0
    if draw(st.booleans()):  # few nodes are as interesting as half of all
        chosen &= draw(st.integers(0, (1 << len(cells)) - 1)) if cells else 0
    return PrefixGraph.legalise(
        width, [cell for index, cell in enumerate(cells) if chosen >> index & 1]
    )


def graphs(least: int = 2, most: int = 10) -> st.SearchStrategy[PrefixGraph]:
    """Legal graphs of several widths."""
    return st.integers(least, most).flatmap(graphs_of)


@st.composite
def circuits(draw: st.DrawFn, least: int = 2, most: int = 9) -> Circuit:
    """Circuits of every kind with every option that the kind has."""
    entry = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    return Circuit(
        entry.name,
        draw(st.integers(least, most)),
        carry_in=entry.carry_in is not None and draw(st.booleans()),
        carry_out=entry.carry_out is not None and draw(st.booleans()),
    )


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """Designs of every circuit with any graph and any p mode."""
    circuit = draw(circuits())
    has_propagate = circuit.entry.operator == "carry"
    or_bits = draw(st.integers(0, (1 << circuit.leaves) - 1)) if has_propagate else 0
    return Design(draw(graphs_of(circuit.leaves)), circuit, or_bits)
