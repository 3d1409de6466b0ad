"""The files of a served design: made once, kept for good, checked whenever they are read."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select

from edarl.errors import StoreError
from edarl.store import schema
from edarl.store.connection import add_missing
from edarl.store.opening import OpenStore
from edarl.store.records import from_json, now, to_json

__all__ = ["Artifact", "get_artifact", "list_artifacts", "put_artifact"]

_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a design, without its content.

    Attributes:
        evaluation: The key of the result that it belongs to.
        name: Its name among the files of that result.
        media_type: What it is, such as ``text/x-verilog``.
        sha256: Digest of its bytes.
        size: Their number.
        proof: What was proven of exactly these bytes, or None.
        created: When it was stored, UTC, ISO 8601.
    """

    evaluation: str
    name: str
    media_type: str
    sha256: str
    size: int
    proof: Mapping[str, Any] | None  # a proof is JSON values
    created: str


def put_artifact(
    store: OpenStore,
    evaluation_key: str,
    name: str,
    content: str | bytes,
    media_type: str,
    proof: Mapping[str, Any] | None = None,  # a proof is JSON values
) -> Artifact:
    """Store a file of a design; storing it again changes nothing.

    Args:
        store: Open for writing. The design may be one of another store.
        evaluation_key: The key of the result that the file belongs to.
        name: Its name among the files of that result.
        content: Its text, or its bytes; 64 MiB at most.
        media_type: What it is.
        proof: What was proven of exactly these bytes.

    Returns:
        The file as it is stored.

    Raises:
        StoreError: There is another content under this name, it is too large, or the store cannot
            be written.
    """
    data = content.encode() if isinstance(content, str) else content
    if len(data) > _LARGEST:
        raise StoreError(f"a file should have {_LARGEST} bytes at most, actual: {len(data)}")
    row = {
        "evaluation": evaluation_key,
        "name": name,
        "media_type": media_type,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "content": zlib.compress(data, 6),
        "proof": None if proof is None else to_json(proof, "proof"),
        "created": now(),
    }
    known = schema.artifacts
    with store.transaction() as connection:
        if add_missing(connection, known, [row]):
            return _artifact(row)
        query = select(known).where(known.c.evaluation == evaluation_key, known.c.name == name)
        there = connection.execute(query).mappings().one()
    if there["sha256"] != row["sha256"]:
        raise StoreError(
            f"the file {name!r} of {evaluation_key} should have the sha256 {there['sha256']} that "
            f"it was stored with, actual: {row['sha256']}; give another name"
        )
    return _artifact(there)


def get_artifact(store: OpenStore, evaluation_key: str, name: str) -> tuple[Artifact, bytes] | None:
    """Give a file of a design and its bytes, or None when it is not stored.

    Raises:
        StoreError: It is damaged.
    """
    if store.schema_version < 2:
        return None
    known = schema.artifacts
    query = select(known).where(known.c.evaluation == evaluation_key, known.c.name == name)
    with store.snapshot() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(row["content"], _LARGEST)
    except zlib.error:
        data = b""
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise StoreError(
            f"the file {name!r} of {evaluation_key} in the store {store.place} is damaged; restore "
            "a copy"
        )
    return _artifact(row), data


def list_artifacts(store: OpenStore, evaluation_key: str) -> list[Artifact]:
    """Give the files of a design that are stored, by name."""
    if store.schema_version < 2:
        return []
    known = schema.artifacts
    columns = [column for column in known.c if column.name != "content"]
    query = select(*columns).where(known.c.evaluation == evaluation_key).order_by(known.c.name)
    with store.snapshot() as connection:
        return [_artifact(row) for row in connection.execute(query).mappings()]


def _artifact(row: Mapping[str, Any] | RowMapping) -> Artifact:  # a row holds any SQL type
    proof = row["proof"]
    return Artifact(
        evaluation=row["evaluation"],
        name=row["name"],
        media_type=row["media_type"],
        sha256=row["sha256"],
        size=row["size"],
        proof=None if proof is None else from_json(proof, "a proof of a file"),
        created=row["created"],
    )
