import pytest
from hypothesis import given
from hypothesis import strategies as st

from edarl.errors import NetlistError
from edarl.hdl.netlist import FUNCTIONS, Gate, Instance, MappedNetlist, Netlist
from edarl.hdl.simulate import counterexample, simulate, simulate_many, stimuli
from edarl.prefix.circuits import Circuit, Port

HALF_ADDER = Circuit("incrementer", 2, carry_in=True)


def gates(*listed: tuple[str, tuple[str, ...], str]) -> Netlist:
    return Netlist(HALF_ADDER, tuple(Gate(*gate) for gate in listed))


CORRECT = (
    ("XOR2", ("a[0]", "cin"), "sum[0]"),
    ("NAND2", ("a[0]", "cin"), "n1"),
    ("XNOR2", ("a[1]", "n1"), "sum[1]"),
    ("INV", ("n1",), "t"),
    ("AND2", ("t", "a[1]"), "cout"),
)


def test_a_correct_netlist_computes_its_circuit() -> None:
    netlist = gates(*CORRECT)
    assert simulate(netlist, {"a": 3, "cin": 1}) == {"sum": 0, "cout": 1}
    assert counterexample(netlist) is None


def test_order_of_the_gates_does_not_matter() -> None:
    assert counterexample(gates(*reversed(CORRECT))) is None


def test_a_wrong_gate_gives_a_counterexample() -> None:
    wrong = gates(*CORRECT[:-1], ("OR2", ("t", "a[1]"), "cout"))
    found = counterexample(wrong)
    assert found is not None
    assert simulate(wrong, found) != HALF_ADDER.reference(**found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_follows_its_truth_table(name: str) -> None:
    count, table = FUNCTIONS[name]
    ports = (*(Port(f"i{pin}", "input", 1) for pin in range(count)), Port("o", "output", 1))
    pins = tuple(f"p{pin}" for pin in range(count))
    connections = (("y", "o"), *((pin, f"i{index}") for index, pin in enumerate(pins)))
    netlist = MappedNetlist("m", ports, (Instance("C", connections),))
    for number in range(1 << count):
        inputs = {f"i{pin}": number >> pin & 1 for pin in range(count)}
        for function in (name, FUNCTIONS[name]):
            outputs = simulate(netlist, inputs, {"C": (function, pins, "y")})
            assert outputs == {"o": table >> number & 1}


def test_aliases_and_constants_are_followed() -> None:
    ports = (Port("a", "input", 2), Port("y", "output", 3))
    netlist = MappedNetlist("m", ports, (), (("y[0]", "a[1]"), ("y[1]", "1"), ("y[2]", "0")))
    assert simulate_many(netlist, [{"a": 2}, {"a": 1}]) == [{"y": 3}, {"y": 2}]


@given(st.sampled_from(["adder", "decrementer", "gray_to_binary"]), st.integers(2, 70))
def test_stimuli_fit_their_ports(kind: str, width: int) -> None:
    circuit = Circuit(kind, width)
    vectors = stimuli(circuit, vectors=5)
    limits = {port.name: 1 << port.width for port in circuit.ports() if port.direction == "input"}
    assert vectors
    for vector in vectors:
        assert vector.keys() == limits.keys()
        assert all(0 <= value < limits[name] for name, value in vector.items())


@pytest.mark.parametrize(
    ("netlist", "message"),
    [
        (gates(*CORRECT, ("INV", ("n1",), "t")), "should have one driver, 't' has several"),
        (gates(*CORRECT, ("INV", ("n1",), "cin")), "should have one driver, 'cin' has several"),
        (gates(*CORRECT[:3], *CORRECT[4:]), "every net should have a driver, not so: t"),
        (gates(*CORRECT[:-1]), "every output should be driven, not so: cout"),
        (gates(*CORRECT, ("INV", ("v",), "w"), ("INV", ("w",), "v")), "no loop, .*: w, v"),
        (gates(*CORRECT, ("NAND9", ("v",), "w")), "should be one of INV, .*: 'NAND9'"),
        (gates(*CORRECT, ("INV", ("t", "t"), "w")), "drives w should have 1 inputs .*number: 2"),
    ],
)
def test_malformed_netlists_are_refused(netlist: Netlist, message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        simulate(netlist, {"a": 0, "cin": 0})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [({"a": 0}, "none for 'cin'"), ({"a": 4, "cin": 0}, "`a` should be .* 2 bits, .* value: 4"),
     ({"a": -1, "cin": 0}, "actual value: -1")],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_refused(inputs: dict[str, int], message: str) -> None:
    with pytest.raises(NetlistError, match=message):
        simulate(gates(*CORRECT), inputs)


def test_mapped_netlists_need_known_cells_pins_and_ports() -> None:
    ports = (Port("a", "input", 1), Port("y", "output", 1))
    netlist = MappedNetlist("m", ports, (Instance("INVX", (("A", "a"), ("Y", "y"))),))
    with pytest.raises(NetlistError, match="no function is known for the cell 'INVX'"):
        simulate(netlist, {"a": 0})
    with pytest.raises(NetlistError, match="pins of INVX should be A, Z, actual pins: A, Y"):
        simulate(netlist, {"a": 0}, {"INVX": ("INV", ("A",), "Z")})
    with pytest.raises(NetlistError, match="pass `circuit`"):
        counterexample(netlist)
    with pytest.raises(NetlistError, match="ports of adder_2 should be input a"):
        counterexample(netlist, Circuit("adder", 2))
