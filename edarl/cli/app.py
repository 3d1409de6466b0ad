"""The ``edarl`` command: which verbs there are, the options they share, how errors end.

A verb lives in a module of its own under `edarl.cli`, holds a `typer.Typer` named ``app`` and is
imported only when it runs, so that ``edarl --help`` answers at once. To add one, write the module
and add its row to `COMMANDS`.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from edarl import __version__
from edarl.cli.output import ExitCode, error_document, print_error, print_json
from edarl.errors import EdarlError

__all__ = ["COMMANDS", "Verb", "build", "load", "main"]


class Verb(NamedTuple):
    """One row of the command table.

    Attributes:
        module: The module that holds the verb's ``app``.
        summary: Its line in ``edarl --help``, without a full stop.
    """

    module: str
    summary: str


COMMANDS: Mapping[str, Verb] = {
    "demo": Verb("edarl.cli.demo", "Let an agent search a 16-bit adder against its baselines"),
    "adder": Verb("edarl.cli.adder", "Get the smallest proven adder that meets a delay"),
    "request": Verb("edarl.cli.request", "Ask a service for a proven circuit that meets a delay"),
    "evaluate": Verb("edarl.cli.evaluate", "Area and delay of one prefix graph"),
    "search": Verb("edarl.cli.search", "Search for better designs of a circuit"),
    "train": Verb("edarl.cli.train", "Train an agent from a file of settings"),
    "runs": Verb("edarl.cli.runs", "Runs: list, show, watch, stop"),
    "agents": Verb("edarl.cli.agents", "Trained agents: list, show, ask for designs"),
    "front": Verb("edarl.cli.front", "Show the proven front of a circuit, with its baselines"),
    "export": Verb(
        "edarl.cli.export", "Write a design as Verilog, netlist, testbench, drawing, ..."
    ),
    "prove": Verb("edarl.cli.prove", "Prove or refute that a Verilog file is a circuit"),
    "serve": Verb("edarl.cli.serve", "Serve designs, jobs and fronts over HTTP, with pages"),
    "keys": Verb("edarl.cli.keys", "API keys of the service: create, list, revoke"),
    "library": Verb("edarl.cli.library", "Cell libraries: list, show, add, fetch, measure, remove"),
    "cell": Verb("edarl.cli.cell", "Standard cells: list, place, route, check"),
    "worker": Verb("edarl.cli.worker", "Do the jobs of the service"),
    "doctor": Verb("edarl.cli.doctor", "Show what is installed, what is missing, how to get it"),
}
"""Every verb of ``edarl``, in the order in which the help lists them."""


class _LazyCommand(TyperCommand):
    """Stands for a verb in listings; imports the verb's module when it is about to run."""

    def __init__(self, name: str, verb: Verb) -> None:
        super().__init__(name=name, help=verb.summary, short_help=verb.summary)
        self._verb = verb

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Give the real verb's context; Any: typer's own types for these are private."""
        return load(self._verb).make_context(*args, **kwargs)


def load(verb: Verb) -> Any:  # Any: typer's class for a built command is private
    """Import a verb's module and give its command or command group, ready to run."""
    return typer.main.get_command(importlib.import_module(verb.module).app)


def build() -> TyperGroup:
    """Put the command together from the shared options and the table of verbs."""
    root = typer.Typer(
        name="edarl", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    root.callback()(_shared_options)
    group = typer.main.get_command(root)
    assert isinstance(group, TyperGroup)
    for name, verb in COMMANDS.items():
        group.add_command(_LazyCommand(name, verb))
    return group


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code.

    Args:
        arguments: What follows ``edarl``; by default what the shell passed.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build().main(args=given, prog_name="edarl")
    except SystemExit as end:  # this is how typer ends, also when all is well
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except KeyboardInterrupt:
        print_error("interrupted")
        return ExitCode.INTERRUPTED
    except EdarlError as error:
        return _failed(error, ExitCode.CANNOT, as_json="--json" in given)
    except Exception as error:  # the outermost place: nothing above could still handle it
        traceback.print_exc()
        return _failed(error, ExitCode.BUG, as_json="--json" in given)
    return ExitCode.DONE


def _failed(error: Exception, code: ExitCode, *, as_json: bool) -> ExitCode:
    if as_json:
        print_json(error_document(error))
    what = "this is a bug in edarl, please report it: " if code is ExitCode.BUG else ""
    print_error(f"{what}{error}" if str(error) else f"{what}{type(error).__name__}")
    return code


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edarl {__version__}")
        raise typer.Exit


def _shared_options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log more; twice for everything.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log errors only.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log as JSON lines.")] = False,
) -> None:
    """Find, size and prove datapath circuits with synthesis in the loop.

    Answers go to standard output, everything else to standard error.
    """
    from edarl.log import configure

    level = "error" if quiet else ("warning", "info", "debug")[min(verbose, 2)]
    configure(level, json=log_json)
