"""The fewest nodes at a depth among graphs that are composed of blocks, found exactly.

A *block* is a run of neighbouring inputs that is given one carry, the prefix of everything below
it, and makes the outputs of its own. It may be cut in two, so that the upper part's carry is the
lower part's last output; if somebody needs what the whole block combines to without its carry, its
*total*, that is one node more. Or the block forms its prefixes as if there were no carry, and a
*fan* then combines the carry with each of them. The prefixes under a fan need not be one for each
input: they may be those of *leaves*, which are blocks again and are given their carries by the fan.
So fans nest. Ripple, Sklansky, Brent-Kung, Ladner-Fischer and the zero-deficiency circuits of Zhu,
Cheng and Graham are all made of such blocks; Kogge-Stone, where blocks overlap, is not.

Times count operator levels. A *setting* is the fans that an output has yet to go through, named by
when each of them delivers, a later one outside an earlier one; their nodes are counted together
with the output. Under a fan, outputs are due one level before it delivers; outside all fans, at the
depth of the circuit. For every setting and width, the tables hold the fewest nodes of

- a run without a carry, whose last output is there by a time;
- a block whose carry comes at one time and whose last output is there by another;
- a block whose carry comes at a time and whose total is there by another, without the node for its
  last output: that is the carry and the total combined, which others do.

The whole is exact among compositions, not among all graphs. Up to 20 bits no graph is smaller at
any depth: the composed ones meet Snir's bound, or an exhaustive search finds nothing.

Sources: Ladner and Fischer, J. ACM 27(4), 1980, where fans are over pairs; Snir, J. Algorithms
7(2), 1986, for the bound; Zhu, Cheng and Graham, ACM TODAES 11(2), 2006, for the circuits that meet
it at the least depth. The tables are our own.

Letters in shapes: C settings, T times from 0 to the depth, W widths from 0.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edarl.errors import ConfigError
from edarl.prefix.graph import MAX_WIDTH, MIN_WIDTH, PrefixGraph
from edarl.search.compiled import compiled

__all__ = ["compose", "least_depth", "snir_bound"]

_Counts: TypeAlias = npt.NDArray[np.int16]
_Indices: TypeAlias = npt.NDArray[np.int64]

_NEVER = 30_000
"""More nodes than any graph has: it cannot be done in time."""

_SPARE_LEVELS = 3
"""With so many levels above the least depth, Snir's bound is met at every width up to 256."""

_NESTED = (8, 8, 2, 1)
"""How many fans may nest, by spare levels. More saves no node at any width up to 256, and would
double the time."""


class _Settings(NamedTuple):
    """The settings; the first is the one without a fan, and outer ones come before inner ones.

    Attributes:
        due: [C] when outputs are due.
        outer: [C] the setting without the innermost fan; -1 for the first.
        inner: [C, T] the setting with one more fan, by when that delivers; -1 where there is none.
    """

    due: _Indices
    outer: _Indices
    inner: _Indices


class _Tables(NamedTuple):
    """The fewest nodes.

    Attributes:
        runs: [C, T, W] by setting, when the last output is there, and width.
        blocks: [C, T, T, W] by setting, when the carry comes, when the last output is there, width.
        totals: [C, T, T, W] by setting, when the carry comes, when the total is there, width.
    """

    runs: _Counts
    blocks: _Counts
    totals: _Counts


def least_depth(width: int) -> int:
    """Give the least depth of a graph, ceil(log2(width))."""
    return (width - 1).bit_length()


def snir_bound(width: int, depth: int) -> int:
    """Give how many nodes a graph of a width and of at most a depth has at least.

    Source: Snir, "Depth-size trade-offs for parallel prefix computation", J. Algorithms 7(2), 1986:
    nodes + depth >= 2 * width - 2.
    """
    return max(2 * width - 2 - depth, width - 1)


