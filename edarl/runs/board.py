"""TensorBoard's event files beside `metrics.jsonl`, where the package tensorboard is installed.

tensorboard --logdir RUN/tensorboard
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

__all__ = ["BoardWriter"]

log = structlog.get_logger()


class BoardWriter:
    """Writes figures over calls; does nothing where TensorBoard is not installed.

    Args:
        folder: Where the event files go; made with the first figure.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None  # tensorboard.summary.Writer, which has no types
        self._missing = False

    def write(self, calls: int, figures: Mapping[str, object]) -> None:
        """Write the figures that are numbers.

        Args:
            calls: Evaluation calls so far, the horizontal axis.
            figures: Figures by name; what is no finite number is passed over.
        """
        if not self._open():
            return
        for name, value in figures.items():
            if isinstance(value, int | float) and math.isfinite(value):
                tag = name if "/" in name else f"run/{name}"
                self._writer.add_scalar(tag, float(value), step=calls)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> bool:
        if self._writer is None and not self._missing:
            try:
                with warnings.catch_warnings():  # of its own imports, not of ours
                    warnings.simplefilter("ignore")
                    from tensorboard.summary import Writer
            except ImportError:
                self._missing = True
                log.info("no TensorBoard files", reason="the package tensorboard is not installed")
            else:
                self._writer = Writer(str(self._folder))
        return self._writer is not None
