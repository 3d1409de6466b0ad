"""``edarl demo``: an agent from scratch against classics, annealing, random search and Yosys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edarl.cli.common import Json, LibraryName, RunProgressBar, Seed, console
from edarl.cli.output import print_json
from edarl.cli.tables import Column, print_table

if TYPE_CHECKING:
    from edarl.runs.demo import DemoResult, DemoRow
    from edarl.runs.results import RunProgress

__all__ = ["app", "demo", "verdict"]

app = typer.Typer()

_MEANING = {
    "agent": "the agent learns from scratch",
    "anneal": "annealing, same number of evaluations",
    "random": "random search, same number of evaluations",
}


@app.command()
def demo(
    *,
    width: Annotated[int, typer.Option("--width", "-n", help="Width of the adder in bits.")] = 16,
    library: LibraryName = "default",
    budget: Annotated[
        int, typer.Option(help="Evaluation calls of each: agent, annealing, random search.")
    ] = 3000,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(
        "demo"
    ),
    as_json: Json = False,
) -> None:
    """Let an agent search for adders from scratch and compare what it finds, honestly.

    Takes about three minutes on two cores.
    """
    from edarl.runs.demo import run_demo

    shown = console(stderr=True)
    bars: dict[str, RunProgressBar] = {}

    def close_bars() -> None:
        for bar in bars.values():
            bar.__exit__()
        bars.clear()

    def on_stage(text: str) -> None:
        close_bars()
        if not as_json:
            shown.print(f"[bold]==>[/] {_MEANING.get(text, text)}")

    def on_progress(name: str, progress: RunProgress) -> None:
        if name not in bars:
            bars[name] = RunProgressBar(name, hidden=as_json).__enter__()
        bars[name](progress)

    try:
        result = run_demo(
            output,
            width=width,
            library=library,
            budget_calls=budget,
            seed=seed,
            on_stage=on_stage,
            on_progress=on_progress,
        )
    finally:
        close_bars()
    if as_json:
        import json

        print_json(json.loads((output / "report.json").read_text()))
    else:
        _show(result, output)


def _show(result: DemoResult, folder: Path) -> None:
    shown = console()
    names = list(result.rows[0].areas_um2)
    rows = [
        [row.structure, f"{row.delay_ps:.0f}", *(_cell(row, name) for name in names)]
        for row in result.rows
    ]
    rows.append(["hypervolume", "", *(f"{result.hypervolumes[name]:.4f}" for name in names)])
    print_table(
        shown,
        f"{result.circuit.name} on {result.library}: smallest area in um2 at equal delay",
        [Column("as fast as", is_number=False), Column("delay ps"), *map(Column, names)],
        rows,
        caption=f"inputs driven by {result.constraint.driver_cell}, "
        f"{result.constraint.load_ff:g} fF on every output, pre-layout; every netlist of agent, "
        "anneal and random is proven",
    )
    for line in verdict(result):
        shown.print(line)
    best = result.best
    graph = best.design.graph
    shown.print(
        f"\n[bold]best design[/] (found by {result.best_by}): {best.point.area_um2:.1f} um2 at "
        f"{best.point.delay_ps:.1f} ps, {graph.size} nodes, depth {graph.depth}, "
        f"flow {best.point.flow}, [green]proven[/]"
    )
    for path, summary in result.files.items():
        shown.print(f"  {path}  [dim]{summary}[/]", soft_wrap=True)
    target = best.point.delay_ps
    shown.print(
        "\n[bold]what to try next[/]\n"
        f"  edarl adder {result.circuit.width} --max-delay {target:.0f}ps -o adder.v\n"
        "  edarl search --method anneal --width 32 --budget 8000\n"
        "  edarl train --config configs/adder16.toml\n"
        f"  edarl front --width {result.circuit.width} --store {folder / 'edarl.db'} "
        "--plot front.svg",
        highlight=False,
    )


def verdict(result: DemoResult) -> list[str]:
    """Say in words whom the agent beat, and whom it did not."""
    lines = []
    for rival in ("classic", "yosys a+b", "anneal", "random"):
        compared = [
            (row.areas_um2["agent"], row.areas_um2.get(rival))
            for row in result.rows
            if "agent" in row.areas_um2 and rival in row.areas_um2
        ]
        better = sum(_beats(ours, theirs) for ours, theirs in compared)
        worse = sum(_beats(theirs, ours) for ours, theirs in compared)
        if compared:
            lines.append(
                f"agent against {rival}: smaller at {better} of {len(compared)} delays, larger at "
                f"{worse}, equal at {len(compared) - better - worse}"
            )
    if all("smaller at 0 " in line for line in lines):
        lines.append("[yellow]The agent beat nothing in this run.[/]")
    return lines


def _beats(one: float | None, other: float | None) -> bool:
    if one is None:
        return False
    return other is None or one < other / 1.0001


def _cell(row: DemoRow, name: str) -> str:
    area = row.areas_um2[name]
    if area is None:
        return "-"
    return f"[bold green]{area:.1f}[/]" if name in row.winners else f"{area:.1f}"
