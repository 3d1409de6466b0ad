"""``edarl search``: search for better designs of a circuit, and keep what is proven."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stdout
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
    circuit_title,
    console,
    constraint_text,
    library_title,
    make_circuit,
    open_store,
    parse_delays_ps,
    saving_text,
)
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.runs.directory import RunDirectory
    from edarl.runs.ray import RayOptions
    from edarl.runs.results import RunResult
    from edarl.synthesis.confirm import Confirmed

__all__ = [
    "app",
    "confirmed_document",
    "execute",
    "result_document",
    "savings",
    "search",
    "show_result",
]

app = typer.Typer(add_completion=False)


@app.command()
def search(
    *,
    method: Annotated[
        str,
        typer.Option(
            help="anneal, evolve, greedy, random; guided: a learnt model chooses what to evaluate; "
            "agent, ppo; or, for adders, joint: graph and sizes together."
        ),
    ] = "anneal",
    circuit: CircuitKind = "adder",
    width: Width = 16,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: LibraryName = "default",
    flow: Annotated[
        str | None,
        typer.Option(
            help="Flow that is searched in, such as sized, the fastest; the front is sized in all. "
            "By default pinswap, for joint sized."
        ),
    ] = None,
    p_mode: PModeName = "best",
    delays: Annotated[
        str, typer.Option(help="Delay targets such as 300,345; spread over the range if not given.")
    ] = "",
    budget: Annotated[
        int,
        typer.Option(
            help="Evaluation calls: designs sized at one target in one flow. For joint, a call is "
            "a round: 12 walkers of 200 steps."
        ),
    ] = 2000,
    seed: Seed = 0,
    starts: Annotated[
        str, typer.Option(help="regular: all classic structures; scratch: ripple and Sklansky.")
    ] = "regular",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    workers: Annotated[
        int,
        typer.Option(
            help="ABC processes, or threads of flow sized, that share a batch; threads of joint; "
            "with --ray, workers on Ray."
        ),
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Evaluate on Ray workers, methods guided and agent: local starts Ray here, auto "
            "joins this machine's cluster, else a head's address."
        ),
    ] = None,
    earlier: Annotated[
        str | None,
        typer.Option(
            help="Method guided: what of the store its model learns from first: none, circuit, or "
            "family, which has the circuit's other widths too."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="KEY=VALUE for settings without an option, such as guided.candidates=64."
        ),
    ] = None,
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

    Ctrl-C ends the search; what was found until then is timed, proven and kept, the exit code is
    130, and --resume goes on.
    """
    from edarl.runs.config import read_config
    from edarl.runs.directory import RunDirectory

    if resume is not None:
        if settings:
            raise ConfigError("--resume goes on with the run's own settings; leave --set")
        directory = RunDirectory.open(resume)
    else:
        problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
        chosen: dict[str, Any] = {  # settings have several types
            "method": method,
            "circuit": circuit,
            "width": width,
            "carry_in": cin,
            "carry_out": problem.carry_out,
            "library": library,
            "flow": flow,
            "p_mode": p_mode,
            "targets_ps": parse_delays_ps(delays) or None,
            "budget_calls": budget,
            "seed": seed,
            "starts": starts,
            "driver_cell": driver,
            "load_ff": load_ff,
            "workers": workers if ray is None else 1,
        }
        _refuse_settings_of_options(settings or [], chosen)
        config = read_config(overrides=[*(settings or []), *_begun_with(earlier, method)], **chosen)
        directory = RunDirectory.create(config, run_dir)
    options = None
    if ray is not None:
        from edarl.runs.ray import RayOptions

        options = RayOptions(address=ray, workers=workers)
    execute(directory, store, as_json=as_json, ray=options)


def _begun_with(earlier: str | None, method: str) -> list[str]:
    """Give the setting for what a model learns from first, where it is said."""
    if earlier is None:
        return []
    if method != "guided":
        raise ConfigError(
            f"--earlier is for method guided, whose model learns; actual method: {method}"
        )
    return [f"guided.earlier={json.dumps(earlier)}"]


def _refuse_settings_of_options(settings: Sequence[str], options: Iterable[str]) -> None:
    """Refuse to set what an option would silently set back."""
    names = [text.partition("=")[0].strip() for text in settings]
    taken = [name for name in names if name in options]
    if taken:
        raise ConfigError(
            f"--set should not set what has an option of its own, actual: {', '.join(taken)}; "
            "see edarl search --help"
        )


