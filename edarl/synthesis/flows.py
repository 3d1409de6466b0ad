"""The synthesis flows: how a design becomes a sized netlist of library cells.

All flows start from the direct mapping of `edarl.hdl.mapping` and end with the same buffering and
sizing. They differ in what stands between:

- ``direct``: nothing. The structure that the agent builds is the structure that is measured.
- ``pinswap``: of two interchangeable pins the later signal gets the faster one. Same gates, and up
  to 14 % less area at the same delay on Nangate45 (`docs/results/adders.md`).
- ``remap``: ABC restructures locally and maps again (``dch -f; map -B 0.9``). Better at the
  tightest delays.
- ``remap-carry``: the same, on a netlist that lists the carry out first and the operands from the
  most significant bit. What ABC makes of a netlist depends on that order; the two differ by up to
  8 % at the same delay, in both directions.

``best`` pools all four. ABC's plain ``map`` is never used: it duplicates logic that sizing does
not recover, so that deleting a random node seems to save area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edarl.errors import ConfigError
from edarl.hdl.mapping import InputOrder

__all__ = ["BEST", "FLOWS", "FLOW_NAMES", "Flow", "flows_named"]


@dataclass(frozen=True, slots=True)
class Flow:
    """One way from gates to a sized netlist.

    Attributes:
        name: How users name it.
        input_order: Passed to the direct mapping.
        fast_pins: Whether the second of two interchangeable inputs goes to the faster pin.
        carry_first: Whether the netlist that ABC reads lists the carry out first.
        prepare: ABC commands that run once per design.
        size: ABC commands that run once per delay target; ``{target}`` is in picoseconds.
    """

    name: str
    input_order: InputOrder
    fast_pins: bool
    carry_first: bool
    prepare: tuple[str, ...]
    size: tuple[str, ...]


_BUFFER = ("topo", "buffer -N 6", "topo")
_SIZE = ("upsize -D {target}", "dnsize -D {target}")
_REMAP = ("strash", "dch -f", "map -B 0.9", *_BUFFER)

FLOWS: Mapping[str, Flow] = {
    flow.name: flow
    for flow in (
        Flow("direct", "operand", False, False, _BUFFER, _SIZE),
        Flow("pinswap", "arrival", True, False, _BUFFER, _SIZE),
        Flow("remap", "operand", False, False, _REMAP, _SIZE),
        Flow("remap-carry", "operand", False, True, _REMAP, _SIZE),
    )
}
"""Every flow by name."""

BEST = "best"
"""The name that stands for all flows together."""

FLOW_NAMES = (*FLOWS, BEST)


def flows_named(name: str) -> tuple[Flow, ...]:
    """Give the flows behind a name: one flow, or all of them for ``best``.

    Several names may be joined with ``+``, such as ``direct+remap``.

    Raises:
        ConfigError: There is no flow of that name.
    """
    if name == BEST:
        return tuple(FLOWS.values())
    flows = []
    for part in name.split("+"):
        if part not in FLOWS:
            raise ConfigError(
                f"`flow` should be one of {', '.join(FLOW_NAMES)}, or several joined with '+', "
                f"actual value: {name!r}"
            )
        flows.append(FLOWS[part])
    return tuple(flows)
