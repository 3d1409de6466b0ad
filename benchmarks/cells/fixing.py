"""Mending design rules: a policy on cells it has not seen, beside greed and chance.

Cells are placed by chance and routed without a look at the rules; those of every second family are
held out. A policy is trained on the others, then every way mends every held-out cell with the same
number of checks of design rules. The training's checks stand in a column of their own. For scale,
each held-out placement is also routed anew by CP-SAT, which knows the rules from the start.
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

sys.path.append(str(Path(__file__).resolve().parents[1]))

from _cells import chosen_cells, divided
from common import arguments, print_table, write_json

from edarl.agents.cells import FixPolicy, fix_by_policy, load_fix_policy, train_fix_policy
from edarl.layout import load_technology
from edarl.layout.fixing import Fixing, FixOutcome, FixTask, fix_tasks
from edarl.layout.grid import grid_of
from edarl.layout.router import route_exactly
from edarl.search.cells import fix_by_chance, fix_by_walking, fix_greedily

BUDGETS = (30, 100, 300)
SEEDS = (0, 1, 2)
METHODS = ("policy", "walk", "greedy", "chance")
PER_CELL = 12
"""Placements to learn from, at most, of each cell."""
MOST_FINGERS = 12
"""Of larger cells hardly any is routed by chance in one metal."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell mended in one way.

    Attributes:
        cell: Its name.
        task: Number of the task.
        method: A name of `METHODS`.
        seed: The seed, of the policy's training too.
        budget: Most checks.
        before: Violations at the start.
        after: Violations at the end.
        checks: Checks made.
        cpu_s: CPU seconds.
    """

    cell: str
    task: int
    method: str
    seed: int
    budget: int
    before: int
    after: int
    checks: int
    cpu_s: float


def main() -> None:
    """Train, mend, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="keep trained policies here")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every cell's row here")
    parser.add_argument("--checks", type=int, default=30_000, help="checks of a policy's training")
    options = parser.parse_args()
    technology = load_technology("asap7")
    small = [
        cell
        for cell in chosen_cells()
        if sum(map(technology.fingers, cell.devices)) <= MOST_FINGERS
    ]
    trained, held = divided(small)
    if options.quick:
        trained, held = trained[:4], held[:4]
    seeds, budgets = (SEEDS[:1], BUDGETS[:1]) if options.quick else (SEEDS, BUDGETS)
    checks = 500 if options.quick else options.checks
    to_learn = with_violations(fix_tasks(trained, technology, per_cell=PER_CELL, seed=0))
    to_mend = with_violations(fix_tasks(held, technology, per_cell=2, seed=1))
    rows: list[Row] = []
    trainings: dict[int, float] = {}
    for seed in seeds:
        policy, trainings[seed] = policy_of(to_learn, checks, seed, options.resume)
        ways: dict[str, Callable[..., FixOutcome]] = {
            "policy": partial(fix_by_policy, policy),
            "walk": fix_by_walking,
            "greedy": fix_greedily,
            "chance": fix_by_chance,
        }
        for number, task in enumerate(to_mend):
            for method in METHODS:
                for budget in budgets:
                    begun = time.process_time()
                    found = ways[method](task, checks=budget, seed=seed)
                    spent = time.process_time() - begun
                    name = task.placement.cell.name
                    rows.append(
                        Row(name, number, method, seed, budget, found.before, found.after,
                            found.checks, round(spent, 3))
                    )  # fmt: skip
    begun = time.process_time()
    routable = sum(map(is_routable, to_mend))
    proofs_s = time.process_time() - begun
    print(
        f"{len(to_mend)} held-out routed cells, {len(to_learn)} of other families to learn from; "
        f"{routable} placements can be routed clean in one metal ({proofs_s:.0f} CPU s)"
    )
    report(rows, checks, trainings)
    if options.csv is not None:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        with options.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(asdict(rows[0])))
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
    write_json(
        options.json,
        {
            "trained_on": sorted({task.placement.cell.name for task in to_learn}),
            "checks_of_training": checks,
            "cpu_s_of_training": trainings,
            "routed_clean_by_cp_sat": routable,
            "cpu_s_of_cp_sat": round(proofs_s, 1),
            "rows": [asdict(row) for row in rows],
        },
    )


def with_violations(tasks: tuple[FixTask, ...]) -> list[FixTask]:
    """Leave out what is clean already."""
    return [task for task in tasks if Fixing(task).violations]


def is_routable(task: FixTask) -> bool:
    """Say whether CP-SAT routes the placement in one metal, and klayout finds it clean."""
    routing = route_exactly(grid_of(task.placement), limit_s=60)
    if routing.status != "routed":
        return False
    return not Fixing(FixTask(task.placement, routing.routes)).violations


def policy_of(
    tasks: list[FixTask], checks: int, seed: int, folder: Path | None
) -> tuple[FixPolicy, float]:
    """Train a policy, or take the one that was kept; give the CPU seconds of its training."""
    path = None if folder is None else folder / f"fixes_{checks}_{seed}"
    if path is not None and path.exists():
        return load_fix_policy(path), json.loads((path / "cpu_s.json").read_text())
    told, begun = 0, time.process_time()

    def tell(done: int, clean: float) -> None:
        nonlocal told
        if done - told >= 2000:
            told = done
            print(f"seed {seed}: {done} checks, {100 * clean:.0f} % clean", file=sys.stderr)

    policy = train_fix_policy(tasks, checks=checks, seed=seed, on_progress=tell)
    spent = round(time.process_time() - begun, 1)
    if path is not None:
        policy.save(path)
        (path / "cpu_s.json").write_text(json.dumps(spent))
    return policy, spent


def report(rows: list[Row], checks: int, trainings: dict[int, float]) -> None:
    """Print the table."""
    table: list[list[object]] = []
    for method in METHODS:
        for budget in dict.fromkeys(row.budget for row in rows):
            for seed, cost in trainings.items():
                asked = method, budget, seed
                these = [row for row in rows if (row.method, row.budget, row.seed) == asked]
                table.append(
                    [
                        method,
                        *((checks, cost) if method == "policy" else (0, 0)),
                        budget,
                        seed,
                        len(these),
                        sum(row.before for row in these),
                        sum(row.after for row in these),
                        sum(row.before == 0 for row in these),
                        sum(row.after == 0 for row in these),
                        sum(row.checks for row in these),
                        sum(row.cpu_s for row in these),
                    ]
                )
    print_table(
        ["method", "checks of training", "training CPU [s]", "most checks", "seed", "cells",
         "violations before", "after", "clean before", "clean after", "checks made", "CPU [s]"],
        table,
    )  # fmt: skip


if __name__ == "__main__":
    main()
