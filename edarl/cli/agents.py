"""``edarl agents``: list trained agents, show one's card, ask one for designs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.common import (
    CarryIn,
    CarryOut,
    CircuitKind,
    DriverCell,
    Json,
    LibraryName,
    LoadFf,
    RunProgressBar,
    Seed,
    StorePath,
    Width,
    circuit_title,
    console,
    constraint_text,
    library_title,
    make_circuit,
    open_store,
    parse_delay_ps,
    saving_text,
)
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.agents.shipped import TrainedAgent
    from edarl.runs.policy_search import Visited
    from edarl.runs.rollouts import RolloutResult

__all__ = ["app", "list_", "rollout", "rollout_document", "show"]

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Trained agents: list, show, ask for designs."
)

AgentName = Annotated[
    str,
    typer.Argument(
        metavar="AGENT",
        help="A shipped agent, a run that trained one (name, its beginning, or last), or the "
        "folder of a checkpoint.",
    ),
]
Folder = Annotated[
    Path | None, typer.Option("--dir", help="Folder of runs; by default `runs` in edarl's home.")
]


@app.command("list")
def list_(*, directory: Folder = None, as_json: Json = False) -> None:
    """List trained agents: those that come with edarl, then those of runs, newest first."""
    from edarl.agents.card import training_facts
    from edarl.runs.agents import find_agents

    found = find_agents(directory)
    rows = [(agent, training_facts(agent.manifest)) for agent in found]
    if as_json:
        print_json(
            {
                "agents": [
                    {"name": agent.name, "kind": agent.manifest.kind, "path": str(agent.path)}
                    | {"shipped": agent.shipped, "training": facts}
                    for agent, facts in rows
                ]
            }
        )
        return
    if not rows:
        console().print("no trained agents; `edarl train` trains some")
        return
    print_table(
        console(),
        "trained agents",
        (
            Column("agent", is_number=False),
            Column("kind", is_number=False),
            Column("trained on", is_number=False, wraps=True),
            Column("calls"),
            Column("from", is_number=False, gives_way=1),
        ),
        [
            (
                agent.name,
                agent.manifest.kind,
                facts["trained on"],
                str(agent.manifest.calls),
                "edarl" if agent.shipped else "a run",
            )
            for agent, facts in rows
        ],
    )


@app.command()
def show(agent: AgentName, *, directory: Folder = None, as_json: Json = False) -> None:
    """Show an agent's model card: what it learnt from, what it reaches, what it cannot do."""
    from edarl.runs.agents import card_of, find_agent

    found = find_agent(agent, directory)
    card = card_of(found)
    if as_json:
        manifest = found.manifest.model_dump(mode="json")
        kept = ("kind", "config", "circuit", "library", "step", "calls", "seed", "versions")
        print_json(
            {
                "name": found.name,
                "path": str(found.path),
                **{key: manifest[key] for key in kept},
                "files": {name: entry["sha256"] for name, entry in manifest["files"].items()},
                "card": card,
            }
        )
        return
    console().print(card, markup=False, soft_wrap=True)


