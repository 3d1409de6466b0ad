"""How fast a design is evaluated, and how good the own sizer's netlists are, beside ABC.

Everything is measured side by side in one run, rounds interleaved, best of k, on the same designs;
netlist generation is part of our time, and every round takes a design that nothing is known of.
What is timed runs alone; only areas and rank correlations are computed in two processes. Parts:

- ``abc``: the ABC evaluator against bare ABC and against a Yosys process per design
- ``process``: memory, imports, compiling with an empty and with a filled cache
- ``timing``: own timings per second against ABC's evaluations
- ``curve``: 8 points of the own sizer against 4 of ABC's
- ``quality``: the efforts of the own sizer against ABC's sizing, and the tiers' rank correlation
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from _picture import draw_efforts
from _populations import constraint_of, neighbours
from _process import import_figures, memory_figures, sizing_process_figures
from _quality import PAIRS, QualityJob, rank_rows, share_rows
from _speed import curve_speed, effort_times, seconds, timing_speed
from common import arguments, load_named, print_table, write_json

from edarl.hdl.verilog import structural_verilog
from edarl.prefix.design import Design
from edarl.synthesis.abc_evaluator import AbcEvaluator, design_blif, sizing_script
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.timing.sizer import EFFORTS
from edarl.synthesis.yosys import run_yosys

TARGET_PS = {8: 270.0, 16: 350.0, 32: 430.0, 64: 560.0, 128: 760.0}
TIGHT_PS = {8: 220.0, 16: 290.0, 32: 345.0, 64: 425.0, 128: 540.0}
CURVE = (0.95, 1.0, 1.15, 1.4)
LIBRARIES = ("nangate45", "sky130hd")
PARTS = ("abc", "process", "timing", "curve", "quality")

Row = dict[str, Any]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tight", action="store_true", help="part abc: targets that many miss")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE.svg", help="part quality: draw the efforts here"
    )
    options = parser.parse_args()
    figures: Row = {}
    bars: list[list[object]] = []
    for part in PARTS:
        if part in options.parts:
            started = time.perf_counter()
            print(f"\n== {part} ==")
            if part == "abc":
                figures |= abc_part(options.quick, options.tight)
            else:
                found = _PART[part](options.quick, bars)
                write_rows(options.json, found)
                figures |= found
            figures.setdefault("elapsed_s", {})[part] = round(time.perf_counter() - started, 1)
            write_json(options.json, {**figures, "bars": bars})
    if bars:
        print("\n== bars ==")
        print_table(["what", "measured", "bar", "kept"], bars)
    print_table(["part", "seconds"], list(figures["elapsed_s"].items()))
    if options.picture and "effort_times" in figures:
        draw_efforts(figures, options.picture)


def write_rows(path: Path | None, found: Row) -> None:
    """Move what has thousands of rows to CSV files beside the figures."""
    for name in ("quality_points", "rank_areas"):
        rows = found.pop(name, None)
        if rows and path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f"{path.stem}_{name}.csv")
            with beside.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def abc_part(quick: bool, tight: bool) -> Row:
    """Measure the ABC evaluator beside bare ABC and a Yosys process per design."""
    widths = (8, 32) if quick else (8, 16, 32, 64, 128)
    library = load_named("nangate45")
    targets = TIGHT_PS if tight else TARGET_PS
    rows = [abc_figures(library, width, targets[width], 5 if quick else 20) for width in widths]
    print_table(
        ["width", "bare ABC ms", "ours ms", "4 targets ms", "Yosys process ms",
         "ours/bare", "curve/single", "Yosys/ours"],
        [list(row.values()) for row in rows],
    )  # fmt: skip
    return {"evaluator": rows}


def abc_figures(library: CellLibrary, width: int, target: float, rounds: int) -> Row:
    """Measure one width."""
    constraint = constraint_of(library, "nangate45")
    curve = tuple(target * factor for factor in CURVE)
    single = AbcEvaluator(library, constraint, flow="direct", targets_ps=(target,))
    four = AbcEvaluator(library, constraint, flow="direct", targets_ps=curve)
    flow = FLOWS["direct"]
    script = sizing_script(flow, (target,))
    session = single._session()
    best = dict.fromkeys(("bare", "ours", "curve", "yosys"), float("inf"))
    for index, design in enumerate(neighbours(width, rounds, seed=width)):
        best["ours"] = min(best["ours"], seconds(partial(single.evaluate, [design])))
        path = session.workdir / "bare.blif"
        path.write_text(design_blif(design, flow, library))
        commands = ["empty", f"read_blif {path}", *script]
        best["bare"] = min(best["bare"], seconds(partial(session.run, commands)))
        best["curve"] = min(best["curve"], seconds(partial(four.evaluate, [design])))
        if index < max(2, rounds // 6):
            synthesise = partial(yosys_process, design, library, target)
            best["yosys"] = min(best["yosys"], seconds(synthesise))
    single.close()
    four.close()
    ms = {name: value * 1000 for name, value in best.items()}
    return {
        "width": width,
        **{f"{name}_ms": round(value, 3) for name, value in ms.items()},
        "ours_over_bare": ms["ours"] / ms["bare"],
        "curve_over_single": ms["curve"] / ms["ours"],
        "yosys_over_ours": ms["yosys"] / ms["ours"],
    }


def yosys_process(design: Design, library: CellLibrary, target_ps: float) -> None:
    """Synthesise one design as is customary: one Yosys process, its own ABC script."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        (workdir / "design.v").write_text(structural_verilog(design, hierarchical=False))
        (workdir / "constraint").write_text(
            "set_driving_cell BUF_X1\nset_load 10.0 [all_outputs]\n"
        )
        liberty = library.liberty_path
        run_yosys(
            f"read_verilog design.v\nsynth -flatten\n"
            f"abc -liberty {liberty} -constr constraint -D {target_ps:g}\n"
            f"stat -liberty {liberty}\n",
            workdir=workdir,
        )


