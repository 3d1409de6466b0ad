"""The search behind an answer: what is known, sized for the delay, and what is found from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from edarl.errors import ConfigError, LibraryError, ToolError
from edarl.metrics import Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.runs.candidates import (
    Candidate,
    confirm_best,
    from_evaluations,
    from_store,
    rank,
    resized,
)
from edarl.runs.polish import anneal, anneal_jointly
from edarl.runs.results import RunProgress
from edarl.store import FrontPoint, Store
from edarl.store.known import known_designs, regular_points
from edarl.synthesis.confirm import Confirmed, Confirmer
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["ANSWER_METHOD", "AnswerSearch", "regular_origins"]

log = structlog.get_logger()

ANSWER_METHOD = "answer"
"""The method of runs that answers are stored as."""

_EARLIER = "an earlier run"
_SHIPPED = "known designs"

_ROUNDS = {"quick": 15, "thorough": 150}
"""Rounds of joint annealing."""
_CALLS = {"quick": 500, "thorough": 6000}
"""Evaluation calls of annealing, for what joint annealing cannot do."""
_AGENT_CALLS = {"quick": 200, "thorough": 2000}
"""Evaluation calls of the search that a trained model guides."""

_SIZER_FLOW = "sized"
_KNOWN_DESIGNS = 40
_PROMISING = 6
"""How many of the designs that the own sizer makes the least of go through ABC's flows too."""
_PROMISING_REGULAR = 2
"""How many regular structures do at least, where only the most promising go."""
_SMALL_ADDER = 8
"""Up to so many leaves a model finds what joint annealing does not: 3 % at 6 bits, 0 at 16."""
_SLOW_FLOWS = "remap"
"""Flows so named are a second opinion at tight delays, and take ten times as long."""
_REMAPPED = 4
"""How many designs they are asked about, where only the most promising go through ABC's flows."""
_FRESH = 12
"""How many of the designs that a search found go through all of ABC's flows."""


