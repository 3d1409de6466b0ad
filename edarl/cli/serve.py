"""``edarl serve``: the service on this machine, with a worker in the same command if wanted."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from edarl.cli.common import console
from edarl.errors import ConfigError

__all__ = ["app", "serve"]

app = typer.Typer()


@app.command()
def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(
            "--host", help="Address to listen on; by default 127.0.0.1. Others need API keys."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", help="Port to listen on; by default 8400; 0 is a free one."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            help="Database of designs and jobs: a file, or postgresql://...; by default edarl.db "
            "in edarl's home.",
        ),
    ] = None,
    with_worker: Annotated[
        bool, typer.Option("--with-worker", help="Start a worker, too, which does the jobs.")
    ] = False,
    slots: Annotated[
        int, typer.Option("--slots", min=1, max=64, help="Jobs the worker does at the same time.")
    ] = 1,
    ray: Annotated[
        str,
        typer.Option(
            "--ray",
            help="Where its jobs run: none (processes of its own), local, auto, or HOST:PORT.",
        ),
    ] = "none",
) -> None:
    """Answer requests for designs, jobs and fronts over HTTP, with pages for a browser.

    Ctrl-C ends it. Without --with-worker jobs wait for `edarl worker`.
    """
    try:
        from edarl.service.app import create_app
        from edarl.service.context import Service
        from edarl.service.server import Server, listen, url_of
        from edarl.service.settings import read_settings
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the service needs the package {error.name}: python -m pip install 'edarl[service]'"
        ) from error
    settings = read_settings(host=host, port=port, database=database)
    with ExitStack() as stack:
        opened = stack.enter_context(listen(settings))
        service = Service.open(settings)
        stack.callback(service.close)
        worker = None
        if with_worker:
            from edarl.service.worker import spawn_worker

            worker = spawn_worker(settings, slots=slots, ray=ray)
            stack.callback(worker.stop)
        server = Server(create_app(service=service), service, worker.ensure if worker else None)
        url, out = url_of(opened), console()
        out.print(f"edarl serves {url}", soft_wrap=True)
        out.print(f"API: {url}/docs", soft_wrap=True)
        out.print(f"database: {service.store.place}", markup=False, soft_wrap=True)
        server.run(sockets=[opened])
