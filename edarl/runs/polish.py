"""Searching a little for an answer: from what is known, at the one delay that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from edarl.metrics import Constraint, Evaluation, Point
from edarl.objectives.iso_delay import iso_delay_cost
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.runs.candidates import Candidate, rank
from edarl.runs.results import RunProgress
from edarl.search import Annealing, AnnealingOptions, Progress, SearchProblem, run_search
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.spec import EvaluatorSpec

__all__ = ["anneal", "anneal_jointly"]

_SEARCH_FLOW = "pinswap"
_WALKERS = 12
_STEPS_AT_32_BITS = 140
"""Changes that each walker tries in a round: 15 rounds take about three seconds at any width."""

_Told = Callable[[RunProgress], None] | None
"""Who is told how far a search is."""

_Asked = Callable[[], bool] | None
"""Who is asked whether to end it."""


def anneal_jointly(
    circuit: Circuit,
    library: CellLibrary,
    constraint: Constraint,
    target_ps: float,
    starts: Sequence[Design],
    *,
    rounds: int,
    seed: int,
    on_progress: _Told = None,
    should_stop: _Asked = None,
) -> tuple[Candidate | None, int]:
    """Anneal graph and sizes of an adder together, from the best of some designs.

    Ctrl-C ends it; what was found until there counts.

    Args:
        circuit: An adder.
        library: The cell library.
        constraint: Driver and load.
        target_ps: The delay to meet in picoseconds.
        starts: Designs to begin from; the own sizer chooses among them.
        rounds: How long; each counts as an evaluation call.
        seed: The one seed.
        on_progress: Told how far it is.
        should_stop: Asked again and again; True ends it, and what was found counts.

    Returns:
        The best netlist found, None without any; and the rounds that were walked.

    Raises:
        LibraryError: The own timer cannot use the library.
    """
    from edarl.search.joint import JointAnnealing, JointOptions
    from edarl.synthesis.timing.sizer import sizer_for

    sizer = sizer_for(library, constraint, "quick")

    def order(design: Design) -> tuple[tuple[bool, float, float], str]:
        (sized,) = sizer.curve(design, (target_ps,))
        return rank(Point(*sized, ""), target_ps), design.digest

    steps = max(10, round(_STEPS_AT_32_BITS * (32 / circuit.leaves) ** 1.5))
    searcher = JointAnnealing(
        SearchProblem(
            circuit=circuit,
            cost=lambda _: 0.0,  # it judges by its own timer
            starts=tuple(sorted(starts, key=order)[:_WALKERS]),
        ),
        library,
        constraint,
        target_ps,
        seed=seed,
        options=JointOptions(rounds=rounds, steps=min(steps, 600), walkers=_WALKERS),
    )
    figures: dict[str, float] = {}
    try:
        while searcher.rounds_done < rounds and not (should_stop is not None and should_stop()):
            searcher.walk_round()
            found = searcher.found
            assert found is not None  # a round was walked
            reached = Point(target_ps, found.delay_ps, found.area_um2, searcher.name)
            _note_best(figures, (reached,), target_ps)
            if on_progress is not None:
                on_progress(_progress(searcher.rounds_done, rounds, figures))
    except KeyboardInterrupt:
        pass
    best = searcher.found
    if best is None:
        return None, 0
    point = Point(target_ps, best.delay_ps, best.area_um2, searcher.name)
    candidate = Candidate(point, best.design, searcher.name, lambda: best.netlist)
    return candidate, searcher.rounds_done


def anneal(
    circuit: Circuit,
    spec: EvaluatorSpec,
    known: Sequence[tuple[Design, Evaluation]],
    *,
    budget: int,
    seed: int,
    on_progress: _Told = None,
    should_stop: _Asked = None,
) -> list[tuple[Design, Evaluation]]:
    """Anneal from the best known designs in the flow that costs one call per design.

    Args:
        circuit: The circuit.
        spec: Library, constraint, and the one target.
        known: Designs with what is known of them.
        budget: Evaluation calls.
        seed: The one seed.
        on_progress: Told how far it is.
        should_stop: Asked again and again; True ends it, and what was found counts.

    Returns:
        Everything that could be evaluated.
    """
    target_ps = spec.targets_ps[0]
    cost = partial(iso_delay_cost, target_ps=target_ps)
    judged = [entry for entry in known if not entry[1].failed]
    judged.sort(key=lambda entry: (cost(entry[1]), entry[0].digest))
    single = EvaluatorSpec(
        spec.library, spec.targets_ps, _SEARCH_FLOW, spec.driver_cell, spec.load_ff
    )
    evaluator = single.build()
    seen: list[tuple[Design, Evaluation]] = []
    figures: dict[str, float] = {}

    def on_evaluation(design: Design, evaluation: Evaluation, progress: Progress) -> None:
        if not evaluation.failed:
            seen.append((design, evaluation))
            _note_best(figures, evaluation.points, target_ps)
        if on_progress is not None and progress.evaluations % 20 == 0:
            hits, failures = progress.cache_hits, progress.failures
            on_progress(_progress(progress.calls, budget, figures, hits, failures))

    starts = tuple(design for design, _ in judged[:8])
    searcher = Annealing(
        SearchProblem(circuit=circuit, cost=cost, starts=starts),
        seed,
        AnnealingOptions.for_budget(budget),
    )
    try:
        run_search(
            searcher,
            evaluator,
            budget_calls=budget,
            on_evaluation=on_evaluation,
            should_stop=should_stop,
        )
    finally:
        evaluator.close()
    return seen


def _note_best(figures: dict[str, float], points: Sequence[Point], target_ps: float) -> None:
    """Keep the smallest area that meets the delay and the smallest delay of all."""
    for point in points:
        figures["best_delay_ps"] = min(point.delay_ps, figures.get("best_delay_ps", point.delay_ps))
        if point.meets(target_ps):
            least = figures.get("best_area_um2", point.area_um2)
            figures["best_area_um2"] = min(point.area_um2, least)


def _progress(
    done: int, total: int, figures: dict[str, float], cache_hits: int = 0, failures: int = 0
) -> RunProgress:
    return RunProgress(
        stage="search",
        done=done,
        total=total,
        cache_hits=cache_hits,
        failures=failures,
        hypervolume=0.0,
        front=0,
        best_saving=None,
        scalars=dict(figures),
    )
