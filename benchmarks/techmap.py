"""Area and delay of an addition after a whole Yosys flow: plain, with a map file, or kept whole.

Every result is flattened, written as cells and timed by ABC in one reference constraint, so the
rows can be compared with each other and with the other benchmarks. Areas are sums of cell areas.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from common import arguments, load_named, print_table, write_json

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
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design, PMode
from edarl.prefix.structures import structure
from edarl.synthesis.abc import AbcSession, parse_timing
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.confirm import emit_netlist
from edarl.synthesis.yosys import run_yosys

STRUCTURES = ("ladner_fischer:1", "kogge_stone", "sklansky", "brent_kung")
TARGETS_PS = (300.0, 345.0, 410.0, 600.0)


class Row(NamedTuple):
    """One flow of one structure at one target."""

    flow: str
    structure: str
    p_mode: str
    target_ps: float
    area_um2: float
    delay_ps: float


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--width", type=int, default=32, help="bits of the adder (default: 32)")
    parser.add_argument("--library", default="nangate45", help="name or file (default: nangate45)")
    options = parser.parse_args()
    library = load_named(options.library)
    constraint = (
        library.constraint(driver_cell="BUF_X1", load_ff=10.0)
        if options.library == "nangate45"
        else library.constraint()
    )
    structures = STRUCTURES[:2] if options.quick else STRUCTURES
    targets = TARGETS_PS[1:2] if options.quick else TARGETS_PS
    rows = []
    with tempfile.TemporaryDirectory() as folder, AbcSession(library, constraint) as session:
        bench = _Bench(Path(folder), options.width, library, constraint, session)
        for target_ps in targets:
            rows.append(bench.built_in(None, "", target_ps))
            rows += [bench.with_map(None, "", recipe, target_ps) for recipe in ABC_RECIPES]
            for name in structures:
                for p_mode in ("xor", "or"):
                    rows.append(bench.built_in(name, p_mode, target_ps))
                    rows += [bench.with_map(name, p_mode, r, target_ps) for r in ABC_RECIPES]
                    rows.append(bench.kept_whole(name, p_mode, target_ps))
    head = ("flow", "structure", "p mode", "target [ps]", "area [um2]", "delay [ps]")
    print_table(head, rows)
    write_json(
        options.json,
        {
            "library": options.library,
            "width": options.width,
            "constraint": {"driver": constraint.driver_cell, "load_ff": constraint.load_ff},
            "rows": [row._asdict() for row in rows],
        },
    )


class _Bench:
    """A folder with the user's adder, where the flows run."""

    def __init__(
        self,
        folder: Path,
        width: int,
        library: CellLibrary,
        constraint: Constraint,
        session: AbcSession,
    ) -> None:
        self._folder = folder
        self._circuit = Circuit("adder", width)
        self._library = library
        self._session = session
        self._files = YosysFiles(
            ("top.v",), str(library.liberty_path), "constraint", "map.abc", "out.v"
        )
        (folder / "top.v").write_text(
            f"module top (input [{width - 1}:0] a, b, output [{width - 1}:0] sum, output cout);\n"
            "  assign {cout, sum} = a + b;\nendmodule\n"
        )
        (folder / "constraint").write_text(
            f"set_driving_cell {constraint.driver_cell}\n"
            f"set_load {constraint.load_ff:g} [all_outputs]\n"
        )

    def built_in(self, name: str | None, p_mode: str, target_ps: float) -> Row:
        """Yosys' own ABC script, with or without our map file."""
        script = self._mapped_script(name, p_mode, target_ps).replace(' -script "map.abc"', "")
        return self._measured("built-in script", name, p_mode, target_ps, script)

    def with_map(self, name: str | None, p_mode: str, recipe: str, target_ps: float) -> Row:
        """Our ABC script, with or without our map file."""
        (self._folder / "map.abc").write_text(abc_script(target_ps, recipe))
        script = self._mapped_script(name, p_mode, target_ps)
        return self._measured(f"our script, {recipe}", name, p_mode, target_ps, script)

    def kept_whole(self, name: str, p_mode: str, target_ps: float) -> Row:
        """The finished netlist of the direct flow."""
        netlist = emit_netlist(
            self._design(name, p_mode), "direct", target_ps, self._library, self._session
        )
        (self._folder / "adder.v").write_text(mapped_verilog(netlist))
        (self._folder / "map.v").write_text(addition_map_verilog(self._circuit, netlist.name))
        (self._folder / "map.abc").write_text(abc_script(target_ps))
        script = netlist_flow(self._files, "top", "map.v", "adder.v", netlist.name, target_ps)
        return self._measured("netlist kept whole", name, p_mode, target_ps, script)

    def _design(self, name: str, p_mode: str) -> Design:
        graph = structure(name, self._circuit.leaves)
        mode: PMode = "or" if p_mode == "or" else "xor"
        return Design.of(graph, self._circuit, mode)

    def _mapped_script(self, name: str | None, p_mode: str, target_ps: float) -> str:
        script = techmap_flow(self._files, "top", "map.v", target_ps)
        if name is None:
            return script.replace('techmap -map "map.v" -map +/techmap.v\n', "")
        (self._folder / "map.v").write_text(techmap_verilog([self._design(name, p_mode)]))
        return script

    def _measured(
        self, flow: str, name: str | None, p_mode: str, target_ps: float, script: str
    ) -> Row:
        buffer = self._library.bindings["BUF"]
        run_yosys(
            f"{script}setattr -mod -unset keep_hierarchy\nflatten\nopt_clean -purge\n"
            f"write_blif -gates -buf {buffer.cell} {buffer.pins[0]} {buffer.output} out.blif\n",
            workdir=self._folder,
        )
        blif = (self._folder / "out.blif").read_text()
        # Yosys defines its constants as logic, which ABC cannot read beside gates.
        blif = re.sub(r"^\.names \$(?:false|true|undef)\n(?:1\n)?", "", blif, flags=re.MULTILINE)
        self._session.read_netlist(blif)
        sizing = parse_timing(self._session.run(["topo", "stime"]), 1)[0]
        shown = name or "a + b"
        return Row(flow, shown, p_mode or "-", target_ps, sizing.area_um2, sizing.delay_ps)


if __name__ == "__main__":
    main()
