"""Arrays kept in a file that can be trusted: an ordinary ``.npz`` with a format and a checksum.

The checksum stands in the archive's comment and covers everything else, so that a damaged file is
noticed before anything in it is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_arrays", "write_arrays"]


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray[Any, Any]], *, format_name: str
) -> None:
    """Write arrays under a temporary name, then rename the file.

    Args:
        path: The file; its directory is made.
        arrays: Arrays of numbers or text by name; Any: of any shape and type.
        format_name: What the arrays are, with a version: only files of the same name are read.

    Raises:
        OSError: The file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    # A zip file ends with the length of its comment, here 0, and the comment.
    body = buffer.getvalue()[:-2]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(body + _end(format_name, body))
            file.close()
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def read_arrays(path: Path, *, format_name: str) -> dict[str, np.ndarray[Any, Any]] | None:
    """Read what `write_arrays` wrote; None when there is no such file, or it is not intact."""
    raw = b""
    with contextlib.suppress(OSError):
        raw = path.read_bytes()
    body = raw[: -len(_end(format_name, b""))]
    if not body or raw[len(body) :] != _end(format_name, body):
        return None
    with np.load(io.BytesIO(raw), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def _end(format_name: str, body: bytes) -> bytes:
    """Give the length of the comment and the comment."""
    comment = f"{format_name} {hashlib.sha256(body).hexdigest()}".encode()
    return struct.pack("<H", len(comment)) + comment
