"""How fast the service answers under load from another process, and what it needs idle.

    PYTHONPATH=. python benchmarks/service/load.py --json docs/results/service.json
    PYTHONPATH=. python benchmarks/service/load.py --parts get front --quick

Each part starts a service of its own with an empty database; what it serves are the designs that
come with edarl. GETs are asked by ``wrk`` (Debian: ``apt-get install wrk``), POSTs by `_loader`.
The load of the machine before each part is written down: on a machine that is busy otherwise,
figures are lower bounds.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _server import (
    Running,
    cpu_load,
    cpu_s,
    family_cpu_s,
    fetch_json,
    folder_of_service,
    memory_mb,
    start_worker,
    started,
)
from common import arguments, print_table, write_json

__all__ = ["PARTS", "main", "post_load", "wrk"]

CONNECTIONS = 32
DESIGN = {"circuit": "adder", "width": 32, "max_delay_ps": 1100.0, "effort": "lookup"}
"""A design that comes with edarl, for the default library."""

MANY_JOBS = {"EDARL_MAX_QUEUED_JOBS": "10000000"}
"""Without keys 1000 jobs may wait; the load is about what more would cost."""

BARS = {
    "design GET, requests/s": (">=", 3000.0),
    "design GET, p99 ms": ("<", 50.0),
    "front GET, requests/s": (">=", 800.0),
    "job POST, requests/s": (">=", 200.0),
    "job POST, p99 ms": ("<", 300.0),
    "design GET during two trainings, p99 ms": ("<", 250.0),
    "idle memory, MB": ("<=", 250.0),
    "lookup 16 bit, p95 s": ("<", 2.0),
    "lookup 64 bit, p95 s": ("<", 5.0),
}
"""What the service should reach on two cores."""


ANEW = """
local number = 0
request = function()
  number = number + 1
  local width, limit = 16 + number % 49, 14 + number % 13
  return wrk.format("GET", "/v1/fronts?width=" .. width .. "&limit=" .. limit)
