"""The timer: what OpenSTA says, what ABC says where it should, and what arithmetic says."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edarl.hdl.blif import bind, mapped_blif
from edarl.hdl.mapping import map_direct
from edarl.hdl.netlist import Instance, MappedNetlist
from edarl.metrics import Constraint
from edarl.prefix.circuits import KINDS, Circuit, Port
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.confirm import emit_netlist
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.library import load_library
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.timing.arrays import NetArrays, cell_arrays
from edarl.synthesis.timing.mapping import adder_state
from edarl.synthesis.timing.netlist import from_mapped
from edarl.synthesis.timing.timer import (
    circuit_delay,
    link_sinks,
    lookup,
    require,
    slack,
    time_fully,
)
from tests.hdl.designs import random_design
from tests.synthesis import tiny
from tests.synthesis.timing.support import FALL, RISE, Bench, adders, chain, random_adder
from tests.tools import require_tool

LIBRARIES = ["nangate", "osu", "sky"]
EXCLUSIVE_OR = ("XOR", "XNOR", "xor", "xnor")


def emitted(bench: Bench, session: AbcSession, widths: tuple[int, ...]) -> list[MappedNetlist]:
    """Netlists from every flow of ABC, tight to relaxed, of structures and random graphs."""
    flows, shares = itertools.cycle(FLOWS), itertools.cycle((0.5, 0.7, 0.85, 1.0, 1e3))
    netlists = []
    for width in widths:
        random = Random(width)
        designs = [
            Design.of(structure(name, width), Circuit("adder", width, carry_out=True), mode)
            for name, mode in (("sklansky", "xor"), ("kogge_stone", "or"), ("brent_kung", "xor"))
        ]
        designs += [random_adder(width, random) for _ in range(3)]
        others = [kind for kind in sorted(KINDS) if kind != "adder"]
        designs += [random_design(Circuit(random.choice(others), width), random) for _ in range(2)]
        for design in designs:
            relaxed_ps = bench.delay(bind(map_direct(design), bench.library.bindings))
            for flow, share in itertools.islice(zip(flows, shares, strict=False), 3):
                netlists.append(
                    emit_netlist(design, flow, share * relaxed_ps, bench.library, session)
                )
    return netlists


def abc_delays(session: AbcSession, netlists: list[MappedNetlist]) -> list[float]:
    delays = []
    for netlist in netlists:
        session.read_netlist(mapped_blif(netlist))
        delays.append(parse_timing(session.run(["topo", "stime"]), 1)[0].delay_ps)
    return delays


def distinct(netlists: list[MappedNetlist]) -> int:
    return len({(netlist.ports, netlist.instances) for netlist in netlists})


# ---------------------------------------------------------------- OpenSTA


@pytest.mark.parametrize(
    ("name", "widths", "least"),
    [("nangate", (3, 8, 13, 24), 60), ("osu", (4, 8, 17), 50), ("sky", (5, 8, 16), 50)],
)
def test_delays_are_those_of_opensta_to_a_hundredth_of_a_picosecond(
    name: str, widths: tuple[int, ...], least: int, request: pytest.FixtureRequest
) -> None:
    require_tool("sta")
    bench: Bench = request.getfixturevalue(name)
    with AbcSession(bench.library, bench.constraint) as session:
        netlists = emitted(bench, session, widths)
    assert distinct(netlists) >= least
    cells = {instance.cell for netlist in netlists for instance in netlist.instances}
    assert cells - bench.functions.keys(), "remapped netlists have cells of other functions too"
    expected = OpenSta(bench.library, bench.constraint).delays(netlists)
    found = [bench.delay(netlist) for netlist in netlists]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.002)


@pytest.mark.parametrize("driver", ["INV_X1", "INV_X8", "BUF_X4", "CLKBUF_X1", "NAND2_X1"])
def test_any_cell_may_drive_the_inputs(nangate: Bench, driver: str) -> None:
    require_tool("sta")
    constraint = Constraint(driver, 25.0)
    bench = nangate.under(constraint)
    netlists = [
        bind(map_direct(random_adder(width, Random(width))), nangate.library.bindings)
        for width in (3, 6)
    ]
    expected = OpenSta(nangate.library, constraint).delays(netlists)
    found = [bench.delay(netlist) for netlist in netlists]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.002)


@pytest.mark.parametrize("load_ff", [0.0, 1.0, 400.0])
def test_loads_far_outside_the_tables_are_extrapolated_as_opensta_does(
    nangate: Bench, load_ff: float
) -> None:
    require_tool("sta")
    constraint = Constraint("BUF_X1", load_ff)
    bench = nangate.under(constraint)
    netlists = [
        bind(map_direct(Design.of(structure(name, 8), Circuit("adder", 8))), bench.library.bindings)
        for name in ("ripple", "sklansky")
    ]
    expected = OpenSta(nangate.library, constraint).delays(netlists)
    found = [bench.delay(netlist) for netlist in netlists]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.002)


# ---------------------------------------------------------------- ABC


def netlists_for_abc(bench: Bench, session: AbcSession) -> list[MappedNetlist]:
    netlists = emitted(bench, session, (4, 9, 16))
    assert distinct(netlists) >= 50
    return netlists


def exclusive_or(netlist: MappedNetlist) -> bool:
    return any(word in instance.cell for instance in netlist.instances for word in EXCLUSIVE_OR)


def test_osu018_delays_are_those_of_abc(osu: Bench) -> None:
    # None of its pins has more than one timing group.
    with AbcSession(osu.library, osu.constraint) as session:
        netlists = netlists_for_abc(osu, session)
        expected = abc_delays(session, netlists)
    found = [osu.delay(netlist) for netlist in netlists]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["nangate", "sky"])
def test_with_abcs_merging_of_conditional_arcs_delays_are_those_of_abc(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    with AbcSession(bench.library, bench.constraint) as session:
        netlists = netlists_for_abc(bench, session)
        expected = np.array(abc_delays(session, netlists))
    merged = cell_arrays(bench.timing, "abc")
    found = np.array([bench.delay(netlist, merged) for netlist in netlists])
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02)
    # Without merging they agree only where no cell has conditional arcs.
    exact = np.array([bench.delay(netlist) for netlist in netlists])
    free = np.array([not exclusive_or(netlist) for netlist in netlists])
    np.testing.assert_allclose(exact[free], expected[free], rtol=0, atol=0.02)
    assert np.abs(exact / expected - 1).max() > 1e-3


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_cautious_view_is_no_faster_than_opensta_and_abc_and_hardly_slower(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    with AbcSession(bench.library, bench.constraint) as session:
        netlists = netlists_for_abc(bench, session)
    views = [cell_arrays(bench.timing, view) for view in ("opensta", "abc", "cautious")]
    delays = np.array([[bench.delay(netlist, cells) for cells in views] for netlist in netlists])
    slower = delays[:, 2] / delays[:, :2].max(axis=1)
    assert slower.min() >= 1 - 1e-9
    assert slower.max() < 1.03


def test_merging_as_abc_does_keeps_the_first_groups_sense_and_the_larger_values(
    tmp_path: Path,
) -> None:
    bench = hand_bench(tmp_path)
    merged = cell_arrays(bench.timing, "abc")
    cell = bench.timing.index["EITHER"]
    for cells, arcs in ((bench.cells, 4), (merged, 2)):
        first = cell * cells.cap.shape[1] * 2
        assert cells.arc_start[first + 2] - cells.arc_start[first] == arcs
        assert cells.arc_start[-1] == len(cells.arc_falls) == len(cells.idle)
    # Pin A of EITHER is positive unate first, later negative unate. At slew 10 and load 60 its
    # rise takes 20 + 25 or 30, its slew is 30 + 50 or 20. ABC's table has the larger value at
    # each breakpoint, 30 at load 10 and 70 at load 110, so it finds 50 between them.
    rise, fall = merged.arc_start[first], merged.arc_start[first + 1]
    assert merged.arc_falls[[rise, fall]].tolist() == [0, 1]
    assert looked_up(bench, bench.cells.arc_start[first], cell, 10.0, 60.0) == (
        pytest.approx((45.0, 80.0))
    )
    assert tuple(lookup(merged, rise, cell, 10.0, 60.0)) == pytest.approx((50.0, 80.0))
    for gate in ("PLAIN", "INVT"):
        number = bench.timing.index[gate]
        assert merged.area[number] == bench.cells.area[number]
        assert bench.delay(single(bench, gate), merged) == bench.delay(single(bench, gate))


# ---------------------------------------------------------------- by hand


def hand_group(pin: str, sense: str, tables: dict[str, str], template: str) -> str:
    inside = "\n".join(f"{name} ({template}) {{ {text} }}" for name, text in tables.items())
    return f'timing () {{ related_pin : "{pin}"; timing_sense : {sense}_unate;\n{inside} }}\n'


def constant(**values: float) -> dict[str, str]:
    """Tables that are constants, by their short names; in ns."""
    names = {"rise": "cell_rise", "fall": "cell_fall", "up": "rise_transition"}
    names["down"] = "fall_transition"
    return {
        names[name]: f'values ("{value}, {value}", "{value}, {value}");'
        for name, value in values.items()
    }


def hand_cell(name: str, function: str, groups: str, pins: dict[str, tuple[float, float]]) -> str:
    """A cell; pins give the capacitance for a rising and a falling edge in pF."""
    text = "".join(
        f"pin ({pin}) {{ direction : input; capacitance : {rise}; rise_capacitance : {rise}; "
        f"fall_capacitance : {fall}; }}\n"
        for pin, (rise, fall) in pins.items()
    )
    return (
        f"cell ({name}) {{ area : 7; {text} pin (Y) {{ direction : output; "
        f'function : "{function}";\n{groups} }} }}\n'
    )


HAND_HEAD = """
lu_table_template (square) { variable_1 : input_net_transition;
  variable_2 : total_output_net_capacitance;
  index_1 ("0.010, 0.110"); index_2 ("0.010, 0.110"); }
