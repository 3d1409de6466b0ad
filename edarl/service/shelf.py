"""Designs and their files, ready to be handed out: from memory, from the stores, or made once.

A design never changes, so the bytes of its document are kept. Files are made when they are first
asked for, by few threads whose tools run as processes of their own; one design is worked on once,
however many wait for it. What was made is kept in the service's own store and checked whenever it
is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from edarl.errors import StoreError
from edarl.metrics import Constraint, Point
from edarl.prefix.circuits import Circuit
from edarl.service.builders import Builders
from edarl.service.design_documents import (
    RegularFront,
    design_document,
    proven,
    regular_front,
)
from edarl.service.files import (
    FileEntry,
    Group,
    MadeFile,
    Source,
    archive_of,
    file_entries,
    make_group,
    report_of,
)
from edarl.service.problems import ProblemError
from edarl.service.ready import Ready, Recent
from edarl.service.schemas import DesignDocument
from edarl.store import LibraryRef, Store
from edarl.store.artifacts import get_artifact, put_artifact
from edarl.store.lookup import ServedDesign, served_design, served_front

__all__ = ["ARCHIVE", "Known", "Shelf"]

log = structlog.get_logger()

ARCHIVE = "archive:zip"
"""Stands for the zip of all files, where a file's name is asked for."""

_MOST_DOCUMENTS = 4096
_MOST_FILE_BYTES = 12 * 1024 * 1024
_MOST_WAITING = 32
_BUILDERS = 2
_ORDER: tuple[Group, ...] = ("stored", "derived", "proven", "mapped")

_MOST_FRONTS, _MOST_OF_FRONT = 256, 1000


@dataclass(frozen=True, slots=True)
class Known:
    """What the known designs have of a circuit in a library under a constraint.

    Attributes:
        front: Designs that no other one beats, by rising delay.
        regular: What the classic structures reach.
    """

    front: tuple[ServedDesign, ...]
    regular: RegularFront


