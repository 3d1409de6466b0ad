"""Asking a trained agent for designs: greedy and sampled walks, and search that it guides.

What the command line and the service call.

Calls are counted in two parts. What an agent is asked for costs `RolloutResult.calls`, within the
budget. The scales by which a policy tells targets apart, and the regular structures that walks are
compared with, cost `RolloutResult.setup_calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edarl.agents.value.scale import regular_designs
from edarl.errors import ConfigError, LibraryError
from edarl.metrics import Constraint, Evaluation
from edarl.objectives.frame import measure_frame
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.runs.directory import machine_name, versions
from edarl.runs.guided import needing_torch
from edarl.runs.policy_search import Asked, Visited, policy_search
from edarl.runs.problem import physics_of
from edarl.runs.results import RunProgress
from edarl.search import Progress, SearchProblem
from edarl.search.problem import Foreteller
from edarl.store import Store
from edarl.synthesis.evaluator import Evaluator
from edarl.synthesis.registry import DEFAULT_LIBRARY
from edarl.synthesis.spec import EvaluatorSpec
from edarl.synthesis.timing.features import Physics

if TYPE_CHECKING:
    from edarl.agents.chooser import Chooser
    from edarl.agents.judging import Judging
    from edarl.agents.shipped import TrainedAgent
    from edarl.agents.value.base import ModelKind
    from edarl.agents.value.saving import TrainedModel

__all__ = [
    "Mode",
    "RolloutConfig",
    "RolloutResult",
    "record",
    "roll_out",
]

Mode = Literal["greedy", "sampled", "search"]


class RolloutConfig(BaseModel):
    """What to ask a trained agent for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    circuit: str = Field("adder", description="Kind of circuit.")
    width: int = Field(16, description="Operand width in bits.")
    carry_in: bool = Field(False, description="Whether the circuit has a carry-in.")
    carry_out: bool | None = Field(None, description="Carry-out; none means where the kind has it.")
    library: str = Field("default", description="Cell library: a name, or a Liberty file.")
    driver_cell: str | None = Field(None, description="Cell that drives every input.")
    load_ff: float | None = Field(None, gt=0, description="Load of every output in femtofarad.")
    flow: str = Field("sized", description="Flow that judges; one costs one call per design.")
    max_delay_ps: float = Field(gt=0, lt=1e9, description="The delay to meet in picoseconds.")
    mode: Mode = Field("search", description="greedy or sampled walks, or search.")
    calls: int = Field(200, ge=1, le=1_000_000, description="Evaluation calls, at most.")
    steps: int = Field(16, ge=0, le=10_000, description="Moves per walk.")
    count: int = Field(8, ge=1, le=10_000, description="Walks of mode sampled.")
    temperature: float = Field(
        1.0, gt=0, le=1e6, description="Of the draw of mode sampled, in learning units."
    )
    start: str | None = Field(
        None, description="Structure that walks start at; none: the best regular one."
    )
    seed: int = Field(0, ge=0, description="The one seed.")

    def problem(self) -> Circuit:
        """Give the circuit.

        Raises:
            ConfigError: There is no such circuit.
        """
        return Circuit(self.circuit, self.width, self.carry_in, self.carry_out)

    def spec(self, targets_ps: tuple[float, ...]) -> EvaluatorSpec:
        """Give the evaluator's description for some targets.

        Raises:
            ConfigError: The flow is unknown.
        """
        return EvaluatorSpec(self.library, targets_ps, self.flow, self.driver_cell, self.load_ff)


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """What an agent came by, and what that took.

    Attributes:
        config: What was asked for.
        library: Digest of the cell library.
        constraint: Driver and load.
        visited: Every design once, in the order in which the agent came by it.
        regular_area_um2: Smallest regular structure that meets the delay; None where none does.
        calls: Evaluation calls within the budget.
        setup_calls: Evaluation calls for targets and scales, and for regular structures to compare
            walks with.
        cache_hits: Points answered from a cache.
        stopped_by: Why it ended, such as ``done`` or ``budget``.
        notes: What of the problem the agent has not met in training.
    """

    config: RolloutConfig
    library: str
    constraint: Constraint
    visited: tuple[Visited, ...]
    regular_area_um2: float | None
    calls: int
    setup_calls: int
    cache_hits: int
    stopped_by: str
    notes: tuple[str, ...]

    def best(self, count: int) -> tuple[Visited, ...]:
        """Give the best designs, those that meet the delay first, at most so many."""
        target = self.config.max_delay_ps
        known = [each for each in self.visited if each.cost(target) < float("inf")]
        known.sort(key=lambda each: (each.cost(target), each.design.digest))
        return tuple(known[:count])


