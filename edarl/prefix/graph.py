"""The prefix graph: an immutable value with its two moves, its measures and its names.

Bit 0 is the least significant. Node ``(msb, lsb)`` combines the inputs ``lsb`` to ``msb``; inputs
are the nodes ``(i, i)``, outputs the nodes ``(i, 0)``. The *upper parent* of a node is the existing
node with the same msb and the next higher lsb, its *lower parent* is ``(upper.lsb - 1, lsb)``. A
graph is legal when every lower parent exists.

One row is one Python integer (bit ``l`` of ``rows[m]`` is set when node ``(m, l)`` exists): a move
at 64 bits then costs well under a tenth of a millisecond without any compiled code.

Source: PrefixRL (arXiv 2205.07000), section III, for the grid, the minlist and both moves; the
exact rules are in ``docs/definitions.md``.

Letters in shapes: N the width of the graph.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from edarl.errors import IllegalGraphError, IllegalMoveError

__all__ = ["MAX_TEXT_LENGTH", "MAX_WIDTH", "MIN_WIDTH", "Move", "Node", "PrefixGraph"]

MIN_WIDTH = 2
MAX_WIDTH = 256

MAX_TEXT_LENGTH = 2_000_000
"""Characters that a graph's text may have; the largest graph as indented JSON has 1.3 million."""

_TEXT = re.compile(r"([0-9]{1,3}):([0-9]{1,3}\.[0-9]{1,3}(?: [0-9]{1,3}\.[0-9]{1,3})*)?")
_PAIR = re.compile(r"([0-9]+)\.([0-9]+)")


class Node(NamedTuple):
    """A node, named by the span of inputs that it combines."""

    msb: int
    lsb: int


class Move(NamedTuple):
    """One step from a graph to another: add or delete the interior node ``(msb, lsb)``."""

    kind: Literal["add", "delete"]
    msb: int
    lsb: int

    def __str__(self) -> str:
        return f"{self.kind} ({self.msb}, {self.lsb})"