def process_part(quick: bool, bars: list[list[object]]) -> Row:
    """Measure memory, imports and compiling."""
    imports = import_figures(3 if quick else 7)
    print_table(
        ["import", "s beyond Python", "heavy modules"],
        [[name, _seconds(row["seconds"]), row["heavy_modules"]] for name, row in imports.items()],
    )
    sizing = sizing_process_figures(compiling=not quick)
    print_table(
        ["sizing 64-bit adders, sky130hd", *sizing],
        [[key, *(_seconds(run[key]) for run in sizing.values())] for key in sizing["filled cache"]],
    )
    memory = memory_figures()
    print_table(["process", "MB"], list(memory.items()))
    bars.append(_bar("peak with sky130hd, MB", sizing["filled cache"]["peak_mb"], 250, most=True))
    if not quick:
        peak = sizing["empty cache"]["peak_mb"]
        bars.append(_bar("the same, nothing cached, MB", peak, 250, most=True))
    clean = float(all(row["heavy_modules"] == "[]" for row in imports.values()))
    bars.append(_bar("imports load no numba, torch, matplotlib", clean, 1))
    return {"imports": imports, "sizing_process": sizing, "memory": memory}


def timing_part(quick: bool, bars: list[list[object]]) -> Row:
    """Measure timings per second."""
    widths = (8, 32) if quick else (8, 16, 32, 64, 128)
    cases = [("nangate45", width) for width in widths] + [("sky130hd", 32)]
    rounds = 3 if quick else 9
    rows = [timing_speed(name, width, designs=12, rounds=rounds) for name, width in cases]
    print("timings and evaluations per second; rebuild = netlist from its state, links, timing")
    _table(rows, ["library", "width", "gates", "full_per_s", "rebuild_per_s", "from_python_per_s",
                  "resize_per_s", "abc_evaluator_per_s", "bare_abc_per_s"])  # fmt: skip
    print("ratios; abc = the ABC evaluator in flow direct, bare = the bare commands of that flow")
    _table(rows, ["library", "width", "full_over_abc", "full_over_bare", "rebuild_over_abc",
                  "rebuild_over_bare", "full_over_resize"])  # fmt: skip
    for row in rows:
        if row["width"] == 32:
            name = f"{row['library']}, 32 bits"
            bars.append(_bar(f"{name}: timings / ABC evaluations", row["full_over_abc"], 100))
            what = f"{name}: timings / bare ABC direct flow"
            bars.append([what, row["full_over_bare"], "for orientation", "-"])
            bars.append(_bar(f"{name}: full / incremental", row["full_over_resize"], 5))
    return {"timing": rows}


def curve_part(quick: bool, bars: list[list[object]]) -> Row:
    """Measure whole curves."""
    widths = (8, 32) if quick else (8, 16, 32, 64, 128)
    cases = [("nangate45", width) for width in widths] + [("sky130hd", 32)]
    rounds = 3 if quick else 7
    rows = [curve_speed(name, width, designs=20, rounds=rounds) for name, width in cases]
    print("8 points at effort quick against 4 of ABC's direct flow; area at ABC's delays, in %")
    _table(rows, list(rows[0]))
    for row in rows:
        if row["width"] == 32:
            name = f"{row['library']}, 32 bits"
            bars.append(_bar(f"{name}: ABC's curve / own curve, time", row["abc_over_own"], 5))
            area = row["mean_area_percent"]
            bars.append(_bar(f"{name}: mean area against ABC, %", area, 3, most=True))
    return {"curve": rows}