def record(result: RolloutResult, agent: TrainedAgent, store: Store) -> None:
    """Keep what was evaluated in the store, where other searches begin with it.

    Raises:
        StoreError: The store cannot be written.
    """
    config = result.config
    run = store.start_run(
        "rollout",
        config={**config.model_dump(mode="json"), "agent": agent.name},
        seed=config.seed,
        machine=machine_name(),
        versions=versions(),
    )
    known = [(each.design, each.evaluation) for each in result.visited if each.evaluation]
    # `default` would be another library in another release.
    library = DEFAULT_LIBRARY if config.library == "default" else config.library
    store.record_evaluations(known, library_name=library, run=run)
    store.finish_run(run, calls=result.calls, cache_hits=result.cache_hits)


def roll_out(
    agent: TrainedAgent,
    config: RolloutConfig,
    *,
    on_progress: Callable[[RunProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> RolloutResult:
    """Ask an agent for designs that meet a delay.

    Args:
        agent: A policy or a value model; a value model searches and does not walk.
        config: What to ask for.
        on_progress: Told how far it is.
        should_stop: Asked before every evaluation; True ends it.

    Raises:
        ConfigError: The agent cannot do this, or a setting is not usable.
        LibraryError: The library is not usable.
        ToolError: The tools cannot be used any more.
    """
    if agent.policy is None and config.mode != "search":
        raise ConfigError(
            f"{agent.name} is a value model, which foretells costs and does not walk; `mode` "
            f"should be search for it, actual value: {config.mode}"
        )
    target = config.max_delay_ps
    library, constraint = config.spec((target,)).load()
    report = _Report(config, on_progress)
    chooser, notes, setup_calls = _chooser(agent, config, report)
    regular = regular_designs(config.problem())
    evaluator = config.spec((target,)).build()
    try:
        if config.mode == "search":
            foreteller, said = _foreteller(agent, config)
            notes += said
            cost = partial(iso_delay_cost, target_ps=target)
            asked = policy_search(
                SearchProblem(config.problem(), cost, regular, foreteller=foreteller),
                evaluator,
                chooser,
                target_ps=target,
                budget_calls=config.calls,
                seed=config.seed,
                on_evaluation=report.evaluated,
                should_stop=should_stop,
            )
            compared = [each for each in asked.visited if each.found_by == "start"]
        else:
            assert chooser is not None
            found = evaluator.evaluate(regular)
            setup_calls += sum(evaluation.calls for evaluation in found)
            compared = [
                Visited(design, evaluation, "start")
                for design, evaluation in zip(regular, found, strict=True)
            ]
            asked = _walked(chooser, config, compared, evaluator, report, should_stop)
    finally:
        evaluator.close()
    areas = [
        point.area_um2
        for each in compared
        if each.evaluation is not None
        for point in each.evaluation.points
        if point.meets(target)
    ]
    return RolloutResult(
        config=config,
        library=library.digest,
        constraint=constraint,
        visited=asked.visited,
        regular_area_um2=min(areas, default=None),
        calls=asked.calls,
        setup_calls=setup_calls,
        cache_hits=asked.cache_hits,
        stopped_by=asked.stopped_by,
        notes=notes,
    )


def _chooser(
    agent: TrainedAgent, config: RolloutConfig, report: _Report
) -> tuple[Chooser | None, tuple[str, ...], int]:
    """Give the agent's policy on the problem, what it has not met, and what finding out cost."""
    policy = agent.policy
    if policy is None:
        return None, (), 0
    report.begin()
    frame = measure_frame(
        config.problem(),
        lambda targets: config.spec(targets).build(),
        targets=policy.targets or 2,
    )
    library, constraint = config.spec(frame.targets_ps).load()
    chooser = policy.on(frame, physics=physics_of(library, constraint, config.problem()))
    return chooser, policy.unfamiliar(frame, config.max_delay_ps), frame.calls


def _walked(
    chooser: Chooser,
    config: RolloutConfig,
    regular: Sequence[Visited],
    evaluator: Evaluator,
    report: _Report,
    should_stop: Callable[[], bool] | None,
) -> Asked:
    """Walk, and have what was visited judged."""
    from edarl.agents.inference import greedy_rollout, sampled_rollouts
    from edarl.agents.judging import judge

    target = config.max_delay_ps
    start = _start(config, regular)
    if config.mode == "greedy":
        walks: tuple[tuple[Design, ...], ...] = (
            greedy_rollout(chooser, start, target, config.steps),
        )
    else:
        walks = sampled_rollouts(
            chooser,
            start,
            target,
            config.steps,
            count=config.count,
            temperature=config.temperature,
            rng=np.random.default_rng(config.seed),
        )
    judgement = judge(
        (design for walk in walks for design in walk),
        evaluator,
        budget_calls=config.calls,
        on_progress=report.judged,
        should_stop=should_stop,
    )
    visited = tuple(
        Visited(design, evaluation, "start" if design == start else config.mode)
        for design, evaluation in judgement.results
    )
    return Asked(visited, judgement.calls, judgement.cache_hits, judgement.stopped_by)


def _start(config: RolloutConfig, regular: Sequence[Visited]) -> Design:
    """Give the named structure, or the best regular design, in the p mode that suits it best."""
    known = [each for each in regular if each.cost(config.max_delay_ps) < float("inf")]
    if config.start is not None:
        graph = structure(config.start, config.problem().leaves)
        known = [each for each in known if each.design.graph == graph]
        if not known:
            return Design.of(graph, config.problem())
    if not known:
        raise ConfigError(
            "walks start at the best regular structure, but none could be evaluated; name another "
            f"`start`, or another flow than {config.flow}"
        )
    return min(known, key=lambda each: (each.cost(config.max_delay_ps), each.design.digest)).design


def _foreteller(
    agent: TrainedAgent, config: RolloutConfig
) -> tuple[Foreteller | None, tuple[str, ...]]:
    """Give the search's model: the agent's own or the shipped one, which learns on here."""
    with needing_torch("trained agents need"):
        from edarl.agents.value.convolution import Convolution
        from edarl.agents.value.foreteller import EnsembleForeteller, ForetellerOptions

    library, constraint = config.spec((config.max_delay_ps,)).load()
    try:
        physics = Physics(library, constraint, config.problem())
    except LibraryError as error:
        return None, (f"no model can foretell costs here, candidates are drawn at random: {error}",)
    given = agent.model or _shipped_model()
    if given is None:
        return EnsembleForeteller(physics, config.max_delay_ps, seed=config.seed), ()
    shape = given.model.shape
    seen: ModelKind = "convolution" if isinstance(given.model, Convolution) else "features"
    foreteller = EnsembleForeteller(
        physics,
        config.max_delay_ps,
        seed=config.seed,
        options=ForetellerOptions(kind=seen, members=shape.members, hidden=shape.hidden),
    )
    foreteller.adopt(given.model, given.examples)
    return foreteller, ()


def _shipped_model() -> TrainedModel | None:
    from edarl.agents.shipped import VALUE_MODEL, shipped, shipped_path
    from edarl.agents.value.saving import load_value_model

    return load_value_model(shipped_path(VALUE_MODEL)) if VALUE_MODEL in shipped() else None


class _Report:
    """Turns what is evaluated into progress."""

    def __init__(
        self, config: RolloutConfig, on_progress: Callable[[RunProgress], None] | None
    ) -> None:
        self._config = config
        self._on_progress = on_progress
        self._figures: dict[str, float] = {}

    def begin(self) -> None:
        self._tell("frame", 0, 1, 0, 0)

    def evaluated(self, _: Design, evaluation: Evaluation, progress: Progress) -> None:
        self._note(evaluation)
        calls, hits = progress.calls, progress.cache_hits
        self._tell("search", calls, self._config.calls, hits, progress.failures)

    def judged(self, judging: Judging) -> None:
        self._note(judging.newest)
        most = min(judging.total, self._config.calls)
        self._tell("search", judging.calls, most, judging.cache_hits, 0)

    def _note(self, evaluation: Evaluation) -> None:
        """Keep the smallest area that meets the delay and the smallest delay of all."""
        figures = self._figures
        for point in evaluation.points:
            fastest = figures.get("best_delay_ps", point.delay_ps)
            figures["best_delay_ps"] = min(point.delay_ps, fastest)
            if point.meets(self._config.max_delay_ps):
                least = figures.get("best_area_um2", point.area_um2)
                figures["best_area_um2"] = min(point.area_um2, least)

    def _tell(self, stage: str, done: int, total: int, hits: int, failures: int) -> None:
        if self._on_progress is not None:
            self._on_progress(
                RunProgress(
                    stage=stage,
                    done=done,
                    total=total,
                    cache_hits=hits,
                    failures=failures,
                    hypervolume=0.0,
                    front=0,
                    best_saving=None,
                    scalars=dict(self._figures),
                )
            )
