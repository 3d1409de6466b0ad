"""Outside tools in tests: skipped with a reason on a user's machine, required where they must be.

Where ``EDARL_REQUIRE_TOOLS=1`` is set, a missing tool fails the test instead of skipping it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["require_tool", "simulate_verilog", "yosys", "yosys_abc"]


def require_tool(name: str) -> str:
    """Give the path of an installed program, or end the test: skipped, or failed where required."""
    path = shutil.which(name)
    if path is None:
        reason = f"needs {name}, which is not installed"
        if os.environ.get("EDARL_REQUIRE_TOOLS") == "1":
            pytest.fail(f"{reason}, and EDARL_REQUIRE_TOOLS=1 forbids skipping", pytrace=False)
        pytest.skip(reason)
    return path


def simulate_verilog(folder: Path, *texts: str) -> subprocess.CompletedProcess[str]:
    """Compile Verilog texts with Icarus and run them; every compiler warning is a failure."""
    compiler, simulator = require_tool("iverilog"), require_tool("vvp")
    files = [folder / f"part_{number}.v" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    binary = folder / "simulation"
    built = _run([compiler, "-g2005", "-Wall", "-o", binary, *files], folder)
    assert built.returncode == 0, built.stderr
    assert not built.stderr, built.stderr
    return _run([simulator, "-N", binary], folder)


def yosys(script: str, folder: Path) -> str:
    """Run a Yosys script in a process of its own and give its output; an error fails the test."""
    program = "import sys; from pyosys import libyosys; libyosys.run_pass('script ' + sys.argv[1])"
    file = folder / "script.ys"
    file.write_text(script)
    ran = _run([sys.executable, "-c", program, file], folder)
    assert ran.returncode == 0, f"{script}\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}"
    return ran.stdout


def yosys_abc(commands: str, folder: Path) -> str:
    """Run commands in the ABC that comes with pyosys and give its output."""
    import importlib.util

    found = importlib.util.find_spec("pyosys")
    assert found is not None
    assert found.origin is not None
    ran = _run([Path(found.origin).parent / "yosys-abc", "-c", commands], folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