@app.command()
def rollout(
    agent: AgentName,
    *,
    max_delay: Annotated[str, typer.Option(help="Delay to meet, such as 350ps or 0.35ns.")],
    mode: Annotated[
        str,
        typer.Option(
            help="search: it proposes, an evaluator judges, and it learns on; greedy: one walk "
            "along its best moves; sampled: several walks with chance."
        ),
    ] = "search",
    circuit: CircuitKind = "adder",
    width: Width = 16,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: LibraryName = "default",
    flow: Annotated[
        str, typer.Option("--flow", help="Flow that judges, such as sized or pinswap.")
    ] = "sized",
    calls: Annotated[
        int, typer.Option(help="Evaluation calls at most: designs sized in the flow.")
    ] = 200,
    steps: Annotated[int, typer.Option(help="Moves per walk.")] = 16,
    count: Annotated[int, typer.Option(help="Walks of mode sampled.")] = 8,
    temperature: Annotated[
        float, typer.Option(help="Of mode sampled: how far from its best moves it strays.")
    ] = 1.0,
    start: Annotated[
        str | None,
        typer.Option(help="Structure that walks start at; by default the best classic one."),
    ] = None,
    top: Annotated[int, typer.Option(help="Designs to show.")] = 8,
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    seed: Seed = 0,
    directory: Folder = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Ask a trained agent for designs that meet a delay.

    It may be asked about circuits, widths and libraries that it has not met; what those are is
    said. Figures are those of the flow, not confirmed; designs go into the store, where edarl
    adder finds them. Exit code 1 when no design meets the delay.
    """
    from pydantic import ValidationError

    from edarl.runs.agents import find_agent
    from edarl.runs.rollouts import RolloutConfig, record, roll_out

    problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
    try:
        config = RolloutConfig(
            circuit=circuit,
            width=width,
            carry_in=cin,
            carry_out=problem.carry_out,
            library=library,
            driver_cell=driver,
            load_ff=load_ff,
            flow=flow,
            max_delay_ps=parse_delay_ps(max_delay),
            mode=mode,
            calls=calls,
            steps=steps,
            count=count,
            temperature=temperature,
            start=start,
            seed=seed,
        )
    except ValidationError as error:
        raise ConfigError(
            "; ".join(
                f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}, "
                f"actual value: {fault['input']!r:.60}"
                for fault in error.errors()
            )
        ) from error
    found = find_agent(agent, directory)
    with RunProgressBar(f"{mode} of {found.name}"[:18], hidden=as_json) as bar:
        result = roll_out(found, config, on_progress=bar)
    with open_store(store) as opened:
        record(result, found, opened)
    met = any(
        each.evaluation is not None and each.evaluation.at(config.max_delay_ps) is not None
        for each in result.visited
    )
    if as_json:
        print_json(rollout_document(found, result, max(1, top)))
    else:
        _show(found, result, max(1, top))
    raise typer.Exit(ExitCode.DONE if met else ExitCode.NO)


def rollout_document(agent: TrainedAgent, result: RolloutResult, top: int) -> dict[str, Any]:
    """Give the answer as JSON values."""
    config = result.config
    return {
        "agent": agent.name,
        "mode": config.mode,
        "circuit": config.circuit,
        "width": config.width,
        "library": library_title(config.library),
        "driver": result.constraint.driver_cell,
        "load_ff": result.constraint.load_ff,
        "flow": config.flow,
        "max_delay_ps": config.max_delay_ps,
        "seed": config.seed,
        "calls": result.calls,
        "setup_calls": result.setup_calls,
        "stopped_by": result.stopped_by,
        "regular_area_um2": result.regular_area_um2,
        "notes": list(result.notes),
        "designs": [_design_document(each, config.max_delay_ps) for each in result.best(top)],
    }


def _design_document(each: Visited, target_ps: float) -> dict[str, Any]:
    area, delay, met = each.figures(target_ps)
    graph = each.design.graph
    return {
        "area_um2": area,
        "delay_ps": delay,
        "met": met,
        "found_by": each.found_by,
        "p_mode": each.design.p_mode,
        "nodes": graph.size,
        "depth": graph.depth,
        "max_fanout": graph.max_fanout,
        "design": each.design.digest,
        "graph": graph.text,
    }


def _show(agent: TrainedAgent, result: RolloutResult, top: int) -> None:
    shown, config = console(), result.config
    target = config.max_delay_ps
    for note in result.notes:
        shown.print(f"[yellow]note[/]: {note}", soft_wrap=True)
    regular = result.regular_area_um2
    rows = []
    for each in result.best(top):
        area, delay, met = each.figures(target)
        graph = each.design.graph
        rows.append(
            (
                f"{area:.1f}",
                f"{delay:.1f}",
                saving_text(regular, area if met else None),
                str(graph.size),
                str(graph.depth),
                str(graph.max_fanout),
                each.design.p_mode.partition(":")[0],
                each.found_by,
            )
        )
    caption = (
        "no classic structure meets the delay"
        if regular is None
        else f"smallest classic structure at that delay: {regular:.1f} um2"
    )
    print_table(
        shown,
        f"{circuit_title(config.problem())} on {library_title(config.library)} at "
        f"{target:g} ps, {config.mode} of {agent.name}",
        (
            Column("area [um2]"),
            Column("delay [ps]"),
            Column("saves"),
            Column("nodes", gives_way=2),
            Column("depth", gives_way=3),
            Column("fanout", gives_way=4),
            Column("p mode", is_number=False, gives_way=1),
            Column("found by", is_number=False),
        ),
        rows,
        caption=f"{caption}\n{constraint_text(result.constraint)}, flow {config.flow}, "
        "not confirmed",
    )
    apart = f" (and {result.setup_calls} to set up)" if result.setup_calls else ""
    shown.print(
        f"{result.calls} of {config.calls} calls{apart}, "
        f"{len(result.best(len(result.visited)))} designs, ended: {result.stopped_by}"
    )
