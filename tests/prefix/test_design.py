import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError, IllegalGraphError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import Node, PrefixGraph
from edarl.prefix.structures import REGULAR, structure
from tests.prefix.strategies import EVERY_OPTION, designs, random_inputs
from tests.prefix.word_level import outputs_of

ADDER_8 = Circuit("adder", 8)
SKLANSKY_8 = structure("sklansky", 8)


# ---------------------------------------------------------------- meaning


@given(designs(), st.randoms(use_true_random=False))
def test_any_graph_computes_any_circuit(design: Design, rng: random.Random) -> None:
    for _ in range(10):
        inputs = random_inputs(design.circuit, rng)
        assert outputs_of(design, inputs) == design.circuit.reference(**inputs)


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), EVERY_OPTION)
def test_every_structure_computes_every_circuit(kind: str, carry_in: bool, carry_out: bool) -> None:
    rng = random.Random(11)
    for width in (2, 3, 8, 13):
        circuit = Circuit(kind, width, carry_in=carry_in, carry_out=carry_out)
        for name in REGULAR:
            for p_mode in P_MODES:
                design = Design.of(structure(name, circuit.leaves), circuit, p_mode)
                for _ in range(4):
                    inputs = random_inputs(circuit, rng)
                    assert outputs_of(design, inputs) == circuit.reference(**inputs)


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), EVERY_OPTION)
def test_every_input_at_3_bits(kind: str, carry_in: bool, carry_out: bool) -> None:
    circuit = Circuit(kind, 3, carry_in=carry_in, carry_out=carry_out)
    ports = [port for port in circuit.ports() if port.direction == "input"]
    for name in ("ripple", "sklansky", "kogge_stone"):
        for p_mode in P_MODES:
            design = Design.of(structure(name, circuit.leaves), circuit, p_mode)
            for word in range(1 << sum(port.width for port in ports)):
                inputs, rest = {}, word
                for port in ports:
                    inputs[port.name] = rest & ((1 << port.width) - 1)
                    rest >>= port.width
                assert outputs_of(design, inputs) == circuit.reference(**inputs)


# ---------------------------------------------------------------- pruning


@given(designs())
def test_live_nodes_are_the_live_outputs_and_all_their_ancestors(design: Design) -> None:
    parents = {node: (upper, lower) for node, upper, lower in design.graph.parents()}
    waiting = [Node(msb, 0) for msb in design.circuit.live_outputs()]
    needed = set()
    while waiting:
        node = waiting.pop()
        if node in parents and node not in needed:
            needed.add(node)
            waiting.extend(parents[node])
    assert design.live_nodes() == needed


@given(designs())
def test_parents_lists_the_live_nodes_once_parents_first(design: Design) -> None:
    seen = {Node(bit, bit) for bit in range(design.graph.width)}
    for node, upper, lower in design.parents():
        assert {upper, lower} <= seen
        assert node not in seen
        seen.add(node)
    assert {node for node in seen if node.msb != node.lsb} == design.live_nodes()


def test_without_carry_out_the_last_output_and_what_only_it_needs_are_pruned() -> None:
    design = Design(SKLANSKY_8, Circuit("adder", 8, carry_out=False))
    assert set(SKLANSKY_8.nodes()) - design.live_nodes() == {(7, 6), (7, 4), (7, 0)}
    assert Design(SKLANSKY_8, ADDER_8).live_nodes() == set(SKLANSKY_8.nodes())


def test_a_comparator_needs_only_one_path_of_the_tree() -> None:
    design = Design(SKLANSKY_8, Circuit("comparator", 8))
    assert design.live_nodes() == {(1, 0), (3, 2), (3, 0), (5, 4), (7, 6), (7, 4), (7, 0)}


# ---------------------------------------------------------------- p modes and names


def test_p_modes_read_as_they_are_set() -> None:
    assert Design.of(SKLANSKY_8, ADDER_8).p_mode == "xor"
    assert Design.of(SKLANSKY_8, ADDER_8, "or").p_mode == "or"
    assert Design.of(SKLANSKY_8, ADDER_8, "or").or_bits == 0xFF
    assert Design(SKLANSKY_8, ADDER_8, 0x1E).p_mode == "mixed:1e"


def test_circuits_without_propagate_have_one_p_mode() -> None:
    gray = Circuit("gray_to_binary", 8)
    assert Design.of(SKLANSKY_8, gray, "or") == Design.of(SKLANSKY_8, gray, "xor")


def test_digests_tell_designs_apart() -> None:
    carried = structure("sklansky", 9)
    every = [
        Design(carried if carry_in else SKLANSKY_8, circuit)
        for kind, carry_in, carry_out in EVERY_OPTION
        for circuit in [Circuit(kind, 8, carry_in=carry_in, carry_out=carry_out)]
    ]
    every += [Design(SKLANSKY_8, ADDER_8, 1 << bit) for bit in range(8)]
    every += [Design(structure("kogge_stone", 8), ADDER_8)]
    assert len({design.digest for design in every}) == len(every)


@pytest.mark.parametrize(
    ("design", "digest"),
    [
        (Design(SKLANSKY_8, ADDER_8), "092635047be7c825c654651e2dfc4a97"),
        (Design.of(SKLANSKY_8, ADDER_8, "or"), "e17b6d05c054701dbe222b568e815eaf"),
        (
            Design(structure("ripple", 5), Circuit("subtractor", 4, carry_in=True)),
            "0fe9f5cbe4f478bcf0ae38831bcbcac2",
        ),
        (
            Design(structure("brent_kung", 8), Circuit("leading_zero_count", 8)),
            "be53f1e2d62accdddfd27e69d2dc1a9e",
        ),
    ],
)
def test_digests_never_change(design: Design, digest: str) -> None:
    assert design.digest == digest


@given(designs())
def test_a_design_is_a_value(design: Design) -> None:
    other = pickle.loads(pickle.dumps(design))
    assert other == design
    assert hash(other) == hash(design)
    assert other.digest == design.digest


# ---------------------------------------------------------------- refusals


def test_a_graph_of_another_width_is_refused() -> None:
    with pytest.raises(IllegalGraphError) as caught:
        Design(SKLANSKY_8, Circuit("adder", 8, carry_in=True))
    assert str(caught.value) == "the graph of adder_8_cin should have width 9, actual width: 8"


@pytest.mark.parametrize("or_bits", [-1, 256])
def test_p_modes_for_bits_that_do_not_exist_are_refused(or_bits: int) -> None:
    with pytest.raises(
        ConfigError, match=r"`or_bits` should have at most 8 bits, actual value: -?0x"
    ):
        Design(SKLANSKY_8, ADDER_8, or_bits)


def test_p_modes_of_a_circuit_without_propagate_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="incrementer_8 has no propagate signals, so no `or_bits`"
    ):
        Design(SKLANSKY_8, Circuit("incrementer", 8), 1)


def test_an_unknown_p_mode_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="`p_mode` should be one of xor, or, actual value: 'both'"
    ):
        Design.of(PrefixGraph.legalise(8), ADDER_8, "both")  # type: ignore[arg-type]
