"""``edarl prove``: is this Verilog file that circuit?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edarl.cli.common import CarryIn, CarryOut, CircuitKind, Json, Width, console, make_circuit
from edarl.cli.output import ExitCode, print_json

__all__ = ["app", "prove"]

app = typer.Typer(add_completion=False)


@app.command()
def prove(
    file: Annotated[Path, typer.Argument(help="The Verilog file.")],
    *,
    circuit: CircuitKind = "adder",
    width: Width,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: Annotated[
        str | None,
        typer.Option("--library", "-l", help="Cell library, when the file is a mapped netlist."),
    ] = None,
    top: Annotated[str | None, typer.Option(help="Module to take, if not the obvious one.")] = None,
    timeout_s: Annotated[float, typer.Option(help="Limit for each tool in seconds.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Prove or refute that a Verilog file is equivalent to a circuit.

    Ports are compared by name, width and direction, then the function. Exit code 0: proven,
    1: refuted, with a counterexample where the function differs, 2: cannot say.
    """
    from edarl.synthesis.library import load_library
    from edarl.synthesis.prove import prove_verilog

    problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
    cells = load_library(library) if library is not None else None
    proof = prove_verilog(file, problem, library=cells, top=top, timeout_s=timeout_s)
    example = proof.counterexample
    if as_json:
        print_json(
            {
                "verdict": proof.verdict,
                "file": str(file),
                "sha256": proof.sha256,
                "circuit": circuit,
                "width": width,
                "reason": proof.reason,
                "counterexample": None
                if example is None
                else {
                    "inputs": dict(example.inputs),
                    "expected": dict(example.expected),
                    "actual": dict(example.actual),
                },
                "tools": dict(proof.tools),
                "elapsed_s": round(proof.elapsed_s, 3),
            }
        )
    else:
        colour = {"proven": "green", "refuted": "red", "unknown": "yellow"}[proof.verdict]
        shown = console()
        shown.print(
            f"[bold {colour}]{proof.verdict}[/]: {file} "
            f"{'is' if proof.proven else 'against'} {problem.name}, sha256 {proof.sha256[:16]}"
        )
        if proof.reason:
            shown.print(proof.reason, markup=False)
        if example is not None:
            shown.print(str(example), markup=False)
    codes = {"proven": ExitCode.DONE, "refuted": ExitCode.NO, "unknown": ExitCode.CANNOT}
    raise typer.Exit(codes[proof.verdict])
