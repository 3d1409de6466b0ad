"""Anneal jointly on arrays that refuse every index outside of them; see `strict`.

Usage: ``python -m tests.synthesis.timing.strict_joint LIBERTY``; the last line tells how many
indices were checked, the others are figures that compiled code has to give too.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from edarl.log import configure
from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing import mapping, walkers
from tests.synthesis.timing import strict

CASES = (
    (Circuit("adder", 2), 0.8, 12),
    (Circuit("adder", 3, carry_in=True), 0.8, 20),
    (Circuit("adder", 4, carry_out=False), 0.7, 25),
    (Circuit("adder", 6), 0.75, 30),
    (Circuit("adder", 7, carry_in=True, carry_out=False), 0.05, 12),
    (Circuit("adder", 9), 1.3, 15),
)
"""What is annealed: circuit, share of the delay in smallest cells, steps."""


def install() -> None:
    """Make every array of joint annealing a strict one."""
    strict.install()
    walkers.adder_state = lambda design: strict.strict(mapping.adder_state(design))


def anneal(library_file: Path) -> Iterator[str]:
    """Anneal the cases with every kind of change; give the figures."""
    library = load_library(library_file)
    for circuit, share, steps in CASES:
        starts = [Design.of(structure(name, circuit.leaves), circuit) for name in ("sklansky",)]
        constraint = Constraint("BUFT", 20.0)
        target_ps = 1e6
        for _ in range(2):
            found = walkers.JointWalkers(library, constraint, target_ps, circuit, count=2)
            found.begin(starts)
            target_ps = share * found.best().delay_ps
        found.walk(steps, 0.05, 0.01, (0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.3), (7, 8))
        found.clean(every=True)
        best = found.best()
        yield f"{circuit.name} {best.delay_ps:.6f} {best.area_um2:.6f} {best.design.digest}"
        yield f"{circuit.name} {found.counts}"


if __name__ == "__main__":
    configure()  # what is logged goes to standard error
    install()
    lines = [*anneal(Path(sys.argv[1])), str(strict.checked)]
    sys.stdout.write("\n".join(lines) + "\n")
