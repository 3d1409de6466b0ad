"""The known designs that come with edarl: a read-only store, packed beside this module.

It holds adders of 4 to 64 bits, 96 and 128: for each width the designs that are on a front of some
library, and for the library that comes with edarl also the confirmed netlists with their proofs,
and what the regular structures reach there. It is unpacked into the edarl home folder when it is
first used, under the name of its content, and checked each time it is opened. How it was made:
``benchmarks/known_designs.py``.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import sqlite3
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import select

from edarl.config import home
from edarl.errors import StoreError
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.graph import PrefixGraph
from edarl.store import schema
from edarl.store.connection import translated
from edarl.store.earlier import known_circuits
from edarl.store.exchange import export_store
from edarl.store.records import finite
from edarl.store.store import Store

__all__ = [
    "REGULAR_METHOD",
    "known_designs",
    "known_store",
    "pack_known",
    "regular_points",
    "shortened",
]

REGULAR_METHOD = "structures"
"""The method of runs that hold figures of the regular structures."""

_SHIPPED = Path(__file__).with_name("shipped")
_PACKED, _MANIFEST = "adders.db.xz", "adders.json"
_LARGEST = 256 * 1024 * 1024
_REPAIR = "install edarl again"


def known_store(folder: Path | None = None) -> Store:
    """Open the store of known designs, read-only; the caller closes it.

    Args:
        folder: Where the packed store and its manifest are; None takes what comes with edarl.

    Raises:
        StoreError: A file is missing or damaged, or it cannot be unpacked into edarl's home.
    """
    folder = folder or _SHIPPED
    manifest = _read_manifest(folder / _MANIFEST)
    digest, size = manifest["sha256"], manifest["bytes"]
    path = home() / "cache" / "known" / f"{digest[:32]}.db"
    if not _is_whole(path, digest, size):
        _unpack(folder / _PACKED, path, digest, size)
    return Store.open(path, read_only=True)


def known_designs(store: Store, circuit: Circuit, count: int) -> list[Design]:
    """Give known designs of an adder, from fast to small.

    An adder that the store does not have gets the graphs of one that it has: with as many leaves,
    or of the next wider one without the top bits.

    Args:
        store: A store of known designs.
        circuit: The circuit; of other kinds than adders none are known.
        count: Most designs to give, >= 0.
    """
    if circuit.kind != "adder":
        return []
    having = [
        other for other in known_circuits(store, circuit.kind) if other.leaves >= circuit.leaves
    ]
    nearest = min(
        having,
        key=lambda other: (other != circuit, other.leaves, other.carry_in != circuit.carry_in),
        default=None,
    )
    if nearest is None:
        return []
    bits = (1 << circuit.leaves) - 1
    given = (
        Design(shortened(design.graph, circuit.leaves), circuit, design.or_bits & bits)
        for design in store.starts(nearest, count)
    )
    return list(dict.fromkeys(given))


def regular_points(
    store: Store, circuit: Circuit, library_digest: str, constraint: Constraint
) -> list[Point]:
    """Give what the regular structures reach in a library, as far as a store holds it."""
    known = schema.evaluations.c
    query = (
        select(known.target_ps, known.delay_ps, known.area_um2, known.flow)
        .join_from(schema.evaluations, schema.designs)
        .join(schema.runs)
        .where(
            schema.designs.c.kind == circuit.kind,
            schema.designs.c.width == circuit.width,
            schema.designs.c.carry_in == int(circuit.carry_in),
            schema.designs.c.carry_out == int(bool(circuit.carry_out)),
            schema.runs.c.method == REGULAR_METHOD,
            known.library == library_digest,
            known.driver == constraint.driver_cell,
            known.load_ff == float(constraint.load_ff),
            known.wire_load == constraint.wire_load,
            known.failure.is_(None),
        )
        .order_by(known.delay_ps, known.area_um2)
    )
    with store.snapshot() as connection:
        rows = connection.execute(query).all()
    return [
        Point(target, finite(delay, "delay_ps"), finite(area, "area_um2"), flow)
        for target, delay, area, flow in rows
    ]


def shortened(graph: PrefixGraph, width: int) -> PrefixGraph:
    """Give a graph without its top bits; it stays legal, as lower parents lie below.

    Args:
        graph: The graph.
        width: Inputs to keep, 2 to its width.

    Raises:
        IllegalGraphError: The width is out of range.
    """
    if width == graph.width:
        return graph
    return PrefixGraph.from_nodes(width, [node for node in graph.nodes() if node.msb < width])


def pack_known(store: Store, folder: Path) -> dict[str, Any]:
    """Write everything in a store as the packed store of known designs; give the manifest.

    Netlists are stored uncompressed before all is compressed at once: they resemble each other.

    Args:
        store: What to ship.
        folder: Gets the packed store and the manifest, in place of those that are there.

    Raises:
        StoreError: The store is damaged, or the files cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="edarl-known-") as scratch:
        plain = Path(scratch) / "known.db"
        rows = export_store(store, plain, only_proven=False)
        with translated(plain, "write"), closing(sqlite3.connect(plain)) as raw:
            blobs = raw.execute("SELECT sha256, verilog FROM netlists").fetchall()
            raw.executemany(
                "UPDATE netlists SET verilog = ? WHERE sha256 = ?",
                [(zlib.compress(zlib.decompress(blob), 0), name) for name, blob in blobs],
            )
            raw.commit()
            raw.execute("VACUUM")
        data = plain.read_bytes()
    packed = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    manifest: dict[str, Any] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "packed_bytes": len(packed),
        "rows": {name: number for name, number in rows.items() if number},
    }
    with translated(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _PACKED).write_bytes(packed)
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _read_manifest(path: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads(path.read_text())
        sound = (
            isinstance(manifest["bytes"], int)
            and 0 < manifest["bytes"] <= _LARGEST
            and len(bytes.fromhex(manifest["sha256"])) == 32
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"the manifest {path} of the known designs should be readable JSON with `sha256` and "
            f"`bytes`, actual: {error!r}; {_REPAIR}"
        ) from error
    if not sound:
        raise StoreError(
            f"the manifest {path} of the known designs should hold a sha256 and a size, actual: "
            f"{manifest['sha256']!r:.80}, {manifest['bytes']!r:.20}; {_REPAIR}"
        )
    checked: Mapping[str, Any] = manifest
    return checked


def _is_whole(path: Path, digest: str, size: int) -> bool:
    """Say whether the unpacked store is there and is exactly what it should be."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _unpack(packed: Path, path: Path, digest: str, size: int) -> None:
    """Unpack the store under a temporary name, check it, and rename it."""
    try:
        data = lzma.LZMADecompressor().decompress(packed.read_bytes(), size + 1)
        sound = hashlib.sha256(data).hexdigest() == digest
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise StoreError(
            f"cannot read the known designs in {packed}: {error}; {_REPAIR}"
        ) from error
    if not sound:
        raise StoreError(
            f"the known designs in {packed} should unpack to {size} bytes with sha256 "
            f"{digest[:16]}..., actual: {len(data)} bytes with another one; {_REPAIR}"
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with translated(path, "unpack"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            part.chmod(0o444)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
