"""``edarl evaluate``: area and delay of one prefix graph in a cell library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from edarl.cli.common import (
    CarryIn,
    CarryOut,
    CircuitKind,
    DriverCell,
    Json,
    LibraryName,
    LoadFf,
    OptionalFlowName,
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
from edarl.cli.output import ExitCode, print_error, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ConfigError, EdarlError, EquivalenceError, ToolError
from edarl.metrics import TOLERANCE, Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.synthesis.flows import BEST, SIZED_FLOWS, Timer, flows_named, timer_for

if TYPE_CHECKING:
    from edarl.synthesis.confirm import Confirmed
    from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["app", "evaluate"]

app = typer.Typer(add_completion=False)

_Tier = Literal["fast", "abc", "confirmed"]

_FASTEST_PS, _SMALLEST_PS = 1.0, 1.0e6
_AUTOMATIC_TARGETS = 8
_TIER_TEXTS = {
    "fast": "tier fast: sized and timed by edarl's own sizer and timer",
    "abc": "tier abc: timed by ABC inside the flows",
    "confirmed": "tier confirmed: the emitted bytes, timed by ABC and proven",
}


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
    tier: Annotated[
        str,
        typer.Option(
            help="fast: own sizer, own timer; abc: the flows, timed by ABC; confirmed: every "
            "emitted netlist timed and proven."
        ),
    ] = "abc",
    flow: OptionalFlowName = None,
    effort: Annotated[
        str | None,
        typer.Option(help="quick, normal or thorough: how hard the sizer of --tier fast tries."),
    ] = None,
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
    the design's Verilog, or with --tier confirmed one of its netlists, is not proven.
    """
    from edarl.synthesis.spec import EvaluatorSpec

    problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
    # A misspelt or contradictory option is told before the library is looked for.
    flow, timer = _chosen_flow(tier, flow, effort)
    if tier == "confirmed" and not prove:
        raise ConfigError("--tier confirmed proves what it emits; leave --no-prove")
    designs = p_mode_designs(chosen_graph(structure, graph, problem), problem, p_mode)
    targets = parse_delays_ps(delays)

    def spec(targets_ps: tuple[float, ...]) -> EvaluatorSpec:
        return EvaluatorSpec(library, targets_ps, flow, driver, load_ff, timer=timer)

    _, constraint = spec((1.0,)).load()
    targets = targets or _spread_targets(designs, spec((_FASTEST_PS, _SMALLEST_PS)))
    all_proven = True
    if tier == "confirmed":
        points, all_proven = _confirm(designs, spec(targets))
    else:
        points = _evaluate(designs, spec(targets))
    answer = {
        "circuit": circuit,
        "width": width,
        "library": library_title(library),
        "driver": constraint.driver_cell,
        "load_ff": constraint.load_ff,
        "tier": tier,
        "nodes": designs[0].graph.size,
        "depth": designs[0].graph.depth,
        "max_fanout": designs[0].graph.max_fanout,
        "points": points,
        "proven": _proven(designs) and all_proven if prove else None,
    }
    if as_json:
        print_json(answer)
    else:
        _show(answer, structure or str(graph), problem, constraint)
    raise typer.Exit(ExitCode.NO if answer["proven"] is False else ExitCode.DONE)


def _chosen_flow(tier: str, flow: str | None, effort: str | None) -> tuple[str, Timer]:
    """Give the flow and the timer that ``--tier``, ``--flow`` and ``--effort`` ask for together.

    Raises:
        ConfigError: One of them is unknown, or they contradict each other.
    """
    tiers, efforts = get_args(_Tier), {entry.effort: name for name, entry in SIZED_FLOWS.items()}
    if tier not in tiers:
        raise ConfigError(f"`tier` should be one of {', '.join(tiers)}, actual value: {tier!r}")
    if effort is not None:
        if effort not in efforts:
            raise ConfigError(
                f"`effort` should be one of {', '.join(efforts)}, actual value: {effort!r}"
            )
        named = efforts[effort]
        if tier != "fast":
            raise ConfigError(
                f"--effort belongs to --tier fast; with --tier {tier} say --flow {named}"
            )
        if flow is not None:
            raise ConfigError(
                f"give one of --effort and --flow: --effort {effort} is --flow {named}"
            )
        return named, "fast"
    if tier != "fast":
        flow = flow or BEST
        return flow, timer_for(flow, "abc")
    flow = flow or efforts["normal"]
    flows_named(flow)
    try:
        return flow, timer_for(flow, "fast")
    except ConfigError as error:
        raise ConfigError(
            f"--tier fast is the own sizer: `flow` should be one of {', '.join(SIZED_FLOWS)}, "
            f"actual value: {flow!r}; --tier abc takes every flow"
        ) from error


