"""Measuring a whole library: many cells, side by side, to be stopped and taken up at will."""

from __future__ import annotations

import gzip
import hashlib
import re
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from edarl.errors import ConfigError, LibraryError, ToolError
from edarl.synthesis.characterize.cell import Grid, MeasuredCell, count_decks, measure_cell
from edarl.synthesis.characterize.decks import Bench, Conditions
from edarl.synthesis.characterize.layout import RowLayout, laid_out
from edarl.synthesis.characterize.lef import Macro, read_macros
from edarl.synthesis.characterize.liberty_writer import liberty_text
from edarl.synthesis.characterize.models import model_text
from edarl.synthesis.characterize.simulator import Simulator
from edarl.synthesis.characterize.subcircuits import Subcircuit, merge_fingers, read_subcircuits

__all__ = ["Request", "characterize", "corner_conditions"]

log = structlog.get_logger()

_CORNER = re.compile(r"([A-Za-z0-9]+)_(n?)(\d+)C_(\d+)v(\d+)")
_ROLES = ("input", "output", "power", "ground")


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Attributes:
        spice: SPICE files with the cells' transistors, or folders of them.
        lef: LEF files with their areas and pins, or folders of them.
        models: The process's SPICE model library, or the folder it is in.
        corner: Process, temperature and supply, such as ``tt_025C_1v80``.
        cells: Names or patterns of the cells, such as ``*__nand2_*``.
        grid: Where to measure.
        layout: What is assumed of the cells' layout; None for transistors alone.
        library: The name that the Liberty file gives itself, before the corner; by default the
            part of the cells' names that comes before ``__``.
        notes: Further paragraphs for the head of the file.
    """

    spice: tuple[Path, ...]
    lef: tuple[Path, ...]
    models: Path
    corner: str
    cells: tuple[str, ...]
    grid: Grid = field(default_factory=Grid)
    layout: RowLayout | None = field(default_factory=RowLayout)
    library: str | None = None
    notes: tuple[str, ...] = ()


def characterize(
    request: Request,
    output: Path,
    *,
    folder: Path,
    processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[MeasuredCell]:
    """Measure cells and write a Liberty file.

    What was measured before in the same folder is not measured again, so a run that was stopped
    goes on where it was. A cell that fails does not keep the others from being measured; the file
    is only written when all succeeded.

    Args:
        request: What to measure.
        output: The Liberty file to write; compressed if its name ends in ``.gz``.
        folder: Where simulations and their results are kept.
        processes: How many simulations run side by side.
        on_progress: Told how many of how many simulations are done.

    Raises:
        ConfigError: The corner or the number of processes makes no sense.
        LibraryError: An input file is missing, damaged or does not fit the others, no cell was
            chosen, or a cell is no combinational gate.
        ToolError: ngspice is missing, or measuring failed; the message names every cell that
            failed and the decks that show it.
    """
    if processes < 1:
        raise ConfigError(f"`processes` should be 1 or more, actual value: {processes}")
    conditions = corner_conditions(request.corner)
    found = read_subcircuits(request.spice, request.cells)
    macros = read_macros(request.lef)
    models = model_text(request.models, conditions.process, found.values())
    simulator = Simulator(folder, models)
    benches = [
        _bench(cell, macros.get(cell.name), request, simulator.models_file, conditions)
        for cell in found.values()
    ]
    measured = _measure_all(benches, request.grid, simulator, processes, on_progress)
    first = next(iter(found))
    library = request.library or first.partition("__")[0]
    text = liberty_text(
        f"{library}__{request.corner}",
        measured,
        {name: macros[name].area_um2 for name in found},
        grid=request.grid,
        conditions=conditions,
        how=[*_how(request, simulator, models, found), *request.notes],
    )
    _write(output, text)
    return measured


def corner_conditions(corner: str) -> Conditions:
    """Read a corner's name: ``tt_025C_1v80`` is process tt, 25 degrees Celsius, 1.80 V.

    An ``n`` before the temperature makes it negative: ``ff_n40C_1v95``.

    Raises:
        ConfigError: It is not such a name.
    """
    match = _CORNER.fullmatch(corner)
    if match is None:
        raise ConfigError(
            "`corner` should be like tt_025C_1v80 (process, temperature, supply; n40C for -40 "
            f"degrees), actual value: {corner!r}"
        )
    process, minus, degrees, volts, rest = match.groups()
    supply_v = float(f"{volts}.{rest}")
    if supply_v <= 0:
        raise ConfigError(f"`corner` should have a supply above 0 V, actual value: {corner!r}")
    return Conditions(process, float(degrees) * (-1.0 if minus else 1.0), supply_v)


def _bench(
    cell: Subcircuit,
    macro: Macro | None,
    request: Request,
    models_file: str,
    conditions: Conditions,
) -> Bench:
    if macro is None:
        where = ", ".join(str(file) for file in request.lef)
        raise LibraryError(
            f"cell {cell.name} should be a macro of the LEF files, but is not in {where}"
        )
    odd = [f"{pin} ({macro.pins.get(pin, 'not in the LEF file')})" for pin in cell.ports
           if macro.pins.get(pin) not in _ROLES]  # fmt: skip
    if odd:
        raise LibraryError(
            f"cell {cell.name}: every pin should be an input, an output, power or ground in the "
            f"LEF file, but these are not: {', '.join(odd)}"
        )
    pins = {role: tuple(pin for pin in cell.ports if macro.pins[pin] == role) for role in _ROLES}
    missing = [role for role in _ROLES if not pins[role]]
    if missing:
        raise LibraryError(
            f"cell {cell.name} should have pins of all kinds, but has no {missing[0]}"
        )
    merged = merge_fingers(cell)
    if request.layout is not None:
        merged = laid_out(
            merged,
            request.layout,
            supplies=pins["power"] + pins["ground"],
            ground=pins["ground"],
            height_um=macro.height_um,
        )
    return Bench(
        merged,
        pins["input"],
        pins["output"],
        pins["power"],
        pins["ground"],
        models_file,
        conditions,
    )


def _measure_all(
    benches: Sequence[Bench],
    grid: Grid,
    simulator: Simulator,
    processes: int,
    on_progress: Callable[[int, int], None] | None,
) -> list[MeasuredCell]:
    total = sum(count_decks(bench) for bench in benches)
    done, lock = 0, threading.Lock()
    tell = on_progress or (lambda _done, _total: None)
    tell(0, total)

    def on_deck() -> None:
        nonlocal done
        with lock:
            done += 1
            tell(done, total)

    failures: list[str] = []
    measured: list[MeasuredCell] = []
    # Threads: each waits for its own simulator process. The largest cells go first, so that none
    # of them is left alone at the end.
    order = sorted(benches, key=lambda bench: (-count_decks(bench), bench.cell.name))
    with ThreadPoolExecutor(processes) as pool:
        futures = [pool.submit(measure_cell, bench, grid, simulator, on_deck) for bench in order]
        try:
            for bench, future in zip(order, futures, strict=True):
                try:
                    measured.append(future.result())
                except ToolError as error:
                    log.warning("cell_failed", cell=bench.cell.name, error=str(error))
                    failures.append(f"{bench.cell.name}: {error}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failures:
        raise ToolError(
            f"{len(failures)} of {len(benches)} cells could not be measured, so nothing was "
            "written; what was measured is kept, run the same command again to go on\n"
            + "\n".join(failures)
        )
    return measured


def _how(
    request: Request, simulator: Simulator, models: str, cells: Mapping[str, Subcircuit]
) -> list[str]:
    assumed = "transistors alone, nothing of what a layout adds"
    if request.layout is not None:
        values = ", ".join(f"{name} {value:g}" for name, value in asdict(request.layout).items())
        assumed = (
            "diffusions, strain, contacts and wires are estimated from fingers and gates by the "
            f"rules of edarl.synthesis.characterize.layout with {values}"
        )
    digest = hashlib.sha256(repr(sorted(cells.items())).encode()).hexdigest()
    return [
        f"Measured by edarl (`edarl library characterize`) with ngspice {simulator.version} from "
        "the cells' transistor netlists and the process's device models.",
        f"Not extracted from a layout: {assumed}.",
        "Delays from 50 % of the input to 50 % of the output; transitions from 20 % to 80 %, not "
        "scaled; linear input ramps. Where other inputs may have several values, each entry is "
        "the slowest. Input capacitance is the charge of a full swing, by edge. max_capacitance "
        f"is the load at which the output transition reaches {request.grid.max_transition_ns:g} "
        "ns. Leakage is the supply's power at rest.",
        f"Corner {request.corner}. SHA-256 of the device models used "
        f"{hashlib.sha256(models.encode()).hexdigest()}, of the cells {digest}.",
    ]


def _write(output: Path, text: str) -> None:
    data = text.encode()
    if output.suffix == ".gz":
        data = gzip.compress(data, compresslevel=9, mtime=0)
    temporary = ""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=".", delete=False) as file:
            temporary = file.name
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(output)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise LibraryError(f"{output} cannot be written: {error.strerror or error}") from error
