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

These four are ABC's. In ``sized`` the sizer of `edarl.synthesis.timing` maps, buffers and sizes
instead, in a fraction of the time; ``sized-quick`` and ``sized-thorough`` try less and more hard.
It sees the delays that ABC reports, since the figures that are confirmed are ABC's.

``best`` pools the four and ``sized``. ABC's plain ``map`` is never used: it duplicates logic that
sizing does not recover, so that deleting a random node seems to save area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from edarl.errors import ConfigError
from edarl.hdl.mapping import InputOrder

if TYPE_CHECKING:
    from edarl.synthesis.timing.sizer import Effort

__all__ = [
    "BEST",
    "FLOWS",
    "FLOW_NAMES",
    "SIZED_FLOWS",
    "TIMERS",
    "Flow",
    "SizedFlow",
    "Timer",
    "flows_named",
    "timer_for",
]

Timer = Literal["fast", "abc"]
"""Who says what area and delay of a netlist are: edarl's own timer, or ABC."""

TIMERS: tuple[Timer, ...] = get_args(Timer)


@dataclass(frozen=True, slots=True)
class Flow:
    """One of ABC's ways from gates to a sized netlist.

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


@dataclass(frozen=True, slots=True)
class SizedFlow:
    """The way of the own sizer.

    Attributes:
        name: How users name it.
        effort: How hard the sizer tries.
    """

    name: str
    effort: Effort


FLOWS: Mapping[str, Flow] = {
    flow.name: flow
    for flow in (
        Flow("direct", "operand", False, False, _BUFFER, _SIZE),
        Flow("pinswap", "arrival", True, False, _BUFFER, _SIZE),
        Flow("remap", "operand", False, False, _REMAP, _SIZE),
        Flow("remap-carry", "operand", False, True, _REMAP, _SIZE),
    )
}
"""ABC's flows by name."""

SIZED_FLOWS: Mapping[str, SizedFlow] = {
    flow.name: flow
    for flow in (
        SizedFlow("sized-quick", "quick"),
        SizedFlow("sized", "normal"),
        SizedFlow("sized-thorough", "thorough"),
    )
}
"""The own sizer's flows by name."""

BEST = "best"
"""The name that stands for all flows that a final front is made of."""

FLOW_NAMES = (*FLOWS, *SIZED_FLOWS, BEST)

_BEST: tuple[Flow | SizedFlow, ...] = (*FLOWS.values(), SIZED_FLOWS["sized"])


def flows_named(name: str) -> tuple[Flow | SizedFlow, ...]:
    """Give the flows behind a name, each once.

    Several names may be joined with ``+``, such as ``direct+remap`` or ``best+sized-quick``.

    Raises:
        ConfigError: There is no flow of that name.
    """
    flows: dict[Flow | SizedFlow, None] = {}
    known: dict[str, Flow | SizedFlow] = {**FLOWS, **SIZED_FLOWS}
    for part in name.split("+"):
        if part == BEST:
            flows |= dict.fromkeys(_BEST)
        elif part in known:
            flows[known[part]] = None
        else:
            raise ConfigError(
                f"`flow` should be one of {', '.join(FLOW_NAMES)}, or several joined with '+', "
                f"actual value: {name!r}"
            )
    return tuple(flows)


def timer_for(name: str, timer: Timer | None = None) -> Timer:
    """Give who times the netlists of some flows: the one that is asked for, if it can.

    Figures that are compared all come from one of them: the own timer where all flows are the own
    sizer's, otherwise ABC.

    Args:
        name: A flow, or several joined with ``+``.
        timer: Who should; None leaves it to the flows.

    Raises:
        ConfigError: There is no such flow or timer, or the own timer is asked for ABC's flows.
    """
    can_be_fast = all(isinstance(flow, SizedFlow) for flow in flows_named(name))
    if timer is None:
        return "fast" if can_be_fast else "abc"
    if timer not in TIMERS:
        raise ConfigError(f"`timer` should be one of {', '.join(TIMERS)}, actual value: {timer!r}")
    if timer == "fast" and not can_be_fast:
        raise ConfigError(
            f"the own timer times the netlists of its own sizer: `flow` should be one of "
            f"{', '.join(SIZED_FLOWS)}, actual value: {name!r}"
        )
    return timer
