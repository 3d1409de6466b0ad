"""A made-up public library for tests, in several files, with what a server has to answer."""

import gzip
import hashlib
import re

from edarl.synthesis.fetch import PublicFile, PublicLibrary
from edarl.synthesis.timing.warm import made_up_liberty

__all__ = ["COMMIT", "CONTENTS", "MADE_UP", "PATHS"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def in_parts(liberty: str, parts: int) -> list[bytes]:
    """Spread a library's cells over several files, each with the whole header; one is zipped."""
    head, *cells = re.split(r"^(?=cell \()", liberty.rstrip().removesuffix("}"), flags=re.MULTILINE)
    texts = [(head + "".join(cells[part::parts]) + "}\n").encode() for part in range(parts)]
    return [*texts[:-1], gzip.compress(texts[-1], mtime=0)]


CONTENTS = in_parts(made_up_liberty(), 3)
MADE_UP = PublicLibrary(
    "made-up",
    "no process",
    "none",
    "Somebody/Cells",
    COMMIT,
    tuple(
        PublicFile(f"lib/made_up_{number}.lib", hashlib.sha256(data).hexdigest())
        for number, data in enumerate(CONTENTS)
    ),
)
PATHS = [f"/Somebody/Cells/{COMMIT}/lib/made_up_{number}.lib" for number in range(3)]
