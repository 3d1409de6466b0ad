"""Moves on a timed netlist: timing stays that of a full run, and the netlist the same adder."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.hdl.netlist import Instance, MappedNetlist
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import Circuit, Port
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.prove import prove_many
from edarl.synthesis.timing.arrays import NetArrays
from edarl.synthesis.timing.edits import (
    add_buffer,
    area_of,
    drop_buffer,
    move_sinks,
    set_cell,
    swap_pins,
)
from edarl.synthesis.timing.joint import polish
from edarl.synthesis.timing.mapping import adder_netlist, adder_state
from edarl.synthesis.timing.netlist import driver_cell, from_mapped
from edarl.synthesis.timing.sizing import orient, shrink
from edarl.synthesis.timing.timer import circuit_delay, link_sinks, time_fully
from tests.synthesis.timing.support import (
    Bench,
    adders,
    assert_same_timing,
    chain,
    copy_of,
    random_adder,
    sinks_of,
)
from tests.synthesis.timing.test_mapping import random_state

_BUF = 1


class Walk:
    """A timed netlist on which random moves are made."""

    def __init__(self, bench: Bench, arrays: NetArrays, random: Random) -> None:
        self.bench, self.arrays, self.random = bench, arrays, random

    def step(self, kind: str) -> float | None:
        """Make a move of a kind; give the delay it reports, None when there is no such move."""
        return {
            "size": self.resize,
            "swap": self.swap,
            "add": self.add,
            "drop": self.drop,
            "move": self.move,
            "shrink": self.shrink,
        }[kind]()

    def gates(self) -> list[int]:
        return list(range(int(self.arrays.size[0])))

    def resize(self) -> float:
        gate = self.random.choice(self.gates())
        cell = self.random.choice(self.bench.strengths(int(self.arrays.cell[gate])))
        return float(set_cell(self.bench.cells, self.arrays, gate, cell))

    def swap(self) -> float | None:
        cells = self.bench.cells
        several = [g for g in self.gates() if cells.inputs[self.arrays.cell[g]] > 1]
        gate = self.random.choice(several)
        return float(swap_pins(cells, self.arrays, gate))

    def add(self) -> float | None:
        arrays = self.arrays
        if arrays.size[0] == len(arrays.cell):
            return None
        net = int(arrays.size[1]) + self.random.choice(self.gates())
        moved = [sink for sink in sinks_of(arrays, net) if self.random.random() < 0.6]
        if not moved:
            return None
        cell = self.random.choice(self.bench.strengths(int(self.bench.cells.family[_BUF, 0])))
        sinks = np.array(moved, dtype=np.int32)
        return float(add_buffer(self.bench.cells, arrays, net, cell, sinks, len(moved)))

    def buffers(self) -> list[int]:
        """Give the buffers inside the netlist."""
        arrays = self.arrays
        outputs = set((arrays.outputs - arrays.size[1]).tolist())
        function = self.bench.cells.function
        return [
            gate
            for gate in self.gates()
            if function[arrays.cell[gate]] == _BUF and gate not in outputs
        ]

    def drop(self) -> float | None:
        buffers = self.buffers()
        if not buffers:
            return None
        return float(drop_buffer(self.bench.cells, self.arrays, self.random.choice(buffers)))

    def move(self) -> float | None:
        """Move sinks behind a buffer of their net, or back."""
        buffers = self.buffers()
        if not buffers:
            return None
        arrays, gate = self.arrays, self.random.choice(buffers)
        nets = [int(arrays.fanin[gate, 0]), int(arrays.size[1]) + gate]
        self.random.shuffle(nets)
        later = [
            sink
            for sink in sinks_of(arrays, nets[0])
            if arrays.position[sink >> 3] > arrays.position[gate] and self.random.random() < 0.6
        ]
        sinks = np.array(later, dtype=np.int32)
        return float(move_sinks(self.bench.cells, arrays, *nets, sinks, len(later)))

    def shrink(self) -> float | None:
        """Make a gate smaller or drop a buffer, and sometimes let it be undone."""
        arrays, gate = self.arrays, self.random.choice(self.gates())
        target = self.random.choice((np.inf, -np.inf))
        before = float(circuit_delay(arrays))
        gates = int(arrays.size[0])
        area = area_of(self.bench.cells, arrays)
        sinks = np.zeros(len(arrays.cell), dtype=np.int32)
        if shrink(self.bench.cells, arrays, gate, target, sinks):
            assert target > 0
            assert area_of(self.bench.cells, arrays) <= area + 1e-9
        else:
            assert circuit_delay(arrays) == pytest.approx(before, rel=1e-12)
            assert area_of(self.bench.cells, arrays) == pytest.approx(area)
            assert arrays.size[0] == gates
        return float(circuit_delay(arrays))


def assert_lists_are_whole(bench: Bench, arrays: NetArrays) -> None:
    """Check the sinks of every net against the pins, and that drivers stand before users."""
    gates, inputs = int(arrays.size[0]), int(arrays.size[1])
    on_net: dict[int, set[int]] = {net: set() for net in range(inputs + gates)}
    for gate in range(gates):
        for pin in range(int(bench.cells.inputs[arrays.cell[gate]])):
            net = int(arrays.fanin[gate, pin])
            on_net[net].add(8 * gate + pin)
            assert net < inputs or arrays.position[net - inputs] < arrays.position[gate]
    for net, expected in on_net.items():
        found = sinks_of(arrays, net)
        assert len(found) == len(expected)
        assert set(found) == expected
    assert sorted(arrays.order[:gates].tolist()) == list(range(gates))
    assert (arrays.position[arrays.order[:gates]] == np.arange(gates)).all()


def assert_rebuilt_is_the_same(bench: Bench, arrays: NetArrays, circuit: Circuit) -> MappedNetlist:
    """Check loads, arrivals and slews against a netlist that is emitted and read back."""
    netlist = bench.mapped(arrays, circuit)
    rebuilt = bench.timed(netlist)
    gates, inputs = int(arrays.size[0]), int(arrays.size[1])
    nets = np.concatenate([np.arange(inputs), inputs + arrays.order[:gates]])
    for name in ("load", "arrival", "slew"):
        old, new = getattr(arrays, name)[nets], getattr(rebuilt, name)[: inputs + gates]
        np.testing.assert_allclose(old, new, rtol=0, atol=1e-6, err_msg=name)
    assert area_of(bench.cells, arrays) == pytest.approx(bench.area(netlist), abs=1e-6)
    return netlist


KINDS = ("size", "size", "swap", "add", "add", "drop", "move", "shrink")
MOVES = st.lists(st.sampled_from(KINDS), min_size=1, max_size=30)


@given(design=adders(), moves=MOVES, seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_after_any_moves_every_load_arrival_and_slew_is_that_of_a_full_timing(
    small: Bench, design: Design, moves: list[str], seed: int
) -> None:
    arrays = small.built(adder_state(design))
    walk = Walk(small, arrays, Random(seed))
    for kind in moves:
        reported = walk.step(kind)
        if reported is not None:
            assert reported == circuit_delay(arrays)
            assert_same_timing(small, arrays)
    assert_lists_are_whole(small, arrays)
    netlist = assert_rebuilt_is_the_same(small, arrays, design.circuit)
    assert small.is_right(netlist, design.circuit)


@pytest.mark.parametrize("library", ["nangate", "sky", "osu"])
def test_long_walks_in_real_libraries_stay_exact_and_proven(
    library: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(library)
    circuit = Circuit("adder", 16, carry_out=True)
    texts = []
    for number, name in enumerate(("sklansky", "brent_kung", "kogge_stone")):
        random = Random(number)
        design = Design(structure(name, 16), circuit, random.getrandbits(16))
        arrays = bench.built(adder_state(design))
        walk = Walk(bench, arrays, random)
        for _ in range(200):
            walk.step(random.choice(KINDS))
            assert_same_timing(bench, arrays)
        assert_lists_are_whole(bench, arrays)
        texts.append(mapped_verilog(assert_rebuilt_is_the_same(bench, arrays, circuit)))
    proofs = prove_many(texts, circuit, library=bench.library)
    assert [proof.verdict for proof in proofs] == ["proven"] * 3


@given(design=adders(), moves=MOVES, seed=st.integers(0, 2**32))
@settings(max_examples=50)
def test_taking_every_buffer_out_again_gives_the_netlist_from_before(
    small: Bench, design: Design, moves: list[str], seed: int
) -> None:
    arrays = small.built(adder_state(design))
    before = copy_of(arrays)
    walk = Walk(small, arrays, Random(seed))
    for kind in moves:
        if kind == "add":
            walk.step(kind)
    assert not Walk(small, before, Random(0)).buffers()
    while walk.buffers():
        walk.drop()
    gates, inputs = int(before.size[0]), int(before.size[1])
    assert arrays.size.tolist() == before.size.tolist()
    assert np.array_equal(arrays.fanin[:gates], before.fanin[:gates])
    assert np.array_equal(arrays.cell[:gates], before.cell[:gates])
    np.testing.assert_allclose(
        arrays.arrival[: inputs + gates], before.arrival[: inputs + gates], rtol=1e-12
    )


@given(design=adders(), seed=st.integers(0, 2**32))
@settings(max_examples=50)
def test_exchanging_pins_twice_and_sizing_there_and_back_changes_nothing(
    small: Bench, design: Design, seed: int
) -> None:
    arrays = small.built(adder_state(design))
    before = copy_of(arrays)
    walk = Walk(small, arrays, Random(seed))
    several = [g for g in walk.gates() if small.cells.inputs[arrays.cell[g]] > 1]
    gate = walk.random.choice(several)
    for _ in range(2):
        swap_pins(small.cells, arrays, gate)
    strengths = small.strengths(int(arrays.cell[gate]))
    for cell in (strengths[-1], strengths[0]):
        set_cell(small.cells, arrays, gate, cell)
    nets = int(arrays.size[0] + arrays.size[1])
    assert np.array_equal(arrays.fanin, before.fanin)
    assert np.array_equal(arrays.swapped, before.swapped)
    for name in ("load", "arrival", "slew"):
        np.testing.assert_allclose(
            getattr(arrays, name)[:nets], getattr(before, name)[:nets], rtol=1e-12
        )


def test_a_dropped_buffer_leaves_the_loads_of_the_gate_that_takes_its_number_exact(
    nangate: Bench,
) -> None:
    # Three and more capacitances add up differently in another order of sinks.
    design = Design.of(structure("sklansky", 16), Circuit("adder", 16))
    for seed in range(40):
        random = Random(seed)
        state = adder_state(design)
        state.size[:] = [random.randrange(4) for _ in state.size]
        arrays = nangate.built(state)
        first = int(arrays.size[1])
        wide = [
            net for net in range(first, first + arrays.size[0]) if len(sinks_of(arrays, net)) > 3
        ]
        nets = random.sample(wide, 2)
        buffer = int(nangate.cells.family[_BUF, 0])
        for net in nets:
            sinks = np.array(random.sample(sinks_of(arrays, net), 2), dtype=np.int32)
            add_buffer(nangate.cells, arrays, net, buffer, sinks, 2)
        for sink in sinks_of(arrays, nets[1]):
            if nangate.cells.inputs[arrays.cell[sink >> 3]] > 1:
                swap_pins(nangate.cells, arrays, sink >> 3)
        drop_buffer(nangate.cells, arrays, int(arrays.size[0]) - 2)
        assert_same_timing(nangate, arrays)


def test_dropping_a_buffer_of_a_primary_input_times_the_inputs_other_sinks_again(
    small: Bench,
) -> None:
    first, *rest = chain("BUFT", "INVT", "INVT").instances
    ports = (Port("a", "input", 1), Port("y", "output", 1), Port("z", "output", 1))
    beside = Instance("INVT", (("A", "a"), ("Y", "z")))
    netlist = MappedNetlist("two", ports, (beside, first, *rest))
    arrays = small.timed(netlist)
    set_cell(small.cells, arrays, 2, small.strengths(int(arrays.cell[2]))[-1])
    drop_buffer(small.cells, arrays, 1)
    assert_same_timing(small, arrays)


def test_resizing_a_gate_on_a_primary_input_times_the_inputs_other_sinks_again(
    small: Bench,
) -> None:
    design = Design.of(structure("ripple", 4), Circuit("adder", 4))
    arrays = small.built(adder_state(design))
    for gate in range(int(arrays.size[0])):
        if arrays.fanin[gate, 0] < arrays.size[1]:
            set_cell(small.cells, arrays, gate, small.strengths(int(arrays.cell[gate]))[-1])
            assert_same_timing(small, arrays)


def test_a_buffer_fits_into_the_last_place_that_there_is(small: Bench) -> None:
    netlist = replace(chain("INVT", "INVT", "INVT"), name="full")
    arrays = small.timed(netlist, spare=2)
    assert len(arrays.cell) == 5
    buffer = int(small.cells.family[_BUF, 0])
    for _ in range(2):
        sinks = np.array(sinks_of(arrays, 1), dtype=np.int32)
        add_buffer(small.cells, arrays, 1, buffer, sinks, 1)
        assert_same_timing(small, arrays)
    assert arrays.size[0] == len(arrays.cell)
    assert_lists_are_whole(small, arrays)
    drop_buffer(small.cells, arrays, 3)
    assert_same_timing(small, arrays)
    assert_lists_are_whole(small, arrays)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_orienting_exchanges_pins_only_and_times_in_full(small: Bench, seed: int) -> None:
    design = random_adder(8, Random(seed))
    arrays = small.built(adder_state(design))
    before = copy_of(arrays)
    delay = orient(small.cells, arrays)
    gates = int(arrays.size[0])
    assert np.array_equal(arrays.cell[:gates], before.cell[:gates])
    assert np.array_equal(
        np.sort(arrays.fanin[:gates], axis=1), np.sort(before.fanin[:gates], axis=1)
    )
    exchanged = (arrays.fanin[:gates] != before.fanin[:gates]).any(axis=1)
    twins = before.fanin[:gates, 0] == before.fanin[:gates, 1]
    assert (exchanged == (arrays.swapped[:gates] & ~twins)).all()
    assert delay == circuit_delay(arrays)
    assert_same_timing(small, arrays)
    assert_lists_are_whole(small, arrays)
    assert small.is_right(small.mapped(arrays, design.circuit), design.circuit)


@pytest.mark.parametrize("library", ["small", "nangate"])
def test_polishing_any_state_leaves_exact_timing_and_a_state_that_builds_the_same_again(
    library: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(library)
    for seed in range(150):
        random = Random(seed)
        design = random_adder(random.randint(3, 12), random)
        state = random_state(design, random)
        arrays, scratch = adder_netlist(
            state,
            pins=bench.cells.cap.shape[1],
            driver=driver_cell(bench.timing, bench.constraint),
            load_ff=bench.constraint.load_ff,
        )
        target = random.uniform(50, 400)
        delay, area = polish(bench.cells, state, scratch, arrays, target, 4)
        assert delay == circuit_delay(arrays)
        assert area == pytest.approx(area_of(bench.cells, arrays))
        assert_same_timing(bench, arrays)
        assert_lists_are_whole(bench, arrays)
        assert bench.is_right(bench.mapped(arrays, design.circuit), design.circuit, vectors=30)
        again = bench.built(state)
        assert circuit_delay(again) == pytest.approx(delay, rel=1e-12)
        assert area_of(bench.cells, again) == pytest.approx(area)


def test_relinking_does_not_change_the_delay(small: Bench) -> None:
    netlist = small.mapped(
        small.built(adder_state(random_adder(8, Random(3)))), random_adder(8, Random(3)).circuit
    )
    arrays = from_mapped(netlist, small.timing, small.constraint)
    for _ in range(2):
        link_sinks(small.cells, arrays)
        assert time_fully(small.cells, arrays) == pytest.approx(small.delay(netlist), rel=1e-12)
