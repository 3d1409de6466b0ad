"""How fast the store and its queue are: what one call costs, in processor time and in all.

    PYTHONPATH=. python benchmarks/service/store_speed.py --json FILE.json
    PYTHONPATH=. python benchmarks/service/store_speed.py --url "postgresql://edarl@/name?host=/run"

The store is a copy of the known designs in a new file, or what the URL names: a database that is
empty, or of this script's. Processor time is that of the asking process alone; it says the same on
a busy machine, the other one is what a caller waits, disk included.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import arguments, print_table, write_json

from edarl.metrics import Constraint
from edarl.prefix.circuits import Circuit
from edarl.store import JobQueue, Store, Submission, import_store
from edarl.store.keys import charge, create_key, find_key
from edarl.store.known import known_store
from edarl.store.lookup import searched_effort, served_design, served_front, smallest_meeting

__all__ = ["main", "measured"]

ADDER = Circuit("adder", 32)
BATCH = 32


def measured(store: Store, repeats: int) -> list[tuple[str, float, float]]:
    """Give what each call costs: its name, processor time and time in all, in milliseconds."""
    queue = JobQueue(store)
    with store.snapshot() as connection:
        query = "SELECT library, driver, load_ff FROM evaluations WHERE tier = 'confirmed'"
        library, driver, load_ff = connection.exec_driver_sql(query).first() or ("", "", 0.0)
    asked = (ADDER, library, Constraint(driver, load_ff))
    front, _ = served_front(store, *asked)
    number = itertools.count()
    key, secret = create_key(store, "speed", ["design"])

    def submissions(count: int, *, owned: bool) -> list[Submission]:
        named = [next(number) for _ in range(count)]
        if not owned:
            return [Submission("design", {"n": each}) for each in named]
        return [
            Submission(
                "design",
                {"n": each},
                owner=key.id,
                idempotency_key=f"{key.id} {each}",
                work=1.0,
                work_per_hour=1e12,
                max_active=10**9,
            )
            for each in named
        ]

    queue.submit_many(submissions(repeats * 2 + BATCH, owned=False))
    taken = queue.claim("speed", kinds=["design"], lease_s=600.0)
    assert taken is not None
    lease = taken
    calls: list[tuple[str, int, Callable[[], object]]] = [
        ("version of the content", 1, store.version),
        ("a served design", 1, lambda: served_design(store, front[0].id)),
        ("smallest that meets a delay", 1, lambda: smallest_meeting(store, *asked, 1000.0)),
        ("how hard it was searched", 1, lambda: searched_effort(store, *asked, max_delay_ps=1e3)),
        (f"a front of {len(front)} designs", 1, lambda: served_front(store, *asked)),
        ("the same, rebuilt and checked", 1, lambda: store.front(*asked)),
        ("a key by its secret", 1, lambda: find_key(store, secret)),
        ("charge a key", 1, lambda: charge(store, key.id, 1.0)),
        ("submit a job", 1, lambda: queue.submit_many(submissions(1, owned=False))),
        (f"submit {BATCH} jobs, each", BATCH, lambda: queue.submit_many(plain())),
        (f"submit {BATCH} with key and quota, each", BATCH, lambda: queue.submit_many(owned())),
        ("a job", 1, lambda: queue.get(lease.job.id)),
        ("counts of jobs", 1, queue.counts),
        ("a page of 50 jobs", 1, queue.list),
        ("heartbeat", 1, lambda: queue.heartbeat(lease, lease_s=600.0, progress={"done": 1})),
        ("event", 1, lambda: queue.event(lease, "log", {"message": "hello"})),
        ("look for work, none", 1, lambda: queue.claim("idle", kinds=["layout"], lease_s=600.0)),
        ("claim a job", 1, lambda: queue.claim("speed", kinds=["design"], lease_s=600.0)),
    ]

    def plain() -> list[Submission]:
        return submissions(BATCH, owned=False)

    def owned() -> list[Submission]:
        return submissions(BATCH, owned=True)

    rows = []
    for name, share, call in calls:
        call()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(repeats):
            call()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        rows.append((name, 1e3 * cpu / repeats / share, 1e3 * wall / repeats / share))
    return rows


def main() -> None:
    """Measure, print, and write the figures."""
    parser = arguments(main.__doc__ or "")
    parser.add_argument("--url", help="measure a store on a server instead of a file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edarl-speed-") as folder, known_store() as known:
        target = options.url or str(Path(folder) / "edarl.db")
        if not options.url:
            shutil.copyfile(known.path, target)
        with Store.open(target) as store:
            import_store(store, known)
            rows = measured(store, 20 if options.quick else 300)
            place = "file" if store.is_local else "server"
    print_table(
        ["call", "processor ms", "all ms"],
        [(name, f"{cpu:.3f}", f"{wall:.3f}") for name, cpu, wall in rows],
    )
    figures = {name: {"cpu_ms": cpu, "wall_ms": wall} for name, cpu, wall in rows}
    write_json(options.json, {"store": place, "calls": figures})


if __name__ == "__main__":
    main()
