"""Writing a design out: every form that a designer's tools take, and what is known of each file.

What synthesis would use (structural Verilog, netlist, map file) is proven before it is written; if
one of them cannot be proven, nothing is written. All else is derived: pictures, scripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import edarl
from edarl.errors import ConfigError, EdarlError, EquivalenceError
from edarl.hdl.aiger import generic_aiger
from edarl.hdl.blif import generic_blif
from edarl.hdl.drawing import graph_dot, graph_svg
from edarl.hdl.fusesoc import fusesoc_core
from edarl.hdl.mapping import map_direct
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.techmap import techmap_verilog
from edarl.hdl.testbench import testbench_verilog
from edarl.hdl.verilog import structural_verilog
from edarl.metrics import TOLERANCE, Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.runs.confirming import proof_record
from edarl.runs.recipes import SMALLEST_PS, recipe_files
from edarl.store import LibraryRef
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import Confirmed, Confirmer, Request
from edarl.synthesis.flows import BEST, flows_named
from edarl.synthesis.prove import Proof, prove_many, prove_techmap

__all__ = ["FORMATS", "Export", "ExportFile", "Target", "export_design"]

FORMATS: Mapping[str, str] = {
    "verilog": "structural Verilog, one instance per node",
    "flat": "structural Verilog, one module of assignments",
    "netlist": "netlist of library cells, sized and timed; needs a library",
    "techmap": "Yosys map file: additions get this graph; adders",
    "recipe": "Yosys and ABC scripts that use map file and netlist; adders, needs a library",
    "reference": "behavioural Verilog, the reference of proofs",
    "testbench": "self-checking Verilog testbench",
    "blif": "BLIF of truth tables",
    "aiger": "and-inverter graph, binary AIGER",
    "svg": "drawing of the graph",
    "dot": "the graph for Graphviz",
    "graph": "the graph as JSON, for --graph",
    "core": "FuseSoC core file",
}
"""Every format, in the order in which the files are listed."""

_WIDEST_LCU = 255


@dataclass(frozen=True, slots=True)
class Target:
    """Where a netlist of cells comes from.

    Attributes:
        library: The cell library; its name alone is enough where the netlist is confirmed already
            and ``liberty`` is given.
        constraint: Driver and load.
        delay_ps: The delay to meet in picoseconds; None asks for the smallest netlist.
        flow: A flow, several joined with ``+``, or ``best``.
        known: Netlists of the design, which compete with what the flows give now.
        liberty: How the scripts call the Liberty file; None takes its path here.
    """

    library: CellLibrary | LibraryRef
    constraint: Constraint
    delay_ps: float | None = None
    flow: str = BEST
    known: Sequence[Request] = ()
    liberty: str | None = None


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file.

    Attributes:
        name: Its name in the folder.
        format: A key of `FORMATS`.
        content: What it holds.
        proof: What proved these bytes; None for a derived file.
        summary: What it is, in one line.
    """

    name: str
    format: str
    content: str | bytes
    summary: str
    proof: Proof | None = None

    @property
    def data(self) -> bytes:
        """The file's exact bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.encode()

    def record(self) -> dict[str, Any]:
        """Give what is known of the file as JSON values."""
        return {
            "file": self.name,
            "format": self.format,
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "proven": self.proof is not None,
            "proof": None if self.proof is None else proof_record(self.proof),
        }


@dataclass(frozen=True, slots=True)
class Export:
    """All files of a design, ready to be written.

    Attributes:
        design: The design; of several p modes the one whose netlist was the best.
        files: The files.
        left_out: Formats that were asked for and do not apply, with the reason.
        target: Where the netlist comes from, or None.
        confirmed: The netlist with its figures, or None.
    """

    design: Design
    files: tuple[ExportFile, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    target: Target | None = None
    confirmed: Confirmed | None = None

    @property
    def met(self) -> bool | None:
        """Whether the netlist meets the delay that was asked for; None when none was."""
        if self.confirmed is None or self.target is None or self.target.delay_ps is None:
            return None
        return self.confirmed.point.delay_ps <= TOLERANCE * self.target.delay_ps

    def report(self) -> dict[str, Any]:
        """Give everything that is known as JSON values."""
        design, graph, circuit = self.design, self.design.graph, self.design.circuit
        return {
            "circuit": circuit.kind,
            "width": circuit.width,
            "carry_in": circuit.carry_in,
            "carry_out": bool(circuit.carry_out),
            "module": circuit.name,
            "design": design.digest,
            "graph": graph.text,
            "p_mode": design.p_mode,
            "nodes": graph.size,
            "depth": graph.depth,
            "max_fanout": graph.max_fanout,
            "version": edarl.__version__,
            "netlist": self._netlist_record(),
            "files": [file.record() for file in self.files],
            "left_out": dict(self.left_out),
        }

    def _netlist_record(self) -> dict[str, Any] | None:
        if self.confirmed is None or self.target is None:
            return None
        confirmed, target = self.confirmed, self.target
        return {
            "library": target.library.name,
            "library_digest": target.library.digest,
            "driver": target.constraint.driver_cell,
            "load_ff": target.constraint.load_ff,
            "max_delay_ps": target.delay_ps,
            "met": self.met,
            "delay_ps": confirmed.point.delay_ps,
            "area_um2": confirmed.point.area_um2,
            "flow": confirmed.point.flow,
            "target_ps": confirmed.point.target_ps,
            "sta_delay_ps": confirmed.sta_delay_ps,
            "sha256": confirmed.sha256,
        }


def export_design(
    designs: Sequence[Design],
    *,
    formats: Sequence[str] = (),
    target: Target | None = None,
    confirmed: Confirmed | None = None,
) -> Export:
    """Make and prove the files of a design; nothing is written yet.

    Args:
        designs: The design; or the same graph in several p modes, of which the one with the best
            netlist is taken (the first where there is no target).
        formats: Keys of `FORMATS`; none stands for all that apply.
        target: Where a netlist comes from; None leaves it out.
        confirmed: The netlist that was confirmed before, of the one design; None makes one.

    Raises:
        ConfigError: A format is unknown.
        EquivalenceError: A file that has to be proven could not be.
        ToolError: A tool failed.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(
            f"a format should be one of {', '.join(FORMATS)}, actual: {', '.join(unknown)}"
        )
    wanted = [name for name in FORMATS if name in formats or not formats]
    left_out = _not_applicable(wanted, designs[0].circuit, target)
    wanted = [name for name in wanted if name not in left_out]
    design = designs[0]
    if confirmed is None and target is not None and {"netlist", "recipe"} & set(wanted):
        confirmed = _best_netlist(designs, target)
        design = confirmed.design
    files = [
        *_structural(design, wanted),
        *_mapped(design, wanted, target, confirmed),
        *_derived(design, wanted, with_netlist=confirmed is not None and "netlist" in wanted),
    ]
    files.sort(key=lambda file: wanted.index(file.format))
    return Export(design, tuple(files), left_out, target, confirmed)


