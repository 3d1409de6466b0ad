"""What is there to be pasted does what it says, as far as Yosys can tell."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from edarl.hdl.fusesoc import fusesoc_core
from edarl.hdl.reader import read_mapped_verilog
from edarl.prefix.design import Design
from edarl.service.context import Service
from edarl.service.fronts import FrontQuery, front_document
from edarl.service.pages.snippets import Snippet, snippets_of
from edarl.service.schemas import DesignDocument
from edarl.synthesis.library import load_library
from tests.service.conftest import LiveServer
from tests.tools import yosys

TOP = """\
module top(input [7:0] a, b, input en, output [7:0] q, output cout);
  wire [7:0] sum;
  {instance}
  assign q = en ? sum : 8'b0;
endmodule
"""


class Subject:
    """A small adder with its snippets and files."""

    def __init__(self, service: Service) -> None:
        front = front_document(service, FrontQuery(width=8, library="sky130"))
        ident = next(point.id for point in front.items if point.structure is None)
        self.document: DesignDocument = service.shelf.document(ident)
        self.design: Design = service.known.designs(self.document.graph_digest, limit=1)[0]
        self.snippets = {each.tool: each for each in snippets_of(self.document, self.design)}
        self.files = {
            file.name: service.shelf.file(ident, file.name).data.decode()
            for file in self.document.files
            if file.format in ("netlist", "techmap")
        }
        self.netlist = self.files["adder_8_netlist.v"]

    def part(self, tool: str, name: str) -> str:
        """Give the text of the part whose name begins so."""
        return next(part.text for part in self.snippets[tool].parts if part.name.startswith(name))

    def fill(self, folder: Path) -> None:
        """Write what a user has: the design's files, the cell library and a top module."""
        for name, text in self.files.items():
            (folder / name).write_text(text)
        (folder / "sky130.lib").symlink_to(load_library("sky130").liberty_path)
        instance = self.part("Yosys", "in top.v")
        (folder / "top.v").write_text(TOP.format(instance=instance))


@pytest.fixture(scope="module")
def subject(site: LiveServer) -> Subject:
    return Subject(site.service)


def cells(netlist: str) -> Counter[str]:
    return Counter(each.cell for each in read_mapped_verilog(netlist).instances)


def test_yosys_keeps_the_netlist_exactly_as_it_is(subject: Subject, tmp_path: Path) -> None:
    subject.fill(tmp_path)
    log = yosys(subject.part("Yosys", "top.ys"), tmp_path)
    area = re.search(r"Chip area for module '\\adder_8': ([0-9.]+)", log)
    assert area is not None
    assert float(area[1]) == pytest.approx(subject.document.area_um2, rel=1e-4)
    kept = (tmp_path / "top_mapped.v").read_text()
    assert Counter(re.findall(r"sky130_fd_sc_hd__\w+", kept)) >= cells(subject.netlist)


def test_yosys_puts_the_graph_into_a_plain_addition(subject: Subject, tmp_path: Path) -> None:
    subject.fill(tmp_path)
    plain = "module top(input [7:0] a, b, output [7:0] s, output c);\nassign {c, s} = a + b;\n"
    (tmp_path / "top.v").write_text(f"{plain}endmodule\n")
    (tmp_path / "adder_8.abc").write_text(subject.part("Yosys", "adder_8.abc"))
    (tmp_path / "constraint").write_text(subject.part("Yosys", "constraint"))
    log = yosys(subject.part("Yosys", "or, for every a + b"), tmp_path)
    assert "_80_lcu_edarl_8" in log
    delays = re.findall(r"Delay = +([0-9.]+) ps", log)
    assert float(delays[-1]) < 1.3 * subject.document.delay_ps
    assert "$lcu" not in (tmp_path / "top_mapped.v").read_text()


def test_the_cells_survive_a_flow_that_flattens_before_it_maps(
    subject: Subject, tmp_path: Path
) -> None:
    """As LibreLane's synthesis does it: cells are black boxes, all is flattened, then mapped."""
    subject.fill(tmp_path)
    config = json.loads(subject.part("LibreLane", "config.json"))
    sources = [name.removeprefix("dir::") for name in config["VERILOG_FILES"]]
    yosys(
        "read_liberty -lib -ignore_miss_dir sky130.lib\n"
        + "".join(f"read_verilog {name}\n" for name in sources)
        + f"hierarchy -check -top {config['DESIGN_NAME']}\n"
        "proc\nflatten\nopt_expr\nopt_clean\nopt\nalumacc\nshare\nopt\ntechmap\nopt -fast\n"
        "abc\nopt -fast\nhierarchy -check\nopt_clean -purge\n"
        "abc -liberty sky130.lib\nopt_clean -purge\nwrite_verilog -noattr flat.v\n",
        tmp_path,
    )
    flat = (tmp_path / "flat.v").read_text()
    assert "adder_8 " not in flat
    assert Counter(re.findall(r"sky130_fd_sc_hd__\w+", flat)) >= cells(subject.netlist)


def test_siliconcompiler_s_script_is_python_that_names_the_files(subject: Subject) -> None:
    script = subject.part("SiliconCompiler", "build.py")
    compile(script, "build.py", "exec")
    assert '"adder_8_netlist.v"' in script
    assert "skywater130_demo(project)" in script


def test_fusesoc_s_core_depends_on_the_core_in_the_archive(subject: Subject) -> None:
    named = re.search(r'depend: \["([^"]+)"\]', subject.part("FuseSoC", "top.core"))
    assert named is not None
    files = {file.format: file for file in subject.document.files}
    assert files["core"].name == "adder_8.core"
    circuit = subject.design.circuit
    own = fusesoc_core(
        circuit,
        name=f"{circuit.name}_{subject.design.digest[:8]}",
        description="",
        rtl=["adder_8.v"],
    )
    assert f"name: {named[1]}\n" in own


def test_every_tool_is_told_the_names_of_files_that_there_are(subject: Subject) -> None:
    there = {file.name for file in subject.document.files}
    shown = [part.text for each in subject.snippets.values() for part in each.parts]
    for text in shown:
        assert set(re.findall(r"\badder_8_(?:netlist|techmap)\.v\b", text)) <= there
    assert all(isinstance(each, Snippet) and each.about for each in subject.snippets.values())
