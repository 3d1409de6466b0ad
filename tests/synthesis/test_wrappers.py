"""Evaluators around evaluators."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edarl.errors import ConfigError, LibraryError
from edarl.metrics import Evaluation
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.analytical import AnalyticalEvaluator
from edarl.synthesis.spec import EvaluatorSpec
from edarl.synthesis.wrappers import PooledPModes, RecordingEvaluator

CIRCUIT = Circuit("adder", 8)
DESIGNS = [Design.of(structure(name, 8), CIRCUIT) for name in ("ripple", "sklansky")]


def test_a_recorder_tells_of_every_evaluation_in_order() -> None:
    heard: list[tuple[Design, Evaluation]] = []
    recorder = RecordingEvaluator(AnalyticalEvaluator(), lambda *entry: heard.append(entry))
    answers = recorder.evaluate(DESIGNS)
    assert heard == list(zip(DESIGNS, answers, strict=True))


def test_pooled_modes_ask_for_both_and_count_both() -> None:
    heard: list[Design] = []
    inner = RecordingEvaluator(AnalyticalEvaluator(), lambda design, _: heard.append(design))
    answers = PooledPModes(inner).evaluate(DESIGNS)
    assert [design.p_mode for design in heard] == ["xor", "or", "xor", "or"]
    assert [answer.design for answer in answers] == [design.digest for design in DESIGNS]
    assert [answer.calls for answer in answers] == [2, 2]
    assert all(len(answer.points) == 2 for answer in answers)


def test_pooled_modes_fail_when_one_mode_fails() -> None:
    class Failing(AnalyticalEvaluator):
        def evaluate(self, designs):  # type: ignore[no-untyped-def]
            answers = super().evaluate(designs)
            return [
                replace(answer, points=(), failure="broken") if design.or_bits else answer
                for design, answer in zip(designs, answers, strict=True)
            ]

    (answer,) = PooledPModes(Failing()).evaluate(DESIGNS[:1])
    assert answer.failure == "broken"
    assert answer.points == ()


@pytest.mark.parametrize("targets", [(), (0.0,), (-1.0, 5.0), (float("nan"),), (float("inf"),)])
def test_targets_have_to_be_positive(targets: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="positive picoseconds"):
        EvaluatorSpec("default", targets)


def test_an_unknown_flow_or_library_is_refused_early() -> None:
    with pytest.raises(
        ConfigError,
        match="`flow` should be one of direct, pinswap, remap, remap-carry, sized-quick, sized, "
        "sized-thorough, best",
    ):
        EvaluatorSpec("default", (100.0,), flow="map")
    with pytest.raises(LibraryError, match="no_such_library"):
        EvaluatorSpec("no_such_library", (100.0,)).build()