def _spread_targets(designs: list[Design], spec: EvaluatorSpec) -> tuple[float, ...]:
    """Give targets from the fastest to the slowest that the designs can be."""
    probed = _evaluate(designs, spec)
    fastest = min(point["delay_ps"] for point in probed)
    slowest = max(1.1 * fastest, max(point["delay_ps"] for point in probed))
    ratio = slowest / fastest
    return tuple(
        round(fastest * ratio ** (step / (_AUTOMATIC_TARGETS - 1)), 1)
        for step in range(_AUTOMATIC_TARGETS)
    )


def _evaluate(designs: list[Design], spec: EvaluatorSpec) -> list[dict[str, Any]]:
    with console(stderr=True).status("sizing"):
        evaluator = spec.build()
        try:
            evaluations = evaluator.evaluate(designs)
        finally:
            evaluator.close()
    failures = [entry.failure for entry in evaluations if entry.failed]
    if failures:
        raise ToolError(f"the design could not be evaluated: {failures[0]}")
    return [
        _point_document(design, point)
        for design, evaluation in zip(designs, evaluations, strict=True)
        for point in evaluation.points
    ]


def _confirm(designs: list[Design], spec: EvaluatorSpec) -> tuple[list[dict[str, Any]], bool]:
    """Confirm every design in every flow at every target; give the points, and whether all are."""
    from edarl.synthesis.confirm import Confirmer, Request

    requests = [
        Request(design, flow.name, target)
        for design in designs
        for flow in flows_named(spec.flow)
        for target in spec.targets_ps
    ]
    refuted: list[str] = []

    def on_failure(_: Request, error: EdarlError) -> None:
        if not isinstance(error, EquivalenceError):
            raise error
        refuted.append(str(error))

    with (
        Confirmer(*spec.load()) as confirmer,
        console(stderr=True).status("timing and proving") as status,
    ):
        confirmed = confirmer.confirm_all(
            requests,
            on_failure=on_failure,
            on_emitted=lambda done: status.update(
                f"timing and proving: {done} of {len(requests)} netlists"
            ),
        )
    for reason in refuted:
        print_error(reason)
    return [_confirmed_document(entry) for entry in confirmed], not refuted


def _point_document(design: Design, point: Point) -> dict[str, Any]:
    return {
        "target_ps": point.target_ps,
        "delay_ps": point.delay_ps,
        "area_um2": point.area_um2,
        "flow": point.flow,
        "p_mode": design.p_mode,
    }


def _confirmed_document(entry: Confirmed) -> dict[str, Any]:
    return {
        **_point_document(entry.design, entry.point),
        "sta_delay_ps": entry.sta_delay_ps,
        "netlist_sha256": entry.sha256,
        "proven": entry.proof.proven,
    }


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
    has_sta = any(point.get("sta_delay_ps") is not None for point in best.values())
    rows = [
        (
            f"{target:g}",
            f"{point['delay_ps']:.1f}",
            *([_sta_text(point)] if has_sta else []),
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
            *([Column("OpenSTA ps")] if has_sta else []),
            Column("area um2"),
            Column("flow", is_number=False),
            Column("p mode", is_number=False),
            Column("", is_number=False),
        ),
        rows,
        caption=f"{constraint_text(constraint)}\n{_TIER_TEXTS[answer['tier']]}",
    )
    verdict = {True: "[green]proven[/]", False: "[red]NOT proven[/]", None: "proof not asked for"}
    proven = "structural Verilog"
    if answer["tier"] == "confirmed":
        proven += f" and {len(answer['points'])} netlists"
    shown.print(
        f"{answer['nodes']} nodes, depth {answer['depth']}, fanout {answer['max_fanout']}; "
        f"{proven}: {verdict[answer['proven']]}"
    )


def _sta_text(point: dict[str, Any]) -> str:
    delay_ps = point["sta_delay_ps"]
    return "-" if delay_ps is None else f"{delay_ps:.1f}"


def _rank(point: dict[str, Any]) -> tuple[bool, float]:
    """Give what makes a point the best at its target: that it meets it, then its area."""
    missed = point["delay_ps"] > TOLERANCE * point["target_ps"]
    return missed, point["delay_ps"] if missed else point["area_um2"]
