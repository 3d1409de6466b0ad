"""Anneal jointly at larger widths with every index checked; run with ``NUMBA_BOUNDSCHECK=1``.

Usage: ``python -m tests.synthesis.timing.bounds_joint LIBERTY``; prints what was found.
"""

import sys
from pathlib import Path

from edarl.log import configure
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.walkers import JointWalkers


def main(library_file: Path) -> None:
    """Anneal tight and loose targets at several widths."""
    library = load_library(library_file)
    constraint = library.constraint("BUFT", 20.0)
    for width, steps in ((2, 20), (3, 60), (8, 200), (33, 60), (70, 25)):
        circuit = Circuit("adder", width, carry_in=bool(width % 2), carry_out=width != 8)
        starts = [
            Design.of(structure(name, circuit.leaves), circuit, "or")
            for name in ("ripple", "sklansky", "kogge_stone")
        ]
        for target_ps in (1.0, 25.0 * width.bit_length() + 40.0, 1e5):
            found = JointWalkers(library, constraint, target_ps, circuit, count=3)
            found.begin(starts)
            found.walk(steps, 0.1, 0.01, (0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.3), (1, 2, 3))
            found.restore(found.state())
            found.clean(every=True)
            best = found.best()
            sys.stdout.write(f"{circuit.name} {best.delay_ps:.6f} {best.area_um2:.6f}\n")


if __name__ == "__main__":
    configure()  # what is logged goes to standard error
    main(Path(sys.argv[1]))
