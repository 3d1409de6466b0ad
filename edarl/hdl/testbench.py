"""A self-checking Verilog testbench that needs nothing but a Verilog-2005 simulator.

It holds its own behavioural reference, so the user simulates two files: this one and the circuit.
"""

from __future__ import annotations

from edarl.errors import ConfigError
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.verilog import checked_module_name, formula
from edarl.prefix.circuits import Circuit

__all__ = ["testbench_verilog"]

# ruff: noqa: PT028  "testbench" is no test of ours, though its name begins like one

_MAX_EXHAUSTIVE_BITS = 20


def testbench_verilog(
    circuit: Circuit,
    dut: str | None = None,
    *,
    seed: int = 1,
    vectors: int = 2000,
    exhaustive_bits: int = 14,
) -> str:
    """Give a testbench that compares a module with the circuit's behavioural reference.

    It applies corner values, then either every input there is or seeded random ones, every other
    one with long carry chains. It prints ``PASS`` or ``FAIL`` with the number of vectors and ends
    with ``$fatal`` (exit status not 0) after a mismatch. An unknown (x) output is a mismatch.

    Args:
        circuit: What the module should compute.
        dut: The module's name, the circuit's name by default; the testbench is called ``<dut>_tb``.
        seed: Seed of the random vectors, 0 to 2**31 - 1; the same in every simulator.
        vectors: Number of random vectors, 0 to 2**31 - 1.
        exhaustive_bits: Circuits with at most this many input bits, 0 to 20, see every input.

    Raises:
        ConfigError: A number is out of range, or ``dut`` is not a plain Verilog identifier.
    """
    for name, value, most in (
        ("seed", seed, 2**31 - 1),
        ("vectors", vectors, 2**31 - 1),
        ("exhaustive_bits", exhaustive_bits, _MAX_EXHAUSTIVE_BITS),
    ):
        if not 0 <= value <= most:
            raise ConfigError(f"`{name}` should be between 0 and {most}, actual value: {value}")
    module = checked_module_name(dut or circuit.name)
    input_bits = sum(port.width for port in circuit.ports() if port.direction == "input")
    is_exhaustive = input_bits <= exhaustive_bits
    corners, corner_lines = _corners(circuit)
    rest = 1 << input_bits if is_exhaustive else vectors
    rest_lines = _exhaustive(circuit, corners) if is_exhaustive else _random(circuit)
    lines = (
        f"// Self-checking testbench of {module} ({formula(circuit)}).",
        f"// Vectors: corners, then {'every input' if is_exhaustive else 'seeded random ones'}; "
        "ends with $fatal after a mismatch.",
        f"module {module}_tb;",
        *_signals(circuit, module),
        "  initial begin",
        f"    seed = {seed};",
        f"    ones = {{{circuit.width}{{1'b1}}}};",
        "    one = 1;",
        "    first = 0;",
        "    second = 0;",
        "    sparse = 0;",
        "    failures = 0;",
        f"    for (number = 0; number < {corners + rest}; number = number + 1) begin",
        f"      if (number < {corners}) begin",
        *(f"        {line}" for line in corner_lines),
        "      end else begin",
        *(f"        {line}" for line in rest_lines),
        "      end",
        "      #1;",
        *(f"      {line}" for line in _check(circuit)),
        "    end",
        '    if (failures == 0) $display("PASS: %0d vectors", number);',
        "    else begin",
        '      $display("FAIL: %0d of %0d vectors", failures, number);',
        "      $fatal;",
        "    end",
        "    $finish;",
        "  end",
        "endmodule",
        "",
    )
    return "\n".join(lines) + "\n" + behavioural_verilog(circuit, f"{module}_expected")


