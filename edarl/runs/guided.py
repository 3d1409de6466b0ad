"""What the guided searches of a run share: the model, and designs that were good next door.

One model serves all targets, since the target is among the features: where learning ended at one,
it begins at the next; the first may begin with what the store knows of earlier searches. Designs
that are good at one target, or were good earlier, are candidates at the next, where they cost a
call only when the model chooses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edarl.errors import ConfigError
from edarl.runs.earlier import Earlier, read_earlier
from edarl.search import Guided, SearchProblem
from edarl.synthesis.timing.features import Physics

if TYPE_CHECKING:
    from edarl.agents.value.base import Examples, ModelKind
    from edarl.agents.value.foreteller import EnsembleForeteller
    from edarl.agents.value.saving import TrainedModel
    from edarl.runs.execute import Run

__all__ = ["MODEL", "Guide", "needing_torch"]

MODEL = "model"
"""The folder in a run's folder that its trained model is written to."""

_MOST_EXAMPLES = 2000

_STEPS_EACH, _MOST_STEPS = 6, 3000
"""Gradient steps per earlier evaluation, as in a search, and at most."""


class Guide:
    """Makes the searchers of a run, one after the other.

    Args:
        run: The run.
        targets_ps: Its delay targets in picoseconds.
        saved: What `state` gave when the run was interrupted; its model comes back with the
            searcher's state. None for a new run.

    Raises:
        ConfigError: PyTorch is not installed.
        CheckpointError: The model to begin with is missing or damaged.
        LibraryError: The library has no delay tables that features could come from.
    """

    def __init__(self, run: Run, targets_ps: Sequence[float], saved: object = None) -> None:
        self._run = run
        self._targets_ps = targets_ps
        self._earlier: Earlier | None = None
        if saved is not None:
            self._earlier = Earlier.restored(saved, run.circuit, targets_ps)
        self._settings = run.config.guided
        self._physics: Physics | None = None
        self._begin_with: TrainedModel | None = None
        self._foreteller: EnsembleForeteller | None = None
        self._last: Guided | None = None
        if self._settings.choose != "random":
            self._physics = Physics(run.library, run.constraint, run.circuit)
            if self._settings.model is not None:
                with _torch():
                    from edarl.agents.shipped import VALUE_MODEL, shipped_path
                    from edarl.agents.value.saving import load_value_model
                chosen = self._settings.model
                path = shipped_path(VALUE_MODEL) if chosen == "shipped" else Path(chosen)
                self._begin_with = load_value_model(path)
        run.scalars["earlier_calls"] = 0 if self._earlier is None else self._earlier.calls

    def state(self) -> dict[str, Any]:  # JSON has no narrower type
        """Give what an interrupted run needs beside the searcher's state, as JSON values."""
        return {} if self._earlier is None else {"earlier": self._earlier.state()}

    def searcher(
        self, problem: SearchProblem, target_ps: float, *, seed: int, evaluations: int
    ) -> Guided:
        """Make the searcher of the next target; it begins with what the one before has learnt.

        Args:
            problem: What is to be found.
            target_ps: The delay to meet in picoseconds.
            seed: Seeds the search and what its model learns.
            evaluations: About how many designs it will see.
        """
        if self._physics is not None:
            self._foreteller = self._next_foreteller(self._physics, target_ps, seed)
            problem = replace(problem, foreteller=self._foreteller)
        searcher = Guided(problem, seed, self._settings.options(evaluations))
        guests = () if self._earlier is None else self._earlier.guests.get(target_ps, ())
        if self._last is not None and self._settings.guests:
            guests = (*self._last.population, *guests)
        searcher.invite(guests)
        self._last = searcher
        return searcher

    def save(self) -> None:
        """Write the model into the run's folder, where other runs can begin with it.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        learnt = self._learnt()
        if self._foreteller is None or learnt is None:
            return
        from edarl.agents.value.saving import save_value_model

        run = self._run
        save_value_model(
            run.directory.path / MODEL,
            self._foreteller.model,
            learnt.thinned(_MOST_EXAMPLES, np.random.default_rng(run.config.seed)),
            calls=run.calls,
            seed=run.config.seed,
            about={
                "circuit": run.circuit.name,
                "flow": run.config.flow,
                "began with": str(self._settings.model or "no model"),
            },
            library=run.library.digest,
        )

    def _next_foreteller(self, physics: Physics, target_ps: float, seed: int) -> EnsembleForeteller:
        with _torch():
            from edarl.agents.value.ensemble import EnsembleShape
            from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions

        settings = self._settings
        given = self._begin_with
        rate = settings.learning_rate
        kind: ModelKind = settings.kind
        if given is not None:
            kind = "features" if isinstance(given.model.shape, EnsembleShape) else "convolution"
        options = ForetellerOptions(
            kind=kind,
            members=given.model.shape.members if given else settings.members,
            hidden=given.model.shape.hidden if given else settings.hidden,
            steps=settings.steps,
            batch_size=settings.batch_size,
        )
        if rate is not None:
            options = replace(options, learning_rate=rate, later_rate=rate)
        foreteller = EnsembleForeteller(physics, target_ps, seed=seed, options=options)
        learnt = self._learnt()
        if self._foreteller is not None and learnt is not None:
            foreteller.adopt(self._foreteller.model, learnt)
            return foreteller
        earlier = self._read_earlier(kind)
        steps = 0 if earlier is None else min(_MOST_STEPS, _STEPS_EACH * len(earlier))
        if given is not None:
            parts = [given.examples] if earlier is None else [given.examples, earlier]
            # A convolution's examples of another width are of no use here.
            fitting = [
                part for part in parts if part.features.shape[1] == parts[-1].features.shape[1]
            ]
            foreteller.adopt(given.model, type(given.examples).joined(fitting), steps=steps)
        elif earlier is not None:
            foreteller.pretrain(earlier, steps=steps)
        return foreteller

    def _read_earlier(self, kind: ModelKind) -> Examples | None:
        """Read what the store knows of earlier runs, once in a run, and count it."""
        if self._settings.earlier == "none" or self._earlier is not None:
            return None
        earlier = read_earlier(self._run, self._targets_ps, kind)
        self._earlier = replace(earlier, examples=None)
        self._run.scalars["earlier_calls"] = earlier.calls
        return earlier.examples

    def _learnt(self) -> Examples | None:
        """Give everything that the last foreteller has learnt from; None without anything."""
        if self._foreteller is None or not len(self._foreteller.examples):
            return None
        own, before = self._foreteller.examples, self._foreteller.pretraining
        return own if before is None else type(own).joined([before, own])


def _torch() -> AbstractContextManager[None]:
    return needing_torch("method guided needs", ", or set guided.choose=random")


@contextmanager
def needing_torch(who: str, otherwise: str = "") -> Iterator[None]:
    """Say what to install when an import of the agents fails.

    Args:
        who: Who needs it, with the verb.
        otherwise: What else can be done.

    Raises:
        ConfigError: PyTorch is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edarl"):
            raise
        raise ConfigError(
            f"{who} the package {error.name}, which is not installed; install it with: "
            f"pip install 'edarl[agents]'{otherwise}"
        ) from error
