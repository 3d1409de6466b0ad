"""The measured cell library against the official one: cells, tables, adders, ranks, choices.

Two characterisations of the same cells are set side by side. All ratios are measured / official.
Parts:

- ``cells``: area, pins and functions of every cell; the ratios of all arcs' delays and transitions
  at the official grid's points
- ``adders``: the same adder netlists timed in both libraries; how their delays correlate
- ``ranks``: designs sized in either library at equal delay; how their areas rank, and what it costs
  to choose by the measured library

Both libraries have the same driver and the same load in fF. For adders and ranks both are cut to
the cells that both have, equal but for their areas, so that what differs are tables and pin
capacitances.
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from _library_adders import SIDES, Side, correlation_rows, cut, netlist_rows
from _library_cells import (
    ArcRatios,
    arc_rows,
    cell_figures,
    cell_rows,
    common_cells,
    compare_arcs,
    compare_cells,
    first_senses,
    grouped,
    kind_of,
    ratio_figures,
    timed_cells,
)
from _library_page import WORST_ARCS, draw_adders, draw_arcs, page, print_sections, sections
from _library_ranks import (
    CONTROL,
    MIDDLE_LEAST,
    POPULATIONS,
    AreasJob,
    PopulationJob,
    area_rows,
    choice_rows,
    population,
    rank_rows,
)
from common import arguments, load_named, machine, print_table, write_json

from edarl.config import HOME_VARIABLE
from edarl.errors import LibraryError
from edarl.hdl.netlist import FUNCTIONS
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.opensta import OpenSta

PARTS = ("cells", "adders", "ranks")
WIDTHS = (8, 16, 32)
RANKED_WIDTHS = (16, 32)
QUICK_LEAST = 8
"""Designs that a middle target has at least in a quick run."""

Row = dict[str, Any]


def main() -> None:
    """Compare, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument(
        "--measured",
        default="sky130",
        metavar="LIBRARY",
        help="name or Liberty file (default: sky130)",
    )
    parser.add_argument(
        "--official",
        default="sky130hd",
        metavar="LIBRARY",
        help="name or Liberty file (default: sky130hd)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write page, CSV, JSON and pictures here"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    options = parser.parse_args()
    try:
        libraries = {side: load_named(getattr(options, side)) for side in SIDES}
    except LibraryError as error:
        parser.exit(2, f"{error}\n")
    figures: Row = {
        "command": _command(options),
        "libraries": {side: _described(library) for side, library in libraries.items()},
        "opensta": _opensta_version(),
        "elapsed_s": {},
    }
    rows: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(prefix="edarl-compared-") as folder:
        sides = cells_part(libraries, figures, rows, Path(folder))
        if len(options.parts) > 1 or options.parts[0] != "cells":
            if sides is None:
                parser.exit(2, f"{figures['no_adders']}\n")
            with _home(Path(folder) / "home"):
                if "adders" in options.parts:
                    adders_part(sides, figures, rows, quick=options.quick)
                if "ranks" in options.parts:
                    ranks_part(sides, figures, rows, quick=options.quick, workers=options.workers)
    found = list(sections(figures))
    print_sections(found)
    figures["bars"] = bars(figures, quick=options.quick)
    print("\n== Bars ==")
    print_table(("what", "measured", "bar", "kept"), figures["bars"])
    print_table(("part", "seconds"), list(figures["elapsed_s"].items()))
    write_json(options.json, figures)
    if options.out is not None:
        write_out(options.out, figures, rows, found)


def cells_part(
    libraries: dict[str, CellLibrary], figures: Row, rows: dict[str, list[Row]], folder: Path
) -> list[Side] | None:
    """Compare cells and arcs; write both libraries cut to the common cells.

    Returns:
        The cut libraries, or None where too few cells are common to build adders.
    """
    started = _began("cells")
    official, measured = (libraries[side] for side in SIDES)
    compared, differences = compare_cells(official, measured)
    timed, lacking = timed_cells(official, measured, [row["cell"] for row in compared])
    arcs, single = compare_arcs(timed)
    rows["arcs"] = arc_rows(arcs)
    rows["cells"] = cell_rows(compared)
    figures["cells"] = cell_figures(compared, differences)
    figures["arcs"] = arc_figures(arcs, rows["arcs"], single) | {
        "cells": len(timed),
        "cells_without_tables": lacking,
        "other_first_sense": first_senses(timed),
    }
    common = common_cells(differences, timed)
    figures["common_cells"] = len(common)
    constraint = official.constraint()
    figures["constraint"] = {"driver": constraint.driver_cell, "load_ff": constraint.load_ff}
    missing = [f for f in FUNCTIONS if not set(official.serving[f]) & set(common)]
    if constraint.driver_cell not in common:
        missing.append(f"the driver {constraint.driver_cell}")
    if missing:
        figures["no_adders"] = f"adders need common cells for {', '.join(missing)}"
        _ended("cells", started, figures)
        return None
    sides = []
    for side, library in libraries.items():
        path = folder / f"{side}.lib"
        cut(library, common, path)
        sides.append(Side(side, path, constraint.driver_cell, constraint.load_ff))
    _ended("cells", started, figures)
    return sides


def arc_figures(arcs: Sequence[ArcRatios], rows: Sequence[Row], single: Sequence[Row]) -> Row:
    """Sum up the arcs' ratios in several ways."""
    quantities = ("delay", "transition")

    def all_of(by: Any) -> dict[str, dict[Any, Row]]:
        return {name: grouped(arcs, name, by) for name in quantities}

    medians = {
        name: [row[f"{name}_median"] for row in rows if row[f"{name}_median"] is not None]
        for name in quantities
    }

    def within(share: float) -> dict[str, float]:
        return {
            name: 100 * sum(abs(value - 1) <= share for value in values) / max(1, len(values))
            for name, values in medians.items()
        }

    return {
        "arcs": len(arcs),
        "only": {side: sum(row["only"] == side for row in single) for side in SIDES},
        "single": list(single),
        "outside": sum(arc.delay.outside for arc in arcs),
        "small": {name: sum(getattr(arc, name).small for arc in arcs) for name in quantities},
        "points": {name: ratio_figures(_all_points(arcs, name)) for name in quantities},
        "medians": {name: ratio_figures(values) for name, values in medians.items()},
        "within_10_percent": within(0.10),
        "within_25_percent": within(0.25),
        "by_kind": all_of(lambda arc: kind_of(arc.cell)),
        "by_out_edge": all_of(lambda arc: "fall" if arc.out_edge else "rise"),
        "by_slew": all_of("slew_ps"),
        "by_column": {
            name: {f"{key + 1:.0f}": value for key, value in parts.items()}
            for name, parts in all_of("column").items()
        },
        "worst": sorted(
            (row for row in rows if row["delay_median"] is not None),
            key=lambda row: -abs(math.log(max(row["delay_median"], 1e-9))),
        )[:WORST_ARCS],
    }


def _all_points(arcs: Sequence[ArcRatios], quantity: str) -> list[float]:
    return [value for arc in arcs for value in getattr(arc, quantity).ratio.tolist()]


def adders_part(
    sides: Sequence[Side], figures: Row, rows: dict[str, list[Row]], *, quick: bool
) -> None:
    """Time the same netlists in both libraries."""
    started = _began("adders")
    rows["netlists"] = netlist_rows(sides, WIDTHS[:2] if quick else WIDTHS, 6 if quick else 40)
    figures["netlists"] = len(rows["netlists"])
    figures["correlations"] = correlation_rows(rows["netlists"])
    _ended("adders", started, figures)


def ranks_part(
    sides: Sequence[Side], figures: Row, rows: dict[str, list[Row]], *, quick: bool, workers: int
) -> None:
    """Size designs in both libraries, rank and choose them."""
    started = _began("ranks")
    random_count, annealed_count, evaluations = (12, 4, 60) if quick else (160, 24, 1000)
    widths = RANKED_WIDTHS[:1] if quick else RANKED_WIDTHS
    pairs = [(width, side) for width in sorted(widths, reverse=True) for side in sides]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [PopulationJob(side, width, annealed_count, evaluations) for width, side in pairs]
        annealed = dict(zip(pairs, pool.map(PopulationJob.run, jobs), strict=True))
        designs = {
            width: population(
                width,
                random_count,
                [(f"annealed {side.name}", annealed[width, side]) for side in sides],
            )
            for width in widths
        }
        for width, entries in designs.items():
            print(f"{width} bits: {len(entries)} designs to size", flush=True)
        sizing = {
            (width, name): AreasJob(
                side, width, tuple(entry.design for entry in designs[width]), shift
            )
            for width in sorted(widths, reverse=True)
            for name, side, shift in (
                *((side.name, side, 1.0) for side in sides),
                ("control", sides[0], CONTROL),
            )
        }
        areas = dict(zip(sizing, pool.map(AreasJob.run, sizing.values()), strict=True))
    of_width = {
        w: {name: found for (width, name), found in areas.items() if width == w} for w in widths
    }
    rows["areas"] = [row for w in widths for row in area_rows(w, designs[w], of_width[w])]
    figures["designs"] = {
        width: {kind: sum(e.population == kind for e in designs[width]) for kind in POPULATIONS}
        for width in widths
    }
    figures["fastest_ps"] = {
        width: {side: by_side[side].fastest_ps for side in SIDES}
        for width, by_side in of_width.items()
    }
    figures["ranks"] = rank_rows(rows["areas"], least=QUICK_LEAST if quick else MIDDLE_LEAST)
    figures["choices"] = [
        row
        for width in widths
        for row in choice_rows(width, designs[width], of_width[width], sides)
    ]
    # What meets a target in neither library is counted; a row of the file would say nothing.
    rows["areas"] = [r for r in rows["areas"] if any(r[f"{side}_um2"] for side in SIDES)]
    _ended("ranks", started, figures)


def bars(figures: Row, *, quick: bool) -> list[list[object]]:
    """Set the figures beside what was asked for; a row is what, measured, bar, kept."""
    found: list[list[object]] = []
    for what in ("cell", "area", "pins", "function"):
        name = {"cell": "cells the official library lacks"}.get(what, f"cells with other {what}")
        found.append(_bar(name, figures["cells"]["differences"][what], 0, most=True))
    for quantity, part in figures["arcs"]["points"].items():
        if part["count"]:
            off = 100 * abs(part["median"] - 1)
            error = part["median_error_percent"]
            found.append(_bar(f"{quantity}: median ratio, off 1 by, %", off, 25, most=True))
            found.append(_bar(f"{quantity}: median distance from 1, %", error, 25, most=True))
    if "correlations" in figures:
        if not quick:
            found.append(_bar("adder netlists", figures["netlists"], 100))
        for timer in dict.fromkeys(row["timer"] for row in figures["correlations"]):
            rows = [row for row in figures["correlations"] if row["timer"] == timer]
            together = [row["spearman"] for row in rows if row["width"] == "all"]
            name = f"delays of adders, {timer}: Spearman"
            found.append(_bar(f"{name}, all netlists", _lowest(together), 0.99))
            lowest = _lowest([row["spearman"] for row in rows])
            found.append(_bar(f"{name}, lowest of widths", lowest, 0.99))
    if "ranks" in figures:
        for flow in dict.fromkeys(row["flow"] for row in figures["ranks"]):
            middle = [
                row
                for row in figures["ranks"]
                if (row["flow"], row["population"]) == (flow, "all") and row["middle"]
            ]
            of_widths = [
                fmean(row["spearman"] for row in middle if row["width"] == width)
                for width in dict.fromkeys(row["width"] for row in middle)
            ]
            name = f"ranks at equal delay, {flow}: Spearman"
            found.append(_bar(f"{name}, middle targets, lower width", _lowest(of_widths), 0.95))
            lowest = _lowest([row["spearman"] for row in middle])
            found.append(_bar(f"{name}, lowest middle target", lowest, 0.95))
        if not quick:
            fewest = min(sum(counts.values()) for counts in figures["designs"].values())
            found.append(_bar("ranked designs per width", fewest, 40))
    return found


def write_out(folder: Path, figures: Row, rows: dict[str, list[Row]], found: Sequence[Any]) -> None:
    """Write page, figures, rows and pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "characterization.json", figures)
    pictures = {}
    for name, file in (
        ("arcs", ""),
        ("cells", "_cells"),
        ("netlists", "_netlists"),
        ("areas", "_areas"),
    ):
        if rows.get(name):
            with (folder / f"characterization{file}.csv").open("w", newline="") as opened:
                writer = csv.DictWriter(opened, list(rows[name][0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows[name])
    if rows["arcs"]:
        draw_arcs(rows["arcs"], folder / "characterization_arcs.svg")
        pictures["Medians of single arcs"] = "characterization_arcs.svg"
    if "netlists" in rows:
        draw_adders(rows["netlists"], folder / "characterization_adders.svg")
        pictures["Delays of adders"] = "characterization_adders.svg"
    text = page({"machine": machine(), **figures}, found, pictures)
    (folder / "characterization.md").write_text(text)


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Keep the cut libraries out of the user's own folder, here and in worker processes."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before


def _command(options: argparse.Namespace) -> str:
    """Give the command for the page; of files only their names."""
    words = ["benchmarks/characterization.py"]
    words += ["--quick"] if options.quick else []
    words += ["--parts", *options.parts] if options.parts != PARTS else []
    for name, usual in (("measured", "sky130"), ("official", "sky130hd")):
        value = getattr(options, name)
        words += [f"--{name}", Path(value).name] if value != usual else []
    return " ".join((*words, "--out docs/results"))


def _described(library: CellLibrary) -> Row:
    corner = library.corner
    return {
        "name": library.name,
        "files": [source.file for source in library.sources],
        "sha256": [source.sha256 for source in library.sources],
        "digest": library.digest,
        "cells": len(library.cells),
        "corner": f"{corner.name}, {corner.voltage_v} V, {corner.temperature_c} C",
    }


def _opensta_version() -> str | None:
    if not OpenSta.installed():
        return None
    told = subprocess.run(["sta", "-version"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def _bar(what: str, value: float, limit: float, *, most: bool = False) -> list[object]:
    """Give a row of the table of bars; ``most`` where the figure should not exceed the bar."""
    kept = value <= limit if most else value >= limit
    sign = "<=" if most else ">="
    return [what, f"{value:.4g}", f"{sign} {limit:g}", "yes" if kept else "NO"]


def _lowest(values: Sequence[float | None]) -> float:
    """Give the lowest value; nan, which keeps no bar, where one is missing."""
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else math.nan


def _began(part: str) -> float:
    print(f"{part} ...", flush=True)
    return time.perf_counter()


def _ended(part: str, started: float, figures: Row) -> None:
    figures["elapsed_s"][part] = round(time.perf_counter() - started, 1)
    print(f"{part}: {figures['elapsed_s'][part]} s", flush=True)


if __name__ == "__main__":
    main()
