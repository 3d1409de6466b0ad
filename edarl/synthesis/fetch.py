"""Getting public cell libraries from where their projects keep them, each file by its sha256.

The table names one commit and one checksum per file, so that what is registered is the same bytes
everywhere and always, whoever served them: the projects' host, a company's mirror, a proxy.
Libraries of one's own are not for this module; see `edarl.synthesis.registry.add_library`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from edarl.errors import ConfigError, LibraryError
from edarl.synthesis.cell_library import CellLibrary, suggest
from edarl.synthesis.download import DEFAULT_LIMITS, DownloadError, DownloadLimits, download
from edarl.synthesis.registry import add_library, list_libraries

__all__ = [
    "MIRROR_VARIABLE",
    "PUBLIC_LIBRARIES",
    "RAW_CONTENT_HOST",
    "FetchProgress",
    "PublicFile",
    "PublicLibrary",
    "fetch_library",
    "manual_steps",
    "mirror_url",
    "public_library",
]

RAW_CONTENT_HOST = "https://raw.githubusercontent.com"
"""Serves the files of the projects' repositories as ``/OWNER/REPOSITORY/COMMIT/PATH``."""

MIRROR_VARIABLE = "EDARL_LIBRARY_MIRROR"
"""The environment variable that names another server with the same paths."""


@dataclass(frozen=True, slots=True)
class PublicFile:
    """One Liberty file in a public repository.

    Attributes:
        path: Where it stands in the repository.
        sha256: Checksum of the file as it is served, in hexadecimal.
        size_bytes: Its size, where it is known; for people only, the checksum decides.
    """

    path: str
    sha256: str
    size_bytes: int | None = None

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class PublicLibrary:
    """A cell library that anyone may download.

    Attributes:
        name: What it is registered as.
        title: Process and corner, in words.
        licence: Its terms, in words.
        repository: ``OWNER/REPOSITORY`` on the host.
        commit: The commit whose files these are.
        files: Its files; the header of the first is kept.
    """

    name: str
    title: str
    licence: str
    repository: str
    commit: str
    files: tuple[PublicFile, ...]

    def url(self, file: PublicFile, base: str = RAW_CONTENT_HOST) -> str:
        """Give the address of one of its files on a server."""
        return f"{base}/{self.repository}/{self.commit}/{file.path}"


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """Where a fetch stands.

    Attributes:
        stage: ``connect``: a server is asked for a file; ``download``: bytes are coming; ``retry``:
            it failed and will be tried again; ``verified``: the file is whole and is the right
            one; ``read``: all files are there and are being read.
        file: The file's name; empty while the files are being read.
        done_bytes: How much of it is there.
        total_bytes: Its size; None where the server does not say.
        reason: Why it will be tried again; empty otherwise.
    """

    stage: Literal["connect", "download", "retry", "verified", "read"]
    file: str = ""
    done_bytes: int = 0
    total_bytes: int | None = None
    reason: str = ""


Tell = Callable[[FetchProgress], None]


_OPENSTA = ("The-OpenROAD-Project/OpenSTA", "d1b2b3962cd47539c748bb163da5de2bd5d2f85f")
_FLOW_SCRIPTS = (
    "The-OpenROAD-Project/OpenROAD-flow-scripts",
    "8c009b0b663703fc3fe2f474eab918b12fffbaf6",
)
_ASAP7 = "flow/platforms/asap7/lib/NLDM/asap7sc7p5t"

