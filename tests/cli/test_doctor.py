"""What ``edarl doctor`` finds, what it says is missing, and its exit code."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from edarl.cli import doctor
from edarl.cli.app import main
from edarl.cli.doctor import Check, checks
from edarl.cli.output import ExitCode
from edarl.errors import ToolError
from edarl.synthesis import registry
from edarl.synthesis.library import add_library
from edarl.synthesis.timing.warm import made_up_liberty
from tests.tools import require_tool


def check_named(name: str) -> Check:
    (check,) = (check for check in checks() if check.name == name)
    return check


@pytest.fixture
def no_slow_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what needs a second of its own, in tests that are about something else."""
    monkeypatch.setattr(doctor, "_torch", lambda: Check("PyTorch", False, True, "left out"))
    monkeypatch.setattr(doctor, "_yosys", lambda _: "left out")


def test_what_comes_with_the_package_is_found_and_runs(tmp_path: Path) -> None:
    assert doctor._abc(tmp_path) == f"runs; from pyosys {metadata.version('pyosys')}"
    assert doctor._yosys(tmp_path) == f"runs; from pyosys {metadata.version('pyosys')}"


@pytest.mark.usefixtures("no_slow_checks")
@pytest.mark.parametrize("tool", ["iverilog", "sta", "ngspice"])
def test_an_installed_outside_tool_is_found_with_its_place(tool: str) -> None:
    path = require_tool(tool)
    check = check_named({"sta": "OpenSTA"}.get(tool, tool))
    assert check.ok
    assert not check.required
    assert check.found.endswith(path)


@pytest.mark.usefixtures("no_slow_checks")
def test_outside_tools_are_optional_and_the_remedy_names_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["doctor"]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert "iverilog: install iverilog (Debian: apt-get install iverilog)" in said
    assert "OpenSTA: install OpenSTA (Debian: apt-get install opensta)" in said
    assert "ngspice: install ngspice (Debian: apt-get install ngspice)" in said
    assert "Everything that edarl needs is here." in said


@pytest.mark.usefixtures("no_slow_checks")
def test_a_fresh_machine_has_the_default_library_and_is_told_how_to_get_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path))
    assert main(["doctor", "--json"]) == ExitCode.DONE
    checked = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checked["cell library"]["ok"] is checked["cell library"]["required"] is True
    assert checked["cell library"]["found"].startswith("sky130, comes with edarl")
    more = checked["more cell libraries"]
    assert (more["required"], more["ok"], more["found"]) == (False, False, "none added")
    assert "edarl library install osu018" in more["remedy"]
    assert list(tmp_path.iterdir()) == []


def test_libraries_that_were_added_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDARL_HOME", str(tmp_path))
    (tmp_path / "mine.lib").write_text(made_up_liberty())
    add_library("mine", [tmp_path / "mine.lib"])
    check = doctor._more_libraries()
    assert check.ok
    assert "mine" in check.found.split(", ")


@pytest.mark.usefixtures("no_slow_checks")
def test_a_broken_installation_without_the_default_library_is_a_no(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "_BOX", tmp_path)
    assert main(["doctor", "--json"]) == ExitCode.NO
    answer = json.loads(capsys.readouterr().out)
    assert answer["ready"] is False
    (check,) = (c for c in answer["checks"] if c["required"] and not c["ok"])
    assert check["name"] == "cell library"
    assert f"its file {tmp_path}" in check["found"]
    assert check["remedy"] == "python -m pip install --force-reinstall edarl"


@pytest.mark.usefixtures("no_slow_checks")
def test_everything_there_is_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["ready"] is True


@pytest.mark.parametrize("home", ["relative/folder", "/dev/null/folder", "/proc/edarl"])
def test_an_unusable_home_folder_is_reported(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDARL_HOME", home)
    check = doctor._home()
    assert check.required
    assert not check.ok
    assert check.remedy == "set EDARL_HOME to a folder that you can write to"


@pytest.mark.usefixtures("no_slow_checks")
def test_a_tool_that_hangs_or_crashes_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(workdir: Path) -> str:
        raise ToolError("sta ended with signal SIGSEGV", log_tail=["core dumped"])

    monkeypatch.setattr(doctor, "_opensta", broken)
    check = check_named("OpenSTA")
    assert not check.ok
    assert check.found == "sta ended with signal SIGSEGV"


@pytest.mark.usefixtures("no_slow_checks")
def test_missing_packages_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in {"torch", "safetensors"}:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    check = check_named("packages for agents")
    assert not check.ok
    assert not check.required
    assert check.found == "missing: safetensors, torch"
    assert check.remedy == "python -m pip install 'edarl[agents]'"


def test_pytorch_is_reported_with_its_version_and_device() -> None:
    pytest.importorskip("torch", reason="needs the extra `agents`")
    version = metadata.version("torch")
    check = doctor._torch()
    assert check.ok
    assert check.found.startswith(f"{version} on ")
