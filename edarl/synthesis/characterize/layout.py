"""What a layout adds to transistors, told without one: diffusions, strain, contacts and wires.

Estimates by rule, after H. Yoshida, K. De and V. Boppana, "Accurate Pre-layout Estimation of
Standard Cell Characteristics" (DAC 2004): fold, give each diffusion its area and each net its wire
by how many fingers and gates are on it, with a few constants for the process. Strain and series
resistance are ours. Nothing is placed or routed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace

from edarl.synthesis.characterize.subcircuits import Subcircuit, Transistor

__all__ = ["RowLayout", "laid_out"]


@dataclass(frozen=True, slots=True)
class RowLayout:
    """What is assumed of a cell's layout: each kind of transistor stands in one row of diffusion.

    A net's fingers pair up around shared diffusions; where their number is odd, one of them ends
    a row. Standard cells are laid out that way wherever it can be done. A net of two fingers
    inside a stack is bare diffusion; every other one has a column of contacts per diffusion, and
    metal that straps its columns. The defaults are sky130's: the distances are those that its
    schematics state for the strain, the others were chosen by how the inverters, NANDs and NORs of
    the official library slow down with their width (docs/characterization.md).

    Attributes:
        shared_um: Between two gates that share a diffusion.
        end_um: From the last gate of a row to the diffusion's end.
        n_contact_ohm_um: A column of contacts on n diffusion, times its width.
        p_contact_ohm_um: A column of contacts on p diffusion, times its width.
        strap_ohm: What each further finger adds on a net that leaves its stack.
        inner_strap_ohm: What each further finger adds on a net inside a stack.
        gate_ff_per_um: Gate wire beyond the diffusions, per micrometre.
        margin_um: Part of a cell's height that no gate wire crosses.
        column_ff: Metal of one column.
        net_ff: What any net has besides, such as the metal that joins its two rows.
    """

    shared_um: float = 0.28
    end_um: float = 0.265
    n_contact_ohm_um: float = 165.0
    p_contact_ohm_um: float = 280.0
    strap_ohm: float = 5.0
    inner_strap_ohm: float = 15.0
    gate_ff_per_um: float = 0.13
    margin_um: float = 0.5
    column_ff: float = 0.16
    net_ff: float = 0.15


def laid_out(
    cell: Subcircuit,
    rule: RowLayout,
    *,
    supplies: Collection[str],
    ground: Collection[str],
    height_um: float,
) -> Subcircuit:
    """Give transistors the diffusions, strain and contacts, and nets the wires, of a row layout.

    Args:
        cell: The cell, parallel fingers merged.
        rule: The assumptions.
        supplies: Its supply pins; rails feed them everywhere, so they need no straps.
        ground: Those of them at 0 V; transistors with their bulk there are n-channel.
        height_um: The cell's height.
    """
    nets = _Nets(cell, rule, frozenset(supplies))
    found = []
    for item in cell.transistors:
        drain_area, drain_edge = nets.diffusion(item.drain, item)
        source_area, source_edge = nets.diffusion(item.source, item)
        contact = rule.n_contact_ohm_um if item.bulk in ground else rule.p_contact_ohm_um
        found.append(
            replace(
                item,
                drain_area_um2=drain_area,
                drain_edge_um=drain_edge,
                source_area_um2=source_area,
                source_edge_um=source_edge,
                to_row_end_um=_mean_distance(nets.gates[item.model], item.length_um, rule),
                drain_ohm=nets.resistance(item.drain, item, contact),
                source_ohm=nets.resistance(item.source, item, contact),
            )
        )
    return replace(cell, transistors=tuple(found), wires_ff=nets.wires(height_um))


class _Nets:
    """Counts of a cell's nets, and what follows from them."""

    def __init__(self, cell: Subcircuit, rule: RowLayout, supplies: frozenset[str]) -> None:
        self.cell = cell
        self.rule = rule
        self.supplies = supplies
        self.gates: Counter[str] = Counter()
        self.terminals: Counter[tuple[str, str]] = Counter()
        self.gated = {item.gate for item in cell.transistors}
        self._seen: Counter[tuple[str, str]] = Counter()
        for item in cell.transistors:
            self.gates[item.model] += item.fingers
            for net in (item.drain, item.source):
                self.terminals[net, item.model] += item.fingers

    def diffusion(self, net: str, item: Transistor) -> tuple[float, float]:
        """Give area and edge of one finger's diffusion, the mean over all fingers."""
        kind = net, item.model
        self._seen[kind] += item.fingers
        ends = int(self.terminals[kind] % 2 == 1 and self._seen[kind] == self.terminals[kind])
        share, width, rule = ends / item.fingers, item.width_um, self.rule
        end_area, shared_area = width * rule.end_um, width * rule.shared_um / 2
        end_edge, shared_edge = 2 * (rule.end_um + width), rule.shared_um + width
        return (
            share * end_area + (1 - share) * shared_area,
            share * end_edge + (1 - share) * shared_edge,
        )

    def resistance(self, net: str, item: Transistor, contact_ohm_um: float) -> float:
        """Give what lies between a transistor's diffusion and its net, in ohms."""
        if self._is_bare(net):
            return 0.0
        columns = (item.fingers + 1) / 2
        ohm = contact_ohm_um / item.width_um / columns
        if net in self.supplies:
            return ohm
        inner = net not in self.cell.ports and net not in self.gated
        strap = self.rule.inner_strap_ohm if inner else self.rule.strap_ohm
        return ohm + strap * (item.fingers - 1)

    def wires(self, height_um: float) -> tuple[tuple[str, float], ...]:
        """Give the wires of all nets but the supplies, in femtofarad."""
        rule = self.rule
        loads: defaultdict[str, float] = defaultdict(float)
        widths: defaultdict[str, float] = defaultdict(float)
        lines: dict[str, Counter[str]] = defaultdict(Counter)
        for item in self.cell.transistors:
            lines[item.gate][item.model] += item.fingers
            widths[item.gate] += item.fingers * item.width_um
        for net, kinds in lines.items():
            count = max(kinds.values())  # a gate wire runs over an n and a p finger
            length = count * (height_um - rule.margin_um) - widths[net]
            loads[net] += rule.gate_ff_per_um * max(0.0, length)
        for (net, _), fingers in self.terminals.items():
            if not self._is_bare(net):
                loads[net] += rule.column_ff * (fingers + 1) / 2
        return tuple(
            (net, round(load + rule.net_ff, 6))
            for net, load in sorted(loads.items())
            if net not in self.supplies
        )

    def _is_bare(self, net: str) -> bool:
        """Say whether a net is diffusion between two single fingers, without contacts."""
        if net in self.cell.ports or net in self.gated:
            return False
        fingers = [count for (other, _), count in self.terminals.items() if other == net]
        return fingers == [2]


def _mean_distance(gates: int, length_um: float, rule: RowLayout) -> float:
    """Give the distance to a row's end that strains as much as all its places do on average.

    BSIM4's strain goes with 1 / (distance + length / 2) (BSIM4 manual, section 13.1), so this is
    the mean in which its effect is linear.
    """
    pitch = rule.shared_um + length_um
    places = [rule.end_um + place * pitch + length_um / 2 for place in range(gates)]
    return 1 / (sum(1 / place for place in places) / gates) - length_um / 2
