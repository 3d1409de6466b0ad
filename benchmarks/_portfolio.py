"""What ABC and Yosys make of ``a + b``: a portfolio of ABC scripts, and Yosys' own synthesis.

Not a benchmark by itself; `fronts.py` runs these jobs. A portfolio run is one way of writing the
carries, one restructuring, one mapping, then the buffering and sizing of all our flows, at every
delay target. ABC gets the same cleaned library and constraint as everybody.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _settings import Setting

from edarl.errors import NetlistError, ToolError
from edarl.hdl.blif import read_mapped_blif
from edarl.hdl.reference import behavioural_verilog
from edarl.hdl.verilog import mapped_verilog
from edarl.synthesis.abc import AbcSession, Sizing, parse_timing
from edarl.synthesis.baseline import yosys_adder_baseline
from edarl.synthesis.yosys import run_yosys

__all__ = ["MAPPINGS", "RESTRUCTURINGS", "WRITINGS", "PortfolioJob", "YosysJob"]

WRITINGS = {"default": "", "kogge-stone": "techmap -map +/choices/kogge-stone.v"}
"""How Yosys writes the carries before ABC sees them; its default is a Brent-Kung tree."""

_RESYN2 = (
    "balance", "rewrite", "refactor", "balance", "rewrite", "rewrite -z", "balance", "refactor -z",
    "rewrite -z", "balance",
)  # fmt: skip
_COMPRESS2RS = (
    "balance -l", "resub -K 6 -l", "rewrite -l", "resub -K 6 -N 2 -l", "refactor -l",
    "resub -K 8 -l", "balance -l", "resub -K 8 -N 2 -l", "rewrite -l", "resub -K 10 -l",
    "rewrite -z -l", "resub -K 10 -N 2 -l", "balance -l", "resub -K 12 -l", "refactor -z -l",
    "resub -K 12 -N 2 -l", "rewrite -z -l", "balance -l",
)  # fmt: skip

RESTRUCTURINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "dch": ("dch -f",),
    "dc2": ("dc2",),
    "resyn2": _RESYN2,
    "resyn2, dch": (*_RESYN2, "dch -f"),
    "compress2rs": _COMPRESS2RS,
    "if -g": ("if -g -K 6 -C 8", "strash"),
    "if -g, dch": ("if -g -K 6 -C 8", "strash", "dch -f"),
    "if -g twice, dch": ("if -g -K 6", "strash", "if -g -K 6", "strash", "dch -f"),
    "resyn2, if -g, dch": (*_RESYN2, "if -g -K 6 -C 8", "strash", "dch -f"),
    "&syn3": ("&get -n", "&syn3", "&put"),
    "&syn4, dch": ("&get -n", "&syn4", "&put", "dch -f"),
}
MAPPINGS: dict[str, tuple[str, ...]] = {
    "map -B 0.9": ("map -B 0.9",),
    "map": ("map",),
    "map -a": ("map -a",),
    "amap -m": ("amap -m",),
}
_BUFFER = ("topo", "buffer -N 6", "topo")
_SIZE = ("upsize -D {target:.3f}", "dnsize -D {target:.3f}", "stime")


@dataclass(frozen=True, slots=True)
class PortfolioJob:
    """All scripts on one adder.

    Attributes:
        setting: Library and width.
        targets_ps: Delay targets of the sizing, in picoseconds.
        writings: Keys of `WRITINGS`.
        restructurings: Keys of `RESTRUCTURINGS`.
    """

    setting: Setting
    targets_ps: tuple[float, ...]
    writings: tuple[str, ...] = tuple(WRITINGS)
    restructurings: tuple[str, ...] = tuple(RESTRUCTURINGS)

    def run(self) -> dict[str, Any]:
        """Give the netlists that no other beats, and how many runs there were."""
        library, constraint = self.setting.load()
        begun = time.perf_counter()
        sized: list[tuple[Sizing, str, str, float]] = []
        failed = 0
        with AbcSession(library, constraint) as session:
            for name, script in self._scripts(session.workdir):
                try:
                    sized += [(s, name, *rest) for s, *rest in self._sizings(session, script)]
                except ToolError:
                    failed += 1
            netlists = []
            for _, name, script, target in _non_dominated(sized):
                path = session.workdir / "netlist.blif"
                session.run([*script.split("; "), f"write_blif {path}"])
                try:
                    netlist = read_mapped_blif(path.read_text(), self.setting.circuit)
                except NetlistError:
                    failed += 1
                    continue
                if netlist.aliases:
                    failed += 1
                    continue
                netlists.append(
                    {"detail": name, "target_ps": target, "verilog": mapped_verilog(netlist)}
                )
        count = len(self.writings) * len(self.restructurings) * len(MAPPINGS)
        return {
            "netlists": netlists,
            "calls": count * len(self.targets_ps),
            "scripts": count,
            "failures": failed,
            "elapsed_s": time.perf_counter() - begun,
        }

    def _scripts(self, folder: Path) -> Iterator[tuple[str, str]]:
        files = _written(self.setting, self.writings, folder)
        for writing, changes, mapping in itertools.product(
            self.writings, self.restructurings, MAPPINGS
        ):
            commands = (
                "empty", f"read_blif {files[writing]}", "strash", *RESTRUCTURINGS[changes],
                *MAPPINGS[mapping], *_BUFFER,
            )  # fmt: skip
            yield f"{writing}; {changes}; {mapping}", "; ".join(commands)

    def _sizings(self, session: AbcSession, script: str) -> Iterator[tuple[Sizing, str, float]]:
        lines = [*script.split("; "), "backup"]
        sizes = []
        for target in self.targets_ps:
            size = [line.format(target=target) for line in _SIZE]
            lines += ["restore", "backup", *size]
            sizes.append("; ".join((script, *size[:-1])))
        found = parse_timing(session.run(lines), len(self.targets_ps))
        yield from zip(found, sizes, self.targets_ps, strict=True)


@dataclass(frozen=True, slots=True)
class YosysJob:
    """Yosys' own ``synth`` on ``a + b``, with and without ABC in it, then its ``abc -D``.

    Attributes:
        setting: Library and width.
        targets_ps: The ``-D`` values, in picoseconds.
    """

    setting: Setting
    targets_ps: tuple[float, ...]

    def run(self) -> dict[str, Any]:
        """Give all netlists."""
        library, constraint = self.setting.load()
        begun = time.perf_counter()
        netlists = []
        with tempfile.TemporaryDirectory(prefix="edarl-yosys-") as folder:
            yosys_adder_baseline(
                self.setting.circuit, library, constraint, self.targets_ps, workdir=Path(folder)
            )
            for path in sorted(Path(folder).glob("synth*_*.blif")):
                way, _, number = path.stem.rpartition("_")
                netlist = read_mapped_blif(path.read_text(), self.setting.circuit)
                netlists.append(
                    {
                        "detail": way,
                        "target_ps": self.targets_ps[int(number)],
                        "verilog": mapped_verilog(netlist),
                    }
                )
        return {
            "netlists": netlists,
            "calls": len(netlists),
            "elapsed_s": time.perf_counter() - begun,
        }


def _written(setting: Setting, writings: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """Let Yosys write ``a + b`` as gates, once for each way of writing the carries."""
    (folder / "circuit.v").write_text(behavioural_verilog(setting.circuit))
    lines = []
    for number, writing in enumerate(writings):
        lines += [
            "design -reset",
            "read_verilog circuit.v",
            f"prep -flatten -top {setting.circuit.name}",
            "alumacc",
            WRITINGS[writing],
            "techmap",
            "opt -fast -full",
            "simplemap",
            "opt_clean -purge",
            f"write_blif -impltf gates_{number}.blif",
        ]
    run_yosys("\n".join([*filter(None, lines), ""]), workdir=folder)
    return {name: folder / f"gates_{number}.blif" for number, name in enumerate(writings)}


def _non_dominated(
    sized: list[tuple[Sizing, str, str, float]],
) -> list[tuple[Sizing, str, str, float]]:
    kept: list[tuple[Sizing, str, str, float]] = []
    for entry in sorted(sized, key=lambda entry: entry[0]):
        if not kept or entry[0].area_um2 < kept[-1][0].area_um2:
            kept.append(entry)
    return kept
