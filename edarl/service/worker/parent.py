"""Dying with the process that started this one, also when that is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: signal.Signals = signal.SIGKILL) -> None:
    """Ask the system for a signal at the death of the process that started this one.

    Args:
        parent: Its number; when it is dead already, this process ends at once.
        signal_number: Which signal.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