@dataclass(frozen=True, slots=True)
class PrefixGraph:
    """A legal prefix graph; a move returns a new one.

    Build one with `legalise`, `from_nodes`, `from_text`, or a function of
    `edarl.prefix.structures`; the constructor itself trusts what it is given.

    Attributes:
        rows: For each msb the set of its lsbs as bits of an integer, inputs and outputs included.
        minlist_rows: The same for the interior nodes that are nobody's lower parent. They alone
            determine the graph; everything else follows by legalisation.
    """

    rows: tuple[int, ...]
    minlist_rows: tuple[int, ...] = field(compare=False, repr=False)

    # ---------------------------------------------------------------- construction

    @classmethod
    def legalise(cls, width: int, nodes: Iterable[tuple[int, int]] = ()) -> PrefixGraph:
        """Give the smallest legal graph that holds the given nodes.

        Args:
            width: Number of inputs, 2 to 256.
            nodes: ``(msb, lsb)`` pairs; inputs and outputs may be left out.

        Raises:
            IllegalGraphError: The width is out of range or a node lies outside the triangle.
        """
        rows = [0] * _checked_width(width)
        for msb, lsb in nodes:
            if not 0 <= lsb <= msb < width:
                raise IllegalGraphError(
                    f"a node should be (msb, lsb) with 0 <= lsb <= msb <= {width - 1}, "
                    f"actual node: {_shortened(f'({msb}, {lsb})')}"
                )
            rows[msb] |= 1 << index(lsb)  # a numpy integer would overflow
        return _legalise(rows)

    @classmethod
    def from_rows(cls, rows: Sequence[int]) -> PrefixGraph:
        """Give the smallest legal graph that holds the nodes of rows of bits.

        Args:
            rows: For each msb its lsbs as bits, as in the attribute; inputs and outputs may be
                left out.

        Raises:
            IllegalGraphError: The width is out of range or a node lies outside the triangle.
        """
        _checked_width(len(rows))
        if any(row >> msb + 1 for msb, row in enumerate(rows)):
            raise IllegalGraphError("a row should have bits up to its own number, actual: more")
        return _legalise(list(rows))

    @classmethod
    def from_nodes(cls, width: int, nodes: Iterable[tuple[int, int]]) -> PrefixGraph:
        """Read a complete list of nodes; inputs and outputs may be left out.

        Raises:
            IllegalGraphError: A node is outside the triangle, or lower parents are missing.
        """
        listed = {Node(index(msb), index(lsb)) for msb, lsb in nodes}
        graph = cls.legalise(width, listed)
        missing = sorted(
            node for node in graph.nodes() if node not in listed and 0 < node.lsb < node.msb
        )
        if missing:
            shown = ", ".join(f"({node.msb}, {node.lsb})" for node in missing[:8])
            raise IllegalGraphError(
                f"every lower parent should be in the list, but it lacks {len(missing)}: "
                f"{shown}{', ...' if len(missing) > 8 else ''}; "
                "add them, or let PrefixGraph.legalise do it"
            )
        return graph

    @classmethod
    def from_grid(cls, grid: Bool[np.ndarray, "n n"] | Sequence[Sequence[int]]) -> PrefixGraph:
        """Read a grid map as in PrefixRL's figures: ``grid[msb][lsb]`` is true where a node exists.

        Marks on the diagonal (inputs) and in column 0 (outputs) may be left out.

        Raises:
            IllegalGraphError: It is not a square of zeros and ones, has marks above the diagonal,
                or does not describe a legal graph.
        """
        try:
            array = np.asarray(grid)
        except ValueError as error:
            raise IllegalGraphError(f"a grid should be square, actual: {error}") from error
        if array.ndim != 2 or array.shape[0] != array.shape[1]:
            raise IllegalGraphError(f"a grid should be square, actual shape: {array.shape}")
        if array.dtype.kind not in "biu" or not np.isin(array, (0, 1)).all():
            raise IllegalGraphError("a grid should hold only 0 and 1")
        width = _checked_width(array.shape[0])
        return cls.from_nodes(width, [(int(msb), int(lsb)) for msb, lsb in np.argwhere(array)])

    @classmethod
    def from_text(cls, text: str) -> PrefixGraph:
        """Read the compact form that `text` gives: ``"8:3.2 5.4"``, the width and the minlist.

        Raises:
            IllegalGraphError: The text has another form, or lists a node that is not in the
                minlist (each graph has exactly one compact form).
        """
        _check_length(text)
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise IllegalGraphError(
                f"a graph should read like '8:3.2 5.4' (width, then msb.lsb of each minlist node), "
                f"actual: {_shortened(text)!r}"
            )
        listed = ((int(msb), int(lsb)) for msb, lsb in _PAIR.findall(match[2] or ""))
        graph = cls.legalise(int(match[1]), listed)
        if graph.text != match[0]:
            raise IllegalGraphError(
                f"a graph's text should list its minlist, each node once, in ascending order, "
                f"without leading zeros; expected {_shortened(graph.text)!r}, "
                f"actual: {_shortened(match[0])!r}"
            )
        return graph

    @classmethod
    def from_json(cls, text: str) -> PrefixGraph:
        """Read the JSON form that `to_json` gives; keys other than its two are ignored.

        Raises:
            IllegalGraphError: It is not JSON of the form
                ``{"width": 3, "nodes": [[1, 0], [2, 1], [2, 0]]}``, or not a legal graph.
        """
        _check_length(text)
        expected = 'a graph should be JSON like {"width": 3, "nodes": [[1, 0], [2, 1], [2, 0]]}'
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise IllegalGraphError(f"{expected}, actual: {_shortened(str(error))}") from error
        if not isinstance(data, dict) or not {"width", "nodes"} <= data.keys():
            raise IllegalGraphError(f"{expected}, actual: {_shortened(text)!r}")
        width, nodes = data["width"], data["nodes"]
        if type(width) is not int or not isinstance(nodes, list):
            raise IllegalGraphError(f"{expected}, actual: {_shortened(text)!r}")
        _checked_width(width)
        for position, node in enumerate(nodes):
            if not (
                isinstance(node, list) and len(node) == 2 and all(type(i) is int for i in node)
            ):
                raise IllegalGraphError(
                    f"a node should be [msb, lsb], two whole numbers; entry {position} is not"
                )
        return cls.from_nodes(width, [(msb, lsb) for msb, lsb in nodes])

    # ---------------------------------------------------------------- names

    @property
    def text(self) -> str:
        """The compact canonical form: the width and the minlist, such as ``8:3.2 5.4``."""
        listed = (f"{msb}.{lsb}" for msb, lsb in _set_bits(self.minlist_rows))
        return f"{self.width}:{' '.join(listed)}"

    @property
    def digest(self) -> str:
        """The graph's name: 32 hex digits, the same on every machine and in every release."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    def to_json(self) -> str:
        """Give the graph as JSON with every operator node, for other tools to read."""
        return json.dumps({"width": self.width, "nodes": [list(node) for node in self.nodes()]})

    # ---------------------------------------------------------------- structure

    @property
    def width(self) -> int:
        """Number of inputs, N."""
        return len(self.rows)

    @property
    def size(self) -> int:
        """Number of operator nodes; inputs are not counted."""
        return sum(row.bit_count() for row in self.rows) - self.width

    def __contains__(self, node: object) -> bool:
        if not (isinstance(node, tuple) and len(node) == 2):
            return False
        msb, lsb = node
        return 0 <= lsb <= msb < self.width and bool(self.rows[msb] >> index(lsb) & 1)

    def nodes(self) -> Iterator[Node]:
        """Give the operator nodes by rising msb and, in a row, by falling lsb.

        Both parents of a node come before it.
        """
        for msb, row in enumerate(self.rows):
            rest = row & ~(1 << msb)
            while rest:
                lsb = rest.bit_length() - 1
                rest ^= 1 << lsb
                yield Node(msb, lsb)

    def parents(self) -> Iterator[tuple[Node, Node, Node]]:
        """Give (node, upper parent, lower parent) in the order of `nodes`."""
        for msb, row in enumerate(self.rows):
            upper = msb
            rest = row & ~(1 << msb)
            while rest:
                lsb = rest.bit_length() - 1
                rest ^= 1 << lsb
                yield Node(msb, lsb), Node(msb, upper), Node(upper - 1, lsb)
                upper = lsb

    def grid(self) -> Bool[np.ndarray, "n n"]:
        """Give the grid map: ``grid[msb, lsb]`` is true where a node or an input exists."""
        return _to_grid(self.rows)

    def minlist(self) -> Bool[np.ndarray, "n n"]:
        """Give the grid map of the interior nodes that are nobody's lower parent."""
        return _to_grid(self.minlist_rows)

    def levels(self) -> Int[np.ndarray, "n n"]:
        """Give each node's operator level: 0 for inputs, -1 where there is no node."""
        levels = np.full((self.width, self.width), -1, dtype=np.int64)
        np.fill_diagonal(levels, 0)
        table = levels.tolist()
        for node, upper, lower in self.parents():
            table[node.msb][node.lsb] = 1 + max(
                table[upper.msb][upper.lsb], table[lower.msb][lower.lsb]
            )
        return np.array(table, dtype=np.int64)

    def fanouts(self) -> Int[np.ndarray, "n n"]:
        """Give how many operator nodes use each node; 0 where there is no node."""
        counts = [[0] * self.width for _ in range(self.width)]
        for _, upper, lower in self.parents():
            counts[upper.msb][upper.lsb] += 1
            counts[lower.msb][lower.lsb] += 1
        return np.array(counts, dtype=np.int64)

    @property
    def depth(self) -> int:
        """The largest operator level."""
        return int(self.levels().max())

    @property
    def max_fanout(self) -> int:
        """The largest number of operator nodes that use one node."""
        return int(self.fanouts().max())

    # ---------------------------------------------------------------- moves

    def legal_moves(self) -> Bool[np.ndarray, "2 n n"]:
        """Give the mask of legal moves, True = legal: plane 0 adds, plane 1 deletes.

        Every interior cell without a node can be added, every minlist node deleted.
        """
        adds = [~row & ((1 << msb) - 2) if msb > 1 else 0 for msb, row in enumerate(self.rows)]
        return _to_grid((*adds, *self.minlist_rows), self.width).reshape(2, self.width, self.width)

    def apply(self, move: Move) -> PrefixGraph:
        """Give the graph after a move.

        Both moves change the minlist and rebuild the graph from it, so nodes that only served a
        removed node vanish, and deleting a node need not undo its adding.

        Raises:
            IllegalMoveError: The move is not legal here.
        """
        kind, msb, lsb = move
        if kind not in ("add", "delete"):
            raise self._refusal(move, "a move's kind should be add or delete")
        if not 0 < lsb < msb < self.width:
            raise self._refusal(
                move, f"only interior nodes, 1 <= lsb < msb <= {self.width - 1}, can be moved"
            )
        bit = 1 << index(lsb)  # a numpy integer would overflow
        if kind == "add":
            if self.rows[msb] & bit:
                raise self._refusal(move, "the node exists already")
        elif not self.minlist_rows[msb] & bit:
            reason = (
                "another node needs it as its lower parent"
                if self.rows[msb] & bit
                else "there is no such node"
            )
            raise self._refusal(move, reason)
        rows = list(self.minlist_rows)
        rows[msb] ^= bit
        return _legalise(rows)

    def _refusal(self, move: Move, reason: str) -> IllegalMoveError:
        return IllegalMoveError(str(move), int(self.legal_moves().sum()), reason)


