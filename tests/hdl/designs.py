"""Random designs of every circuit, for the tests of this room."""

from random import Random

from hypothesis import strategies as st

from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["all_circuits", "designs", "random_design", "random_graph"]


def all_circuits(width: int) -> list[Circuit]:
    """Give every kind at a width with every combination of its options."""
    return [
        Circuit(kind.name, width, carry_in, carry_out)
        for kind in KINDS.values()
        for carry_in in ((False, True) if kind.carry_in else (False,))
        for carry_out in ((False, True) if kind.carry_out else (None,))
    ]


def random_graph(width: int, random: Random) -> PrefixGraph:
    """Give a legal graph with a few random interior nodes."""
    picked = []
    for _ in range(random.randrange(2 * width)):
        msb = random.randrange(1, width)
        picked.append((msb, random.randrange(msb)))
    return PrefixGraph.legalise(width, picked)


def random_design(circuit: Circuit, random: Random) -> Design:
    """Give a design with a random graph and, where it applies, random p modes."""
    or_bits = random.getrandbits(circuit.leaves) if circuit.entry.operator == "carry" else 0
    return Design(random_graph(circuit.leaves, random), circuit, or_bits)


@st.composite
def designs(draw: st.DrawFn, max_width: int = 9) -> Design:
    """Give designs of any kind, with any options, up to a width."""
    circuit = draw(st.sampled_from(all_circuits(draw(st.integers(2, max_width)))))
    return random_design(circuit, Random(draw(st.integers(0, 2**32))))
