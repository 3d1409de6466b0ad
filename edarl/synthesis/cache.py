"""A cache of evaluations: in memory by design, on disk by everything that can change a figure."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from edarl.metrics import Constraint, Evaluation, Point
from edarl.prefix.design import Design
from edarl.synthesis.evaluator import Evaluator

__all__ = ["CachedEvaluator", "FingerprintedEvaluator"]

log = structlog.get_logger()

_FORMAT = "edarl-cache-1"


class FingerprintedEvaluator(Evaluator, Protocol):
    """An evaluator that can say what its figures depend on."""

    def fingerprint(self, design: Design) -> str:
        """Give a digest of everything that can change this design's figures."""


class CachedEvaluator:
    """Answers from memory or disk where it can, and asks the evaluator behind it otherwise.

    Failed evaluations are not kept. A damaged entry is recomputed; when the disk cannot be written
    the cache goes on in memory and says so once.

    Args:
        inner: Who evaluates what is not cached.
        directory: Where entries are kept on disk; None keeps them in memory only.
        memory_entries: How many designs stay in memory.
    """

    def __init__(
        self,
        inner: FingerprintedEvaluator,
        directory: Path | None = None,
        *,
        memory_entries: int = 100_000,
    ) -> None:
        self.inner = inner
        self.directory = directory
        self._memory: OrderedDict[str, Evaluation] = OrderedDict()
        self._memory_entries = memory_entries
        self._can_write = True

    @property
    def targets_ps(self) -> tuple[float, ...]:
        """The delay targets in picoseconds."""
        return self.inner.targets_ps

    def evaluate(self, designs: Sequence[Design]) -> list[Evaluation]:
        """Evaluate designs in the same order; a design that is asked for twice runs once."""
        digests = [design.digest for design in designs]
        found: dict[str, Evaluation] = {}
        missing: dict[str, Design] = {}
        for digest, design in zip(digests, designs, strict=True):
            if digest in found or digest in missing:
                continue
            known = self._recall(digest, design)
            if known is None:
                missing[digest] = design
            else:
                found[digest] = known
        fresh: dict[str, Evaluation] = {}
        if missing:
            results = self.inner.evaluate(list(missing.values()))
            for (digest, design), evaluation in zip(missing.items(), results, strict=True):
                fresh[digest] = evaluation
                if not evaluation.failed:
                    self._remember(digest, evaluation)
                    self._write(design, evaluation)
        answers = []
        for digest in digests:
            # The first answer of a fresh design carries its calls, every later one is a hit.
            answer = fresh.get(digest) or found[digest]
            answers.append(answer)
            if digest in fresh and not answer.failed:
                found[digest] = fresh.pop(digest).from_cache()
        return answers

    def close(self) -> None:
        """Close the evaluator behind; what is cached stays."""
        self.inner.close()

    # ---------------------------------------------------------------- memory and disk

    def _recall(self, digest: str, design: Design) -> Evaluation | None:
        known = self._memory.get(digest)
        if known is not None:
            self._memory.move_to_end(digest)
            return known.from_cache()
        if self.directory is None:
            return None
        path = self._path(design)
        try:
            evaluation = _decode(path.read_text(), digest)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("cache entry damaged, evaluating again", path=str(path), reason=str(error))
            return None
        self._remember(digest, evaluation)
        return evaluation.from_cache()

    def _remember(self, digest: str, evaluation: Evaluation) -> None:
        self._memory[digest] = evaluation
        if len(self._memory) > self._memory_entries:
            self._memory.popitem(last=False)

    def _path(self, design: Design) -> Path:
        assert self.directory is not None
        key = self.inner.fingerprint(design)
        return self.directory / key[:2] / f"{key[2:]}.json"

    def _write(self, design: Design, evaluation: Evaluation) -> None:
        if self.directory is None or not self._can_write:
            return
        path = self._path(design)
        temporary: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            with os.fdopen(handle, "w") as file:
                file.write(_encode(evaluation))
            Path(temporary).replace(path)
        except OSError as error:
            self._can_write = False
            log.warning("cannot write the cache, going on without", reason=str(error))
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)


def _encode(evaluation: Evaluation) -> str:
    return json.dumps(
        {
            "format": _FORMAT,
            "library": evaluation.library,
            "constraint": [
                evaluation.constraint.driver_cell,
                evaluation.constraint.load_ff,
                evaluation.constraint.wire_load,
            ],
            "points": [
                [point.target_ps, point.delay_ps, point.area_um2, point.flow]
                for point in evaluation.points
            ],
        }
    )


def _decode(text: str, digest: str) -> Evaluation:
    data = json.loads(text)
    if data["format"] != _FORMAT or not data["points"]:
        raise ValueError("it has another format, or no points")
    points = tuple(
        Point(float(target), float(delay), float(area), str(flow))
        for target, delay, area, flow in data["points"]
    )
    figures = [figure for point in points for figure in (point.delay_ps, point.area_um2)]
    if not all(math.isfinite(figure) and figure > 0 for figure in figures):
        raise ValueError("a figure is not positive")
    driver_cell, load_ff, wire_load = data["constraint"]
    constraint = Constraint(str(driver_cell), float(load_ff), str(wire_load))
    return Evaluation(digest, str(data["library"]), constraint, points)
