"""The published prefix structures, each for every width from 2 to 256 bits.

`structure` builds one by name; `STRUCTURES` says which names there are. A structure for a width
that is not a power of two is its own construction applied to that width, never a larger graph with
rows thrown away that something else needed.

In this module ``level`` counts from 0 at the inputs, and level ``d`` joins spans of up to ``2**d``
bits into spans of up to ``2**(d + 1)``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edarl.errors import ConfigError
from edarl.prefix.graph import MAX_WIDTH, MIN_WIDTH, Node, PrefixGraph

__all__ = ["REGULAR", "STRUCTURES", "Structure", "structure"]

MAX_EXTRA_LEVELS = 8
"""Ladner-Fischer's k beyond ceil(log2(width)) changes nothing, and 8 is that for 256 bits."""

_PARAMETERS = re.compile(r"[0-9]{1,3}(?:,[0-9]{1,3})*")


@dataclass(frozen=True, slots=True)
class Structure:
    """One family of structures.

    Attributes:
        name: What users type, without parameters.
        summary: What it is, in one line.
        parameters: What follows the name and a colon, such as ``K``; empty when nothing does.
        parameters_summary: What the parameters mean and their range; empty when there are none.
        build: ``(width, parameters) -> graph``; raises ConfigError for parameters out of range.
    """

    name: str
    summary: str
    parameters: str
    parameters_summary: str
    build: Callable[[int, tuple[int, ...]], PrefixGraph]

    @property
    def usage(self) -> str:
        """How it is spelled, such as ``ladner_fischer:K``."""
        return f"{self.name}:{self.parameters}" if self.parameters else self.name


