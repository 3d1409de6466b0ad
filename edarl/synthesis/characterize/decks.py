"""What ngspice is asked: one text per cell and change of an input, with many points in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edarl.synthesis.characterize.logic import Vector
from edarl.synthesis.characterize.subcircuits import Subcircuit

__all__ = ["RESTS", "Bench", "Conditions", "Sample", "leakage_deck", "timing_deck"]

_RAMP_STEPS = 100
_TRANSITION_STEPS = 30
"""Time steps in an input ramp and in an output transition; the step is the larger of the two.
Three times as many change no delay and no transition by more than 0.2 %."""

_SETTLED = 6.0
"""How many output transitions (20 to 80 %) are waited for; what is missing then is 0.02 %."""

_OPTIONS = "reltol=1e-4 abstol=1e-14 vntol=1e-7 chgtol=1e-16"
_LEAKAGE_OPTIONS = "reltol=1e-5 abstol=1e-18"

RESTS = {"rest_a": "1e-17", "rest_b": "1e-16", "rest_c": "3e-16"}
"""The results of a cell at rest, and the conductance (gmin, siemens) that each is helped with.

A stack of closed transistors is nearly no circuit at all, and ngspice now and then takes a state
for settled in which amperes are missing. It does so at one help or another, hardly at two."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What cells are measured under.

    Attributes:
        process: The process corner, a section of the model library.
        temperature_c: Temperature in degrees Celsius.
        supply_v: Supply voltage in volts.
        lower: Where a transition begins, as a share of the supply.
        upper: Where it ends.
        middle: Where delays are taken.
    """

    process: str
    temperature_c: float
    supply_v: float
    lower: float = 0.2
    upper: float = 0.8
    middle: float = 0.5


@dataclass(frozen=True, slots=True)
class Bench:
    """A cell ready to be simulated.

    Attributes:
        cell: Its transistors.
        inputs: Its input pins.
        outputs: Its output pins.
        power: Its pins at the supply voltage.
        ground: Its pins at 0 V.
        models: The name of the file with the device models, in the folder of the decks.
        conditions: Supply, temperature and thresholds.
    """

    cell: Subcircuit
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    power: tuple[str, ...]
    ground: tuple[str, ...]
    models: str
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Sample:
    """One point to measure: an input transition, a load, and how long the answer should take.

    Attributes:
        slew_ns: Input transition from the lower to the upper threshold.
        load_pf: Load on the output.
        transition_ns: Expected transition of the output.
        delay_ns: Expected delay.
    """

    slew_ns: float
    load_pf: float
    transition_ns: float
    delay_ns: float


def timing_deck(
    bench: Bench, vector: Vector, samples: Sequence[Sample], *, patience: float = 1.0
) -> str:
    """Ask for delay, output transition and input charge of one change, at every sample.

    Per sample the input rises and falls once. After a line ``POINT k`` come the results
    ``delay_rise``, ``transition_rise``, ``charge_rise`` and ``end_rise`` of the rising input, and
    the same for the falling one: seconds, coulombs through the input source, and volts at the
    output where the next change begins.

    Args:
        bench: The cell.
        vector: Which input changes, which output is watched, and what the others are.
        samples: The points.
        patience: How many times the expected time is waited.
    """
    conditions = bench.conditions
    supply = conditions.supply_v
    low, middle, high = (
        supply * share for share in (conditions.lower, conditions.middle, conditions.upper)
    )
    lines = _head(bench, f"{vector.input} to {vector.output}", _OPTIONS)
    lines += [f"V{name} p_{name} 0 {supply if value else 0:g}" for name, value in vector.others]
    lines.append(f"V{vector.input} p_{vector.input} 0 pulse(0 {supply:g} 1n 1n 1n 1n 1)")
    lines += [f"C{name} p_{name} 0 1f" for name in bench.outputs]
    watched, changed = f"v(p_{vector.output})", f"v(p_{vector.input})"
    lines += [".control", "set num_threads=1", f"save {watched} {changed} i(V{vector.input})"]
    for count, sample in enumerate(samples):
        ramp = sample.slew_ns / (conditions.upper - conditions.lower)
        step = max(ramp / _RAMP_STEPS, sample.transition_ns / _TRANSITION_STEPS)
        start = 10 * step
        settle = patience * (_SETTLED * sample.transition_ns + 2 * sample.delay_ns)
        falls = start + ramp + settle
        stop = falls + ramp + settle
        pulse = f"0 {supply:g} {start:.6g}n {ramp:.6g}n {ramp:.6g}n {settle:.6g}n {2 * stop:.6g}n"
        lines += [
            f"alter C{vector.output} = {sample.load_pf:.6g}p",
            f"alter @V{vector.input}[pulse] = [ {pulse} ]",
            f"tran {step:.6g}n {stop + 2 * step:.9g}n 0 {step:.6g}n",
            f"echo POINT {count}",
        ]
        for edge, begin, end in (("rise", 0.0, falls), ("fall", falls, stop)):
            answer = edge if vector.positive else _OTHER[edge]
            first, last = (low, high) if answer == "rise" else (high, low)
            lines += [
                f"meas tran delay_{edge} trig {changed} val={middle:g} {edge}=1 "
                f"targ {watched} val={middle:g} {answer}=1",
                f"meas tran transition_{edge} trig {watched} val={first:g} {answer}=1 "
                f"targ {watched} val={last:g} {answer}=1",
                f"meas tran charge_{edge} integ i(V{vector.input}) from={begin:.6g}n to={end:.6g}n",
                f"meas tran end_{edge} find {watched} at={end:.9g}n",
            ]
        lines.append("destroy all")
    return "\n".join([*lines, "echo DONE", ".endc", ".end", ""])


def leakage_deck(bench: Bench) -> str:
    """Ask for the supply's current at rest for every value of the inputs.

    After a line ``POINT k`` come the results `RESTS`, in amperes out of the supply; bit j of k is
    the j-th input.
    """
    lines = _head(bench, "at rest", _LEAKAGE_OPTIONS)
    lines += [f"V{name} p_{name} 0 0" for name in bench.inputs]
    lines += [".control", "set num_threads=1"]
    for row in range(1 << len(bench.inputs)):
        for k, name in enumerate(bench.inputs):
            lines.append(f"alter V{name} = {bench.conditions.supply_v * (row >> k & 1):g}")
        lines.append(f"echo POINT {row}")
        for name, conductance in RESTS.items():
            lines += [f"option gmin={conductance}", "op", f"let {name} = -i(vsupply)"]
            lines += [f"print {name}", "destroy all"]
    return "\n".join([*lines, "echo DONE", ".endc", ".end", ""])


_OTHER: Mapping[str, str] = {"rise": "fall", "fall": "rise"}


def _head(bench: Bench, title: str, options: str) -> list[str]:
    cell = bench.cell
    nets = dict.fromkeys(bench.power, "supply") | dict.fromkeys(bench.ground, "0")
    lines = [
        f"* {cell.name}: {title}",
        f'.include "{bench.models}"',
        f".temp {bench.conditions.temperature_c:g}",
        f".options {options}",
        f".subckt {cell.name} {' '.join(cell.ports)}",
    ]
    for count, item in enumerate(cell.transistors):
        drain, source = item.drain, item.source
        if item.drain_ohm:
            drain = f"drain{count}"
            lines.append(f"Rdrain{count} {item.drain} {drain} {item.drain_ohm:.6g}")
        if item.source_ohm:
            source = f"source{count}"
            lines.append(f"Rsource{count} {item.source} {source} {item.source_ohm:.6g}")
        strain = f" sa={item.to_row_end_um:.6g} sb={item.to_row_end_um:.6g}"
        lines.append(
            f"X{count} {drain} {item.gate} {source} {item.bulk} {item.model} "
            f"w={item.width_um:g} l={item.length_um:g} "
            f"ad={item.drain_area_um2:.6g} pd={item.drain_edge_um:.6g} "
            f"as={item.source_area_um2:.6g} ps={item.source_edge_um:.6g} m={item.fingers}"
            + (strain if item.to_row_end_um else "")
        )
    lines += [f"C{count} {net} 0 {load:.6g}f" for count, (net, load) in enumerate(cell.wires_ff)]
    pins = " ".join(nets.get(port, f"p_{port}") for port in cell.ports)
    return [
        *lines,
        ".ends",
        f"Vsupply supply 0 {bench.conditions.supply_v:g}",
        f"Xcell {pins} {cell.name}",
    ]