def _legalise(rows: list[int]) -> PrefixGraph:
    """Add inputs, outputs and missing lower parents to ``rows``, from the highest row down."""
    needed = [0] * len(rows)
    for msb in range(len(rows) - 1, 0, -1):
        rest = rows[msb] = (rows[msb] | needed[msb] | 1) & ~(1 << msb)
        upper = msb
        while rest:
            lsb = rest.bit_length() - 1
            bit = 1 << lsb
            needed[upper - 1] |= bit
            upper = lsb
            rest ^= bit
    minlist = tuple(
        row & ~lower_parents & ~1 for row, lower_parents in zip(rows, needed, strict=True)
    )
    rows[0] = 0
    return PrefixGraph(tuple(row | 1 << msb for msb, row in enumerate(rows)), minlist)


def _checked_width(width: int) -> int:
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise IllegalGraphError(
            f"`width` should be between {MIN_WIDTH} and {MAX_WIDTH}, "
            f"actual value: {_shortened(str(width))}"
        )
    return width


def _check_length(text: str) -> None:
    if len(text) > MAX_TEXT_LENGTH:
        raise IllegalGraphError(
            f"a graph's text should have at most {MAX_TEXT_LENGTH} characters, "
            f"actual length: {len(text)}"
        )


def _set_bits(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    for msb, row in enumerate(rows):
        rest = row
        while rest:
            lowest = rest & -rest
            yield msb, lowest.bit_length() - 1
            rest ^= lowest


def _to_grid(rows: Sequence[int], width: int | None = None) -> Bool[np.ndarray, "m n"]:
    width = width or len(rows)
    row_bytes = (width + 7) // 8
    packed = np.frombuffer(
        b"".join(row.to_bytes(row_bytes, "little") for row in rows), dtype=np.uint8
    ).reshape(len(rows), row_bytes)
    return np.unpackbits(packed, axis=1, count=width, bitorder="little").astype(bool)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
