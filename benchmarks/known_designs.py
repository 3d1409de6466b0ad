"""The known designs that come with edarl: making them, and checking every one of them.

Without ``--fill``: every netlist in the shipped store is proven and timed by ABC again, every
figure of the own sizer is computed again in the libraries that are installed, and the netlists are
set beside the best regular adders at a tight, a middle and a loose delay (multiples of the fastest
regular adder's), all flows. Exit code 1 when anything is not as stored.

With ``--fill DIR``: joint annealing searches at several delays for each adder (widths in order of
importance, each search kept in DIR and not repeated), what is found is confirmed, proven and
measured in all libraries, and the store is packed again. ``--pack-only`` takes what DIR has.
Areas in um2, delays in ps, pre-layout, without wire load.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from _known_build import build
from _known_check import (
    Checked,
    check_circuit,
    kept_check,
    kept_path,
    plain,
    report,
    write_csv,
)
from _known_fill import groups, run_group
from common import arguments, write_json
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import edarl.store.known
from edarl.store import known_circuits
from edarl.store.known import known_store

SHIPPED = Path(edarl.store.known.__file__).with_name("shipped")
QUICK_WIDTHS = {4, 8}


def main() -> None:
    """Fill or check, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--fill", type=Path, metavar="DIR", help="search, and pack what is found")
    parser.add_argument("--pack-only", action="store_true", help="with --fill: do not search")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the CSV file here")
    parser.add_argument("--widths", default="", help="check these widths only, such as 8,16")
    parser.add_argument(
        "--no-comparison", action="store_true", help="leave the regular structures out"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep checked adders here; do not repeat them"
    )
    parser.add_argument(
        "--finished", action="store_true", help="report the adders that --resume has"
    )
    options = parser.parse_args()
    if options.finished and options.resume is None:
        parser.error("--finished needs --resume DIR")
    if options.fill is not None:
        with _bar() as bar:
            if not options.pack_only:
                _search(options.fill, bar)
            _pack(options.fill, bar)
        return
    with known_store() as store, _bar() as bar:
        circuits = known_circuits(store, "adder")
        widths = {int(width) for width in options.widths.split(",") if width}
        if options.quick:
            widths = QUICK_WIDTHS
        if widths:
            circuits = [circuit for circuit in circuits if circuit.width in widths]
        if options.finished:
            circuits = [
                circuit
                for circuit in circuits
                if kept_path(circuit, SHIPPED, options.resume).exists()
            ]
        task = bar.add_task("checking", total=len(circuits), shown="")
        rows: list[Checked] = []
        for circuit in circuits:
            bar.update(task, shown=circuit.name)
            if options.resume is None or options.no_comparison:
                rows.append(check_circuit(store, circuit, compare=not options.no_comparison))
            else:
                rows.append(kept_check(store, circuit, SHIPPED, options.resume))
            bar.advance(task)
    report(rows)
    write_json(options.json, {"adders": [plain(row) for row in rows]})
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        write_csv(rows, options.figures / "known_designs.csv")
    sys.exit(0 if all(row.is_sound for row in rows) else 1)


def _search(folder: Path, bar: Progress) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    todo = groups()
    task = bar.add_task("searching", total=sum(len(group.ratios) for group in todo), shown="")
    for group in todo:
        before = bar.tasks[task].completed
        bar.update(task, shown=group.title)
        for _ in run_group(group, folder):
            bar.advance(task)
        bar.update(task, completed=before + len(group.ratios))


def _pack(folder: Path, bar: Progress) -> None:
    task = bar.add_task("confirming", total=None, shown="")
    names: Iterator[str] = build(folder, SHIPPED)
    for name in names:
        bar.update(task, shown=name)
        bar.advance(task)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description:<11}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[shown]}"),
    )  # fmt: skip


if __name__ == "__main__":
    main()