PUBLIC_LIBRARIES: Mapping[str, PublicLibrary] = {
    library.name: library
    for library in (
        PublicLibrary(
            "nangate45",
            "Nangate 45 nm, typical, 1.1 V, 25 C",
            "Nangate's own terms, in the file's head",
            *_OPENSTA,
            (
                PublicFile(
                    "test/nangate45/nangate45_typ.lib.gz",
                    "7ee6c11d0c8964f9971ba28b879a6cad28e178f86911adda71ac0672ce00f7ef",
                    1304819,
                ),
            ),
        ),
        PublicLibrary(
            "sky130hd",
            "SkyWater 130 nm, high density, typical, 1.8 V, 25 C",
            "Apache-2.0",
            *_OPENSTA,
            (
                PublicFile(
                    "examples/sky130hd_tt.lib.gz",
                    "210e56be3a3a0907b5241a34d277f664cf4b4d91dcb49a27ff813df4406a5889",
                    2217803,
                ),
            ),
        ),
        PublicLibrary(
            "asap7",
            "ASAP7 predictive 7 nm, 7.5 tracks, regular threshold, typical",
            "BSD-3-Clause",
            *_FLOW_SCRIPTS,
            (
                PublicFile(
                    f"{_ASAP7}_SIMPLE_RVT_TT_nldm_211120.lib.gz",
                    "073ac4b6b08f272b6953b0ad54d1d9743767a7d15a0e2964ed86cf44c3dbe00e",
                ),
                PublicFile(
                    f"{_ASAP7}_AO_RVT_TT_nldm_211120.lib.gz",
                    "fe9f1c18e88ab129d63ad82adc256f3a85c7e38e47dabbe0a96749b41087dea1",
                ),
                PublicFile(
                    f"{_ASAP7}_OA_RVT_TT_nldm_211120.lib.gz",
                    "bbe6d904d58c7367de1ed7639e4eae386c65fa0a5af26ae62dc5e4e2ec52b08b",
                ),
                PublicFile(
                    f"{_ASAP7}_INVBUF_RVT_TT_nldm_220122.lib.gz",
                    "8d6db2c2f83c3c162be54a5e102b2d379fcaaaef2db5f0b1d4152c395d01fea1",
                ),
            ),
        ),
        PublicLibrary(
            "ihp-sg13g2",
            "IHP SG13G2 130 nm, typical, 1.2 V, 25 C",
            "Apache-2.0",
            *_OPENSTA,
            (
                PublicFile(
                    "test/ihp-sg13g2/sg13g2_stdcell_typ_1p20V_25C.lib",
                    "6f50333c719d8f324c9f8a18197e034ae531de3655002eb9d10c04f281ee0660",
                ),
            ),
        ),
    )
}
"""The libraries that can be fetched, by name."""


def public_library(name: str) -> PublicLibrary:
    """Give a public library by its name.

    Raises:
        ConfigError: There is none of this name; the message lists those there are.
    """
    if name in PUBLIC_LIBRARIES:
        return PUBLIC_LIBRARIES[name]
    raise ConfigError(
        f"`name` should be one of {', '.join(PUBLIC_LIBRARIES)}, actual value: {name!r} (a library "
        f"of your own: `edarl library add NAME FILE...`){suggest(name, tuple(PUBLIC_LIBRARIES))}"
    )


def fetch_library(
    library: str | PublicLibrary,
    *,
    mirror: str | None = None,
    limits: DownloadLimits = DEFAULT_LIMITS,
    on_progress: Tell | None = None,
) -> CellLibrary:
    """Download a public library, check every file's sha256, and register it.

    Nothing is registered before all files are there and right. A registered library of the same
    name is replaced then, and left as it is on any failure.

    Args:
        library: One of `PUBLIC_LIBRARIES` by name, or a record of one's own.
        mirror: A server to use instead of `RAW_CONTENT_HOST`, see `mirror_url`.
        limits: Times, tries and sizes for each file.
        on_progress: Told where the fetch stands, for each piece that comes.

    Raises:
        ConfigError: The name or the mirror is not usable.
        LibraryError: A file cannot be got or is not the right one, or the library cannot be
            written; the message says what was tried and how to do it by hand.
    """
    wanted = public_library(library) if isinstance(library, str) else library
    base = mirror_url(mirror)
    tell: Tell = on_progress or (lambda _: None)
    try:
        temporary = tempfile.TemporaryDirectory(prefix="edarl-fetch-")
    except OSError as error:
        why = f"there should be a folder for temporary files, but: {error.strerror or error}"
        raise LibraryError(f"{why}; TMPDIR names one") from error
    with temporary as name:
        try:
            files = [_fetch(wanted, file, base, Path(name), limits, tell) for file in wanted.files]
        except DownloadError as error:
            raise LibraryError(_explain(wanted, error, base)) from error
        tell(FetchProgress("read"))
        notes = {"repository": wanted.repository, "commit": wanted.commit}
        return add_library(wanted.name, files, notes=notes)


