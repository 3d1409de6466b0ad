"""Simulation of netlists, many patterns at once: one Python integer per net, one bit per pattern.

It is for tests and for judging mutants, where a proof would need outside tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from edarl.errors import NetlistError
from edarl.hdl.netlist import FUNCTIONS, MappedNetlist, Netlist, port_bits
from edarl.prefix.circuits import Circuit, Port

__all__ = ["CellFunction", "counterexample", "simulate", "simulate_many", "stimuli"]

CellFunction = tuple[str | tuple[int, int], tuple[str, ...], str]
"""(name of a function in `FUNCTIONS` or (inputs, truth table); input pins; output pin)."""

_EXHAUSTIVE_BITS = 14
_MAX_FUNCTION_INPUTS = 8


@dataclass(frozen=True, slots=True)
class _Element:
    inputs: tuple[str, ...]
    output: str
    table: int


def simulate(
    netlist: Netlist | MappedNetlist,
    inputs: Mapping[str, int],
    cells: Mapping[str, CellFunction] | None = None,
) -> dict[str, int]:
    """Compute the outputs for one input.

    Args:
        netlist: Gates, or library cells.
        inputs: An unsigned integer per input port.
        cells: What each library cell computes; needed for a `MappedNetlist`.

    Returns:
        An unsigned integer per output port.

    Raises:
        NetlistError: The netlist has a loop, an undriven net or two drivers of one, an unknown cell
            or pin; or an input is missing or does not fit its port.
    """
    return simulate_many(netlist, [inputs], cells)[0]


def simulate_many(
    netlist: Netlist | MappedNetlist,
    vectors: Sequence[Mapping[str, int]],
    cells: Mapping[str, CellFunction] | None = None,
) -> list[dict[str, int]]:
    """Compute the outputs for many inputs, in the same order; otherwise as `simulate`."""
    ports = netlist.circuit.ports() if isinstance(netlist, Netlist) else netlist.ports
    ones = (1 << len(vectors)) - 1
    values = {"0": 0, "1": ones}
    for port in ports:
        if port.direction == "input":
            values |= zip(port_bits(port), _packed(port, vectors), strict=True)
    for element in _ordered(netlist, cells or {}, values):
        inputs = [values[net] for net in element.inputs]
        values[element.output] = _looked_up(element.table, inputs, ones)
    outputs: list[dict[str, int]] = [{} for _ in vectors]
    for port in ports:
        if port.direction == "output":
            undriven = [bit for bit in port_bits(port) if bit not in values]
            if undriven:
                raise NetlistError(f"every output should be driven, not so: {_few(undriven)}")
            columns = [_as_bits(values[bit], len(vectors)) for bit in reversed(port_bits(port))]
            for output, *bits in zip(outputs, *columns, strict=True):
                output[port.name] = int("".join(bits), 2)
    return outputs


def counterexample(
    netlist: Netlist | MappedNetlist,
    circuit: Circuit | None = None,
    *,
    cells: Mapping[str, CellFunction] | None = None,
    seed: int = 1,
    vectors: int = 2000,
) -> dict[str, int] | None:
    """Give an input on which the netlist differs from its circuit, or None when none was found.

    The answer is final up to 14 input bits, where every input is tried; above that it rests on
    corner and random inputs with long carry chains.

    Args:
        netlist: Gates, or library cells.
        circuit: What it should compute; a `Netlist` knows its own.
        cells: What each library cell computes; needed for a `MappedNetlist`.
        seed: Seed of the random inputs.
        vectors: Number of random inputs, >= 0.

    Raises:
        NetlistError: As `simulate`; or the ports are not those of the circuit.
    """
    if circuit is None:
        if isinstance(netlist, MappedNetlist):
            raise NetlistError("a mapped netlist does not know its circuit; pass `circuit`")
        circuit = netlist.circuit
    ports = netlist.circuit.ports() if isinstance(netlist, Netlist) else netlist.ports
    if set(ports) != set(circuit.ports()):
        raise NetlistError(
            f"the ports of {circuit.name} should be {_port_list(circuit.ports())}, "
            f"actual ports: {_port_list(ports)}"
        )
    tried = stimuli(circuit, seed=seed, vectors=vectors)
    for stimulus, output in zip(tried, simulate_many(netlist, tried, cells), strict=True):
        if output != circuit.reference(**stimulus):
            return stimulus
    return None


def stimuli(circuit: Circuit, *, seed: int = 1, vectors: int = 2000) -> list[dict[str, int]]:
    """Give every input up to 14 input bits, else corners and seeded random inputs.

    Args:
        circuit: The circuit to be tried.
        seed: Seed of the random inputs.
        vectors: Number of random inputs, >= 0.
    """
    inputs = [port for port in circuit.ports() if port.direction == "input"]
    total_bits = sum(port.width for port in inputs)
    if total_bits <= _EXHAUSTIVE_BITS:
        return [_split(inputs, number) for number in range(1 << total_bits)]
    return [*_corners(circuit, inputs), *_random(circuit, inputs, Random(seed), vectors)]


def _split(inputs: Sequence[Port], number: int) -> dict[str, int]:
    vector = {}
    for port in inputs:
        vector[port.name] = number & ((1 << port.width) - 1)
        number >>= port.width
    return vector


def _corners(circuit: Circuit, inputs: Sequence[Port]) -> Iterator[dict[str, int]]:
    mask = (1 << circuit.width) - 1
    for position in range(circuit.width):
        bit, high = 1 << position, mask << position & mask
        for first, second in ((high, bit), (bit, mask), (high, high), (high, high ^ mask),
                              (mask ^ high, 1), (bit, bit), (0, bit), (bit, 0)):  # fmt: skip
            operands = (first, second)
            for carry in (0, 1):
                values = (*operands[: len(circuit.entry.operands)], carry)
                yield {port.name: value for port, value in zip(inputs, values, strict=False)}


def _random(
    circuit: Circuit, inputs: Sequence[Port], random: Random, vectors: int
) -> Iterator[dict[str, int]]:
    width, kind = circuit.width, circuit.kind
    mask = (1 << width) - 1
    for number in range(vectors):
        first, second = random.getrandbits(width), random.getrandbits(width)
        if number % 2:
            sparse = mask
            for _ in range(2 + number % 5):
                sparse &= random.getrandbits(width)
            if len(circuit.entry.operands) == 2:
                second = first ^ sparse ^ (mask if kind == "adder" else 0)
            else:
                first = sparse ^ (mask if kind == "incrementer" else 0)
        values = (*(first, second)[: len(circuit.entry.operands)], random.getrandbits(1))
        yield {port.name: value for port, value in zip(inputs, values, strict=False)}


def _packed(port: Port, vectors: Sequence[Mapping[str, int]]) -> list[int]:
    for vector in vectors:
        if port.name not in vector:
            raise NetlistError(f"every input port should have a value, none for {port.name!r}")
        if not 0 <= vector[port.name] < 1 << port.width:
            raise NetlistError(
                f"`{port.name}` should be an unsigned number of {port.width} bits, "
                f"actual value: {vector[port.name]}"
            )
    rows = [format(vector[port.name], f"0{port.width}b") for vector in reversed(vectors)]
    return [int("".join(column), 2) for column in zip(*rows, strict=True)][::-1]


def _as_bits(value: int, count: int) -> str:
    """Give one character per pattern, the first pattern first."""
    return format(value, f"0{count}b")[::-1]


def _looked_up(table: int, inputs: Sequence[int], ones: int) -> int:
    """Evaluate a truth table by splitting on its last input."""
    if not inputs:
        return ones if table & 1 else 0
    *rest, last = inputs
    half = 1 << len(rest)
    low, high = table & ((1 << half) - 1), table >> half
    if low == high:
        return _looked_up(low, rest, ones)
    return (_looked_up(low, rest, ones) & ~last) | (_looked_up(high, rest, ones) & last)


def _elements(
    netlist: Netlist | MappedNetlist, cells: Mapping[str, CellFunction]
) -> Iterator[_Element]:
    if isinstance(netlist, Netlist):
        for gate in netlist.gates:
            yield _element(gate.function, gate.inputs, gate.output)
        return
    for instance in netlist.instances:
        if instance.cell not in cells:
            raise NetlistError(f"no function is known for the cell {instance.cell!r}")
        function, pins, output = cells[instance.cell]
        nets = dict(instance.connections)
        if set(nets) != {*pins, output} or len(nets) != len(instance.connections):
            raise NetlistError(
                f"the pins of {instance.cell} should be {', '.join((*pins, output))}, "
                f"actual pins: {', '.join(pin for pin, _ in instance.connections)}"
            )
        yield _element(function, tuple(nets[pin] for pin in pins), nets[output])
    for net, source in netlist.aliases:
        yield _element("BUF", (source,), net)


def _element(function: str | tuple[int, int], inputs: tuple[str, ...], output: str) -> _Element:
    if isinstance(function, str):
        if function not in FUNCTIONS:
            raise NetlistError(f"a gate should be one of {', '.join(FUNCTIONS)}: {function!r}")
        function = FUNCTIONS[function]
    count, table = function
    if len(inputs) != count or count > _MAX_FUNCTION_INPUTS:
        raise NetlistError(
            f"the gate that drives {output} should have {count} inputs "
            f"(at most {_MAX_FUNCTION_INPUTS}), actual number: {len(inputs)}"
        )
    return _Element(inputs, output, table)


def _ordered(
    netlist: Netlist | MappedNetlist, cells: Mapping[str, CellFunction], given: Mapping[str, int]
) -> list[_Element]:
    """Give the elements so that drivers come before users."""
    elements = list(_elements(netlist, cells))
    drivers: dict[str, _Element] = {}
    for element in elements:
        if element.output in drivers or element.output in given:
            raise NetlistError(f"a net should have one driver, {element.output!r} has several")
        drivers[element.output] = element
    undriven = sorted({net for element in elements for net in element.inputs
                       if net not in drivers and net not in given})  # fmt: skip
    if undriven:
        raise NetlistError(f"every net should have a driver, not so: {_few(undriven)}")
    users: dict[str, list[_Element]] = {}
    waiting: dict[str, int] = {}
    for element in elements:
        sources = {net for net in element.inputs if net in drivers}
        waiting[element.output] = len(sources)
        for net in sources:
            users.setdefault(net, []).append(element)
    ready = [element for element in elements if not waiting[element.output]]
    for element in ready:  # grows while it is read
        for user in users.get(element.output, ()):
            waiting[user.output] -= 1
            if not waiting[user.output]:
                ready.append(user)
    if len(ready) < len(elements):
        stuck = [net for net, count in waiting.items() if count]
        raise NetlistError(f"a netlist should have no loop, these nets wait: {_few(stuck)}")
    return ready


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _port_list(ports: Sequence[Port]) -> str:
    return ", ".join(f"{port.direction} {port.name}[{port.width}]" for port in ports)