def _not_applicable(
    wanted: Sequence[str], circuit: Circuit, target: Target | None
) -> dict[str, str]:
    """Give the formats that cannot be made, with the reason."""
    reasons = {}
    for name in wanted:
        if name in ("techmap", "recipe") and circuit.kind != "adder":
            reasons[name] = "only an adder stands for the additions of other designs"
        elif name in ("netlist", "recipe") and target is None:
            reasons[name] = "needs --library"
        elif name == "techmap" and circuit.width > _WIDEST_LCU:
            reasons[name] = f"map files are proven up to {_WIDEST_LCU} bits"
    return reasons


def _best_netlist(designs: Sequence[Design], target: Target) -> Confirmed:
    """Confirm every p mode in every flow, and what is known; give the best by its own figures."""
    delay_ps = target.delay_ps or SMALLEST_PS
    requests = [
        Request(design, flow.name, delay_ps)
        for design in designs
        for flow in flows_named(target.flow)
    ]
    requests += [request for request in target.known if request.design in designs]
    if not isinstance(target.library, CellLibrary):
        raise ConfigError(
            f"a netlist should be made in a whole library, actual: the name {target.library.name}"
        )
    reasons: list[EdarlError] = []
    with Confirmer(target.library, target.constraint) as confirmer:
        confirmed = confirmer.confirm_all(
            list(dict.fromkeys(requests)), on_failure=lambda _, error: reasons.append(error)
        )
    if not confirmed:
        raise reasons[0]

    def rank(entry: Confirmed) -> tuple[bool, float, float]:
        missed = entry.point.delay_ps > TOLERANCE * delay_ps
        figures = (entry.point.delay_ps, entry.point.area_um2)
        return (missed, *(figures if missed else reversed(figures)))

    return min(confirmed, key=rank)


