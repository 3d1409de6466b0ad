"""How long a lookup takes in a setting that the store knows nothing of, with a warm worker.

    PYTHONPATH=. python benchmarks/service/lookups.py --json docs/results/FILE.json

Every request names another load of the outputs and another delay, so nothing is known of its
setting: the known graphs are sized anew, the best is emitted and proven. One request at a time goes
through the queue to a worker in processes of its own; from submission to end is what counts.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import arguments, print_table, write_json
from faults_workers import Ground, ground, wait_for

from edarl.prefix.circuits import Circuit
from edarl.synthesis.library import load_library
from edarl.synthesis.timing.sizer import sizer_for

__all__ = ["main", "measure"]

BARS_S = {16: 2.0, 64: 5.0}
"""The 95th percentile that a lookup should stay under, in seconds, by width."""


def measure(here: Ground, width: int, count: int, seed: int = 1) -> dict[str, Any]:
    """Time lookups of one width.

    Args:
        here: With a worker that is warm.
        width: In bits.
        count: How many.
        seed: Draws loads and delays.
    """
    chance = random.Random(seed)
    library = load_library("default")
    # The delays that are asked for lie between the fastest and the smallest known graphs.
    fastest, slowest = _ends(width)
    times = []
    for _ in range(count):
        request = {
            "width": width,
            "effort": "lookup",
            "load_ff": round(library.constraint().load_ff * chance.uniform(0.3, 3.0), 4),
            "max_delay_ps": round(fastest + (slowest - fastest) * chance.random() ** 2, 1),
        }
        began = time.monotonic()
        job = here.queue.submit("design", request)[0].id
        while not here.queue.get(job).is_final:
            time.sleep(0.005)
        times.append(time.monotonic() - began)
        record = here.queue.get(job)
        assert record.status in ("done", "not_met"), record.error
        assert record.result is not None
        assert record.result["proven"], record.result
    times.sort()
    return {
        "lookups": count,
        "median [s]": times[count // 2],
        "p95 [s]": times[min(count - 1, -(-95 * count // 100) - 1)],
        "longest [s]": times[-1],
        "bar [s]": BARS_S.get(width),
    }


def _ends(width: int) -> tuple[float, float]:
    """Give delays in picoseconds between which designs of a width can be had."""
    from edarl.runs.answering import regular_origins

    library = load_library("default")
    sizer = sizer_for(library, library.constraint(), "quick")
    designs = tuple(regular_origins(Circuit("adder", width)))
    curves = [sizer.curve(design, (1.0, 1e6)) for design in designs]
    delays = [sized.delay_ps for curve in curves for sized in curve]
    return min(delays), max(delays) / 2


def main() -> None:
    """Measure both widths."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--count", type=int, default=None, help="lookups per width, 40")
    options = parser.parse_args()
    count = options.count or (3 if options.quick else 40)
    figures: dict[str, Any] = {}
    with ground() as here:
        first = here.queue.submit("design", {"width": 4, "effort": "lookup"})[0].id
        here.start()
        wait_for(lambda: here.queue.get(first).is_final, "the worker is warm")
        for width in BARS_S:
            figures[f"{width} bits"] = measure(here, width, count)
        here.stop()
    load = Path("/proc/loadavg").read_text().split()[0]
    figures["load of the machine"] = {"last minute": float(load)}
    rows = [(part, name, value) for part, each in figures.items() for name, value in each.items()]
    print_table(("part", "figure", "value"), rows)
    write_json(options.json, figures)


if __name__ == "__main__":
    main()
