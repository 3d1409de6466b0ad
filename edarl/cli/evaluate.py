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
    console,
    make_circuit,
    parse_delays_ps,
)
from edarl.cli.output import print_json
from edarl.errors import ConfigError, ToolError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph

__all__ = ["app", "evaluate", "p_mode_designs"]

app = typer.Typer()

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
    """Evaluate one prefix graph: size it for each delay target in each flow."""
    from edarl.synthesis.spec import EvaluatorSpec

    problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
    designs = p_mode_designs(chosen_graph(structure, graph, problem), problem, p_mode)
    targets = parse_delays_ps(delays)

    def spec(targets_ps: tuple[float, ...]) -> EvaluatorSpec:
        return EvaluatorSpec(library, targets_ps, flow, driver, load_ff)

    points = _points(designs, spec, targets or None)
    answer = {
        "circuit": circuit,
        "width": width,
        "library": library,
        **_constraint(spec((1.0,))),
        "nodes": designs[0].graph.size,
        "depth": designs[0].graph.depth,
        "max_fanout": designs[0].graph.max_fanout,
        "points": points,
        "proven": _proven(designs) if prove else None,
    }
    if as_json:
        print_json(answer)
    else:
        _show(answer, structure or str(graph))


def p_mode_designs(graph: PrefixGraph, circuit: Circuit, p_mode: str) -> list[Design]:
    """Give the designs that a p mode stands for: one, or one of each for ``best``.

    Raises:
        ConfigError: There is no such p mode.
    """
    if p_mode not in (*P_MODES, "best"):
        raise ConfigError(f"`p_mode` should be xor, or, or best, actual value: {p_mode!r}")
    modes = [mode for mode in P_MODES if p_mode in (mode, "best")]
    unique = {Design.of(graph, circuit, mode): None for mode in modes}
    return list(unique)


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


def _constraint(spec: Any) -> dict[str, Any]:
    _, constraint = spec.load()
    return {"driver": constraint.driver_cell, "load_ff": constraint.load_ff}


def _proven(designs: list[Design]) -> bool:
    from edarl.hdl.verilog import structural_verilog
    from edarl.synthesis.prove import prove_many

    texts = [structural_verilog(design) for design in designs]
    return all(proof.proven for proof in prove_many(texts, designs[0].circuit))


def _show(answer: dict[str, Any], name: str) -> None:
    from rich.table import Table

    table = Table(
        title=f"{name}: {answer['width']}-bit {answer['circuit']} on {answer['library']}, "
        f"{answer['nodes']} nodes, depth {answer['depth']}, fanout {answer['max_fanout']}",
        caption=f"inputs driven by {answer['driver']}, {answer['load_ff']:g} fF on every output, "
        "pre-layout",
    )
    for head in ("target ps", "delay ps", "area um2", "flow", "propagate"):
        table.add_column(head, justify="left" if head in ("flow", "propagate") else "right")
    best: dict[float, dict[str, Any]] = {}
    for point in answer["points"]:
        kept = best.get(point["target_ps"])
        missed = point["delay_ps"] > 1.002 * point["target_ps"]
        rank = (missed, point["delay_ps"] if missed else point["area_um2"])
        if kept is None or rank < kept["rank"]:
            best[point["target_ps"]] = {**point, "rank": rank, "missed": missed}
    for target, point in sorted(best.items()):
        table.add_row(
            f"{target:g}",
            f"{point['delay_ps']:.1f}{' (missed)' if point['missed'] else ''}",
            f"{point['area_um2']:.1f}",
            point["flow"],
            point["p_mode"],
        )
    shown = console()
    shown.print(table)
    verdict = {True: "[green]proven[/] equivalent", False: "[red]NOT proven[/]", None: "not asked"}
    shown.print(f"Verilog of the design: {verdict[answer['proven']]}")
