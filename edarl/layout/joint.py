"""Placing and routing a cell at once: one question to CP-SAT per width and number of metals.

Which placements of the least width can be wired at all is what a placer on its own cannot know.
Here the rows' variables say which net is where, and the wires' variables have to join what is
there. The answer is a placement with wires, or the proof that no placement of this width can be
wired on the grid.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from edarl.errors import ConfigError
from edarl.layout.exact import EMPTY, Rows, RowVariables, columns_of
from edarl.layout.grid import Node
from edarl.layout.netlist import CellNetlist, Kind
from edarl.layout.placement import Placement, finger_kinds
from edarl.layout.solver import cp_model, new_solver
from edarl.layout.technology import Technology
from edarl.layout.wires import Wires

__all__ = ["JointModel", "JointResult", "place_and_route"]


@dataclass(frozen=True, slots=True)
class JointResult:
    """What was found for a width.

    Attributes:
        placement: A placement that can be wired, or None.
        rows: Its labels, for not being given it again.
        wires: Its wires, as a hint for `edarl.layout.router.route_exactly`.
        status: ``routed``, ``impossible`` where it is proved that there is none, or ``unknown``.
    """

    placement: Placement | None
    rows: Rows
    wires: Mapping[Hashable, bool]
    status: str


def place_and_route(
    cell: CellNetlist,
    technology: Technology,
    columns: int,
    *,
    second_metal: bool = False,
    limit_s: float = 60.0,
    seed: int = 0,
    avoid: Sequence[Rows] = (),
) -> JointResult:
    """Find a placement in so many gate columns that can be wired.

    Args:
        cell: The netlist.
        technology: The rules.
        columns: Gate columns, empty ones included, >= 1.
        second_metal: Whether wires may use the second metal.
        limit_s: Most seconds.
        seed: Of the solver.
        avoid: Rows that are not wanted, seen from behind neither.

    Raises:
        ConfigError: OR-tools is not installed, ``columns`` is out of range, a device does not fit
            the technology, or cells are only placed in it.
    """
    if columns < 1:
        raise ConfigError(f"`columns` should be at least 1, actual value: {columns}")
    cp = cp_model("placing and routing at once")
    model = cp.CpModel()
    joint = JointModel(model, cell, technology, columns, second_metal=second_metal)
    for rows in avoid:
        joint.rows.forbid(rows)
    solver = new_solver(cp, limit_s, seed)
    status = solver.solve(model)
    if status not in (cp.OPTIMAL, cp.FEASIBLE):
        return JointResult(None, {}, {}, "impossible" if status == cp.INFEASIBLE else "unknown")
    found = joint.rows.rows(solver)
    placement = Placement(cell, technology, columns_of(found, joint.kinds))
    placement.check()
    return JointResult(placement, found, joint.wires.values(solver), "routed")


class JointModel:
    """The model: rows, wires, and what the wires have to join, which the rows say.

    The terminals are those of `edarl.layout.grid.grid_of` with stretched contacts.

    Args:
        model: A CP-SAT model.
        cell: The netlist.
        technology: The rules.
        columns: Gate columns, empty ones included.
        second_metal: Whether wires may use the second metal.
        in_pieces: Whether nets may fall into pieces, which `pieces` counts.

    Attributes:
        kinds: The fingers to place.
        rows: Where they are.
        nets: The nets to wire.
        wires: Their wires.
        pieces: How many pieces of a net are too many; empty where nets have to be whole.
    """

    def __init__(
        self,
        model: Any,
        cell: CellNetlist,
        technology: Technology,
        columns: int,
        *,
        second_metal: bool,
        in_pieces: bool = False,
    ) -> None:
        drawing = technology.drawn()
        self._model = model
        self._columns = columns
        self._tracks: Mapping[Kind, Sequence[int]] = {"p": drawing.p_tracks, "n": drawing.n_tracks}
        self._gate_track = drawing.gate_track
        self._pins = set(cell.signal_pins)
        self._first = technology.boundary_columns // 2
        self.kinds = finger_kinds(cell, technology)
        self.rows = RowVariables(model, self.kinds, columns, technology)
        supplies = {cell.supply, cell.ground}
        used = {net for item in self.kinds for net in (item.gate, item.one, item.other)}
        self.nets = sorted(used - supplies)
        whole = {net: model.new_bool_var("") for net in self.nets} if in_pieces else {}
        most = 2 * len(cell.devices)
        self.pieces = {net: model.new_int_var(0, most, "") for net in whole}
        for net, is_whole in whole.items():
            model.add(self.pieces[net] == 0).only_enforce_if(is_whole)
            model.add(self.pieces[net] >= 1).only_enforce_if(is_whole.negated())
        self.wires = Wires(
            model,
            self.nets,
            2 * technology.width_cpp(columns),
            drawing.tracks_nm,
            drawing.near_tracks,
            second_metal=second_metal,
            whole=whole or None,
        )
        self._roots: dict[Node, list[Any]] = {}
        gates = {item.gate for item in self.kinds}
        there = {kind: self._diffusions(kind) for kind in self.rows.chosen}
        over = {kind: self._bridges(kind, there[kind]) for kind in there}
        wired = {
            net: self._wired(net, _of(net, there), _of(net, over))
            for net in self.nets
            if net not in gates and net not in self._pins
        }
        for kind in self._tracks:
            self._serve_diffusions(kind, there[kind], over[kind], wired)
        self._serve_gates()
        self._grow(wired)

    def simplify(self) -> None:
        """Leave out what most layouts do without: a smaller model, but no proof that there is none.

        The two fingers of an inner net that joins them in series are neighbours, or one empty
        column apart, and it has no metal. A net at one p and one n gate alone has both in a column,
        and no metal but there. Only nets of more than three fingers use the second metal.
        """
        nodes = {node for _, node in self.wires.at}
        for net in self.nets:
            gates = [item for item in self.kinds if item.gate == net]
            ends = [item for item in self.kinds for end in (item.one, item.other) if end == net]
            fingers = sum(item.count for item in (*gates, *ends))
            rows = [item.kind for item in (*gates, *ends)]
            kept = nodes
            if net not in self._pins and not gates and fingers == 2 and len({*rows}) == 1:
                self._keep_in_series(net, rows[0])
                kept = set()
            elif not ends and fingers == 2 and len({*rows}) == 2:
                self._keep_in_a_column(net)
                kept = {(x, y) for x, y in nodes if x % 2 and y == self._gate_track}
            unused = nodes - kept
            self._model.add(sum(self.wires.at[net, node] for node in unused) == 0)
            if fingers <= 3:
                above = [here for (name, _), here in self.wires.above.items() if name == net]
                self._model.add(sum(above) == 0)

    def _keep_in_series(self, net: str, kind: Kind) -> None:
        """Let the two ends on a net be one diffusion, or an empty column apart."""
        row = self.rows.chosen[kind]

        def on(column: int, side: int) -> list[Any]:
            if not 0 <= column < self._columns:
                return []
            labels = row[column].items()
            return [
                taken for label, taken in labels if label and self.rows.ends(label)[side] == net
            ]

        for column in range(self._columns):
            for side, step in ((0, -1), (1, 1)):
                near = [*on(column + step, 1 - side), *on(column + 2 * step, 1 - side)]
                for taken in on(column, side):
                    self._model.add_bool_or([taken.negated(), *near])

    def _keep_in_a_column(self, net: str) -> None:
        """Let the p and the n finger with a gate stand in one column."""
        for column in range(self._columns):
            p, n = (
                sum(
                    taken
                    for label, taken in row[column].items()
                    if label and self.rows.gate(label) == net
                )
                for row in self.rows.chosen.values()
            )
            self._model.add(p == n)

    # ---------------------------------------------------------------- diffusions

    def _fingers(self, kind: Kind, place: int) -> list[tuple[int, int, Any]]:
        """Give the labels on both sides of a diffusion, with the side that the diffusion is on."""
        found = []
        for column, side in ((place - self._first, 0), (place - self._first - 1, 1)):
            if 0 <= column < self._columns:
                labels = self.rows.chosen[kind][column].items()
                found += [(label, side, taken) for label, taken in labels if label]
        return found

    def _places(self) -> range:
        return range(self._first, self._first + self._columns + 1)

    def _diffusions(self, kind: Kind) -> dict[tuple[int, str], Any]:
        """Make variables that say which net each diffusion of a row is on."""
        found = {}
        for place in self._places():
            by_net: dict[str, list[Any]] = {}
            for label, side, taken in self._fingers(kind, place):
                by_net.setdefault(self.rows.ends(label)[side], []).append(taken)
            for net, ways in by_net.items():
                if net in self.nets:
                    found[place, net] = self._any(ways)
        return found

    def _bridges(
        self, kind: Kind, there: Mapping[tuple[int, str], Any]
    ) -> dict[tuple[int, str], Any]:
        """Make variables that say where a contact reaches to the right over an empty column."""
        found = {}
        for (place, net), here in there.items():
            beside = there.get((place + 1, net))
            if beside is not None:
                empty = self.rows.chosen[kind][place - self._first][EMPTY]
                found[place, net] = bridge = self._model.new_bool_var("")
                for needed in (here, beside, empty):
                    self._model.add_implication(bridge, needed)
        return found

    def _wired(self, net: str, diffusions: Sequence[Any], bridges: Sequence[Any]) -> Any:
        """Say whether a net inside the cell needs metal: it does not where one contact does."""
        wired = self._model.new_bool_var("")
        contacts = sum(diffusions) - sum(bridges)
        self._model.add(contacts <= 1 + len(diffusions) * wired)
        self._model.add(contacts >= 2 * wired)
        for of in (self.wires.at, self.wires.above):
            for (name, _), here in of.items():
                if name == net:
                    self._model.add_implication(here, wired)
        return wired

    def _serve_diffusions(
        self,
        kind: Kind,
        there: Mapping[tuple[int, str], Any],
        bridges: Mapping[tuple[int, str], Any],
        wired: Mapping[str, Any],
    ) -> None:
        """Let metal of its net reach every diffusion of a row that needs it, or a contact."""
        model, tracks = self._model, self._tracks[kind]
        ways = {}
        for place in self._places():
            ways[place] = [self._root_at((2 * place, track)) for track in tracks]
            model.add_at_most_one(ways[place])
        reached = {place: self._any(of) for place, of in ways.items()}
        for (place, net), here in there.items():
            beside = [
                self._both(bridges[left, net], reached[other])
                for left, other in ((place, place + 1), (place - 1, place - 1))
                if (left, net) in bridges
            ]
            asked = [here.negated(), *beside]
            if net in wired:
                asked.append(wired[net].negated())
            nodes = [self.wires.at[net, (2 * place, track)] for track in tracks]
            model.add_bool_or([*asked, *ways[place]])
            model.add_bool_or([*asked, *nodes])
            for way, node in zip(ways[place], nodes, strict=True):
                model.add_bool_or([here.negated(), way.negated(), node])

    # ---------------------------------------------------------------- gates

    def _serve_gates(self) -> None:
        """Let metal of its net reach every run of neighbouring columns with one gate."""
        model = self._model
        gates = sorted({item.gate for item in self.kinds})
        on: list[dict[str, Any]] = []
        for column in range(self._columns):
            by_gate: dict[str, list[Any]] = {gate: [] for gate in gates}
            for row in self.rows.chosen.values():
                for label, taken in row[column].items():
                    if label:
                        by_gate[self.kinds[(label - 1) // 2].gate].append(taken)
            on.append({gate: self._any(ways) for gate, ways in by_gate.items()})
        places = [2 * (column + self._first) + 1 for column in range(self._columns)]
        vias = [self._root_at((x, self._gate_track)) for x in places]
        joined = [
            self._any([self._both(here[gate], beside[gate]) for gate in gates])
            for here, beside in pairwise(on)
        ]
        reached: Any = None
        for column, via in enumerate(vias):
            used = self._any(list(on[column].values()))
            model.add_implication(via, used)
            node = (places[column], self._gate_track)
            for gate in gates:
                if gate in self.nets:
                    model.add_bool_or(
                        [via.negated(), on[column][gate].negated(), self.wires.at[gate, node]]
                    )
            # A run is reached where a via stands in it, here or further left.
            before, reached = reached, model.new_bool_var("")
            further = [] if before is None else [self._both(joined[column - 1], before)]
            model.add_bool_or([reached.negated(), via, *further])
            last = joined[column : column + 1]
            model.add_bool_or([used.negated(), reached, *last])

    # ---------------------------------------------------------------- nets

    def _root_at(self, node: Node) -> Any:
        """Make a variable that says that a node serves a terminal, and may so be a root."""
        way = self._model.new_bool_var("")
        self._roots.setdefault(node, []).append(way)
        return way

    def _grow(self, wired: Mapping[str, Any]) -> None:
        """Let every net that needs metal have one root, one more for each further piece."""
        model = self._model
        roots = {}
        for node, ways in self._roots.items():
            roots[node] = model.new_bool_var("")
            model.add_bool_or([roots[node].negated(), *ways])
        for net in self.nets:
            own = [self._both(root, self.wires.at[net, node]) for node, root in roots.items()]
            model.add(sum(own) == wired.get(net, 1) + self.pieces.get(net, 0))
        self.wires.grow({node: [root] for node, root in roots.items()})

    def _any(self, ways: Sequence[Any]) -> Any:
        """Make a variable that says whether any of some holds."""
        found = self._model.new_bool_var("")
        for way in ways:
            self._model.add_implication(way, found)
        self._model.add_bool_or([found.negated(), *ways])
        return found

    def _both(self, one: Any, other: Any) -> Any:
        """Make a variable that says whether two hold."""
        found = self._model.new_bool_var("")
        self._model.add_implication(found, one)
        self._model.add_implication(found, other)
        self._model.add_bool_or([found, one.negated(), other.negated()])
        return found


def _of(net: str, rows: Mapping[Kind, Mapping[tuple[int, str], Any]]) -> list[Any]:
    """Give what two rows have of a net."""
    return [of[key] for of in rows.values() for key in of if key[1] == net]
