"""``edarl export``: a design's files in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edarl.cli.common import (
    CarryIn,
    CarryOut,
    CircuitKind,
    DriverCell,
    FlowName,
    Json,
    LoadFf,
    PModeName,
    StorePath,
    chosen_graph,
    circuit_title,
    console,
    constraint_text,
    default_store,
    has_store,
    make_circuit,
    open_store,
    p_mode_designs,
    parse_delay_ps,
    write_file,
)
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ConfigError
from edarl.prefix.design import Design

if TYPE_CHECKING:
    from edarl.runs.export import Export, Target

__all__ = ["app", "export"]

app = typer.Typer(add_completion=False)

_LEAST_DIGITS = 4


@app.command()
def export(
    *,
    structure: Annotated[
        str | None, typer.Option(help="A classic structure, such as sklansky or ladner_fischer:1.")
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="A graph file: compact text, JSON, node list or grid map.")
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--design", help="A design of the store, by the first digits of its digest."),
    ] = None,
    circuit: CircuitKind = "adder",
    width: Annotated[
        int | None,
        typer.Option("--width", "-n", help="Operand width in bits; a stored design has its own."),
    ] = None,
    cin: CarryIn = False,
    cout: CarryOut = True,
    p_mode: PModeName = "best",
    only: Annotated[
        str, typer.Option(help="Formats separated by commas; all that apply if not given.")
    ] = "",
    library: Annotated[
        str | None,
        typer.Option("--library", "-l", help="Cell library of the netlist; none: no netlist."),
    ] = None,
    delay: Annotated[
        str | None, typer.Option(help="Delay of the netlist, such as 350ps; none: the smallest.")
    ] = None,
    flow: FlowName = "best",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; by default one named like the circuit."),
    ] = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Write a design's files into a folder: Verilog, netlist, testbench, drawing, and a report.

    Structural Verilog, netlist and map file are proven before they are written; when one cannot be
    proven nothing is written. Formats: verilog, flat, netlist, techmap, recipe, reference,
    testbench, blif, aiger, svg, dot, graph, core. Exit code 1 when the netlist misses --delay.
    """
    from edarl.runs.export import export_design

    if library is None and (delay is not None or driver is not None or load_ff is not None):
        raise ConfigError("--delay, --driver and --load-ff belong to a netlist; name its --library")
    delay_ps = parse_delay_ps(delay) if delay is not None else None
    if digest is not None:
        if structure is not None or graph is not None or width is not None:
            raise ConfigError("--design says it all; leave --structure, --graph and --width")
        designs = [_stored_design(digest, store)]
    else:
        if width is None:
            raise ConfigError("give --width; only a stored --design has its own")
        problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
        designs = p_mode_designs(chosen_graph(structure, graph, problem), problem, p_mode)
    target = None
    if library is not None:
        target = _target(library, delay_ps, flow, driver, load_ff, designs, store)
    formats = [name.strip() for name in only.split(",") if name.strip()]
    exported = export_design(designs, formats=formats, target=target)
    folder = output or Path(exported.design.circuit.name)
    for file in exported.files:
        write_file(folder / file.name, file.data)
    report = {**exported.report(), "folder": str(folder)}
    write_file(folder / "report.json", json.dumps(exported.report(), indent=2) + "\n")
    if as_json:
        print_json(report)
    else:
        _show(exported, folder)
    raise typer.Exit(ExitCode.NO if exported.met is False else ExitCode.DONE)


def _stored_design(digest: str, store: str | None) -> Design:
    prefix = digest.strip().lower()
    if len(prefix) < _LEAST_DIGITS:
        raise ConfigError(
            f"`design` should be at least {_LEAST_DIGITS} digits of a digest, actual: {digest!r}"
        )
    with open_store(store, read_only=True) as opened:
        found = opened.designs(prefix)
    if len(found) != 1:
        digests = ", ".join(design.digest[:16] for design in found)
        raise ConfigError(
            f"`design` should name one design of {default_store(store)}, actual: {digest!r} names "
            + (f"several: {digests}" if found else "none; `edarl front` lists those on a front")
        )
    return found[0]


def _target(
    library: str,
    delay_ps: float | None,
    flow: str,
    driver: str | None,
    load_ff: float | None,
    designs: list[Design],
    store: str | None,
) -> Target:
    from edarl.hdl.reader import read_mapped_verilog
    from edarl.runs.export import Target
    from edarl.synthesis.confirm import Request
    from edarl.synthesis.spec import EvaluatorSpec

    loaded, constraint = EvaluatorSpec(library, (1.0,), flow, driver, load_ff).load()
    known = []
    if has_store(store):
        with open_store(store, read_only=True) as opened:
            front = opened.front(designs[0].circuit, loaded.digest, constraint)
            # Their bytes are taken: not every netlist can be made again by a flow.
            known = [
                Request(
                    point.design,
                    point.flow,
                    point.target_ps,
                    read_mapped_verilog(opened.netlist(point.netlist_sha256)),
                )
                for point in front
                if point.design in designs
            ]
    return Target(loaded, constraint, delay_ps, flow, known)


def _show(exported: Export, folder: Path) -> None:
    shown = console()
    design, graph = exported.design, exported.design.graph
    title = (
        f"{circuit_title(design.circuit)}: {graph.size} nodes, depth {graph.depth}, fanout "
        f"{graph.max_fanout}"
    )
    if design.circuit.entry.operator == "carry":
        title += f", p mode {design.p_mode.partition(':')[0]}"
    verdicts = {True: "[green]proven[/]", False: "derived"}
    rows = [(file.name, verdicts[file.proof is not None], file.summary) for file in exported.files]
    rows.append(("report.json", "", "figures, digests and proofs of all files"))
    print_table(
        shown,
        title,
        (
            Column("file", is_number=False),
            Column("", is_number=False),
            Column("what it is", is_number=False, wraps=True),
        ),
        rows,
    )
    if exported.confirmed is not None and exported.target is not None:
        point = exported.confirmed.point
        asked = "" if exported.target.delay_ps is None else f" {exported.target.delay_ps:g} ps"
        verdict = {None: "", True: f", meets{asked}", False: f", [red]misses{asked}[/]"}[
            exported.met
        ]
        shown.print(
            f"netlist on {exported.target.library.name}: [bold]{point.area_um2:.1f} um2 at "
            f"{point.delay_ps:.1f} ps[/], flow {point.flow}{verdict}"
        )
        shown.print(f"[dim]{constraint_text(exported.target.constraint)}[/]")
    for name, reason in exported.left_out.items():
        shown.print(f"[dim]left out {name}: {reason}[/]")
    shown.print(f"wrote {len(rows)} files into {folder}", markup=False, soft_wrap=True)
