"""From netlist text to and-inverter graphs, by Yosys, with every way of cheating closed.

What Yosys cannot turn into plain AND and NOT gates over exactly the expected ports never becomes an
`Aig`: storage, tristates, loops, signals with no driver or with several, unknown (``x``) values and
cells without a function all end as a `Refusal`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edarl.errors import ToolError, ToolNotFoundError, ToolOutputError, ToolTimeoutError
from edarl.hdl.netlist import port_bits
from edarl.prefix.circuits import Circuit, Port
from edarl.synthesis.aig import Aig, read_aag
from edarl.synthesis.process import write_file
from edarl.synthesis.yosys import run_yosys

__all__ = ["Elaborated", "Refusal", "Source", "arranged_names", "elaborate"]

_CHECK = "check -noinit -initdrv -nolatches -assert"
_COMPLAINTS = ("Warning: ", "ERROR: ")
_MOST_WARNINGS = 3
_OUTPUTS = ("ports", "check", "cells", "dump", "aag", "done")
_TOP = re.compile(r"^module (\S+)$", re.MULTILINE)
_PORT = re.compile(r"^(input|output|inout) \[(-?\d+):(-?\d+)\] (\S+)$", re.MULTILINE)
_CELL = re.compile(r"^ +\d+ +(\S+)$", re.MULTILINE)
_UNKNOWN_BIT = re.compile(r"^\s*connect\b.*[\s{]\d+'[01]*[^01\s}]", re.MULTILINE)
_ONLY_LOGIC = "t:* t:$_AND_ %d t:$_NOT_ %d"


@dataclass(frozen=True, slots=True)
class Source:
    """One text that Yosys is to read.

    Attributes:
        name: Stem of its files in the working directory.
        data: Its exact bytes.
        language: What it is written in.
        top: The module to take; None leaves the choice to Yosys, which finds the root.
        prepare: Yosys commands between reading and flattening.
        internal_cells: Whether it may use Yosys' own cells, such as ``$lcu``.
    """

    name: str
    data: bytes
    language: Literal["verilog", "blif"] = "verilog"
    top: str | None = None
    prepare: tuple[str, ...] = ()
    internal_cells: bool = False


@dataclass(frozen=True, slots=True)
class Elaborated:
    """A text as an and-inverter graph.

    Attributes:
        graph: The graph, its inputs and outputs arranged as `arranged_names` gives them.
        top: The module that was taken.
    """

    graph: Aig
    top: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text did not become an and-inverter graph.

    Attributes:
        reason: What was found and what was expected.
        wrong_ports: Whether the ports are not the circuit's; otherwise nobody can say whether the
            text is the circuit.
    """

    reason: str
    wrong_ports: bool = False


def arranged_names(circuit: Circuit) -> tuple[list[str], list[str]]:
    """Give all input bits and all output bits of a circuit in the order used for comparing."""
    inputs = [
        bit for port in circuit.ports() if port.direction == "input" for bit in port_bits(port)
    ]
    outputs = [
        bit for port in circuit.ports() if port.direction == "output" for bit in port_bits(port)
    ]
    return inputs, outputs


def elaborate(
    sources: Sequence[Source],
    circuit: Circuit,
    *,
    liberty: Path | None,
    workdir: Path,
    timeout_s: float,
    memory_mb: int,
) -> list[Elaborated | Refusal]:
    """Turn texts into and-inverter graphs, in the same order, all in one Yosys process.

    When a text makes Yosys stop, the ones after it are tried again in a process of their own, so
    one bad text costs the others nothing.

    Args:
        sources: The texts; they should have passed `refuse_host_access`.
        circuit: The circuit whose ports they must have.
        liberty: The Liberty file with the functions of the cells they use, or None.
        workdir: Where scripts, logs and intermediate files are left.
        timeout_s: Limit for each text in seconds.
        memory_mb: Limit for each Yosys process in MiB.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolError: The working directory cannot be written.
    """
    if liberty is not None:
        _link(liberty, workdir / "library.lib")
    results: list[Elaborated | Refusal] = []
    while len(results) < len(sources):
        todo = sources[len(results) :]
        problem = _run(
            todo,
            liberty=liberty is not None,
            workdir=workdir,
            timeout_s=timeout_s * len(todo),
            memory_mb=memory_mb,
            name=f"yosys_{len(results)}",
        )
        for source in todo:
            finished = (workdir / f"{source.name}.done").exists()
            results.append(_result(source, circuit, workdir, None if finished else problem))
            if not finished:
                break
    return results


def _link(target: Path, link: Path) -> None:
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve())
    except OSError as error:
        raise ToolError(f"{link} could not be made: {error}") from error


