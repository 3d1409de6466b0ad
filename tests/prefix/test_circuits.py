import dataclasses
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import ConfigError
from edarl.prefix.circuits import KINDS, Circuit, Port
from tests.prefix.strategies import EVERY_OPTION, circuits, random_inputs

# ---------------------------------------------------------------- the reference, bit by bit


def rippled(a: list[int], b: list[int], carry: int) -> tuple[list[int], int]:
    total = []
    for x, y in zip(a, b, strict=True):
        total.append((x + y + carry) % 2)
        carry = int(x + y + carry >= 2)
    return total, carry


def borrowed(a: list[int], b: list[int], borrow: int) -> tuple[list[int], int]:
    difference = []
    for x, y in zip(a, b, strict=True):
        difference.append((x - y - borrow) % 2)
        borrow = int(x - y - borrow < 0)
    return difference, borrow


def expected_outputs(circuit: Circuit, inputs: dict[str, int]) -> dict[str, int]:
    width = circuit.width
    texts = {name: f"{value:0{width}b}" for name, value in inputs.items()}
    vectors = {name: [int(bit) for bit in reversed(text)] for name, text in texts.items()}
    zeros = [0] * width
    result: list[int]
    carry = 0
    match circuit.kind:
        case "adder":
            result, carry = rippled(vectors["a"], vectors["b"], inputs.get("cin", 0))
        case "subtractor":
            result, carry = borrowed(vectors["a"], vectors["b"], inputs.get("bin", 0))
        case "incrementer":
            result, carry = rippled(vectors["a"], zeros, inputs.get("cin", 1))
        case "decrementer":
            result, carry = borrowed(vectors["a"], zeros, inputs.get("bin", 1))
        case "comparator":
            return {"lt": int(texts["a"] < texts["b"])}
        case "priority_encoder":
            first = texts["req"].find("1")
            result = [0] * width
            if first >= 0:
                result[width - 1 - first] = 1
            carry = int("1" in texts["req"])
        case "leading_zero_count":
            return {"count": (texts["a"] + "1").index("1")}
        case "gray_to_binary":
            result, parity = [], 0
            for bit in reversed(vectors["gray"]):
                parity ^= bit
                result.insert(0, parity)
        case _:
            raise AssertionError(circuit.kind)
    outputs = {circuit.entry.result: int("".join(map(str, reversed(result))), 2)}
    if circuit.carry_out and circuit.entry.carry_out:
        outputs[circuit.entry.carry_out] = carry
    return outputs


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), EVERY_OPTION)
def test_reference_equals_bitwise_arithmetic(kind: str, carry_in: bool, carry_out: bool) -> None:
    rng = random.Random(7)
    for width in (*range(2, 12), 31, 32, 33, 64, 129, 255):
        circuit = Circuit(kind, width, carry_in=carry_in, carry_out=carry_out)
        for _ in range(25):
            inputs = random_inputs(circuit, rng)
            assert circuit.reference(**inputs) == expected_outputs(circuit, inputs)


@pytest.mark.parametrize(("kind", "carry_in", "carry_out"), EVERY_OPTION)
def test_reference_equals_bitwise_arithmetic_for_every_input_at_3_bits(
    kind: str, carry_in: bool, carry_out: bool
) -> None:
    circuit = Circuit(kind, 3, carry_in=carry_in, carry_out=carry_out)
    ports = [port for port in circuit.ports() if port.direction == "input"]
    for word in range(1 << sum(port.width for port in ports)):
        inputs = {}
        for port in ports:
            inputs[port.name] = word & ((1 << port.width) - 1)
            word >>= port.width
        assert circuit.reference(**inputs) == expected_outputs(circuit, inputs)


@given(st.integers(2, 64), st.data())
def test_gray_to_binary_undoes_the_gray_code(width: int, data: st.DataObject) -> None:
    binary = data.draw(st.integers(0, (1 << width) - 1))
    assert Circuit("gray_to_binary", width).reference(gray=binary ^ binary >> 1) == {
        "binary": binary
    }