def structure(name: str, width: int) -> PrefixGraph:
    """Build a published structure.

    Args:
        name: A key of `STRUCTURES`, with its parameters after a colon where it has any:
            ``brent_kung``, ``ladner_fischer:1``, ``knowles:2,1,1``, ``sparse_sklansky:4``.
        width: Number of inputs, 2 to 256.

    Raises:
        ConfigError: The name is unknown, its parameters are missing or out of range, or the width
            is out of range.
    """
    family, colon, parameters = name.partition(":")
    if family not in STRUCTURES:
        close = difflib.get_close_matches(family.lower(), STRUCTURES, n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        known = ", ".join(entry.usage for entry in STRUCTURES.values())
        raise ConfigError(f"`structure` should be one of {known}; actual value: {name!r}{hint}")
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise ConfigError(
            f"`width` should be between {MIN_WIDTH} and {MAX_WIDTH}, actual value: {width}"
        )
    entry = STRUCTURES[family]
    if not entry.parameters:
        if colon:
            raise ConfigError(f"{family} takes no parameters, actual value: {name!r}")
        return entry.build(width, ())
    if not _PARAMETERS.fullmatch(parameters):
        raise ConfigError(
            f"`structure` should read {entry.usage} with {entry.parameters_summary}; "
            f"actual value: {name!r}"
        )
    return entry.build(width, tuple(int(number) for number in parameters.split(",")))


# -------------------------------------------------------------------- without parameters


def _ripple(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    del parameters
    return PrefixGraph.legalise(width)


def _sklansky(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    del parameters
    return _over_blocks(width, 1, _sklansky_nodes)


def _kogge_stone(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    del parameters
    return _over_blocks(width, 1, _kogge_stone_nodes)


def _brent_kung(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    del parameters
    return PrefixGraph.legalise(width, _brent_kung_nodes(width))


def _han_carlson(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    del parameters
    return _over_blocks(width, 2, _kogge_stone_nodes)


def _sklansky_nodes(width: int) -> Iterator[Node]:
    """Give (m, l) where l clears the low bits of m up to and without one of its set bits."""
    for level in range(_levels(width)):
        for msb in range(width):
            if msb >> level & 1:
                yield Node(msb, msb >> level << level)


def _kogge_stone_nodes(width: int) -> Iterator[Node]:
    """Give, at every level, the span of double length that ends at each position."""
    for level in range(_levels(width)):
        for msb in range(1 << level, width):
            yield Node(msb, max(0, msb + 1 - (2 << level)))


def _brent_kung_nodes(width: int) -> Iterator[Node]:
    """Give the binary tree; the way back down is what legalising the outputs adds."""
    for level in range(_levels(width)):
        span = 2 << level
        for msb in range(span - 1, width, span):
            yield Node(msb, msb + 1 - span)


# -------------------------------------------------------------------- Ladner-Fischer


def _ladner_fischer(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    """Build P_k: at most k levels more than the minimum, for fewer nodes.

    Source: Ladner and Fischer, "Parallel Prefix Computation", J. ACM 27(4), 1980, section 2.
    """
    if len(parameters) != 1 or parameters[0] > MAX_EXTRA_LEVELS:
        raise ConfigError(
            f"ladner_fischer:K should have one K between 0 and {MAX_EXTRA_LEVELS}, "
            f"actual value: {_listed(parameters)}"
        )
    leaves = [Node(bit, bit) for bit in range(width)]
    return PrefixGraph.legalise(width, _ladner_fischer_nodes(leaves, parameters[0]))


def _ladner_fischer_nodes(spans: Sequence[Node], extra: int) -> Iterator[Node]:
    """Give the nodes of P_extra over adjacent spans: every prefix of the sequence, joined."""
    if len(spans) == 1:
        return
    start = spans[0].lsb
    if extra == 0:
        middle = (len(spans) + 1) // 2
        yield from _ladner_fischer_nodes(spans[:middle], 1)
        yield from _ladner_fischer_nodes(spans[middle:], 0)
        yield from (Node(span.msb, start) for span in spans[middle:])
    else:
        pairs = [
            Node(high.msb, low.lsb) for low, high in zip(spans[::2], spans[1::2], strict=False)
        ]
        yield from pairs
        if len(spans) % 2:
            pairs.append(spans[-1])
        yield from _ladner_fischer_nodes(pairs, extra - 1)
        yield from (Node(span.msb, start) for span in spans[2:-1:2])


# -------------------------------------------------------------------- Knowles


def _knowles(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    """Build a minimum-depth adder with one lateral fanout per level, outputs first.

    At level d the bits of each aligned group of ``fanout`` bits share one lower parent, which lies
    ``2**d`` below the group's last bit. All ones is Kogge-Stone, ``...,4,2,1`` is Sklansky.

    Source: Knowles, "A Family of Adders", ARITH 1999. There the two spans that a node joins may
    overlap, which carries allow; the nodes of a prefix graph are exact spans. So each span here
    ends where its lower parent begins, and the lists that need an overlap are refused.
    """
    levels = _levels(width)
    fanouts = parameters[::-1]
    usable = (
        len(fanouts) == levels
        and all(
            fanout in (1 << power for power in range(level + 1))
            for level, fanout in enumerate(fanouts)
        )
        and list(fanouts) == sorted(fanouts)
    )
    if not usable:
        largest = ",".join(str(1 << level) for level in reversed(range(levels)))
        raise ConfigError(
            f"knowles at {width} bits should have {levels} fanouts from the outputs to the inputs, "
            f"powers of two that do not rise, at most {largest}; "
            f"actual value: {_listed(parameters)}"
        )
    exact = _without_overlap(fanouts)
    if exact != fanouts:
        raise ConfigError(
            f"knowles:{_listed(parameters)} joins overlapping spans, which a prefix graph cannot "
            f"hold; the nearest one without overlap is knowles:{_listed(exact[::-1])}"
        )
    return PrefixGraph.legalise(width, _knowles_nodes(width, fanouts))


def _without_overlap(fanouts: tuple[int, ...]) -> tuple[int, ...]:
    """Raise fanouts (inputs first) until every span that a level joins is one that exists.

    A level whose groups reach as far as its spans (``2**level``) asks nothing of the level before
    it. Any other shifts its lower parents, and the level before has to shift its own as much, or
    by half its span.
    """
    raised = list(fanouts)
    for level in range(len(raised) - 1, 1, -1):
        if raised[level] < 1 << level:
            raised[level - 1] = max(raised[level - 1], min(raised[level], 1 << (level - 2)))
    return tuple(raised)


def _knowles_nodes(width: int, fanouts: Sequence[int]) -> Iterator[Node]:
    for msb in range(1, width):
        lsb = 0
        for level in reversed(range(len(fanouts))):
            group_end = msb | (fanouts[level] - 1)
            lower_msb = group_end - (1 << level)
            if lsb <= lower_msb < msb:
                yield Node(msb, lsb)
                lsb = lower_msb + 1


# -------------------------------------------------------------------- sparse


def _sparse_kogge_stone(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    return _over_blocks(width, _block("sparse_kogge_stone", width, parameters), _kogge_stone_nodes)


def _sparse_sklansky(width: int, parameters: tuple[int, ...]) -> PrefixGraph:
    return _over_blocks(width, _block("sparse_sklansky", width, parameters), _sklansky_nodes)


def _block(name: str, width: int, parameters: tuple[int, ...]) -> int:
    if len(parameters) != 1 or not 2 <= parameters[0] <= width:
        raise ConfigError(
            f"{name}:S should have one S between 2 and the width, {width}; "
            f"actual value: {_listed(parameters)}"
        )
    return parameters[0]


def _over_blocks(width: int, block: int, network: Callable[[int], Iterator[Node]]) -> PrefixGraph:
    """Run a network over the last bits of blocks of ``block`` bits.

    Inside a block a binary tree forms the block's span; the outputs between two last bits follow
    from the nearest finished output below. The bits after the last whole block do the same.
    """
    blocks = width // block
    nodes = [
        Node(start + node.msb, start + node.lsb)
        for start in range(0, width, block)
        for node in _brent_kung_nodes(min(block, width - start))
    ]
    joined = (*(Node(each, each) for each in range(blocks)), *network(blocks))
    nodes.extend(Node(node.msb * block + block - 1, node.lsb * block) for node in joined)
    return PrefixGraph.legalise(width, nodes)


def _levels(width: int) -> int:
    """Give ceil(log2(width)), the smallest possible depth."""
    return (width - 1).bit_length()


def _listed(parameters: tuple[int, ...]) -> str:
    return ",".join(str(number) for number in parameters)


# -------------------------------------------------------------------- the table

_BLOCK = "one S between 2 and the width: bits per block"

STRUCTURES: Mapping[str, Structure] = {
    entry.name: entry
    for entry in (
        Structure("ripple", "one node per bit, fewest nodes, greatest depth", "", "", _ripple),
        Structure("sklansky", "least depth, fanout doubles from level to level", "", "", _sklansky),
        Structure("kogge_stone", "least depth and fanout, most nodes", "", "", _kogge_stone),
        Structure("brent_kung", "binary tree up and down, few nodes", "", "", _brent_kung),
        Structure("han_carlson", "Kogge-Stone over every second bit", "", "", _han_carlson),
        Structure("ladner_fischer", "at most K levels more than the least, for fewer nodes",
                  "K", f"one K between 0 and {MAX_EXTRA_LEVELS}", _ladner_fischer),
        Structure("knowles", "least depth, a chosen fanout at each level",
                  "F,F,...", "one fanout per level from the outputs to the inputs, powers of two "
                  "that do not rise, at most ...,4,2,1", _knowles),
        Structure("sparse_kogge_stone", "Kogge-Stone over blocks of S bits",
                  "S", _BLOCK, _sparse_kogge_stone),
        Structure("sparse_sklansky", "Sklansky over blocks of S bits",
                  "S", _BLOCK, _sparse_sklansky),
    )
}  # fmt: skip
"""Every family by name; iterating gives the names."""

REGULAR = (
    "ripple",
    "sklansky",
    "kogge_stone",
    "brent_kung",
    "han_carlson",
    *(f"ladner_fischer:{extra}" for extra in range(4)),
)
"""The structures that found designs are compared with; each exists at every width."""