def _run(
    sources: Sequence[Source],
    *,
    liberty: bool,
    workdir: Path,
    timeout_s: float,
    memory_mb: int,
    name: str,
) -> ToolError | None:
    """Run Yosys over the texts; give the error that stopped it."""
    script: list[str] = []
    for source in sources:
        write_file(workdir / f"{source.name}.{_suffix(source)}", source.data)
        for suffix in _OUTPUTS:
            (workdir / f"{source.name}.{suffix}").unlink(missing_ok=True)
        script += _commands(source, liberty=liberty)
    try:
        run_yosys(
            "\n".join(script) + "\n",
            workdir=workdir,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            name=name,
        )
    except ToolNotFoundError:
        raise
    except ToolTimeoutError:
        return ToolTimeoutError(f"Yosys did not finish within {timeout_s:g} s")
    except ToolError as error:
        return error
    return None


def _suffix(source: Source) -> str:
    return "v" if source.language == "verilog" else "blif"


def _commands(source: Source, *, liberty: bool) -> list[str]:
    stem = source.name
    verilog = f"read_verilog -nodpi{' -icells' if source.internal_cells else ''}"
    read = verilog if source.language == "verilog" else "read_blif -wideports"
    library = (
        # Library cells without a function are left out: using one is then an unknown module.
        "read_liberty -ignore_miss_func -ignore_miss_dir -ignore_miss_data_latch -ignore_buses "
        "library.lib"
    )
    return [
        *([library] if liberty else []),
        f"{read} {stem}.{_suffix(source)}",
        f"hierarchy -check {f'-top {source.top}' if source.top else '-auto-top'}",
        f"tee -o {stem}.ports portlist",
        "setattr -mod -unset keep_hierarchy",
        "setattr -unset keep_hierarchy",
        "proc",
        *source.prepare,
        f"tee -o {stem}.check {_CHECK}",
        "flatten -noscopeinfo",
        # No optimisation before this point could hide a missing driver or an x.
        f"tee -o {stem}.check {_CHECK}",
        "techmap",
        "opt_merge",  # a behavioural text can shrink tenfold here
        "aigmap",
        "opt_clean -purge",  # so that an x that nothing uses is gone
        f"tee -o {stem}.cells stat",
        f"select -assert-none {_ONLY_LOGIC}",
        f"dump -o {stem}.dump",
        f"write_aiger -ascii -symbols {stem}.aag",
        f"tee -o {stem}.done log done",
        "design -reset",
        "design -reset-vlog",
    ]


def _result(
    source: Source, circuit: Circuit, workdir: Path, problem: ToolError | None
) -> Elaborated | Refusal:
    left = {suffix: _text(workdir / f"{source.name}.{suffix}") for suffix in _OUTPUTS}
    top = _TOP.search(left["ports"])
    if left["ports"] and top is None:
        return Refusal("the text has no module")
    wrong = _wrong_ports(left["ports"], circuit.ports()) if top else None
    if wrong is not None:
        return Refusal(wrong, wrong_ports=True)
    if problem is not None:
        return Refusal(_reason(left, problem))
    if top is None or _UNKNOWN_BIT.search(left["dump"]):
        return Refusal("some signals are set to x or z, which is neither 0 nor 1")
    try:
        return Elaborated(read_aag(left["aag"], *arranged_names(circuit)), top[1])
    except ToolOutputError as error:
        return Refusal(str(error))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # Yosys stopped before
        return ""


def _wrong_ports(found_text: str, expected: Sequence[Port]) -> str | None:
    """Compare the ports that Yosys found with the circuit's; None when they agree."""
    found = {
        name: f"{direction} [{left}:{right}] {name}"
        for direction, left, right, name in _PORT.findall(found_text)
    }
    wanted = {port.name: f"{port.direction} [{port.width - 1}:0] {port.name}" for port in expected}
    if found == wanted:
        return None
    missing = [line for name, line in wanted.items() if found.get(name) != line]
    other = [line for name, line in found.items() if wanted.get(name) != line]
    return (
        "the module's ports are not the circuit's: "
        f"expected {', '.join(missing) or 'no more ports'}; "
        f"actual: {', '.join(other) or 'no such port'}"
    )


def _reason(left: Mapping[str, str], problem: ToolError) -> str:
    """Say why Yosys stopped, by the last thing that it looked at."""
    cells = left["cells"].rpartition(" cells\n")[2]
    storage = sorted(set(_CELL.findall(cells)) - {"$_AND_", "$_NOT_", "submodules"})
    if storage:
        return f"the module should be pure logic, but it has cells of type {', '.join(storage)}"
    if "ERROR: " in left["check"]:
        found = [line for line in left["check"].splitlines() if line.startswith(_COMPLAINTS)]
        shown = [line.removeprefix("Warning: ").rstrip(":. ") for line in dict.fromkeys(found)]
        if len(shown) > 1:
            shown.pop()  # the error at the end only counts the warnings
        more = f" and {len(shown) - _MOST_WARNINGS} more" if len(shown) > _MOST_WARNINGS else ""
        return "; ".join(shown[:_MOST_WARNINGS]) + more
    return str(problem).splitlines()[0].split("; to run it again")[0]