class Shelf:
    """The designs of both stores with their files; safe to use from several threads.

    Args:
        store: The service's own store; what is made is kept there.
        known: The read-only store that comes with edarl.
    """

    def __init__(self, store: Store, known: Store) -> None:
        self._store = store
        self._known = known
        self._documents: Recent[str] = Recent(entries=_MOST_DOCUMENTS, size=32 * 1024 * 1024)
        self._files: Recent[tuple[str, str]] = Recent(entries=4096, size=_MOST_FILE_BYTES)
        self._lock = threading.Lock()
        self._of_known: OrderedDict[tuple[Circuit, str, Constraint], Known] = OrderedDict()
        self._builders = Builders(_BUILDERS, "edarl-files")
        self._stripes = [threading.Lock() for _ in range(16)]
        self._building: dict[tuple[str, Group], Future[dict[str, Ready]]] = {}

    def close(self) -> None:
        """Begin nothing new; what is being made is not waited for."""
        self._builders.close()

    # ---------------------------------------------------------------- documents

    def ready(self, design_id: str) -> Ready | None:
        """Give a design's document if it is in memory; never waits."""
        return self._documents.get(design_id)

    def page(self, design_id: str) -> Ready:
        """Give a design's document as bytes.

        Raises:
            ProblemError: There is no such design.
            StoreError: A store cannot be read, or the netlist's proof is none of it.
        """
        found = self._documents.get(design_id)
        if found is None:
            document = self.document(design_id)
            found = Ready.of(design_id, document.model_dump_json().encode(), "application/json")
            self._documents.put(design_id, found)
        return found

    def document(self, design_id: str) -> DesignDocument:
        """Give a design's document; errors as for `page`."""
        store, served = self._served(design_id)
        return self.describe(store, served)

    def describe(self, store: Store, served: ServedDesign) -> DesignDocument:
        """Give the document of a design that was found in a store.

        Raises:
            StoreError: The netlist's proof is none of it.
        """
        named = (served.circuit, served.library, served.constraint)
        regular = self.known_front(*named).regular
        if store is not self._known:
            # What is stored later must not change the document.
            own = regular_front(store, *named, until=served.created)
            regular = regular.with_those_of(own)
        return design_document(served, store.proof(served.netlist_sha256), regular)

    def known_front(self, circuit: Circuit, library_digest: str, constraint: Constraint) -> Known:
        """Give what the known designs have of a circuit, which never changes.

        Raises:
            StoreError: The known designs cannot be read.
        """
        named = (circuit, library_digest, constraint)
        with self._lock:
            if named in self._of_known:
                self._of_known.move_to_end(named)
                return self._of_known[named]
        front, _ = served_front(self._known, *named, limit=_MOST_OF_FRONT)
        found = Known(tuple(front), regular_front(self._known, *named))
        with self._lock:
            self._of_known[named] = found
            while len(self._of_known) > _MOST_FRONTS:
                self._of_known.popitem(last=False)
        return found

    def _served(self, design_id: str) -> tuple[Store, ServedDesign]:
        for store in (self._store, self._known):
            served = served_design(store, design_id)
            if served is not None:
                return store, served
        raise ProblemError(
            "unknown-design",
            f"no proven design has the id {design_id}; ask for one with POST /v1/designs",
        )

    # ---------------------------------------------------------------- files

    def ready_file(self, design_id: str, name: str) -> Ready | None:
        """Give a file if it is in memory; never waits."""
        return self._files.get((design_id, name))

    def file(self, design_id: str, name: str) -> Ready:
        """Give a file, made if need be, which may take seconds.

        Args:
            design_id: The design.
            name: A file's name, or `ARCHIVE`.

        Raises:
            ProblemError: There is no such design or file, or too much is being made already.
            StoreError: A store cannot be read, or what it holds is damaged.
            EquivalenceError: A file could not be proven; it is not served.
            ToolError: A tool failed.
        """
        found = self.kept(design_id, name)
        return found if isinstance(found, Ready) else found.result()

    def kept(self, design_id: str, name: str) -> Ready | Future[Ready]:
        """Give a file that is made already, or the promise of one that is being made.

        Errors as for `file`; those of making it are the promise's.
        """
        found = self._files.get((design_id, name))
        if found is not None:
            return found
        store, served = self._served(design_id)
        entries = {entry.name: entry for entry in file_entries(served.circuit)}
        group: Group
        if name == ARCHIVE:
            group = "report"
        elif name in entries:
            group = entries[name].group
        else:
            raise ProblemError(
                "not-found",
                f"design {design_id} should be asked for one of {', '.join(entries)}, "
                f"actual name: {name[:80]!r}",
            )
        stored = self._stored(served, name, entries.get(name))
        if stored is not None:
            self._files.put((design_id, name), stored)
            return stored
        if group == "stored":  # nothing has to be made, nor kept twice
            (file,) = make_group(self._source(store, served), group)
            ready = Ready.of(name, file.data, file.media_type)
            self._files.put((design_id, name), ready)
            return ready
        building = self._build(store, served, group)
        promise: Future[Ready] = Future()
        promise.set_running_or_notify_cancel()  # one who stops waiting cancels nothing
        building.add_done_callback(lambda done: _hand_over(done, name, promise))
        return promise

    def _stored(self, served: ServedDesign, name: str, entry: FileEntry | None) -> Ready | None:
        """Give a file from the own store, checked; a proven one only with its proof."""
        found = get_artifact(self._store, served.id, name)
        if found is None:
            return None
        artifact, data = found
        if entry is not None and entry.proven:
            proof = artifact.proof or {}
            if proof.get("verdict") != "proven" or proof.get("sha256") != artifact.sha256:
                log.error("a stored file has no proof of its own", design=served.id, file=name)
                return None
        shown = _archive_name(served) if name == ARCHIVE else name
        return Ready.of(shown, data, artifact.media_type)

    def _build(self, store: Store, served: ServedDesign, group: Group) -> Future[dict[str, Ready]]:
        """Have a group of files made, once for everybody who waits for it."""
        key = (served.id, group)
        with self._lock:
            running = self._building.get(key)
            if running is not None:
                return running
            if len(self._building) >= _MOST_WAITING:
                raise ProblemError(
                    "busy",
                    "files of too many designs are being made; ask again",
                    headers={"Retry-After": "10"},
                )
            try:
                future = self._builders.submit(lambda: self._made(store, served, group))
            except RuntimeError as error:
                raise _ending() from error
            self._building[key] = future
        future.add_done_callback(lambda _: self._forget(key))
        return future

    def _forget(self, key: tuple[str, Group]) -> None:
        with self._lock:
            self._building.pop(key, None)

    def _made(self, store: Store, served: ServedDesign, group: Group) -> dict[str, Ready]:
        """Make a group of files, keep them, and give them."""
        source = self._source(store, served)
        with self._stripes[int(served.id[:2], 16) % len(self._stripes)]:  # one build per design
            if group == "report":
                return self._all(source, served)
            entries = [entry for entry in file_entries(served.circuit) if entry.group == group]
            there = {entry.name: self._stored(served, entry.name, entry) for entry in entries}
            whole = {name: ready for name, ready in there.items() if ready is not None}
            if len(whole) == len(entries):  # made with all others while this waited
                return whole
            return {file.name: self._keep(served, file) for file in make_group(source, group)}

    def _all(self, source: Source, served: ServedDesign) -> dict[str, Ready]:
        """Make what is missing of all files, the report and the archive."""
        entries = file_entries(served.circuit)
        there: dict[str, MadeFile] = {}
        for group in _ORDER:
            if group == "stored":
                there |= {file.name: file for file in make_group(source, group)}
                continue
            wanted = [entry for entry in entries if entry.group == group]
            found = [self._known_file(served, entry) for entry in wanted]
            whole = [file for file in found if file is not None]
            if len(whole) < len(wanted):
                made = make_group(source, group)
                for file in made:
                    self._keep(served, file)
                # What another process kept in the meantime is what everybody gets.
                again = [self._known_file(served, entry) for entry in wanted]
                whole = [file for file in again if file is not None]
                whole = whole if len(whole) == len(wanted) else made
            there |= {file.name: file for file in whole}
        files = [there[entry.name] for entry in entries if entry.name in there]
        report = report_of(source, files)
        ready = self._keep(served, report)
        report = MadeFile(report.name, ready.data, report.media_type, None)
        packed = archive_of(source, [*files, report])
        archive = self._keep(served, MadeFile(ARCHIVE, packed, "application/zip", None))
        return {report.name: ready, ARCHIVE: archive}

    def _known_file(self, served: ServedDesign, entry: FileEntry) -> MadeFile | None:
        """Give a file of the own store with its proof, as the archive needs it."""
        found = get_artifact(self._store, served.id, entry.name)
        if found is None or (entry.proven and found[0].proof is None):
            return None
        artifact, data = found
        return MadeFile(entry.name, data, artifact.media_type, artifact.proof)

    def _keep(self, served: ServedDesign, file: MadeFile) -> Ready:
        """Store a file, and give what is stored under its name from now on."""
        ready = Ready.of(file.name, file.data, file.media_type)
        try:
            proof = None if file.proof is None else dict(file.proof)
            put_artifact(self._store, served.id, file.name, file.data, file.media_type, proof)
        except StoreError as error:  # it is right all the same
            log.warning("a file is not kept", design=served.id, file=file.name, error=str(error))
            with suppress(StoreError):
                found = get_artifact(self._store, served.id, file.name)
                if found is not None:  # another process was first, and what is kept stays
                    ready = Ready.of(file.name, found[1], file.media_type)
        if file.name == ARCHIVE:
            ready = Ready(_archive_name(served), ready.data, ready.media_type, ready.etag)
        self._files.put((served.id, file.name), ready)
        return ready

    def _source(self, store: Store, served: ServedDesign) -> Source:
        proof: Mapping[str, Any] = store.proof(served.netlist_sha256)  # JSON values
        proven(served, proof)
        (design,) = store.designs(served.design, limit=1)
        return Source(
            id=served.id,
            design=design,
            library=LibraryRef(served.library_name, served.library),
            constraint=served.constraint,
            point=Point(served.target_ps, served.delay_ps, served.area_um2, served.flow),
            sta_delay_ps=served.sta_delay_ps,
            netlist=store.netlist(served.netlist_sha256),
            proof=proof,
            found={
                "method": served.method,
                "run": served.run,
                "seed": served.seed,
                "created": served.created,
            },
        )


def _archive_name(served: ServedDesign) -> str:
    return f"{served.circuit.name}_{served.id[:8]}.zip"


def _hand_over(done: Future[dict[str, Ready]], name: str, promise: Future[Ready]) -> None:
    if done.cancelled():
        promise.set_exception(_ending())
        return
    error = done.exception()
    if error is not None:
        promise.set_exception(error)
    else:
        promise.set_result(done.result()[name])


def _ending() -> ProblemError:
    return ProblemError("busy", "the service is ending; ask again", headers={"Retry-After": "5"})
