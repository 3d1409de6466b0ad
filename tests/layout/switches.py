"""Transistors as switches: the states in which a netlist can stay."""

from collections.abc import Iterator, Mapping
from itertools import product

from edarl.layout.netlist import CellNetlist

State = dict[str, bool]


def stable_states(cell: CellNetlist, inputs: Mapping[str, bool]) -> Iterator[State]:
    """Every way in which the nets at gates and pins can stay as they are, each driven by a rail."""
    gates = {device.gate for device in cell.devices}
    kept = sorted((gates | set(cell.signal_pins)) - inputs.keys())
    for values in product((False, True), repeat=len(kept)):
        state = dict(inputs) | dict(zip(kept, values, strict=True))
        high, low = (reached(cell, state, rail) for rail in (cell.supply, cell.ground))
        assert state.keys() >= gates
        if all(state[net] == (net in high) != (net in low) for net in kept):
            yield state


def reached(cell: CellNetlist, state: State, rail: str) -> set[str]:
    """The nets that transistors which are on join to a rail."""
    found = {rail}
    while True:
        more = {
            end
            for device in cell.devices
            if state[device.gate] == (device.kind == "n") and {device.source, device.drain} & found
            for end in (device.source, device.drain)
        }
        if more <= found:
            return found
        found |= more
