"""Placing cells: a policy on cells it has not seen, beside annealing, random search and the proof.

The combinational cells of a library are divided by family (NAND2x1 and NAND2x2 are one), every
second family is held out. A policy is trained on the others; then every way places every held-out
cell with the same number of evaluations (an evaluation is one complete placement judged). The
training's placements stand in a column of their own. The least widths are proved by CP-SAT.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _cells import SUFFIX, chosen_cells, divided, library_widths
from common import arguments, print_table, write_json

from edarl.agents.cells import CellPolicy, load_cell_policy, place_by_policy, train_cell_policy
from edarl.layout import CellNetlist, Technology, load_technology
from edarl.layout.exact import place_exactly
from edarl.layout.outcome import PlacementOutcome
from edarl.search.cells import anneal_placement, random_placement

BUDGETS = (1, 3, 10, 30, 100, 300)
SEEDS = (0, 1, 2)
METHODS = ("policy", "anneal", "random")


@dataclass(frozen=True, slots=True)
class Row:
    """One cell placed by one way with one seed.

    Attributes:
        cell: Its name.
        method: A name of `METHODS`.
        seed: The seed, of the policy's training too.
        least_cpp: The proved width.
        library_cpp: The library's.
        widths_cpp: The width after each number of evaluations of `BUDGETS`.
        seconds: CPU seconds of the longest.
    """

    cell: str
    method: str
    seed: int
    least_cpp: int
    library_cpp: int
    widths_cpp: tuple[int, ...]
    seconds: float


def main() -> None:
    """Train, place, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep policies and finished cells here"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every cell's row here")
    parser.add_argument(
        "--placements", type=int, default=6000, help="placements of each policy's training"
    )
    options = parser.parse_args()
    technology = load_technology("asap7")
    widths = library_widths()
    seeds, budgets = (SEEDS[:1], BUDGETS[:4]) if options.quick else (SEEDS, BUDGETS)
    placements = min(options.placements, 300) if options.quick else options.placements
    trained, held = divided(chosen_cells())
    held = held[::6] if options.quick else held
    folder = options.resume
    rows: list[Row] = []
    for seed in seeds:
        policy = policy_of(trained, technology, placements, seed, folder)
        for cell in held:
            least = least_width(cell, technology, folder)
            library = widths[cell.name.removesuffix(SUFFIX)]
            for method in METHODS:
                name = f"{cell.name}_{method}_{placements}_{budgets[-1]}_{seed}"
                row = partial(run, cell, technology, method, policy, least, library, seed, budgets)
                rows.append(kept(folder, name, row))
    report(rows, budgets, placements, len(trained), len(held))
    if options.csv is not None:
        write_rows(options.csv, rows, budgets)
    write_json(
        options.json,
        {
            "trained_on": [cell.name for cell in trained],
            "placements_of_training": placements,
            "budgets": list(budgets),
            "rows": [asdict(row) for row in rows],
        },
    )


def ways(policy: CellPolicy) -> dict[str, Callable[..., PlacementOutcome]]:
    """Give every way to place a cell, by name."""
    return {
        "policy": partial(place_by_policy, policy),
        "anneal": anneal_placement,
        "random": random_placement,
    }


def run(
    cell: CellNetlist,
    technology: Technology,
    method: str,
    policy: CellPolicy,
    least: int,
    library: int,
    seed: int,
    budgets: tuple[int, ...],
) -> Row:
    """Place a cell with every budget; annealing cools over each budget anew."""
    place = partial(ways(policy)[method], cell, technology, seed=seed)
    begun = time.process_time()
    if method == "anneal":
        best = [place(evaluations=budget).placement.width_cpp for budget in budgets]
    else:
        seen: list[int] = []
        place(evaluations=budgets[-1], on_evaluation=lambda found: seen.append(found.width_cpp))
        best = [min(seen[:budget]) for budget in budgets]
    seconds = time.process_time() - begun
    return Row(cell.name, method, seed, least, library, tuple(best), seconds)


def policy_of(
    cells: list[CellNetlist],
    technology: Technology,
    placements: int,
    seed: int,
    folder: Path | None,
) -> CellPolicy:
    """Train a policy, or take the one that was kept."""
    path = None if folder is None else folder / f"policy_{placements}_{seed}"
    if path is not None and path.exists():
        return load_cell_policy(path)
    begun = time.monotonic()

    def tell(training: Any) -> None:
        if training.placements % 500 == 0:
            print(
                f"seed {seed}: {training.placements} placements, {training.steps} columns, "
                f"{time.monotonic() - begun:.0f} s, mean reward {training.reward:.3f}",
                file=sys.stderr,
            )

    policy = train_cell_policy(
        cells, technology, placements=placements, seed=seed, on_progress=tell
    )
    if path is not None:
        policy.save(path)
    return policy


def least_width(cell: CellNetlist, technology: Technology, folder: Path | None) -> int:
    """Prove a cell's least width."""
    found = kept(
        folder, f"least_{cell.name}", lambda: place_exactly(cell, technology, limit_s=60).bound_cpp
    )
    return int(found)


def kept(folder: Path | None, name: str, make: Callable[[], Any]) -> Any:  # rows and numbers
    """Give what was kept under a name, or make and keep it."""
    path = None if folder is None else folder / f"{name}.json"
    if path is not None and path.exists():
        data = json.loads(path.read_text())
        if isinstance(data, dict):
            return Row(**{**data, "widths_cpp": tuple(data["widths_cpp"])})
        return data
    made = make()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(made) if isinstance(made, Row) else made))
    return made


def report(
    rows: list[Row], budgets: tuple[int, ...], placements: int, trained: int, held: int
) -> None:
    """Print the tables."""
    seeds = sorted({row.seed for row in rows})
    print(f"{held} held-out cells of other families than the {trained} trained on, {seeds=}")
    head = ["method", "placements of training", "seed"]
    table = []
    for method in METHODS:
        for seed in seeds:
            these = [row for row in rows if (row.method, row.seed) == (method, seed)]
            table.append(
                [
                    method,
                    placements if method == "policy" else 0,
                    seed,
                    *(sum(row.widths_cpp[place] for row in these) for place in range(len(budgets))),
                    sum(row.least_cpp for row in these),
                    sum(row.library_cpp for row in these),
                    sum(row.seconds for row in these),
                ]
            )
    print("sum of widths [CPP] after so many evaluations per cell")
    print_table([*head, *map(str, budgets), "least", "library", "CPU [s]"], table)
    print("cells at their least width after so many evaluations")
    print_table(
        [*head, *map(str, budgets), "cells"],
        [
            [
                method,
                placements if method == "policy" else 0,
                seed,
                *(
                    sum(row.widths_cpp[place] == row.least_cpp for row in these)
                    for place in range(len(budgets))
                ),
                len(these),
            ]
            for method in METHODS
            for seed in seeds
            for these in [[row for row in rows if (row.method, row.seed) == (method, seed)]]
        ],
    )


def write_rows(path: Path, rows: list[Row], budgets: tuple[int, ...]) -> None:
    """Write every cell's row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        widths = [f"width_cpp_after_{budget}" for budget in budgets]
        writer.writerow(["cell", "method", "seed", "least_cpp", "library_cpp", *widths, "cpu_s"])
        for row in rows:
            known = [row.cell, row.method, row.seed, row.least_cpp, row.library_cpp]
            writer.writerow([*known, *row.widths_cpp, f"{row.seconds:.2f}"])


if __name__ == "__main__":
    main()
