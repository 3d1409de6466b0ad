"""Joint annealing behind the searcher's interface: seeds, threads, saving, Ctrl-C, damage."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edarl.errors import CheckpointError, ConfigError
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import structure
from edarl.search import SearchProblem, Sizing, make_searcher, run_search
from edarl.search.joint import JointAnnealing, JointOptions
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import load_library
from edarl.synthesis.timing import walkers
from edarl.synthesis.timing.mapping import AdderState, adder_state
from edarl.synthesis.timing.walkers import JointNetlist
from tests.search.support import Model, area, iso_delay
from tests.search.test_resume import JUNK, damaged, places
from tests.synthesis.timing.support import small_library

CIRCUIT = Circuit("adder", 8)
STARTS = tuple(
    Design.of(structure(name, 8), CIRCUIT, mode)
    for name in ("sklansky", "ripple", "brent_kung")
    for mode in P_MODES
)
SHORT = JointOptions(rounds=5, steps=30, walkers=3, hot=0.03)
TARGET_PS = 220.0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, edarl_home: Path) -> CellLibrary:
    """A library of a few bytes with gates of three strengths."""
    file = tmp_path_factory.mktemp("small") / "small.lib"
    file.write_text(small_library())
    return load_library(file)


Make = Callable[..., JointAnnealing]


@pytest.fixture
def make(library: CellLibrary) -> Make:
    """Make a searcher for 8-bit adders."""

    def joint(seed: int = 1, *, p_moves: bool = True, **options: Any) -> JointAnnealing:
        task = SearchProblem(CIRCUIT, iso_delay(9), STARTS, p_moves)
        chosen = JointOptions(
            **{name: getattr(SHORT, name) for name in ("rounds", "steps", "walkers", "hot")}
            | options
        )
        constraint = library.constraint("BUFT", 20.0)
        return JointAnnealing(task, library, constraint, TARGET_PS, seed=seed, options=chosen)

    return joint


def through_json(searcher: JointAnnealing) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(searcher.state(), allow_nan=False))
    return state


def run(searcher: JointAnnealing, batches: int) -> list[list[str]]:
    """Go on for some batches and give what was asked."""
    model, asked = Model(), []
    for _ in range(batches):
        designs = searcher.propose()
        asked.append([design.digest for design in designs])
        searcher.observe(model.evaluate(designs))
    return asked


def finished(searcher: JointAnnealing) -> JointNetlist:
    """Walk to the end and give what was found."""
    outcome = run_search(searcher, Model(), budget_calls=100)
    assert outcome.stopped_by == "exhausted"
    assert searcher.rounds_done == searcher.options.rounds
    found = searcher.found
    assert found is not None
    return found


# ---------------------------------------------------------------- what it proposes and finds


def test_starts_come_first_and_then_a_new_design_per_round(make: Make) -> None:
    searcher = make(steps=80, hot=0.2, cold=1.0)
    assert searcher.found is None
    model = Model()
    for call in range(len(STARTS) + SHORT.rounds):
        asked = searcher.propose()
        assert searcher.propose() == asked
        assert asked[0].digest not in model.asked
        searcher.observe(model.evaluate(asked[:1]))
        assert searcher.rounds_done == max(0, call + 1 - len(STARTS))
    assert model.asked[: len(STARTS)] == [start.digest for start in STARTS]
    assert searcher.propose() == []
    assert searcher.best is not None


def test_the_best_never_gets_worse(make: Make) -> None:
    searcher = make(rounds=12, steps=10, hot=0.1)
    costs = []
    for _ in range(12):
        searcher.walk_round()
        found = searcher.found
        assert found is not None
        overrun = max(0.0, found.delay_ps / TARGET_PS - 1)
        costs.append(found.area_um2 * (1 + 8 * overrun))
    assert all(new <= old * (1 + 1e-12) for old, new in itertools.pairwise(costs))
    assert costs[-1] < costs[0]


def test_the_seed_decides_everything_and_threads_nothing(make: Make) -> None:
    once = finished(make(seed=4))
    assert finished(make(seed=4)) == once
    for threads in (2, 3, 8):
        assert finished(make(seed=4, threads=threads)) == once
    assert finished(make(seed=5)) != once


def test_without_graph_moves_only_what_is_built_from_a_graph_changes(make: Make) -> None:
    searcher = make(graph=False, steps=60)
    found = finished(searcher)
    graphs = {start.graph for start in STARTS}
    assert found.design.graph in graphs
    assert {design.graph for design in searcher._walkers.designs()} <= graphs
    tried = {kind for kind, (count, _) in searcher._walkers.counts.items() if count}
    assert tried == {"polarity", "p_bit", "p_run", "kick"}


@pytest.mark.parametrize("allowed", [False, True])
def test_p_modes_change_only_where_that_is_allowed(make: Make, allowed: bool) -> None:
    searcher = make(p_moves=allowed, steps=60, hot=0.1)
    modes = set()
    while designs := searcher.propose():
        modes |= {design.p_mode.partition(":")[0] for design in designs}
        searcher.observe(Model().evaluate(designs))
    assert ("mixed" in modes) is allowed


@pytest.mark.parametrize("circuit", [Circuit("adder", 2), Circuit("adder", 3, carry_in=True)])
def test_the_smallest_adders_end_with_nothing_new(circuit: Circuit, library: CellLibrary) -> None:
    task = SearchProblem(circuit, area, (Design.of(structure("ripple", circuit.leaves), circuit),))
    constraint = library.constraint("BUFT", 20.0)
    searcher = JointAnnealing(task, library, constraint, 300.0, options=JointOptions(10, 30, 2))
    found = finished(searcher)
    assert found.design.circuit == circuit


# ---------------------------------------------------------------- made by its name


def test_it_is_made_by_its_name_with_a_round_per_evaluation(library: CellLibrary) -> None:
    sizing = Sizing(library, library.constraint("BUFT", 20.0), TARGET_PS)
    task = SearchProblem(CIRCUIT, area, STARTS, sizing=sizing)
    searcher = make_searcher("joint", task, seed=3, evaluations=len(STARTS) + 2, threads=2)
    assert searcher.name == "joint"
    outcome = run_search(searcher, Model(), budget_calls=len(STARTS) + 2)
    assert outcome.progress.calls == len(STARTS) + 2
    assert searcher.state()["own"]["round"] == 2
    assert searcher.found is not None
    with pytest.raises(ConfigError, match=r"`sizing` of the problem should say .* actual: None"):
        make_searcher("joint", SearchProblem(CIRCUIT, area, STARTS), seed=3, evaluations=9)


def test_what_is_no_adder_is_refused(library: CellLibrary) -> None:
    circuit = Circuit("subtractor", 8)
    start = Design.of(structure("ripple", circuit.leaves), circuit)
    with pytest.raises(ConfigError, match=r"builds adders, actual circuit: subtractor_8"):
        JointAnnealing(
            SearchProblem(circuit, area, (start,)), library, library.constraint("BUFT", 20.0), 1.0
        )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rounds": 0}, "`rounds` should be at least 1, actual value: 0"),
        ({"steps": 0}, "`steps` should be at least 1"),
        ({"walkers": -1}, "`walkers` should be at least 1"),
        ({"threads": 0}, "`threads` should be at least 1"),
        ({"hot": 0.0}, "`hot` should be above 0 and at most 1"),
        ({"cold": 1.5}, "`cold` should be above 0 and at most 1"),
        ({"exchange": 1.1}, "`exchange` should be from 0 to 1"),
        ({"weights": (1.0,) * 6}, "`weights` should be seven numbers"),
        ({"weights": (1.0,) * 6 + (-1.0,)}, "`weights` should be seven numbers"),
        ({"weights": (0.0,) * 7}, "`weights` should be seven numbers"),
        ({"weights": (1.0,) * 6 + (float("nan"),)}, "`weights` should be seven numbers"),
        ({"hot": float("nan")}, "`hot` should be above 0 and at most 1"),
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        JointOptions(**wrong)


def test_weights_that_leave_nothing_to_change_are_refused(make: Make) -> None:
    for weights, options in (
        ((1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0), {"graph": False}),
        ((0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0), {"p_moves": False}),
    ):
        with pytest.raises(ConfigError, match="`weights` should leave something to change"):
            make(weights=weights, **options)


# ---------------------------------------------------------------- saving


@pytest.mark.parametrize("batches", range(6))
@pytest.mark.parametrize("asked_already", [False, True])
def test_a_restored_search_goes_on_as_if_never_stopped(
    make: Make, batches: int, asked_already: bool
) -> None:
    whole = make()
    expected = run(whole, 6)
    first = make(threads=2)
    run(first, batches)
    if asked_already:
        first.propose()
    again = make(seed=999)
    again.restore(through_json(first))
    assert again.found == first.found
    assert run(again, 6 - batches) == expected[batches:]
    assert again.found == whole.found
    assert through_json(again) == through_json(whole)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("after", [0, 1, 2, 4, 7])
def test_ctrl_c_in_a_round_is_as_if_the_round_had_not_begun(
    make: Make, threads: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finished(make())
    searcher = make(threads=threads)
    walked, anneal = [], walkers.anneal

    def interrupted(*arguments: Any) -> None:
        if len(walked) == after:
            walked.append(False)
            raise KeyboardInterrupt
        walked.append(True)
        anneal(*arguments)

    monkeypatch.setattr(walkers, "anneal", interrupted)
    first = run_search(searcher, Model(), budget_calls=100)
    assert first.stopped_by == "interrupted"
    assert searcher.rounds_done == after // SHORT.walkers
    again = make()
    again.restore(through_json(searcher))
    assert finished(again) == finished(searcher) == whole


def test_states_of_another_target_library_or_setting_are_refused(
    make: Make, library: CellLibrary
) -> None:
    state = through_json(make())
    task = make().problem
    constraint = library.constraint("BUFT", 20.0)
    for other in (
        make(steps=21),
        make(p_moves=False),
        JointAnnealing(task, library, constraint, TARGET_PS + 1, options=SHORT),
        JointAnnealing(task, library, library.constraint("BUFT", 21.0), TARGET_PS, options=SHORT),
    ):
        with pytest.raises(CheckpointError, match="the saved search should have problem"):
            other.restore(state)


# ---------------------------------------------------------------- damage


def rewritten(text: str, change: Callable[[AdderState], None]) -> str:
    """Change what is in a packed state."""
    raw = zlib.decompress(base64.b64decode(text))
    parts, at = [], 0
    for like in adder_state(STARTS[0]):
        part = np.frombuffer(raw, np.uint8, like.nbytes, at).copy()
        parts.append(part.view(np.uint8 if like.dtype == np.bool_ else like.dtype))
        parts[-1] = parts[-1].reshape(like.shape)
        at += like.nbytes
    state = AdderState(*parts)
    change(state)
    return base64.b64encode(zlib.compress(b"".join(part.tobytes() for part in state))).decode()


def put(name: str, where: Any, value: int) -> Callable[[AdderState], None]:
    def change(state: AdderState) -> None:
        getattr(state, name)[where] = value

    return change


def without_a_lower_parent(state: AdderState) -> None:
    state.present[7, 1:7] = state.present[6, 3] = 0
    state.present[7, 3] = 1


DAMAGES = {
    "an input is missing": put("present", (4, 4), 0),
    "an output is missing": put("present", (5, 0), 0),
    "a node above the diagonal": put("present", (2, 6), 1),
    "a lower parent is missing": without_a_lower_parent,
    "lower parents are missing": put("present", (slice(2, 7), slice(1, 6)), 0),
    "a flag of two": put("present", (3, 0), 2),
    "a negative size": put("size", 11, -1),
    "a size without a cell": put("size", 3, 3),
    "the last size without a cell": put("size", -1, 127),
    "a polarity of two": put("polarity", (3, 1), 2),
    "a polarity of minus two": put("polarity", (7, 7), -2),
    "the lowest polarity": put("polarity", (7, 7), -128),
    "another pin order": put("swapped", 3, 5),
    "other buffers": put("behind", (0, 2), 255),
    "other p modes": put("or_bits", 7, 3),
    "another number of leaves": put("flags", 2, 9),
    "a carry in": put("flags", 0, 1),
    "another carry out": put("flags", 1, 7),
}


@pytest.mark.parametrize("which", ["current", "best"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_walkers_are_refused(make: Make, damage: str, which: str) -> None:
    searcher = make()
    run(searcher, 3)
    state = through_json(searcher)
    kept = copy.deepcopy(state)
    walker = state["own"]["walkers"][1]
    walker[which] = rewritten(walker[which], DAMAGES[damage])
    with pytest.raises(CheckpointError, match="a saved walker is damaged"):
        searcher.restore(state)
    assert through_json(searcher) == kept


@pytest.mark.parametrize(
    "costs", [[1.0, 2.0], [1e400, 1.0], ["nan", "nan"], [1.0], [], [10**400, 1], "12", [[1.0], 2]]
)
def test_costs_that_are_not_those_of_their_states_are_refused(make: Make, costs: Any) -> None:
    searcher = make()
    run(searcher, 2)
    state = through_json(searcher)
    state["own"]["walkers"][0]["costs"] = costs
    with pytest.raises(CheckpointError, match="a saved walker"):
        searcher.restore(state)


def test_texts_that_are_too_long_or_cut_are_refused(make: Make) -> None:
    searcher = make()
    run(searcher, 2)
    state = through_json(searcher)
    good = state["own"]["walkers"][0]["best"]
    raw = zlib.decompress(base64.b64decode(good))
    for bad in (
        base64.b64encode(zlib.compress(raw + b"\0")).decode(),
        base64.b64encode(zlib.compress(raw[:-1])).decode(),
        base64.b64encode(zlib.compress(bytes(50_000_000))).decode(),
        base64.b64encode(zlib.compress(raw)[:-20]).decode(),
        good[:-8],
        "é" + good,
        "",
    ):
        state["own"]["walkers"][0]["best"] = bad
        with pytest.raises(CheckpointError, match="a saved walker is damaged"):
            searcher.restore(state)


def test_walkers_are_there_once_it_has_begun(make: Make) -> None:
    fresh, begun = make(), make()
    run(begun, 2)
    state = through_json(begun)
    for own in ({**state["own"], "walkers": []}, {**state["own"], "round": 0}):
        with pytest.raises(CheckpointError, match="should have walkers once it has begun"):
            fresh.restore({**state, "own": own})
    assert fresh.found is None
    for number in (-1, SHORT.rounds + 1):
        with pytest.raises(CheckpointError, match="'round'"):
            fresh.restore({**state, "own": {**state["own"], "round": number}})


@cache
def _saved(make_: Make) -> dict[str, Any]:
    searcher = make_()
    run(searcher, 3)
    return through_json(searcher)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_refused_or_harmless_and_changes_nothing_when_refused(
    make: Make, data: st.DataObject
) -> None:
    state = _saved(make)
    path = data.draw(st.sampled_from(places(state)))
    searcher = make(seed=6)
    run(searcher, 1)
    before = through_json(searcher)
    try:
        searcher.restore(damaged(state, path, data.draw(JUNK)))
    except CheckpointError:
        assert through_json(searcher) == before
    else:
        run(searcher, 2)
        json.dumps(searcher.state(), allow_nan=False)
