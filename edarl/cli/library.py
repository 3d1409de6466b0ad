"""``edarl library``: cell libraries, where they come from and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.common import Json, console
from edarl.cli.output import print_json
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.synthesis.cell_library import CellLibrary

__all__ = ["add", "app", "install", "list_", "remove", "show"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Cell libraries: add, list, show, install, remove.",
)


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List the installed libraries."""
    from edarl.errors import LibraryError
    from edarl.synthesis.library import DEFAULT_LIBRARY, list_libraries, load_library

    rows: list[dict[str, Any]] = []
    for name in list_libraries():
        try:
            rows.append({**_summary(load_library(name)), "default": name == DEFAULT_LIBRARY})
        except LibraryError as error:
            rows.append({"name": name, "error": str(error)})
    if as_json:
        print_json({"libraries": rows})
        return
    if not rows:
        console().print(
            "no library is installed; get one with [bold]edarl library install osu018[/]"
        )
        return
    from rich.table import Table

    table = Table(title="cell libraries")
    for head in ("name", "corner", "cells", "driver", "load fF", "digest"):
        table.add_column(head, justify="right" if head in ("cells", "load fF") else "left")
    for row in rows:
        if "error" in row:
            table.add_row(row["name"], f"[red]{row['error']}[/]")
            continue
        mark = " (default)" if row["default"] else ""
        table.add_row(
            row["name"] + mark,
            row["corner"],
            str(row["cells"]),
            row["driver"],
            f"{row['load_ff']:g}",
            row["digest"][:12],
        )
    console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="An installed library, or a Liberty file.")],
    *,
    as_json: Json = False,
) -> None:
    """Show a library: corner, constraint, which cells serve which function, what is left out."""
    from edarl.synthesis.library import load_library

    library = load_library(name)
    left_out = library.left_out()
    if as_json:
        serving = {function: list(cells) for function, cells in library.serving.items()}
        print_json({**_summary(library), "serving": serving, "left_out": left_out})
        return
    from rich.table import Table

    summary = _summary(library)
    shown = console()
    shown.print(f"[bold]{library.name}[/]  {summary['corner']}")
    shown.print(f"digest {library.digest}", markup=False)
    shown.print(f"read by every tool: {library.liberty_path}", markup=False, soft_wrap=True)
    shown.print(
        f"default constraint: inputs driven by {summary['driver']}, "
        f"{summary['load_ff']:g} fF on every output, no wire load"
    )
    table = Table(title="cells by function, smallest first")
    table.add_column("function")
    table.add_column("cells (area um2)")
    for function, cells in library.serving.items():
        table.add_row(function, ", ".join(f"{cell} ({library.area(cell):g})" for cell in cells))
    shown.print(table)
    reasons: dict[str, list[str]] = {}
    for cell, reason in left_out.items():
        reasons.setdefault(reason, []).append(cell)
    table = Table(title="left out")
    table.add_column("reason")
    table.add_column("cells")
    for reason, cells_of in reasons.items():
        table.add_row(reason, ", ".join(cells_of))
    shown.print(table)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name to register it under.")],
    files: Annotated[list[Path], typer.Argument(help="Its Liberty files, plain or gzip.")],
    *,
    as_json: Json = False,
) -> None:
    """Add a library of your own; several files become one library."""
    from edarl.synthesis.library import add_library

    _added(add_library(name, files), as_json=as_json)


@app.command()
def install(
    name: Annotated[str, typer.Argument(help="osu018: OSU 0.18 um, from Debian's package.")],
    *,
    as_json: Json = False,
) -> None:
    """Install a library that edarl knows how to get; needs no root."""
    from edarl.synthesis.osu018 import install_osu018

    if name != "osu018":
        raise ConfigError(
            f"`name` should be osu018, actual value: {name!r}; for a library of your own use "
            "`edarl library add NAME FILE...`"
        )
    shown = console(stderr=True)
    library = install_osu018(on_progress=lambda text: shown.print(f"  {text}", markup=False))
    _added(library, as_json=as_json)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="An installed library.")]) -> None:
    """Forget a library; results in the store stay."""
    from edarl.synthesis.library import remove_library

    remove_library(name)
    console().print(f"removed {name}", markup=False)


def _added(library: CellLibrary, *, as_json: bool) -> None:
    summary = _summary(library)
    if as_json:
        print_json(summary)
    else:
        console().print(
            f"added [bold]{library.name}[/]: {summary['cells']} cells, {summary['corner']}; "
            f"inputs driven by {summary['driver']}, {summary['load_ff']:g} fF on every output"
        )


def _summary(library: CellLibrary) -> dict[str, Any]:
    constraint = library.constraint()
    return {
        "name": library.name,
        "digest": library.digest,
        "corner": _corner(library),
        "cells": len(library.cells),
        "driver": constraint.driver_cell,
        "load_ff": constraint.load_ff,
        "sources": [source.file for source in library.sources],
        "notes": dict(library.notes),
    }


def _corner(library: CellLibrary) -> str:
    corner = library.corner
    parts = [corner.name or "no named corner"]
    if corner.voltage_v is not None:
        parts.append(f"{corner.voltage_v:g} V")
    if corner.temperature_c is not None:
        parts.append(f"{corner.temperature_c:g} C")
    return ", ".join(parts)
