"""``edarl search``: search for better designs of a circuit, and keep what is proven."""

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
    PModeName,
    RunProgressBar,
    Seed,
    StorePath,
    Width,
    console,
    make_circuit,
    open_store,
    parse_delays_ps,
)
from edarl.cli.output import print_json

if TYPE_CHECKING:
    from edarl.runs.directory import RunDirectory
    from edarl.runs.execute import RunResult
    from edarl.synthesis.confirm import Confirmed

__all__ = ["app", "execute", "result_document", "search", "show_result"]

app = typer.Typer()


@app.command()
def search(
    *,
    method: Annotated[
        str, typer.Option(help="anneal, evolve, greedy, random, agent or ppo.")
    ] = "anneal",
    circuit: CircuitKind = "adder",
    width: Width = 16,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: LibraryName = "default",
    flow: Annotated[
        str, typer.Option(help="Flow that is searched in; the front is sized in all of them.")
    ] = "pinswap",
    p_mode: PModeName = "best",
    delays: Annotated[
        str, typer.Option(help="Delay targets such as 300,345; spread over the range if not given.")
    ] = "",
    budget: Annotated[
        int, typer.Option(help="Evaluation calls: designs sized at one target in one flow.")
    ] = 2000,
    seed: Seed = 0,
    starts: Annotated[
        str, typer.Option(help="regular: all classic structures; scratch: ripple and Sklansky.")
    ] = "regular",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    workers: Annotated[int, typer.Option(help="ABC processes that share a batch.")] = 1,
    run_dir: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default a new one in edarl's home.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with the run in this folder; other options are its own."),
    ] = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Search for designs of a circuit that are smaller at the same delay.

    Ctrl-C ends the search; what was found until then is timed, proven and kept.
    """
    from edarl.runs.config import read_config
    from edarl.runs.directory import RunDirectory

    if resume is not None:
        directory = RunDirectory.open(resume)
    else:
        problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
        config = read_config(
            method=method,
            circuit=circuit,
            width=width,
            carry_in=cin,
            carry_out=problem.carry_out,
            library=library,
            flow=flow,
            p_mode=p_mode,
            targets_ps=parse_delays_ps(delays) or None,
            budget_calls=budget,
            seed=seed,
            starts=starts,
            driver_cell=driver,
            load_ff=load_ff,
            workers=workers,
        )
        directory = RunDirectory.create(config, run_dir)
    execute(directory, store, as_json=as_json)


def execute(directory: RunDirectory, store: Path | None, *, as_json: bool) -> None:
    """Execute the run in a folder with a progress bar, then show what it found."""
    from edarl.runs.execute import Run

    config = directory.config()
    with open_store(store) as opened, RunProgressBar(config.method, hidden=as_json) as bar:
        result = Run(directory, store=opened, on_progress=bar).execute()
    document = {**result_document(result), "run": str(directory.path)}
    if as_json:
        print_json(document)
    else:
        show_result(result, directory.path)


def result_document(result: RunResult) -> dict[str, Any]:
    """Give what a run found as JSON values."""
    config = result.config
    return {
        "method": config.method,
        "circuit": config.circuit,
        "width": config.width,
        "library": config.library,
        "driver": result.frame.constraint.driver_cell,
        "load_ff": result.frame.constraint.load_ff,
        "flow": config.flow,
        "seed": config.seed,
        "budget": config.budget_calls,
        "calls": result.calls,
        "baseline_calls": result.frame.calls,
        "cache_hits": result.cache_hits,
        "failures": result.failures,
        "stopped_by": result.stopped_by,
        "elapsed_s": round(result.elapsed_s, 2),
        "targets_ps": list(result.frame.targets_ps),
        "hypervolume": result.hypervolume,
        "gain": result.gain,
        "savings": [
            {"delay_ps": delay, "regular_area_um2": regular, "area_um2": area}
            for delay, regular, area in savings(result)
        ],
        "front": [confirmed_document(entry) for entry in result.confirmed],
    }


def confirmed_document(entry: Confirmed) -> dict[str, Any]:
    """Give a confirmed netlist as JSON values, without its text."""
    return {
        "delay_ps": entry.point.delay_ps,
        "area_um2": entry.point.area_um2,
        "flow": entry.point.flow,
        "p_mode": entry.design.p_mode,
        "design": entry.design.digest,
        "nodes": entry.design.graph.size,
        "depth": entry.design.graph.depth,
        "max_fanout": entry.design.graph.max_fanout,
        "netlist_sha256": entry.sha256,
        "proven": entry.proof.proven,
        "sta_delay_ps": entry.sta_delay_ps,
    }


def savings(result: RunResult) -> list[tuple[float, float | None, float | None]]:
    """Give (delay, regular area, found area) at each target, inside the run's own flow."""
    from edarl.objectives.fronts import areas_at

    targets = result.frame.targets_ps
    regular = areas_at(result.frame.regular_front(), targets)
    found = areas_at([entry.point for entry in result.front], targets)
    return list(zip(targets, regular, found, strict=True))


def show_result(result: RunResult, path: Path) -> None:
    """Print the savings at each target and the proven front."""
    from rich.table import Table

    config = result.config
    shown = console()
    gain = "-" if result.gain is None else f"{result.gain:.3f}"
    shown.print(
        f"[bold]{config.method}[/]: {result.calls} calls, {result.cache_hits} cache hits, "
        f"{result.failures} failures in {result.elapsed_s:.1f} s ({result.stopped_by}); "
        f"hypervolume {result.hypervolume:.4f}, gain {gain}"
    )
    table = Table(title=f"against the regular structures, flow {config.flow}")
    for head in ("delay ps", "regular um2", f"{config.method} um2", "saving"):
        table.add_column(head, justify="right")
    for delay, regular, found in savings(result):
        table.add_row(f"{delay:g}", _area(regular), _area(found), saving_text(regular, found))
    shown.print(table)
    if result.confirmed:
        table = Table(title="proven front, all flows")
        for head in ("delay ps", "area um2", "flow", "propagate", "nodes", "depth", "design"):
            table.add_column(head, justify="left" if head in ("flow", "design") else "right")
        for entry in result.confirmed:
            graph = entry.design.graph
            table.add_row(
                f"{entry.point.delay_ps:.1f}",
                f"{entry.point.area_um2:.1f}",
                entry.point.flow,
                entry.design.p_mode.partition(":")[0],
                str(graph.size),
                str(graph.depth),
                entry.design.digest[:12],
            )
        shown.print(table)
    shown.print(f"run: {path}", markup=False, soft_wrap=True)


def saving_text(regular: float | None, found: float | None) -> str:
    """Give a saving in percent of the regular area, as a table shows it."""
    if found is None:
        return "not met"
    if regular is None:
        return "only found"
    share = 100 * (1 - found / regular)
    colour = "green" if share > 0.05 else "red" if share < -0.05 else "default"
    return f"[{colour}]{share:+.1f} %[/]"


def _area(area: float | None) -> str:
    return "-" if area is None else f"{area:.1f}"