@given(circuits(), st.randoms(use_true_random=False))
def test_outputs_fit_their_ports(circuit: Circuit, rng: random.Random) -> None:
    outputs = circuit.reference(**random_inputs(circuit, rng))
    widths = {port.name: port.width for port in circuit.ports() if port.direction == "output"}
    assert outputs.keys() == widths.keys()
    assert all(0 <= outputs[name] < 1 << width for name, width in widths.items())


def test_the_count_of_no_ones_at_all_fits() -> None:
    for width in range(2, 257):
        circuit = Circuit("leading_zero_count", width)
        assert circuit.reference(a=0) == {"count": width}
        assert width < 1 << circuit.result_width <= 2 * width


# ---------------------------------------------------------------- ports and names


@pytest.mark.parametrize(
    ("circuit", "ports", "name", "leaves", "live"),
    [
        (Circuit("adder", 8), "a:8 b:8 > sum:8 cout:1", "adder_8", 8, range(8)),
        (Circuit("adder", 8, carry_out=False), "a:8 b:8 > sum:8", "adder_8_no_cout", 8, range(7)),
        (Circuit("adder", 8, carry_in=True), "a:8 b:8 cin:1 > sum:8 cout:1", "adder_8_cin", 9,
         range(9)),
        (Circuit("adder", 8, carry_in=True, carry_out=False), "a:8 b:8 cin:1 > sum:8",
         "adder_8_cin_no_cout", 9, range(8)),
        (Circuit("subtractor", 4), "a:4 b:4 > diff:4 bout:1", "subtractor_4", 4, range(4)),
        (Circuit("subtractor", 4, carry_in=True), "a:4 b:4 bin:1 > diff:4 bout:1",
         "subtractor_4_bin", 5, range(5)),
        (Circuit("incrementer", 4), "a:4 > sum:4 cout:1", "incrementer_4", 4, range(4)),
        (Circuit("incrementer", 4, carry_in=True, carry_out=False), "a:4 cin:1 > sum:4",
         "incrementer_4_cin_no_cout", 5, range(4)),
        (Circuit("decrementer", 4, carry_out=False), "a:4 > diff:4", "decrementer_4_no_bout", 4,
         range(3)),
        (Circuit("decrementer", 4, carry_in=True), "a:4 bin:1 > diff:4 bout:1",
         "decrementer_4_bin", 5, range(5)),
        (Circuit("comparator", 4), "a:4 b:4 > lt:1", "comparator_4", 4, range(3, 4)),
        (Circuit("priority_encoder", 4), "req:4 > grant:4 valid:1", "priority_encoder_4", 4,
         range(4)),
        (Circuit("priority_encoder", 4, carry_out=False), "req:4 > grant:4",
         "priority_encoder_4_no_valid", 4, range(3)),
        (Circuit("leading_zero_count", 7), "a:7 > count:3", "leading_zero_count_7", 7, range(7)),
        (Circuit("leading_zero_count", 8), "a:8 > count:4", "leading_zero_count_8", 8, range(8)),
        (Circuit("gray_to_binary", 5), "gray:5 > binary:5", "gray_to_binary_5", 5, range(5)),
    ],
)  # fmt: skip
def test_ports_names_leaves_and_live_outputs(
    circuit: Circuit, ports: str, name: str, leaves: int, live: range
) -> None:
    sides = zip(("input", "output"), ports.split(" > "), strict=True)
    expected = [
        Port(text.partition(":")[0], direction, int(text.partition(":")[2]))  # type: ignore[arg-type]
        for direction, side in sides
        for text in side.split()
    ]
    assert circuit.ports() == tuple(expected)
    assert circuit.name == name
    assert circuit.leaves == leaves
    assert circuit.live_outputs() == live


