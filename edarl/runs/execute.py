"""Executing a run: measure the frame, search or learn, confirm what entered the front.

One evaluator counts for everybody: whatever a method does, it asks through a recorder that counts
its calls, keeps the front, and hands every result to the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from edarl.errors import CheckpointError, ConfigError
from edarl.metrics import Evaluation, Point
from edarl.objectives.frame import Frame
from edarl.objectives.fronts import Box, gain, hypervolume
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.runs.archive import Found, FrontArchive
from edarl.runs.board import BoardWriter
from edarl.runs.closing import confirm_run
from edarl.runs.directory import RunDirectory, machine_name, versions
from edarl.runs.problem import evaluator_spec, run_frame
from edarl.runs.results import RunProgress, RunResult
from edarl.runs.status import Pulse, RunState
from edarl.store import Store
from edarl.synthesis.confirm import Confirmed
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.wrappers import PooledPModes, RecordingEvaluator

if TYPE_CHECKING:
    from edarl.runs.ray import RayOptions
    from edarl.synthesis.timing.walkers import JointNetlist

__all__ = ["Run"]

log = structlog.get_logger()

_STORE_BATCH = 500


class Run:
    """One run in its folder.

    Args:
        directory: The run's folder; its settings are read from there. A folder of an interrupted
            run goes on where it stood.
        store: Where every result goes; None keeps them in the folder only.
        on_progress: Told how far it is, at most a few times a second.
        should_stop: Asked before every step; True ends the search and keeps what was found. A file
            named ``stop`` in the folder does the same.
        ray: Train or evaluate, and confirm, on this Ray cluster; None uses this process alone.

    Raises:
        ConfigError: Ray is asked for by a method that cannot use it.
    """

    def __init__(
        self,
        directory: RunDirectory,
        *,
        store: Store | None = None,
        on_progress: Callable[[RunProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        ray: RayOptions | None = None,
    ) -> None:
        self.directory = directory
        self.config = directory.config()
        self.circuit = self.config.problem()
        self.store = store
        self.on_progress = on_progress
        self.ray = ray
        if ray is not None and self.config.method not in ("agent", "guided"):
            raise ConfigError(
                f"on Ray `method` should be agent or guided, actual value: {self.config.method}; "
                "leave --ray for it"
            )
        self._asked_by_caller = should_stop
        self._pulse = Pulse(directory)
        self._board: BoardWriter | None = None
        if self.config.method in ("agent", "ppo"):
            self._board = BoardWriter(directory.path / "tensorboard")
        self.archive = FrontArchive()
        self.calls = self.cache_hits = self.failures = 0
        self.elapsed_s = 0.0
        self.scalars: dict[str, float] = {}
        self.store_id: str | None = None
        self.library, self.constraint = evaluator_spec(self.config, (1.0,)).load()
        self._unsaved: list[tuple[Design, Evaluation]] = []
        self._last_shown = self._last_saved = time.monotonic()
        self._started = time.monotonic()
        self._box: Box | None = None
        self.frame: Frame | None = None

    # ---------------------------------------------------------------- the whole run

    def execute(self) -> RunResult:
        """Run to the end of the budget, or until it is stopped; then confirm the front.

        Ctrl-C ends the search; what was found is kept, confirmed and stored.

        Raises:
            ConfigError: The settings do not fit together.
            LibraryError: The library is not usable.
            ToolError: The tools cannot be used.
            CheckpointError: The folder is damaged or cannot be written.
        """
        self._pulse.begin()
        ended: RunState = "failed"
        try:
            with self._connected():
                result = self._execute()
            asked: RunState = "stopped" if result.stopped_by == "asked" else "finished"
            ended = "interrupted" if result.stopped_by == "interrupted" else asked
        except KeyboardInterrupt:
            ended = "interrupted"
            raise
        finally:
            if self._board is not None:
                self._board.close()
            self._pulse.end(ended)
        return result

    def should_stop(self) -> bool:
        """Whether the caller or the file ``stop`` in the folder asks for the end."""
        asked = self._asked_by_caller is not None and self._asked_by_caller()
        return asked or self._pulse.stop_requested

    def _connected(self) -> AbstractContextManager[None]:
        if self.ray is None:
            return nullcontext()
        from edarl.runs.ray import connected

        return connected(self.ray)

    def _execute(self) -> RunResult:
        frame = self._measure()
        method_state = self._restore() if self.directory.has("state.json") else None
        self._begin_in_store()
        self._started = time.monotonic() - self.elapsed_s
        status = "failed"
        try:
            stopped_by, method_state = self._search(frame, method_state)
            self.show("search", self.calls, self.config.budget_calls, force=True)
            self._save(method_state)
            confirmed: tuple[Confirmed, ...] = ()
            if self.config.confirm:
                confirmed = confirm_run(self, frame)
            status = "interrupted" if stopped_by == "interrupted" else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self._flush_store()
            self._end_in_store(status)
        points = self.archive.points
        box = frame.box()
        return RunResult(
            config=self.config,
            frame=frame,
            front=tuple(self.archive),
            confirmed=confirmed,
            stopped_by=stopped_by,
            calls=self.calls,
            cache_hits=self.cache_hits,
            failures=self.failures,
            hypervolume=hypervolume(points, box),
            gain=gain(points, frame.regular_front(), box),
            elapsed_s=self.elapsed_s,
            earlier_calls=int(self.scalars.get("earlier_calls", 0)),
        )

    def _measure(self) -> Frame:
        frame = self.directory.frame()
        if frame is None:
            self.show("frame", 0, 1, force=True)
            frame = run_frame(self.config)
            self.directory.write_frame(frame)
        if frame.library != self.library.digest:
            raise CheckpointError(
                f"the run in {self.directory.path} began with another library (its digest begins "
                f"with {frame.library[:12]}) than `{self.config.library}` is now "
                f"({self.library.digest[:12]}); put its name into config.json there, or begin a "
                "new run"
            )
        self.frame = frame
        self._box = frame.box()
        return frame

    def _search(self, frame: Frame, state: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        if self.config.method in ("agent", "ppo"):
            from edarl.runs.learning import learn

            return learn(self, frame, state)
        from edarl.runs.searching import search_targets

        return search_targets(self, frame, state)

    # ---------------------------------------------------------------- what methods use

    def evaluator(self, targets_ps: tuple[float, ...], *, pooled: bool = False) -> Evaluator:
        """Build the evaluator of this run for some targets; everything it does is recorded.

        Args:
            targets_ps: Delay targets in picoseconds.
            pooled: Whether to judge a graph by the best of its p modes.
        """
        recorder = RecordingEvaluator(evaluator_spec(self.config, targets_ps).build(), self.record)
        return PooledPModes(recorder) if pooled else recorder

    def keep(self, found: JointNetlist | None, target_ps: float) -> None:
        """Take a netlist that the method itself has made for a target, if it has made one."""
        if found is not None:
            point = Point(target_ps, found.delay_ps, found.area_um2, self.config.method)
            self.archive.take(Found(found.design, point, self.calls, found.netlist))

    def starts(self) -> tuple[Design, ...]:
        """Give the designs a search begins from."""
        names = REGULAR if self.config.starts == "regular" else ("ripple", "sklansky")
        return self.structures(names)

    def structures(self, names: Sequence[str]) -> tuple[Design, ...]:
        """Give structures in every p mode that the run may use."""
        modes = P_MODES if self.config.p_mode == "best" else (self.config.p_mode,)
        designs = {
            Design.of(structure(name, self.circuit.leaves), self.circuit, mode)
            for name in names
            for mode in modes
        }
        return tuple(sorted(designs, key=lambda design: design.digest))

    def seeds(self, count: int) -> list[int]:
        """Derive independent seeds from the run's one seed."""
        sequence = np.random.SeedSequence(self.config.seed)
        return [int(child.generate_state(1)[0]) for child in sequence.spawn(count)]

    def tick(self, save: Callable[[], dict[str, Any]]) -> None:
        """Show progress and, when it is time, save the state that ``save`` gives."""
        self.show("search", self.calls, self.config.budget_calls)
        if time.monotonic() - self._last_saved >= self.config.checkpoint_s:
            self._save(save())

    def record(self, design: Design, evaluation: Evaluation) -> None:
        """Count an evaluation, let it into the front, and keep it for the store."""
        self.calls += evaluation.calls
        self.cache_hits += evaluation.cache_hits
        self.failures += evaluation.failed
        if evaluation.failed:
            log.warning("evaluation failed", design=design.digest, reason=evaluation.failure)
        self.archive.add(design, evaluation, self.calls)
        if self.store is not None and evaluation.calls:
            self._unsaved.append((design, evaluation))
            if len(self._unsaved) >= _STORE_BATCH:
                self._flush_store()

    # ---------------------------------------------------------------- progress and state

    def show(self, stage: str, done: int, total: int, *, force: bool = False) -> None:
        """Tell caller and folder how far a stage is, a few times a second or now."""
        now = time.monotonic()
        if not force and now - self._last_shown < 0.2:
            return
        self._last_shown = now
        points = self.archive.points
        progress = RunProgress(
            stage=stage,
            done=done,
            total=total,
            cache_hits=self.cache_hits,
            failures=self.failures,
            hypervolume=self._hypervolume(),
            front=len(points),
            best_saving=self.best_saving(),
            scalars=dict(self.scalars),
        )
        self._pulse.beat(progress, self.calls)
        if self.on_progress is not None:
            self.on_progress(progress)

    def _hypervolume(self) -> float:
        return hypervolume(self.archive.points, self._box) if self._box else 0.0

    def best_saving(self) -> float | None:
        """Give the largest saving against the regular structures at any target, as a share."""
        if self.frame is None:
            return None
        savings = []
        for target in self.frame.targets_ps:
            regular = self.frame.regular_area_um2(target)
            found = self.archive.best_at(target)
            if regular is not None and found is not None:
                savings.append(1 - found.point.area_um2 / regular)
        return max(savings, default=None)

    def _save(self, method_state: dict[str, Any]) -> None:
        self._last_saved = time.monotonic()
        self.elapsed_s = self._last_saved - self._started
        self.directory.write(
            "state.json",
            {
                "calls": self.calls,
                "cache_hits": self.cache_hits,
                "failures": self.failures,
                "elapsed_s": self.elapsed_s,
                "store_id": self.store_id,
                "front": self.archive.state(),
                "method": method_state,
            },
        )
        figures = {
            "elapsed_s": round(self.elapsed_s, 3),
            "calls": self.calls,
            "cache_hits": self.cache_hits,
            "failures": self.failures,
            "front": len(self.archive),
            "hypervolume": self._hypervolume(),
            "best_saving": self.best_saving(),
            **self.scalars,
        }
        self.directory.report(figures)
        if self._board is not None:
            self._board.write(self.calls, figures)
        self._flush_store()
        if self.store is not None and self.store_id is not None:
            self.store.update_run(self.store_id, calls=self.calls, cache_hits=self.cache_hits)

    def _restore(self) -> dict[str, Any]:
        """Go on from the saved state; give the method's part of it."""
        state = self.directory.read("state.json")
        try:
            self.calls = int(state["calls"])
            self.cache_hits = int(state["cache_hits"])
            self.failures = int(state["failures"])
            self.elapsed_s = float(state["elapsed_s"])
            self.store_id = state["store_id"]
            front, method_state = state["front"], dict(state["method"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{self.directory.path}/state.json is damaged: {error!r}"
            ) from error
        self.archive = FrontArchive.restored(front, self.circuit)
        return method_state

    # ---------------------------------------------------------------- the store

    def _begin_in_store(self) -> None:
        if self.store is None:
            self.store_id = None
            return
        known = {record.id for record in self.store.runs(limit=10_000)}
        if self.store_id in known:
            return
        self.store_id = self.store.start_run(
            self.config.method,
            config=self.config.model_dump(mode="json"),
            seed=self.config.seed,
            machine=machine_name(),
            versions=versions(),
        )

    def _flush_store(self) -> None:
        if self.store is not None and self._unsaved:
            batch, self._unsaved = self._unsaved, []
            self.store.record_evaluations(batch, library_name=self.library.name, run=self.store_id)

    def _end_in_store(self, status: Any) -> None:  # one of store.RunStatus
        if self.store is not None and self.store_id is not None:
            self.store.finish_run(
                self.store_id, calls=self.calls, cache_hits=self.cache_hits, status=status
            )
