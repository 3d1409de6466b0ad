"""``edarl train``: train an agent from a file of settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edarl.cli.common import Json, StorePath, console
from edarl.cli.output import print_json
from edarl.cli.search import execute
from edarl.errors import ConfigError

if TYPE_CHECKING:
    from edarl.runs.config import RunConfig

__all__ = ["app", "train"]

app = typer.Typer(add_completion=False)


@app.command()
def train(
    *,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings, such as configs/adder16.toml.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Named settings that hold where file and --set say nothing: cpu8 or cpu16, for "
            "adders of so many bits on one core, cpu16-plain without a model of costs; gpu32 or "
            "gpu64; prefixrl, the published one."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Go on from the network and judge of this trained agent or policy."),
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
    ray: Annotated[
        str | None,
        typer.Option(
            help="Train with Ray workers: local starts Ray here, auto joins this machine's "
            "cluster, else a head's address."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Rollout workers on Ray; by default one less than there are cores."),
    ] = None,
    submit: Annotated[
        str | None,
        typer.Option(help="Hand the training to this cluster as a job, such as http://head:8265."),
    ] = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Train an agent; its folder holds settings, metrics and checkpoints, and can be resumed.

    Ctrl-C ends the training; what was found until then is timed, proven and kept, the exit code is
    130, and --resume goes on. With --ray many processes train one agent; a lost one is replaced.
    """
    from edarl.runs.config import read_config
    from edarl.runs.directory import RunDirectory

    if workers is not None and ray is None and submit is None:
        raise ConfigError("--workers are Ray's; give --ray local too, or leave it")
    if submit is not None and any((ray, resume, run_dir, store)):
        raise ConfigError(
            "--submit trains elsewhere, in a new folder there; leave --ray, --resume, --run-dir "
            "and --store"
        )
    options = None
    if ray is not None:
        from edarl.runs.ray import RayOptions

        options = RayOptions(address=ray, workers=workers)
    if resume is not None:
        if any((config, preset, weights, settings)):
            raise ConfigError(
                "--resume goes on with the run's own settings; leave --config, --preset, "
                "--weights and --set"
            )
        directory = RunDirectory.open(resume)
    else:
        chosen = read_config(config, _overrides(config, preset, weights, settings or []))
        if chosen.method not in ("agent", "ppo", "guided"):
            raise ConfigError(
                "`method` should be agent, ppo or guided for training, "
                f"actual value: {chosen.method}; the others are run by `edarl search`"
            )
        if submit is not None:
            _hand_over(submit, chosen, workers, as_json=as_json)
            return
        directory = RunDirectory.create(chosen, run_dir)
    execute(directory, store, as_json=as_json, ray=options)


def _overrides(
    config: Path | None, preset: str | None, weights: Path | None, settings: list[str]
) -> list[str]:
    """Give what the options say over the file, as --set would say it."""
    overrides = ["method=agent"] if config is None and preset is None else []
    if preset is not None:
        overrides.append(f"preset={preset}")
    if weights is not None:
        overrides.append(f"dqn.weights={json.dumps(str(weights.resolve()))}")
    return [*overrides, *settings]


def _hand_over(address: str, config: RunConfig, workers: int | None, *, as_json: bool) -> None:
    from edarl.runs.ray import submit, training_command

    job = submit(address, config, workers=workers)
    command = training_command(config, workers=workers)
    if as_json:
        print_json({"job": job, "address": address, "command": command})
        return
    shown = console()
    shown.print(f"submitted as {job}:", markup=False, soft_wrap=True)
    shown.print(f"  {command}", markup=False, soft_wrap=True)
    shown.print(f"ray job logs --follow --address {address} {job}", markup=False, soft_wrap=True)
