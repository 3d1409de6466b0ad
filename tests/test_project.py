"""What holds for the project as a whole: public names, imports, documents, commands."""

import ast
import importlib
import inspect
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edarl import errors
from edarl.cli.app import COMMANDS, build, load
from edarl.metrics import METRICS
from tests.conftest import ROOT
from tests.imports import modules_after

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "edarl").rglob("*.py")
)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DOCS = "\n".join(path.read_text() for path in DOCUMENTS if path.parent != ROOT)

# Rooms that may import torch, and the packages that a light import must not pull in.
ROOMS_WITH_TORCH = {"agents", "runs", "service", "cli"}
HEAVY = {"torch", "ray", "fastapi", "matplotlib", "stable_baselines3"}


def tree_of(module: str) -> ast.Module:
    base = ROOT.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return ast.parse(path.read_text())


def committed_files() -> list[Path]:
    """Files of the project as git sees them: committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


# ------------------------------------------------------------------- modules


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_exactly_those_in_all(module: str) -> None:
    imported = importlib.import_module(module)
    declared = getattr(imported, "__all__", None)
    assert declared is not None, f"{module} should declare `__all__`"
    assert len(declared) == len(set(declared)), f"{module}.__all__ repeats a name"
    missing = [name for name in declared if not hasattr(imported, name)]
    assert not missing, f"{module}.__all__ names what is not there: {missing}"
    defined = {
        node.name
        for node in tree_of(module).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
    }
    assert defined <= set(declared), f"{module}.__all__ lacks {sorted(defined - set(declared))}"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree_of(module)), f"{module} should have a docstring"


def test_every_room_is_a_regular_package() -> None:
    folders = {path.parent for path in (ROOT / "edarl").rglob("*.py")}
    lacking = {folder.relative_to(ROOT).as_posix() for folder in folders}
    lacking -= {folder for folder in lacking if (ROOT / folder / "__init__.py").is_file()}
    assert not lacking, f"these lack an __init__.py, and import-linter cannot see them: {lacking}"


def test_the_package_is_marked_as_typed() -> None:
    assert (ROOT / "edarl" / "py.typed").is_file()


def test_the_version_is_stated_once_and_the_same() -> None:
    assert importlib.import_module("edarl").__version__ == PYPROJECT["project"]["version"]


# ------------------------------------------------------------------- imports


def rooms() -> list[str]:
    """The rooms by directory or module name."""
    return sorted({module.split(".")[1] for module in MODULES if "." in module})


def test_importing_edarl_pulls_in_nothing_heavy() -> None:
    assert not (HEAVY | {"numpy", "gymnasium", "sqlalchemy"}) & modules_after("import edarl")


@pytest.mark.parametrize("room", [room for room in rooms() if room not in ROOMS_WITH_TORCH])
def test_rooms_below_agents_import_nothing_heavy(room: str) -> None:
    inside = [module for module in MODULES if module.split(".")[1:2] == [room]]
    loaded = modules_after("\n".join(f"import {module}" for module in inside))
    assert not HEAVY & loaded


def layers() -> list[set[str]]:
    """The layers of the import contract, highest first."""
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    return [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]


def test_the_import_contract_is_the_table_of_rooms() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("\n## Rooms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section, re.MULTILINE)
    assert [set(re.findall(r"\w+", row)) for row in rows] == layers()


def test_every_room_is_under_the_import_contract() -> None:
    assert set(rooms()) <= set().union(*layers())


# ----------------------------------------------------------------- documents


def test_every_document_is_in_the_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    documents = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    linked = set(re.findall(r"\]\(([^)#]+\.md)", index))
    assert documents - {"index.md"} <= linked


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    broken = [target for target in targets if not (document.parent / target).exists()]
    assert not broken


def test_the_changelog_has_a_section_for_this_version_or_the_next() -> None:
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    version = PYPROJECT["project"]["version"]
    assert heads[0].startswith(("Unreleased", version))


def test_the_error_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]  # it has one
        if match := re.match(r"((?:[│ ]   )*)(?:[├└]── )?(\w*Error)\b", line):
            depth = len(match.group(1)) // 4 + ("──" in line)
            path[depth:] = [match.group(2)]
            drawn[match.group(2)] = path[depth - 1] if depth else "Exception"
    actual = {
        name: kind.__base__.__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    assert drawn == actual


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_in_the_documents(metric: str) -> None:
    assert f"`{metric}`" in DOCS


# ------------------------------------------------------------------ commands


def command_paths() -> Iterator[tuple[str, Any]]:  # Any: typer's command classes are private
    """Every command with its full name, ``library add`` for one in a group."""
    for name, verb in COMMANDS.items():
        command = load(verb)
        yield name, command
        for inner, subcommand in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", subcommand


def test_every_command_and_option_is_in_the_documents() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    wanted = {f"edarl {name}" for name, _ in command_paths()}
    for command in [build(), *(command for _, command in command_paths())]:
        shown = [
            parameter for parameter in command.params if not getattr(parameter, "hidden", False)
        ]
        wanted |= {option for parameter in shown for option in parameter.opts}
    wanted = {name for name in wanted if name.startswith(("edarl ", "--"))}
    wanted -= {"--install-completion", "--show-completion"}
    undocumented = {name for name in wanted if not re.search(rf"{re.escape(name)}\b", text)}
    assert not undocumented


def test_every_setting_is_in_the_documents() -> None:
    code = [*(ROOT / "edarl").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    used = {name for path in code for name in re.findall(r"\bEDARL_[A-Z_]+\b", path.read_text())}
    assert used
    assert not {name for name in used if f"`{name}`" not in DOCS}


def readme_commands() -> list[list[str]]:
    """The command lines of the README's shell blocks, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [line.split() for block in blocks for line in block.splitlines() if line.strip()]


def test_the_readme_has_the_two_commands() -> None:
    assert readme_commands()[:2] == [["make", "demo"], ["make", "test"]]


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", README + DOCS))
    named |= {words[1] for words in readme_commands() if words[0] == "make"}
    assert named <= targets


def test_commands_in_the_readme_exist_with_their_options() -> None:
    commands = dict(command_paths())
    for words in readme_commands():
        if words[0] != "edarl":
            continue
        name = " ".join(words[1:3]) if " ".join(words[1:3]) in commands else words[1]
        assert name in commands, " ".join(words)
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, " ".join(words)


# --------------------------------------------------------------------- files


def test_no_file_names_a_place_of_one_machine() -> None:
    private = re.compile(r"/(?:home|Users)/\w+/|/root/|/work/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_bytes().decode(errors="ignore").splitlines(), 1)
        if private.search(line)
    ]
    assert not found


def test_constraints_pin_exact_public_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert not [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[0-9][0-9a-z.]*", pin)]


def test_every_required_package_is_pinned() -> None:
    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *PYPROJECT["build-system"]["requires"]]
    for extra in ("agents", "dev", "ray"):
        wanted += project["optional-dependencies"][extra]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {plain(line.partition("==")[0]) for line in lines if "==" in line}
    names = {plain(re.split(r"[^\w.-]", requirement)[0]) for requirement in wanted}
    assert names <= pinned
