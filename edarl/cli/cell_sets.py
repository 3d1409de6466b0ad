"""``edarl cell bench`` and ``edarl cell train``: the verbs that work on many cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    from rich.progress import Progress

    from edarl.runs.cell_bench import CellRecord

__all__ = ["bench", "train"]

Patterns = Annotated[
    str, typer.Option("--cells", help="Names or patterns, such as NAND2*,AOI*; with commas.")
]


def bench(
    source: Source = "basic",
    *,
    cells: Patterns = "*",
    methods: Annotated[
        str, typer.Option(help="Ways to place, with commas: exact, anneal, rl, random.")
    ] = "exact",
    tech: TechnologyName = "asap7",
    evaluations: Annotated[
        int, typer.Option(help="Placements that a method but exact judges per try.")
    ] = 3000,
    limit: Annotated[float, typer.Option(help="Most seconds per cell and method.")] = 120.0,
    tries: Annotated[int, typer.Option(help="Placements of one width that are routed.")] = 5,
    wider: Annotated[int, typer.Option(help="Columns that a cell may get wider.")] = 6,
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
    resume: Annotated[
        Path | None,
        typer.Option(
            help="File of JSON lines: cells in it are not laid out again, new ones added."
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Write a row per cell and method here.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Lay out many cells in several ways: width, wires, design rules, transistors, time.

    A cell that cannot be laid out is a row with the reason. Exit code 1 when a layout is not clean
    or missing.
    """
    from edarl.layout.technology import load_technology
    from edarl.runs.cell_bench import bench_cells
    from edarl.runs.cells import LayoutOptions

    technology = load_technology(tech)
    chosen = cells_of(source, _listed(cells))
    ways = [
        LayoutOptions(
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
        for method in dict.fromkeys(_listed(methods))
    ]
    library_cpp = library_widths(library_lef, chosen, technology)
    records: list[CellRecord] = []
    with _progress(hidden=as_json) as progress:
        task = progress.add_task("laying out", total=len(chosen) * len(ways), figures="")

        def tell(what: str) -> None:
            progress.update(task, figures=what)

        for record in bench_cells(
            tuple(chosen.values()), technology, ways, records=resume, on_progress=tell
        ):
            records.append(record)
            progress.advance(task)
        tell("")
    if table is not None:
        write_file(table, _csv(records, library_cpp))
    if as_json:
        documents = [_document(record, library_cpp) for record in records]
        print_json({"technology": technology.name, "records": documents})
    else:
        _show(records, library_cpp)
    clean = all(record.is_clean for record in records)
    raise typer.Exit(ExitCode.DONE if clean else ExitCode.NO)


def train(
    source: Source = "basic",
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder that the policy goes to.")],
    cells: Patterns = "*",
    tech: TechnologyName = "asap7",
    placements: Annotated[int, typer.Option(help="Placements to make in training.")] = 6000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a policy that places cells, column by column; others than those it saw, too.

    `edarl cell layout --method rl --policy FOLDER` places with it. Ctrl-C ends the training early
    and keeps the policy as it is then.
    """
    from edarl.layout.technology import load_technology
    from edarl.runs.cell_training import train_on_cells

    chosen = cells_of(source, _listed(cells))
    technology = load_technology(tech)
    with _progress(hidden=as_json) as progress:
        task = progress.add_task("training", total=placements, figures="")

        def tell(done: int, wasted: float) -> None:
            figures = f"{wasted:.2f} columns wasted per cell"
            progress.update(task, completed=done, figures=figures)

        trained = train_on_cells(
            tuple(chosen.values()),
            technology,
            output,
            placements=placements,
            seed=seed,
            on_progress=tell,
        )
    if as_json:
        print_json({**trained, "folder": str(output)})
        return
    console().print(
        f"trained on {trained['cells']} cells: {trained['placements']} placements, "
        f"{trained['columns']} columns; the policy is in {output}",
        soft_wrap=True,
    )


def _listed(text: str) -> tuple[str, ...]:
    """Divide names at commas.

    Raises:
        ConfigError: There is none.
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ConfigError("a list of names with commas should hold at least one, actual: none")
    return names


def _progress(*, hidden: bool) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console(stderr=True),
        disable=hidden,
    )


def _document(record: CellRecord, library_cpp: Mapping[str, int]) -> dict[str, Any]:
    return {
        "cell": record.cell,
        "method": record.method,
        "width_cpp": record.width_cpp,
        "bound_cpp": record.bound_cpp,
        "routable_bound_cpp": record.routable_bound_cpp,
        "proved": record.is_least,
        "library_width_cpp": library_cpp.get(record.cell),
        "wire_length_nm": record.wire_length_nm,
        "drc_violations": list(record.violations),
        "lvs": record.lvs,
        "clean": record.is_clean,
        "tries": record.tries,
        "elapsed_s": record.elapsed_s,
        "failure": record.failure,
    }


def _csv(records: list[CellRecord], library_cpp: Mapping[str, int]) -> str:
    file = io.StringIO()
    rows = [
        {**row, "drc_violations": " ".join(row["drc_violations"])}
        for row in (_document(record, library_cpp) for record in records)
    ]
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _show(records: list[CellRecord], library_cpp: Mapping[str, int]) -> None:
    shown = console()
    beside, methods = bool(library_cpp), list(dict.fromkeys(record.method for record in records))
    print_table(
        shown,
        f"{len(records)} layouts",
        [
            Column("cell", is_number=False),
            Column("method", is_number=False, gives_way=0 if len(methods) > 1 else 4),
            Column("width [CPP]"),
            *([Column("library [CPP]")] if beside else []),
            Column("least", gives_way=2),
            Column("least routed", gives_way=2),
            Column("wire [nm]", gives_way=1),
            Column("design rules", is_number=False),
            Column("transistors", is_number=False),
            Column("time [s]", gives_way=3),
        ],
        [
            [
                record.cell,
                record.method,
                "-" if record.width_cpp is None else str(record.width_cpp),
                *([str(library_cpp.get(record.cell, "-"))] if beside else []),
                "-" if record.bound_cpp is None else str(record.bound_cpp),
                "-" if record.routable_bound_cpp is None else str(record.routable_bound_cpp),
                "-" if record.wire_length_nm is None else f"{record.wire_length_nm:.0f}",
                _verdict(record),
                record.lvs[:24] or "-",
                f"{record.elapsed_s:.1f}",
            ]
            for record in records
        ],
    )
    for method in methods:
        these = [record for record in records if record.method == method]
        clean = [record for record in these if record.is_clean]
        proved = sum(record.is_least for record in clean)
        shown.print(
            f"  {method}: {len(clean)} of {len(these)} clean, {proved} of them at a width proved "
            f"to be the least; {sum(r.width_cpp or 0 for r in clean)} CPP in all clean ones"
        )
        if beside:
            shown.print(f"  {_against_library(clean, library_cpp)}", soft_wrap=True)


def _against_library(clean: list[CellRecord], library_cpp: Mapping[str, int]) -> str:
    """Say how the widths of clean layouts compare with the library's own cells."""
    both = [(r.width_cpp or 0, library_cpp[r.cell]) for r in clean if r.cell in library_cpp]
    narrower = sum(here < there for here, there in both)
    equal = sum(here == there for here, there in both)
    return (
        f"of {len(both)} clean ones that the library has, {narrower} narrower than there, "
        f"{equal} as wide, {len(both) - narrower - equal} wider; {sum(here for here, _ in both)} "
        f"CPP against {sum(there for _, there in both)}"
    )


def _verdict(record: CellRecord) -> str:
    if record.failure is not None:
        return "not laid out"
    rules = sorted(set(record.violations))
    return "clean" if not rules else f"{len(record.violations)}: {', '.join(rules)}"