def execute(
    directory: RunDirectory,
    store: str | None,
    *,
    as_json: bool,
    ray: RayOptions | None = None,
) -> None:
    """Execute the run in a folder with a progress bar, then show what it found.

    Args:
        directory: The folder.
        store: The database of designs; None takes the one in edarl's home.
        as_json: Whether to print a JSON document instead of tables.
        ray: The Ray cluster to use; None uses this process alone.

    Raises:
        typer.Exit: Ctrl-C ended the search, with exit code 130.
    """
    from edarl.runs.execute import Run

    config = directory.config()
    # Ray tells of lost workers on standard output, which is for answers only.
    elsewhere = nullcontext() if ray is None else redirect_stdout(sys.stderr)
    bar = RunProgressBar(config.method, hidden=as_json)
    with elsewhere, open_store(store) as opened, bar:
        result = Run(directory, store=opened, on_progress=bar, ray=ray).execute()
    document = {**result_document(result), "run": str(directory.path)}
    if as_json:
        print_json(document)
    else:
        show_result(result, directory.path)
    if result.stopped_by == "interrupted":
        raise typer.Exit(ExitCode.INTERRUPTED)


def result_document(result: RunResult) -> dict[str, Any]:
    """Give what a run found as JSON values."""
    config = result.config
    return {
        "method": config.method,
        "circuit": config.circuit,
        "width": config.width,
        "library": library_title(config.library),
        "driver": result.frame.constraint.driver_cell,
        "load_ff": result.frame.constraint.load_ff,
        "flow": config.flow,
        "seed": config.seed,
        "budget": config.budget_calls,
        "calls": result.calls,
        "earlier_calls": result.earlier_calls,
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
    config = result.config
    shown = console()
    gain = "-" if result.gain is None else f"{result.gain:.3f}"
    ended = "" if result.stopped_by == "budget" else f", stopped: {result.stopped_by}"
    shown.print(
        f"[bold]{config.method}[/]: {result.calls} calls, {result.cache_hits} cache hits, "
        f"{result.failures} failures in {result.elapsed_s:.1f} s{ended}"
    )
    if result.earlier_calls:
        shown.print(f"its model began with {result.earlier_calls} earlier calls of the store")
    shown.print(f"hypervolume {result.hypervolume:.4f}, gain over the regular structures {gain}\n")
    problem = circuit_title(config.problem())
    print_table(
        shown,
        f"{problem} on {library_title(config.library)}, flow {config.flow}",
        (
            Column("delay ps"),
            Column("best regular um2"),
            Column(f"{config.method} um2"),
            Column("saving"),
        ),
        [
            (f"{delay:g}", _area(regular), _area(found), saving_text(regular, found))
            for delay, regular, found in savings(result)
        ],
        caption=constraint_text(result.frame.constraint),
    )
    if result.confirmed:
        shown.print()
        print_table(
            shown,
            f"proven front, all flows: {len(result.confirmed)} netlists",
            (
                Column("delay ps"),
                Column("area um2"),
                Column("flow", is_number=False),
                Column("p mode", is_number=False, gives_way=1),
                Column("nodes"),
                Column("depth"),
                Column("fanout", gives_way=2),
                Column("design", is_number=False),
            ),
            [_front_cells(entry) for entry in result.confirmed],
        )
    if result.stopped_by == "interrupted":
        shown.print("interrupted; what was found is kept. Go on with")
        shown.print(f"  edarl search --resume {path}", markup=False, soft_wrap=True)
    else:
        shown.print(f"run: {path}", markup=False, soft_wrap=True)


def _front_cells(entry: Confirmed) -> tuple[str, ...]:
    graph = entry.design.graph
    return (
        f"{entry.point.delay_ps:.1f}",
        f"{entry.point.area_um2:.1f}",
        entry.point.flow,
        entry.design.p_mode.partition(":")[0],
        str(graph.size),
        str(graph.depth),
        str(graph.max_fanout),
        entry.design.digest[:12],
    )


def _area(area: float | None) -> str:
    return "-" if area is None else f"{area:.1f}"
