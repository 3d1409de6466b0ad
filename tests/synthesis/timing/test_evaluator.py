"""The fast evaluator behind the common interface, alone and together with ABC's flows."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edarl.errors import ConfigError, NetlistError
from edarl.metrics import Evaluation
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator
from edarl.synthesis.flows import FLOWS, SIZED_FLOWS, flows_named, timer_for
from edarl.synthesis.spec import EvaluatorSpec
from edarl.synthesis.timing.evaluator import FastEvaluator
from edarl.synthesis.timing.sizer import EFFORTS, Sized, Sizer
from tests.imports import modules_after
from tests.synthesis.timing.support import Bench

TARGETS = (150.0, 200.0, 250.0, 1.0e6)


def design_of(name: str, kind: str = "adder", width: int = 8, p_mode: str = "xor") -> Design:
    circuit = Circuit(kind, width)
    modes = circuit.entry.operator == "carry"
    return Design.of(structure(name, circuit.leaves), circuit, p_mode if modes else "xor")


def evaluator(bench: Bench, targets: Sequence[float] = TARGETS, **options: int) -> FastEvaluator:
    return FastEvaluator(bench.library, bench.constraint, targets_ps=targets, **options)


# ---------------------------------------------------------------- points


def test_a_point_does_not_depend_on_the_other_targets(nangate: Bench) -> None:
    designs = [design_of("sklansky"), design_of("brent_kung", p_mode="or"), design_of("ripple")]
    together = evaluator(nangate).evaluate(designs)
    backwards = evaluator(nangate, TARGETS[::-1]).evaluate(designs)
    for index, target in enumerate(TARGETS):
        alone = evaluator(nangate, (target,)).evaluate(designs)
        for one, all_of_it, reverse in zip(alone, together, backwards, strict=True):
            assert one.points == (all_of_it.points[index],)
            assert one.points == (reverse.points[-1 - index],)


def test_there_is_a_point_for_every_flow_and_target_and_each_is_a_call(nangate: Bench) -> None:
    fast = FastEvaluator(
        nangate.library, nangate.constraint, flow="sized+sized-quick", targets_ps=TARGETS
    )
    (answer,) = fast.evaluate([design_of("sklansky")])
    assert [(point.flow, point.target_ps) for point in answer.points] == [
        (flow, target) for flow in ("sized", "sized-quick") for target in TARGETS
    ]
    assert answer.calls == 2 * len(TARGETS)
    assert answer.cache_hits == 0
    assert (answer.library, answer.constraint) == (nangate.library.digest, nangate.constraint)
    assert fast.targets_ps == TARGETS


def test_a_target_out_of_reach_gives_the_delay_that_was_reached(nangate: Bench) -> None:
    (answer,) = evaluator(nangate, (1.0,)).evaluate([design_of("sklansky")])
    (point,) = answer.points
    assert not answer.failed
    assert point.target_ps == 1.0
    assert point.delay_ps > 50
    assert answer.at(1.0) is None


def test_threads_give_the_same_answers_in_the_same_order(nangate: Bench) -> None:
    designs = [
        design_of(name, width=width, p_mode=mode)
        for name in ("ripple", "sklansky", "kogge_stone", "brent_kung")
        for width in (5, 8, 16)
        for mode in ("xor", "or")
    ]
    threaded = evaluator(nangate, workers=4)
    try:
        assert threaded.evaluate(designs) == evaluator(nangate).evaluate(designs)
        threaded.close()
        assert threaded.evaluate(designs[:3]) == evaluator(nangate).evaluate(designs[:3])
    finally:
        threaded.close()


def test_what_cannot_be_sized_is_a_failure_and_the_others_are_answered(
    nangate: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = design_of("sklansky"), design_of("ripple")
    genuine = Sizer.curve

    def broken(self: Sizer, design: Design, targets: Sequence[float]) -> tuple[Sized, ...]:
        if design == bad:
            raise NetlistError("it cannot be mapped")
        return genuine(self, design, targets)

    monkeypatch.setattr(Sizer, "curve", broken)
    answers = evaluator(nangate).evaluate([bad, good])
    assert [answer.design for answer in answers] == [bad.digest, good.digest]
    assert answers[0].failure == "sized: it cannot be mapped"
    assert answers[0].points == ()
    assert answers[0].calls == len(TARGETS)
    assert not answers[1].failed


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0.0])
def test_a_figure_that_is_none_is_a_failure(
    wrong: float, nangate: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sizer, "curve", lambda *_: (Sized(150.0, wrong, 10.0),))
    (answer,) = evaluator(nangate, (150.0,)).evaluate([design_of("sklansky")])
    assert "should be positive numbers" in str(answer.failure)


# ---------------------------------------------------------------- flows and the description


def test_every_effort_is_a_flow() -> None:
    assert [flow.effort for flow in SIZED_FLOWS.values()] == list(EFFORTS)


def test_best_is_all_flows_of_abc_and_the_sizer() -> None:
    assert [flow.name for flow in flows_named("best")] == [*FLOWS, "sized"]
    assert flows_named("best+sized+direct") == flows_named("best")


def test_the_own_timer_times_its_own_sizer_and_abc_everything() -> None:
    assert timer_for("sized") == timer_for("sized-quick+sized") == "fast"
    assert timer_for("sized+remap") == timer_for("best") == timer_for("sized", "abc") == "abc"
    with pytest.raises(ConfigError, match=r"should be one of sized-quick, sized, .*'sized\+remap'"):
        timer_for("sized+remap", "fast")
    with pytest.raises(ConfigError, match="`timer` should be one of fast, abc"):
        EvaluatorSpec("default", (100.0,), "sized", timer="slow")
    with pytest.raises(ConfigError, match="the own timer times"):
        EvaluatorSpec("default", (100.0,), "best", timer="fast")


@pytest.mark.parametrize("flow", ["sized", "sized-thorough", "sized+remap"])
def test_a_description_that_was_pickled_builds_the_same_evaluator(
    flow: str, nangate: Bench, nangate45: Path
) -> None:
    spec = EvaluatorSpec(str(nangate45), (200.0, 300.0), flow, "BUF_X1", 10.0)
    copy = pickle.loads(pickle.dumps(spec))
    assert copy == spec
    answers = []
    for entry in (spec, copy):
        built = entry.build()
        assert isinstance(built.inner, AbcEvaluator if "+" in flow else FastEvaluator)
        answers.append(built.evaluate([design_of("sklansky")]))
        built.close()
    assert answers[0] == answers[1]
    assert not answers[0][0].failed
    assert answers[0][0].calls == 2 * len(flow.split("+"))


def test_compiled_code_is_loaded_only_where_it_is_used() -> None:
    loaded = modules_after(
        "from edarl.synthesis.spec import EvaluatorSpec; EvaluatorSpec('x', (1.0,), 'best')"
    )
    assert "edarl.synthesis.abc_evaluator" in loaded
    assert not {"numba", "edarl.synthesis.timing.sizer"} & loaded


# ---------------------------------------------------------------- the cache


def test_the_cache_answers_for_the_sizer(nangate: Bench, tmp_path: Path) -> None:
    designs = [design_of("sklansky"), design_of("ripple")]
    first = CachedEvaluator(evaluator(nangate), tmp_path).evaluate(designs)
    again = CachedEvaluator(evaluator(nangate), tmp_path).evaluate(designs)
    assert again == first
    assert [(answer.calls, answer.cache_hits) for answer in again] == [(0, len(TARGETS))] * 2


def test_a_fingerprint_names_all_that_changes_a_figure(nangate: Bench, small: Bench) -> None:
    design = design_of("sklansky")

    def named(bench: Bench = nangate, flow: str = "sized", load_ff: float = 10.0) -> str:
        constraint = replace(bench.constraint, load_ff=load_ff)
        return FastEvaluator(bench.library, constraint, flow=flow, targets_ps=TARGETS).fingerprint(
            design
        )

    known = named()
    assert known == named()
    others = [
        named(small),
        named(flow="sized-quick"),
        named(flow="sized+sized-quick"),
        named(load_ff=11.0),
        evaluator(nangate, (100.0,)).fingerprint(design),
        evaluator(nangate).fingerprint(design_of("sklansky", p_mode="or")),
        evaluator(nangate).fingerprint(design_of("ripple")),
        AbcEvaluator(
            nangate.library, nangate.constraint, flow="sized", targets_ps=TARGETS
        ).fingerprint(design),
    ]
    assert len({known, *others}) == 1 + len(others)


# ---------------------------------------------------------------- beside ABC


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_circuit_has_the_figures_that_abc_gives_its_netlists(
    kind: str, nangate: Bench
) -> None:
    designs = [design_of(name, kind, 7) for name in ("ripple", "brent_kung", "sklansky")]
    fast = evaluator(nangate).evaluate(designs)
    by_abc = AbcEvaluator(nangate.library, nangate.constraint, flow="sized", targets_ps=TARGETS)
    try:
        slow = by_abc.evaluate(designs)
    finally:
        by_abc.close()
    for one, other in zip(fast, slow, strict=True):
        assert not one.failed
        assert one.calls == other.calls == len(TARGETS)
        for mine, abc in zip(one.points, other.points, strict=True):
            assert (mine.target_ps, mine.flow) == (abc.target_ps, abc.flow)
            assert mine.area_um2 == pytest.approx(abc.area_um2, abs=0.02)
            assert mine.delay_ps == pytest.approx(abc.delay_ps, abs=0.02)


def test_mixed_flows_are_all_timed_by_abc(nangate: Bench) -> None:
    design = design_of("brent_kung", width=16)

    def points(flow: str) -> Evaluation:
        mixed = AbcEvaluator(nangate.library, nangate.constraint, flow=flow, targets_ps=TARGETS)
        try:
            return mixed.evaluate([design])[0]
        finally:
            mixed.close()

    assert points("sized+pinswap").points == points("sized").points + points("pinswap").points
