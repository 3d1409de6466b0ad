"""The files of a design: which there are, how they are made, and the archive of all.

The netlist and its proof come from the store as they are. Structural Verilog and the techmap are
made and proven, everything else is derived; what cannot be proven is an error and never a file.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import edarl
from edarl.errors import EquivalenceError
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.runs.export import FORMATS, Export, Target, export_design
from edarl.store import LibraryRef
from edarl.synthesis.confirm import Confirmed
from edarl.synthesis.prove import Proof

__all__ = [
    "REPORT",
    "FileEntry",
    "Group",
    "MadeFile",
    "Source",
    "archive_of",
    "file_entries",
    "make_group",
    "report_of",
]

Group = Literal["stored", "proven", "mapped", "derived", "report"]
"""Files that are made together: from the store; by one proof; by the proof of the map file; by
no tool at all; and the report, which needs all others."""

REPORT = "report.json"

LIBERTY = "library.lib"
"""How the scripts call the Liberty file: where it is on the server is nobody's business."""

_SMALLEST_PS = 1.0e6
"""A target from here on asks for the smallest netlist."""

_WIDEST_MAP = 255
_VERILOG, _TEXT = "text/x-verilog; charset=utf-8", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file that a design has.

    Attributes:
        name: Its name.
        format: A key of `edarl.runs.export.FORMATS`, or ``report``.
        summary: What it is, in one line.
        media_type: Its media type.
        proven: Whether its bytes are proven.
        group: What it is made with.
    """

    name: str
    format: str
    summary: str
    media_type: str
    proven: bool
    group: Group


@dataclass(frozen=True, slots=True)
class Source:
    """What files are made from: a design that the store serves.

    Attributes:
        id: The design's id.
        design: Graph, circuit and p modes.
        library: Name and digest of the cell library.
        constraint: Driver, load and wire load.
        point: Figures of the netlist, with flow and target.
        sta_delay_ps: OpenSTA's delay, or None.
        netlist: The netlist's text.
        proof: What proved it, as the store has it.
        found: Who found it and when, for the report.
    """

    id: str
    design: Design
    library: LibraryRef
    constraint: Constraint
    point: Point
    sta_delay_ps: float | None
    netlist: str
    proof: Mapping[str, Any]  # JSON values
    found: Mapping[str, Any]  # JSON values

    @property
    def stem(self) -> str:
        """Name of the archive and of the folder in it."""
        return f"{self.design.circuit.name}_{self.id[:8]}"

    def confirmed(self) -> Confirmed:
        """Give the netlist with its proof.

        Raises:
            EquivalenceError: The stored proof is not one of these bytes.
        """
        sha256 = hashlib.sha256(self.netlist.encode()).hexdigest()
        if self.proof.get("verdict") != "proven" or self.proof.get("sha256") != sha256:
            raise EquivalenceError(
                f"the netlist {sha256} should have a proof of its own, actual verdict: "
                f"{self.proof.get('verdict')!r} of {self.proof.get('sha256')!r}; it is not served"
            )
        proof = Proof(
            verdict="proven",
            circuit=self.design.circuit,
            sha256=sha256,
            top=self.design.circuit.name,
            reason="",
            counterexample=None,
            library=self.proof.get("library"),
            tools=dict(self.proof.get("tools") or {}),
            elapsed_s=float(self.proof.get("elapsed_s") or 0.0),
        )
        return Confirmed(self.design, self.point, self.netlist, proof, self.sta_delay_ps)


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that is there.

    Attributes:
        name: Its name.
        data: Its bytes.
        media_type: Its media type.
        proof: What proved these bytes as JSON values; None of a derived file.
    """

    name: str
    data: bytes
    media_type: str
    proof: Mapping[str, Any] | None  # JSON values

    @property
    def sha256(self) -> str:
        """Digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def file_entries(circuit: Circuit) -> tuple[FileEntry, ...]:
    """Give the files that a design of a circuit has."""
    name = circuit.name
    entries = [
        _entry(f"{name}_netlist.v", "netlist", _VERILOG, "stored", proven=True),
        _entry(f"{name}.v", "verilog", _VERILOG, "proven", proven=True),
        _entry(f"{name}_flat.v", "flat", _VERILOG, "proven", proven=True),
    ]
    if circuit.kind == "adder":
        mapped = circuit.width <= _WIDEST_MAP
        if mapped:
            entries.append(_entry(f"{name}_techmap.v", "techmap", _VERILOG, "mapped", proven=True))
        recipes = {
            f"{name}_techmap.ys": ("Yosys script with the map file", _TEXT),
            f"{name}.abc": ("ABC script that keeps the structure", _TEXT),
            f"{name}_netlist.ys": ("Yosys script that keeps the netlist whole", _TEXT),
            f"{name}_add_map.v": ("Yosys map file: additions get the netlist", _VERILOG),
            "constraint": ("driver and load, as Yosys reads them", _TEXT),
        }
        entries += [
            FileEntry(file, "recipe", summary, media_type, False, "mapped")
            for file, (summary, media_type) in recipes.items()
            if mapped or not file.endswith("_techmap.ys")
        ]
    entries += [
        _entry(f"{name}_reference.v", "reference", _VERILOG, "derived"),
        _entry(f"{name}_tb.v", "testbench", _VERILOG, "derived"),
        _entry(f"{name}.blif", "blif", _TEXT, "derived"),
        _entry(f"{name}.aig", "aiger", "application/octet-stream", "derived"),
        _entry(f"{name}.svg", "svg", "image/svg+xml", "derived"),
        _entry(f"{name}.dot", "dot", "text/vnd.graphviz; charset=utf-8", "derived"),
        _entry(f"{name}_graph.json", "graph", "application/json", "derived"),
        _entry(f"{name}.core", "core", "application/yaml", "derived"),
    ]
    report = "figures, digests and proofs of all files"
    entries.append(FileEntry(REPORT, "report", report, "application/json", False, "report"))
    return tuple(entries)


def _entry(
    name: str, format_name: str, media_type: str, group: Group, *, proven: bool = False
) -> FileEntry:
    summary = FORMATS[format_name].partition(";")[0]
    return FileEntry(name, format_name, summary, media_type, proven, group)


def make_group(source: Source, group: Group) -> list[MadeFile]:
    """Make the files of a group; tools run as processes of their own.

    Args:
        source: The design.
        group: Any but ``report``, which `report_of` makes.

    Raises:
        EquivalenceError: A file that has to be proven could not be, or the stored proof is not of
            the stored netlist.
        ToolError: A tool failed.
    """
    entries = {entry.name: entry for entry in file_entries(source.design.circuit)}
    confirmed = source.confirmed()
    formats = {entry.format for entry in entries.values() if entry.group == group} | {"netlist"}
    if group == "mapped":
        formats.add("reference")  # or the recipes bring theirs
    exported = export_design(
        [source.design], formats=sorted(formats), target=_target(source), confirmed=confirmed
    )
    records = {record["file"]: record for record in exported.report()["files"]}
    return [
        MadeFile(file.name, file.data, entries[file.name].media_type, records[file.name]["proof"])
        for file in exported.files
        if entries[file.name].group == group
    ]


def report_of(source: Source, files: Sequence[MadeFile]) -> MadeFile:
    """Make the report: what the design reaches, and digest and proof of every file.

    Args:
        source: The design.
        files: All other files.
    """
    report = Export(source.design, (), {}, _target(source), source.confirmed()).report()
    netlist = report.pop("netlist")
    for asked in ("max_delay_ps", "met"):  # of a request, not of the design
        del netlist[asked]
    formats = {entry.name: entry.format for entry in file_entries(source.design.circuit)}
    report |= {
        "id": source.id,
        "timing": "pre-layout",
        "version": edarl.__version__,
        "netlist": {**netlist, "wire_load": source.constraint.wire_load, "proof": source.proof},
        "found": dict(source.found),
        "files": [
            {
                "file": file.name,
                "format": formats[file.name],
                "sha256": file.sha256,
                "proven": file.proof is not None,
                "proof": None if file.proof is None else dict(file.proof),
            }
            for file in files
        ],
    }
    report["design"] = source.design.digest
    text = json.dumps(report, indent=2) + "\n"
    return MadeFile(REPORT, text.encode(), "application/json", None)


def archive_of(source: Source, files: Sequence[MadeFile]) -> bytes:
    """Give a zip with all files in one folder; the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{source.stem}/{file.name}", (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, so that the permissions count
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.data)
    return stream.getvalue()


def _target(source: Source) -> Target:
    relaxed = source.point.target_ps >= _SMALLEST_PS
    delay_ps = None if relaxed else source.point.delay_ps
    return Target(source.library, source.constraint, delay_ps, source.point.flow, liberty=LIBERTY)