def compose(width: int, depth: int) -> PrefixGraph:
    """Give a composed graph with the fewest nodes at a depth, the same on every call.

    It takes under a second, and seconds more when this is the first use on a machine.

    Args:
        width: Number of inputs, 2 to 256.
        depth: The most operator levels that the graph may have, at least ceil(log2(width)).

    Raises:
        ConfigError: The width is out of range, or the depth is below the least one.
    """
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise ConfigError(
            f"`width` should be between {MIN_WIDTH} and {MAX_WIDTH}, actual value: {width}"
        )
    if depth < least_depth(width):
        raise ConfigError(
            f"`depth` at {width} bits should be at least {least_depth(width)}, "
            f"actual value: {depth}"
        )
    # A level too many spares one node: the last bit is then combined with the output below it.
    core, levels = width, depth
    while core > MIN_WIDTH and levels - least_depth(core) > _SPARE_LEVELS:
        core, levels = core - 1, levels - 1
    spare = min(levels - least_depth(core), _SPARE_LEVELS)
    levels = least_depth(core) + spare
    settings = _settings(levels, _NESTED[spare])
    tables = _Tables(*_fill(core, levels, settings.due, settings.outer, settings.inner))
    builder = _Builder(settings, tables)
    builder.run(0, levels, core, 0, (0,))
    graph = PrefixGraph.from_nodes(width, builder.nodes)
    assert graph.depth <= depth
    assert graph.size == int(tables.runs[0, levels, core]) + width - core
    return graph


def _settings(depth: int, nested: int) -> _Settings:
    """List the settings of at most so many fans."""
    found: list[tuple[int, ...]] = [()]
    for fans in found:  # it grows meanwhile
        if len(fans) < nested:
            latest = fans[-1] - 1 if fans else depth
            found.extend((*fans, delivers) for delivers in range(2, latest + 1))
    index = {fans: number for number, fans in enumerate(found)}
    inner = np.full((len(found), depth + 1), -1, dtype=np.int64)
    for fans, number in index.items():
        if fans:
            inner[index[fans[:-1]], fans[-1]] = number
    due = [fans[-1] - 1 if fans else depth for fans in found]
    outer = [index[fans[:-1]] if fans else -1 for fans in found]
    return _Settings(np.array(due, dtype=np.int64), np.array(outer, dtype=np.int64), inner)


@compiled
def _two_parts(lower: _Counts, upper: _Counts, w: int) -> int:
    """Give the fewest nodes of two parts of ``w`` inputs together; both arrays are by width."""
    best = 2 * _NEVER
    for low in range(1, w):
        best = min(best, int(lower[low]) + int(upper[w - low]))
    return best


@compiled
def _fill(
    width: int, depth: int, due: _Indices, outer: _Indices, inner: _Indices
) -> tuple[_Counts, _Counts, _Counts]:
    """Fill the tables, width by width; each entry needs narrower ones, or is a leaf or a fan."""
    settings, times = due.shape[0], depth + 1
    runs = np.full((settings, times, width + 1), _NEVER, dtype=np.int16)
    blocks = np.full((settings, times, times, width + 1), _NEVER, dtype=np.int16)
    totals = np.full((settings, times, times, width + 1), _NEVER, dtype=np.int16)
    runs[0, :, 1] = 0
    for w in range(1, width + 1):
        # Runs of two parts or more.
        for c in range(settings):
            for last in range(1, due[c] + 1):
                best = int(runs[c, last, w])
                for between in range(last):
                    best = min(best, _two_parts(runs[c, between], blocks[c, between, last], w))
                runs[c, last, w] = best
        for c in range(settings):
            for carry in range(due[c] + 1):
                for total in range(times):
                    best = _NEVER
                    if outer[c] >= 0:  # one leaf
                        best = min(best, int(totals[outer[c], due[c] + 1, total, w]) + 1)
                    elif w == 1:
                        best = 0
                    if w > 1 and total <= due[c]:
                        # Two parts. The lower total is in time for the carry in between.
                        for early in range(total):
                            between = max(carry, early) + 1
                            if between <= due[c]:
                                low, up = totals[c, carry, early], totals[c, between, total - 1]
                                best = min(best, _two_parts(low, up, w) + 2)
                        # A fan, without its node for the last output.
                        for delivers in range(max(carry, total) + 1, due[c] + 1):
                            if inner[c, delivers] >= 0:
                                best = min(best, int(runs[inner[c, delivers], total, w]) - 1)
                    totals[c, carry, total, w] = best
            for carry in range(due[c]):
                for last in range(carry + 1, due[c] + 1):
                    best = _NEVER
                    for total in range(last):
                        best = min(best, int(totals[c, carry, total, w]) + 1)
                    for between in range(carry + 1, last):
                        low, up = blocks[c, carry, between], blocks[c, between, last]
                        best = min(best, _two_parts(low, up, w))
                    blocks[c, carry, last, w] = best
        # Runs of one leaf. A fan over a single leaf was left out above: it would spare nothing.
        for c in range(1, settings):
            for last in range(due[c] + 1):
                leaf = int(totals[outer[c], due[c] + 1, last, w]) + 1
                runs[c, last, w] = min(int(runs[c, last, w]), leaf)
    return runs, blocks, totals


