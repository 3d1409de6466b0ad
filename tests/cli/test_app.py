"""The frame of the command line: listing, laziness, how errors end, what goes to which stream."""

import json
import sys
import types

import pytest
import typer

from edarl import __version__
from edarl.cli import app as cli_app
from edarl.cli.app import COMMANDS, Verb, load, main
from edarl.cli.output import ExitCode, print_json
from edarl.errors import LibraryError
from tests.imports import modules_after


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A verb ``fail`` that raises whatever ``error`` is set to."""
    what = types.SimpleNamespace(error=None)
    module = types.ModuleType("edarl_failing_verb")
    module.app = typer.Typer()  # type: ignore[attr-defined]

    @module.app.command()  # type: ignore[attr-defined]
    def fail(as_json: bool = typer.Option(False, "--json")) -> None:
        raise what.error

    monkeypatch.setitem(sys.modules, module.__name__, module)
    verb = Verb(module.__name__, "Fail")
    monkeypatch.setattr(cli_app, "COMMANDS", {**COMMANDS, "fail": verb})
    return what


def test_version_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"edarl {__version__}\n"


def test_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == ExitCode.DONE
    listing = capsys.readouterr().out
    for name, verb in COMMANDS.items():
        assert f" {name} " in listing
        assert verb.summary.split()[0] in listing


def test_help_imports_no_room_and_nothing_heavy() -> None:
    loaded = modules_after("from edarl.cli import main; main(['--help'])")
    heavy = {"numpy", "torch", "gymnasium", "sqlalchemy", "matplotlib", "pyverilog", "pyosys"}
    assert not heavy & loaded
    assert not {verb.module for verb in COMMANDS.values()} & loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_loads_and_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(COMMANDS[name]).help, "a command's function needs a docstring: it is its help"
    assert main([name, "--help"]) == ExitCode.DONE
    assert f"edarl {name}" in capsys.readouterr().out


def test_a_misspelt_command_is_a_usage_error_with_a_suggestion(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["docter"]) == ExitCode.CANNOT
    said = capsys.readouterr()
    assert said.out == ""
    assert "Did you mean 'doctor'?" in said.err


def test_an_edarl_error_is_one_message_and_exit_code_2(
    failing: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.error = LibraryError("no cell serves `a[3]`: add a [library] that has one")
    assert main(["fail"]) == ExitCode.CANNOT
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: no cell serves `a[3]`: add a [library] that has one\n"


def test_with_json_an_error_is_a_document_on_standard_output(
    failing: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.error = LibraryError("no such library")
    assert main(["fail", "--json"]) == ExitCode.CANNOT
    said = capsys.readouterr()
    assert json.loads(said.out) == {"error": {"type": "LibraryError", "message": "no such library"}}
    assert said.err == "error: no such library\n"


def test_a_bug_shows_its_traceback_and_exit_code_70(
    failing: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.error = ZeroDivisionError("oops")
    assert main(["fail"]) == ExitCode.BUG
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "this is a bug in edarl, please report it: oops" in said


def test_an_interrupt_ends_with_130(failing: types.SimpleNamespace) -> None:
    failing.error = KeyboardInterrupt()
    assert main(["fail"]) == ExitCode.INTERRUPTED


def test_json_answers_refuse_infinities() -> None:
    with pytest.raises(ValueError, match="JSON"):
        print_json({"delay_ps": float("inf")})
