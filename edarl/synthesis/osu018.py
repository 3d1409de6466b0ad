"""Getting the OSU 0.18 um library out of Debian's package, without root.

The library is small, free to download, and enough to see everything work; it has mostly one drive
strength, so it is not what serious comparisons are made on.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from edarl.errors import LibraryError, ToolError, ToolNotFoundError
from edarl.synthesis.cell_library import CellLibrary
from edarl.synthesis.process import run_tool
from edarl.synthesis.registry import add_library

__all__ = ["PACKAGE", "install_osu018"]

PACKAGE = "qflow-tech-osu018"
"""The Debian and Ubuntu package that holds the library."""

_NAME = "osu018"
_FILE = Path("usr/share/qflow/tech/osu018/osu018_stdcells.lib")
_INSTALLED = Path("/") / _FILE
_TIMEOUT_S = 180.0
_PATIENCE = ("-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20")
_BY_HAND = (
    f"to do it by hand, get the package {PACKAGE} from any Debian or Ubuntu mirror, unpack it with "
    f"`dpkg-deb -x PACKAGE.deb DIR`, and run `edarl library add {_NAME} DIR/{_FILE}`"
)


def install_osu018(on_progress: Callable[[str], None] | None = None) -> CellLibrary:
    """Register the OSU 0.18 um library, downloading it where the system does not have it.

    Nothing outside edarl's directory is changed, and no root is needed: the package is downloaded
    by `apt-get` with its signature checked, and only unpacked.

    Args:
        on_progress: Told in one line what happens next.

    Raises:
        ToolNotFoundError: The file is not on the system and there is no `apt-get` or `dpkg-deb`.
        ToolError: The package cannot be downloaded or unpacked.
        LibraryError: What came is not the library, or edarl's directory cannot be written.
    """
    tell = on_progress or (lambda _: None)
    if _INSTALLED.is_file():
        tell(f"using {_INSTALLED}")
        return _register(_INSTALLED, {"package": PACKAGE, **_installed_version()})
    with tempfile.TemporaryDirectory(prefix="edarl-osu018-") as temporary:
        workdir = Path(temporary)
        package = _download(workdir, tell)
        tell(f"unpacking {package.name}")
        _run(["dpkg-deb", "-x", str(package), "unpacked"], workdir)
        _run(["dpkg-deb", "-f", str(package), "Version"], workdir, name="version")
        version = (workdir / "version.log").read_text().strip()
        file = workdir / "unpacked" / _FILE
        if not file.is_file():
            raise LibraryError(f"the package {package.name} should hold {_FILE}, but does not")
        return _register(file, {"package": PACKAGE, "package_version": version})


def _register(file: Path, notes: dict[str, str]) -> CellLibrary:
    return add_library(_NAME, [file], notes=notes)


def _installed_version() -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="edarl-osu018-") as temporary:
        command = ["dpkg-query", "-W", "-f", "${Version}", PACKAGE]
        try:
            result = run_tool(command, workdir=Path(temporary), timeout_s=_TIMEOUT_S)
        except ToolError:
            return {}  # the file did not come with a package
        return {"package_version": result.text.strip()}


def _download(workdir: Path, tell: Callable[[str], None]) -> Path:
    """Download the package with the system's package lists, or else with fresh private ones."""
    tell(f"downloading the package {PACKAGE}")
    try:
        return _apt_download(workdir, [], name="download")
    except ToolNotFoundError:
        raise
    except ToolError:
        tell("the system's package lists do not lead to it; fetching private ones")
    state, cache = workdir / "state", workdir / "cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    options = [f"Dir::State={state}", f"Dir::State::lists={state}/lists", f"Dir::Cache={cache}"]
    private = [part for option in options for part in ("-o", option)]
    # A third-party source that does not answer makes this fail, but does not hide the package.
    with contextlib.suppress(ToolError):
        _run(["apt-get", *_PATIENCE, *private, "update"], workdir, name="update")
    tell(f"downloading the package {PACKAGE}")
    return _apt_download(workdir, private, name="download-private")


def _apt_download(workdir: Path, options: list[str], *, name: str) -> Path:
    _run(["apt-get", *_PATIENCE, *options, "download", PACKAGE], workdir, name=name)
    packages = sorted(workdir.glob(f"{PACKAGE}_*.deb"))
    if not packages:
        raise ToolError(f"apt-get should leave the package {PACKAGE}, but left none; {_BY_HAND}")
    return packages[0]


def _run(command: list[str], workdir: Path, *, name: str | None = None) -> None:
    """Run a step; errors say how to do without it."""
    try:
        run_tool(command, workdir=workdir, timeout_s=_TIMEOUT_S, name=name)
    except ToolNotFoundError as error:
        raise ToolNotFoundError(
            f"{command[0]} is not installed, and this is how edarl gets the library {_NAME}; "
            f"{_BY_HAND}",
            command=error.command,
        ) from error
    except ToolError as error:
        raise type(error)(
            f"the library {_NAME} could not be got; is there a network? {_BY_HAND}",
            command=error.command,
            log_tail=error.log_tail,
        ) from error
