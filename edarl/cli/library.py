"""``edarl library``: cell libraries, where they come from and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.characterize import characterize
from edarl.cli.common import Json, console
from edarl.cli.output import print_json
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.synthesis.cell_library import CellLibrary
    from edarl.synthesis.fetch import FetchProgress, PublicLibrary

__all__ = ["add", "app", "fetch", "install", "list_", "remove", "show"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Cell libraries: add, list, show, fetch, install, characterize, remove.",
)
app.command()(characterize)


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List the libraries that come with edarl and those that were added."""
    from edarl.errors import LibraryError
    from edarl.synthesis.library import (
        DEFAULT_LIBRARY,
        boxed_libraries,
        list_libraries,
        load_library,
    )

    boxed = boxed_libraries()
    rows: list[dict[str, Any]] = []
    for name in list_libraries():
        origin = {"default": name == DEFAULT_LIBRARY, "comes_with_edarl": name in boxed}
        try:
            rows.append({**_summary(load_library(name)), **origin})
        except LibraryError as error:
            rows.append({"name": name, **origin, "error": str(error)})
    if as_json:
        print_json({"libraries": rows})
        return
    from rich.table import Table

    table = Table(
        title="cell libraries",
        caption=f"comes with edarl: {', '.join(boxed)}; `default` is {DEFAULT_LIBRARY}",
    )
    for head in ("name", "corner", "cells", "driver", "load fF", "digest"):
        number = head in ("cells", "load fF")
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    for row in rows:
        if "error" in row:
            table.add_row(row["name"], f"[red]{row['error']}[/]")
            continue
        table.add_row(
            row["name"],
            row["corner"],
            str(row["cells"]),
            row["driver"],
            f"{row['load_ff']:g}",
            row["digest"][:12],
        )
    console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A library by name, or a Liberty file.")],
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
    if not left_out:
        return
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
    from edarl.synthesis.library import boxed_libraries
    from edarl.synthesis.osu018 import install_osu018

    if name in ("default", *boxed_libraries()):
        raise ConfigError(f"library {name} comes with edarl; there is nothing to install")
    if name != "osu018":
        raise ConfigError(
            f"`name` should be osu018, actual value: {name!r}; for a library of your own use "
            "`edarl library add NAME FILE...`"
        )
    shown = console(stderr=True)
    library = install_osu018(on_progress=lambda text: shown.print(f"  {text}", markup=False))
    _added(library, as_json=as_json)


@app.command()
def fetch(
    name: Annotated[
        str | None, typer.Argument(help="nangate45, sky130hd, asap7 or ihp-sg13g2.")
    ] = None,
    *,
    listing: Annotated[
        bool, typer.Option("--list", help="Show what there is, or with NAME its addresses.")
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Server to use instead of the projects' own; or set EDARL_LIBRARY_MIRROR.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a public library from its project's repository, check its sha256 and add it.

    Proxies are taken from the environment: https_proxy, no_proxy.
    Without a network it says how to get the files by hand.
    Without NAME it shows what there is.
    """
    from edarl.synthesis.fetch import PUBLIC_LIBRARIES, fetch_library, mirror_url, public_library

    wanted = list(PUBLIC_LIBRARIES.values()) if name is None else [public_library(name)]
    server = mirror_url(mirror)
    if name is not None and not listing:
        with _FetchBars(hidden=as_json) as bars:
            library = fetch_library(wanted[0], mirror=server, on_progress=bars)
        _added(library, as_json=as_json)
    elif as_json:
        print_json({"libraries": [_fetchable(library, server) for library in wanted]})
    elif name is None:
        _show_fetchable(wanted)
    else:
        _show_files(wanted[0])


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A library that was added.")]) -> None:
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


def _fetchable(library: PublicLibrary, base: str) -> dict[str, Any]:
    from edarl.synthesis.library import list_libraries

    return {
        "name": library.name,
        "title": library.title,
        "licence": library.licence,
        "repository": library.repository,
        "commit": library.commit,
        "files": [
            {"url": library.url(file, base), "sha256": file.sha256, "size_bytes": file.size_bytes}
            for file in library.files
        ],
        "added": library.name in list_libraries(),
    }


def _show_fetchable(libraries: list[PublicLibrary]) -> None:
    from edarl.cli.tables import Column, print_table
    from edarl.synthesis.library import list_libraries

    added = list_libraries()
    columns = (
        Column("name", is_number=False),
        Column("process and corner", is_number=False, wraps=True),
        Column("licence", is_number=False, wraps=True),
        Column("files"),
        Column("added", is_number=False),
    )
    rows = [
        (
            library.name,
            library.title,
            library.licence,
            str(len(library.files)),
            "yes" if library.name in added else "",
        )
        for library in libraries
    ]
    caption = (
        "edarl library fetch NAME          download it, check it and add it\n"
        "edarl library fetch NAME --list   addresses, checksums, and how to do it by hand"
    )
    print_table(console(), "public libraries", columns, rows, caption=caption)


def _show_files(library: PublicLibrary) -> None:
    from edarl.synthesis.fetch import manual_steps

    shown = console()
    shown.print(f"[bold]{library.name}[/]  {library.title}")
    shown.print(f"licence: {library.licence}")
    shown.print(f"from {library.repository}, commit {library.commit}", soft_wrap=True)
    for file in library.files:
        if file.size_bytes is not None:
            shown.print(f"{file.name}: {file.size_bytes} bytes", soft_wrap=True)
    shown.print("to get it by hand:")
    shown.print(manual_steps(library), markup=False, soft_wrap=True)


class _FetchBars:
    """A bar on standard error for each file that is downloaded, and why one is tried again."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
        from rich.table import Column

        whole = Column(no_wrap=True, overflow="ellipsis")
        self._hidden = hidden
        self._console = console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", table_column=whole, markup=False),
            BarColumn(bar_width=10),
            DownloadColumn(table_column=Column(no_wrap=True, justify="right")),
            TextColumn("{task.fields[state]}", table_column=whole, markup=False),
            console=self._console,
            disable=hidden,
        )
        self._tasks: dict[str, Any] = {}  # rich's task ids
        self._reason = ""

    def __enter__(self) -> _FetchBars:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for task in self._progress.tasks:
            if kind is not None and task.fields["state"] != "sha256 ok":
                self._progress.update(task.id, state="failed")
        self._stop()

    def __call__(self, progress: FetchProgress) -> None:
        """Show where the fetch stands."""
        if progress.stage == "read":
            self._stop()
            self._say("reading the library")
            return
        if progress.stage == "retry" and progress.reason != self._reason:
            self._reason = progress.reason
            self._say(progress.reason)
        if progress.file not in self._tasks:
            self._tasks[progress.file] = self._progress.add_task(
                progress.file, total=None, state=""
            )
        states = {"connect": "connecting", "retry": "trying again", "verified": "sha256 ok"}
        self._progress.update(
            self._tasks[progress.file],
            completed=progress.done_bytes,
            total=progress.total_bytes,
            state=states.get(progress.stage, ""),
        )

    def _say(self, text: str) -> None:
        if not self._hidden:
            self._console.print(text, markup=False, soft_wrap=True)

    def _stop(self) -> None:
        if self._progress.live.is_started:
            self._progress.stop()


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
