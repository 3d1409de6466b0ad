"""Bytes that are ready to be handed out, and a memory of those that were used last."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Ready", "Recent"]

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Ready:
    """Bytes to hand out.

    Attributes:
        name: The name of the file, or the design's id.
        data: The bytes.
        media_type: Their media type.
        etag: Their strong ETag, in quotes: the sha256 of the bytes.
    """

    name: str
    data: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, data: bytes, media_type: str) -> Ready:
        """Take bytes and name them by their digest."""
        return cls(name, data, media_type, f'"{hashlib.sha256(data).hexdigest()}"')

    @property
    def sha256(self) -> str:
        """Digest of the bytes."""
        return self.etag.strip('"')


class Recent(Generic[Key]):
    """What was used last, up to a number of entries and of bytes; for several threads.

    Args:
        entries: Most entries.
        size: Most bytes of all together.
    """

    def __init__(self, *, entries: int, size: int) -> None:
        self._entries, self._size = entries, size
        self._held = 0
        self._known: OrderedDict[Key, Ready] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Ready | None:
        """Give what is there under a key, if it is."""
        with self._lock:
            ready = self._known.get(key)
            if ready is not None:
                self._known.move_to_end(key)
            return ready

    def put(self, key: Key, ready: Ready) -> None:
        """Keep something under a key, and drop what was not used for longest."""
        with self._lock:
            before = self._known.pop(key, None)
            self._held += len(ready.data) - (len(before.data) if before else 0)
            self._known[key] = ready
            while len(self._known) > self._entries or self._held > self._size:
                _, dropped = self._known.popitem(last=False)
                self._held -= len(dropped.data)