end
"""
"""For wrk: 637 pages of about 20 designs in turn, more than are kept, so that each is made anew."""


def wrk(
    running: Running, path: str, *, seconds: float, script: str | None = None
) -> dict[str, Any]:
    """Ask for one address as often as possible; give requests per second and latencies in ms.

    ``per_cpu_s`` is requests per second of processor time that the API took: unlike the rate, it
    says the same on a machine that has other things to do.

    Raises:
        RuntimeError: An answer was no success.
    """
    url = f"{running.url}{path}"
    options = []
    if script is not None:
        file = running.home / "requests.lua"
        file.write_text(script)
        options = ["--script", str(file)]
    before = cpu_s(running.process.pid)
    said = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{max(1, round(seconds))}s", "--timeout", "10s", "--latency"),
            *(*options, url),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used_s = cpu_s(running.process.pid) - before
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", said)
    if wrong:
        raise RuntimeError(f"{url}: {wrong[1]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    assert rate is not None, said
    assert count is not None, said
    figures: dict[str, Any] = {
        "per_s": float(rate[1]),
        "per_cpu_s": round(int(count[1]) / max(used_s, 0.01)),
    }
    for share in ("50", "99"):
        match = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)\b", said)
        assert match is not None, said
        scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}[match[2]]
        figures[f"p{share}_ms"] = round(float(match[1]) * scale, 2)
    return figures


def post_load(
    running: Running,
    body: Mapping[str, Any],
    *,
    seconds: float,
    path: str = "/v1/designs",
    prefix: str = "load",
    connections: int = CONNECTIONS,
) -> dict[str, Any]:
    """Send POSTs from another process, each for a job of its own; see `_loader` and `wrk`."""
    before = cpu_s(running.process.pid)
    said = subprocess.run(
        [
            *(sys.executable, str(Path(__file__).with_name("_loader.py"))),
            *("--port", str(running.port), "--connections", str(connections)),
            *("--seconds", str(seconds), "--path", path, "--prefix", prefix),
            *("--body", json.dumps(body), "--acknowledged"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    figures: dict[str, Any] = json.loads(said)
    used_s = cpu_s(running.process.pid) - before
    figures["per_cpu_s"] = round(figures["requests"] / max(used_s, 0.01))
    return figures


def design_get(seconds: float) -> dict[str, Any]:
    """Ask for one design again and again: bytes that the service keeps in memory."""
    with folder_of_service() as home, started(home) as running:
        path = f"/v1/designs/{known_design(running)}"
        wrk(running, path, seconds=1)
        runs = [wrk(running, path, seconds=seconds) for _ in range(3)]
        bare = [wrk(running, "/healthz", seconds=max(1, seconds / 3))]
    best = median_run(runs)
    return {
        "design GET, requests/s": best["per_s"],
        "design GET, p99 ms": best["p99_ms"],
        "design GET, requests per CPU second": best["per_cpu_s"],
        "runs": runs,
        "healthz, for comparison": bare,
    }


def front_get(seconds: float) -> dict[str, Any]:
    """Ask for the first page of a front, and for ever other pages of 49 fronts.

    The service keeps pages that were asked for and asks the database each time whether they still
    hold; of the others it keeps none, and each is made of rows.
    """
    with folder_of_service() as home, started(home) as running:
        path = "/v1/fronts?circuit=adder&width=32&limit=20"
        wrk(running, path, seconds=1)
        runs = [wrk(running, path, seconds=seconds) for _ in range(3)]
        status, page = fetch_json(f"{running.url}{path}")
        anew = median_run([wrk(running, "/", seconds=seconds, script=ANEW) for _ in range(3)])
    assert status == 200
    best = median_run(runs)
    return {
        "front GET, requests/s": best["per_s"],
        "front GET, p99 ms": best["p99_ms"],
        "front GET, requests per CPU second": best["per_cpu_s"],
        "front GET made anew, requests/s": anew["per_s"],
        "front GET made anew, p99 ms": anew["p99_ms"],
        "front GET made anew, requests per CPU second": anew["per_cpu_s"],
        "points on the page": len(page["items"]),
        "runs": runs,
    }


def job_post(seconds: float) -> dict[str, Any]:
    """Submit jobs; each is on disk when it is acknowledged."""
    body = {"circuit": "adder", "width": 200, "effort": "thorough"}
    with folder_of_service() as home, started(home, settings=MANY_JOBS) as running:
        post_load(running, body, seconds=1, prefix="warm")
        runs = []
        for number in range(3):
            figures = post_load(running, body, seconds=seconds, prefix=f"run{number}")
            acknowledged = figures.pop("acknowledged")
            assert len(set(acknowledged.values())) == len(acknowledged) > 0
            assert set(figures["statuses"]) == {"202"}, figures["statuses"]
            runs.append(figures)
        after = memory_mb(running.process.pid)
    best = median_run(runs)
    return {
        "job POST, requests/s": best["per_s"],
        "job POST, p99 ms": best["p99_ms"],
        "job POST, requests per CPU second": best["per_cpu_s"],
        "memory after it, MB": round(after, 1),
        "runs": runs,
    }


def during_trainings(seconds: float) -> dict[str, Any]:
    """Ask for a design while a worker trains two agents."""
    with folder_of_service() as home, started(home) as running:
        path = f"/v1/designs/{known_design(running)}"
        alone = wrk(running, path, seconds=seconds)
        start_worker(running, "--slots", "2")
        jobs = [train(running, seed) for seed in (1, 2)]
        wait_for(running, jobs, lambda job: bool((job["progress"] or {}).get("done")))
        runs = [wrk(running, path, seconds=seconds) for _ in range(3)]
        trained = [fetch_json(f"{running.url}/v1/jobs/{job}")[1] for job in jobs]
        began = time.monotonic()
        for job in jobs:
            fetch_json(f"{running.url}/v1/jobs/{job}/cancel", {})
        wait_for(running, jobs, lambda job: job["status"] == "cancelled")
        cancelled_s = time.monotonic() - began
    assert [job["status"] for job in trained] == ["running", "running"]
    best = median_run(runs)
    return {
        "design GET during two trainings, requests/s": best["per_s"],
        "design GET during two trainings, p99 ms": best["p99_ms"],
        "share of the rate alone": round(best["per_s"] / alone["per_s"], 2),
        "both cancelled after, s": round(cancelled_s, 1),
        "progress of the trainings": [job["progress"] for job in trained],
        "runs": [alone, *runs],
    }


def idle_memory(_: float) -> dict[str, Any]:
    """Look at the API's memory when it has just begun, and after it has answered of each kind."""
    with folder_of_service() as home, started(home) as running:
        time.sleep(2)
        begun = memory_mb(running.process.pid)
        design = known_design(running)
        for path in (
            *(f"/v1/designs/{design}", "/v1/fronts?circuit=adder&width=32", "/v1/libraries"),
            *("/v1/circuits", "/v1/agents", "/v1/jobs", "/openapi.json", "/readyz"),
        ):
            fetch_json(f"{running.url}{path}")
        time.sleep(1)
        asked = memory_mb(running.process.pid)
    return {"idle memory, MB": round(begun, 1), "memory after each route, MB": round(asked, 1)}


