"""What is left after the API was killed under load, and after its disk was full.

    PYTHONPATH=. python benchmarks/service/faults.py --json docs/results/service_faults.json
    PYTHONPATH=. python benchmarks/service/faults.py --parts kill --kills 10

``kill``: the API is killed with SIGKILL again and again while another process submits jobs, each
with an idempotency key that it repeats until it has an answer. Afterwards every acknowledged job
has to be there, and no key may have two. ``disk``: the database is on a file system of its own,
which is filled while jobs are submitted. Workers and Ray: `faults_workers.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _server import (
    Running,
    cpu_load,
    fetch_json,
    folder_of_service,
    free_port,
    start,
    started,
)
from common import arguments, print_table, write_json

from edarl.store import Store
from edarl.store.jobs import JobQueue

__all__ = ["MOUNT_REFUSED", "full_disk", "kill_api", "main"]

JOB = {"circuit": "adder", "width": 200, "effort": "thorough"}
"""A job that no store has the answer to; nobody does it, since there is no worker."""

MANY_JOBS = {"EDARL_MAX_QUEUED_JOBS": "10000000"}
CONNECTIONS = 16
DISK_MB = 8
MOUNT_REFUSED = 99
"""Exit code where this machine lets nobody mount a file system of their own."""

_SPARE_KB = 24


def kill_api(kills: int, *, up_s: tuple[float, float] = (0.1, 0.6)) -> dict[str, Any]:
    """Kill the API again and again under load, then look at what the database holds.

    Args:
        kills: How often.
        up_s: For how long it may answer each time, in seconds, drawn from this range.

    Raises:
        AssertionError: An acknowledged job is lost, or a key has two.
    """
    chance = random.Random(1)
    port, began = free_port(), time.monotonic()
    with folder_of_service() as home:
        running = start(home, port=port, settings=MANY_JOBS)
        loader = subprocess.Popen(
            [
                *(sys.executable, str(Path(__file__).with_name("_loader.py"))),
                *("--port", str(port), "--connections", str(CONNECTIONS), "--patient"),
                *("--seconds", str(3600 if kills > 20 else 600), "--path", "/v1/designs"),
                *("--prefix", "kill", "--body", json.dumps(JOB), "--acknowledged"),
                *("--until", str(home / "enough")),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            for _ in range(kills):
                time.sleep(chance.uniform(*up_s))
                running.kill()
                running = start(home, port=port, settings=MANY_JOBS)
            (home / "enough").touch()
            said, _ = loader.communicate(timeout=120)
        finally:
            loader.kill()
            running.end()
        figures = json.loads(said)
        acknowledged: dict[str, str] = figures.pop("acknowledged")
        with Store.open(home / "edarl.db") as store:
            queue = JobQueue(store)
            stored = sum(queue.counts().values())
            lost = [job for job in acknowledged.values() if not _is_there(queue, job)]
            wrong = store.check()
    assert not lost, f"{len(lost)} acknowledged jobs are lost: {lost[:3]}"
    assert len(set(acknowledged.values())) == len(acknowledged), "two keys have one job"
    assert stored == len(acknowledged), f"{stored} jobs for {len(acknowledged)} keys"
    assert not wrong, wrong
    assert figures["statuses"].get("lost", 0) > 0, "no request was under way when it was killed"
    return {
        "kills": kills,
        "keys acknowledged": len(acknowledged),
        "jobs in the database": stored,
        "acknowledged and lost": 0,
        "connections lost, each asked again": figures["statuses"]["lost"],
        "answers": figures["statuses"],
        "seconds": round(time.monotonic() - began, 1),
    }


def _is_there(queue: JobQueue, job: str) -> bool:
    from edarl.errors import UnknownJobError

    try:
        return queue.get(job).status == "queued"
    except UnknownJobError:
        return False


def full_disk() -> dict[str, Any]:
    """Fill the database's file system while jobs are submitted, then make room again.

    Raises:
        AssertionError: Something was lost, the error is not clear, or it does not recover.
    """
    with ExitStack() as stack:
        home = stack.enter_context(folder_of_service())
        disk = stack.enter_context(small_disk(home / "disk"))
        settings = {**MANY_JOBS, "EDARL_DATABASE": str(disk / "edarl.db")}
        running = stack.enter_context(started(home, settings=settings))
        before = [submit(running, number) for number in range(50)]
        assert all(status == 202 for status, _ in before), before[0]
        fill(disk)
        refused: list[tuple[int, dict[str, Any]]] = []
        accepted: list[tuple[int, dict[str, Any]]] = []
        for number in range(50, 2000):
            answer = submit(running, number)
            (accepted if answer[0] == 202 else refused).append(answer)
            if len(refused) >= 20:
                break
        reads = [fetch_json(f"{running.url}/v1/jobs/{_job(before[0])}")[0] for _ in range(20)]
        design = fetch_json(
            f"{running.url}/v1/designs", {"width": 32, "effort": "lookup", "max_delay_ps": 1100}
        )[0]
        (disk / "ballast").unlink()
        recovered = [submit(running, number) for number in range(3000, 3020)]
        kept = [
            fetch_json(f"{running.url}/v1/jobs/{_job(answer)}")[0]
            for answer in (*before, *accepted, *recovered)
        ]
        jobs = [_job(answer) for answer in (*before, *accepted, *recovered)]
        statuses = {status for status, _ in refused}
        problem = refused[0][1] if refused else {}
        running.end()
        with Store.open(disk / "edarl.db") as store:
            wrong = store.check()
            stored = sum(JobQueue(store).counts().values())
    assert refused, "the disk never was full"
    assert statuses <= {500, 503, 507}, statuses
    assert problem["detail"], problem
    assert set(reads) == {200}, reads
    assert design == 200, design
    assert {status for status, _ in recovered} == {202}, recovered[0]
    assert set(kept) == {200}, kept
    assert stored == len(set(jobs)), (stored, len(set(jobs)))
    assert not wrong, wrong
    return {
        "jobs before": len(before),
        "accepted while there was some room": len(accepted),
        "refused": len(refused),
        "status of the refusals": sorted(statuses),
        "what they said": problem["detail"],
        "reads while it was full": "all answered",
        "jobs after room was made": len(recovered),
        "jobs lost": 0,
    }


def submit(running: Running, number: int) -> tuple[int, dict[str, Any]]:
    """Submit a job of its own."""
    return fetch_json(
        f"{running.url}/v1/designs",
        {**JOB, "seed": number},
        {"Idempotency-Key": f"disk-{number}"},
    )


def _job(answer: tuple[int, dict[str, Any]]) -> str:
    return str(answer[1]["job"]["id"])


def fill(disk: Path) -> None:
    """Leave a few KB of a file system."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        with suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        ballast.truncate(max(0, ballast.tell() - _SPARE_KB * 1024))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system; this process has to be in a mount namespace of its own.

    Raises:
        SystemExit: This machine does not allow that.
    """
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        print(f"no file system can be mounted here: {mounted.stderr}", file=sys.stderr)
        sys.exit(MOUNT_REFUSED)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def in_own_namespace(name: str) -> dict[str, Any]:
    """Run a part where it may mount, without rights that this process does not have."""
    ran = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount"),
            *(sys.executable, __file__, "--inside", name),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        sys.exit(ran.returncode)
    figures: dict[str, Any] = json.loads(ran.stdout)
    return figures


def main() -> int:
    """Provoke the faults, look at what is left, write it down."""
    parser = arguments((__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=("kill", "disk"), default=["kill", "disk"])
    parser.add_argument("--kills", type=int, help="how often the API is killed; 100, or 3 quick")
    parser.add_argument("--inside", choices=("disk",), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(full_disk()))
        return 0
    kills = given.kills or (3 if given.quick else 100)
    parts: Mapping[str, Callable[[], dict[str, Any]]] = {
        "kill": lambda: kill_api(kills),
        "disk": lambda: in_own_namespace("disk"),
    }
    found = {}
    for name in given.parts:
        found[name] = {"load before": round(cpu_load(), 1), **parts[name]()}
        print_table(("", name), [(label, str(value)) for label, value in found[name].items()])
    write_json(given.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
