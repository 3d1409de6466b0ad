"""The sizer: its figures are those of the netlists it gives, and these are the circuits."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.errors import ConfigError, NetlistError
from edarl.hdl.blif import bind, mapped_blif
from edarl.hdl.mapping import map_direct
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Constraint
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.prove import prove_many
from edarl.synthesis.timing.netlist import FUNCTION_INDEX
from edarl.synthesis.timing.sizer import EFFORTS, Effort, Sizer
from tests.hdl.designs import random_design
from tests.synthesis.timing.support import Bench, random_adder
from tests.tools import require_tool

ROOT = Path(__file__).resolve().parents[3]
RELAXED_PS = 1e6
LIBRARIES = ["nangate", "osu", "sky"]


def sizer(bench: Bench, effort: Effort = "normal") -> Sizer:
    return Sizer(bench.library, bench.constraint, effort=effort)


def shares(bench: Bench, design: Design, *factors: float) -> list[float]:
    """Give targets as shares of the delay that the design has in smallest cells."""
    relaxed = sizer(bench).curve(design, [RELAXED_PS])[0].delay_ps
    return [factor * relaxed for factor in factors]


def smallest_area(bench: Bench, design: Design) -> float:
    """Give the area of the direct mapping in the smallest cell of each function."""
    tables, families = bench.timing.tables, bench.timing.families
    least = [min(float(tables.area[cell]) for cell in family) for family in families]
    return sum(least[FUNCTION_INDEX[gate.function]] for gate in map_direct(design).gates)


def regular(name: str, width: int, mode: str = "xor") -> Design:
    return Design.of(structure(name, width), Circuit("adder", width), mode)


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", LIBRARIES)
def test_figures_are_those_of_the_emitted_netlists_and_of_opensta(
    name: str, effort: Effort, request: pytest.FixtureRequest
) -> None:
    require_tool("sta")
    bench: Bench = request.getfixturevalue(name)
    of = sizer(bench, effort)
    netlists, points = [], []
    designs = [regular("sklansky", 16), regular("brent_kung", 24, "or"), random_adder(8, Random(1))]
    designs += [random_design(Circuit("priority_encoder", 9), Random(2))]
    for design in designs:
        for target_ps in shares(bench, design, 0.5, 0.7, 0.9, 10):
            (point,) = of.curve(design, [target_ps])
            netlist = of.netlist(design, target_ps)
            assert point.target_ps == target_ps
            assert bench.delay(netlist) == pytest.approx(point.delay_ps, abs=1e-6)
            assert bench.area(netlist) == pytest.approx(point.area_um2, abs=1e-6)
            netlists.append(netlist)
            points.append(point)
    found = [point.delay_ps for point in points]
    expected = OpenSta(bench.library, bench.constraint).delays(netlists)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)


@pytest.mark.parametrize("name", LIBRARIES)
def test_figures_as_abc_has_them_are_those_that_abc_reports(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    of = Sizer(bench.library, bench.constraint, effort="quick", view="abc")
    with AbcSession(bench.library, bench.constraint) as session:
        for design in (regular("sklansky", 16), random_adder(9, Random(4))):
            for target_ps in shares(bench, design, 0.1, 0.7, 0.85, 10):
                (point,) = of.curve(design, [target_ps])
                session.read_netlist(mapped_blif(of.netlist(design, target_ps)))
                timed = parse_timing(session.run(["topo", "stime"]), 1)[0]
                assert timed.delay_ps == pytest.approx(point.delay_ps, abs=0.02)
                assert timed.area_um2 == pytest.approx(point.area_um2, abs=0.01)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", ["small", *LIBRARIES])
def test_a_target_is_met_or_out_of_reach(
    name: str, effort: Effort, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    for seed in range(4):
        design = random_adder(6 + 2 * seed, Random(seed))
        targets = shares(bench, design, 1.01, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.01)
        points = sizer(bench, effort).curve(design, targets)
        met = [point.delay_ps <= point.target_ps for point in points]
        assert met[0]
        assert not met[-1]
        assert met == sorted(met, reverse=True), "reached again below a target that was not"
        for point in points:
            # The thorough effort changes polarities and so saves inverters of the direct mapping.
            if effort != "thorough":
                assert point.area_um2 >= smallest_area(bench, design) - 1e-6
            assert 0 < point.delay_ps <= points[0].target_ps


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", ["small", *LIBRARIES])
def test_a_relaxed_target_gives_the_smallest_cells(
    name: str, effort: Effort, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    for seed, kind in enumerate(sorted(KINDS)):
        design = random_design(Circuit(kind, 9), Random(seed))
        (point,) = sizer(bench, effort).curve(design, [RELAXED_PS])
        smallest = smallest_area(bench, design)
        if effort == "thorough" and kind == "adder":  # polarities are free, inverters fewer
            assert 0.8 * smallest < point.area_um2 <= smallest + 1e-6
        else:
            assert point.area_um2 == pytest.approx(smallest, abs=1e-6)


def test_the_fastest_netlists_are_faster_and_larger_than_the_smallest(nangate: Bench) -> None:
    for name in ("sklansky", "kogge_stone", "brent_kung"):
        design = regular(name, 32)
        fast, relaxed = sizer(nangate).curve(design, [1.0, RELAXED_PS])
        direct = bind(map_direct(design), nangate.library.bindings)
        assert fast.delay_ps < 0.93 * relaxed.delay_ps
        assert relaxed.delay_ps <= nangate.delay(direct) + 1e-9
        assert relaxed.area_um2 < fast.area_um2 < 3 * relaxed.area_um2


# ---------------------------------------------------------------- one answer


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", ["small", "nangate"])
def test_a_point_does_not_depend_on_what_else_is_asked(
    name: str, effort: Effort, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    of = sizer(bench, effort)
    for seed in range(5):
        random = Random(seed)
        design = random_adder(random.randint(3, 16), random)
        targets = shares(bench, design, 0.95, 0.8, 0.65, 0.5, 0.45, 0.4, 0.3, 0.2, 0.1)
        random.shuffle(targets)
        together = of.curve(design, targets)
        assert [point.target_ps for point in together] == targets
        alone = [of.curve(design, [target])[0] for target in targets]
        assert list(together) == alone
        pair = of.curve(design, [targets[0], targets[1], targets[0]])
        assert list(pair) == [alone[0], alone[1], alone[0]]


@pytest.mark.parametrize("effort", EFFORTS)
def test_the_same_question_has_the_same_answer_to_the_byte(nangate: Bench, effort: Effort) -> None:
    for seed in range(3):
        design = random_adder(12, Random(seed))
        target = shares(nangate, design, 0.6)[0]
        texts = {mapped_verilog(sizer(nangate, effort).netlist(design, target)) for _ in range(3)}
        assert len(texts) == 1
        assert sizer(nangate, effort).curve(design, [target]) == (
            sizer(nangate, effort).curve(design, [target])
        )


def test_threads_give_what_one_thread_gives(nangate: Bench) -> None:
    of = sizer(nangate)
    designs = [random_adder(4 + seed % 20, Random(seed)) for seed in range(24)]
    designs += [random_design(Circuit("comparator", 10), Random(seed)) for seed in range(8)]
    targets = [150.0, 250.0, 400.0, 800.0]
    expected = [of.curve(design, targets) for design in designs]
    for workers in (2, 6):
        with ThreadPoolExecutor(workers) as pool:
            jobs = [pool.submit(of.curve, design, targets) for _ in range(3) for design in designs]
            assert [job.result() for job in jobs] == 3 * expected


def test_no_target_gives_no_point(small: Bench) -> None:
    assert sizer(small).curve(regular("ripple", 4), []) == ()


# ---------------------------------------------------------------- proofs


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_emitted_netlist_is_proven(nangate: Bench, kind: str) -> None:
    entry = KINDS[kind]
    circuit = Circuit(
        kind, 11, carry_in=entry.carry_in is not None, carry_out=entry.carry_out is not None
    )
    texts = []
    for seed, effort in enumerate(EFFORTS):
        design = random_design(circuit, Random(seed))
        texts += [
            mapped_verilog(sizer(nangate, effort).netlist(design, target))
            for target in shares(nangate, design, 0.1, 0.6, 0.9)
        ]
    proofs = prove_many(texts, circuit, library=nangate.library)
    assert [proof.verdict for proof in proofs] == ["proven"] * len(texts)


@pytest.mark.parametrize("name", ["osu", "sky"])
def test_adders_of_other_libraries_are_proven(name: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(name)
    circuit = Circuit("adder", 16, carry_in=True, carry_out=True)
    design = Design(structure("sklansky", 17), circuit, 0b10110)
    texts = [
        mapped_verilog(sizer(bench, effort).netlist(design, target))
        for effort in EFFORTS
        for target in shares(bench, design, 0.1, 0.7)
    ]
    proofs = prove_many(texts, circuit, library=bench.library)
    assert [proof.verdict for proof in proofs] == ["proven"] * len(texts)


@pytest.mark.parametrize("effort", EFFORTS)
@given(seed=st.integers(0, 2**32), share=st.floats(0.05, 1.1))
@settings(max_examples=25)
def test_small_adders_stay_adders_at_any_target(
    small: Bench, effort: Effort, seed: int, share: float
) -> None:
    random = Random(seed)
    design = random_adder(random.randint(2, 6), random)
    (target,) = shares(small, design, share)
    netlist = sizer(small, effort).netlist(design, target)
    assert small.is_right(netlist, design.circuit)
    (point,) = sizer(small, effort).curve(design, [target])
    assert small.delay(netlist) == pytest.approx(point.delay_ps, abs=1e-6)


# ---------------------------------------------------------------- room


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", ["kogge_stone", "sklansky", "ripple"])
def test_128_bits_are_sized_to_their_fastest_and_still_add(
    nangate: Bench, name: str, effort: Effort
) -> None:
    design = regular(name, 128, "or")
    of = sizer(nangate, effort)
    fast, relaxed = of.curve(design, [1.0, RELAXED_PS])
    assert fast.delay_ps < relaxed.delay_ps
    netlist = of.netlist(design, 1.0)
    assert nangate.delay(netlist) == pytest.approx(fast.delay_ps, abs=1e-6)
    assert nangate.is_right(netlist, design.circuit, vectors=100)


def test_a_path_longer_than_what_is_followed_is_still_sized(nangate: Bench) -> None:
    design = regular("ripple", 256)
    (point,) = sizer(nangate, "quick").curve(design, [1.0])
    (relaxed,) = sizer(nangate, "quick").curve(design, [RELAXED_PS])
    assert point.delay_ps < 0.9 * relaxed.delay_ps


def test_no_index_leaves_its_array(small: Bench) -> None:
    # Compiled code does not check indices, so the same functions run here as plain Python.
    command = [sys.executable, "-W", "error", "-m", "tests.synthesis.timing.strict"]
    outputs = []
    for disabled in ("1", "0"):
        ran = subprocess.run(
            [*command, str(small.library.liberty_path)],
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        outputs.append(ran.stdout.splitlines())
    assert outputs[0][:-1] == outputs[1][:-1]
    assert len(outputs[0]) > 20
    assert int(outputs[0][-1]) > 1_000_000


# ---------------------------------------------------------------- errors


def test_an_unknown_effort_is_refused(small: Bench) -> None:
    assert get_args(Effort) == EFFORTS
    with pytest.raises(ConfigError) as caught:
        Sizer(small.library, small.constraint, effort="extreme")
    assert str(caught.value) == (
        "`effort` should be one of quick, normal, thorough, actual value: 'extreme'"
    )


def test_a_driver_without_timing_is_refused(small: Bench) -> None:
    with pytest.raises(NetlistError, match="has no timing for the driver BUFT9"):
        Sizer(small.library, Constraint("BUFT9", 1.0))
