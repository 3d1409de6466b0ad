"""What Yosys makes of the plain arithmetic: measured once in the background, kept in the cache.

Yosys' own flow hardly reacts to its delay target, so a few targets are enough for good. Until they
are measured the front says so instead of showing anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path

import structlog

from edarl.config import home
from edarl.errors import EdarlError
from edarl.metrics import Constraint, Point
from edarl.objectives.fronts import non_dominated
from edarl.prefix.circuits import Circuit
from edarl.service.builders import Builders
from edarl.service.libraries import Libraries
from edarl.synthesis.baseline import yosys_adder_baseline
from edarl.synthesis.process import tool_versions

__all__ = ["YosysPoints"]

log = structlog.get_logger()

_TARGETS = 4
_MOST_WAITING = 8
_MOST_KNOWN = 512
_FORMAT = 1


class YosysPoints:
    """What Yosys makes of circuits; safe to use from several threads.

    Args:
        libraries: The cell libraries of the server.
    """

    def __init__(self, libraries: Libraries) -> None:
        self._libraries = libraries
        self._builders = Builders(1, "edarl-yosys")
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Point, ...]] = {}
        self._failed: dict[str, str] = {}
        self._waiting: set[str] = set()
        self._stamp = 0

    @property
    def stamp(self) -> int:
        """Something that is another number whenever `points` may say something else."""
        return self._stamp

    def close(self) -> None:
        """Begin nothing new; what is being measured is not waited for."""
        self._builders.close()

    def points(
        self,
        circuit: Circuit,
        library: str,
        digest: str,
        constraint: Constraint,
        delays_ps: Sequence[float],
    ) -> tuple[tuple[Point, ...], str]:
        """Give what Yosys makes of a circuit, or why that is not there; never waits.

        Args:
            circuit: The circuit.
            library: Name of the cell library.
            digest: Its digest.
            constraint: Driver, load and wire load.
            delays_ps: Delays of the front in picoseconds, rising; with none nothing is measured.

        Returns:
            Points that no other one beats, by rising delay; and a note where there is none.
        """
        key = _key(circuit, digest, constraint)
        with self._lock:
            if key in self._known:
                return self._known[key], ""
            if key in self._failed:
                return (), self._failed[key]
            if key in self._waiting:
                return (), "being measured; ask again in a while"
        found = _read(_path(key))
        if found is not None:
            self._remember(key, found)
            return found, ""
        if not delays_ps:
            return (), "measured once the front has a design"
        targets = _evenly(delays_ps, _TARGETS)
        with self._lock:
            if key in self._waiting:
                return (), "being measured; ask again in a while"
            if len(self._waiting) >= _MOST_WAITING:
                return (), "not measured yet, as others are being measured; ask again in a while"
            self._waiting.add(key)
        try:
            self._builders.submit(lambda: self._measure(key, circuit, library, constraint, targets))
        except RuntimeError:  # the service is ending
            return (), "not measured yet"
        return (), "being measured; ask again in a while"

    def _measure(
        self,
        key: str,
        circuit: Circuit,
        library: str,
        constraint: Constraint,
        targets_ps: Sequence[float],
    ) -> None:
        try:
            loaded = self._libraries.library(library)
            measured = yosys_adder_baseline(circuit, loaded, constraint, targets_ps)
            found = tuple(non_dominated(measured))
            self._remember(key, found)
            _write(_path(key), found)
        except OSError as error:  # it is known all the same
            log.warning("Yosys' baseline is not kept", circuit=circuit.name, error=str(error))
        except EdarlError as error:
            if self._builders.closed:  # its tools were ended with the service
                return
            log.warning("Yosys' baseline failed", circuit=circuit.name, error=str(error))
            with self._lock:
                self._failed[key] = "it could not be measured; the server's log says why"
        finally:
            with self._lock:
                self._waiting.discard(key)
                self._stamp += 1

    def _remember(self, key: str, found: tuple[Point, ...]) -> None:
        with self._lock:
            self._known[key] = found
            while len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]


@lru_cache(maxsize=1024)
def _key(circuit: Circuit, digest: str, constraint: Constraint) -> str:
    named = json.dumps([_FORMAT, circuit.name, digest, astuple(constraint), tool_versions()])
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _path(key: str) -> Path:
    return home() / "cache" / "yosys-baseline" / f"{key}.json"


def _read(path: Path) -> tuple[Point, ...] | None:
    """Read what was measured before; what is not whole is measured again."""
    with suppress(OSError, ValueError, TypeError):
        rows = json.loads(path.read_bytes())
        return tuple(Point(float(t), float(d), float(a), str(f)) for t, d, a, f in rows)
    return None


def _write(path: Path, found: Sequence[Point]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps([astuple(point) for point in found]))
    draft.replace(path)


def _evenly(delays_ps: Sequence[float], count: int) -> list[float]:
    """Choose some of the delays, the first and the last among them."""
    if len(delays_ps) <= count:
        return list(delays_ps)
    step = (len(delays_ps) - 1) / (count - 1)
    return [delays_ps[round(index * step)] for index in range(count)]
