"""``edarl worker``: does the jobs of the service."""

from __future__ import annotations

import platform
import signal
from typing import Annotated

import typer

from edarl.cli.common import console
from edarl.cli.output import ExitCode
from edarl.errors import ConfigError

__all__ = ["app", "worker"]

app = typer.Typer()

_SEEN_S = 30.0


@app.command()
def worker(
    *,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "--store",
            help="Database of designs and jobs: a file, or postgresql://...; by default edarl.db "
            "in edarl's home.",
        ),
    ] = None,
    slots: Annotated[
        int, typer.Option("--slots", min=1, max=64, help="Jobs to do at the same time.")
    ] = 1,
    ray: Annotated[
        str,
        typer.Option(
            "--ray", help="Where jobs run: none (processes of its own), local, auto, or HOST:PORT."
        ),
    ] = "none",
    kinds: Annotated[
        str, typer.Option("--kinds", help="Kinds of jobs to take, with commas; by default all.")
    ] = "",
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say whether a worker of this machine lives."),
    ] = False,
    parent: Annotated[int, typer.Option("--parent", hidden=True)] = 0,
) -> None:
    """Do the jobs of the service: designs, rollouts, trainings, layouts.

    Jobs wait in the database, which may be another machine's PostgreSQL; several workers may share
    it. Ctrl-C or SIGTERM gives unfinished jobs back; whatever is killed is tried again by whoever
    is left. With --check the exit code is 1 where no worker of this machine was seen lately.
    """
    try:
        from edarl.service.settings import read_settings
        from edarl.service.worker.settings import KINDS, WorkerSettings
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the service needs the package {error.name}: python -m pip install 'edarl[service]'"
        ) from error
    target = read_settings(database=database).store_target
    if check:
        raise typer.Exit(ExitCode.DONE if _is_seen(target) else ExitCode.NO)
    if parent:
        from edarl.service.worker.parent import die_with_parent

        die_with_parent(parent, signal.SIGTERM)  # so that it gives its jobs back
    chosen = tuple(kind.strip() for kind in kinds.split(",") if kind.strip()) or KINDS
    settings = WorkerSettings(target, slots=slots, ray=ray, kinds=chosen)
    from edarl.service.worker.supervisor import Supervisor

    supervisor = Supervisor(settings)
    console(stderr=True).print(
        f"worker {supervisor.name}: {slots} slots", markup=False, highlight=False, soft_wrap=True
    )
    supervisor.run()


def _is_seen(target: str) -> bool:
    """Whether a worker of this machine said lately that it lives."""
    from edarl.store import Store
    from edarl.store.workers import list_workers

    with Store.open(target, read_only=True) as store:
        living = list_workers(store, within_s=_SEEN_S)
    return any(record.name.startswith(f"{platform.node()}-") for record in living)
