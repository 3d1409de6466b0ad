"""Behavioural Verilog of every circuit: what a netlist is proven against.

Each text says at one glance what the circuit computes. It shares nothing with the prefix code, and
must not: a mistake in the equations of a node should not hide in the reference too.
"""

from __future__ import annotations

from edarl.hdl.verilog import checked_module_name, formula
from edarl.prefix.circuits import Circuit, Port

__all__ = ["behavioural_verilog"]


def behavioural_verilog(circuit: Circuit, module: str | None = None) -> str:
    """Give the circuit as Verilog-2005 in ordinary arithmetic.

    Args:
        circuit: Any kind with any of its options.
        module: The module's name, the circuit's name by default.

    Raises:
        ConfigError: ``module`` is not a plain Verilog identifier.
    """
    name = checked_module_name(module or circuit.name)
    header = ",\n".join(f"  {_declaration(port, circuit)}" for port in circuit.ports())
    body = "".join(f"  {line}\n" for line in _body(circuit))
    return f"// {formula(circuit)}\nmodule {name} (\n{header}\n);\n{body}endmodule\n"


def _declaration(port: Port, circuit: Circuit) -> str:
    is_register = circuit.kind == "leading_zero_count" and port.direction == "output"
    kind = f"{port.direction} reg" if is_register else port.direction
    return f"{kind} {f'[{port.width - 1}:0] ' if port.width > 1 else ''}{port.name}"


def _body(circuit: Circuit) -> list[str]:
    width, entry = circuit.width, circuit.entry
    result = entry.result
    if circuit.carry_out and entry.carry_out and circuit.kind != "priority_encoder":
        result = f"{{{entry.carry_out}, {result}}}"
    step = entry.carry_in if circuit.carry_in else "1'b1"
    carry = entry.carry_in if circuit.carry_in else None
    if circuit.kind == "adder":
        return [f"assign {result} = a + b{f' + {carry}' if carry else ''};"]
    if circuit.kind == "subtractor":
        return [f"assign {result} = a - b{f' - {carry}' if carry else ''};"]
    if circuit.kind == "incrementer":
        return [f"assign {result} = a + {step};"]
    if circuit.kind == "decrementer":
        return [f"assign {result} = a - {step};"]
    if circuit.kind == "comparator":
        return ["assign lt = a < b;"]
    if circuit.kind == "priority_encoder":
        lines = _per_bit(width, "assign grant[i] = req[i] & ((req >> i) == 1);")
        return lines + (["assign valid = |req;"] if circuit.carry_out else [])
    if circuit.kind == "gray_to_binary":
        return _per_bit(width, "assign binary[i] = ^(gray >> i);")
    return [
        "integer i;",
        "always @* begin",
        f"  count = {width};",
        f"  for (i = 0; i < {width}; i = i + 1)",
        f"    if (a[i]) count = {width - 1} - i;",
        "end",
    ]


def _per_bit(width: int, statement: str) -> list[str]:
    return [
        "genvar i;",
        "generate",
        f"  for (i = 0; i < {width}; i = i + 1) begin : bits",
        f"    {statement}",
        "  end",
        "endgenerate",
    ]
