"""What processes cost: memory, imports, and compiling with an empty and with a filled cache.

Not a benchmark by itself. Everything is measured in child processes. Peaks are the kernel's own
(``VmHWM``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["import_figures", "memory_figures", "sizing_process_figures"]

_PEAK = """
import json, sys, time
from pathlib import Path
def peak(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) / 1024 for line in text.splitlines() if "VmHWM" in line)
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if pid != "self" else []
    return own + sum(peak(child) for child in below)
"""

_ABC = """
from common import load_named
from edarl.synthesis.abc_evaluator import AbcEvaluator
from edarl.synthesis.cache import CachedEvaluator
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import REGULAR, structure
library = load_named("nangate45")
constraint = library.constraint(driver_cell="BUF_X1", load_ff=10.0)
flows = "direct+pinswap+remap+remap-carry"
inner = AbcEvaluator(library, constraint, flow=flows, targets_ps=(345.0,))
circuit = Circuit("adder", 32)
designs = [Design.of(structure(n, 32), circuit, m) for n in REGULAR for m in ("xor", "or")]
CachedEvaluator(inner).evaluate(designs)
assert "torch" not in sys.modules
print(json.dumps({"abc_worker_mb": peak(inner._session().pid), "search_process_mb": peak("self")}))
"""

_SIZING = """
began = time.perf_counter()
from common import load_named
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import REGULAR, structure
from edarl.synthesis.timing.sizer import Sizer
imported = time.perf_counter()
library = load_named("sky130hd")
sizer = Sizer(library, library.constraint(), effort="normal", view="abc")
loaded = time.perf_counter()
loaded_mb = peak("self")
design = Design.of(structure("sklansky", 64), Circuit("adder", 64))
sizer.curve(design, (2000.0,))
first = time.perf_counter()
for name in REGULAR:
    for mode in ("xor", "or"):
        adder = Design.of(structure(name, 64), Circuit("adder", 64), mode)
        for factor in (1.0, 1500.0, 2000.0, 1e6):
            sizer.curve(adder, (factor,))
before = time.perf_counter()
sizer.curve(design, (2000.0,))
again = time.perf_counter()
assert "torch" not in sys.modules
print(json.dumps({
    "import_s": imported - began,
    "load_library_s": loaded - imported,
    "first_sizing_s": first - loaded,
    "next_sizing_s": again - before,
    "loaded_mb": loaded_mb,
    "peak_mb": peak("self"),
}))
"""

_IMPORT = """
import sys, importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
print([name for name in ("numba", "torch", "matplotlib") if name in sys.modules])
"""


def memory_figures() -> dict[str, float]:
    """Measure an ABC worker and a search process that uses it, in MB."""
    return dict(_figures(_child(_PEAK + _ABC)))


def sizing_process_figures(*, compiling: bool) -> dict[str, dict[str, float]]:
    """Size 64-bit adders on sky130hd in fresh processes, with an empty and with a filled cache.

    An empty cache has neither compiled code nor the library as arrays; the Liberty file is there.

    Args:
        compiling: Whether to begin with an empty cache; otherwise the user's own is used.
    """
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="edarl-benchmark-") as folder:
        places = {}
        if compiling:
            places["NUMBA_CACHE_DIR"] = str(Path(folder) / "compiled")
            places["EDARL_HOME"] = str(Path(folder) / "home")
            found["empty cache"] = _figures(_child(_PEAK + _SIZING, places))
        else:
            _child(_PEAK + _SIZING, places)
        warm = [_figures(_child(_PEAK + _SIZING, places)) for _ in range(3)]
    found["filled cache"] = {
        key: (max if key.endswith("_mb") else min)(run[key] for run in warm) for key in warm[0]
    }
    return found


def import_figures(rounds: int = 7) -> dict[str, Any]:
    """Measure what imports take beyond Python itself, in s, and what they pull in."""

    def fastest(*names: str) -> float:
        return min(_timed(_IMPORT, *names) for _ in range(rounds))

    bare = fastest()
    found: dict[str, Any] = {}
    for names in (
        ("edarl",),
        ("edarl.prefix", "edarl.synthesis", "edarl.search"),
        ("edarl.cli.app",),
    ):
        label = " ".join(names)
        found[label] = {
            "seconds": max(0.0, fastest(*names) - bare),
            "heavy_modules": _child(_IMPORT, {}, *names).strip(),
        }
    return found


def _child(script: str, environment: Mapping[str, str] | None = None, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=Path(__file__).parent,
        env={**os.environ, **(environment or {})},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _figures(said: str) -> dict[str, float]:
    figures: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return figures


def _timed(script: str, *arguments: str) -> float:
    start = time.perf_counter()
    _child(script, {}, *arguments)
    return time.perf_counter() - start