def test_carry_out_is_there_by_default_where_the_kind_has_one() -> None:
    for entry in KINDS.values():
        assert Circuit(entry.name, 4).carry_out is (entry.carry_out is not None)
        assert Circuit(entry.name, 4, carry_out=False).carry_out is False
        assert Circuit(entry.name, 4) == Circuit(
            entry.name, 4, carry_out=entry.carry_out is not None
        )


def test_names_tell_circuits_apart() -> None:
    names = {
        Circuit(kind, 5, carry_in=carry_in, carry_out=carry_out).name
        for kind, carry_in, carry_out in EVERY_OPTION
    }
    assert len(names) == len(EVERY_OPTION)


def test_every_kind_is_named_after_its_key_and_has_a_summary() -> None:
    assert list(KINDS) == [
        "adder",
        "subtractor",
        "incrementer",
        "decrementer",
        "comparator",
        "priority_encoder",
        "leading_zero_count",
        "gray_to_binary",
    ]
    for name, entry in KINDS.items():
        assert entry.name == name
        assert entry.summary


@given(circuits())
def test_a_circuit_is_a_value(circuit: Circuit) -> None:
    other = pickle.loads(pickle.dumps(circuit))
    assert other == circuit
    assert hash(other) == hash(circuit)
    with pytest.raises(dataclasses.FrozenInstanceError):
        circuit.width = 3  # type: ignore[misc]


# ---------------------------------------------------------------- refusals


def test_an_unknown_kind_is_refused_with_a_close_name() -> None:
    with pytest.raises(ConfigError) as caught:
        Circuit("addder", 8)
    assert str(caught.value) == (
        "`circuit` should be one of adder, subtractor, incrementer, decrementer, comparator, "
        "priority_encoder, leading_zero_count, gray_to_binary, actual value: 'addder'; "
        "did you mean 'adder'?"
    )
    with pytest.raises(ConfigError, match=r"actual value: '#'$"):
        Circuit("#", 8)


@pytest.mark.parametrize("width", [-1, 0, 1, 257, 10**20, 8.0, "8", None])
def test_a_width_out_of_range_is_refused(width: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Circuit("adder", width)
    assert str(caught.value) == f"`width` should be between 2 and 256, actual value: {width!r}"


def test_the_carry_in_leaf_takes_one_bit_of_the_largest_graph() -> None:
    assert Circuit("adder", 256).leaves == 256
    assert Circuit("adder", 255, carry_in=True).leaves == 256
    with pytest.raises(ConfigError) as caught:
        Circuit("adder", 256, carry_in=True)
    assert str(caught.value) == "`width` should be between 2 and 255, actual value: 256"


@pytest.mark.parametrize("kind", [name for name, entry in KINDS.items() if not entry.carry_in])
def test_a_kind_without_carry_in_refuses_one(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"a {kind} has no carry-in; leave it out"):
        Circuit(kind, 8, carry_in=True)


@pytest.mark.parametrize("kind", [name for name, entry in KINDS.items() if not entry.carry_out])
def test_a_kind_without_carry_out_refuses_one(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"a {kind} has no carry-out; leave it out"):
        Circuit(kind, 8, carry_out=True)


@pytest.mark.parametrize(
    ("inputs", "given_text"),
    [
        ({}, "none"),
        ({"a": 1}, "a=1"),
        ({"a": 1, "b": 16}, "a=1, b=16"),
        ({"a": -1, "b": 0}, "a=-1, b=0"),
        ({"a": 1, "b": 2, "cin": 0}, "a=1, b=2, cin=0"),
    ],
)
def test_the_reference_refuses_inputs_that_do_not_fit(
    inputs: dict[str, int], given_text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Circuit("adder", 4).reference(**inputs)
    assert str(caught.value) == (
        f"adder_4 should get unsigned inputs a (4 bits), b (4 bits); actual inputs: {given_text}"
    )