lu_table_template (long) { variable_1 : input_net_transition;
  variable_2 : total_output_net_capacitance;
  index_1 ("0.010, 0.020, 0.040, 0.080"); index_2 ("0.001, 0.005, 0.050"); }
"""

# With slew s and load c in ps and fF, on the axes 10 to 110 of both:
#   rise: 20 + 0.1 (s - 10) + 0.5 (c - 10), its slew 30 + 0.2 (s - 10) + 1.0 (c - 10)
#   fall: 40 + 0.2 (s - 10) + 0.3 (c - 10), its slew 50 + 0.1 (s - 10) + 0.4 (c - 10)
PLANES = {
    "cell_rise": 'values ("0.020, 0.070", "0.030, 0.080");',
    "cell_fall": 'values ("0.040, 0.070", "0.060, 0.090");',
    "rise_transition": 'values ("0.030, 0.130", "0.050, 0.150");',
    "fall_transition": 'values ("0.050, 0.090", "0.060, 0.100");',
}
NO_SLOPE = constant(rise=0.01, fall=0.01, up=0.01, down=0.01)


def hand_bench(folder: Path, *, driver: str = "STEP", load_ff: float = 30.0) -> Bench:
    """A library for calculations on paper; driver STEP adds nothing but a slew of 10 ps."""
    cells = [tiny.cell(gate, *tiny.GATES[gate]) for gate in tiny.GATES if gate != "INVT"]
    cells += [
        hand_cell(
            "INVT", "!A", hand_group("A", "negative", PLANES, "square"), {"A": (0.012, 0.014)}
        ),
        hand_cell(
            "PLAIN", "A", hand_group("A", "positive", PLANES, "square"), {"A": (0.020, 0.030)}
        ),
        hand_cell(
            "STEP", "A", hand_group("A", "positive", NO_SLOPE, "square"), {"A": (0.001, 0.001)}
        ),
        hand_cell(
            "EITHER",
            "(A & !B) | (!A & B)",
            hand_group("A", "positive", PLANES, "square")
            + hand_group(
                "A", "negative", constant(rise=0.03, fall=0.05, up=0.02, down=0.2), "square"
            )
            + hand_group("B", "non", NO_SLOPE, "square"),
            {"A": (0.002, 0.002), "B": (0.002, 0.002)},
        ),
        hand_cell(
            "LONG",
            "A",
            hand_group(
                "A",
                "positive",
                dict.fromkeys(
                    ("cell_rise", "cell_fall", "rise_transition", "fall_transition"),
                    'values ("0.01, 0.02, 0.05", "0.02, 0.05, 0.06", "0.03, 0.04, 0.1", '
                    '"0.08, 0.09, 0.2");',
                ),
                "long",
            ),
            {"A": (0.004, 0.004)},
        ),
    ]
    file = folder / "hand.lib"
    file.write_text(tiny.library(cells, name="hand", head=HAND_HEAD))
    library = load_library(file)
    return Bench.of(library, Constraint(driver, load_ff))


def single(bench: Bench, cell: str) -> MappedNetlist:
    """One cell from the inputs named after its pins to port y."""
    number = bench.timing.index[cell]
    pins = bench.timing.pins[number]
    ports = (*(Port(pin.lower(), "input", 1) for pin in pins), Port("y", "output", 1))
    connections = [(pin, pin.lower()) for pin in pins] + [(bench.timing.outputs[number], "y")]
    return MappedNetlist("single", ports, (Instance(cell, tuple(connections)),))


def test_two_inverters_by_hand(tmp_path: Path) -> None:
    bench = hand_bench(tmp_path)
    arrays = bench.timed(chain("INVT", "INVT"))
    a, n, y = 0, 1, 2
    # The driver has no slope: its delay is what it is without load, so inputs switch at 0.
    assert arrays.arrival[a].tolist() == pytest.approx([0, 0])
    assert arrays.slew[a].tolist() == pytest.approx([10, 10])
    # The second inverter's pin: 12 fF for a rising edge, 14 fF for a falling one; the output: 30.
    assert arrays.load[n].tolist() == pytest.approx([12, 14])
    assert arrays.load[y].tolist() == pytest.approx([30, 30])
    # n rises on a falling a (slew 10): 20 + 0.5 * 2 = 21, slew 30 + 1.0 * 2 = 32.
    # n falls on a rising a: 40 + 0.3 * 4 = 41.2, slew 50 + 0.4 * 4 = 51.6.
    assert arrays.arrival[n].tolist() == pytest.approx([21, 41.2])
    assert arrays.slew[n].tolist() == pytest.approx([32, 51.6])
    # y rises on a falling n (at 41.2, slew 51.6): 20 + 0.1 * 41.6 + 0.5 * 20 = 34.16.
    # y falls on a rising n (at 21, slew 32): 40 + 0.2 * 22 + 0.3 * 20 = 50.4.
    assert arrays.arrival[y].tolist() == pytest.approx([41.2 + 34.16, 21 + 50.4])
    # Slews: 30 + 0.2 * 41.6 + 20 = 58.32 and 50 + 0.1 * 22 + 0.4 * 20 = 60.2.
    assert arrays.slew[y].tolist() == pytest.approx([58.32, 60.2])
    assert circuit_delay(arrays) == pytest.approx(75.36)
    # Required at 100: y 100; n falls by 100 - 34.16 = 65.84, rises by 100 - 50.4 = 49.6;
    # a rises by 65.84 - 41.2 = 24.64 and falls by 49.6 - 21 = 28.6.
    require(bench.cells, arrays, 100.0)
    assert arrays.required[y].tolist() == pytest.approx([100, 100])
    assert arrays.required[n].tolist() == pytest.approx([49.6, 65.84])
    assert arrays.required[a].tolist() == pytest.approx([24.64, 28.6])
    assert slack(arrays, n) == pytest.approx(24.64)


def test_an_inverter_as_the_driver_by_hand(tmp_path: Path) -> None:
    bench = hand_bench(tmp_path, driver="INVT")
    arrays = bench.timed(chain("PLAIN"))
    # PLAIN's pin is 20 fF for a rising edge: 0.5 * 20 = 10 later than without load, and
    # 30 fF for a falling one: 0.3 * 30 = 9. Slews of a step: 30 + 0.2 (-10) + 10 and
    # 50 + 0.1 (-10) + 0.4 * 20.
    assert arrays.arrival[0].tolist() == pytest.approx([10, 9])
    assert arrays.slew[0].tolist() == pytest.approx([38, 57])
    # y rises at 10 + 20 + 0.1 * 28 + 10 = 42.8 and falls at 9 + 40 + 0.2 * 47 + 6 = 64.4.
    assert arrays.arrival[1].tolist() == pytest.approx([42.8, 64.4])


def test_of_conditional_arcs_the_latest_arrival_and_the_largest_slew_count(tmp_path: Path) -> None:
    bench = hand_bench(tmp_path, load_ff=20.0)
    arrays = bench.timed(single(bench, "EITHER"))
    # Input slews are 10. Positive: rise 20 + 5 = 25, slew 40; fall 40 + 3 = 43, slew 54.
    # Negative: rise 30, slew 20; fall 50, slew 200. Pin B: 10 each. Each maximum for itself.
    assert arrays.arrival[2].tolist() == pytest.approx([30, 50])
    assert arrays.slew[2].tolist() == pytest.approx([40, 200])


@pytest.mark.parametrize("slew_ps", [-5.0, 0.0, 5.0, 10.0, 60.0, 110.0, 150.0, 1000.0])
@pytest.mark.parametrize("load_ff", [0.0, 5.0, 10.0, 60.0, 110.0, 200.0, 2000.0])
def test_tables_go_on_as_planes_beyond_all_their_ends(
    tmp_path: Path, slew_ps: float, load_ff: float
) -> None:
    bench = hand_bench(tmp_path)
    number = bench.timing.index["PLAIN"]
    pins = bench.cells.cap.shape[1]
    rise = bench.cells.arc_start[number * pins * 2 + RISE]
    fall = bench.cells.arc_start[number * pins * 2 + FALL]
    s, c = slew_ps - 10, load_ff - 10
    found = [looked_up(bench, arc, number, slew_ps, load_ff) for arc in (rise, fall)]
    assert found[0] == pytest.approx((20 + 0.1 * s + 0.5 * c, 30 + 0.2 * s + c))
    assert found[1] == pytest.approx((40 + 0.2 * s + 0.3 * c, 50 + 0.1 * s + 0.4 * c))


def looked_up(bench: Bench, arc: int, cell: int, slew: float, load: float) -> tuple[float, float]:
    """Look a table up by the compiled function, which others inline."""
    return tuple(lookup(bench.cells, arc, cell, slew, load))


@pytest.mark.parametrize(
    ("slew_ps", "load_ff", "expected"),
    [
        (10, 1, 10),
        (20, 5, 50),
        (80, 50, 200),
        (30, 5, 45),  # halfway between 50 and 40
        (20, 27.5, 55),  # halfway between 50 and 60
        (15, 3, 25),  # the middle of 10, 20, 20 and 50
        (100, 50, 250),  # on from 100 and 200 over 40 to 80
        (0, 1, 0),  # on from 10 and 20 over 10 to 20
        (10, 95, 80),  # on from 20 and 50 over 5 to 50
        (10, 0, 7.5),  # on from 10 and 20 over 1 to 5
        (120, 95, 460),  # at 95 fF 160 and 310 for the slews 40 and 80, and on from there
    ],
)
def test_lookups_on_axes_of_different_lengths(
    tmp_path: Path, slew_ps: float, load_ff: float, expected: float
) -> None:
    bench = hand_bench(tmp_path)
    cell = bench.timing.index["LONG"]
    # The library's other cells have two breakpoints on each axis.
    assert bench.cells.slew_axis.shape[1] == 4
    assert bench.cells.load_axis.shape[1] == 3
    arc = bench.cells.arc_start[cell * bench.cells.cap.shape[1] * 2]
    assert looked_up(bench, arc, cell, slew_ps, load_ff) == pytest.approx((expected, expected))


# ---------------------------------------------------------------- an independent timer


def plain_delay(bench: Bench, netlist: MappedNetlist) -> float:
    """Time a netlist by plain recursion over its nets, straight from the unpadded tables."""
    tables, timing = bench.timing.tables, bench.timing
    most = tables.cap.shape[1]
    drivers = {}
    loads: dict[str, np.ndarray] = {}
    for name, connections in netlist.instances:
        cell, nets = timing.index[name], dict(connections)
        drivers[nets[timing.outputs[cell]]] = (cell, nets)
        for place, pin in enumerate(timing.pins[cell]):
            loads[nets[pin]] = loads.get(nets[pin], np.zeros(2)) + tables.cap[cell, place]
    outputs = [
        f"{port.name}[{bit}]" if port.width > 1 else port.name
        for port in netlist.ports
        if port.direction == "output"
        for bit in range(port.width)
    ]
    for net in outputs:
        loads[net] = loads.get(net, np.zeros(2)) + bench.constraint.load_ff

    def table(arc: int, cell: int, slew: float, load: float) -> np.ndarray:
        slews = tables.slew_axis[cell, : tables.slew_count[cell]]
        caps = tables.load_axis[cell, : tables.load_count[cell]]
        i = min(max(int(np.searchsorted(slews, slew, "right")) - 1, 0), len(slews) - 2)
        j = min(max(int(np.searchsorted(caps, load, "right")) - 1, 0), len(caps) - 2)
        u = (slew - slews[i]) / (slews[i + 1] - slews[i])
        v = (load - caps[j]) / (caps[j + 1] - caps[j])
        grid = tables.values[arc].astype(float)
        low, high = ((1 - v) * grid[k, j] + v * grid[k, j + 1] for k in (i, i + 1))
        return np.asarray((1 - u) * low + u * high)

    done: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def timed(net: str) -> tuple[np.ndarray, np.ndarray]:
        if net in done:
            return done[net]
        arrival, slews = np.full(2, -np.inf), np.zeros(2)
        cell, nets = drivers.get(net, (timing.index[bench.constraint.driver_cell], None))
        places = range(int(tables.inputs[cell])) if nets else range(1)
        for place in places:
            if nets:
                start, slew_in = timed(nets[timing.pins[cell][place]])
            else:
                start, slew_in = np.zeros(2), np.zeros(2)
            key = cell * most + place
            for arc in range(tables.arc_start[key], tables.arc_start[key + 1]):
                before, after = divmod(int(tables.arc_edges[arc]), 2)
                delay, slew = table(arc, cell, slew_in[before], loads[net][after])
                if not nets:
                    delay -= table(arc, cell, 0.0, 0.0)[0]
                arrival[after] = max(arrival[after], start[before] + delay)
                slews[after] = max(slews[after], slew)
        done[net] = arrival, slews
        return done[net]

    return float(max(timed(net)[0].max() for net in outputs))


@pytest.mark.parametrize("name", ["small", *LIBRARIES])
def test_delays_are_those_of_plain_recursion_over_the_tables(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    for seed in range(12):
        random = Random(seed)
        design = random_adder(random.randint(2, 7), random)
        state = adder_state(design)
        state.size[:] = [random.randrange(8) for _ in state.size]
        netlist = bench.mapped(bench.built(state), design.circuit)
        assert bench.delay(netlist) == pytest.approx(plain_delay(bench, netlist), rel=1e-9)


# ---------------------------------------------------------------- properties


@given(design=adders(), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_where_tables_rise_more_load_makes_nothing_faster(
    small: Bench, design: Design, seed: int
) -> None:
    arrays = small.built(adder_state(design))
    before = arrays.arrival.copy()
    random = Random(seed)
    nets = int(arrays.size[0] + arrays.size[1])
    for net in random.sample(range(nets), random.randint(1, nets)):
        arrays.outside[net] += random.uniform(0, 50)
    time_fully(small.cells, arrays)
    assert (arrays.arrival[:nets] >= before[:nets]).all()


@given(design=adders(), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_a_net_is_never_earlier_than_any_path_into_it(
    small: Bench, design: Design, seed: int
) -> None:
    bench = small
    arrays = bench.built(adder_state(design))
    random = Random(seed)
    inputs, pins = int(arrays.size[1]), bench.cells.cap.shape[1]
    for output in arrays.outputs.tolist():
        net, edge, path_ps = output, random.randrange(2), 0.0
        end = arrays.arrival[output, edge]
        while net >= inputs:
            gate = net - inputs
            cell = int(arrays.cell[gate])
            pin = random.randrange(int(bench.cells.inputs[cell]))
            source = int(arrays.fanin[gate, pin])
            first = (cell * pins + pin) * 2 + edge
            arc = random.randrange(*bench.cells.arc_start[first : first + 2])
            before = int(bench.cells.arc_falls[arc])
            slew, load = arrays.slew[source, before], arrays.load[net, edge]
            path_ps += looked_up(bench, arc, cell, slew, load)[0]
            net, edge = source, before
        assert path_ps + arrays.arrival[net, edge] <= end + 1e-9


@given(design=adders(), share=st.floats(0.1, 3.0))
@settings(max_examples=60)
def test_the_worst_slack_is_the_target_less_the_delay_on_every_net_of_a_slowest_path(
    small: Bench, design: Design, share: float
) -> None:
    arrays = small.built(adder_state(design))
    delay = circuit_delay(arrays)
    target = share * delay
    require(small.cells, arrays, target)
    inputs, gates = int(arrays.size[1]), int(arrays.size[0])
    slacks = [slack(arrays, net) for net in range(inputs + gates)]
    assert min(slacks) == pytest.approx(target - delay, abs=1e-9)
    for net in slowest_nets(small, arrays):
        assert slacks[net] == pytest.approx(target - delay, abs=1e-9)
    # Only what leads to no output may be late without end.
    assert all(np.isfinite(slacks[inputs:]))
    # A required time that is kept everywhere is one that every output keeps.
    assert (min(slacks) >= 0) == (delay <= target) or abs(target - delay) < 1e-9


def slowest_nets(bench: Bench, arrays: NetArrays) -> list[int]:
    """Follow a slowest path back by looking for the arc that made each arrival."""
    inputs, pins = int(arrays.size[1]), bench.cells.cap.shape[1]
    late = arrays.arrival[arrays.outputs]
    place, edge = np.unravel_index(int(late.argmax()), late.shape)
    net = int(arrays.outputs[place])
    nets = [net]
    while net >= inputs:
        gate = net - inputs
        cell = int(arrays.cell[gate])
        best = (-np.inf, -1, -1)
        for pin in range(int(bench.cells.inputs[cell])):
            source = int(arrays.fanin[gate, pin])
            first = (cell * pins + pin) * 2 + int(edge)
            for arc in range(*bench.cells.arc_start[first : first + 2]):
                before = int(bench.cells.arc_falls[arc])
                slew, load = arrays.slew[source, before], arrays.load[net, edge]
                delay, _ = looked_up(bench, arc, cell, slew, load)
                best = max(best, (arrays.arrival[source, before] + delay, source, before))
        assert best[0] == pytest.approx(arrays.arrival[net, edge], abs=1e-9)
        _, net, edge = best
        nets.append(net)
    return nets


@given(design=adders(), factor=st.floats(0.0, 200.0))
@settings(max_examples=30)
def test_a_larger_load_outside_makes_a_circuit_of_rising_tables_slower(
    small: Bench, design: Design, factor: float
) -> None:
    netlist = small.mapped(small.built(adder_state(design)), design.circuit)
    light = small.under(Constraint(small.constraint.driver_cell, factor))
    heavy = small.under(Constraint(small.constraint.driver_cell, factor + 10))
    assert heavy.delay(netlist) > light.delay(netlist)


def test_timing_twice_or_in_another_order_of_instances_gives_the_same(nangate: Bench) -> None:
    design = random_adder(12, Random(1))
    netlist = nangate.mapped(nangate.built(adder_state(design)), design.circuit)
    arrays = from_mapped(netlist, nangate.timing, nangate.constraint)
    link_sinks(nangate.cells, arrays)
    delays = {time_fully(nangate.cells, arrays) for _ in range(3)}
    assert len(delays) == 1
    backward = MappedNetlist(netlist.name, netlist.ports, netlist.instances[::-1])
    assert nangate.delay(backward) == pytest.approx(delays.pop(), rel=1e-12)
