"""What the pages about designs show: from documents to titles, rows, marks and facts.

The documents are those of the API, so a page never says anything that the API does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from edarl.prefix.circuits import KINDS, Circuit
from edarl.service.pages.charts import Mark, Plot, scatter
from edarl.service.pages.rendering import percents
from edarl.service.schemas import BaselinePoint, FrontDocument, FrontPoint

__all__ = [
    "Asked",
    "BaselineRow",
    "Explore",
    "Figure",
    "FrontRow",
    "circuit_title",
    "explore_view",
    "found_by",
    "number",
    "propagate",
    "sized_for",
    "structure_name",
]

_PLOT_SIZE = (820, 470)
_METHODS = {
    "structures": "classic structure",
    "joint": "joint annealing",
    "anneal": "annealing",
    "evolve": "evolution",
    "greedy": "greedy search",
    "guided": "guided search",
    "random": "random search",
    "shortened": "cut from a wider one",
    "agent": "trained agent",
    "ppo": "MaskablePPO",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the Explore page shows: the circuit and the cell library."""

    circuit: str
    width: int
    library: str
    carry_in: bool
    carry_out: bool | None

    def query(self, **more: str) -> str:
        """Give it as the query of an address."""
        values: dict[str, str] = {
            "circuit": self.circuit,
            "width": str(self.width),
            "library": self.library,
        }
        if self.carry_in:
            values["carry_in"] = "true"
        if self.carry_out is not None:
            values["carry_out"] = "true" if self.carry_out else "false"
        return urlencode(values | more)

    @property
    def problem(self) -> Circuit:
        """The circuit."""
        return Circuit(self.circuit, self.width, self.carry_in, self.carry_out)


@dataclass(frozen=True, slots=True)
class FrontRow:
    """A design of the front, as a row of the table and a mark of the plot."""

    id: str
    delay_ps: float
    area_um2: float
    saved: str
    nodes: int
    depth: int
    max_fanout: int
    p_mode: str
    flow: str
    structure: str
    mark: str


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """A baseline."""

    label: str
    series: str
    delay_ps: float
    area_um2: float
    flow: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that stands out: name, value, unit, and what else to say of it."""

    name: str
    value: str
    unit: str = ""
    also: str = ""


@dataclass(frozen=True, slots=True)
class Explore:
    """Everything on the Explore page."""

    title: str
    subtitle: str
    asked: Asked
    circuits: Sequence[str]
    widths: Sequence[int]
    libraries: Sequence[str]
    rows: Sequence[FrontRow]
    baselines: Sequence[BaselineRow]
    plot: Plot | None
    everything: bool
    frames: Mapping[str, str]
    suggested_ps: str
    note: str
    csv: str
    json: str
    problem: str = ""

    @property
    def has_saving(self) -> bool:
        """Whether any row has a saving."""
        return any(row.saved for row in self.rows)

    @property
    def has_classic(self) -> bool:
        """Whether there are classic structures."""
        return any(row.series == "classic" for row in self.baselines)

    @property
    def has_yosys(self) -> bool:
        """Whether there is what Yosys makes."""
        return any(row.series == "yosys" for row in self.baselines)


def circuit_title(circuit: Circuit) -> str:
    """Name a circuit for people: ``32-bit adder with carry-in``."""
    name = f"{circuit.width}-bit {circuit.kind.replace('_', ' ')}"
    if circuit.carry_in:
        name += " with carry-in"
    if circuit.entry.carry_out is not None and not circuit.carry_out:
        name += f"{', ' if circuit.carry_in else ' '}without carry-out"
    return name


def found_by(method: str | None) -> str:
    """Say who found a design."""
    return _METHODS.get(method or "", method or "unknown")


def structure_name(name: str | None) -> str:
    """Write a structure's name as people do; a graph that has none is a new one."""
    if name is None:
        return "new graph"
    plain, _, parameter = name.partition(":")
    return plain.replace("_", "-").title() + (f" {parameter}" if parameter else "")


def number(value: float | None, digits: int = 1) -> str:
    """Write a number with a fixed count of decimals; nothing known is a dash."""
    return "\N{EN DASH}" if value is None else f"{value:.{digits}f}"


def propagate(p_mode: str) -> str:
    """Say how bits form their propagate signal: ``xor``, ``or``, or which bits use ``or``."""
    mode, _, bits = p_mode.partition(":")
    return f"{mode}, or at 0x{bits}" if bits else mode


def sized_for(target_ps: float | None) -> str:
    """Say which delay a netlist was sized for; the fastest and the smallest have none."""
    if target_ps is None:
        return "no given delay"
    return f"{target_ps:g} ps"


