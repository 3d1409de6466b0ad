"""Features and planes: what a plain reading of the gates gives, for every circuit."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest

from edarl.errors import ConfigError
from edarl.hdl.mapping import map_with_signals
from edarl.hdl.netlist import Gate, port_bits
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.timing.arrays import CellArrays, cell_arrays
from edarl.synthesis.timing.features import FEATURE_NAMES, PLANE_NAMES, Physics
from edarl.synthesis.timing.netlist import FUNCTION_INDEX
from tests.hdl.designs import all_circuits, random_design
from tests.synthesis.timing.support import Bench, random_adder

Edges = tuple[float, float]


class Reading:
    """A netlist read gate by gate with nothing but the library's tables."""

    def __init__(self, bench: Bench, design: Design, size: int, *, oriented: bool) -> None:
        self.cells = cell_arrays(bench.timing, "abc")
        self.bench = bench
        netlist, self.signals = map_with_signals(design)
        ports = {way: [] for way in ("input", "output")}  # type: dict[str, list[str]]
        for port in design.circuit.ports():
            ports[port.direction] += port_bits(port)
        self.outputs = ports["output"]
        self.gates = {gate.output: gate for gate in netlist.gates}
        families = bench.timing.families
        self.cell = {
            name: families[FUNCTION_INDEX[gate.function]][
                min(size, len(families[FUNCTION_INDEX[gate.function]]) - 1)
            ]
            for name, gate in self.gates.items()
        }
        self.nets = [*ports["input"], *self.gates]
        driver = bench.timing.index[bench.constraint.driver_cell]
        self.arrival: dict[str, Edges] = {}
        self.slew: dict[str, Edges] = {}
        self.weigh()
        for name in ports["input"]:
            self.time_input(name, driver)
        for name in self.gates:
            self.time(name)
            if oriented and self.gates[name].function not in ("INV", "BUF"):
                self.orient(name)
        if oriented:
            self.weigh()
            for name in ports["input"]:
                self.time_input(name, driver)
            for name in self.gates:
                self.time(name)
        self.delay = max(max(self.arrival[name]) for name in self.outputs)
        self.require()

    def weigh(self) -> None:
        load = {name: [0.0, 0.0] for name in self.nets}
        for name in self.outputs:
            load[name] = [load[name][0] + self.bench.constraint.load_ff] * 2
        for name, gate in self.gates.items():
            for pin, source in enumerate(gate.inputs):
                for edge in range(2):
                    load[source][edge] += self.cells.cap[self.cell[name], pin, edge]
        self.load: dict[str, Edges] = {name: (rise, fall) for name, (rise, fall) in load.items()}

    def arcs(self, cell: int, pin: int, edge: int) -> list[tuple[int, int]]:
        """Give (arc, edge of the input) of a pin for one edge of the output."""
        first = (cell * self.cells.cap.shape[1] + pin) * 2 + edge
        between = range(self.cells.arc_start[first], self.cells.arc_start[first + 1])
        return [(arc, int(self.cells.arc_falls[arc])) for arc in between]

    def time_input(self, name: str, driver: int) -> None:
        found = []
        for edge in range(2):
            looked = [
                (looked_up(self.cells, arc, driver, 0.0, self.load[name][edge]), arc)
                for arc, _ in self.arcs(driver, 0, edge)
            ]
            latest = max(delay - self.cells.idle[arc] for (delay, _), arc in looked)
            found.append((latest, max(0.0, *(slew for (_, slew), _ in looked))))
        self.arrival[name] = found[0][0], found[1][0]
        self.slew[name] = found[0][1], found[1][1]

    def time(self, name: str) -> None:
        gate, cell = self.gates[name], self.cell[name]
        arrival, slews = [-math.inf, -math.inf], [0.0, 0.0]
        for pin, source in enumerate(gate.inputs):
            for edge in range(2):
                for arc, before in self.arcs(cell, pin, edge):
                    slew, load = self.slew[source][before], self.load[name][edge]
                    delay, after = looked_up(self.cells, arc, cell, slew, load)
                    arrival[edge] = max(arrival[edge], self.arrival[source][before] + delay)
                    slews[edge] = max(slews[edge], after)
        self.arrival[name], self.slew[name] = (arrival[0], arrival[1]), (slews[0], slews[1])

    def orient(self, name: str) -> None:
        gate, arrival, slew = self.gates[name], self.arrival[name], self.slew[name]
        x, y, *rest = gate.inputs
        self.gates[name] = Gate(gate.function, (y, x, *rest), name)
        self.time(name)
        if sum(arrival) <= sum(self.arrival[name]):
            self.gates[name], self.arrival[name], self.slew[name] = gate, arrival, slew

    def require(self) -> None:
        limit = {name: [math.inf, math.inf] for name in self.nets}
        for name in self.outputs:
            limit[name] = [self.delay, self.delay]
        for name in reversed(self.gates):
            for pin, source in enumerate(self.gates[name].inputs):
                for edge in range(2):
                    for arc, before in self.arcs(self.cell[name], pin, edge):
                        slew, load = self.slew[source][before], self.load[name][edge]
                        delay, _ = looked_up(self.cells, arc, self.cell[name], slew, load)
                        limit[source][before] = min(
                            limit[source][before], limit[name][edge] - delay
                        )
        self.slack = {
            name: min(limit[name][edge] - self.arrival[name][edge] for edge in range(2))
            for name in self.nets
        }

    @property
    def inverter_ff(self) -> float:
        inverter = self.bench.timing.families[FUNCTION_INDEX["INV"]][0]
        return float(self.cells.cap[inverter, 0].max())

    def static(self) -> list[float]:
        functions = [gate.function for gate in self.gates.values()]
        load = np.array([max(self.load[name]) for name in self.gates]) / self.inverter_ff
        return [
            sum(self.cells.area[self.cell[name]] for name in self.gates),
            len(functions),
            functions.count("INV"),
            functions.count("AOI21") + functions.count("OAI21"),
            load.max(),
            math.sqrt((load**2).mean()),
            np.maximum(load - 5, 0).sum(),
            np.maximum(load - 10, 0).sum(),
        ]

    def timed(self, target: float) -> list[float]:
        delay = self.delay
        latest = np.array([max(self.arrival[name]) for name in self.outputs])
        area = np.array([self.cells.area[self.cell[name]] for name in self.gates])
        load = np.array([max(self.load[name]) for name in self.gates]) / self.inverter_ff
        slack = np.array([self.slack[name] for name in self.gates])
        missing = np.maximum(delay - target - slack, 0) / target
        critical = np.exp(-np.maximum(slack, 0) / (0.05 * delay))
        return [
            delay,
            latest.mean(),
            np.exp((latest - delay) / (0.02 * delay)).sum(),
            np.exp((latest - delay) / (0.06 * delay)).sum(),
            np.maximum(latest - target, 0).sum() / target,
            area[slack < 0.03 * delay].sum(),
            area[slack < 0.1 * delay].sum(),
            area[slack < 0.2 * delay].sum(),
            load[slack < 0.03 * delay].sum(),
            area[missing > 0].sum(),
            missing.sum(),
            (missing * area).sum(),
            (missing * load).sum(),
            (critical * area).sum(),
            (critical * load).sum(),
        ]

    def planes(self, leaves: int, target: float) -> np.ndarray:
        found = np.zeros((len(PLANE_NAMES), leaves, leaves))
        built: dict[tuple[tuple[int, int], str], str] = {}
        inverters: dict[tuple[int, int], int] = {}
        for (node, kind, _), name in self.signals.items():
            if (node, kind) in built:
                inverters[node] = inverters.get(node, 0) + 1
            else:
                built[node, kind] = name
        for node in {node for node, _ in built}:
            names = [built[node, kind] for kind in "gp" if (node, kind) in built]
            slack = min(self.delay, *(self.slack[name] for name in names), math.inf)
            found[:, node[0], node[1]] = (
                max(max(self.arrival[name]) for name in names) / target,
                slack / self.delay,
                max(max(self.load[name]) for name in names) / self.inverter_ff,
                inverters.get(node, 0),
                (slack - self.delay + target) / target,
                math.exp(-max(slack, 0) / (0.05 * self.delay)),
            )
        return found


