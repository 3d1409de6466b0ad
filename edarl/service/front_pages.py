"""Pages of fronts as bytes: kept as long as the store says that nothing has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from edarl.service.fronts import FrontQuery, front_csv, front_document
from edarl.service.shelf import Ready

if TYPE_CHECKING:
    from edarl.service.context import Service

__all__ = ["FrontFormat", "FrontPages"]

FrontFormat = Literal["json", "csv"]

_Entry = tuple[tuple[int, str], Ready, str | None]
"""What a page depends on, the page, and the cursor of the next one."""

_MOST, _MOST_BYTES = 512, 8 * 1024 * 1024
_MEDIA_TYPES: dict[FrontFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
}


class FrontPages:
    """The pages that were asked for last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[
            tuple[FrontQuery, FrontFormat], tuple[tuple[int, str], Ready, str | None]
        ]
        self._kept = OrderedDict()
        self._bytes = 0

    def kept(
        self, service: Service, query: FrontQuery, form: FrontFormat
    ) -> tuple[Ready, str | None] | None:
        """Give a page that was made before, if the database says that its content is what it was.

        Takes one short query of the database.

        Raises:
            StoreError: The store cannot be read.
            LibraryError: The library is not registered any more.
        """
        with self._lock:
            known = self._kept.get((query, form))
            if known is not None:
                self._kept.move_to_end((query, form))
        if known is None or known[0] != _state(service, query):
            return None
        return known[1], known[2]

    def page(
        self, service: Service, query: FrontQuery, form: FrontFormat
    ) -> tuple[Ready, str | None]:
        """Give a page as bytes, and the cursor of the next one.

        Errors as of `edarl.service.fronts.front_document`.
        """
        state = _state(service, query)  # before the rest, so that it is never too new
        document = front_document(service, query)
        text = document.model_dump_json() if form == "json" else front_csv(document)
        ready = Ready.of("front", text.encode(), _MEDIA_TYPES[form])
        # What is being measured comes without a new version of the store.
        if "yosys" not in document.baselines.notes:
            self._keep((query, form), (state, ready, document.next))
        return ready, document.next

    def _keep(self, key: tuple[FrontQuery, FrontFormat], entry: _Entry) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += len(entry[1].data) - (len(before[1].data) if before else 0)
            self._kept[key] = entry
            while len(self._kept) > _MOST or self._bytes > _MOST_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped[1].data)


def _state(service: Service, query: FrontQuery) -> tuple[int, str]:
    """Give what a page depends on: asked of the database, as workers store designs there."""
    return service.store.version(), service.libraries.entry(query.library).digest
