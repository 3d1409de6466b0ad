"""ABC's timer and the own one against OpenSTA: how far delays of the same netlists differ.

Structures and random legal graphs of 8 to 64 bits go through every flow, at tight to relaxed
targets. Each netlist is written as Verilog; ABC reads those bytes back and times them, OpenSTA
times the same bytes. The error is (ABC / OpenSTA - 1); both read the same cleaned Liberty, without
wire load. The own timer times them as OpenSTA reads the library, and as ABC does: once with every
conditional arc for itself, once with those of a pin merged.
"""

from __future__ import annotations

import csv
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, load_named, print_table, write_json

from edarl.errors import LibraryError
from edarl.hdl.reader import read_mapped_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design, PMode
from edarl.prefix.structures import REGULAR, structure
from edarl.search.moves import Proposal, mutate
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import emit_netlist, time_verilog
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.timing.arrays import View, cell_arrays
from edarl.synthesis.timing.netlist import from_mapped
from edarl.synthesis.timing.tables import timing_library
from edarl.synthesis.timing.timer import link_sinks, time_fully

LIBRARIES = ("nangate45", "sky130hd", "osu018")
CLASSIC = ("sklansky", "kogge_stone", "brent_kung")
RANDOM_GRAPHS = 2
TARGET_FACTORS = (0.55, 0.75, 1.0)
"""Targets as shares of the delay that the design has when nothing presses."""
RELAXED_PS = 1.0e6
MOVES = 12
SEED = 45


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the netlists' CSV here")
    options = parser.parse_args()
    if not OpenSta.installed():
        parser.exit(2, "OpenSTA (the program `sta`) is not installed\n")
    widths = (8, 16) if options.quick else (8, 16, 32, 64)
    names = LIBRARIES[:1] if options.quick else LIBRARIES
    summaries, netlists = [], []
    for name in names:
        try:
            library = load_named(name)
        except LibraryError as error:
            print(f"{name} left out: {error}")
            continue
        rows, elapsed = measure(name, library, widths)
        netlists += rows
        summaries.append({**summary(name, rows), **elapsed})
    head = ["library", "netlists", "mean error [%]", "deviation [%]", "mean of absolute [%]",
            "smallest [%]", "largest [%]", "largest of absolute [%]"]  # fmt: skip
    print_table(head, [list(entry.values())[: len(head)] for entry in summaries])
    print_table(
        ["library", "own - OpenSTA, largest [ps]", "own as ABC - ABC, largest [ps]"],
        [
            [entry["library"], f"{entry['own_minus_opensta_ps']:.4f}",
             f"{entry['own_minus_abc_ps']:.4f}"]
            for entry in summaries
        ],
    )  # fmt: skip
    for name in (entry["library"] for entry in summaries):
        by_flow = [
            [name, flow, *_figures([r["error_percent"] for r in netlists
                                    if (r["library"], r["flow"]) == (name, flow)])]
            for flow in FLOWS
        ]  # fmt: skip
        print_table(["library", "flow", *head[1:]], by_flow)
    version = subprocess.run(
        ["sta", "-version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    figures = {"seed": SEED, "opensta": version, "summary": summaries, "netlists": netlists}
    write_json(options.json, figures)
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        with (options.figures / "timers.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(netlists[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(netlists)


def measure(
    name: str, library: CellLibrary, widths: Sequence[int]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Emit and time all netlists of one library."""
    constraint = (
        library.constraint(driver_cell="BUF_X1", load_ff=10.0)
        if name == "nangate45"
        else library.constraint()
    )
    rows: list[dict[str, Any]] = []
    texts = []
    started = time.perf_counter()
    with AbcSession(library, constraint) as session:
        for number, (label, design, flow) in enumerate(cases(widths)):
            relaxed = emit_netlist(design, flow, RELAXED_PS, library, session)
            relaxed_ps = time_verilog(mapped_verilog(relaxed), session).delay_ps
            # The second term shifts the pattern, so that every flow meets every factor.
            factor = TARGET_FACTORS[(number + number // len(FLOWS)) % len(TARGET_FACTORS)]
            target_ps = round(factor * relaxed_ps, 1)
            verilog = mapped_verilog(emit_netlist(design, flow, target_ps, library, session))
            timed = time_verilog(verilog, session)
            texts.append(verilog)
            rows.append(
                {
                    "library": name,
                    "width": design.circuit.width,
                    "graph": label,
                    "p_mode": design.p_mode,
                    "flow": flow,
                    "target_ps": target_ps,
                    "area_um2": round(timed.area_um2, 3),
                    "abc_delay_ps": timed.delay_ps,
                }
            )
    emitted = time.perf_counter()
    for row, sta_ps in zip(rows, OpenSta(library, constraint).delays(texts), strict=True):
        row["opensta_delay_ps"] = round(sta_ps, 4)
        row["error_percent"] = round(100 * (row["abc_delay_ps"] / sta_ps - 1), 4)
    timing = timing_library(library)
    views: tuple[tuple[View, str], ...] = (("opensta", "opensta_delay_ps"), ("abc", "abc_delay_ps"))
    for view, rival in views:
        cells = cell_arrays(timing, view)
        for row, text in zip(rows, texts, strict=True):
            arrays = from_mapped(read_mapped_verilog(text), timing, constraint)
            link_sinks(cells, arrays)
            own_ps = time_fully(cells, arrays)
            row[f"own_as_{view}_ps"] = round(own_ps, 4)
            row[f"own_minus_{view}_ps"] = round(own_ps - row[rival], 4)
    elapsed = {
        "distinct_netlists": len(set(texts)),
        "driver": constraint.driver_cell,
        "load_ff": constraint.load_ff,
        "abc_s": emitted - started,
        "opensta_s": time.perf_counter() - emitted,
    }
    return rows, elapsed


def cases(widths: Sequence[int]) -> Iterator[tuple[str, Design, str]]:
    """Give (label, design, flow): classic structures and random legal graphs in every flow."""
    rng = np.random.default_rng(SEED)
    for width in widths:
        circuit = Circuit("adder", width)
        designs: list[tuple[str, Design]] = []
        for index, name in enumerate(CLASSIC):
            mode: PMode = "or" if index % 2 else "xor"
            designs.append((name, Design.of(structure(name, width), circuit, mode)))
        for index in range(RANDOM_GRAPHS):
            start = Design.of(structure(str(rng.choice(REGULAR)), width), circuit)
            design = mutate(start, rng, Proposal(), p_moves=True, steps=MOVES)
            designs.append((f"random {index}", design))
        for label, design in designs:
            for flow in FLOWS:
                yield label, design, flow


def summary(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the figures of one library."""
    keys = ("netlists", "mean_error_percent", "deviation_percent", "mean_absolute_percent",
            "smallest_percent", "largest_percent", "largest_absolute_percent")  # fmt: skip
    return {
        "library": name,
        **dict(zip(keys, _figures([r["error_percent"] for r in rows]), strict=True)),
        **{
            f"own_minus_{view}_ps": max(abs(r[f"own_minus_{view}_ps"]) for r in rows)
            for view in ("opensta", "abc")
        },
    }


def _figures(errors: Sequence[float]) -> list[float]:
    absolute = [abs(error) for error in errors]
    return [
        len(errors),
        statistics.fmean(errors),
        statistics.pstdev(errors),
        statistics.fmean(absolute),
        min(errors),
        max(errors),
        max(absolute),
    ]


if __name__ == "__main__":
    main()
