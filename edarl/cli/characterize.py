"""``edarl library characterize``: measure cells with ngspice and write a Liberty file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from edarl.cli.common import Json, console
from edarl.cli.output import print_json
from edarl.errors import ConfigError

__all__ = ["characterize"]


def characterize(
    spice: Annotated[
        list[Path],
        typer.Option(help="SPICE file with the cells' transistors, or a folder of *.spice files."),
    ],
    models: Annotated[
        Path,
        typer.Option(
            help="The process's SPICE model library, with one `.lib` section per process corner, "
            "or the folder that holds it as *.lib.spice."
        ),
    ],
    cells: Annotated[
        list[str],
        typer.Option(
            help="Name or pattern of cells, such as '*__nand2_*', or @FILE with one per line; "
            "may be given several times."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The Liberty file to write; *.gz is compressed.")
    ],
    *,
    lef: Annotated[
        list[Path] | None,
        typer.Option(
            help="LEF file with the cells' areas and pins, or a folder of *.lef files; "
            "by default where --spice is."
        ),
    ] = None,
    corner: Annotated[
        str, typer.Option(help="Process, temperature and supply, such as ss_100C_1v60.")
    ] = "tt_025C_1v80",
    layout: Annotated[
        bool,
        typer.Option(
            "--layout/--no-layout",
            help="Estimate what a layout adds (diffusions, strain, contacts, wires; constants of "
            "sky130), or measure the transistors alone.",
        ),
    ] = True,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder for simulations and their results, from which a run that was stopped "
            "goes on; by default the output's name with .work."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Simulations side by side; by default all cores."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure cells with ngspice and write them as a Liberty file.

    Needs nothing but transistor netlists, LEF and device models, and runs for a few seconds per
    cell. A run that was stopped goes on where it was.
    """
    from edarl.synthesis.characterize import Request, RowLayout
    from edarl.synthesis.characterize import characterize as measure

    request = Request(
        spice=tuple(spice),
        lef=tuple(lef or spice),
        models=models,
        corner=corner,
        cells=_patterns(cells),
        layout=RowLayout() if layout else None,
    )
    folder = work or output.with_name(f"{output.name}.work")
    with _Bar() as bar:
        measured = measure(
            request,
            output,
            folder=folder,
            processes=jobs or len(os.sched_getaffinity(0)),
            on_progress=bar,
        )
    names = [cell.bench.cell.name for cell in measured]
    arcs = sum(len(out.arcs) for cell in measured for out in cell.outputs)
    size = output.stat().st_size
    if as_json:
        facts = {"file": str(output), "bytes": size, "corner": corner, "arcs": arcs}
        print_json({**facts, "cells": sorted(names), "work": str(folder)})
        return
    shown = console()
    shown.print(
        f"wrote [bold]{output}[/]: {len(names)} cells, {arcs} arcs, {size / 1000:.0f} kB, {corner}"
    )
    shown.print(
        f"use it: edarl library add NAME {output}\n"
        f"the simulations' results are in {folder}; it may be deleted",
        markup=False,
        soft_wrap=True,
    )


def _patterns(cells: list[str]) -> tuple[str, ...]:
    """Give the patterns, those of ``@FILE`` in its place."""
    patterns: list[str] = []
    for entry in cells:
        if not entry.startswith("@"):
            patterns.append(entry)
            continue
        try:
            lines = Path(entry[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the list of cells {entry[1:]} cannot be read: {error}") from error
        words = [word for line in lines for word in line.partition("#")[0].split()]
        if not words:
            raise ConfigError(f"the list of cells {entry[1:]} should name cells, but is empty")
        patterns += words
    return tuple(patterns)


class _Bar:
    """A progress bar over simulations, on standard error."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("measuring"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("simulations"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console(stderr=True),
        )
        self._task = self._progress.add_task("measuring", total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)
