"""``edarl train``: train an agent from a file of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edarl.cli.common import Json, StorePath
from edarl.cli.search import execute
from edarl.errors import ConfigError

__all__ = ["app", "train"]

app = typer.Typer(add_completion=False)


@app.command()
def train(
    *,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings, such as configs/adder16.toml.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE over the file, such as width=32 or dqn.gamma=0.9."),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default a new one in edarl's home.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, with its own settings.")
    ] = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Train an agent; its folder holds settings, metrics and checkpoints, and can be resumed.

    Ctrl-C ends the training; what was found until then is timed, proven and kept, the exit code is
    130, and --resume goes on.
    """
    from edarl.runs.config import read_config
    from edarl.runs.directory import RunDirectory

    if resume is not None:
        if config is not None or settings:
            raise ConfigError(
                "--resume goes on with the run's own settings; leave --config and --set"
            )
        directory = RunDirectory.open(resume)
    else:
        chosen = read_config(
            config, ["method=agent", *(settings or [])] if config is None else settings or []
        )
        if chosen.method not in ("agent", "ppo"):
            raise ConfigError(
                f"`method` should be agent or ppo for training, actual value: {chosen.method}; "
                "the others are run by `edarl search`"
            )
        directory = RunDirectory.create(chosen, run_dir)
    execute(directory, store, as_json=as_json)
