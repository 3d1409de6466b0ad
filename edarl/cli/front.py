"""``edarl front``: the proven front of a circuit, with its baselines."""

from __future__ import annotations

import csv
import io
import math
from contextlib import nullcontext
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
    StorePath,
    Width,
    circuit_title,
    console,
    constraint_text,
    default_store,
    has_store,
    library_title,
    make_circuit,
    open_store,
    saving_text,
    write_file,
)
from edarl.cli.output import ExitCode, print_json
from edarl.cli.tables import Column, print_table
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.metrics import Point
    from edarl.runs.fronts import FrontReport, FrontRow
    from edarl.runs.plot import Series

__all__ = ["app", "front"]

app = typer.Typer(add_completion=False)

_COLUMNS: tuple[Column, ...] = (
    Column("delay ps"),
    Column("area um2"),
    Column("saving"),
    Column("best regular", is_number=False),
    Column("um2", gives_way=1),
    Column("graph", is_number=False, gives_way=3),
    Column("found by", is_number=False),
    Column("seed", gives_way=2),
    Column("run", is_number=False, gives_way=5),
    Column("flow", is_number=False, gives_way=6),
    Column("p mode", is_number=False, gives_way=4),
    Column("nodes", gives_way=7),
    Column("depth", gives_way=8),
    Column("design", is_number=False),
)
_CSV_COLUMNS = (
    "series",
    "delay_ps",
    "area_um2",
    "flow",
    "p_mode",
    "target_ps",
    "structure",
    "found_by",
    "seed",
    "run",
    "design",
    "nodes",
    "depth",
    "max_fanout",
    "netlist_sha256",
    "sta_delay_ps",
    "regular_structure",
    "regular_area_um2",
    "saving",
)


