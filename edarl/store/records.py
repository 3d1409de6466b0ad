"""What goes into the store and comes out of it, and the checks in both directions.

A database file may come from anywhere, so nothing in it is trusted: designs are rebuilt through
their own readers and compared with their digests, figures have to be positive numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from edarl.errors import EdarlError, StoreError
from edarl.metrics import Constraint, Point, Tier
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph

__all__ = [
    "AgentRecord",
    "FrontPoint",
    "LibraryRef",
    "RunRecord",
    "RunStatus",
    "design_from_row",
    "design_row",
    "evaluation_key",
    "evaluation_row",
    "finite",
    "from_json",
    "non_dominated",
    "now",
    "pack",
    "to_json",
    "unpack",
]

RunStatus = Literal["running", "finished", "interrupted", "failed"]
"""How a run stands."""

_LARGEST_NETLIST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LibraryRef:
    """A cell library as the store knows it: its name for people, its digest for comparisons."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One search or training run.

    Attributes:
        id: Its name in the store.
        method: What searched, such as ``anneal`` or ``structures``.
        config: The settings, as JSON values.
        seed: The seed that everything random was derived from.
        status: How it stands.
        started: When it began, UTC, ISO 8601.
        ended: When it ended, or None.
        calls: Evaluation calls made.
        cache_hits: Points answered from a cache.
        machine: What it ran on.
        versions: Versions of edarl and the tools, by name.
    """

    id: str
    method: str
    config: Mapping[str, Any]  # settings are JSON values
    seed: int
    status: RunStatus
    started: str
    ended: str | None
    calls: int
    cache_hits: int
    machine: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A confirmed and proven design that no other one beats in both area and delay.

    Attributes:
        area_um2: Cell area of the emitted netlist in square micrometres.
        delay_ps: Its delay in picoseconds under the constraint of the query.
        flow: The flow that produced the netlist.
        target_ps: The delay that the flow aimed at, in picoseconds.
        design: The design.
        netlist_sha256: Digest of the netlist's bytes; `Store.netlist` gives them.
        sta_delay_ps: OpenSTA's delay of the same netlist, None where it was not installed.
        method: What found it, or None when it was stored outside a run.
        run: The run's id, or None.
        seed: The run's seed, or None.
    """

    area_um2: float
    delay_ps: float
    flow: str
    target_ps: float
    design: Design
    netlist_sha256: str
    sta_delay_ps: float | None
    method: str | None
    run: str | None
    seed: int | None

    @property
    def p_mode(self) -> str:
        """``xor``, ``or``, or ``mixed:<hex>``."""
        return self.design.p_mode


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """A trained agent on disk.

    Attributes:
        id: Its name in the store.
        name: Its name for people.
        path: Where its folder is.
        sha256: Digest of its weights.
        manifest: What it was trained on and how, as JSON values.
        created: When it was stored, UTC, ISO 8601.
    """

    id: str
    name: str
    path: str
    sha256: str
    manifest: Mapping[str, Any]  # a manifest is JSON values
    created: str


