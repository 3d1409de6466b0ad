"""Run the compiled code's functions on arrays that refuse every index outside of them.

Compiled code checks no index. With ``NUMBA_DISABLE_JIT=1`` the same functions are plain Python, and
the arrays here also refuse the negative indices that numpy and compiled code take from the end.

Usage: ``python -m tests.synthesis.timing.strict LIBERTY``; the last line tells how many indices
were checked, the others are figures that compiled code has to give too.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from edarl.log import configure
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing import arrays, features, mapping, netlist, sizer
from edarl.synthesis.timing.timer import circuit_delay, require
from tests.synthesis.timing.support import Bench, random_adder
from tests.synthesis.timing.test_mapping import random_state
from tests.synthesis.timing.test_sizing import KINDS, Walk

checked = 0


class Strict(np.ndarray):
    """An array without indices from the end; slices and masks are left to numpy."""

    def __getitem__(self, key: Any) -> Any:
        self._check(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check(key)
        super().__setitem__(key, value)

    def _check(self, key: Any) -> None:
        global checked
        checked += 1
        for part in key if isinstance(key, tuple) else (key,):
            if isinstance(part, int | np.integer) and part < 0:
                raise IndexError(f"index {key} of an array of shape {self.shape}")


def strict(record: Any) -> Any:
    """Give a record of arrays with strict ones."""
    return type(record)(*(array.view(Strict) for array in record))


class Case(NamedTuple):
    """What is sized."""

    driver: str
    kind: str
    graph: str
    width: int


CASES = (
    Case("BUFT", "adder", "sklansky", 4),
    Case("BUFT", "adder", "kogge_stone", 5),
    Case("BUFT", "priority_encoder", "sklansky", 5),
    Case("BUFT4", "adder", "sklansky", 12),  # puts buffers in and takes some out again
    Case("INVT", "adder", "sklansky", 8),
)


def install() -> None:
    """Make every array that the room allocates a strict one."""
    allocate, scratch_for = arrays.allocate, mapping.scratch_for
    for module in (mapping, netlist, sizer):
        module.allocate = lambda *a, **k: strict(allocate(*a, **k))
    mapping.scratch_for = lambda *a: strict(scratch_for(*a))
    sizer._ANNEALING_STEPS = 25  # as plain Python each takes a tenth of a second
    for module in (sizer, features):
        module.adder_state = lambda design: strict(mapping.adder_state(design))
    sizer.cell_arrays = lambda *a, **k: strict(arrays.cell_arrays(*a, **k))


def size(library_file: Path) -> Iterator[str]:
    """Size the cases at every effort; give the figures."""
    library = load_library(library_file)
    for effort in sizer.EFFORTS:
        for driver, kind, graph, width in CASES:
            of = sizer.Sizer(library, Constraint(driver, 10.0), effort=effort)
            circuit = Circuit(kind, width, carry_in=kind == "adder", carry_out=True)
            design = Design.of(structure(graph, circuit.leaves), circuit, "or")
            fast, relaxed = (of.curve(design, [target])[0].delay_ps for target in (1.0, 1e6))
            targets = [fast + share * (relaxed - fast) for share in (0.0, 0.5, 1.0)]
            points = of.curve(design, targets)
            yield f"{effort} {graph} " + " ".join(
                f"{p.delay_ps:.6f} {p.area_um2:.6f}" for p in points
            )


def read(library_file: Path) -> Iterator[str]:
    """Read features and planes of the cases; give sums over them."""
    library = load_library(library_file)
    for driver, kind, graph, width in CASES:
        circuit = Circuit(kind, width, carry_in=kind == "adder", carry_out=True)
        design = Design.of(structure(graph, circuit.leaves), circuit, "or")
        of = features.Physics(library, Constraint(driver, 10.0), circuit)
        found, planes = of.features(design, 80.0), of.planes(design, 80.0)
        yield f"read {kind} {graph} {found.sum():.6f} {planes.sum(dtype=float):.4f}"


def walk(library_file: Path) -> Iterator[str]:
    """Build random states and make random moves on them; give the delays."""
    library = load_library(library_file)
    bench = Bench.of(library, Constraint("BUFT", 10.0))
    bench = Bench(
        bench.library, bench.timing, strict(bench.cells), bench.constraint, bench.functions
    )
    for seed in range(6):
        random = Random(seed)
        design = random_adder(random.randint(2, 8), random)
        timed = bench.built(strict(random_state(design, random)))
        steps = Walk(bench, timed, random)
        for _ in range(25):
            steps.step(random.choice(KINDS))
        require(bench.cells, timed, 100.0)
        yield f"walk {seed} {circuit_delay(timed):.6f} {timed.required[0].min():.6f}"


if __name__ == "__main__":
    configure()  # what is logged goes to standard error
    install()
    file = Path(sys.argv[1])
    lines = [*size(file), *read(file), *walk(file), str(checked)]
    sys.stdout.write("\n".join(lines) + "\n")