def quality_part(quick: bool, bars: list[list[object]]) -> Row:
    """Measure what the efforts cost and gain, and the rank correlation between the tiers."""
    widths = (16, 32) if quick else (16, 32, 64)
    cases = [(name, width) for name in LIBRARIES for width in widths]
    per_kind, rounds = (4, 2) if quick else (8, 5)
    times = [effort_times(name, width, per_kind=per_kind, rounds=rounds) for name, width in cases]
    print("time of a curve of 4 targets, ms, and as a share of ABC's direct flow")
    _table(times, list(times[0]))
    count, evaluations, ranked, hard = (8, 150, 8, 1) if quick else (200, 2000, 60, 4)
    jobs = [
        QualityJob(
            name,
            width,
            count if width < 64 else count // 2,
            evaluations,
            ranked if width < 64 else 0,
            hard,
        )
        for name, width in sorted(cases, key=lambda case: -case[1])
    ]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(QualityJob.run, jobs))
    for part in parts:
        print(*part["job"], *(f"{n} {name}" for name, n in part["designs"].items()))
    points = [row for part in parts for row in part["points"]]
    detail = share_rows(points, ("rival", "library", "width", "population"))
    overall = share_rows(points, ("rival", "library"))
    print("area against ABC's at ABC's measured delay; below 0 is smaller; losing, missed in %")
    for rows in (detail, overall):
        _table(rows, list(rows[0]))
    worst = sorted((p for p in points if p["rival"] == "direct"), key=lambda p: -p["normal"])[:15]
    print("the worst points against the direct flow; delays in ps, areas as above")
    _table(worst, ["library", "width", "graph", "delay_ps", "normal_ps", "thorough_ps",
                   "quick", "normal", "thorough"])  # fmt: skip
    for name in LIBRARIES:
        cheap = [
            effort
            for effort in EFFORTS
            if all(t[f"{effort}_over_direct"] <= 1 for t in times if t["library"] == name)
        ]
        for row in overall:
            if (row["rival"], row["library"]) == ("direct", name) and row["effort"] in cheap[-1:]:
                what = f"{name}: mean area at effort {row['effort']} against ABC, %"
                bars.append(_bar(what, row["mean_percent"], 0, most=True))
        if not cheap:
            bars.append([f"{name}: an effort that costs no more than ABC", "none", "<= ABC", "NO"])
    correlations = rank_rows([row for part in parts for row in part["ranks"]])
    print("Spearman's rank correlation of area at equal delay between tiers")
    _table(correlations, list(correlations[0]))
    bars += [_rank_bar(correlations, f"{one} / {other}") for one, other in PAIRS]
    return {
        "effort_times": times,
        "quality": detail,
        "quality_overall": overall,
        "quality_worst": worst,
        "quality_points": points,
        "rank_correlation": correlations,
        "rank_areas": [
            {key: value for key, value in row.items() if key != "areas"} | row["areas"]
            for part in parts
            for row in part["ranks"]
        ],
    }


_PART = {
    "process": process_part,
    "timing": timing_part,
    "curve": curve_part,
    "quality": quality_part,
}


def _bar(what: str, value: float, limit: float, *, most: bool = False) -> list[object]:
    """Give a row of the table of bars; ``most`` where the figure should not exceed the bar."""
    kept = value <= limit if most else value >= limit
    return [what, f"{value:.3g}", f"{'<=' if most else '>='} {limit:g}", "yes" if kept else "NO"]


def _rank_bar(correlations: list[Row], pair: str) -> list[object]:
    """Give the lowest of the pooled correlations at delays that both populations reach."""
    values = [
        row[pair]
        for row in correlations
        if row["population"] == "both" and row["delay"] != "tight" and row[pair] is not None
    ]
    lowest = min(values, default=math.nan)
    return _bar(f"ranks, {pair}, pooled, middle and loose, lowest", lowest, 0.98)


def _table(rows: list[Row], columns: list[str]) -> None:
    """Print some columns; large figures without decimals, correlations with three."""

    def shown(column: str, value: object) -> object:
        if not isinstance(value, float):
            return value
        return (
            f"{value:.0f}"
            if column.endswith("_per_s")
            else (f"{value:.3f}" if " / " in column else value)
        )

    print_table(columns, [[shown(name, row[name]) for name in columns] for row in rows])


def _seconds(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) and value < 1 else value


if __name__ == "__main__":
    main()