def _structural(design: Design, wanted: Sequence[str]) -> list[ExportFile]:
    name = design.circuit.name
    made = {"verilog": (f"{name}.v", True), "flat": (f"{name}_flat.v", False)}
    chosen = {key: file for key, file in made.items() if key in wanted}
    if not chosen:
        return []
    texts = [structural_verilog(design, hierarchical=shape) for _, shape in chosen.values()]
    proofs = prove_many(texts, design.circuit)
    return [
        ExportFile(file, key, text, _summary(key), _proven(proof, file))
        for (key, (file, _)), text, proof in zip(chosen.items(), texts, proofs, strict=True)
    ]


def _mapped(
    design: Design, wanted: Sequence[str], target: Target | None, confirmed: Confirmed | None
) -> list[ExportFile]:
    files: list[ExportFile] = []
    name = design.circuit.name
    if confirmed is not None and "netlist" in wanted:
        files.append(
            ExportFile(
                f"{name}_netlist.v",
                "netlist",
                confirmed.verilog,
                _summary("netlist"),
                confirmed.proof,
            )
        )
    if "techmap" in wanted:
        files.append(_techmap(design))
    if target is not None and "recipe" in wanted:
        files += [
            ExportFile(file, "recipe", text, summary)
            for file, (text, summary) in _recipes(design.circuit, target, wanted).items()
        ]
    return files


def _techmap(design: Design) -> ExportFile:
    """Make the map file; it serves its own width and one bit more, so both are proven."""
    width = design.circuit.width
    file = f"{design.circuit.name}_techmap.v"
    text = techmap_verilog([design])
    served = [bits for bits in (width + 1, width) if bits <= _WIDEST_LCU]
    proofs = [_proven(prove_techmap(text, bits), file) for bits in served]
    return ExportFile(file, "techmap", text, _summary("techmap"), proofs[-1])


def _recipes(circuit: Circuit, target: Target, wanted: Sequence[str]) -> dict[str, tuple[str, str]]:
    liberty = target.liberty
    if liberty is None:
        if not isinstance(target.library, CellLibrary):
            raise ConfigError(
                f"scripts should know the Liberty file of {target.library.name}; give `liberty`"
            )
        liberty = str(target.library.liberty_path)
    files = recipe_files(
        circuit,
        liberty=liberty,
        constraint=target.constraint,
        delay_ps=target.delay_ps,
        techmap="techmap" in wanted,
        netlist="netlist" in wanted,
    )
    if "reference" not in wanted:  # it is written anyway where it is
        files[f"{circuit.name}_reference.v"] = (_reference(circuit), _summary("reference"))
    return files


def _summary(name: str) -> str:
    """Give what a format is, without when it applies."""
    return FORMATS[name].partition(";")[0]


def _reference(circuit: Circuit) -> str:
    return behavioural_verilog(circuit, f"{circuit.name}_reference")


def _derived(design: Design, wanted: Sequence[str], *, with_netlist: bool) -> list[ExportFile]:
    name = design.circuit.name
    makers: dict[str, tuple[str, Callable[[], str | bytes]]] = {
        "reference": (f"{name}_reference.v", lambda: _reference(design.circuit)),
        "testbench": (f"{name}_tb.v", lambda: testbench_verilog(design.circuit)),
        "blif": (f"{name}.blif", lambda: generic_blif(map_direct(design))),
        "aiger": (f"{name}.aig", lambda: generic_aiger(map_direct(design))),
        "svg": (f"{name}.svg", lambda: graph_svg(design)),
        "dot": (f"{name}.dot", lambda: graph_dot(design)),
        "graph": (f"{name}_graph.json", lambda: design.graph.to_json() + "\n"),
        "core": (f"{name}.core", lambda: _core(design, with_netlist=with_netlist)),
    }
    return [
        ExportFile(file, key, make(), _summary(key))
        for key, (file, make) in makers.items()
        if key in wanted
    ]


def _core(design: Design, *, with_netlist: bool) -> str:
    name = design.circuit.name
    return fusesoc_core(
        design.circuit,
        name=f"{name}_{design.digest[:8]}",
        description=f"{design.circuit.entry.summary}, {design.circuit.width} bits, by edarl",
        rtl=[f"{name}.v"],
        testbench=[f"{name}_tb.v"],
        netlist=[f"{name}_netlist.v"] if with_netlist else [],
    )


def _proven(proof: Proof, file: str) -> Proof:
    if not proof.proven:
        raise EquivalenceError(
            f"{file} should be proven equivalent to {proof.circuit.name}, actual verdict: "
            f"{proof.verdict} ({proof.reason}); nothing is written"
        )
    return proof
