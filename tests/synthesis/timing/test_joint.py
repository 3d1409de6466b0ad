"""Joint annealing: its moves are the environment's, its netlists are what it says they are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from edarl.errors import ConfigError
from edarl.hdl.blif import mapped_blif
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import KINDS as CIRCUIT_KINDS
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph
from edarl.prefix.structures import structure
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.prove import prove_many
from edarl.synthesis.timing.arrays import NetArrays, cell_arrays
from edarl.synthesis.timing.edits import area_of
from edarl.synthesis.timing.joint import (
    KINDS,
    add_node,
    cost_of,
    delete_node,
    find_minlist,
    legalise,
    rebuild,
    write_back,
)
from edarl.synthesis.timing.mapping import AdderState, Scratch, adder_netlist
from edarl.synthesis.timing.netlist import driver_cell
from edarl.synthesis.timing.sizing import fasten, recover
from edarl.synthesis.timing.walkers import JointNetlist, JointWalkers
from tests.hdl.designs import random_graph
from tests.synthesis.timing.support import Bench, random_adder
from tests.synthesis.timing.test_mapping import random_state
from tests.tools import require_tool

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "edarl" / "synthesis" / "timing"
ALL_KINDS = (0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1)
CARRIES = [(False, False), (False, True), (True, False), (True, True)]


def grid_of(graph: PrefixGraph) -> np.ndarray:
    """Give a graph as the kernel has it."""
    present = np.eye(graph.width, dtype=np.bool_)
    for msb, lsb in graph.nodes():
        present[msb, lsb] = True
    return present


def walkers(
    bench: Bench, circuit: Circuit, share: float, *, count: int = 2, names: tuple[str, ...] = ()
) -> JointWalkers:
    """Give walkers that have begun; the target is a share of what the first start needs."""
    starts = [
        Design.of(structure(name, circuit.leaves), circuit, "or" if number % 2 else "xor")
        for number, name in enumerate(names or ("sklansky", "ripple"))
    ]
    relaxed = JointWalkers(bench.library, bench.constraint, 1e6, circuit, count=1)
    relaxed.begin(starts[:1])
    found = JointWalkers(
        bench.library, bench.constraint, share * relaxed.best().delay_ps, circuit, count=count
    )
    found.begin(starts)
    return found


def walked(bench: Bench, circuit: Circuit, share: float, steps: int) -> JointWalkers:
    """Give walkers that have walked and are clean."""
    found = walkers(bench, circuit, share)
    rng = np.random.default_rng(0)
    for _ in range(2):
        found.walk(steps, 0.01, 0.002, ALL_KINDS, rng.integers(1 << 31, size=2).tolist())
        found.clean()
        found.exchange(rng, 1)
    return found


# ---------------------------------------------------------------- moves


@pytest.mark.parametrize("width", [3, 4, 5, 8, 13, 24, 33, 40])
def test_moves_on_the_kernels_graphs_are_those_of_the_environment(width: int) -> None:
    random = Random(width)
    graph = random_graph(width, random)
    present, kept = grid_of(graph), np.zeros((width, width), dtype=np.bool_)
    for _ in range(150):
        mask = graph.legal_moves()
        assert find_minlist(present, kept) == mask[1].sum()
        np.testing.assert_array_equal(kept, mask[1])
        kind = random.choice([kind for kind in (0, 1) if mask[kind].any()])
        msb, lsb = random.choice(np.argwhere(mask[kind]).tolist())
        graph = graph.apply(Move("delete" if kind else "add", msb, lsb))
        (delete_node if kind else add_node)(present, kept, msb, lsb)
        np.testing.assert_array_equal(present, grid_of(graph))


@pytest.mark.parametrize("width", [2, 3, 9, 40])
def test_legalising_adds_the_missing_lower_parents(width: int) -> None:
    random = Random(width)
    for _ in range(20):
        picked = [(m, random.randrange(m)) for m in random.choices(range(1, width), k=width)]
        present = np.eye(width, dtype=np.bool_)
        present[:, 0] = True
        for msb, lsb in picked:
            present[msb, lsb] = True
        legalise(present)
        np.testing.assert_array_equal(present, grid_of(PrefixGraph.legalise(width, picked)))


# ---------------------------------------------------------------- states and netlists


def arrays_for(bench: Bench, state: AdderState) -> tuple[NetArrays, Scratch]:
    return adder_netlist(
        state,
        pins=bench.cells.cap.shape[1],
        driver=driver_cell(bench.timing, bench.constraint),
        load_ff=bench.constraint.load_ff,
    )


def gates_by_slot(arrays: NetArrays) -> dict[int, tuple[int, tuple[int, ...]]]:
    """Give the gates by their slots: cell and what is on each pin, inputs as negative numbers."""
    inputs = int(arrays.size[1])
    slots = arrays.slot.tolist()
    named = {}
    for gate in range(int(arrays.size[0])):
        pins = [int(net) for net in arrays.fanin[gate] if net >= 0]
        sources = tuple(slots[net - inputs] if net >= inputs else -1 - net for net in pins)
        named[slots[gate]] = (int(arrays.cell[gate]), sources)
    assert len(named) == arrays.size[0]
    return named


@pytest.mark.parametrize("name", ["small", "nangate", "osu", "sky"])
def test_a_state_rebuilds_the_netlist_that_was_written_into_it(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    cells = bench.cells
    has_buffers = 0
    for seed in range(25):
        random = Random(seed)
        state = random_state(random_adder(random.randint(2, 20), random), random)
        arrays, scratch = arrays_for(bench, state)
        delay = rebuild(cells, state, scratch, arrays)
        path, sinks = np.zeros((4, 512), np.int32), np.zeros(len(arrays.cell), np.int32)
        target = delay * random.choice([0.6, 0.8, 0.9, 1.1])
        one_buffer_each = np.array((np.inf, np.inf, 1.0))
        delay = fasten(
            cells, arrays, target, one_buffer_each, path, sinks, np.ones(1, dtype=np.int64)
        )
        if delay <= target:
            delay = recover(cells, arrays, target, 3, sinks)
        expected, area = gates_by_slot(arrays), area_of(cells, arrays)
        has_buffers += any(slot >= arrays.size[3] for slot in expected)
        write_back(cells, arrays, scratch, state)
        again, fresh = arrays_for(bench, state)
        rebuilt = rebuild(cells, state, fresh, again)
        assert gates_by_slot(again) == expected
        # The same numbers are added up in another order.
        assert rebuilt == pytest.approx(delay, rel=1e-12)
        assert area_of(cells, again) == pytest.approx(area, rel=1e-12)
        # Written once more, nothing changes, to the bit.
        before = [array.copy() for array in state]
        write_back(cells, again, fresh, state)
        for old, new in zip(before, state, strict=True):
            np.testing.assert_array_equal(old, new)
        assert rebuild(cells, state, fresh, again) == rebuilt
    assert has_buffers >= 4


# ---------------------------------------------------------------- what is found


def confirm(bench: Bench, circuit: Circuit, netlists: list[JointNetlist]) -> None:
    """Check netlists against proofs, OpenSTA and ABC."""
    proofs = prove_many(
        [mapped_verilog(found.netlist) for found in netlists], circuit, library=bench.library
    )
    assert [proof.verdict for proof in proofs] == ["proven"] * len(netlists)
    by_sta = OpenSta(bench.library, bench.constraint).delays([f.netlist for f in netlists])
    as_abc = cell_arrays(bench.timing, "abc")
    cautious = cell_arrays(bench.timing, "cautious")
    with AbcSession(bench.library, bench.constraint) as session:
        for found, sta_delay_ps in zip(netlists, by_sta, strict=True):
            assert bench.delay(found.netlist) == pytest.approx(sta_delay_ps, abs=0.01)
            session.read_netlist(mapped_blif(found.netlist))
            timed = parse_timing(session.run(["topo", "stime"]), 1)[0]
            assert bench.delay(found.netlist, as_abc) == pytest.approx(timed.delay_ps, abs=0.02)
            assert found.area_um2 == pytest.approx(timed.area_um2, abs=0.01)
            assert found.delay_ps == pytest.approx(bench.delay(found.netlist, cautious), rel=1e-9)
            assert found.delay_ps >= max(sta_delay_ps, timed.delay_ps) - 0.02


@pytest.mark.parametrize(
    ("name", "width", "carries", "steps"),
    [
        ("nangate", 3, CARRIES, 40),
        ("nangate", 8, CARRIES, 60),
        ("nangate", 33, CARRIES[1:3], 40),
        ("nangate", 70, CARRIES[3:], 15),
        ("osu", 2, CARRIES, 20),
        ("osu", 4, CARRIES, 60),
        ("osu", 16, CARRIES[1:2], 60),
        ("sky", 8, CARRIES, 40),
        ("sky", 24, CARRIES[2:3], 30),
    ],
)
def test_what_is_found_is_proven_and_as_fast_and_small_as_it_says(
    name: str,
    width: int,
    carries: list[tuple[bool, bool]],
    steps: int,
    request: pytest.FixtureRequest,
) -> None:
    require_tool("sta")
    bench: Bench = request.getfixturevalue(name)
    for carry_in, carry_out in carries:
        circuit = Circuit("adder", width, carry_in, carry_out)
        found = []
        for share in (0.55, 0.8, 1.2):
            best = walked(bench, circuit, share, steps)
            found.append(best.best())
            assert cost_of(found[-1].area_um2, found[-1].delay_ps, best.target_ps) == pytest.approx(
                min(best.costs), rel=1e-9
            )
        confirm(bench, circuit, found)


def test_every_kind_of_change_is_tried_and_accepted(nangate: Bench) -> None:
    best = walkers(nangate, Circuit("adder", 16), 0.8)
    best.walk(400, 0.1, 0.1, ALL_KINDS, (1, 2))
    assert tuple(best.counts) == KINDS
    for kind, (tried, accepted) in best.counts.items():
        assert 0 < accepted < tried, kind


def test_walking_saves_area_at_the_same_delay(nangate: Bench) -> None:
    begun = walkers(nangate, Circuit("adder", 16), 0.8)
    before = begun.best()
    after = walked(nangate, Circuit("adder", 16), 0.8, 1500).best()
    assert before.delay_ps <= begun.target_ps
    assert after.delay_ps <= begun.target_ps
    assert after.area_um2 < 0.95 * before.area_um2


def test_costs_never_rise_and_walkers_share_nothing_that_changes(osu: Bench) -> None:
    found = walkers(osu, Circuit("adder", 10), 0.7, count=3)
    rng = np.random.default_rng(3)
    costs = found.costs
    for _ in range(12):
        before, saved = found.snapshot(), found.state()
        found.walk(40, 0.05, 0.01, ALL_KINDS, rng.integers(1 << 31, size=3).tolist())
        found.exchange(rng, 2)
        found.clean(every=bool(rng.integers(2)))
        assert all(new <= old for new, old in zip(found.costs, costs, strict=True))
        costs = found.costs
        after = found.snapshot()
        found.back_to(before)
        assert found.state() == saved
        found.back_to(after)


def test_without_a_reachable_target_the_fastest_is_sought(nangate: Bench) -> None:
    best = walked(nangate, Circuit("adder", 8), 0.01, 100)
    assert best.best().delay_ps > best.target_ps
    assert nangate.is_right(best.best().netlist, best.circuit)


@pytest.mark.parametrize("kind", sorted(set(CIRCUIT_KINDS) - {"adder"}))
def test_other_circuits_are_refused(kind: str, small: Bench) -> None:
    with pytest.raises(ConfigError, match=rf"builds adders, actual circuit: {kind}_8"):
        JointWalkers(small.library, small.constraint, 1.0, Circuit(kind, 8), count=1)


@pytest.mark.parametrize(("count", "threads"), [(0, 1), (1, 0)])
def test_there_are_walkers_and_threads(count: int, threads: int, small: Bench) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        JointWalkers(
            small.library, small.constraint, 1.0, Circuit("adder", 8), count=count, threads=threads
        )


# ---------------------------------------------------------------- indices


def child(small: Bench, module: str, **environment: str) -> list[str]:
    """Run a module of these tests in a process of its own; give its lines."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, str(small.library.liberty_path)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout.splitlines()


def test_no_index_leaves_its_array(small: Bench) -> None:
    # Compiled code does not check indices, so the same functions run here as plain Python.
    plain = child(small, "tests.synthesis.timing.strict_joint", NUMBA_DISABLE_JIT="1")
    compiled = child(small, "tests.synthesis.timing.strict_joint", NUMBA_DISABLE_JIT="0")
    assert plain[:-1] == compiled[:-1]
    assert len(plain) > 8
    assert int(plain[-1]) > 200_000


@pytest.fixture
def checked_code(request: pytest.FixtureRequest) -> Path:
    """Where code with checked indices is kept between test runs, until the sources change."""
    sources = b"".join(path.read_bytes() for path in sorted(SOURCES.glob("*.py")))
    folder: Path = request.config.cache.mkdir("edarl-checked-indices")
    stamp = folder / "sources.sha256"
    digest = hashlib.sha256(sources).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(folder)
        folder.mkdir()
        stamp.write_text(digest)
    return folder


def test_no_index_leaves_its_array_at_larger_widths(small: Bench, checked_code: Path) -> None:
    module = "tests.synthesis.timing.bounds_joint"
    checked = child(small, module, NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(checked_code))
    assert checked == child(small, module)
    assert len(checked) == 15