def looked_up(t: CellArrays, arc: int, cell: int, slew: float, load: float) -> tuple[float, float]:
    """Interpolate delay and slew between breakpoints, and go on straight beyond them."""
    slews, loads = t.slew_axis[cell], t.load_axis[cell]
    i = int(np.clip(np.searchsorted(slews, slew, "right") - 1, 0, len(slews) - 2))
    j = int(np.clip(np.searchsorted(loads, load, "right") - 1, 0, len(loads) - 2))
    grid = t.values.reshape(-1, len(slews), len(loads), 2)[arc, i : i + 2, j : j + 2]
    x = (slew - slews[i]) / (slews[i + 1] - slews[i])
    y = (load - loads[j]) / (loads[j + 1] - loads[j])
    delay, after = np.einsum("i,j,ijk->k", np.array((1 - x, x)), np.array((1 - y, y)), grid)
    return float(delay), float(after)


def physics(bench: Bench, circuit: Circuit) -> Physics:
    return Physics(bench.library, bench.constraint, circuit)


def sample(seed: int) -> list[Design]:
    """Give adders of all sorts, a wide one, and one design of each other kind."""
    random = Random(seed)
    designs = [random_adder(width, random) for width in (2, 3, 5, 7, 9, 12)]
    designs += [Design.of(structure("sklansky", 20), Circuit("adder", 20), "or")]
    others = [circuit for circuit in all_circuits(6) if circuit.kind != "adder"]
    chosen = {circuit.kind: circuit for circuit in random.sample(others, len(others))}
    return designs + [random_design(circuit, random) for circuit in chosen.values()]


