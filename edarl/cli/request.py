"""``edarl request``: ask a service for a proven circuit and write it to a file."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edarl.cli.common import (
    CarryIn,
    CarryOut,
    DriverCell,
    Json,
    LoadFf,
    Seed,
    console,
    make_circuit,
    parse_delay_ps,
    write_file,
)
from edarl.cli.output import ExitCode, print_json
from edarl.client import DEFAULT_URL, Client, DesignAnswer, Job

if TYPE_CHECKING:
    from edarl.client import DesignRequest

__all__ = ["app", "request"]

app = typer.Typer(add_completion=False)


@app.command()
def request(
    circuit: Annotated[str, typer.Argument(help="Kind of circuit, such as adder.")],
    width: Annotated[int, typer.Argument(help="Operand width in bits, 2 to 256.")],
    *,
    max_delay: Annotated[
        str | None, typer.Option(help="Delay to meet, such as 350ps or 0.35ns; none: the smallest.")
    ] = None,
    weight: Annotated[
        float | None,
        typer.Option(help="Instead of a delay: how much area counts against delay, 0 to 1."),
    ] = None,
    cin: CarryIn = False,
    cout: CarryOut = True,
    library: Annotated[
        str, typer.Option("--library", "-l", help="Cell library of the service, by name.")
    ] = "default",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the structural Verilog here.")
    ] = None,
    netlist: Annotated[
        Path | None, typer.Option(help="Write the mapped netlist of library cells here.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="Write a zip with every file of the design here.")
    ] = None,
    effort: Annotated[
        str,
        typer.Option(
            help="lookup: what the service knows; quick: a short search where that is little; "
            "thorough: a long one."
        ),
    ] = "quick",
    driver: DriverCell = None,
    load_ff: LoadFf = None,
    seed: Seed = 0,
    server: Annotated[
        str,
        typer.Option(envvar="EDARL_SERVER", help="Where the service is."),
    ] = DEFAULT_URL,
    timeout_s: Annotated[
        float | None, typer.Option(help="How long to wait for the answer, in seconds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a service for the smallest proven circuit that meets a delay.

    The service answers at once from what it knows, or searches as a job, which is waited for. Every
    file is compared with the sha256 that the service gives. Exit code 1 when the delay cannot be
    met; the fastest that was found is named then, and nothing is written. Where the service wants a
    key, EDARL_API_KEY holds it.
    """
    from edarl.runs.jobs.requests import parse_request

    wanted = {
        "circuit": circuit,
        "width": width,
        "carry_in": cin,
        "carry_out": make_circuit(circuit, width, carry_in=cin, carry_out=cout).carry_out,
        "library": library,
        "driver_cell": driver,
        "load_ff": load_ff,
        "max_delay_ps": parse_delay_ps(max_delay) if max_delay is not None else None,
        "weight": weight,
        "effort": effort,
        "seed": seed,
    }
    asked: DesignRequest = parse_request("design", wanted)  # type: ignore[assignment]
    with Client(server, api_key=_api_key()) as client:
        with _Waiting(hidden=as_json) as waiting:
            answer = client.design(asked, timeout_s=timeout_s, on_progress=waiting)
        files = _download(client, answer, {"verilog": output, "netlist": netlist}, archive)
    if as_json:
        print_json(_document(answer, files))
    else:
        _show(answer, asked, files, server)
    raise typer.Exit(ExitCode.DONE if answer.met else ExitCode.NO)


def _api_key() -> str | None:
    """Give the key from the environment: an argument would be seen by every user of a machine."""
    import os

    return os.environ.get("EDARL_API_KEY") or None


def _download(
    client: Client, answer: DesignAnswer, wanted: dict[str, Path | None], archive: Path | None
) -> dict[str, str]:
    """Write what was asked for, once all of it has come; give each path with what it is."""
    if not answer.met or answer.design is None:
        return {}
    contents = {
        kind: client.file(answer.design, kind) for kind, path in wanted.items() if path is not None
    }
    if archive is not None:
        contents["zip"] = client.archive(answer.design)
    files = {}
    for kind, path in (*wanted.items(), ("zip", archive)):
        if path is not None:
            write_file(path, contents[kind])
            files[str(path)] = kind
    return files


def _document(answer: DesignAnswer, files: dict[str, str]) -> dict[str, Any]:
    return {
        "met": answer.met,
        "searched_effort": answer.searched_effort,
        "store_version": answer.store_version,
        "job": answer.job.id if answer.job is not None else None,
        "design": dict(answer.design.document) if answer.design is not None else None,
        "files": files,
    }


def _show(answer: DesignAnswer, asked: DesignRequest, files: dict[str, str], server: str) -> None:
    shown, design = console(), answer.design
    title = f"{asked.width}-bit {asked.circuit.replace('_', ' ')}"
    if not answer.met or design is None:
        said = f"[bold red]not met[/]: no {title} on {asked.library} was found"
        if asked.max_delay_ps is not None:
            said += f" at {asked.max_delay_ps:g} ps"
        if design is not None:
            said += (
                f"; the fastest takes {design.delay_ps:.1f} ps ({design.area_um2:.1f} um2). Ask "
                f"for --max-delay {math.ceil(design.delay_ps)}ps, or search longer with "
                "--effort thorough"
            )
        shown.print(f"{said}.")
        return
    shown.print(
        f"[bold green]{title}[/] on {design.library}: [bold]{design.area_um2:.1f} um2 at "
        f"{design.delay_ps:.1f} ps[/], pre-layout"
    )
    if design.saving is not None:
        low, high = (
            f"{100 * share:.1f}" for share in (design.saving.at_least, design.saving.at_most)
        )
        shown.print(
            f"  saves {low if low == high else f'{low} to {high}'} % of the area of the best "
            "classic structure at that delay"
        )
    shown.print(f"  {server.rstrip('/')}/designs/{design.id}", markup=False, soft_wrap=True)
    for path, what in files.items():
        shown.print(f"  wrote {path} ({what}), sha256 compared", markup=False, soft_wrap=True)
    if not files:
        shown.print("  write it with -o FILE.v (structural) or --netlist FILE.v (mapped)")


class _Waiting:
    """One line on standard error: what the job is doing, and for how long."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.status import Status

        self._status = None if hidden else Status("asking", console=console(stderr=True))
        self._begun = False

    def __enter__(self) -> _Waiting:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is None or not self._begun:
            return
        self._status.stop()
        if kind is KeyboardInterrupt:
            console(stderr=True).print("the job goes on; the same request waits for it again")

    def __call__(self, job: Job) -> None:
        """Show where the job stands."""
        if self._status is None:
            return
        if not self._begun:
            self._begun = True
            console(stderr=True).print(f"job {job.id}", markup=False)
            self._status.start()
        self._status.update(_job_text(job))


def _job_text(job: Job) -> str:
    """Give where a job stands, in words."""
    progress = job.progress or {}
    text = f"{job.status}"
    if "stage" in progress:
        text += f", {progress['stage']}"
    if progress.get("total"):
        text += f" {progress.get('done', 0)} of {progress['total']}"
    return text
