"""The graphs that are shown as results are what their rows say."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edarl.hdl.mapping import map_direct
from edarl.hdl.simulate import counterexample
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.search.compositions import snir_bound
from edarl.synthesis.analytical import AnalyticalEvaluator
from tests.conftest import ROOT

RESULTS = ROOT / "docs" / "results"
LISTED = {
    (8, 3): 12, (16, 4): 31, (16, 5): 25, (32, 5): 74, (32, 6): 57, (32, 7): 55, (32, 8): 54,
    (32, 9): 53, (64, 6): 167, (64, 7): 142, (64, 8): 121, (128, 7): 364, (128, 8): 273,
    (128, 9): 248,
}  # fmt: skip
COUNTED = {
    "neither": (False, False),
    "outputs": (False, True),
    "inputs": (True, False),
    "both": (True, True),
}


def rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_committed_graph_has_the_nodes_and_depth_of_its_row() -> None:
    found = {}
    for row in rows("flow_free_nodes.csv"):
        graph = PrefixGraph.from_text(row["graph"])
        width, depth, nodes = (int(row[key]) for key in ("width", "depth", "nodes"))
        assert (graph.width, graph.size) == (width, nodes)
        assert graph.depth <= depth
        assert nodes >= int(row["snir_bound"]) == snir_bound(width, depth)
        found[width, depth] = nodes
    assert all(found[place] <= nodes for place, nodes in LISTED.items())
    for (width, depth), nodes in found.items():
        assert found.get((width, depth + 1), 0) <= nodes


def test_every_committed_graph_of_the_analytical_model_has_its_delay() -> None:
    fronts: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for row in rows("flow_free_analytical.csv"):
        graph = PrefixGraph.from_text(row["graph"])
        inputs, outputs = COUNTED[row["reading"]]
        design = Design.of(graph, Circuit("adder", graph.width))
        [evaluation] = AnalyticalEvaluator(inputs, outputs).evaluate([design])
        [point] = evaluation.points
        assert point.delay_ps == float(row["delay"]) <= float(row["limit"])
        assert point.area_um2 == graph.size == int(row["nodes"])
        assert (graph.width, graph.depth) == (int(row["width"]), int(row["depth"]))
        fronts.setdefault((row["width"], row["reading"]), []).append(
            (float(row["limit"]), graph.size)
        )
    assert fronts.keys() == {(width, reading) for width in ("32", "64") for reading in COUNTED}
    for points in fronts.values():
        assert points == sorted(points)
        sizes = [size for _, size in points]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("place", [("64", "6"), ("128", "8"), ("128", "9")])
def test_committed_graphs_add(place: tuple[str, str]) -> None:
    [text] = [
        row["graph"] for row in rows("flow_free_nodes.csv") if (row["width"], row["depth"]) == place
    ]
    design = Design.of(PrefixGraph.from_text(text), Circuit("adder", int(place[0])))
    assert counterexample(map_direct(design), design.circuit, vectors=200) is None


def test_the_small_version_writes_what_it_found_and_reads_it_again(tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "flow_free.py"

    def run(*options: object) -> str:
        ran = subprocess.run(
            [sys.executable, script, *map(str, options)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
        return ran.stdout

    arguments = ("--quick", "--json", "figures.json", "--figures", ".", "--resume", "kept")
    first = run(*arguments)
    figures = json.loads((tmp_path / "figures.json").read_text())
    written = {path.name: path.read_bytes() for path in tmp_path.glob("flow_free*")}
    assert run(*arguments) == first
    assert {path.name: path.read_bytes() for path in tmp_path.glob("flow_free*")} == written
    assert written.keys() == {
        "flow_free.md",
        "flow_free_nodes.csv",
        "flow_free_nodes.svg",
        "flow_free_analytical.csv",
        "flow_free_analytical.svg",
    }
    assert figures["checked"] == len(figures["nodes"]) + len(figures["analytical"]) > 20
    assert f"{figures['checked']} graphs" in run("--check", ".")

    table = (tmp_path / "flow_free_nodes.csv").read_text()
    (tmp_path / "flow_free_nodes.csv").write_text(table.replace("8,3,12,", "8,3,11,", 1))
    ran = subprocess.run(
        [sys.executable, script, "--check", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode != 0
    assert "not what its row says" in ran.stderr
