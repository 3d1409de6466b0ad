"""The cache: answers once, never wrongly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.cache import CachedEvaluator

CIRCUIT = Circuit("adder", 8)
DESIGNS = [Design.of(structure(name, 8), CIRCUIT) for name in ("ripple", "sklansky")]


class Counting:
    """Gives made-up figures and counts how often it was asked."""

    targets_ps = (100.0,)

    def __init__(self, *, failing: bool = False, version: str = "1") -> None:
        self.asked: list[str] = []
        self.failing = failing
        self.version = version

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        self.asked += [design.digest for design in designs]
        points = () if self.failing else (Point(100.0, 99.5, 12.25, "direct"),)
        return [
            Evaluation(
                design.digest,
                "library",
                Constraint("BUF", 1.0),
                points,
                calls=1,
                failure="broken" if self.failing else None,
            )
            for design in designs
        ]

    def fingerprint(self, design: Design) -> str:
        return f"{self.version}{design.digest}"

    def close(self) -> None:
        self.asked = []


def test_a_second_question_is_a_hit_and_costs_no_call() -> None:
    inner = Counting()
    cached = CachedEvaluator(inner)
    first = cached.evaluate(DESIGNS)
    second = cached.evaluate(DESIGNS)
    assert len(inner.asked) == 2
    assert [evaluation.calls for evaluation in first] == [1, 1]
    assert [evaluation.calls for evaluation in second] == [0, 0]
    assert [evaluation.cache_hits for evaluation in second] == [1, 1]
    assert [evaluation.points for evaluation in second] == [e.points for e in first]


def test_a_design_asked_for_twice_in_a_batch_runs_once() -> None:
    inner = Counting()
    answers = CachedEvaluator(inner).evaluate([DESIGNS[0], DESIGNS[1], DESIGNS[0]])
    assert inner.asked == [DESIGNS[0].digest, DESIGNS[1].digest]
    assert [answer.calls for answer in answers] == [1, 1, 0]


def test_failures_are_not_kept() -> None:
    inner = Counting(failing=True)
    cached = CachedEvaluator(inner)
    assert cached.evaluate(DESIGNS[:1])[0].failed
    inner.failing = False
    assert not cached.evaluate(DESIGNS[:1])[0].failed


def test_the_disk_answers_another_process(tmp_path: Path) -> None:
    CachedEvaluator(Counting(), tmp_path).evaluate(DESIGNS)
    inner = Counting()
    answers = CachedEvaluator(inner, tmp_path).evaluate(DESIGNS)
    assert inner.asked == []
    assert answers[0].points == (Point(100.0, 99.5, 12.25, "direct"),)
    assert not list(tmp_path.rglob(".new-*"))


def test_another_fingerprint_is_another_entry(tmp_path: Path) -> None:
    CachedEvaluator(Counting(), tmp_path).evaluate(DESIGNS)
    inner = Counting(version="2")
    CachedEvaluator(inner, tmp_path).evaluate(DESIGNS)
    assert len(inner.asked) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("12.25", "-12.25"),
        lambda text: text.replace("12.25", "NaN"),
        lambda text: text.replace("12.25", '"much"'),
        lambda text: text.replace("edarl-cache-1", "edarl-cache-0"),
        lambda text: json.dumps({**json.loads(text), "points": []}),
        lambda _: "[1, 2]",
        lambda _: "\x00\xff",
    ],
)
def test_a_damaged_entry_is_computed_again(damage: object, tmp_path: Path) -> None:
    CachedEvaluator(Counting(), tmp_path).evaluate(DESIGNS[:1])
    (entry,) = tmp_path.rglob("*.json")
    entry.write_text(damage(entry.read_text()))  # type: ignore[operator]
    inner = Counting()
    (answer,) = CachedEvaluator(inner, tmp_path).evaluate(DESIGNS[:1])
    assert len(inner.asked) == 1
    assert answer.points == (Point(100.0, 99.5, 12.25, "direct"),)
    CachedEvaluator(Counting(), tmp_path).evaluate(DESIGNS[:1])
    assert json.loads(entry.read_text())["points"] == [[100.0, 99.5, 12.25, "direct"]]


def test_designs_with_the_same_netlist_share_an_entry_under_their_own_names(
    tmp_path: Path,
) -> None:
    class OneNetlist(Counting):
        def fingerprint(self, design: Design) -> str:
            del design
            return "the same"

    CachedEvaluator(OneNetlist(), tmp_path).evaluate(DESIGNS[:1])
    inner = OneNetlist()
    (answer,) = CachedEvaluator(inner, tmp_path).evaluate(DESIGNS[1:])
    assert inner.asked == []
    assert answer.design == DESIGNS[1].digest
    assert answer.cache_hits == 1


def test_a_disk_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    inner = Counting()
    cached = CachedEvaluator(inner, blocked / "cache")
    assert not cached.evaluate(DESIGNS)[0].failed
    assert cached.evaluate(DESIGNS)[0].cache_hits == 1
    assert len(inner.asked) == 2


def test_memory_is_bounded() -> None:
    inner = Counting()
    cached = CachedEvaluator(inner, memory_entries=1)
    cached.evaluate(DESIGNS)
    cached.evaluate(DESIGNS[:1])
    assert len(inner.asked) == 3
