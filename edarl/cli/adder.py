"""``edarl adder``: the smallest proven adder that meets a delay."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.common import (
    CarryIn,
    CarryOut,
    DriverCell,
    Json,
    LibraryName,
    LoadFf,
    RunProgressBar,
    Seed,
    StorePath,
    circuit_title,
    console,
    constraint_text,
    library_title,
    make_circuit,
    open_store,
    parse_delay_ps,
    write_file,
)
from edarl.cli.output import ExitCode, print_json
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.runs.answer import Answer

__all__ = ["adder", "app"]

app = typer.Typer(add_completion=False)


@app.command()
def adder(
    width: Annotated[int, typer.Argument(help="Operand width in bits, 2 to 256.")],
    *,
    max_delay: Annotated[
        str | None, typer.Option(help="Delay to meet, such as 350ps or 0.35ns; none: the smallest.")
    ] = None,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: LibraryName = "default",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the structural Verilog here.")
    ] = None,
    netlist: Annotated[
        Path | None, typer.Option(help="Write the mapped netlist of library cells here.")
    ] = None,
    effort: Annotated[
        str,
        typer.Option(
            help="lookup: what is known; quick: a short search where that is little; "
            "thorough: a long one."
        ),
    ] = "quick",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    seed: Seed = 0,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Get the smallest proven adder that meets a delay.

    Looks through the classic structures, the known designs that come with edarl and everything
    found so far; searches a little where nothing is known for the library; then emits, times and
    proves the best. Exit code 1 when the delay cannot be met; the fastest adder found is named
    then, and nothing is written.
    """
    from edarl.runs.answer import EFFORTS, find_design

    if effort not in EFFORTS:
        raise ConfigError(
            f"`effort` should be one of {', '.join(EFFORTS)}, actual value: {effort!r}"
        )
    circuit = make_circuit("adder", width, carry_in=cin, carry_out=cout)
    max_delay_ps = parse_delay_ps(max_delay) if max_delay is not None else None
    with open_store(store) as opened, RunProgressBar("searching", hidden=as_json) as bar:
        answer = find_design(
            circuit,
            library,
            max_delay_ps,
            effort=effort,
            driver_cell=driver,
            load_ff=load_ff,
            seed=seed,
            store=opened,
            on_progress=bar,
        )
    files: dict[str, str] = {}
    if answer.met:
        for path, text in ((output, answer.structural), (netlist, answer.confirmed.verilog)):
            if path is not None:
                write_file(path, text)
                files[str(path)] = "structural" if path == output else "netlist"
    if as_json:
        print_json({**_document(answer, library_title(library)), "files": files})
    else:
        _show(answer, library_title(library), files)
    raise typer.Exit(ExitCode.DONE if answer.met else ExitCode.NO)


def _document(answer: Answer, library: str) -> dict[str, Any]:
    confirmed, design = answer.confirmed, answer.confirmed.design
    return {
        "circuit": design.circuit.kind,
        "width": design.circuit.width,
        "library": library,
        "driver": answer.constraint.driver_cell,
        "load_ff": answer.constraint.load_ff,
        "max_delay_ps": answer.max_delay_ps,
        "met": answer.met,
        "delay_ps": confirmed.point.delay_ps,
        "area_um2": confirmed.point.area_um2,
        "flow": confirmed.point.flow,
        "p_mode": design.p_mode,
        "found_by": answer.found_by,
        "regular_area_um2": answer.regular_area_um2,
        "design": design.digest,
        "graph": design.graph.text,
        "nodes": design.graph.size,
        "depth": design.graph.depth,
        "max_fanout": design.graph.max_fanout,
        "netlist_sha256": confirmed.sha256,
        "structural_sha256": answer.structural_proof.sha256,
        "proven": confirmed.proof.proven and answer.structural_proof.proven,
        "sta_delay_ps": confirmed.sta_delay_ps,
        "calls": answer.calls,
    }


def _show(answer: Answer, library: str, files: dict[str, str]) -> None:
    shown = console()
    confirmed, design = answer.confirmed, answer.confirmed.design
    graph = design.graph
    point = confirmed.point
    if not answer.met:
        shown.print(
            f"[bold red]not met[/]: no {circuit_title(design.circuit)} on {library} was found at "
            f"{answer.max_delay_ps:g} ps; the fastest takes {point.delay_ps:.1f} ps "
            f"({point.area_um2:.1f} um2). Ask for --max-delay {math.ceil(point.delay_ps)}ps, or "
            "search longer with --effort thorough."
        )
        return
    shown.print(
        f"[bold green]{circuit_title(design.circuit)}[/] on {library}: "
        f"[bold]{point.area_um2:.1f} um2 at "
        f"{point.delay_ps:.1f} ps[/], found by {answer.found_by}"
    )
    if answer.regular_area_um2 is not None:
        share = 100 * (1 - point.area_um2 / answer.regular_area_um2)
        shown.print(
            f"  best classic structure at that delay: {answer.regular_area_um2:.1f} um2 "
            f"({share:+.1f} % saved)"
        )
    shown.print(
        f"  {graph.size} nodes, depth {graph.depth}, fanout {graph.max_fanout}, p mode "
        f"{design.p_mode.partition(':')[0]}, flow {point.flow}"
    )
    shown.print(f"  {constraint_text(answer.constraint)}")
    checked = f"ABC {point.delay_ps:.1f} ps"
    if confirmed.sta_delay_ps is not None:
        checked += f", OpenSTA {confirmed.sta_delay_ps:.1f} ps"
    shown.print(f"  timed by {checked}")
    shown.print("  structural Verilog and netlist [green]proven[/] equivalent to a + b")
    for path, what in files.items():
        shown.print(f"  wrote {path} ({what})", markup=False, soft_wrap=True)
    if not files:
        shown.print("  write it with -o FILE.v (structural) or --netlist FILE.v (mapped)")
