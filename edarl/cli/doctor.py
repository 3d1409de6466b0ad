"""``edarl doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edarl.cli.output import ExitCode, print_json
from edarl.errors import EdarlError, ToolError, ToolNotFoundError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Check", "app", "checks", "doctor"]

app = typer.Typer()

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about one thing that edarl uses.

    Attributes:
        name: What was looked for.
        required: Whether edarl cannot do its work without it.
        ok: Whether it is there and works.
        found: Version or place, or why it does not work.
        remedy: What to do about it; empty when there is nothing to do.
    """

    name: str
    required: bool
    ok: bool
    found: str
    remedy: str = ""


@app.command()
def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of a table.")
    ] = False,
) -> None:
    """Show what is installed, what is missing, and how to get it.

    Exit code 0 when everything required is there, 1 when not.
    """
    results = list(checks())
    ready = all(check.ok for check in results if check.required)
    if as_json:
        print_json({"ready": ready, "checks": [asdict(check) for check in results]})
    else:
        _show(results, ready=ready)
    raise typer.Exit(ExitCode.DONE if ready else ExitCode.NO)


def checks() -> Iterator[Check]:
    """Look at the machine, one thing after another; nothing is changed."""
    yield _python()
    yield _packages("packages", None, "python -m pip install edarl")
    yield _tool("ABC", True, _abc, "python -m pip install pyosys")
    yield _tool("Yosys", True, _yosys, "python -m pip install pyosys")
    yield _tool("iverilog", False, _iverilog, "install iverilog (Debian: apt-get install iverilog)")
    yield _tool("OpenSTA", False, _opensta, "install OpenSTA (Debian: apt-get install opensta)")
    yield _tool("ngspice", False, _ngspice, "install ngspice (Debian: apt-get install ngspice)")
    yield _packages("packages for agents", "agents", "python -m pip install 'edarl[agents]'")
    yield _torch()
    yield _home()
    yield _default_library()
    yield _more_libraries()
    yield _machine()


# -------------------------------------------------------------------- Python


def _python() -> Check:
    found = f"{platform.python_version()}, {sys.executable}"
    return Check("Python", True, sys.version_info >= (3, 11), found, "edarl needs 3.11 or newer")


def _packages(name: str, extra: str | None, remedy: str) -> Check:
    try:
        wanted = _requirements(extra)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, extra is None, False, "edarl itself is not installed", remedy)
    present, missing = [], []
    for package in wanted:
        try:
            present.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    required = extra is None
    if missing:
        return Check(name, required, False, f"missing: {', '.join(missing)}", remedy)
    return Check(name, required, True, ", ".join(present))


def _requirements(extra: str | None) -> list[str]:
    """Name the packages that edarl's own metadata asks for, plainly or for one extra."""
    names = []
    for line in importlib.metadata.requires("edarl") or ():
        wanted = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
        name = re.match(r"[\w.-]+", line)
        if name and (wanted.group(1) if wanted else None) == extra:
            names.append(name.group())
    return names


def _torch() -> Check:
    remedy = "python -m pip install 'edarl[agents]'"
    if importlib.util.find_spec("torch") is None:
        return Check("PyTorch", False, False, "not installed; agents cannot train", remedy)
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("PyTorch", False, False, f"installed but broken: {error}", remedy)
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    where = ", ".join(devices) or "CPU"
    found = f"{torch.__version__} on {where}, {torch.get_num_threads()} threads unless configured"
    return Check("PyTorch", False, True, found)


# --------------------------------------------------------------------- tools


def _tool(name: str, required: bool, version: Callable[[Path], str], remedy: str) -> Check:
    """Run a tool for its version; one that does not answer counts as missing."""
    try:
        with tempfile.TemporaryDirectory(prefix="edarl-doctor-") as workdir:
            found = version(Path(workdir))
    except ToolNotFoundError:
        return Check(name, required, False, "not installed", remedy)
    except ToolError as error:
        return Check(name, required, False, str(error).splitlines()[0], remedy)
    return Check(name, required, True, found)


