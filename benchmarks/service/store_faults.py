"""What the queue is left with when those who work on it are killed, and when the disk is full.

    PYTHONPATH=. python benchmarks/service/store_faults.py --kills 50
    PYTHONPATH=. python benchmarks/service/store_faults.py --url "postgresql://edarl@/name?host=/run"

``kill``: four processes take jobs, report and end them; again and again one is killed with SIGKILL
and another begins. In the end every job has to have ended, exactly once, by the last one who held
it. ``full``: a process whose files may not grow any more keeps submitting; what was acknowledged
has to be there, the error has to say what to do, and it has to go on when there is room (a file
only; for a server, give its disk a small file system of its own).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import arguments, print_table, write_json

from edarl.store import JobQueue, Store, Submission
from edarl.store.jobs import FINAL, MAX_LOSSES

__all__ = ["fill_disk", "kill_claimers", "main"]

WORKERS = 4
LEASE_S = 1.0

_CLAIMER = textwrap.dedent(
    """
    import random, sys, time
    from edarl.errors import LeaseLostError
    from edarl.store import JobQueue, Store
    queue, name, lease_s = JobQueue(Store.open(sys.argv[1])), sys.argv[2], float(sys.argv[3])
    print("ready", flush=True)
    while True:
        lease = queue.claim(name, kinds=["design"], lease_s=lease_s)
        if lease is None:
            time.sleep(0.02)
            continue
        try:
            queue.heartbeat(lease, lease_s=lease_s, progress={"by": name})
            time.sleep(random.uniform(0.0, 0.05))
            queue.event(lease, "step", {"by": name})
            queue.finish(lease, "done", result={"by": name, "attempt": lease.attempt})
        except LeaseLostError:
            pass
    """
)

_FILLER = textwrap.dedent(
    """
    import json, os, resource, sys
    from edarl.errors import StoreError
    from edarl.store import JobQueue, Store, Submission
    store = Store.open(sys.argv[1])
    queue = JobQueue(store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, resource.RLIM_INFINITY))
    acknowledged, said = 0, ""
    try:
        while True:
            many = [{"n": acknowledged + n, "pad": "x" * 2000} for n in range(10)]
            queue.submit_many([Submission("design", each) for each in many])
            acknowledged += 10
    except StoreError as error:
        said = str(error)
    there = queue.counts()["queued"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    queue.submit("design", {"n": "later"})
    sound = store.check() == [] and queue.counts()["queued"] == acknowledged + 1
    print(json.dumps({"acknowledged": acknowledged, "there": there, "error": said, "sound": sound}))
    """
)


def kill_claimers(target: str, jobs: int, kills: int) -> dict[str, Any]:
    """Kill workers while they work, and count how the jobs ended."""
    chance = random.Random(0)
    started = 0

    def begin() -> subprocess.Popen[str]:
        nonlocal started
        started += 1
        command = [sys.executable, "-c", _CLAIMER, target, f"worker {started}", str(LEASE_S)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    with Store.open(target) as store:
        queue = JobQueue(store)
        made = [
            outcome[0].id
            for outcome in queue.submit_many([Submission("design", {"n": n}) for n in range(jobs)])
            if isinstance(outcome, tuple)
        ]
        workers = [begin() for _ in range(WORKERS)]
        try:
            for _ in range(kills):
                time.sleep(chance.uniform(0.0, 0.2))
                victim = chance.randrange(WORKERS)
                os.kill(workers[victim].pid, signal.SIGKILL)
                workers[victim].wait()
                workers[victim] = begin()
                if not queue.counts()["queued"]:
                    extra = [Submission("design", {"n": [started, n]}) for n in range(jobs // 4)]
                    made += [each[0].id for each in queue.submit_many(extra) if type(each) is tuple]
            deadline = time.monotonic() + 120
            while queue.counts()["queued"] + queue.counts()["running"]:
                assert time.monotonic() < deadline, queue.counts()
                time.sleep(0.1)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        ends, wrong, attempts = 0, 0, 0
        for job in made:
            record = queue.get(job)
            said = [event.data for event in queue.events(job) if event.type == "status"]
            finals = [data for data in said if data["status"] in FINAL]
            ends += len(finals)
            attempts += record.attempt
            good = record.result is not None and record.result["attempt"] == record.attempt
            lost = record.status == "failed" and record.attempt == MAX_LOSSES
            wrong += len(finals) != 1 or not (good or lost)
        problems = store.check()
    return {
        "jobs": len(made),
        "kills": kills,
        "ends": ends,
        "attempts": attempts,
        "wrong": wrong,
        "problems": problems,
    }


def fill_disk(target: str) -> dict[str, Any]:
    """Fill what a file may grow to, and say what was left and said."""
    done = subprocess.run(
        [sys.executable, "-c", _FILLER, target], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run both, print, and write what was found; exit code 1 when something was lost."""
    parser = arguments(main.__doc__ or "")
    parser.add_argument("--url", help="an empty database on a server instead of a file")
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    kills = 5 if options.quick else options.kills
    with tempfile.TemporaryDirectory(prefix="edarl-faults-") as folder:
        target = options.url or str(Path(folder) / "edarl.db")
        killed = kill_claimers(target, 40 if options.quick else 400, kills)
        full = {} if options.url else fill_disk(str(Path(folder) / "full.db"))
    print_table(["kill", "figure"], list(killed.items()))
    if full:
        print_table(["full disk", "figure"], list(full.items()))
    write_json(options.json, {"kill": killed, "full": full})
    lost = full.get("acknowledged") != full.get("there") or not full.get("sound", True)
    if killed["wrong"] or killed["problems"] or killed["ends"] != killed["jobs"] or lost:
        sys.exit("something was lost, or ended twice")


if __name__ == "__main__":
    main()