def explore_view(
    asked: Asked,
    front: FrontDocument | None,
    points: Sequence[FrontPoint] = (),
    *,
    widths: Sequence[int],
    libraries: Sequence[str],
    everything: bool = False,
    problem: str = "",
) -> Explore:
    """Lay out the Explore page.

    Args:
        asked: What is shown.
        front: The front's document; None where what was asked cannot be shown.
        points: Its points, those of all its pages.
        widths: Widths of this kind of circuit for which something is known.
        libraries: Cell libraries to choose from.
        everything: Whether the plot's frame holds all marks.
        problem: What is wrong with what was asked, or nothing.
    """
    baselines = _baselines(front)
    marks = [
        Mark(row.delay_ps, row.area_um2, row.series, row.label, facts=_baseline_facts(row))
        for row in baselines
    ]
    marks += [
        Mark(point.delay_ps, point.area_um2, "front", _label(point), point.id, _facts(point))
        for point in points
    ]
    plot = scatter(marks, everything=everything, size=_PLOT_SIZE) if marks else None
    places = {
        mark.design: f"{mark.series}-{place}"
        for place, mark in enumerate(plot.marks if plot else (), 1)
        if mark.design
    }
    query = asked.query()
    return Explore(
        title="Explore" if front is None else circuit_title(asked.problem),
        subtitle="" if front is None else _conditions(front),
        asked=asked,
        circuits=list(KINDS),
        widths=widths,
        libraries=libraries,
        rows=[_row(point, places.get(point.id, "")) for point in points],
        baselines=baselines,
        plot=plot,
        everything=everything,
        frames={"front": f"/?{query}", "everything": f"/?{asked.query(frame='everything')}"},
        suggested_ps=f"{points[len(points) // 2].delay_ps:.0f}" if points else "",
        note=_note(front),
        csv=f"/v1/fronts?{query}&format=csv" if points else "",
        json=f"/v1/fronts?{query}" if points else "",
        problem=problem,
    )


def _label(point: FrontPoint) -> str:
    if point.structure is not None:
        return f"Design {point.id[:8]}, {structure_name(point.structure)}"
    return f"Design {point.id[:8]}"


def _row(point: FrontPoint, mark: str) -> FrontRow:
    return FrontRow(
        id=point.id,
        delay_ps=point.delay_ps,
        area_um2=point.area_um2,
        saved=_saved(point),
        nodes=point.nodes,
        depth=point.depth,
        max_fanout=point.max_fanout,
        p_mode=point.p_mode.partition(":")[0],
        flow=point.flow,
        structure=structure_name(point.structure),
        mark=mark,
    )


def _saved(point: FrontPoint) -> str:
    """Give what a design saves in percent, from at least to at most; empty where unknown."""
    if point.saving is None or point.saving_at_least is None:
        return ""
    return percents(point.saving_at_least, point.saving)


def _facts(point: FrontPoint) -> Mapping[str, str]:
    saved = _saved(point)
    facts = {
        "Delay": f"{point.delay_ps:.1f} ps",
        "Area": f"{point.area_um2:.1f} µm²",
        "Saved": f"{saved} % of the best classic area" if saved else "",
        "OpenSTA": "" if point.sta_delay_ps is None else f"{point.sta_delay_ps:.1f} ps",
        "Structure": structure_name(point.structure),
        "Nodes": str(point.nodes),
        "Depth": f"{point.depth} levels",
        "Largest fanout": str(point.max_fanout),
        "Propagate": propagate(point.p_mode),
        "Flow": point.flow,
        "Sized for": sized_for(point.target_ps),
        "Found by": found_by(point.method),
        "Proof": "equivalent, by cec",
    }
    return {name: value for name, value in facts.items() if value}


def _baselines(front: FrontDocument | None) -> list[BaselineRow]:
    if front is None:
        return []

    def row(point: BaselinePoint, series: str, otherwise: str) -> BaselineRow:
        label = structure_name(point.structure) if point.structure else otherwise
        return BaselineRow(label, series, point.delay_ps, point.area_um2, point.flow)

    known = front.baselines
    return [
        *(row(point, "classic", "best classic structure") for point in known.regular),
        *(row(point, "yosys", f"Yosys, {_plain(front)}") for point in known.yosys),
    ]


def _plain(front: FrontDocument) -> str:
    return "a + b" if front.circuit.kind == "adder" else "plain arithmetic"


def _baseline_facts(row: BaselineRow) -> Mapping[str, str]:
    return {
        "Delay": f"{row.delay_ps:.1f} ps",
        "Area": f"{row.area_um2:.1f} µm²",
        "Flow": row.flow,
        "Kind": "baseline",
    }


def _conditions(front: FrontDocument) -> str:
    constraint = front.constraint
    return (
        f"In {front.library.name}; {constraint.driver_cell} drives every input, "
        f"{constraint.load_ff:g} fF on every output, {front.timing}."
    )


def _note(front: FrontDocument | None) -> str:
    notes = (
        []
        if front is None
        else [f"{note[:1].upper()}{note[1:]}." for note in front.baselines.notes.values()]
    )
    return " ".join(["No other known design is better in both area and delay.", *notes])
