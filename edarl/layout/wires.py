"""Wires on a cell's grid as a CP-SAT model: which net covers what, as one piece, by the rules.

A node of a metal belongs to at most one net, and a piece of wire to the net of its ends. Every
covered node but a net's root has one parent that it is joined to, and no ring of parents is made,
so a net's metal is one piece. Which nodes and pieces may be used together follows from widths and
spacings: wires a half column apart are too near, tracks that are one pitch apart want long edges,
and so do those beside the rails. A second metal, where it is allowed, runs along the same tracks;
vias lead up to it from the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edarl.layout.grid import Node, Terminal

__all__ = ["Edge", "Route", "Wires", "without_loose"]

Edge = tuple[Node, Node]
"""Two neighbouring nodes, the left or the lower one first."""

_UPPER_FACTOR = 2
"""What a nanometre of the second metal costs against one of the first."""
_LIFT_NM = 100
"""What a via to the second metal costs: as much as so many nanometres."""


@dataclass(frozen=True, slots=True)
class Route:
    """The metal of one net.

    Attributes:
        net: The net.
        nodes: Nodes that the first metal covers.
        edges: Its edges between them, each from left to right or from below.
        vias: The node that serves each terminal, with the terminal.
        upper: Edges of the second metal.
        lifts: Nodes where a via joins the two metals.
    """

    net: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    vias: tuple[tuple[Node, Terminal], ...]
    upper: tuple[Edge, ...] = ()
    lifts: tuple[Node, ...] = ()


class Wires:
    """The wires of a cell's nets, as variables and rules of a model.

    Args:
        model: A CP-SAT model.
        nets: The nets that may have metal.
        half_columns: Number of half columns; nodes lie at 1 to this minus 1.
        tracks_nm: Where the tracks are.
        near_tracks: Pairs of tracks that are one pitch apart.
        second_metal: Whether wires may use the second metal.
        whole: Says of nets whether they have to be one piece; None: all have to.

    Attributes:
        at: Whether a net covers a node with the first metal.
        node: Whether any does.
        edge: Whether the first metal runs along an edge.
        above: Whether a net covers a node with the second metal; empty without it, as are the next.
        node_above: Whether any does.
        upper: Whether the second metal runs along an edge.
        lift: Whether a via joins the metals at a node.
        crossing: With ``whole``, whether a net would have to run from a column to the next.
    """

    def __init__(
        self,
        model: Any,
        nets: Sequence[str],
        half_columns: int,
        tracks_nm: Sequence[float],
        near_tracks: Sequence[tuple[int, int]],
        *,
        second_metal: bool,
        whole: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._nets = nets
        self._tracks_nm = tracks_nm
        self._near_tracks = near_tracks
        self._columns = range(1, half_columns)
        self._nodes = [(x, y) for x in self._columns for y in range(len(tracks_nm))]
        inside = set(self._nodes)
        edges: list[Edge] = [
            ((x, y), other)
            for x, y in self._nodes
            for other in ((x + 1, y), (x, y + 1))
            if other in inside
        ]
        self.at, self.node, self.edge = self._layer(self._nodes, edges)
        level = [edge for edge in edges if edge[0][1] == edge[1][1]]
        upper_nodes = self._nodes if second_metal else []
        self.above, self.node_above, self.upper = self._layer(
            upper_nodes, level if second_metal else []
        )
        self.lift = {node: model.new_bool_var("") for node in upper_nodes}
        for node, lift in self.lift.items():
            model.add_implication(lift, self.node[node])
            model.add_implication(lift, self.node_above[node])
            self._same_net(lift, ((self.at, node), (self.above, node)))
        self._keep_first_metal()
        if second_metal:
            self._keep_second_metal()
        self.crossing: dict[tuple[str, int], Any] = {}
        for net in nets:
            self._keep_whole_across(net, None if whole is None else whole[net])

    def grow(self, roots: Mapping[Node, Sequence[Any]]) -> None:
        """Let everything that a net covers hang together.

        Args:
            roots: For nodes of the first metal, what says that they are their net's root.
        """
        depth, parents = self._tree(self.node, self.edge)
        depth_above, parents_above = self._tree(self.node_above, self.upper)
        for node, lift in self.lift.items():
            up, down = (depth[node], depth_above[node]), (depth_above[node], depth[node])
            parents_above[node].append(self._hang(lift, *up, by=1))
            parents[node].append(self._hang(lift, *down, by=1))
        for node, ways in roots.items():
            parents[node].extend(ways)
        for nodes, of in ((self.node, parents), (self.node_above, parents_above)):
            for node, covered in nodes.items():
                self._model.add_exactly_one([*of[node], covered.negated()])

    def _tree(
        self, nodes: Mapping[Node, Any], edges: Mapping[Edge, Any]
    ) -> tuple[dict[Node, Any], dict[Node, list[Any]]]:
        """Make the depths of a metal's nodes, and say which neighbour each may hang on.

        Along a track depth need not grow, which leaves it few values: a ring has a piece across,
        but for that of two nodes that hang on each other.
        """
        deepest = len(self.node) + len(self.node_above)
        depth = {node: self._model.new_int_var(0, deepest, "") for node in nodes}
        parents: dict[Node, list[Any]] = {node: [] for node in nodes}
        for (one, other), used in edges.items():
            level = one[1] == other[1]
            by = 0 if level else 1
            right = self._hang(used, depth[one], depth[other], by=by)
            left = self._hang(used, depth[other], depth[one], by=by)
            if level:
                self._model.add_at_most_one(left, right)
            parents[other].append(right)
            parents[one].append(left)
        return depth, parents

    def _hang(self, joined: Any, depth: Any, deeper: Any, *, by: int) -> Any:
        """Make a variable that says that a node hangs on one that it is joined to."""
        parent = self._implying(joined)
        self._model.add(deeper >= depth + by).only_enforce_if(parent)
        return parent

    def cost(self) -> Any:
        """Give the length of all wires, in nanometres, with what the second metal costs more."""
        return (
            sum(self._length(edge) * used for edge, used in self.edge.items())
            + sum(_UPPER_FACTOR * self._length(edge) * used for edge, used in self.upper.items())
            + sum(_LIFT_NM * used for used in self.lift.values())
        )

    def values(self, solver: Any) -> dict[Hashable, bool]:
        """Give what a solution says of all wires, for `hint`."""
        return {key: bool(solver.value(variable)) for key, variable in self._variables()}

    def hint(self, values: Mapping[Hashable, bool]) -> None:
        """Let the search begin with wires of a model of the same columns; other nets may lack."""
        for key, variable in self._variables():
            if key in values:
                self._model.add_hint(variable, values[key])

    def route(self, net: str, vias: Sequence[tuple[Node, Terminal]], solver: Any) -> Route:
        """Read a net's metal from a solution."""
        at = {node for node in self._nodes if solver.value(self.at[net, node])}
        edges = tuple(
            edge for edge, used in self.edge.items() if edge[0] in at and solver.value(used)
        )
        lifts = [node for node, used in self.lift.items() if node in at and solver.value(used)]
        upper = [
            edge
            for edge, used in self.upper.items()
            if solver.value(self.above[net, edge[0]]) and solver.value(used)
        ]
        # A search without proof may have drawn second metal that joins nothing.
        kept = tuple(sorted(without_loose(upper, lifts)))
        ends = tuple(sorted({*lifts} & {end for edge in kept for end in edge}))
        covered = {end for edge in edges for end in edge} | {node for node, _ in vias} | {*ends}
        return Route(net, tuple(sorted(covered)), edges, tuple(vias), kept, ends)

    # ---------------------------------------------------------------- variables

    def _layer(
        self, nodes: Sequence[Node], edges: Sequence[Edge]
    ) -> tuple[dict[tuple[str, Node], Any], dict[Node, Any], dict[Edge, Any]]:
        """Make the variables of a metal: nets at nodes, any net at nodes, wire along edges."""
        model = self._model
        at = {(net, node): model.new_bool_var("") for net in self._nets for node in nodes}
        taken = {node: model.new_bool_var("") for node in nodes}
        for node, used in taken.items():
            model.add_exactly_one([*(at[net, node] for net in self._nets), used.negated()])
        along = {edge: self._implying(*(taken[end] for end in edge)) for edge in edges}
        for edge, used in along.items():
            self._same_net(used, tuple((at, end) for end in edge))
        return at, taken, along

    def _variables(self) -> Iterator[tuple[Hashable, Any]]:
        """Give every variable that says what is used, with a name that other models know it by."""
        layers: dict[str, Mapping[Any, Any]] = {
            "at": self.at,
            "node": self.node,
            "edge": self.edge,
            "above": self.above,
            "node above": self.node_above,
            "upper": self.upper,
            "lift": self.lift,
        }
        for layer, of in layers.items():
            for key, variable in of.items():
                yield (layer, key), variable

    def _implying(self, *others: Any) -> Any:
        """Make a variable that implies others."""
        variable = self._model.new_bool_var("")
        for other in others:
            self._model.add_implication(variable, other)
        return variable

    def _same_net(
        self, joined: Any, ends: Sequence[tuple[Mapping[tuple[str, Node], Any], Node]]
    ) -> None:
        """Let the net at both ends be one where they are joined."""
        (one, here), (other, there) = ends
        for net in self._nets:
            a, b = one[net, here], other[net, there]
            self._when([joined, a], [b])
            self._when([joined, b], [a])

    def _when(self, given: Sequence[Any], wanted: Sequence[Any]) -> None:
        """Where everything given holds, let at least one that is wanted hold."""
        self._model.add_bool_or([*(each.negated() for each in given), *wanted])

    def _length(self, edge: Edge) -> int:
        """Give an edge's length in nm; half columns count as the mean distance of tracks."""
        (_, y0), (_, y1) = edge
        tracks = self._tracks_nm
        if y0 == y1:
            return round((tracks[-1] - tracks[0]) / (2 * len(tracks) - 2))
        return round(abs(tracks[y1] - tracks[y0]))

    # ---------------------------------------------------------------- rules

    def _keep_whole_across(self, net: str, whole: Any) -> None:
        """Let a net that has metal on both sides of a column's edge cross it, if it is whole.

        That is so in every solution; to say it tells the search early where there is no room.
        """
        left = {x: self._model.new_bool_var("") for x in self._columns}
        right = {x: self._model.new_bool_var("") for x in self._columns}
        for of in (self.at, self.above):
            for (name, (x, _)), here in of.items():
                if name == net:
                    self._when([here], [left[x]])
                    self._when([here], [right[x]])
        for x in self._columns[:-1]:
            self._when([left[x]], [left[x + 1]])
            self._when([right[x + 1]], [right[x]])
            crossing = [
                self._implying(along[edge], at[net, edge[0]])
                for along, at in ((self.edge, self.at), (self.upper, self.above))
                for y in range(len(self._tracks_nm))
                if (edge := ((x, y), (x + 1, y))) in along
            ]
            if whole is None:
                self._when([left[x], right[x + 1]], crossing)
                continue
            self.crossing[net, x] = self._model.new_bool_var("")
            self._when([left[x], right[x + 1]], [self.crossing[net, x]])
            self._when([self.crossing[net, x], whole], crossing)

    def _keep_first_metal(self) -> None:
        for (x, y), here in self.node.items():
            beside, over, over_beside = (x + 1, y), (x, y + 1), (x + 1, y + 1)
            if beside in self.node:
                # Two nodes side by side are one wire or too near.
                self._when([here, self.node[beside]], [self.edge[(x, y), beside]])
                if over in self.node:
                    self._when([self.edge[(x, y), over], self.edge[beside, over_beside]], [])
            level = self._level(self.edge, x, y)
            if y in (0, len(self._tracks_nm) - 1):
                self._when([here], level)
            for near in self._near(y):
                edge = ((x, min(y, near)), (x, max(y, near)))
                # Both there, not joined: then this one needs a long edge.
                self._when([here, self.node[x, near]], [*level, self.edge[edge]])
                if near > y:
                    self._keep_from_turning_back(edge, -1)
                    self._keep_from_turning_back(edge, 1)

    def _keep_from_turning_back(self, joint: Edge, step: int) -> None:
        """Let wires on near tracks that are joined run side by side for two half columns or none.

        The notch between them would be too narrow for its short edges.
        """
        legs = []
        for x, y in joint:
            near, far = (
                ((min(a, b), y), (max(a, b), y))
                for a, b in ((x, x + step), (x + step, x + 2 * step))
            )
            legs.append((self.edge.get(near), self.edge.get(far)))
        (low, low_far), (high, high_far) = legs
        if low is not None and high is not None:
            for further in (low_far, high_far):
                self._when([self.edge[joint], low, high], [] if further is None else [further])

    def _keep_second_metal(self) -> None:
        """Keep the second metal's rules, and those of the vias that lead to it."""
        lift = self.lift
        for (x, y), here in self.node_above.items():
            beside = (x + 1, y)
            if beside in self.node_above:
                # As in the first metal; and vias side by side are too near.
                self._when([here, self.node_above[beside]], [self.upper[(x, y), beside]])
                self._when([lift[x, y], lift[beside]], [])
            self._when([here], self._level(self.upper, x, y))  # a node alone would be too small
            level = self._level(self.edge, x, y)
            for near in self._near(y):
                joint = self.edge[(x, min(y, near)), (x, max(y, near))]
                # Beside metal on the near track the first may reach beyond a via along its own
                # alone, and where the two are joined, on both sides or on none.
                for side in (x - 1, x, x + 1):
                    if (side, near) in self.node:
                        self._when([lift[x, y], self.node[side, near]], [*level, joint])
                for one in level:
                    both = [other for other in level if other is not one]
                    self._when([lift[x, y], joint, one], both)
                for side in (x - 1, x + 1):
                    if (side, near) not in lift:
                        continue
                    self._when([lift[x, y], lift[side, near]], [])
                    mine, theirs = (
                        self.edge[(min(x, side), track), (max(x, side), track)]
                        for track in (y, near)
                    )
                    # Where the wire ends at the via, no corner may come near its longer end.
                    self._when([lift[x, y], self.node[side, near]], [theirs, mine])

    def _near(self, track: int) -> list[int]:
        """Give the tracks that are one pitch from a track."""
        pairs = self._near_tracks
        return [b for a, b in pairs if a == track] + [a for a, b in pairs if b == track]

    def _level(self, along: Mapping[Edge, Any], x: int, y: int) -> list[Any]:
        """Give the wires along the track on both sides of a node."""
        both = (((x - 1, y), (x, y)), ((x, y), (x + 1, y)))
        return [along[edge] for edge in both if edge in along]


def without_loose(edges: Iterable[Edge], ends: Collection[Node]) -> set[Edge]:
    """Leave out wire that ends in the open, piece by piece.

    Args:
        edges: The wire.
        ends: Nodes where it may end.
    """
    kept = set(edges)
    while True:
        degree = Counter(end for edge in kept for end in edge)
        loose = {edge for edge in kept if any(degree[end] == 1 and end not in ends for end in edge)}
        if not loose:
            return kept
        kept -= loose
