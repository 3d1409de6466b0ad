"""The runs of `methods.py`: one job each, kept in a folder when finished."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _learning import kept
from common import load_named, yardstick

from edarl.metrics import Evaluation
from edarl.objectives.fronts import non_dominated
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.runs.config import Method, RunConfig, read_config
from edarl.runs.directory import RunDirectory
from edarl.runs.execute import Run
from edarl.runs.guided import MODEL
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["FLOW", "LIBRARY", "TARGETS_PS", "Compared", "Lesson", "Regular", "listed_delays"]

LIBRARY = "nangate45"
FLOW = "sized"
DRIVER, LOAD_FF = "BUF_X1", 10.0
TARGETS_PS = {16: (260.0, 275.0, 310.0, 340.0), 32: (300.0, 320.0, 345.0, 370.0)}
"""What every method searches at, by width; all are among the yardstick's tight-to-middle delays."""
LESSON_TARGETS_PS = {24: (300.0, 330.0)}


@dataclass(frozen=True, slots=True)
class Regular:
    """The regular structures of a width at every listed delay.

    Attributes:
        width: Bits.
    """

    width: int

    def run(self, _: Path) -> dict[str, Any]:
        """Give the front of all structures in both p modes as (delay, area)."""
        circuit = Circuit("adder", self.width)
        designs = [
            Design.of(structure(name, circuit.leaves), circuit, mode)
            for name in REGULAR
            for mode in P_MODES
        ]
        spec = EvaluatorSpec(
            library=str(load_named(LIBRARY).liberty_path),
            targets_ps=listed_delays(self.width),
            flow=FLOW,
            driver_cell=DRIVER,
            load_ff=LOAD_FF,
        )
        evaluations = spec.build().evaluate(designs)
        points = non_dominated(point for each in evaluations for point in each.points)
        return {
            "width": self.width,
            "calls": sum(each.calls for each in evaluations),
            "front": [[round(point.delay_ps, 4), round(point.area_um2, 4)] for point in points],
        }


@dataclass(frozen=True, slots=True)
class Lesson:
    """A guided run on another width, whose trained value model others begin with.

    Attributes:
        width: Bits.
        seed: Seeds the run.
        calls: Evaluation calls.
    """

    width: int
    seed: int
    calls: int

    def run(self, folder: Path) -> dict[str, Any]:
        """Run, and keep the model in the folder."""
        model = folder / f"model-{hashlib.sha256(repr(self).encode()).hexdigest()[:12]}"
        config = _config("guided", self.width, self.seed, self.calls, LESSON_TARGETS_PS[self.width])
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as scratch:
            directory = RunDirectory.create(config, Path(scratch) / "run")
            result = Run(directory).execute()
            shutil.rmtree(model, ignore_errors=True)
            shutil.copytree(directory.path / MODEL, model)
        cpu_s = round(time.process_time() - begun, 2)
        return {"calls": result.calls, "model": str(model.resolve()), "cpu_s": cpu_s}


@dataclass(frozen=True, slots=True)
class Compared:
    """One measured run.

    Attributes:
        name: The row it belongs to.
        method: The method.
        width: Bits.
        seed: Seeds the run.
        calls: Evaluation calls, over all targets.
        settings: ``KEY=VALUE`` beside the method's defaults.
        lesson: Where the model to begin with comes from.
    """

    name: str
    method: Method
    width: int
    seed: int
    calls: int
    settings: tuple[str, ...] = ()
    lesson: Lesson | None = None

    def run(self, folder: Path) -> dict[str, Any]:
        """Run as a user does, and give every point that was not beaten when it was found."""
        settings, taught_calls = list(self.settings), 0
        if self.lesson is not None:
            lesson = kept(self.lesson, folder)
            settings.append(f"guided.model={lesson['model']!r}")
            taught_calls = lesson["calls"]
        targets = TARGETS_PS[self.width]
        config = _config(self.method, self.width, self.seed, self.calls, targets, *settings)
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as scratch:
            run = _Traced(RunDirectory.create(config, Path(scratch) / "run"))
            result = run.execute()
        return {
            "name": self.name,
            "method": self.method,
            "width": self.width,
            "seed": self.seed,
            "calls": result.calls,
            "pretraining_calls": taught_calls,
            "cache_hits": result.cache_hits,
            "stopped_by": result.stopped_by,
            "cpu_s": round(time.process_time() - begun, 2),
            "elapsed_s": round(result.elapsed_s, 2),
            "trace": run.trace,
        }


class _Traced(Run):
    """A run that remembers what entered its front, and after how many calls."""

    def __init__(self, directory: RunDirectory) -> None:
        super().__init__(directory)
        self.trace: list[tuple[int, float, float]] = []
        self._front: list[tuple[float, float]] = []

    def record(self, design: Design, evaluation: Evaluation) -> None:
        """Count an evaluation, and keep the points that nothing before beats or equals."""
        super().record(design, evaluation)
        for point in evaluation.points:
            delay_ps, area_um2 = round(point.delay_ps, 4), round(point.area_um2, 4)
            if any(d <= delay_ps and a <= area_um2 for d, a in self._front):
                continue
            beaten = [(d, a) for d, a in self._front if d >= delay_ps and a >= area_um2]
            self._front = [each for each in self._front if each not in beaten]
            self._front.append((delay_ps, area_um2))
            self.trace.append((self.calls, delay_ps, area_um2))


def listed_delays(width: int) -> tuple[float, ...]:
    """Give the yardstick's delays for a width in picoseconds, rising."""
    return tuple(float(delay) for delay in yardstick()["best_regular"][str(width)]["delay_ps"])


def _config(
    method: Method,
    width: int,
    seed: int,
    calls: int,
    targets_ps: tuple[float, ...],
    *settings: str,
) -> RunConfig:
    return read_config(
        None,
        settings,
        method=method,
        width=width,
        library=str(load_named(LIBRARY).liberty_path),
        driver_cell=DRIVER,
        load_ff=LOAD_FF,
        flow=FLOW,
        targets_ps=targets_ps,
        budget_calls=calls,
        seed=seed,
        confirm=False,
    )
