"""What `fronts.py` keeps on disk: finished jobs, and the figures of confirmed netlists."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

from _settings import Setting

from edarl.metrics import Constraint
from edarl.synthesis.abc import AbcSession
from edarl.synthesis.confirm import time_verilog
from edarl.synthesis.opensta import OpenSta
from edarl.synthesis.prove import prove_many

__all__ = ["confirm", "finished", "joint_netlists", "kept"]

_CHUNK = 60
"""So many netlists are proven and timed by one process of each tool."""


class _Job(Protocol):
    def run(self) -> dict[str, Any]:
        """Give plain data."""


def finished(job: _Job, folder: Path) -> bool:
    """Say whether a job's result is kept."""
    return _path(job, folder).exists()


def kept(job: _Job, folder: Path) -> dict[str, Any]:
    """Run a job, or give what was kept of it."""
    path = _path(job, folder)
    if not path.exists():
        _write(path, job.run())
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def confirm(setting: Setting, netlists: list[dict[str, Any]], folder: Path) -> None:
    """Prove every netlist and time its bytes; adds the figures to each.

    Raises:
        SystemExit: A netlist is not the adder.
    """
    library, constraint = setting.load()
    path = folder / f"confirmed-{setting.library}-{setting.width}.json"
    known: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    for entry in netlists:
        entry["sha256"] = hashlib.sha256(entry["verilog"].encode()).hexdigest()
    fresh = {e["sha256"]: e["verilog"] for e in netlists if e["sha256"] not in known}
    texts = [*fresh.values()]
    stock = None if library.wire_load is None else Constraint(
        constraint.driver_cell, constraint.load_ff, library.wire_load
    )  # fmt: skip
    with AbcSession(library, constraint) as session:
        for first in range(0, len(texts), _CHUNK):
            part = texts[first : first + _CHUNK]
            proofs = prove_many(part, setting.circuit, library=library)
            sta = _sta(library, constraint, part)
            loaded = _sta(library, stock, part)
            for text, proof, sta_ps, stock_ps in zip(part, proofs, sta, loaded, strict=True):
                if not proof.proven:
                    raise SystemExit(f"a netlist was not proven: {proof.reason}")
                point = time_verilog(text, session)
                known[proof.sha256] = {
                    "delay_ps": point.delay_ps,
                    "area_um2": point.area_um2,
                    "opensta_delay_ps": sta_ps,
                    "stock_delay_ps": stock_ps,
                }
            _write(path, known)
    for entry in netlists:
        entry.update(known[entry["sha256"]])


def joint_netlists(folder: Path, table: Path, width: int) -> list[dict[str, Any]]:
    """Give the netlists of a width that `joint.py` kept, as its table describes them.

    Raises:
        SystemExit: One of the table's netlists is not there.
    """
    texts: dict[str, str] = {}
    for path in folder.glob("*.json"):
        text = json.loads(path.read_text())["verilog"]
        texts[hashlib.sha256(text.encode()).hexdigest()] = text
    found = []
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            if int(row["width"]) != width:
                continue
            if row["sha256"] not in texts:
                raise SystemExit(
                    f"{folder} should hold the netlist {row['sha256']} of {table.name}: run "
                    f"joint.py --resume {folder} first"
                )
            free = row["graph_moves"] == "True"
            found.append(
                {
                    "source": "earlier joint" if free else "annealed sizes",
                    "seed": int(row["seed"]),
                    "graph": row["graph"],
                    "or_bits": row["or_bits"],
                    "nodes": int(row["nodes"]),
                    "depth": int(row["depth"]),
                    "detail": "joint annealing" if free else "annealed sizes",
                    "target_ps": float(row["delay_ps"]),
                    "verilog": texts[row["sha256"]],
                }
            )
    return found


def _sta(library: Any, constraint: Constraint | None, texts: list[str]) -> list[float | None]:
    if constraint is None or not OpenSta.installed():
        return [None] * len(texts)
    return [*OpenSta(library, constraint).delays(texts)]


def _path(job: _Job, folder: Path) -> Path:
    """Name a job's file by all but its starts: a search is not repeated when more is known."""
    named = job if not hasattr(job, "starts") else dataclasses.replace(job, starts=())
    name = hashlib.sha256(repr(named).encode()).hexdigest()[:24]
    return folder / f"{type(job).__name__}-{name}.json"


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(data))
    temporary.rename(path)