def _abc(workdir: Path) -> str:
    from edarl.synthesis.process import abc_path, tool_versions

    _first_line([str(abc_path()), "-c", "version"], workdir)
    return f"runs; from {tool_versions()['abc']}"


def _yosys(workdir: Path) -> str:
    from edarl.synthesis.process import tool_versions
    from edarl.synthesis.yosys import run_yosys

    run_yosys("design -reset\n", workdir=workdir, timeout_s=_TIMEOUT_S)
    return f"runs; from {tool_versions()['yosys']}"


def _iverilog(workdir: Path) -> str:
    return f"{_first_line(['iverilog', '-V'], workdir)}, {shutil.which('iverilog')}"


def _opensta(workdir: Path) -> str:
    return f"{_first_line(['sta', '-version'], workdir)}, {shutil.which('sta')}"


def _ngspice(_: Path) -> str:
    from edarl.synthesis.characterize.simulator import ngspice_version

    return f"ngspice {ngspice_version()}, {shutil.which('ngspice')}"


def _first_line(command: list[str], workdir: Path) -> str:
    from edarl.synthesis.process import run_tool

    text = run_tool(command, workdir=workdir, timeout_s=_TIMEOUT_S).text.strip()
    if not text:
        raise ToolError(f"{command[0]} should print its version, but it printed nothing")
    return text.splitlines()[0]


# ------------------------------------------------------------- files, machine


def _home() -> Check:
    from edarl.config import HOME_VARIABLE, home

    remedy = f"set {HOME_VARIABLE} to a folder that you can write to"
    try:
        place = home()
    except EdarlError as error:
        return Check("home folder", True, False, str(error), remedy)
    existing = next(path for path in (place, *place.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        found = f"{place} cannot be written: {error.strerror}"
        return Check("home folder", True, False, found, remedy)
    free_gb = shutil.disk_usage(existing).free / 1e9
    return Check("home folder", True, True, f"{place}, {free_gb:.1f} GB free")


def _default_library() -> Check:
    from edarl.synthesis.library import DEFAULT_LIBRARY, boxed_file

    try:
        file = boxed_file(DEFAULT_LIBRARY)
    except EdarlError as error:
        remedy = "python -m pip install --force-reinstall edarl"
        return Check("cell library", True, False, str(error), remedy)
    return Check("cell library", True, True, f"{DEFAULT_LIBRARY}, comes with edarl, {file.name}")


def _more_libraries() -> Check:
    from edarl.synthesis.library import boxed_libraries, list_libraries

    remedy = (
        "edarl library fetch NAME, edarl library install osu018 (from Debian's package), or "
        "edarl library add NAME FILE..."
    )
    try:
        names = [name for name in list_libraries() if name not in boxed_libraries()]
    except EdarlError as error:
        return Check("more cell libraries", False, False, str(error), remedy)
    if not names:
        return Check("more cell libraries", False, False, "none added", remedy)
    return Check("more cell libraries", False, True, ", ".join(names))


def _machine() -> Check:
    cores = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return Check("machine", False, True, f"{cores} cores, {memory_gb:.1f} GB memory")


# -------------------------------------------------------------------- table


def _show(results: list[Check], *, ready: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for style in ("", "bold", ""):
        table.add_column(style=style, overflow="fold")
    for check in results:
        mark = (
            "[green]ok[/]" if check.ok else "[red]missing[/]" if check.required else "[dim]none[/]"
        )
        table.add_row(mark, escape(check.name), escape(check.found))
    console = Console()
    console.print(table)
    _tell(console, "To do", [check for check in results if check.required and not check.ok])
    _tell(console, "If you like", [c for c in results if not c.required and not c.ok])
    if ready:
        console.print("\nEverything that edarl needs is here.")


def _tell(console: Console, head: str, lacking: list[Check]) -> None:
    if lacking:
        console.print(f"\n{head}:")
    for check in lacking:
        console.print(
            f"  {check.name}: {check.remedy}", markup=False, highlight=False, soft_wrap=True
        )
