"""Placing cells: a policy on cells it has not seen, beside annealing, random search and the proof.

The combinational cells of a library are divided by family (NAND2x1 and NAND2x2 are one), every
second family is held out. A policy is trained on the others; then every way places every held-out
cell with the same number of evaluations (an evaluation is one complete placement judged). The
training's placements stand in a column of their own. Annealing is also given so many evaluations
that it takes about as long as the policy. The least widths are proved by CP-SAT.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
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
LONG = "anneal for longer"
LONG_EVALUATIONS = 7500
"""Of annealing, in about the CPU time of the policy's most."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell placed by one way with one seed.

    Attributes:
        cell: Its name.
        method: A name of `METHODS`, or `LONG`.
        seed: The seed, of the policy's training too.
        least_cpp: The proved width.
        library_cpp: The library's.
        evaluations: Numbers of evaluations.
        widths_cpp: The width after each.
        seconds: CPU seconds; annealing begins anew for each number.
    """

    cell: str
    method: str
    seed: int
    least_cpp: int
    library_cpp: int
    evaluations: tuple[int, ...]
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
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw the picture there")
    options = parser.parse_args()
    technology = load_technology("asap7")
    widths = library_widths()
    seeds, budgets = (SEEDS[:1], BUDGETS[:4]) if options.quick else (SEEDS, BUDGETS)
    placements = min(options.placements, 300) if options.quick else options.placements
    trained, held = divided(chosen_cells())
    held = held[::6] if options.quick else held
    folder = options.resume
    rows: list[Row] = []
    trainings: dict[int, float] = {}
    proofs: dict[str, float] = {}
    for seed in seeds:
        policy, trainings[seed] = policy_of(trained, technology, placements, seed, folder)
        for cell in held:
            least, proofs[cell.name] = least_width(cell, technology, folder)
            library = widths[cell.name.removesuffix(SUFFIX)]
            for method in (*METHODS, LONG):
                asked = (LONG_EVALUATIONS,) if method == LONG else budgets
                name = f"{cell.name}_{method}_{placements}_{asked[-1]}_{seed}"
                row = partial(run, cell, technology, method, policy, least, library, seed, asked)
                rows.append(kept(folder, name, row))
    report(rows, budgets, placements, trainings, proofs)
    if options.csv is not None:
        write_rows(options.csv, rows)
    if options.figures is not None:
        draw(rows, options.figures / "cells_learning.svg")
    write_json(
        options.json,
        {
            "trained_on": [cell.name for cell in trained],
            "placements_of_training": placements,
            "cpu_s_of_training": trainings,
            "cpu_s_of_proofs": sum(proofs.values()),
            "rows": [asdict(row) for row in rows],
        },
    )


def ways(policy: CellPolicy) -> dict[str, Callable[..., PlacementOutcome]]:
    """Give every way to place a cell, by name."""
    return {
        "policy": partial(place_by_policy, policy),
        "anneal": anneal_placement,
        LONG: anneal_placement,
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
    if method in ("anneal", LONG):
        best = [place(evaluations=budget).placement.width_cpp for budget in budgets]
    else:
        seen: list[int] = []
        place(evaluations=budgets[-1], on_evaluation=lambda found: seen.append(found.width_cpp))
        best = [min(seen[:budget]) for budget in budgets]
    seconds = time.process_time() - begun
    return Row(cell.name, method, seed, least, library, budgets, tuple(best), seconds)


def policy_of(
    cells: list[CellNetlist],
    technology: Technology,
    placements: int,
    seed: int,
    folder: Path | None,
) -> tuple[CellPolicy, float]:
    """Train a policy, or take the one that was kept; give the CPU seconds of its training."""
    path = None if folder is None else folder / f"policy_{placements}_{seed}"
    if path is not None and path.exists():
        return load_cell_policy(path), json.loads((path / "cpu_s.json").read_text())
    begun = time.process_time()

    def tell(training: Any) -> None:
        if training.placements % 500 == 0:
            print(
                f"seed {seed}: {training.placements} placements, {training.steps} columns, "
                f"{time.process_time() - begun:.0f} CPU s, mean reward {training.reward:.3f}",
                file=sys.stderr,
            )

    policy = train_cell_policy(
        cells, technology, placements=placements, seed=seed, on_progress=tell
    )
    spent = round(time.process_time() - begun, 1)
    if path is not None:
        policy.save(path)
        (path / "cpu_s.json").write_text(json.dumps(spent))
    return policy, spent


def least_width(
    cell: CellNetlist, technology: Technology, folder: Path | None
) -> tuple[int, float]:
    """Prove a cell's least width; give the CPU seconds of it too."""

    def proved() -> list[float]:
        begun = time.process_time()
        bound = place_exactly(cell, technology, limit_s=60).bound_cpp
        return [bound, round(time.process_time() - begun, 3)]

    least, seconds = kept(folder, f"proof_{cell.name}", proved)
    return int(least), seconds


