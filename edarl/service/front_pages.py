"""Pages of fronts as bytes: kept as long as the store says that nothing has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from edarl.service.fronts import FrontQuery, front_csv, front_document
from edarl.service.ready import Ready

if TYPE_CHECKING:
    from edarl.service.context import Service

__all__ = ["FrontFormat", "FrontPages"]

FrontFormat = Literal["json", "csv"]

_State = tuple[int, str, int]
_Entry = tuple[_State, Ready, str | None]
"""What a page depends on, the page, and the cursor of the next one."""

_Raw = tuple[bytes, bytes]
"""Query string and Accept header."""

_LONGEST_RAW = 500
_MOST, _MOST_BYTES = 512, 8 * 1024 * 1024
_MOST_QUICK = 256
_MEDIA_TYPES: dict[FrontFormat, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
}


class FrontPages:
    """The pages that were asked for last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[FrontQuery, FrontFormat], _Entry]
        self._kept = OrderedDict()
        self._bytes = 0
        self._quick: set[FrontQuery] = set()
        self._asked: OrderedDict[_Raw, tuple[FrontQuery, FrontFormat, str | None, str]]
        self._asked = OrderedDict()

    def remember(
        self, raw: _Raw, query: FrontQuery, form: FrontFormat, following: str | None, link: str
    ) -> None:
        """Note what a request meant, so that `again` need not read it once more.

        Args:
            raw: The query string and the Accept header as they came.
            query: Which part of which front that is.
            form: How it is to be written.
            following: The cursor of the page after it.
            link: The Link header that goes with that; empty for none.
        """
        if len(raw[0]) + len(raw[1]) > _LONGEST_RAW:
            return
        with self._lock:
            self._asked[raw] = (query, form, following, link)
            self._asked.move_to_end(raw)
            while len(self._asked) > _MOST:
                self._asked.popitem(last=False)

    def again(self, service: Service, raw: _Raw) -> tuple[Ready, str] | None:
        """Give the page of a request that came before, with its Link header, if it is kept.

        Errors as of `kept`.
        """
        asked = self._asked.get(raw)
        if asked is None:
            return None
        query, form, following, link = asked
        found = self.kept(service, query, form)
        return (found[0], link) if found is not None and found[1] == following else None

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

    def is_quick(self, query: FrontQuery) -> bool:
        """Say whether a page is a short read now: another one of its front was made already."""
        return _front_of(query) in self._quick

    def page(
        self, service: Service, query: FrontQuery, form: FrontFormat
    ) -> tuple[Ready, str | None]:
        """Give a page as bytes, and the cursor of the next one.

        Errors as of `edarl.service.fronts.front_document`.
        """
        stamp = service.yosys.stamp  # before the rest, so that it is never too new
        document = front_document(service, query)
        state = document.store_version, document.library.digest, stamp
        text = document.model_dump_json() if form == "json" else front_csv(document)
        ready = Ready.of("front", text.encode(), _MEDIA_TYPES[form])
        self._keep((query, form), (state, ready, document.next))
        with self._lock:
            if len(self._quick) >= _MOST_QUICK:
                self._quick.clear()
            self._quick.add(_front_of(query))
        return ready, document.next

    def _keep(self, key: tuple[FrontQuery, FrontFormat], entry: _Entry) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += len(entry[1].data) - (len(before[1].data) if before else 0)
            self._kept[key] = entry
            while len(self._kept) > _MOST or self._bytes > _MOST_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped[1].data)


def _front_of(query: FrontQuery) -> FrontQuery:
    return replace(query, limit=1, cursor=None)


def _state(service: Service, query: FrontQuery) -> _State:
    """Give what a page depends on: asked of the database, as workers store designs there."""
    digest = service.libraries.entry(query.library).digest
    return service.store.version(), digest, service.yosys.stamp
