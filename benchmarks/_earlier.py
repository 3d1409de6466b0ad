"""The runs of `earlier.py`: some fill a store, others begin with what is in it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _problems import Problem, kept
from common import load_named

from edarl.metrics import Evaluation
from edarl.objectives.fronts import areas_at
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.design import Design
from edarl.runs.config import Earlier, Method, RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.store import Store, export_store

__all__ = ["Begun", "Filled", "Filling"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filling:
    """An earlier run.

    Attributes:
        method: How it searches.
        width: Bits of the adder.
        targets_ps: Its delay targets in picoseconds; empty takes those of its frame.
        calls: Evaluation calls, over all targets.
        seed: Seeds it.
    """

    method: Method
    width: int
    targets_ps: tuple[float, ...]
    calls: int
    seed: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A store that holds everything that some runs have evaluated.

    Attributes:
        library: Name of the cell library.
        fillings: The runs.
    """

    library: str
    fillings: tuple[Filling, ...]

    def run(self, folder: Path) -> Row:
        """Search, and keep the store in the folder."""
        name = f"store-{hashlib.sha256(repr(self).encode()).hexdigest()[:12]}.db"
        (folder / name).unlink(missing_ok=True)
        calls = 0
        with (
            tempfile.TemporaryDirectory() as scratch,
            Store.open(Path(scratch) / "edarl.db") as store,
        ):
            for number, each in enumerate(self.fillings):
                config = _config(
                    each.method, self.library, each.width, each.targets_ps, each.calls, each.seed
                )
                directory = RunDirectory.create(config, Path(scratch) / str(number))
                calls += Run(directory, store=store).execute().calls
            rows = export_store(store, folder / name, only_proven=False)
        return {"store": name, "calls": calls, "evaluations": rows["evaluations"]}


@dataclass(frozen=True, slots=True)
class Begun:
    """A guided search that begins with what a store holds, or with nothing.

    Attributes:
        kind: The name of its row.
        library: Name of the cell library.
        width: Bits of the adder.
        targets_ps: Delay targets in picoseconds.
        calls: Evaluation calls, over all targets.
        seed: Seeds the run.
        earlier: What of the store it learns from.
        filled: The store; None: an empty one.
        guests: How many of its best designs at each target are among the candidates.
    """

    kind: str
    library: str
    width: int
    targets_ps: tuple[float, ...]
    calls: int
    seed: int
    earlier: Earlier = "none"
    filled: Filled | None = None
    guests: int = field(default=0, repr=False)

    def run(self, folder: Path) -> Row:
        """Search with a copy of the store, so that every search finds it alike."""
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "edarl.db"
            if self.filled is not None:
                shutil.copyfile(folder / kept(self.filled, folder)["store"], file)
            config = _config(
                "guided",
                self.library,
                self.width,
                self.targets_ps,
                self.calls,
                self.seed,
                f"guided.earlier={self.earlier}",
                f"guided.earlier_guests={self.guests}",
            )
            with Store.open(file) as store:
                run = _Traced(RunDirectory.create(config, Path(scratch) / "run"), store=store)
                result = run.execute()
        targets = result.frame.targets_ps
        return {
            "kind": self.kind,
            "library": self.library,
            "width": self.width,
            "targets_ps": list(targets),
            "seed": self.seed,
            "earlier_calls": result.earlier_calls,
            "calls": result.calls,
            "regular_um2": list(areas_at(result.frame.regular_front(), targets)),
            "improvements": {f"{target:g}": found for target, found in run.found.items()},
            "cpu_s": round(time.process_time() - begun, 2),
        }


class _Traced(Run):
    """A run that remembers after how many calls at each target the best cost fell."""

    def __init__(self, directory: RunDirectory, *, store: Store) -> None:
        super().__init__(directory, store=store)
        self.found: dict[float, list[tuple[int, float]]] = {}
        self._spent: dict[float, int] = {}

    def record(self, design: Design, evaluation: Evaluation) -> None:
        """Count an evaluation, and keep its cost where nothing before was as good."""
        super().record(design, evaluation)
        target = evaluation.points[0].target_ps
        self._spent[target] = self._spent.get(target, 0) + evaluation.calls
        cost = round(iso_delay_cost(evaluation, target), 4)
        found = self.found.setdefault(target, [])
        if not found or cost < found[-1][1]:
            found.append((self._spent[target], cost))


def _config(
    method: Method,
    library: str,
    width: int,
    targets_ps: tuple[float, ...],
    calls: int,
    seed: int,
    *settings: str,
) -> RunConfig:
    constraint = Problem("adder", width, library, 1.0).equipment()[1]
    return read_config(
        None,
        settings,
        method=method,
        width=width,
        library=library if library == "sky130" else str(load_named(library).liberty_path),
        driver_cell=constraint.driver_cell,
        load_ff=constraint.load_ff,
        flow="sized",
        targets_ps=targets_ps or None,
        budget_calls=calls,
        seed=seed,
        confirm=False,
    )
