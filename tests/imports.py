"""Asking what a statement imports, in a process of its own."""

import subprocess
import sys

__all__ = ["modules_after"]

_REPORT = "import sys; sys.stderr.write('\\nLOADED ' + ' '.join(sorted(sys.modules)))"


def modules_after(statement: str) -> set[str]:
    """Give the names of all modules that are loaded after a statement ran in a new process."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{_REPORT}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.rpartition("LOADED ")[2].split())
