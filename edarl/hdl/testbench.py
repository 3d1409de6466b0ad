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
    stimulus = _exhaustive(circuit, input_bits) if is_exhaustive else _random(circuit, vectors)
    lines = (
        f"// Self-checking testbench of {module} ({formula(circuit)}).",
        f"// Vectors: corners, then {'every input' if is_exhaustive else 'seeded random ones'}; "
        "ends with $fatal after a mismatch.",
        f"module {module}_tb;",
        *_signals(circuit, module, seed),
        *_apply_tasks(circuit),
        "  initial begin",
        *(f"    {line}" for line in _corners(circuit)),
        *(f"    {line}" for line in stimulus),
        '    if (failures == 0) $display("PASS: %0d vectors", tests);',
        "    else begin",
        '      $display("FAIL: %0d of %0d vectors", failures, tests);',
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


def _signals(circuit: Circuit, module: str, seed: int) -> list[str]:
    outputs = [port for port in circuit.ports() if port.direction == "output"]
    inputs = [port for port in circuit.ports() if port.direction == "input"]

    def instance(kind: str, name: str) -> str:
        pins = [f".{port.name}({port.name})" for port in inputs]
        pins += [f".{port.name}({name}_{port.name})" for port in outputs]
        return f"  {kind} {name} ({', '.join(pins)});"

    width = circuit.width
    return [
        *(f"  reg {_bus(port.width)}{port.name};" for port in inputs),
        *(f"  wire {_bus(port.width)}dut_{port.name};" for port in outputs),
        *(f"  wire {_bus(port.width)}expected_{port.name};" for port in outputs),
        f"  reg [{width - 1}:0] ones, one, first, second, sparse;",
        "  integer tests, failures, seed, number, position;",
        instance(module, "dut"),
        instance(f"{module}_expected", "expected"),
        "",
        "  initial begin",
        "    tests = 0;",
        "    failures = 0;",
        f"    seed = {seed};",
        f"    ones = {{{width}{{1'b1}}}};",
        "    one = 1;",
        "  end",
        "",
    ]


def _apply_tasks(circuit: Circuit) -> list[str]:
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
    carry = _carry_in(circuit)
    operands = (
        ["b = first;", "a = second;", "apply_carries;", "a = first;", "b = second;"]
        if len(circuit.entry.operands) == 2
        else [f"{circuit.entry.operands[0]} = first;"]
    )
    return [
        "  task apply;",
        "    begin",
        "      #1 tests = tests + 1;",
        f"      if ({{{dut}}} !== {{{expected}}}) begin",
        "        failures = failures + 1;",
        "        if (failures <= 10)",
        f'          $display("mismatch: {shown}", {", ".join(values)});',
        "      end",
        "    end",
        "  endtask",
        "",
        "  task apply_carries;",
        "    begin",
        *([f"      {carry} = 1;", "      apply;", f"      {carry} = 0;"] if carry else []),
        "      apply;",
        "    end",
        "  endtask",
        "",
        "  task apply_operands;",
        "    begin",
        *(f"      {line}" for line in operands),
        "      apply_carries;",
        "    end",
        "  endtask",
        "",
    ]


def _corners(circuit: Circuit) -> list[str]:
    """Carries that start at each position and run to the top, single ones, alternating bits."""
    first = ["ones << position", "one << position", "~(ones << position)", "~(one << position)"]
    if len(circuit.entry.operands) == 1:
        pairs = [(value, "first") for value in first]
    else:
        seconds = ["0", "ones", "one", "one << position", "first", "~first"]
        pairs = [(value, second) for value in first[:3] for second in seconds]
    alternating = f"{{{(circuit.width + 1) // 2}{{2'b01}}}}"
    return [
        f"for (position = 0; position <= {circuit.width}; position = position + 1) begin",
        *(f"  first = {left}; second = {right}; apply_operands;" for left, right in pairs),
        "end",
        f"first = {alternating}; second = ~first; apply_operands;",
        "first = ~first; second = first; apply_operands;",
    ]


def _exhaustive(circuit: Circuit, input_bits: int) -> list[str]:
    names = [port.name for port in reversed(circuit.ports()) if port.direction == "input"]
    return [
        f"for (number = 0; number < {1 << input_bits}; number = number + 1) begin",
        f"  {{{', '.join(names)}}} = number[{input_bits - 1}:0];",
        "  apply;",
        "end",
    ]


def _random(circuit: Circuit, vectors: int) -> list[str]:
    first, *rest = circuit.entry.operands
    carry = _carry_in(circuit)
    # Where most bits propagate, carries run far and a wrong node high up shows.
    if rest:
        far = "~first ^ sparse" if circuit.kind == "adder" else "first ^ sparse"
        far = f"second = {far};"
    else:
        far = f"first = {'~sparse' if circuit.kind == 'incrementer' else 'sparse'};"
    return [
        f"for (number = 0; number < {vectors}; number = number + 1) begin",
        f"  repeat ({-(-circuit.width // 32)}) begin",
        *(f"    {name} = ({name} << 32) ^ ($random(seed) & 32'hffffffff);"
          for name in ("first", "second")),
        "    sparse = (sparse << 32) ^ ($random(seed) & $random(seed) & $random(seed)"
        " & $random(seed) & 32'hffffffff);",
        "  end",
        f"  if (number % 2) {far}",
        f"  {first} = first;",
        *(f"  {name} = second;" for name in rest),
        *([f"  {carry} = $random(seed);"] if carry else []),
        "  apply;",
        "end",
    ]  # fmt: skip