class AnswerSearch:
    """What is known and found so far for one answer.

    Args:
        circuit: The circuit.
        spec: Library, constraint, ABC's flows, and the one delay target.
        shipped: The known designs that come with edarl.
        own: The user's store, or None.
        on_progress: Told how far a search is.
        should_stop: Asked again and again; True ends a search and keeps what it found.
    """

    def __init__(
        self,
        circuit: Circuit,
        spec: EvaluatorSpec,
        shipped: Store,
        own: Store | None,
        *,
        on_progress: Callable[[RunProgress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.circuit = circuit
        self.spec = spec
        self.target_ps = spec.targets_ps[0]
        self.library, self.constraint = spec.load()
        self.shipped = shipped
        self.own = own
        self.origin = regular_origins(circuit)
        self.regular = tuple(self.origin)
        self.results: list[tuple[Design, Evaluation]] = []
        self.pool: list[Candidate] = []
        self.calls = 0
        self.known_here = False
        self.regular_area_um2: float | None = None
        self._on_progress = on_progress
        self._should_stop = should_stop

    @property
    def is_met(self) -> bool:
        """Whether a candidate seems to meet the delay."""
        return any(entry.point.meets(self.target_ps) for entry in self.pool)

    @property
    def likely(self) -> Design | None:
        """The design that will probably be the answer; None while there is no candidate."""
        best = min(self.pool, key=lambda entry: rank(entry.point, self.target_ps), default=None)
        return None if best is None else best.design

    def look_up(self, *, briefly: bool = False) -> None:
        """Gather what is known, sized for the delay.

        Args:
            briefly: Whether ABC only sizes what the own sizer makes the least of, where that can
                be used, instead of every regular structure; and in slow flows only where nothing
                meets the delay otherwise.
        """
        setting = (self.circuit, self.library.digest, self.constraint)
        netlists = from_store(self.shipped, *setting, lambda found: f"{_SHIPPED} ({found.method})")
        self.known_here = bool(netlists)
        if self.own is not None:
            netlists += from_store(self.own, *setting, partial(_found_earlier, self.own))
        self.pool += netlists
        self._add_designs()
        sized = self._size(tuple(self.origin)) if self._can_size() else []
        chosen = [design for design in sized if design not in self.regular][:_PROMISING]
        if self.known_here:  # what ABC makes of known designs is among the known netlists
            chosen = [design for design in chosen if self.origin[design] == _EARLIER]
        regular = self.regular
        if briefly and sized:
            promising = [design for design in sized[:_PROMISING] if design in self.regular]
            ordered = [design for design in sized if design in self.regular]
            regular = tuple(ordered[: max(_PROMISING_REGULAR, len(promising))])
            chosen = [design for design in chosen if design in sized[:_PROMISING]]
            self._evaluate_briefly([*regular, *chosen], sized)
        else:
            self._evaluate([*regular, *chosen])
        self.pool += resized(netlists, self.target_ps, self.library, self.constraint)
        points = regular_points(self.shipped, *setting)
        for design, evaluation in self.results:
            if design in self.regular:
                points += evaluation.points
        # ABC prints two decimals, and figures of both timers are compared here.
        areas = [round(point.area_um2, 2) for point in points if point.meets(self.target_ps)]
        self.regular_area_um2 = min(areas, default=None)

    def search(self, effort: str, seed: int, *, with_agents: bool = False) -> None:
        """Search from what is known.

        Args:
            effort: ``quick`` or ``thorough``.
            seed: The one seed.
            with_agents: Whether a trained model may guide a search, too.
        """
        if self.circuit.kind == "adder" and self._anneal_jointly(effort, seed):
            if with_agents and self.circuit.leaves <= _SMALL_ADDER:
                self._ask_agent(effort, seed)
            return
        seen = anneal(
            self.circuit,
            self.spec,
            self.results,
            budget=_CALLS[effort],
            seed=seed,
            on_progress=self._on_progress,
            should_stop=self._should_stop,
        )
        self.calls += sum(evaluation.calls for _, evaluation in seen)
        seen.sort(key=self._order)
        self._judge([design for design, _ in seen[:_FRESH]], "anneal")
        if with_agents:
            self._ask_agent(effort, seed)

    def confirm(self, *, at_once: int | None = None) -> tuple[Confirmed, str]:
        """Emit and prove the best; give it with who found it.

        Args:
            at_once: How many candidates are emitted together; None takes the usual number.

        Raises:
            ToolError: No candidate could be evaluated.
            EdarlError: None could be confirmed.
        """
        if not self.pool:
            failures = [entry.failure for _, entry in self.results if entry.failed]
            raise ToolError(f"no candidate could be evaluated: {failures[:1]}")
        with Confirmer(self.library, self.constraint) as confirmer:
            return confirm_best(self.pool, self.target_ps, confirmer, at_once=at_once)

    def _anneal_jointly(self, effort: str, seed: int) -> bool:
        """Anneal an adder and its sizes together; say whether that can be done here."""
        try:
            found, rounds = anneal_jointly(
                self.circuit,
                self.library,
                self.constraint,
                self.target_ps,
                tuple(self.origin),
                rounds=_ROUNDS[effort],
                seed=seed,
                on_progress=self._on_progress,
                should_stop=self._should_stop,
            )
        except LibraryError as error:
            log.info("no joint annealing in this library", reason=str(error))
            return False
        self.calls += rounds
        self.pool += [found] if found is not None else []
        return True

    def _ask_agent(self, effort: str, seed: int) -> None:
        """Let the value model that comes with edarl guide a search on the own sizer's figures."""
        from edarl.runs.agents import find_agent
        from edarl.runs.rollouts import RolloutConfig, roll_out

        config = RolloutConfig(
            circuit=self.circuit.kind,
            width=self.circuit.width,
            carry_in=self.circuit.carry_in,
            carry_out=self.circuit.carry_out if self.circuit.entry.carry_out else None,
            library=self.spec.library,
            driver_cell=self.spec.driver_cell,
            load_ff=self.spec.load_ff,
            flow=_SIZER_FLOW,
            max_delay_ps=self.target_ps,
            calls=_AGENT_CALLS[effort],
            seed=seed,
        )
        try:
            found = roll_out(
                find_agent("value"),
                config,
                on_progress=self._on_progress,
                should_stop=self._should_stop,
            )
        except (ConfigError, LibraryError) as error:
            log.info("no trained model guides here", reason=str(error))
            return
        self.calls += found.calls + found.setup_calls
        self._judge([each.design for each in found.best(_FRESH)], "guided")

    def _judge(self, designs: Sequence[Design], found_by: str) -> None:
        """Let all flows judge what a search has found."""
        fresh = [design for design in designs if design not in self.origin]
        self.origin |= dict.fromkeys(fresh, found_by)
        self._evaluate(fresh)
        self._size(fresh)

    def _can_size(self) -> bool:
        """Whether to use the own sizer: always, unless it had to be compiled for little."""
        from edarl.synthesis.timing.compiled import is_cold

        if not (self.known_here and is_cold()):
            return True
        log.info("the own sizer is not compiled yet, so ABC alone sizes the classic structures")
        return False

    def _add_designs(self) -> None:
        """Add the known designs and the user's."""
        for design in known_designs(self.shipped, self.circuit, _KNOWN_DESIGNS):
            self.origin.setdefault(design, _SHIPPED)
        if self.own is not None:
            for design in self.own.starts(self.circuit, _KNOWN_DESIGNS):
                self.origin.setdefault(design, _EARLIER)

    def _size(self, designs: Sequence[Design]) -> list[Design]:
        """Size designs by the own sizer; give them best first, none where it cannot be used."""
        try:
            evaluator = replace(self.spec, flow=_SIZER_FLOW, workers=1).build()
        except LibraryError:
            return []
        evaluations = evaluator.evaluate(designs)
        return self._take(designs, evaluations)

    def _evaluate_briefly(self, designs: Sequence[Design], ordered: Sequence[Design]) -> None:
        """Size designs in ABC's fast flows; the best few in the slow ones, if nothing meets."""
        flows = self.spec.flow.split("+")
        slow = [flow for flow in flows if flow.startswith(_SLOW_FLOWS)]
        fast = [flow for flow in flows if flow not in slow]
        if fast:
            self._evaluate(designs, "+".join(fast))
        if slow and not (fast and self.is_met):
            best = [design for design in ordered if design in designs]
            self._evaluate(best[:_REMAPPED], "+".join(slow))

    def _evaluate(self, designs: Sequence[Design], flow: str | None = None) -> list[Design]:
        """Size designs in ABC's flows, or in some of them; give them best first."""
        evaluator = (self.spec if flow is None else replace(self.spec, flow=flow)).build()
        try:
            return self._take(designs, evaluator.evaluate(designs))
        finally:
            evaluator.close()

    def _take(self, designs: Sequence[Design], evaluations: Sequence[Evaluation]) -> list[Design]:
        fresh = list(zip(designs, evaluations, strict=True))
        self.results += fresh
        self.calls += sum(evaluation.calls for evaluation in evaluations)
        self.pool += from_evaluations(fresh, self.origin)
        return [entry[0] for entry in sorted(fresh, key=self._order)]

    def _order(self, entry: tuple[Design, Evaluation]) -> tuple[tuple[bool, float, float], str]:
        best = min(
            (rank(point, self.target_ps) for point in entry[1].points),
            default=(True, float("inf"), float("inf")),
        )
        return best, entry[0].digest


def regular_origins(circuit: Circuit) -> dict[Design, str]:
    """Give the regular structures in every p mode, each with its name."""
    known: dict[Design, str] = {}
    for name in REGULAR:
        graph = structure(name, circuit.leaves)
        for p_mode in P_MODES:
            known.setdefault(Design.of(graph, circuit, p_mode), name)
    return known


def _found_earlier(store: Store, found: FrontPoint) -> str:
    """Say who found a netlist of the user's store: of an answer, what the answer said."""
    if found.run is None or found.method != ANSWER_METHOD:
        return _EARLIER
    return str(store.run(found.run).config.get("found_by", _EARLIER))