def _bus(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def _carry_in(circuit: Circuit) -> str | None:
    return circuit.entry.carry_in if circuit.carry_in else None


def _signals(circuit: Circuit, module: str) -> list[str]:
    outputs = [port for port in circuit.ports() if port.direction == "output"]
    inputs = [port for port in circuit.ports() if port.direction == "input"]

    def instance(kind: str, name: str) -> str:
        pins = [f".{port.name}({port.name})" for port in inputs]
        pins += [f".{port.name}({name}_{port.name})" for port in outputs]
        return f"  {kind} {name} ({', '.join(pins)});"

    return [
        *(f"  reg {_bus(port.width)}{port.name};" for port in inputs),
        *(f"  wire {_bus(port.width)}dut_{port.name};" for port in outputs),
        *(f"  wire {_bus(port.width)}expected_{port.name};" for port in outputs),
        f"  reg [{circuit.width - 1}:0] ones, one, first, second, sparse;",
        "  integer seed, number, failures, position;",
        instance(module, "dut"),
        instance(f"{module}_expected", "expected"),
        "",
    ]


def _check(circuit: Circuit) -> list[str]:
    inputs = [port for port in circuit.ports() if port.direction == "input"]
    outputs = [port for port in circuit.ports() if port.direction == "output"]
    dut, expected = (
        ", ".join(f"{side}_{port.name}" for port in outputs) for side in ("dut", "expected")
    )
    shown = ", ".join(f"{port.name}=%h" for port in inputs)
    shown += "".join(f", {port.name}=%h (expected %h)" for port in outputs)
    values = [port.name for port in inputs]
    for port in outputs:
        values += [f"dut_{port.name}", f"expected_{port.name}"]
    return [
        f"if ({{{dut}}} !== {{{expected}}}) begin",
        "  failures = failures + 1;",
        "  if (failures <= 10)",
        f'    $display("mismatch: {shown}", {", ".join(values)});',
        "end",
    ]


def _corners(circuit: Circuit) -> tuple[int, list[str]]:
    """Give the number of corner vectors, and the lines that form the one called ``number``.

    They are carries that start at each position and run to the top, single ones and alternating
    bits; the operands in both orders, the carry-in off and on.
    """
    names = circuit.entry.operands
    alternating = f"{{{(circuit.width + 1) // 2}{{2'b01}}}} << (position % 2)"
    values = ["ones << position", "one << position", "~(ones << position)", alternating]
    if len(names) == 1:
        pairs = [(value, "first") for value in [*values, "~(one << position)"]]
    else:
        seconds = ["0", "ones", "one", "one << position", "first", "~first"]
        pairs = [(value, second) for value in values for second in seconds]
    count = 4 * len(pairs) * (circuit.width + 1)
    swap = f"if (number % 4 / 2) {{{', '.join(names)}}} = {{second, first}}; else "
    carry = _carry_in(circuit)
    return count, [
        f"position = number / {4 * len(pairs)};",
        f"case (number / 4 % {len(pairs)})",
        *(
            f"  {index}: begin first = {left}; second = {right}; end"
            for index, (left, right) in enumerate(pairs)
        ),
        "endcase",
        f"{swap if len(names) == 2 else ''}{_operands(circuit)}",
        *([f"{carry} = number % 2;"] if carry else []),
    ]


def _operands(circuit: Circuit) -> str:
    names = circuit.entry.operands
    return (
        f"{{{', '.join(names)}}} = {{first, second}};"
        if len(names) == 2
        else (f"{names[0]} = first;")
    )


def _exhaustive(circuit: Circuit, corners: int) -> list[str]:
    names = [port.name for port in reversed(circuit.ports()) if port.direction == "input"]
    return [f"{{{', '.join(names)}}} = number - {corners};"]


def _random(circuit: Circuit) -> list[str]:
    carry = _carry_in(circuit)
    # Where most bits propagate, carries run far and a wrong node high up shows.
    if len(circuit.entry.operands) == 2:
        far = "~first ^ sparse" if circuit.kind == "adder" else "first ^ sparse"
        far = f"second = {far};"
    else:
        far = f"first = {'~sparse' if circuit.kind == 'incrementer' else 'sparse'};"
    word = "($random(seed) & 32'hffffffff)"
    few = " & ".join(["$random(seed)"] * 4)
    lines = []
    for _ in range(0, circuit.width, 32):
        lines += [f"{name} = (({name} << 16) << 16) ^ {word};" for name in ("first", "second")]
        lines.append(f"sparse = ((sparse << 16) << 16) ^ ({few} & 32'hffffffff);")
    return [
        *lines,
        f"if (number % 2) {far}",
        _operands(circuit),
        *([f"{carry} = $random(seed);"] if carry else []),
    ]
