"""Does the API do what its OpenAPI document says, whatever it is sent?

    PYTHONPATH=. python benchmarks/service/fuzz.py --json docs/results/service_fuzz.json
    PYTHONPATH=. python benchmarks/service/fuzz.py --quick

schemathesis makes requests for every operation from the document, valid and broken ones, and with
ids that earlier answers gave. No answer may have a status of 500 or more, one that is not
documented, another media type or another shape; broken requests may not be accepted. All is done
twice: without keys, and with keys. Left out are two checks: that every request that fits the schema
is accepted (a circuit kind without a carry-in, or a driver cell that a library lacks, cannot be
said in a schema), and that what was deleted is gone (DELETE cancels a job, whose record stays). No
worker runs; a job is cancelled before its events are asked for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _fuzz_hooks import KEY_VARIABLE
from _server import Running, folder_of_service, memory_mb, started
from common import arguments, print_table, write_json

from edarl.store import Store
from edarl.store.keys import create_key
from edarl.store.workers import see_worker

__all__ = ["fuzz", "main"]

SEED = 20260
LEAST_CASES = 5000
PHASES = "examples,coverage,fuzzing,stateful"
QUICK_PHASES = "examples,fuzzing"
MOST_MB = 250.0
LEFT_OUT = ("positive_data_acceptance", "use_after_free")

# A worker is said to live, so that /readyz has nothing to complain about.
SETTINGS = {"EDARL_WORKER_FRESH_S": "1e9"}


def fuzz(*, keys: bool, examples: int, phases: str, seed: int) -> dict[str, Any]:
    """Run schemathesis against a service of its own.

    Args:
        keys: Whether the service asks for keys, and the requests carry one.
        examples: Most generated requests per operation and phase.
        phases: The phases of schemathesis.
        seed: Its seed.
    """
    with folder_of_service() as home:
        secret = ""
        with Store.open(home / "edarl.db") as store:
            see_worker(store, "none", slots=1, kinds=["design"])
            if keys:
                _, secret = create_key(store, "fuzz", ["admin"])
        required = {"EDARL_KEYS_REQUIRED": "true"} if keys else {}
        with started(home, settings={**SETTINGS, **required}) as running:
            idle_mb = memory_mb(running.process.pid)
            began_s = time.monotonic()
            report, said = _schemathesis(
                running,
                secret,
                ["--phases", phases, "-n", str(examples), "--seed", str(seed)],
            )
            figures = {
                "keys": keys,
                "operations": report["operations"]["tested"],
                "cases": report["test_cases"]["generated"],
                "failures": [
                    {"title": each["title"], "operations": each["operations"]}
                    for each in report["failures"]
                ],
                "errors": len(report["errors"]),
                "idle MB": round(idle_mb, 1),
                "MB afterwards": round(memory_mb(running.process.pid), 1),
                "elapsed s": round(time.monotonic() - began_s, 1),
                "alive": running.process.poll() is None,
            }
        logged = running.log.read_text()
    figures["tracebacks"] = logged.count("Traceback")
    if figures["failures"] or figures["errors"] or figures["tracebacks"]:
        print(said[-20_000:], logged[-5_000:], sep="\n")
    return figures


def _schemathesis(running: Running, secret: str, options: list[str]) -> tuple[dict[str, Any], str]:
    """Give its report and what it printed."""
    if secret:
        options = [*options, "--header", f"Authorization: Bearer {secret}"]
    with tempfile.TemporaryDirectory(prefix="edarl-fuzz-") as folder:
        file = Path(folder) / "report.json"
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"{running.url}/openapi.json",
                *("--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)),
                *("--continue-on-failure", "--no-color"),
                *("--request-timeout", "60", "--max-response-time", "60"),
                *("--report", "json", "--report-json-path", str(file)),
                *options,
            ],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(
                    (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
                ),
                "SCHEMATHESIS_HOOKS": "_fuzz_hooks",
                KEY_VARIABLE: secret,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if not file.exists():
            raise RuntimeError(f"schemathesis wrote no report:\n{ran.stdout}\n{ran.stderr}")
        report: dict[str, Any] = json.loads(file.read_text())
    return report, re.sub(r"\n{3,}", "\n\n", ran.stdout + ran.stderr)


def main() -> int:
    """Fuzz with and without keys, print what was found, and fail if it was anything."""
    parser = arguments((__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, help="generated requests per operation and phase")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    examples = given.examples or (3 if given.quick else 60)
    phases = QUICK_PHASES if given.quick else PHASES
    runs = [
        fuzz(keys=keys, examples=examples, phases=phases, seed=given.seed) for keys in (False, True)
    ]
    cases = sum(run["cases"] for run in runs)
    print_table(
        ("keys", "operations", "cases", "failures", "idle MB", "MB afterwards", "s"),
        [
            (
                "on" if run["keys"] else "off",
                run["operations"],
                run["cases"],
                len(run["failures"]) + run["errors"] + run["tracebacks"],
                run["idle MB"],
                run["MB afterwards"],
                run["elapsed s"],
            )
            for run in runs
        ],
    )
    print(f"{cases} cases in all")
    write_json(given.json, {"seed": given.seed, "cases": cases, "runs": runs})
    sound = all(
        not (run["failures"] or run["errors"] or run["tracebacks"])
        and run["alive"]
        and run["MB afterwards"] < MOST_MB
        for run in runs
    )
    return 0 if sound and (given.quick or cases >= LEAST_CASES) else 1


if __name__ == "__main__":
    sys.exit(main())
