"""Run one program under limits, and take its whole process group down when the caller dies.

This file is executed by path in a fresh, bare interpreter (see `edarl.synthesis.process`); it
imports nothing of edarl. It stays between the caller and the program, so that whatever the program
starts is ended too, which a death signal on the program alone would not do.

Arguments: the caller's process id, the address-space limit in bytes (0 for none), the limit on the
size of one file in bytes, then the command.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_CANNOT_EXECUTE = 126


def _die_with_parent(signal_number: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)


def _become(command: list[str], memory_bytes: int, file_bytes: int) -> None:
    try:
        _die_with_parent(signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored_by_python, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        if memory_bytes:
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        os.execvp(command[0], command)
    except (OSError, ValueError) as error:
        os.write(2, f"cannot execute {command[0]}: {error}\n".encode())
    finally:
        os._exit(_CANNOT_EXECUTE)


def main(arguments: list[str]) -> int:
    """Run the command of the arguments and end as it ended, by exit status or by signal."""
    caller, memory_bytes, file_bytes = (int(value) for value in arguments[:3])
    watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    _die_with_parent(signal.SIGUSR1)
    if os.getppid() != caller:  # it died before the line above
        return 1
    child = os.fork()
    if child == 0:
        _become(arguments[3:], memory_bytes, file_bytes)
    while True:
        received = signal.sigwait(watched)
        # SIGUSR1 also comes when only the thread that started us has ended; then we go on.
        if received == signal.SIGTERM or os.getppid() != caller:
            os.killpg(0, signal.SIGKILL)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal_number = os.WTERMSIG(status)
        if signal_number != signal.SIGKILL:
            signal.signal(signal_number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal_number})
        os.kill(os.getpid(), signal_number)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