def manual_steps(library: PublicLibrary) -> str:
    """Give the lines that say how to get a library by hand."""
    names = [file.name for file in library.files]
    return "\n".join(
        (
            "1. where there is a network, download",
            *(f"     {library.url(file)}" for file in library.files),
            "2. compare with what `sha256sum` prints",
            *(f"     {file.sha256}  {file.name}" for file in library.files),
            "3. bring it here and run" if len(names) == 1 else "3. bring them here and run",
            f"     edarl library add {library.name} {' '.join(names)}",
        )
    )


def mirror_url(mirror: str | None = None) -> str:
    """Give the server that files come from, without a slash at its end.

    A mirror serves each file under ``MIRROR/OWNER/REPOSITORY/COMMIT/PATH``.

    Args:
        mirror: Its address; where None, ``EDARL_LIBRARY_MIRROR`` decides, and where that is not
            set or empty, it is `RAW_CONTENT_HOST`.

    Raises:
        ConfigError: The address is none of a web server, or holds a user name and password, which
            would end up in messages and logs.
    """
    name, address = "`mirror`", mirror
    if address is None:
        name, address = f"`{MIRROR_VARIABLE}`", os.environ.get(MIRROR_VARIABLE) or RAW_CONTENT_HOST
    should = f"{name} should be an address such as https://mirror.example.com/libraries"
    if "@" in address.partition("//")[2].partition("/")[0]:  # first: others repeat the address
        raise ConfigError(f"{should}, without user name and password")
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        host.encode("idna")
        usable = parts.scheme in ("http", "https") and host != "" and parts.port != 0
    except ValueError as error:  # not a port, not an IPv6 address, not a name
        raise ConfigError(f"{should}: {error}, actual value: {address!r}") from error
    odd = " " in address or not address.isprintable()
    if not usable or odd or parts.query or parts.fragment:
        raise ConfigError(f"{should}, actual value: {address!r}")
    return address.rstrip("/")


def _fetch(
    library: PublicLibrary,
    file: PublicFile,
    base: str,
    folder: Path,
    limits: DownloadLimits,
    tell: Tell,
) -> Path:
    """Download one file into a folder and check that it is the right one."""
    target, url = folder / file.name, library.url(file, base)
    tell(FetchProgress("connect", file.name))
    sha256 = download(
        url,
        target,
        limits=limits,
        on_bytes=lambda done, total: tell(FetchProgress("download", file.name, done, total)),
        on_retry=lambda reason: tell(FetchProgress("retry", file.name, reason=reason)),
    )
    size_bytes = target.stat().st_size
    if sha256 != file.sha256:
        with target.open("rb") as content:
            is_page = content.read(64).lstrip().startswith(b"<")
        page = "\n  it looks like a web page, perhaps of a proxy that wants a login"
        raise DownloadError(
            url,
            f"{file.name} is not the file it should be\n"
            f"  expected sha256 {file.sha256}\n"
            f"  actual sha256   {sha256}, {size_bytes} bytes{page if is_page else ''}",
        )
    tell(FetchProgress("verified", file.name, size_bytes, size_bytes))
    return target


def _explain(library: PublicLibrary, error: DownloadError, base: str) -> str:
    """Say what failed, what was tried, what is as it was, and how to do without it."""
    times = "once" if error.tries == 1 else f"{error.tries} times"
    kept = "nothing was registered"
    if library.name in list_libraries():
        kept += f"; the library {library.name} that was added earlier is unchanged"
    lines = [
        f"the library {library.name} could not be fetched: {error}",
        f"  asked {times} for {error.url}",
        f"  {kept}",
    ]
    if base != RAW_CONTENT_HOST:
        lines.append("  a mirror should have each file at MIRROR/OWNER/REPOSITORY/COMMIT/PATH")
    else:
        lines += [
            "behind a proxy: https_proxy should hold its address",
            f"with a copy on another server: edarl library fetch {library.name} --mirror URL",
        ]
    lines += ["to do it by hand:", *(f"  {line}" for line in manual_steps(library).splitlines())]
    return "\n".join(lines)
