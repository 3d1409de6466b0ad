"""What several commands share: their options, units on the command line, the store, progress."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.config import home
from edarl.errors import ConfigError
from edarl.metrics import Constraint
from edarl.prefix.circuits import KINDS, Circuit
from edarl.prefix.design import P_MODES, Design
from edarl.prefix.graph import MAX_TEXT_LENGTH, PrefixGraph
from edarl.prefix.readers import read_graph
from edarl.prefix.structures import structure
from edarl.synthesis.flows import BEST, FLOW_NAMES

if TYPE_CHECKING:
    from rich.console import Console

    from edarl.runs.results import RunProgress
    from edarl.store import Store

__all__ = [
    "CarryIn",
    "CarryOut",
    "CircuitKind",
    "DriverCell",
    "FlowName",
    "Json",
    "LibraryName",
    "LoadFf",
    "OptionalFlowName",
    "PModeName",
    "RunProgressBar",
    "Seed",
    "StorePath",
    "Width",
    "chosen_graph",
    "circuit_title",
    "console",
    "constraint_text",
    "default_store",
    "has_store",
    "library_title",
    "make_circuit",
    "open_store",
    "p_mode_designs",
    "parse_delay_ps",
    "parse_delays_ps",
    "saving_text",
    "write_file",
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
CircuitKind = Annotated[str, typer.Option("--circuit", help=f"One of: {', '.join(KINDS)}.")]
Width = Annotated[int, typer.Option("--width", "-n", help="Operand width in bits, 2 to 256.")]
CarryIn = Annotated[bool, typer.Option("--cin/--no-cin", help="With a carry-in port.")]
CarryOut = Annotated[
    bool, typer.Option("--cout/--no-cout", help="With a carry-out port, where the kind has one.")
]
LibraryName = Annotated[
    str,
    typer.Option(
        "--library",
        "-l",
        help="Cell library: a name, or a Liberty file; default is sky130, which comes with edarl.",
    ),
]
_FLOW = typer.Option(
    "--flow",
    help=f"{', '.join(name for name in FLOW_NAMES if name != BEST)}, several joined with '+', "
    "or best: ABC's flows and sized.",
)
FlowName = Annotated[str, _FLOW]
OptionalFlowName = Annotated[str | None, _FLOW]
PModeName = Annotated[
    str, typer.Option("--p-mode", help="How bits form their propagate: xor, or, best (both).")
]
DriverCell = Annotated[
    str | None, typer.Option("--driver", help="Cell that drives every input; by rule if not given.")
]
LoadFf = Annotated[
    float | None,
    typer.Option("--load-ff", help="Load of every output in fF; by rule if not given."),
]
Seed = Annotated[int, typer.Option("--seed", help="The one seed of the run.")]
StorePath = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="PATH|URL",
        help="Database of designs: a file, or postgresql://...; edarl.db in edarl's home if none.",
    ),
]

_DELAY = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(ps|ns)?\s*", re.IGNORECASE)


def parse_delay_ps(text: str) -> float:
    """Read a delay such as ``350``, ``350ps`` or ``0.35ns``.

    Raises:
        ConfigError: It is not a positive delay.
    """
    match = _DELAY.fullmatch(text)
    delay_ps = float(match[1]) * (1000 if (match[2] or "").lower() == "ns" else 1) if match else 0.0
    if not 0 < delay_ps < 1e9:
        raise ConfigError(f"a delay should read like 350ps or 0.35ns, actual value: {text!r}")
    return delay_ps


def parse_delays_ps(text: str) -> tuple[float, ...]:
    """Read delays separated by commas; an empty text has none.

    Raises:
        ConfigError: One of them is not a positive delay.
    """
    return tuple(parse_delay_ps(part) for part in text.split(",")) if text.strip() else ()


def make_circuit(kind: str, width: int, *, carry_in: bool, carry_out: bool) -> Circuit:
    """Give a circuit; ``carry_out`` has no effect on kinds without one."""
    if kind in KINDS and KINDS[kind].carry_out is None:
        return Circuit(kind, width, carry_in)
    return Circuit(kind, width, carry_in, carry_out)


def chosen_graph(name: str | None, file: Path | None, circuit: Circuit) -> PrefixGraph:
    """Give the graph that ``--structure`` or ``--graph`` names.

    Raises:
        ConfigError: Not exactly one of them is given, or the file cannot be read.
        IllegalGraphError: The file holds no legal graph.
    """
    if (name is None) == (file is None):
        raise ConfigError("give exactly one of --structure NAME and --graph FILE")
    if name is not None:
        return structure(name, circuit.leaves)
    assert file is not None
    try:
        with file.open() as stream:
            text = stream.read(MAX_TEXT_LENGTH + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the graph in {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the graph in {file} should be text, actual: {error}") from error
    return read_graph(text)


def p_mode_designs(graph: PrefixGraph, circuit: Circuit, p_mode: str) -> list[Design]:
    """Give the designs that a p mode stands for: one, or one of each for ``best``.

    Raises:
        ConfigError: There is no such p mode.
    """
    if p_mode not in (*P_MODES, "best"):
        raise ConfigError(f"`p_mode` should be xor, or, or best, actual value: {p_mode!r}")
    modes = [mode for mode in P_MODES if p_mode in (mode, "best")]
    unique = {Design.of(graph, circuit, mode): None for mode in modes}
    return list(unique)


def default_store(place: str | None) -> str:
    """Give the store's file or URL: the one that was named, or the file in edarl's home."""
    return place or str(home() / "edarl.db")


def has_store(place: str | None) -> bool:
    """Say whether the store is there; one on a server is said to be."""
    place = default_store(place)
    return "://" in place or Path(place).exists()


@contextmanager
def open_store(place: str | None, *, read_only: bool = False) -> Iterator[Store]:
    """Open the store of designs, by default the one in edarl's home.

    Raises:
        StoreError: It cannot be opened; read-only also when it does not exist.
    """
    from edarl.store import Store

    with Store.open(default_store(place), read_only=read_only) as store:
        yield store


def library_title(name: str) -> str:
    """Give the name of a library as people and files should read it."""
    if name != "default":
        return name
    from edarl.synthesis.library import DEFAULT_LIBRARY

    return DEFAULT_LIBRARY


def circuit_title(circuit: Circuit) -> str:
    """Give a circuit in words, such as ``16-bit adder with cin``."""
    entry = circuit.entry
    title = f"{circuit.width}-bit {circuit.kind.replace('_', ' ')}"
    if circuit.carry_in:
        title += f" with {entry.carry_in}"
    if entry.carry_out is not None and not circuit.carry_out:
        title += f"{' and' if circuit.carry_in else ''} without {entry.carry_out}"
    return title


def constraint_text(constraint: Constraint) -> str:
    """Give what surrounds a circuit, in words."""
    return (
        f"inputs driven by {constraint.driver_cell}, {constraint.load_ff:g} fF on every output, "
        "pre-layout"
    )


def saving_text(regular: float | None, found: float | None) -> str:
    """Give a saving in percent of the regular area, as a table shows it."""
    if found is None:
        return "not met"
    if regular is None:
        return "only found"
    share = 100 * (1 - found / regular)
    if abs(share) < 0.05:
        return "0.0 %"
    return f"[{'green' if share > 0 else 'red'}]{share:+.1f} %[/]"


def write_file(path: Path, text: str | bytes) -> None:
    """Write a file, text as UTF-8: a temporary name first, then renamed.

    Raises:
        ConfigError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode() if isinstance(text, str) else text)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def console(*, stderr: bool = False) -> Console:
    """Give a console; tables go to standard output, everything else to standard error."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


class RunProgressBar:
    """A progress bar on standard error: how far a run is, its best figure, how long it takes.

    Every line fits the terminal; from 80 columns on nothing is cut.
    """

    def __init__(self, title: str, *, hidden: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        self.title = title
        shown = console(stderr=True)
        whole = Column(no_wrap=True, overflow="ellipsis")
        self._progress = Progress(
            TextColumn("[bold]{task.description:<18}", table_column=whole),
            BarColumn(bar_width=max(6, min(30, shown.width - 68))),
            MofNCompleteColumn(table_column=whole),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[figures]}", table_column=whole),
            console=shown,
            disable=hidden,
            transient=False,
        )
        self._tasks: dict[str, Any] = {}  # rich's task ids

    def __enter__(self) -> RunProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, progress: RunProgress) -> None:
        """Show where the run stands."""
        titles = {"frame": "regular structures", "search": self.title, "confirm": "timing, proving"}
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._progress.add_task(
                titles[progress.stage], total=progress.total, figures=""
            )
            if progress.stage == "search" and "frame" in self._tasks:
                self._progress.update(self._tasks["frame"], completed=1)
        self._progress.update(
            self._tasks[progress.stage],
            completed=progress.done,
            total=progress.total,
            figures=_figures(progress) if progress.stage == "search" else "",
        )


def _figures(progress: RunProgress) -> str:
    """Give the best so far: one area for an answer, saving and hypervolume for a run."""
    if "best_area_um2" in progress.scalars:
        return f"best {progress.scalars['best_area_um2']:.1f} um2"
    if "best_delay_ps" in progress.scalars:
        return f"fastest {progress.scalars['best_delay_ps']:.1f} ps"
    saving = progress.best_saving
    best = "-" if saving is None else f"{100 * saving:+.1f} %"
    return f"saves {best}  hv {progress.hypervolume:.4f}"