def kept(folder: Path | None, name: str, make: Callable[[], Any]) -> Any:  # rows and numbers
    """Give what was kept under a name, or make and keep it."""
    path = None if folder is None else folder / f"{name}.json"
    if path is not None and path.exists():
        data = json.loads(path.read_text())
        if isinstance(data, dict):
            lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
            return Row(**{**data, **lists})
        return data
    made = make()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(made) if isinstance(made, Row) else made))
    return made


def report(
    rows: list[Row],
    budgets: tuple[int, ...],
    placements: int,
    trainings: dict[int, float],
    proofs: dict[str, float],
) -> None:
    """Print the tables."""
    head = ["method", "placements of training", "training CPU [s]", "seed", *map(str, budgets)]
    widths, at_least, longer = [], [], []
    for method in METHODS:
        for seed, cost in trainings.items():
            these = [row for row in rows if (row.method, row.seed) == (method, seed)]
            learnt = [placements, cost] if method == "policy" else [0, 0]
            spent = sum(row.seconds for row in these)
            columns = list(zip(*(row.widths_cpp for row in these), strict=True))
            least = [row.least_cpp for row in these]
            widths.append([method, *learnt, seed, *map(sum, columns), spent])
            at_least.append([method, *learnt, seed, *(agreeing(each, least) for each in columns)])
    for seed in trainings:
        these = [row for row in rows if (row.method, row.seed) == (LONG, seed)]
        found, least = [row.widths_cpp[0] for row in these], [row.least_cpp for row in these]
        spent = sum(row.seconds for row in these)
        longer.append([LONG_EVALUATIONS, seed, sum(found), agreeing(found, least), spent])
    one = [row for row in rows if (row.method, row.seed) == ("policy", min(trainings))]
    print(
        f"{len(proofs)} held-out cells, least width {sum(row.least_cpp for row in one)} CPP in all "
        f"(proved in {sum(proofs.values()):.0f} CPU s), "
        f"the library's {sum(row.library_cpp for row in one)}"
    )
    print("sum of widths [CPP] after so many evaluations per cell")
    print_table([*head, "CPU [s]"], widths)
    print("cells at their least width after so many evaluations")
    print_table(head, at_least)
    print("annealing for about as long as the policy takes")
    print_table(["evaluations", "seed", "sum of widths [CPP]", "at least", "CPU [s]"], longer)
    print("wider than need be after most evaluations")
    for row in rows:
        if row.method == "policy" and row.widths_cpp[-1] > row.least_cpp:
            print(f"seed {row.seed}: {row.cell} {row.widths_cpp[-1]} for {row.least_cpp} CPP")


def agreeing(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the places where two lists agree."""
    return sum(mine == yours for mine, yours in zip(one, other, strict=True))


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write every width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["cell", "method", "seed", "evaluations", "width_cpp", "least_cpp", "library_cpp"]
        )
        for row in rows:
            for evaluations, width in zip(row.evaluations, row.widths_cpp, strict=True):
                known = [row.cell, row.method, row.seed, evaluations, width]
                writer.writerow([*known, row.least_cpp, row.library_cpp])


def draw(rows: list[Row], path: Path) -> None:
    """Draw the sum of widths over evaluations: the mean of the seeds, and from least to most."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for method, colour in zip(METHODS, ("#1b6ca8", "#c2571a", "#6b7280"), strict=True):
        sums = {
            seed: [sum(widths) for widths in zip(*mine, strict=True)]
            for seed in sorted({row.seed for row in rows})
            for mine in [[r.widths_cpp for r in rows if (r.method, r.seed) == (method, seed)]]
        }
        asked = next(row.evaluations for row in rows if row.method == method)
        seeds = list(zip(*sums.values(), strict=True))
        low, high = [min(each) for each in seeds], [max(each) for each in seeds]
        axes.fill_between(asked, low, high, color=colour, alpha=0.15, linewidth=0)
        means = [sum(each) / len(each) for each in seeds]
        axes.plot(asked, means, color=colour, marker="o", markersize=3, label=method)
    one = [row for row in rows if (row.method, row.seed) == (METHODS[0], rows[0].seed)]
    for name, total, line in (
        ("library", sum(row.library_cpp for row in one), "--"),
        ("least, proved", sum(row.least_cpp for row in one), "-"),
    ):
        axes.axhline(total, color="black", linewidth=0.8, linestyle=line, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("placements judged per cell")
    axes.set_ylabel(f"sum of the widths of {len(one)} cells [CPP]")
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "edarl", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
