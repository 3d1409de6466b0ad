"""A second opinion on delays, by OpenSTA where it is installed.

Nothing depends on it: `edarl.synthesis.abc` times everything. Works with every `sta` since the
version of 2019 that Debian has.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edarl.errors import LibraryError, ToolNotFoundError, ToolOutputError
from edarl.hdl.netlist import MappedNetlist
from edarl.hdl.verilog import mapped_verilog
from edarl.metrics import Constraint
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.process import run_tool, tail

__all__ = ["OpenSta"]

_PROGRAM = "sta"
_HOW_TO_GET = "on Debian or Ubuntu run `apt-get install opensta`"
_MODULE = re.compile(r"^\s*module\s+([A-Za-z_]\w*)\b", re.MULTILINE)
_MARKER = "edarl-netlist"
_TIMEOUT_S = 120.0

# An endpoint's line: name (output), required, actual, slack (MET or VIOLATED).
_NUMBER = r"(-?\d+\.\d+)"
_ENDPOINT = re.compile(
    rf"^(\S+) \(output\) +{_NUMBER} +{_NUMBER} +{_NUMBER} \((?:MET|VIOLATED)\)$", re.MULTILINE
)
_COMPLAINT = re.compile(r"^(?:Error:.*|Warning: \d+\.v.*)$", re.MULTILINE)


class OpenSta:
    """Times netlists in one library under one constraint.

    Args:
        library: The cell library; its cleaned copy is read.
        constraint: Driver, load and wire load.
        timeout_s: How long one call may take, in seconds.
    """

    def __init__(
        self, library: CellLibrary, constraint: Constraint, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self.library = library
        self.constraint = constraint
        self.timeout_s = timeout_s

    @staticmethod
    def installed() -> bool:
        """Say whether OpenSTA is on the search path."""
        return shutil.which(_PROGRAM) is not None

    def delays(
        self, netlists: Sequence[MappedNetlist | str], *, workdir: Path | None = None
    ) -> list[float]:
        """Give the latest output arrival of each netlist, in the same order.

        All are timed by one process, since reading a large library takes longer than timing.

        Args:
            netlists: Mapped netlists, or Verilog texts whose first module is meant.
            workdir: Where the script and its log stay behind; a temporary directory by default.

        Returns:
            Delays in picoseconds.

        Raises:
            ToolNotFoundError: OpenSTA is not installed.
            ToolTimeoutError: It took longer than allowed.
            ToolOutputError: It complained about a netlist or the constraint, or no output of a
                netlist depends on an input.
            LibraryError: The driver, or a cell of a netlist, is not in the library.
        """
        if not netlists:
            return []
        if not self.installed():
            raise ToolNotFoundError(
                f"OpenSTA (the program `{_PROGRAM}`) is not installed; {_HOW_TO_GET}",
                command=_PROGRAM,
            )
        if workdir is not None:
            return self._time(netlists, workdir)
        with tempfile.TemporaryDirectory(prefix="edarl-sta-") as temporary:
            return self._time(netlists, Path(temporary))

    def _time(self, netlists: Sequence[MappedNetlist | str], workdir: Path) -> list[float]:
        workdir.mkdir(parents=True, exist_ok=True)
        modules: list[str] = []
        for index, netlist in enumerate(netlists):
            if isinstance(netlist, MappedNetlist):
                self._check_cells(netlist)
                text = mapped_verilog(netlist)
            else:
                text = netlist
            modules.append(_module_name(text, index))
            (workdir / f"{index}.v").write_text(text, encoding="utf-8")
        # A link, so that no character of the library's path meets the script's quoting.
        link = workdir / "library.lib"
        link.unlink(missing_ok=True)
        link.symlink_to(self.library.liberty_path.resolve())
        (workdir / "sta.tcl").write_text(self._script(modules), encoding="utf-8")
        result = run_tool(
            [_PROGRAM, "-no_init", "-no_splash", "-exit", "sta.tcl"],
            workdir=workdir,
            timeout_s=self.timeout_s,
        )
        return self._parse(result.text, len(modules))

    def _check_cells(self, netlist: MappedNetlist) -> None:
        unknown = sorted({i.cell for i in netlist.instances} - self.library.cells.keys())
        if unknown:
            raise LibraryError(
                f"netlist {netlist.name} has cells that library {self.library.name} has not: "
                + ", ".join(unknown)
            )

    def _script(self, modules: Sequence[str]) -> str:
        """Write the commands; times and loads are in the library's units."""
        driver = self.library.cell(self.constraint.driver_cell).name
        load = self.constraint.load_ff / self.library.units.capacitance_ff
        lines = ["read_liberty library.lib"]
        for index, module in enumerate(modules):
            lines += [
                f'puts "{_MARKER} {index}"',
                f"read_verilog {index}.v",
                f"link_design {module}",
                # Slacks are single-precision: a short period keeps them as precise as arrivals.
                "create_clock -name virtual -period 0.001",
                "set_input_delay 0 -clock virtual [all_inputs]",
                "set_output_delay 0 -clock virtual [all_outputs]",
                f"set_driving_cell -lib_cell {{{driver}}} [all_inputs]",
                f"set_load {load!r} [all_outputs]",
            ]
            if self.constraint.wire_load != "none":
                lines += [
                    "set_wire_load_mode top",
                    f"set_wire_load_model -name {{{self.constraint.wire_load}}}",
                ]
            lines.append("report_checks -path_delay max -format end -digits 9")
        lines.append(f'puts "{_MARKER} end"')
        return "\n".join(lines) + "\n"

    def _parse(self, text: str, count: int) -> list[float]:
        complaints = _COMPLAINT.findall(text)
        if complaints:
            raise _output_error(
                f"OpenSTA should time the netlists without complaint, but it said: {complaints[0]}",
                text,
            )
        parts = re.split(rf"^{_MARKER} (?:\d+|end)\n", text, flags=re.MULTILINE)
        if len(parts) != count + 2:
            raise _output_error(
                f"OpenSTA should report on {count} netlists and say so at the end, but its report "
                f"has {len(parts) - 1} of {count + 1} marks",
                text,
            )
        delays = []
        for index, part in enumerate(parts[1:-1]):
            endpoints = _ENDPOINT.findall(part)
            if len(endpoints) != 1:
                raise _output_error(
                    f"OpenSTA should report one slowest output of netlist {index}, but it reported "
                    f"{len(endpoints)}; does an output depend on an input?",
                    part,
                )
            delays.append(float(endpoints[0][2]) * self.library.units.time_ps)
        return delays


def _module_name(text: str, index: int) -> str:
    match = _MODULE.search(text)
    if match is None:
        raise ToolOutputError(f"netlist {index} should hold a Verilog module, but none was found")
    return match[1]


def _output_error(message: str, text: str) -> ToolOutputError:
    return ToolOutputError(message, command="sta -exit sta.tcl", log_tail=tail(text))
