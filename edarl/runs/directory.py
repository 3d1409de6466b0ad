"""A run's folder: settings as resolved, versions, metrics, saved states. Everything to go on with.

config.json     the settings as resolved
manifest.json   versions, git revision, machine, when it began
frame.json      the targets and scales the run works with
metrics.jsonl   one line per report; every name is in docs/metrics.md
state.json      where the run stands
agent/          the agent's checkpoint, for the methods that learn
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import edarl
from edarl.config import home
from edarl.errors import CheckpointError, ConfigError
from edarl.objectives.frame import Frame
from edarl.runs.config import RunConfig
from edarl.synthesis.library import DEFAULT_LIBRARY
from edarl.synthesis.process import tool_versions

__all__ = ["RunDirectory", "machine_name", "versions"]


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, config: RunConfig, path: Path | None = None) -> RunDirectory:
        """Make a new folder for a run; by default under edarl's home, named by time and settings.

        Raises:
            ConfigError: The folder exists already or cannot be made.
        """
        if path is None:
            stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
            name = f"{stamp}-{config.method}-{config.problem().name}-seed{config.seed}"
            path = home() / "runs" / name
            for attempt in range(2, 1000):
                if not path.exists():
                    break
                path = home() / "runs" / f"{name}-{attempt}"
        if path.exists() and any(path.iterdir()):
            raise ConfigError(
                f"{path} should be a new folder, but it is not empty; "
                "continue what is there with --resume, or name another"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the run's folder {path}: {error}") from error
        run = cls(path)
        if config.library == "default":  # another edarl may have another one
            config = config.model_copy(update={"library": DEFAULT_LIBRARY})
        run.write("config.json", config.model_dump(mode="json"))
        run.write(
            "manifest.json",
            {
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": versions(),
                "git": _git_revision(),
                "machine": machine_name(),
                "seed": config.seed,
            },
        )
        return run

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open the folder of a run that began before.

        Raises:
            CheckpointError: It is not a run's folder.
        """
        if not (path / "config.json").is_file():
            raise CheckpointError(f"{path} should be the folder of a run, but has no config.json")
        return cls(path)

    def config(self) -> RunConfig:
        """Give the run's settings.

        Raises:
            CheckpointError: They are damaged.
        """
        try:
            return RunConfig.model_validate(self.read("config.json"))
        except ValidationError as error:
            raise CheckpointError(f"{self.path}/config.json is damaged: {error}") from error

    def frame(self) -> Frame | None:
        """Give the frame that was measured for this run, or None when there is none yet.

        Raises:
            CheckpointError: It is damaged.
        """
        path = self.path / "frame.json"
        if not path.exists():
            return None
        try:
            return Frame.from_json(path.read_text())
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} is damaged: {error}; remove it") from error

    def write_frame(self, frame: Frame) -> None:
        """Keep the frame."""
        self._write_text("frame.json", frame.to_json())

    def read(self, name: str) -> dict[str, Any]:
        """Read one JSON file of the folder.

        Raises:
            CheckpointError: It is missing or damaged.
        """
        try:
            data = json.loads((self.path / name).read_text())
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"cannot read {self.path / name}: {error}") from error
        if not isinstance(data, dict):
            raise CheckpointError(f"{self.path / name} should hold a JSON object")
        return data

    def has(self, name: str) -> bool:
        """Say whether the folder holds a file."""
        return (self.path / name).exists()

    def write(self, name: str, data: dict[str, Any]) -> None:
        """Write one JSON file: a temporary name first, then renamed.

        Raises:
            CheckpointError: The folder cannot be written.
        """
        self._write_text(name, json.dumps(data, indent=1, allow_nan=False) + "\n")

    def report(self, figures: dict[str, Any]) -> None:
        """Append one line to the metrics."""
        line = json.dumps(figures, allow_nan=False)
        try:
            with (self.path / "metrics.jsonl").open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            raise CheckpointError(f"cannot write into {self.path}: {error}") from error

    def _write_text(self, name: str, text: str) -> None:
        temporary = self.path / f".{name}.{os.getpid()}.new"
        try:
            with temporary.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise CheckpointError(f"cannot write {self.path / name}: {error}") from error


def versions() -> dict[str, str]:
    """Give the versions of edarl, Python and the tools."""
    return {"edarl": edarl.__version__, "python": platform.python_version(), **tool_versions()}


def machine_name() -> str:
    """Give the machine in words: processor, cores, system."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def _git_revision() -> str | None:
    """Give the revision of the checkout that edarl runs from, None for an installed package."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
