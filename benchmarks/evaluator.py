"""How fast a design is evaluated: ours against bare ABC and against a Yosys process per design.

Everything is measured side by side in one run, rounds interleaved, best of k, on the same designs;
netlist generation is part of our time, and every round takes a design that was not seen before. The
target is one that the designs reach: an unreachable one takes ABC two to five times as long.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from common import arguments, load_named, print_table, write_json

from edarl.hdl.verilog import structural_verilog
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import Move, PrefixGraph
from edarl.prefix.structures import structure
from edarl.synthesis.abc_evaluator import AbcEvaluator, design_blif, sizing_script
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.flows import FLOWS
from edarl.synthesis.yosys import run_yosys

TARGET_PS = {8: 270.0, 16: 350.0, 32: 430.0, 64: 560.0, 128: 760.0}
TIGHT_PS = {8: 220.0, 16: 290.0, 32: 345.0, 64: 425.0, 128: 540.0}
CURVE = (0.95, 1.0, 1.15, 1.4)


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--tight", action="store_true", help="targets that many designs miss")
    options = parser.parse_args()
    widths = (8, 32) if options.quick else (8, 16, 32, 64, 128)
    rounds = 5 if options.quick else 20
    library = load_named("nangate45")
    constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
    rows, figures = [], []
    for width in widths:
        target = (TIGHT_PS if options.tight else TARGET_PS)[width]
        curve = tuple(target * factor for factor in CURVE)
        single = AbcEvaluator(library, constraint, flow="direct", targets_ps=(target,))
        four = AbcEvaluator(library, constraint, flow="direct", targets_ps=curve)
        flow = FLOWS["direct"]
        script = sizing_script(flow, (target,))
        session = single._session()
        best = dict.fromkeys(("bare", "ours", "curve", "yosys"), float("inf"))
        for index, design in enumerate(neighbours(width, rounds, seed=width)):
            best["ours"] = min(best["ours"], seconds(partial(single.evaluate, [design])))
            path = session.workdir / "bare.blif"
            path.write_text(design_blif(design, flow, library))
            commands = ["empty", f"read_blif {path}", *script]
            best["bare"] = min(best["bare"], seconds(partial(session.run, commands)))
            best["curve"] = min(best["curve"], seconds(partial(four.evaluate, [design])))
            if index < max(2, rounds // 6):
                synthesise = partial(yosys_process, design, library, target)
                best["yosys"] = min(best["yosys"], seconds(synthesise))
        single.close()
        four.close()
        ms = {name: value * 1000 for name, value in best.items()}
        figure = {
            "width": width,
            **{f"{name}_ms": round(value, 3) for name, value in ms.items()},
            "ours_over_bare": ms["ours"] / ms["bare"],
            "curve_over_single": ms["curve"] / ms["ours"],
            "yosys_over_ours": ms["yosys"] / ms["ours"],
        }
        figures.append(figure)
        rows.append(list(figure.values()))
    print_table(
        ["width", "bare ABC ms", "ours ms", "4 targets ms", "Yosys process ms",
         "ours/bare", "curve/single", "Yosys/ours"],
        rows,
    )  # fmt: skip
    memory = memory_figures()
    print_table(["what", "figure"], list(memory.items()))
    write_json(options.json, {"evaluator": figures, "memory": memory})


def neighbours(width: int, rounds: int, *, seed: int) -> list[Design]:
    """Give ``rounds`` different designs a few random moves away from Sklansky."""
    rng = np.random.default_rng(seed)
    circuit = Circuit("adder", width)
    designs: list[Design] = []
    seen: set[PrefixGraph] = set()
    while len(designs) < rounds:
        graph = structure("sklansky", width)
        for _ in range(int(rng.integers(3, 12))):
            kind, msb, lsb = rng.choice(np.argwhere(graph.legal_moves()))
            graph = graph.apply(Move("delete" if kind else "add", int(msb), int(lsb)))
        if graph not in seen:
            seen.add(graph)
            designs.append(Design.of(graph, circuit))
    return designs


def yosys_process(design: Design, library: CellLibrary, target_ps: float) -> None:
    """Synthesise one design as is customary: one Yosys process, its own ABC script."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        (workdir / "design.v").write_text(structural_verilog(design, hierarchical=False))
        (workdir / "constraint").write_text(
            "set_driving_cell BUF_X1\nset_load 10.0 [all_outputs]\n"
        )
        liberty = library.liberty_path
        run_yosys(
            f"read_verilog design.v\nsynth -flatten\n"
            f"abc -liberty {liberty} -constr constraint -D {target_ps:g}\n"
            f"stat -liberty {liberty}\n",
            workdir=workdir,
        )


def seconds(action: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def memory_figures() -> dict[str, float]:
    """Measure an ABC worker, a search process and the plain import, in MB and seconds."""
    script = """
import sys, json
from common import load_named
from pathlib import Path
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator
from evaluator import neighbours
library = load_named("nangate45")
constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
inner = AbcEvaluator(library, constraint, flow="best", targets_ps=(345.0,))
CachedEvaluator(inner).evaluate(neighbours(32, 20, seed=1))
def peak(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) / 1024 for line in text.splitlines() if "VmHWM" in line)
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if pid != "self" else []
    return own + sum(peak(child) for child in below)
assert "torch" not in sys.modules
print(json.dumps([peak(inner._session().pid), peak("self")]))
"""
    here = Path(__file__).parent
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=here, check=True, capture_output=True, text=True
    ).stdout
    abc_mb, search_mb = (float(value) for value in out.strip().strip("[]").split(","))
    start = min(
        seconds(lambda: subprocess.run([sys.executable, "-c", "import edarl"], check=True))
        for _ in range(5)
    )
    bare = min(
        seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
        for _ in range(5)
    )
    return {"abc_worker_mb": abc_mb, "search_process_mb": search_mb, "import_edarl_s": start - bare}


if __name__ == "__main__":
    main()
