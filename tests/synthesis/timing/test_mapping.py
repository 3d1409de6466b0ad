"""The compiled mapping: gate for gate the direct mapping, and right whatever the state asks for."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import FUNCTIONS, Netlist, port_bits
from edarl.hdl.verilog import mapped_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.structures import REGULAR, structure
from edarl.synthesis.prove import prove_many
from edarl.synthesis.timing.arrays import NetArrays
from edarl.synthesis.timing.mapping import (
    AdderState,
    adder_netlist,
    adder_state,
    build_adder,
    gate_room,
    slots_of,
)
from edarl.synthesis.timing.netlist import driver_cell, from_gates
from edarl.synthesis.timing.timer import link_sinks, time_fully
from tests.hdl.designs import random_graph
from tests.synthesis.timing.support import Bench, adders, random_adder

CARRIES = [(False, False), (False, True), (True, False), (True, True)]
Numbers = dict[tuple[object, ...], int]


def shape_of_gates(netlist: Netlist, numbers: Numbers) -> tuple[Counter[int], list[int]]:
    """Give the gates up to the names of their nets: what each computes from which inputs."""
    ports = netlist.circuit.ports()
    inputs = [bit for port in ports if port.direction == "input" for bit in port_bits(port)]
    outputs = [bit for port in ports if port.direction == "output" for bit in port_bits(port)]
    known = {net: numbers.setdefault((net,), len(numbers)) for net in inputs}
    gates: Counter[int] = Counter()
    for function, sources, output in netlist.gates:
        key = (function, *(known[net] for net in sources))
        known[output] = numbers.setdefault(key, len(numbers))
        gates[known[output]] += 1
    return gates, [known[net] for net in outputs]


def shape_of_arrays(
    bench: Bench, arrays: NetArrays, circuit: Circuit, numbers: Numbers
) -> tuple[Counter[int], list[int]]:
    """Give the same of arrays."""
    names = list(FUNCTIONS)
    ports = circuit.ports()
    inputs = [bit for port in ports if port.direction == "input" for bit in port_bits(port)]
    known = {net: numbers.setdefault((bit,), len(numbers)) for net, bit in enumerate(inputs)}
    gates: Counter[int] = Counter()
    for gate in arrays.order[: arrays.size[0]].tolist():
        function = names[bench.cells.function[arrays.cell[gate]]]
        sources = arrays.fanin[gate, : FUNCTIONS[function][0]].tolist()
        key = (function, *(known[net] for net in sources))
        net = len(inputs) + gate
        known[net] = numbers.setdefault(key, len(numbers))
        gates[known[net]] += 1
    return gates, [known[net] for net in arrays.outputs.tolist()]


def assert_is_the_direct_mapping(bench: Bench, design: Design) -> None:
    netlist = map_direct(design)
    arrays = bench.built(adder_state(design))
    numbers: Numbers = {}
    expected = shape_of_gates(netlist, numbers)
    assert shape_of_arrays(bench, arrays, design.circuit, numbers) == expected
    other = from_gates(netlist, bench.timing, bench.constraint)
    link_sinks(bench.cells, other)
    delay = time_fully(bench.cells, other)
    assert time_fully(bench.cells, arrays) == pytest.approx(delay, rel=1e-12)
    area = [bench.cells.area[n.cell[: n.size[0]]].sum() for n in (arrays, other)]
    assert area[0] == pytest.approx(area[1], rel=1e-12)
    assert np.array_equal(arrays.outside[arrays.outputs], other.outside[other.outputs])


def seeds() -> st.SearchStrategy[int]:
    """Seeds of `random_state`: states themselves are too long to print."""
    return st.integers(0, 2**32)


def random_state(design: Design, random: Random | int) -> AdderState:
    """Choose polarities, sizes, pins and buffers; sometimes few of them, sometimes all."""
    random = Random(random) if isinstance(random, int) else random
    state = adder_state(design)
    rng = np.random.default_rng(random.getrandbits(32))
    forced, swaps, hangs = (random.choice((0.0, 0.1, 0.5, 1.0)) for _ in range(3))
    signs = rng.choice(np.array([-1, 1], dtype=np.int8), state.polarity.shape)
    state.polarity[:] = signs * (rng.random(signs.shape) < forced)
    state.size[:] = rng.integers(0, random.choice((1, 3, 9)), state.size.shape)
    state.swapped[:] = rng.random(state.swapped.shape) < swaps
    state.behind[:] = rng.random(state.behind.shape) < hangs
    return state


# ---------------------------------------------------------------- the direct mapping


@pytest.mark.parametrize("name", REGULAR)
def test_regular_structures_are_mapped_gate_for_gate_as_map_direct_does(
    small: Bench, name: str
) -> None:
    for number, width in enumerate((3, 4, 5, 8, 11, 16, 24, 33, 40)):
        for offset, mode in enumerate(P_MODES):
            for carries in (number + 2 * offset, number + 2 * offset + 1):
                carry_in, carry_out = CARRIES[carries % 4]
                circuit = Circuit("adder", width, carry_in=carry_in, carry_out=carry_out)
                graph = structure(name, circuit.leaves)
                assert_is_the_direct_mapping(small, Design.of(graph, circuit, mode))


@given(design=adders())
def test_random_small_adders_are_mapped_gate_for_gate(small: Bench, design: Design) -> None:
    assert_is_the_direct_mapping(small, design)


@pytest.mark.parametrize("width", [12, 20, 31, 40])
def test_random_wide_adders_are_mapped_gate_for_gate(small: Bench, width: int) -> None:
    random = Random(width)
    for _ in range(4):
        assert_is_the_direct_mapping(small, random_adder(width, random))


def test_a_built_adder_has_the_smallest_cells_and_a_slot_of_its_own_for_each_gate(
    nangate: Bench,
) -> None:
    design = Design.of(structure("sklansky", 16), Circuit("adder", 16))
    arrays = nangate.built(adder_state(design))
    count = int(arrays.size[0])
    assert (nangate.cells.rank[arrays.cell[:count]] == 0).all()
    slots = arrays.slot[:count].tolist()
    assert len(set(slots)) == count
    assert min(slots) >= 0
    assert max(slots) < slots_of(16)


# ---------------------------------------------------------------- what a state can ask for


@given(design=adders((2, 3, 4, 5, 6)), seed=seeds())
def test_any_polarity_size_pin_order_and_buffers_compute_the_same_sum(
    small: Bench, design: Design, seed: int
) -> None:
    state = random_state(design, seed)
    arrays = small.built(state)
    assert small.is_right(small.mapped(arrays, design.circuit), design.circuit)
    assert np.isfinite(arrays.arrival[: arrays.size[0] + arrays.size[1]]).all()


def test_netlists_of_random_states_are_proven(nangate: Bench) -> None:
    circuit = Circuit("adder", 12, carry_in=True, carry_out=True)
    random = Random(5)
    texts = []
    for name in ("sklansky", "brent_kung", "kogge_stone", "han_carlson"):
        design = Design(structure(name, 13), circuit, random.getrandbits(13))
        arrays = nangate.built(random_state(design, random))
        texts.append(mapped_verilog(nangate.mapped(arrays, circuit)))
    proofs = prove_many(texts, circuit, library=nangate.library)
    assert [proof.verdict for proof in proofs] == ["proven"] * 4


@given(design=adders(), seed=seeds())
def test_a_node_has_the_polarity_that_was_asked_for(
    small: Bench, design: Design, seed: int
) -> None:
    # Function AOI21 means a negative generate, OAI21 a positive one.
    state = random_state(design, seed)
    state.polarity[state.polarity == 0] = 1
    arrays = small.built(state)
    names = list(FUNCTIONS)
    leaves = design.circuit.leaves
    seen = 0
    for gate in range(int(arrays.size[0])):
        msb, lsb = divmod(int(arrays.slot[gate]), leaves)
        if lsb < msb < leaves:
            function = names[small.cells.function[arrays.cell[gate]]]
            assert function == ("OAI21" if state.polarity[msb, lsb] > 0 else "AOI21")
            seen += 1
    assert seen == len(list(design.parents()))


@given(design=adders(), seed=seeds(), graph_seed=seeds())
def test_sizes_pin_orders_and_buffers_belong_to_slots_and_survive_a_change_of_the_graph(
    small: Bench, design: Design, seed: int, graph_seed: int
) -> None:
    state = random_state(design, seed)
    leaves = design.circuit.leaves
    moved = Design(random_graph(leaves, Random(graph_seed)), design.circuit, design.or_bits)
    slots = slots_of(leaves)
    for present in (state.present, adder_state(moved).present):
        built = small.built(state._replace(present=present))
        inputs = int(built.size[1])
        for gate in range(int(built.size[0])):
            slot = int(built.slot[gate])
            family = small.strengths(int(built.cell[gate]))
            assert small.cells.rank[built.cell[gate]] == min(state.size[slot], len(family) - 1)
            if slot >= slots:  # a buffer, named after the gate that it is behind
                # Nothing stands between the two, so any user of the one can use the other.
                source = built.fanin[gate, 0] - inputs
                assert built.position[gate] == built.position[source] + 1
                assert built.slot[source] == slot - slots
                assert small.cells.function[built.cell[gate]] == 1
                continue
            pins = int(small.cells.inputs[built.cell[gate]])
            assert built.swapped[gate] == (state.swapped[slot] and pins > 1)
            for pin, net in enumerate(built.fanin[gate, :pins].tolist()):
                if net >= inputs:
                    is_behind = bool(built.slot[net - inputs] >= slots)
                    assert is_behind == bool(state.behind[slot, pin])


def test_a_size_beyond_the_strongest_cell_gives_the_strongest(small: Bench) -> None:
    state = adder_state(Design.of(structure("sklansky", 8), Circuit("adder", 8)))
    state.size[:] = 127
    arrays = small.built(state)
    cells = arrays.cell[: arrays.size[0]].tolist()
    assert [small.strengths(cell)[-1] for cell in cells] == cells


def test_a_swap_at_a_slot_whose_gate_has_one_input_changes_nothing(small: Bench) -> None:
    design = Design.of(structure("kogge_stone", 8), Circuit("adder", 8))
    state = adder_state(design)
    state.swapped[:] = True
    arrays = small.built(state)
    one_input = [
        gate for gate in range(int(arrays.size[0])) if small.cells.inputs[arrays.cell[gate]] == 1
    ]
    assert one_input
    assert (arrays.fanin[one_input, 0] >= 0).all()
    assert not arrays.swapped[one_input].any()
    assert small.is_right(small.mapped(arrays, design.circuit), design.circuit)


# ---------------------------------------------------------------- room and scratch


@given(design=adders(), seed=seeds(), graph_seed=seeds())
@settings(max_examples=50)
def test_building_again_in_used_arrays_gives_what_fresh_ones_give(
    small: Bench, design: Design, seed: int, graph_seed: int
) -> None:
    leaves = design.circuit.leaves
    moved = Design(random_graph(leaves, Random(graph_seed)), design.circuit, design.or_bits)
    states = [random_state(design, seed), random_state(moved, graph_seed), adder_state(design)]
    used, scratch = adder_netlist(
        states[0],
        pins=small.cells.cap.shape[1],
        driver=driver_cell(small.timing, small.constraint),
        load_ff=small.constraint.load_ff,
        nodes=leaves * leaves,
    )
    for state in [*states, *states]:
        build_adder(state, small.cells.family, scratch, used)
        link_sinks(small.cells, used)
        time_fully(small.cells, used)
        fresh = small.built(state)
        count = int(fresh.size[0])
        nets = count + int(fresh.size[1])
        assert used.size.tolist() == fresh.size.tolist()
        for name in ("cell", "fanin", "order", "position", "slot", "swapped"):
            assert np.array_equal(getattr(used, name)[:count], getattr(fresh, name)[:count]), name
        for name in ("head", "outside", "load", "arrival", "slew"):
            assert np.array_equal(getattr(used, name)[:nets], getattr(fresh, name)[:nets]), name


@given(design=adders(), seed=seeds())
def test_a_netlist_with_every_buffer_fits_the_room_that_is_kept_for_it(
    small: Bench, design: Design, seed: int
) -> None:
    state = random_state(design, seed)
    state.behind[:] = True
    arrays = small.built(state)
    nodes = int(state.present.sum()) - design.circuit.leaves
    assert len(arrays.cell) == gate_room(design.circuit.leaves, nodes)
    assert arrays.size[0] <= len(arrays.cell)


@pytest.mark.parametrize("name", ["kogge_stone", "sklansky", "ripple"])
def test_128_bits_fit_with_every_buffer_and_any_polarity(small: Bench, name: str) -> None:
    circuit = Circuit("adder", 128, carry_in=True, carry_out=True)
    design = Design.of(structure(name, 129), circuit, "or")
    state = adder_state(design)
    rng = np.random.default_rng(1)
    state.polarity[:] = rng.choice(np.array([-1, 1], dtype=np.int8), state.polarity.shape)
    state.behind[:] = True
    arrays = small.built(state)
    assert arrays.size[0] <= len(arrays.cell)
    assert small.is_right(small.mapped(arrays, circuit), circuit, vectors=100)