@app.command()
def front(
    *,
    circuit: CircuitKind = "adder",
    width: Width,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: LibraryName = "default",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    store: StorePath = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the front and its baselines here as CSV.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw them here; FILE ends in .svg, .png or .pdf.")
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines/--no-baselines",
            help="Size the regular structures at the same delays, and ask Yosys for a + b.",
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Show every proven design of a circuit that no other one beats, and who found it.

    Only confirmed designs count: each point is one netlist in the store, timed and proven as the
    bytes it has. Exit code 1 when the store has none of this circuit, library and constraint.
    """
    from edarl.runs.fronts import front_report

    problem = make_circuit(circuit, width, carry_in=cin, carry_out=cout)
    _check_picture(plot)
    told = console(stderr=True)
    # Nothing is written, and no store is made where there is none.
    opened = open_store(store, read_only=True) if has_store(store) else nullcontext()
    with opened as database, told.status("reading the store") as status:
        report = front_report(
            problem,
            library,
            database,
            driver_cell=driver,
            load_ff=load_ff,
            baselines=baselines,
            on_stage=lambda text: status.update(text),
        )
    files: dict[str, str] = {}
    if report.rows:
        if csv_file is not None:
            write_file(csv_file, _csv(report))
            files["csv"] = str(csv_file)
        if plot is not None:
            _plot(report, plot, library_title(library))
            files["plot"] = str(plot)
    if as_json:
        print_json(_document(report, library_title(library), files))
    elif report.rows:
        _show(report, library_title(library), files, store)
    else:
        _explain_empty(report, store, library_title(library))
    raise typer.Exit(ExitCode.DONE if report.rows else ExitCode.NO)


def _check_picture(plot: Path | None) -> None:
    from edarl.runs.plot import SUFFIXES

    if plot is not None and plot.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"a plot should end in {', '.join(SUFFIXES)}, actual name: {plot.name}")


# ---------------------------------------------------------------- the answer as data


def _document(report: FrontReport, library: str, files: dict[str, str]) -> dict[str, Any]:
    circuit, constraint = report.circuit, report.constraint
    baselines = [
        {"name": name, "kind": "regular", "points": [_point(point) for point in points]}
        for name, points in report.regular_curves().items()
    ]
    if report.yosys:
        points = [_point(point) for point in report.yosys]
        baselines.append({"name": "yosys a + b", "kind": "yosys", "points": points})
    return {
        "circuit": circuit.kind,
        "width": circuit.width,
        "carry_in": circuit.carry_in,
        "carry_out": circuit.carry_out,
        "library": library,
        "library_digest": report.library.digest,
        "driver": constraint.driver_cell,
        "load_ff": constraint.load_ff,
        "points": [_row(row) for row in report.rows],
        "baselines": baselines,
        "hypervolume": report.hypervolume,
        "gain": report.gain,
        "files": files,
    }


def _row(row: FrontRow) -> dict[str, Any]:
    found, graph = row.found, row.found.design.graph
    return {
        **_point(found),
        "p_mode": found.p_mode,
        "structure": row.structure,
        "found_by": found.method,
        "seed": found.seed,
        "run": found.run,
        "design": found.design.digest,
        "graph": graph.text,
        "nodes": graph.size,
        "depth": graph.depth,
        "max_fanout": graph.max_fanout,
        "netlist_sha256": found.netlist_sha256,
        "proven": True,
        "sta_delay_ps": found.sta_delay_ps,
        "regular_structure": row.regular.structure if row.regular else None,
        "regular_area_um2": row.regular.point.area_um2 if row.regular else None,
        "saving": row.saving,
    }


def _point(point: Any) -> dict[str, Any]:  # a Point or a FrontPoint
    return {
        "delay_ps": point.delay_ps,
        "area_um2": point.area_um2,
        "flow": point.flow,
        "target_ps": point.target_ps,
    }


def _csv(report: FrontReport) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        writer.writerow({"series": "front", **_row(row)})
    for name, points in report.regular_curves().items():
        for point in points:
            writer.writerow({"series": "regular", "structure": name, **_point(point)})
    for point in report.yosys:
        writer.writerow({"series": "yosys a + b", **_point(point)})
    return text.getvalue()


# ---------------------------------------------------------------- the answer for people


def _plot(report: FrontReport, path: Path, library: str) -> None:
    from edarl.runs.plot import plot_fronts

    def points(found: Any) -> list[Point]:
        return list(found)

    series: list[Series] = [
        (name, "baseline", points(curve)) for name, curve in report.regular_curves().items()
    ]
    series.append(("Yosys, a + b", "point", report.yosys))
    series.append(("proven front", "front", [row.found for row in report.rows]))
    plot_fronts(
        path,
        series,
        title=circuit_title(report.circuit),
        subtitle=f"{library}, {constraint_text(report.constraint)}",
    )


def _show(report: FrontReport, library: str, files: dict[str, str], store: str | None) -> None:
    shown = console()
    compared = report.frame.targets_ps if report.frame else ()
    columns = _COLUMNS
    rows = [_cells(row, was_compared=row.found.delay_ps in compared) for row in report.rows]
    if report.frame is None:  # without baselines there is nothing to compare with
        kept = [index for index, column in enumerate(columns) if index not in (2, 3, 4)]
        columns = tuple(columns[index] for index in kept)
        rows = [[row[index] for index in kept] for row in rows]
    print_table(
        shown,
        f"{circuit_title(report.circuit)} on {library}: {len(report.rows)} proven designs",
        columns,
        rows,
        caption=constraint_text(report.constraint),
    )
    if report.hypervolume is not None:
        gain = "-" if report.gain is None else f"{report.gain:.3f}"
        shown.print(f"hypervolume {report.hypervolume:.4f}, gain over the regular ones {gain}")
    if report.yosys:
        fastest, smallest = report.yosys[0], report.yosys[-1]
        text = f"{fastest.area_um2:.1f} um2 at {fastest.delay_ps:.1f} ps"
        if smallest != fastest:
            text += f" to {smallest.area_um2:.1f} um2 at {smallest.delay_ps:.1f} ps"
        shown.print(f"Yosys makes of a + b: {text}")
    for file in files.values():
        shown.print(f"wrote {file}", markup=False, soft_wrap=True)
    first = report.rows[0].found
    shown.print(
        f"[dim]get one: edarl export --design {first.design.digest[:12]} --library {library} "
        f"--delay {math.ceil(first.delay_ps)}" + (f" --store {store}" if store else "") + "[/]",
        soft_wrap=True,
    )


def _cells(row: FrontRow, *, was_compared: bool) -> list[str]:
    found, graph, regular = row.found, row.found.design.graph, row.regular
    return [
        f"{found.delay_ps:.1f}",
        f"{found.area_um2:.1f}",
        saving_text(regular.point.area_um2, found.area_um2) if regular else "-",
        regular.structure if regular else "none so fast" if was_compared else "-",
        f"{regular.point.area_um2:.1f}" if regular else "-",
        row.structure or "new",
        found.method or "-",
        "-" if found.seed is None else str(found.seed),
        found.run[:8] if found.run else "-",
        found.flow,
        found.p_mode.partition(":")[0],
        str(graph.size),
        str(graph.depth),
        found.design.digest[:12],
    ]


def _explain_empty(report: FrontReport, store: str | None, library: str) -> None:
    circuit = report.circuit
    asked = f"--circuit {circuit.kind} --width {circuit.width} --library {library}"
    shown = console()
    shown.print(
        f"[bold yellow]no proven design[/] of a {circuit_title(circuit)} on {library} "
        f"({constraint_text(report.constraint)}) is in "
        f"{default_store(store)}" + ("" if has_store(store) else ", which does not exist yet"),
        soft_wrap=True,
    )
    shown.print(f"find some: [bold]edarl search {asked}[/]", soft_wrap=True)
