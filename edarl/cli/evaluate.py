"""``edarl evaluate``: area and delay of one prefix graph in a cell library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edarl.cli.common import (
    CarryIn,
    CarryOut,
    CircuitKind,
    DriverCell,
    FlowName,
    Json,
    LibraryName,
    LoadFf,
    PModeName,
    Width,
    chosen_graph,
    circuit_title,
    console,
    constraint_text,
    library_title,
    make_circuit,
    p_mode_designs,
    parse_delays_ps,
)
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ToolError
from edarl.metrics import TOLERANCE, Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design

__all__ = ["app", "evaluate"]

app = typer.Typer(add_completion=False)

_FASTEST_PS, _SMALLEST_PS = 1.0, 1.0e6
_AUTOMATIC_TARGETS = 8


@app.command()
def evaluate(
    *,
    structure: Annotated[
        str | None, typer.Option(help="A classic structure, such as sklansky or ladner_fischer:1.")
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="A graph file: compact text, JSON, node list or grid map.")
    ] = None,
    circuit: CircuitKind = "adder",
    width: Width,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: LibraryName = "default",
    flow: FlowName = "best",
    p_mode: PModeName = "best",
    delays: Annotated[
        str,
        typer.Option(
            help="Delay targets such as 300,310 or 0.3ns; spread over the range if not given."
        ),
    ] = "",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    prove: Annotated[bool, typer.Option(help="Prove the design's Verilog.")] = True,
    as_json: Json = False,
) -> None:
    """Evaluate one prefix graph: size it for each delay target in each flow.

    The table shows the best at each target; --json gives every flow and p mode. Exit code 1 when
    the design's Verilog is not proven.
    """
    from edarl.synthesis.flows import flows_named
    from edarl.synthesis.spec import EvaluatorSpec

    problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
    flows_named(flow)  # a misspelt one is told before the library is looked for
    designs = p_mode_designs(chosen_graph(structure, graph, problem), problem, p_mode)
    targets = parse_delays_ps(delays)

    def spec(targets_ps: tuple[float, ...]) -> EvaluatorSpec:
        return EvaluatorSpec(library, targets_ps, flow, driver, load_ff)

    _, constraint = spec((1.0,)).load()
    points = _points(designs, spec, targets or None)
    answer = {
        "circuit": circuit,
        "width": width,
        "library": library_title(library),
        "driver": constraint.driver_cell,
        "load_ff": constraint.load_ff,
        "nodes": designs[0].graph.size,
        "depth": designs[0].graph.depth,
        "max_fanout": designs[0].graph.max_fanout,
        "points": points,
        "proven": _proven(designs) if prove else None,
    }
    if as_json:
        print_json(answer)
    else:
        _show(answer, structure or str(graph), problem, constraint)
    raise typer.Exit(ExitCode.NO if answer["proven"] is False else ExitCode.DONE)


def _points(designs: list[Design], spec: Any, targets: tuple[float, ...] | None) -> list[Any]:
    if targets is None:
        probed = _evaluate(designs, spec((_FASTEST_PS, _SMALLEST_PS)))
        fastest = min(point["delay_ps"] for point in probed)
        slowest = max(1.1 * fastest, max(point["delay_ps"] for point in probed))
        steps = range(_AUTOMATIC_TARGETS)
        ratio = slowest / fastest
        targets = tuple(
            round(fastest * ratio ** (step / (_AUTOMATIC_TARGETS - 1)), 1) for step in steps
        )
    return _evaluate(designs, spec(targets))


def _evaluate(designs: list[Design], spec: Any) -> list[dict[str, Any]]:
    evaluator = spec.build()
    try:
        evaluations = evaluator.evaluate(designs)
    finally:
        evaluator.close()
    failures = [entry.failure for entry in evaluations if entry.failed]
    if failures:
        raise ToolError(f"the design could not be evaluated: {failures[0]}")
    return [
        {
            "target_ps": point.target_ps,
            "delay_ps": point.delay_ps,
            "area_um2": point.area_um2,
            "flow": point.flow,
            "p_mode": design.p_mode,
        }
        for design, evaluation in zip(designs, evaluations, strict=True)
        for point in evaluation.points
    ]


def _proven(designs: list[Design]) -> bool:
    from edarl.hdl.verilog import structural_verilog
    from edarl.synthesis.prove import prove_many

    texts = [structural_verilog(design) for design in designs]
    return all(proof.proven for proof in prove_many(texts, designs[0].circuit))


def _show(answer: dict[str, Any], name: str, circuit: Circuit, constraint: Constraint) -> None:
    best: dict[float, dict[str, Any]] = {}
    for point in answer["points"]:
        target = point["target_ps"]
        if target not in best or _rank(point) < _rank(best[target]):
            best[target] = point
    rows = [
        (
            f"{target:g}",
            f"{point['delay_ps']:.1f}",
            f"{point['area_um2']:.1f}",
            point["flow"],
            point["p_mode"].partition(":")[0],
            "[yellow]missed[/]" if _rank(point)[0] else "",
        )
        for target, point in sorted(best.items())
    ]
    shown = console()
    print_table(
        shown,
        f"{name}, {circuit_title(circuit)} on {answer['library']}",
        (
            Column("target ps"),
            Column("delay ps"),
            Column("area um2"),
            Column("flow", is_number=False),
            Column("p mode", is_number=False),
            Column("", is_number=False),
        ),
        rows,
        caption=constraint_text(constraint),
    )
    verdict = {True: "[green]proven[/]", False: "[red]NOT proven[/]", None: "proof not asked for"}
    shown.print(
        f"{answer['nodes']} nodes, depth {answer['depth']}, fanout {answer['max_fanout']}; "
        f"structural Verilog: {verdict[answer['proven']]}"
    )


def _rank(point: dict[str, Any]) -> tuple[bool, float]:
    """Give what makes a point the best at its target: that it meets it, then its area."""
    missed = point["delay_ps"] > TOLERANCE * point["target_ps"]
    return missed, point["delay_ps"] if missed else point["area_um2"]