@pytest.mark.parametrize("name", ["small", "nangate", "osu", "sky"])
def test_features_and_planes_are_those_of_a_plain_reading(
    name: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(name)
    designs = sample(seed=len(name))
    assert {design.circuit.kind for design in designs} == KINDS.keys()
    for design in designs:
        of = physics(bench, design.circuit)
        smallest = Reading(bench, design, 0, oriented=True)
        larger = Reading(bench, design, 1, oriented=False)
        for share in (0.7, 0.95, 1.5):
            target = share * smallest.delay
            features = of.features(design, target)
            expected = [*smallest.static(), *smallest.timed(target), *larger.timed(target)]
            assert len(expected) == len(FEATURE_NAMES)
            np.testing.assert_allclose(features, expected, rtol=1e-9, atol=1e-9)
            planes = of.planes(design, target)
            expected_planes = smallest.planes(design.circuit.leaves, target)
            np.testing.assert_allclose(planes, expected_planes, rtol=1e-6, atol=1e-6)


def test_planes_show_the_nodes_that_are_built_and_nothing_else(small: Bench) -> None:
    circuit = Circuit("adder", 9, carry_in=True, carry_out=False)
    design = random_design(circuit, Random(4))
    planes = dict(zip(PLANE_NAMES, physics(small, circuit).planes(design, 1000.0), strict=True))
    live = {(node.msb, node.lsb) for node in design.live_nodes()}
    shown = {(int(m), int(lsb)) for m, lsb in np.argwhere(planes["arrival"] > 0)}
    assert {(m, lsb) for m, lsb in shown if m != lsb} == live
    assert not np.any(planes["load"][~(planes["arrival"] > 0)])
    assert planes["critical"].max() == pytest.approx(1.0)


def test_only_figures_against_the_target_depend_on_it_and_fall_to_nothing(small: Bench) -> None:
    design = Design.of(structure("sklansky", 8), Circuit("adder", 8))
    of = physics(small, design.circuit)
    delay = of.features(design, 1.0)[FEATURE_NAMES.index("smallest_delay")]
    tight, middle, loose = (of.features(design, share * delay) for share in (0.5, 0.8, 2.0))
    against = ("overrun", "too_slow", "missing")
    for place, name in enumerate(FEATURE_NAMES):
        if any(part in name for part in against):
            assert tight[place] > middle[place] > loose[place] == 0
        else:
            assert tight[place] == middle[place] == loose[place] > 0


def test_figures_depend_on_nothing_that_was_read_before_and_on_no_thread(small: Bench) -> None:
    circuit = Circuit("adder", 10, carry_out=True)
    designs = [random_design(circuit, Random(seed)) for seed in range(12)]
    fresh = [physics(small, circuit).features(design, 300.0) for design in designs]
    of = physics(small, circuit)
    again = of.many(designs, [300.0] * len(designs))
    for design in designs:
        of.planes(design, 200.0)
    with ThreadPoolExecutor(3) as threads:
        shared = list(threads.map(lambda design: of.features(design, 300.0), designs * 4))
    np.testing.assert_array_equal(again, fresh)
    np.testing.assert_array_equal(shared, fresh * 4)


def test_many_designs_each_have_a_target_of_their_own(small: Bench) -> None:
    circuit = Circuit("priority_encoder", 6)
    designs = [random_design(circuit, Random(seed)) for seed in range(3)]
    of = physics(small, circuit)
    found = of.many(designs, (100.0, 150.0, 200.0))
    assert found.shape == (3, len(FEATURE_NAMES))
    np.testing.assert_array_equal(found[1], of.features(designs[1], 150.0))
    with pytest.raises(ConfigError, match="one target for each of 3 designs, actual: 2"):
        of.many(designs, (100.0, 150.0))


def test_a_copy_from_a_pickle_gives_the_same_figures(small: Bench) -> None:
    design = random_adder(8, Random(3))
    of = physics(small, design.circuit)
    before = of.features(design, 250.0)
    again = pickle.loads(pickle.dumps(of))
    np.testing.assert_array_equal(again.features(design, 250.0), before)


@pytest.mark.parametrize("target", [0.0, -1.0, math.inf, math.nan])
def test_a_target_that_is_no_delay_is_refused(small: Bench, target: float) -> None:
    design = random_adder(4, Random(1))
    with pytest.raises(ConfigError, match="`target_ps` should be a finite number above 0"):
        physics(small, design.circuit).features(design, target)


def test_a_design_of_another_circuit_is_refused(small: Bench) -> None:
    of = physics(small, Circuit("adder", 8))
    other = Design.of(structure("sklansky", 8), Circuit("comparator", 8))
    for read in (of.features, of.planes):
        with pytest.raises(ConfigError, match="should be of adder_8, actual: comparator_8"):
            read(other, 100.0)
