"""What a user of Yosys gets: area and delay of an addition after the whole flow.

Rows, each at a tight and a middle delay per width: plain ``a + b`` with Yosys' own ABC script; our
map file with that script, which undoes the structure; our map file with our ABC script; our mapped
netlist kept whole. Every result is flattened, written as cells and timed by ABC in one reference
constraint. Each row has the best design known for it, of all regular structures and, when its
result file is given, of an annealing: the map file the one that is smallest after ABC has mapped
again (flow remap), the netlist the smallest of all flows.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common import arguments, load_named, print_table, write_json, yardstick

from edarl.hdl.techmap import (
    ABC_RECIPES,
    YosysFiles,
    abc_script,
    addition_map_verilog,
    netlist_flow,
    techmap_flow,
    techmap_verilog,
)
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import TOLERANCE, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import PrefixGraph
from edarl.prefix.structures import structure
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import emit_netlist
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.yosys import run_yosys

TARGETS_PS = {16: (245.0, 310.0), 32: (300.0, 345.0), 64: (375.0, 425.0)}
"""A tight and a middle delay of the listed ones."""
PLAIN = {8: (60, 258), 16: (117, 537), 32: (243, 915), 64: (502, 1254)}
"""Figures of plain ``a + b`` (um2, ps) that were listed for Yosys 0.70."""
PLAIN_TARGETS_PS = {8: (200, 400), 16: (245, 540), 32: (300, 915), 64: (375, 1254)}


class Row(NamedTuple):
    """One flow at one target."""

    width: int
    target_ps: float
    flow: str
    design: str
    area_um2: float
    delay_ps: float
    met: str


class Candidate(NamedTuple):
    """A design that meets a target in a flow."""

    name: str
    design: Design
    flow: str
    area_um2: float


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--designs", type=Path, metavar="FILE", help="a result file of adders.py, for its designs"
    )
    options = parser.parse_args()
    library = load_named("nangate45")
    constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
    results = json.loads(options.designs.read_text())["annealing"] if options.designs else []
    targets = {16: TARGETS_PS[16][1:]} if options.quick else TARGETS_PS
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, AbcSession(library, constraint) as session:
        for width, delays in targets.items():
            regular = best_regular(width, delays, library)
            for target_ps in delays:
                flow = UserFlow(Path(folder), width, target_ps, library, session)
                rows += flow.plain()
                for candidates in (regular[target_ps], annealed(results, width, target_ps)):
                    best = smallest(candidates)
                    if best is not None:
                        # A map file's user maps again, so what is best remapped is best there.
                        rows += flow.with_map(smallest(candidates, "remap") or best)
                        rows.append(flow.kept_whole(best))
    print_table(["width", "target [ps]", "flow", "design", "area [um2]", "delay [ps]", "met"], rows)
    plain = plain_figures((8,) if options.quick else tuple(PLAIN), library)
    print("\nplain a + b, then abc -liberty -constr -D")
    head = ("width", "target [ps]", "way", "area [um2]", "delay [ps]", "listed area",
            "listed delay")  # fmt: skip
    print_table(head, plain)
    write_json(
        options.json,
        {
            "library": "nangate45",
            "constraint": {"driver": constraint.driver_cell, "load_ff": constraint.load_ff},
            "rows": [row._asdict() for row in rows],
            "plain": {"columns": head, "rows": plain},
        },
    )


# ---------------------------------------------------------------- designs


def best_regular(
    width: int, targets: Sequence[float], library: CellLibrary
) -> dict[float, list[Candidate]]:
    """Give all regular adders that meet each target, in both p modes and all flows."""
    circuit = Circuit("adder", width)
    designs = [
        (f"{name}, p {mode}", Design.of(structure(name, width), circuit, mode))
        for name in yardstick()["structures"]
        for mode in P_MODES
    ]
    constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
    evaluator = AbcEvaluator(library, constraint, flow="+".join(FLOWS), targets_ps=targets)
    try:
        evaluations = evaluator.evaluate([design for _, design in designs])
    finally:
        evaluator.close()
    return {
        target_ps: [
            Candidate(name, design, point.flow, point.area_um2)
            for (name, design), evaluation in zip(designs, evaluations, strict=True)
            for point in evaluation.points
            if point.target_ps == target_ps and point.meets(target_ps)
        ]
        for target_ps in targets
    }


def annealed(results: Sequence[dict[str, Any]], width: int, target_ps: float) -> list[Candidate]:
    """Give the annealed adders of all seeds and flows that were sized for this target."""
    circuit = Circuit("adder", width)
    return [
        Candidate(
            "annealed", Design(PrefixGraph.from_text(graph), circuit, int(modes, 16)), flow, area
        )
        for entry in results
        if entry["width"] == width
        for seed in entry["seeds"]
        for target, delay, area, flow, graph, modes in seed["front"]
        if target == target_ps and delay <= TOLERANCE * target_ps
    ]


def smallest(candidates: Sequence[Candidate], flow: str | None = None) -> Candidate | None:
    """Give the smallest candidate, of one flow or of all."""
    return min(
        (entry for entry in candidates if flow in (None, entry.flow)),
        key=lambda entry: entry.area_um2,
        default=None,
    )


# ---------------------------------------------------------------- flows


class UserFlow:
    """A folder with a user's adder, where Yosys runs for one target.

    Args:
        folder: Where everything is written.
        width: Bits.
        target_ps: What the user asks for, in picoseconds.
        library: The cell library.
        session: Times the results.
    """

    def __init__(
        self,
        folder: Path,
        width: int,
        target_ps: float,
        library: CellLibrary,
        session: AbcSession,
    ) -> None:
        self.folder = folder
        self.width = width
        self.target_ps = target_ps
        self.library = library
        self.session = session
        self.circuit = Circuit("adder", width)
        self.files = YosysFiles(
            ("top.v",), str(library.liberty_path), "constraint", "map.abc", "out.v"
        )
        (folder / "top.v").write_text(
            f"module top (input [{width - 1}:0] a, b, output [{width - 1}:0] sum, output cout);\n"
            "  assign {cout, sum} = a + b;\nendmodule\n"
        )
        (folder / "constraint").write_text(
            f"set_driving_cell {session.constraint.driver_cell}\n"
            f"set_load {session.constraint.load_ff:g} [all_outputs]\n"
        )

    def plain(self) -> list[Row]:
        """Plain ``a + b``, with Yosys' own ABC script and with ours."""
        script = techmap_flow(self.files, "top", "map.v", self.target_ps)
        script = script.replace('techmap -map "map.v" -map +/techmap.v\n', "")
        return [
            self._measured("plain a + b, Yosys' script", "-", _without_script(script)),
            *(self._scripted(f"plain a + b, our {r} script", "-", script, r) for r in ABC_RECIPES),
        ]

    def customary(self, synth: str) -> Row:
        """Plain ``a + b`` as most scripts have it."""
        liberty = self.files.liberty
        return self._measured(
            synth,
            "-",
            f"read_verilog top.v\n{synth} -flatten -top top\n"
            f"abc -liberty {liberty} -constr constraint -D {self.target_ps:g}\n",
        )

    def with_map(self, chosen: Candidate) -> list[Row]:
        """The same addition with one of our designs as a map file."""
        shown = chosen.name
        (self.folder / "map.v").write_text(techmap_verilog([chosen.design]))
        script = techmap_flow(self.files, "top", "map.v", self.target_ps)
        return [
            self._measured("our map, Yosys' script", shown, _without_script(script)),
            *(self._scripted(f"our map, our {r} script", shown, script, r) for r in ABC_RECIPES),
        ]

    def kept_whole(self, chosen: Candidate) -> Row:
        """The same addition with the finished netlist of one of our designs."""
        netlist = emit_netlist(
            chosen.design, chosen.flow, self.target_ps, self.library, self.session
        )
        (self.folder / "adder.v").write_text(mapped_verilog(netlist))
        (self.folder / "map.v").write_text(addition_map_verilog(self.circuit, netlist.name))
        script = netlist_flow(self.files, "top", "map.v", "adder.v", netlist.name, self.target_ps)
        shown = f"{chosen.name}, {chosen.flow}"
        return self._scripted("our netlist kept whole", shown, script, "delay")

    def _scripted(self, flow: str, design: str, script: str, recipe: str) -> Row:
        (self.folder / "map.abc").write_text(abc_script(self.target_ps, recipe))
        return self._measured(flow, design, script)

    def _measured(self, flow: str, design: str, script: str) -> Row:
        buffer = self.library.bindings["BUF"]
        run_yosys(
            f"{script}setattr -mod -unset keep_hierarchy\nflatten\nopt_clean -purge\n"
            f"write_blif -gates -buf {buffer.cell} {buffer.pins[0]} {buffer.output} out.blif\n",
            workdir=self.folder,
        )
        blif = (self.folder / "out.blif").read_text()
        # Yosys defines its constants as logic, which ABC cannot read beside gates.
        blif = re.sub(r"^\.names \$(?:false|true|undef)\n(?:1\n)?", "", blif, flags=re.MULTILINE)
        self.session.read_netlist(blif)
        sizing = parse_timing(self.session.run(["topo", "stime"]), 1)[0]
        point = Point(self.target_ps, sizing.delay_ps, sizing.area_um2, flow)
        return Row(
            self.width,
            self.target_ps,
            flow,
            design,
            point.area_um2,
            point.delay_ps,
            "yes" if point.meets(self.target_ps) else "no",
        )


def _without_script(script: str) -> str:
    return script.replace(' -script "map.abc"', "")


def plain_figures(widths: Sequence[int], library: CellLibrary) -> list[list[Any]]:
    """Check plain ``a + b`` against the listed figures, at two targets.

    Whether ``synth`` has run ABC before the mapping changes the delay by accident, so both ways are
    shown.
    """
    constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as folder, AbcSession(library, constraint) as session:
        for width in widths:
            for target in PLAIN_TARGETS_PS[width]:
                flow = UserFlow(Path(folder), width, target, library, session)
                for way in ("synth", "synth -noabc"):
                    row = flow.customary(way)
                    rows.append([width, target, way, row.area_um2, row.delay_ps, *PLAIN[width]])
    return rows


if __name__ == "__main__":
    main()
