"""What the benchmarks share: arguments, the machine's description, tables and result files."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.library import load_library
from edarl.synthesis.process import tool_versions

__all__ = ["arguments", "load_named", "machine", "print_table", "write_json", "yardstick"]

SHARED = Path(__file__).resolve().parents[2] / "shared"


def arguments(description: str) -> argparse.ArgumentParser:
    """Give a parser with the two options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small version of the same run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    return parser


def load_named(name: str) -> CellLibrary:
    """Load a library by name; the development copies beside the checkout count as installed."""
    beside = {"nangate45": "nangate45_typ.lib.gz", "sky130hd": "sky130hd_tt.lib.gz"}
    path = SHARED / "libraries" / beside.get(name, "")
    return load_library(str(path) if name in beside and path.exists() else name)


def yardstick() -> dict[str, Any]:
    """Read the measured bar for Nangate45 adders.

    Raises:
        SystemExit: The file is not beside the checkout.
    """
    path = SHARED / "yardsticks" / "adders_nangate45.json"
    if not path.exists():
        sys.exit("adders_nangate45.json should lie in ../shared/yardsticks beside the checkout")
    data: dict[str, Any] = json.loads(path.read_text())
    return data


def machine() -> dict[str, Any]:
    """Describe the machine, for the result files."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "tools": dict(tool_versions()),
    }


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a head with units, columns aligned."""
    cells = [[_shown(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def write_json(path: Path | None, figures: dict[str, Any]) -> None:
    """Write the figures and the machine, if a file was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
