"""Does a search gain from the evaluations that a store has of earlier ones?

Guided searches of 16-bit Nangate45 adders at three delays (`guided.earlier`), at equal calls of
their own: from scratch, and beginning with what an earlier run has left in the store, at the same
delays, at other delays, by another method, or of other widths alone. Its model learns from that
first, or (*and guests*) the best designs are among the candidates, too. The calls of the earlier
run have a column of their own. Flow `sized`, pre-layout, not confirmed; intervals by bootstrapping
seeds.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _earlier import Begun, Filled, Filling
from _problems import finished, interval, kept, run_jobs
from common import arguments, machine, print_table, write_json

LIBRARY = "nangate45"
WIDTH = 16
TARGETS_PS = (260.0, 275.0, 310.0)
OTHER_PS = (245.0, 290.0, 340.0)
CALLS = 750
"""Of every search and every earlier run, over three delays."""
MARKS = (50, 100, 150, 250)
"""Calls at each delay, those of the regular structures among them."""
SEEDS = (0, 1, 2, 3, 4)
EARLIER_SEED = 100
GUESTS = 24
"""The default."""
SCRATCH = "from scratch"
Row = dict[str, Any]


def main() -> None:
    """Fill stores, search, print the table, write the figures."""
    parser = arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep finished searches here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the searches that --resume has"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write a CSV here")
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.resume or Path(scratch)
        jobs = _jobs(quick=options.quick)
        planned = len(jobs)
        if options.finished:
            jobs = [job for job in jobs if finished(job, folder)]
        run_jobs(list(dict.fromkeys(job.filled for job in jobs if job.filled)), folder, 1)
        run_jobs(jobs, folder, options.workers)
        searches = [kept(job, folder) for job in jobs]
    rows = _rows(searches)
    print(f"{len(jobs)} of {planned} searches; saving against the best regular structure in %")
    if rows:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
    write_json(options.json, {"planned": planned, "rows": rows, "searches": searches})
    if options.figures:
        _write_csv(options.figures / "earlier.csv", searches)


def _jobs(*, quick: bool) -> list[Begun]:
    """Give all searches, seed by seed."""
    width, calls = (8, 75) if quick else (WIDTH, CALLS)
    targets, others = ((210.0, 240.0),) * 2 if quick else (TARGETS_PS, OTHER_PS)

    def filled(method: Any, at: tuple[float, ...], *widths: int) -> Filled:
        each = calls // len(widths)
        return Filled(
            LIBRARY, tuple(Filling(method, one, at, each, EARLIER_SEED) for one in widths)
        )

    same = filled("guided", targets, width)
    annealed = filled("anneal", targets, width)
    elsewhere = filled("guided", others, width)
    widths = filled("guided", (), *((6,) if quick else (8, 12, 24)))
    kinds: list[tuple[str, Any, Filled | None, int]] = [
        (SCRATCH, "none", None, 0),
        ("the same delays: model and guests", "circuit", same, GUESTS),
        ("the same delays: model alone", "circuit", same, 0),
        ("the same delays, by annealing: model and guests", "circuit", annealed, GUESTS),
        ("other delays: model and guests", "circuit", elsewhere, GUESTS),
        ("other delays: model alone", "circuit", elsewhere, 0),
        ("8, 12 and 24 bits: model alone", "family", widths, 0),
    ]
    return [
        Begun(kind, LIBRARY, width, targets, calls, seed, earlier, store, guests)
        for seed in SEEDS[: 1 if quick else None]
        for kind, earlier, store, guests in (kinds[:2] if quick else kinds)
    ]


def _rows(searches: Sequence[Row]) -> list[Row]:
    anew = {one["seed"]: one for one in searches if one["kind"] == SCRATCH}
    rows = []
    for kind in dict.fromkeys(one["kind"] for one in searches):
        mine = [one for one in searches if one["kind"] == kind]
        row: Row = {
            "earlier evaluations": kind,
            "earlier calls": max(one["earlier_calls"] for one in mine),
            "calls": max(one["calls"] for one in mine),
            "seeds": len(mine),
        }
        for mark in MARKS:
            mean, low, high = interval([_savings(one, mark) for one in mine])
            row |= {f"at {mark} [%]": mean, f"low {mark}": low, f"high {mark}": high}
            pairs = [(one, anew[one["seed"]]) for one in mine if one["seed"] in anew]
            mean, low, high = interval(
                [
                    [a - b for a, b in zip(_savings(x, mark), _savings(y, mark), strict=True)]
                    for x, y in pairs
                ]
            )
            row |= {f"ahead at {mark}": mean, f"ahead low {mark}": low, f"ahead high {mark}": high}
        row["cpu_s"] = sum(one["cpu_s"] for one in mine) / len(mine)
        rows.append(row)
    return rows


def _savings(one: Row, calls: int) -> list[float]:
    """Give the saving at each delay after so many calls at it, in percent."""
    savings = []
    for found, regular in zip(one["improvements"].values(), one["regular_um2"], strict=True):
        reached = [cost for at, cost in found if at <= calls]
        savings.append(max(0.0, 100 * (1 - reached[-1] / regular)) if reached else 0.0)
    return savings


def _write_csv(path: Path, searches: Sequence[Row]) -> None:
    """Write a line per search and delay."""
    about = f"{machine()['cpu']}, {machine()['cores']} cores"
    lines = [
        {
            **{
                name: one[name]
                for name in ("kind", "library", "width", "seed", "earlier_calls", "calls", "cpu_s")
            },
            "target_ps": target,
            **{f"percent_at_{mark}": _savings(one, mark)[at] for mark in MARKS},
            "machine": about,
        }
        for one in searches
        for at, target in enumerate(one["improvements"])
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]) if lines else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
