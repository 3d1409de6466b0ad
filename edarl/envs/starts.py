"""Where episodes start: names, graphs, mixtures of both, or a caller's own choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edarl.errors import ConfigError
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure

__all__ = ["StartChoice", "Starts", "graph_from"]

StartChoice = Callable[[np.random.Generator], PrefixGraph]
"""Chooses a start, drawing from the given generator only; for example from a store's designs."""

Start = str | PrefixGraph
"""A structure's name, a graph's compact text, or a graph."""


class Starts:
    """The starts of an environment.

    Args:
        given: One start, several of which each is equally likely (repeat one to make it likelier),
            or a function that chooses.
        width: Width that every graph must have.

    Raises:
        ConfigError: There is no start, a name is unknown, or a graph has another width.
        IllegalGraphError: A text is no graph.
    """

    def __init__(self, given: Start | Sequence[Start] | StartChoice, width: int) -> None:
        self._width = width
        self._choose: StartChoice | None = None
        self._graphs: tuple[PrefixGraph, ...] = ()
        if isinstance(given, str | PrefixGraph):
            self._graphs = (graph_from(given, width),)
        elif callable(given):
            self._choose = given
        else:
            self._graphs = tuple(graph_from(start, width) for start in given)
            if not self._graphs:
                raise ConfigError("`starts` should hold at least one start, actual: none")

    def choose(self, rng: np.random.Generator) -> PrefixGraph:
        """Choose a start for an episode.

        Raises:
            ConfigError: The caller's function gave something else than a graph of this width.
        """
        if self._choose is not None:
            return graph_from(self._choose(rng), self._width)
        if len(self._graphs) == 1:
            return self._graphs[0]
        return self._graphs[int(rng.integers(len(self._graphs)))]


def graph_from(start: object, width: int) -> PrefixGraph:
    """Give the graph that a name, a compact text or a graph stands for.

    Raises:
        ConfigError: It is none of these, the name is unknown, or the graph has another width.
        IllegalGraphError: It starts like a compact text and is no graph.
    """
    if isinstance(start, str):
        start = PrefixGraph.from_text(start) if start[:1].isdigit() else structure(start, width)
    if not isinstance(start, PrefixGraph):
        raise ConfigError(
            f"a start should be a structure's name, a graph's text or a PrefixGraph, "
            f"actual: {start!r:.60}"
        )
    if start.width != width:
        raise ConfigError(f"a start should have width {width}, actual width: {start.width}")
    return start
