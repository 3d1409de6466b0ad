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

_MOST, _MOST_BYTES = 512, 8 * 1024 * 1024
_MEDIA_TYPES: dict[FrontFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
}


class FrontPages:
    """The pages that were asked for last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[FrontQuery, FrontFormat], tuple[object, Ready, str | None]]
        self._kept = OrderedDict()
        self._bytes = 0

    def page(
        self, service: Service, query: FrontQuery, form: FrontFormat
    ) -> tuple[Ready, str | None]:
        """Give a page as bytes, and the cursor of the next one.

        A page that was made before is given again only when the database says that its content is
        what it was then.

        Errors as of `edarl.service.fronts.front_document`.
        """
        # Asked of the database, as a worker in another process may have stored a design.
        state = (service.store.version(), service.libraries.entry(query.library).digest)
        with self._lock:
            known = self._kept.get((query, form))
            if known is not None and known[0] == state:
                self._kept.move_to_end((query, form))
                return known[1], known[2]
        document = front_document(service, query)
        text = document.model_dump_json() if form == "json" else front_csv(document)
        ready = Ready.of("front", text.encode(), _MEDIA_TYPES[form])
        # What is being measured comes without a new version of the store.
        if "yosys" not in document.baselines.notes:
            self._keep((query, form), (state, ready, document.next))
        return ready, document.next

    def _keep(
        self, key: tuple[FrontQuery, FrontFormat], entry: tuple[object, Ready, str | None]
    ) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += len(entry[1].data) - (len(before[1].data) if before else 0)
            self._kept[key] = entry
            while len(self._kept) > _MOST or self._bytes > _MOST_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped[1].data)