def now() -> str:
    """Give the time as it is stored: UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def to_json(value: Mapping[str, Any], what: str) -> str:  # any JSON value
    """Give JSON text with sorted keys.

    Raises:
        StoreError: The value is not JSON.
    """
    try:
        return json.dumps(dict(value), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"`{what}` should consist of JSON values, actual: {error}") from error


def from_json(text: object, what: str) -> dict[str, Any]:  # any JSON value
    """Read a JSON object from a stored text.

    Raises:
        StoreError: It is damaged.
    """
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise StoreError(f"the store holds {what} that is not a JSON object; restore a copy of it")
    return value


def design_row(design: Design) -> dict[str, object]:
    """Give a design as a row of the designs table."""
    circuit, graph = design.circuit, design.graph
    return {
        "digest": design.digest,
        "graph": graph.text,
        "kind": circuit.kind,
        "width": circuit.width,
        "carry_in": int(circuit.carry_in),
        "carry_out": int(bool(circuit.carry_out)),
        "or_bits": f"{design.or_bits:x}",
        "nodes": graph.size,
        "depth": graph.depth,
        "max_fanout": graph.max_fanout,
    }


def design_from_row(row: Mapping[Any, Any]) -> Design:  # a row holds any SQL type
    """Build the design of a row of the designs table.

    Raises:
        StoreError: The row does not describe a legal design, or not the one it is named after.
    """
    try:
        circuit = Circuit(row["kind"], row["width"], bool(row["carry_in"]), bool(row["carry_out"]))
        design = Design(PrefixGraph.from_text(row["graph"]), circuit, int(row["or_bits"], 16))
    except (EdarlError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise StoreError(
            f"the store holds an unusable design {row.get('digest')!r}: {error}; restore a copy"
        ) from error
    if design.digest != row["digest"]:
        raise StoreError(
            f"the store holds a design under the name {row['digest']!r} whose own name is "
            f"{design.digest}; it is damaged: restore a copy"
        )
    return design


def evaluation_row(
    design: str,
    library: str,
    constraint: Constraint,
    *,
    point: Point | None,
    tier: Tier,
    netlist: str | None = None,
    run: str | None = None,
    failure: str | None = None,
) -> dict[str, object]:
    """Give a result as a row of the evaluations table, named after everything that defines it.

    Raises:
        StoreError: A figure is not a positive number.
    """
    flow, target_ps = (point.flow, float(point.target_ps)) if point else ("", 0.0)
    if point is not None:
        finite(point.delay_ps, "delay_ps")
        finite(point.area_um2, "area_um2")
    row: dict[str, object] = {
        "design": design,
        "library": library,
        "driver": constraint.driver_cell,
        "load_ff": float(constraint.load_ff),
        "wire_load": constraint.wire_load,
        "flow": flow,
        "target_ps": target_ps,
        "delay_ps": float(point.delay_ps) if point else None,
        "area_um2": float(point.area_um2) if point else None,
        "tier": tier,
        "netlist": netlist,
        "sta_delay_ps": None,
        "proven": 0,
        "proof": None,
        "run": run,
        "failure": failure,
        "created": now(),
    }
    return {"key": evaluation_key(row), **row}


def evaluation_key(row: Mapping[str, Any]) -> str:  # a row holds any SQL type
    """Give the name of a result: a digest of everything that makes it this result."""
    parts = ("design", "library", "driver", "load_ff", "wire_load", "flow", "target_ps", "tier")
    named = json.dumps([*(row[part] for part in parts), row["netlist"], row["failure"] is not None])
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def finite(value: object, what: str) -> float:
    """Give a positive finite number.

    Raises:
        StoreError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise StoreError(f"`{what}` should be a positive number, actual value: {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise StoreError(f"`{what}` should be a positive number, actual value: {value!r}")
    return float(value)


def non_dominated(points: Iterable[FrontPoint]) -> list[FrontPoint]:
    """Give the points that no other one beats in both area and delay, by rising delay.

    Of equal points the first one given stays.
    """
    front: list[FrontPoint] = []
    for point in sorted(points, key=lambda point: (point.delay_ps, point.area_um2)):
        if not front or point.area_um2 < front[-1].area_um2:
            front.append(point)
    return front


def pack(text: str) -> tuple[str, bytes]:
    """Give the sha256 of a netlist's bytes, and the bytes compressed."""
    data = text.encode()
    return hashlib.sha256(data).hexdigest(), zlib.compress(data, 6)


def unpack(sha256: str, packed: object) -> str:
    """Give back a netlist.

    Raises:
        StoreError: It is not the one with this digest.
    """
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(packed if isinstance(packed, bytes) else b"", _LARGEST_NETLIST)
        if hashlib.sha256(data).hexdigest() == sha256:
            return data.decode()
    except (zlib.error, UnicodeDecodeError):
        pass
    raise StoreError(f"the store's netlist {sha256} is damaged; confirm its design again")