def lookups(seconds: float) -> dict[str, Any]:
    """Ask for designs on a library that no evaluation is known for, from a warm worker."""
    count = 20 if seconds > 3 else 4
    figures: dict[str, Any] = {"library": "nangate45", "lookups of each width": count}
    with folder_of_service() as home, started(home) as running:
        worker = start_worker(running)
        _, known = fetch_json(f"{running.url}/v1/libraries")
        names = [library["name"] for library in known["libraries"]]
        if "nangate45" not in names:
            return {"left out": f"nangate45 is not installed; there are {', '.join(names)}"}
        for width, delays_ps in ((16, (240.0, 320.0)), (64, (420.0, 560.0))):
            took = []
            for number in range(count + 2):
                body = {
                    "circuit": "adder",
                    "width": width,
                    "library": "nangate45",
                    "effort": "lookup",
                    "max_delay_ps": delays_ps[number % 2],
                    "load_ff": 5.0 + 0.01 * number + width / 1000,  # no constraint comes twice
                }
                if number == 2:  # the first two warm the worker
                    before = family_cpu_s(worker.pid)
                took.append(answered_s(running, body))
            used_s = (family_cpu_s(worker.pid) - before) / count
            figures[f"first lookup {width} bit, s"] = round(took[0], 2)
            took = sorted(took[2:])
            p95 = took[min(len(took) - 1, round(0.95 * (len(took) - 1)))]
            figures[f"lookup {width} bit, p95 s"] = round(p95, 2)
            figures[f"lookup {width} bit, median s"] = round(statistics.median(took), 2)
            figures[f"lookup {width} bit, CPU s of the worker"] = round(used_s, 2)
    return figures


def answered_s(running: Running, body: Mapping[str, Any]) -> float:
    """Ask for a design and give how long it took until it was there."""
    began = time.monotonic()
    status, document = fetch_json(f"{running.url}/v1/designs", body)
    if status == 202:
        address = f"{running.url}/v1/jobs/{document['job']['id']}"
        while True:
            job = fetch_json(address)[1]
            if job["status"] in ("done", "not_met"):
                break
            if job["status"] in ("failed", "cancelled"):
                raise RuntimeError(f"a lookup failed: {job['error']}")
            time.sleep(0.02)
        design = job["links"]["design"]
        status, document = fetch_json(f"{running.url}{design}")
    assert status == 200, document
    return time.monotonic() - began


def known_design(running: Running) -> str:
    """Give the id of a design that comes with edarl."""
    status, answer = fetch_json(f"{running.url}/v1/designs", DESIGN)
    if status != 200:
        raise RuntimeError(f"a known design should be there, actual answer: {answer}")
    return str(answer["design"]["id"])


def train(running: Running, seed: int) -> str:
    """Begin a training that goes on for longer than the measurement."""
    config = {
        "method": "agent",
        "width": 16,
        "flow": "sized-quick",
        "budget_calls": 1_000_000,
        "seed": seed,
        "library": "default",
    }
    status, answer = fetch_json(f"{running.url}/v1/training-jobs", {"config": config})
    assert status == 202, answer
    return str(answer["job"]["id"])


def wait_for(
    running: Running, jobs: list[str], fulfilled: Callable[[dict[str, Any]], bool]
) -> None:
    """Wait until every job fulfils a condition.

    Raises:
        RuntimeError: One failed, or it takes too long.
    """
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        found = [fetch_json(f"{running.url}/v1/jobs/{job}")[1] for job in jobs]
        if all(fulfilled(job) for job in found):
            return
        if any(job["status"] == "failed" for job in found):
            raise RuntimeError(f"a job failed: {[job['error'] for job in found]}")
        time.sleep(0.2)
    raise RuntimeError(f"this takes too long: {found}")


def median_run(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the run whose rate is the median."""
    return sorted(runs, key=lambda run: float(run["per_s"]))[len(runs) // 2]


PARTS: Mapping[str, Callable[[float], dict[str, Any]]] = {
    "get": design_get,
    "front": front_get,
    "post": job_post,
    "trainings": during_trainings,
    "memory": idle_memory,
    "lookup": lookups,
}
"""What is measured."""


def main() -> int:
    """Measure, compare with the bars, write the figures."""
    parser = arguments((__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed; on Debian: apt-get install wrk")
    found: dict[str, Any] = {}
    for name in given.parts:
        before = round(cpu_load(), 1)
        found[name] = {"load before": before, **PARTS[name](1.0 if given.quick else 10.0)}
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    rows = [
        (label, figure, f"{sign} {bar:g}", "yes" if meets(figure, sign, bar) else "NO")
        for figures in found.values()
        for label, figure in figures.items()
        if label in BARS
        for sign, bar in [BARS[label]]
    ]
    print_table(("figure", "measured", "bar", "met"), rows)
    write_json(given.json, found)
    return 0


def meets(figure: float, sign: str, bar: float) -> bool:
    """Whether a figure reaches its bar."""
    return {">=": figure >= bar, "<": figure < bar, "<=": figure <= bar}[sign]


if __name__ == "__main__":
    sys.exit(main())