class _Builder:
    """Finds the compositions again that the tables' entries belong to, and lists their nodes.

    Each method takes what names an entry, the lowest input of the run or block, and its *bases*:
    the lowest inputs of what its outputs combine, the present one last, before it those after each
    fan that the outputs have yet to go through, the outermost first.
    """

    def __init__(self, settings: _Settings, tables: _Tables) -> None:
        self._due = settings.due.tolist()
        self._outer = settings.outer.tolist()
        self._inner = settings.inner.tolist()
        self._runs, self._blocks, self._totals = (table.tolist() for table in tables)
        self.nodes: set[tuple[int, int]] = set()

    def run(self, c: int, last: int, w: int, start: int, bases: tuple[int, ...]) -> None:
        """List the nodes of a run."""
        runs, blocks = self._runs[c], self._blocks[c]
        wanted = runs[last][w]
        if c == 0 and w == 1:
            return
        for between in range(last):
            for low in range(1, w):
                if runs[between][low] + blocks[between][last][w - low] == wanted:
                    self.run(c, between, low, start, bases)
                    self._block(c, between, last, w - low, start + low, bases)
                    return
        self._leaf(c, last, w, start, bases)

    def _leaf(self, c: int, total: int, w: int, start: int, bases: tuple[int, ...]) -> None:
        self._total(self._outer[c], self._due[c] + 1, total, w, start, bases[:-1])
        self.nodes.add((start + w - 1, bases[-2]))

    def _block(
        self, c: int, carry: int, last: int, w: int, start: int, bases: tuple[int, ...]
    ) -> None:
        blocks, totals = self._blocks[c], self._totals[c]
        wanted = blocks[carry][last][w]
        for between in range(carry + 1, last):
            for low in range(1, w):
                if blocks[carry][between][low] + blocks[between][last][w - low] == wanted:
                    self._block(c, carry, between, low, start, bases)
                    self._block(c, between, last, w - low, start + low, bases)
                    return
        total = next(t for t in range(last) if totals[carry][t][w] + 1 == wanted)
        self._total(c, carry, total, w, start, bases)
        self.nodes.add((start + w - 1, bases[-1]))

    def _total(
        self, c: int, carry: int, total: int, w: int, start: int, bases: tuple[int, ...]
    ) -> None:
        totals = self._totals[c]
        wanted = totals[carry][total][w]
        if c == 0 and w == 1:
            return
        self.nodes.add((start + w - 1, start))
        if c > 0 and self._totals[self._outer[c]][self._due[c] + 1][total][w] + 1 == wanted:
            self._leaf(c, total, w, start, bases)
            return
        for delivers in range(max(carry, total) + 1, self._due[c] + 1):
            inner = self._inner[c][delivers]
            if w > 1 and inner >= 0 and self._runs[inner][total][w] - 1 == wanted:
                self.run(inner, total, w, start, (*bases, start))
                return
        for early in range(total):
            between = max(carry, early) + 1
            for low in range(1, w):
                if (
                    between <= self._due[c]
                    and total <= self._due[c]
                    and totals[carry][early][low] + totals[between][total - 1][w - low] + 2
                    == wanted
                ):
                    self._total(c, carry, early, low, start, bases)
                    self.nodes.add((start + low - 1, bases[-1]))
                    self._total(c, between, total - 1, w - low, start + low, bases)
                    return
        raise AssertionError("the tables have an entry that nothing makes")
