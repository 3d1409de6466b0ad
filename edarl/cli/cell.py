"""``edarl cell``: list the cells of a netlist file, lay one out."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.cell_sets import bench, train
from edarl.cli.cell_source import (
    Fix,
    FixPolicy,
    LibraryLef,
    Reorder,
    Router,
    Source,
    Start,
    TechnologyName,
    cells_of,
    library_widths,
)
from edarl.cli.common import Json, Seed, console, write_file
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.runs.cells import CellLayout

__all__ = ["app", "layout", "list_"]

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Standard cells: list, place, route, check."
)

app.command()(bench)
app.command()(train)


@app.command("list")
def list_(
    source: Source = "basic", *, tech: TechnologyName = "asap7", as_json: Json = False
) -> None:
    """List the cells of a file: pins, transistors, fingers, and the least width one may have."""
    from edarl.layout.exact import columns_bound
    from edarl.layout.placement import finger_kinds
    from edarl.layout.technology import load_technology

    technology = load_technology(tech)
    cells = cells_of(source)
    rows: list[dict[str, Any]] = []  # figures of several types
    for cell in cells.values():
        kinds = finger_kinds(cell, technology)
        rows.append(
            {
                "cell": cell.name,
                "pins": list(cell.signal_pins),
                "transistors": len(cell.devices),
                "p_fingers": sum(item.count for item in kinds if item.kind == "p"),
                "n_fingers": sum(item.count for item in kinds if item.kind == "n"),
                "least_width_cpp": technology.width_cpp(columns_bound(kinds, technology)),
            }
        )
    if as_json:
        print_json({"technology": technology.name, "cells": rows})
        return
    print_table(
        console(),
        f"cells of {source} in {technology.name}",
        [
            Column("cell", is_number=False),
            Column("pins", is_number=False, gives_way=1),
            Column("transistors"),
            Column("p fingers", gives_way=2),
            Column("n fingers", gives_way=2),
            Column("least width [CPP]"),
        ],
        [
            [
                cell.name,
                " ".join(cell.signal_pins),
                *(str(row[key]) for key in ("transistors", "p_fingers", "n_fingers")),
                str(row["least_width_cpp"]),
            ]
            for cell, row in zip(cells.values(), rows, strict=True)
        ],
        caption="no placement is narrower; most cells reach it",
    )


@app.command()
def layout(
    source: Source,
    name: Annotated[str, typer.Argument(metavar="CELL", help="The cell's name.")],
    *,
    method: Annotated[
        str, typer.Option(help="exact: proved by CP-SAT; anneal; rl: a trained policy; random.")
    ] = "exact",
    tech: TechnologyName = "asap7",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder; by default the cell's name.")
    ] = None,
    evaluations: Annotated[
        int, typer.Option(help="Placements that a method but exact judges per try.")
    ] = 3000,
    limit: Annotated[float, typer.Option(help="Most seconds in all.")] = 600.0,
    tries: Annotated[int, typer.Option(help="Placements of one width that are routed.")] = 5,
    wider: Annotated[int, typer.Option(help="Columns that the cell may get wider.")] = 6,
    start: Start = None,
    route_limit: Annotated[
        float,
        typer.Option(help="Most seconds to route one width in one number of metals."),
    ] = 120.0,
    metals: Annotated[
        int, typer.Option(help="Metals for wires: 1; 2: the second where the first does not do.")
    ] = 2,
    policy: Annotated[
        Path | None, typer.Option(help="Policy of method rl; by default the one edarl has.")
    ] = None,
    router: Router = "exact",
    fix: Fix = "none",
    fix_policy: FixPolicy = None,
    reorder: Reorder = False,
    library_lef: LibraryLef = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Place, route and draw a cell; check its design rules and its transistors.

    Writes GDS, LEF, a picture and a report. Exit code 1 when no clean layout was found: the one
    with the fewest violations is written then, with every violation in report and picture.
    """
    from edarl.layout.gds import write_gds
    from edarl.layout.lef import lef_text
    from edarl.layout.picture import svg_text
    from edarl.layout.technology import load_technology
    from edarl.runs.cells import LayoutOptions, lay_out

    options = LayoutOptions(
        method=method,
        seed=seed,
        evaluations=evaluations,
        limit_s=limit,
        tries=tries,
        wider=wider,
        start_cpp=start,
        route_s=route_limit,
        metals=metals,
        policy=policy,
        router=router,
        fix=fix,
        fix_policy=fix_policy,
        reorder=reorder,
    )
    technology = load_technology(tech)
    cell = cells_of(source, [glob.escape(name)])[name]
    library_cpp = library_widths(library_lef, [name], technology).get(name)
    folder = output or Path(name)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} should be a folder; give another with --output")
    with console(stderr=True).status("placing") as status:
        found = lay_out(cell, technology, options, on_progress=status.update)
    document = found.document() | {"library_width_cpp": library_cpp}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder}: {error}") from error
    assert technology.deck is not None  # what was checked has a deck
    write_gds(folder / f"{name}.gds", name, found.shapes, found.labels, technology.deck)
    write_file(folder / f"{name}.lef", lef_text(cell, found.shapes))
    write_file(folder / f"{name}.sp", found.placement.cell.spice())
    marks = [(v.rule, v.left_nm, v.bottom_nm, v.right_nm, v.top_nm) for v in found.violations]
    title = f"{name}, {found.placement.width_cpp} CPP, {technology.name}"
    write_file(folder / f"{name}.svg", svg_text(title, found.shapes, found.labels, marks))
    write_file(folder / "report.json", json.dumps(document, indent=1) + "\n")
    if as_json:
        print_json({**document, "folder": str(folder)})
    else:
        _show(found, library_cpp, folder)
    raise typer.Exit(ExitCode.DONE if found.is_clean else ExitCode.NO)


def _show(found: CellLayout, library_cpp: int | None, folder: Path) -> None:
    shown = console()
    placement = found.placement
    proof = ""
    if found.is_least:
        proof = ", proved to be the least"
        if placement.width_cpp != found.bound_cpp:
            proof += f" that can be routed ({found.bound_cpp} without wires)"
    tried = "1 placement" if found.tries == 1 else f"{found.tries} placements"
    beside = "" if library_cpp is None else f", the library's is {library_cpp}"
    shown.print(
        f"[bold]{placement.cell.name}[/]: {placement.width_cpp} CPP wide{proof}{beside}; "
        f"{found.wire_length_nm:.0f} nm of wire, {tried} routed"
    )
    shown.print(placement.picture(), markup=False, soft_wrap=True)
    if found.violations:
        rules = sorted({violation.rule for violation in found.violations})
        shown.print(f"  [bold red]{len(found.violations)} violations[/]: {', '.join(rules)}")
    else:
        shown.print("  design rules: [green]clean[/]")
    if found.reordered:
        shown.print("  what is in series has another order than in the netlist that was given")
    verdict = "[green]match[/]" if found.lvs == "match" else f"[bold red]{found.lvs}[/]"
    shown.print(f"  layout against netlist: {verdict}")
    shown.print(f"  wrote GDS, LEF, picture, netlist and report to {folder}", soft_wrap=True)
