"""How often the search of neighbourhoods routes a cell in a width, from several seeds.

The full adder and the flip-flop are too much for one question to CP-SAT. Each is placed and routed
in a given width in two metals by the search alone, then drawn and checked.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _cells import SUFFIX, chosen_cells, library_widths, sequential_cells
from common import arguments, print_table, write_json

from edarl.layout import CellNetlist, Technology, load_technology
from edarl.layout.checks import check_gds
from edarl.layout.gds import write_gds
from edarl.layout.geometry import draw
from edarl.layout.grid import grid_of
from edarl.layout.neighbourhoods import search_layout
from edarl.layout.router import route_exactly

TASKS = (("DFFHQNx1", 18), ("DFFHQNx1", 20), ("FAx1", 14))


@dataclass(frozen=True, slots=True)
class Row:
    """One search.

    Attributes:
        cell: The cell's name.
        width_cpp: The width that was asked for.
        seed: Of the search.
        limit_s: Most seconds it had.
        routed: Whether it found a placement with wires.
        clean: Whether that breaks no rule and matches its netlist.
        pieces: The fewest pieces of nets that were too many at any time; None where it had no time.
        seconds: Wall-clock of the search.
        cpu_s: Processor seconds of the search.
    """

    cell: str
    width_cpp: int
    seed: int
    limit_s: float
    routed: bool
    clean: bool
    pieces: int | None
    seconds: float
    cpu_s: float


def main() -> None:
    """Search, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="per cell and width")
    parser.add_argument(
        "--limit", type=float, default=240.0, metavar="S", help="most seconds of one search"
    )
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep finished searches here")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row per search here")
    options = parser.parse_args()
    technology = load_technology("asap7")
    cells = {cell.name: cell for cell in (*chosen_cells(), *sequential_cells())}
    tasks = TASKS[1:2] if options.quick else TASKS
    seeds = range(1 if options.quick else options.seeds)
    known = read(options.resume)
    rows = []
    for name, width_cpp in tasks:
        for seed in seeds:
            key = name, width_cpp, seed, options.limit
            row = known.get(key)
            if row is None:
                row = searched(cells[name + SUFFIX], technology, *key)
                if options.resume is not None:
                    options.resume.parent.mkdir(parents=True, exist_ok=True)
                    with options.resume.open("a") as file:
                        file.write(json.dumps(asdict(row)) + "\n")
            verdict = "no" if not row.routed else "clean" if row.clean else "not clean"
            told = f"{name} in {width_cpp} CPP, seed {seed}: {verdict}, {row.seconds:.0f} s"
            print(told, file=sys.stderr, flush=True)
            rows.append(row)
    report(tasks, rows)
    if options.csv is not None:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(field.name for field in fields(Row))
            writer.writerows(asdict(row).values() for row in rows)
    write_json(options.json, {"searches": [asdict(row) for row in rows]})


def read(path: Path | None) -> dict[tuple[str, int, int, float], Row]:
    """Read finished searches."""
    if path is None or not path.exists():
        return {}
    rows = [Row(**json.loads(line)) for line in path.read_text().splitlines()]
    return {(row.cell, row.width_cpp, row.seed, row.limit_s): row for row in rows}


def searched(
    cell: CellNetlist,
    technology: Technology,
    name: str,
    width_cpp: int,
    seed: int,
    limit_s: float,
) -> Row:
    """Search once, and draw and check what was found."""
    pieces: list[int] = []
    begun, cpu = time.monotonic(), time.process_time()
    found = search_layout(
        cell,
        technology,
        width_cpp - technology.boundary_columns,
        second_metal=True,
        limit_s=limit_s,
        seed=seed,
        on_pieces=pieces.append,
    )
    seconds, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    clean = False
    if found.placement is not None:
        grid = grid_of(found.placement, stretched=True)
        routing = route_exactly(grid, second_metal=True, limit_s=limit_s, hint=found.wires)
        deck = technology.deck
        if deck is None:
            raise SystemExit(f"{technology.name} has no design rules")
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "cell.gds"
            write_gds(path, cell.name, *draw(found.placement, routing.routes), deck)
            violations, lvs = check_gds(path, cell.name, deck, cell)
        clean = not violations and lvs == "match"
    return Row(
        cell=name,
        width_cpp=width_cpp,
        seed=seed,
        limit_s=limit_s,
        routed=found.placement is not None,
        clean=clean,
        pieces=min(pieces, default=None),
        seconds=round(seconds, 1),
        cpu_s=round(cpu_s, 1),
    )


def report(tasks: Sequence[tuple[str, int]], rows: Sequence[Row]) -> None:
    """Print how often each was routed, and how long that took."""
    library = {**library_widths(), **library_widths(sequential=True)}
    table = []
    for name, width_cpp in tasks:
        of = [row for row in rows if (row.cell, row.width_cpp) == (name, width_cpp)]
        found = [row.seconds for row in of if row.routed]
        table.append(
            [
                name,
                library[name],
                width_cpp,
                len(of),
                len(found),
                sum(row.clean for row in of),
                f"{min(found):.0f}" if found else "-",
                f"{statistics.median(found):.0f}" if found else "-",
                f"{sum(row.seconds for row in of):.0f}",
            ]
        )
    print_table(
        [
            "cell",
            "library [CPP]",
            "width [CPP]",
            "seeds",
            "routed",
            "clean",
            "fastest [s]",
            "median [s]",
            "all [s]",
        ],
        table,
    )


if __name__ == "__main__":
    main()
