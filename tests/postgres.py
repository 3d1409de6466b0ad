"""A real PostgreSQL server for tests: its own folder, its own socket, gone when the tests are."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

__all__ = ["PostgresServer", "postgres_server", "require_postgres"]

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60.0


class PostgresServer:
    """A server that is running.

    Attributes:
        folder: Where its data and its socket are.
        process: The server's own process.
    """

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self._made = 0

    def url(self) -> str:
        """Give the URL of the database that the server begins with."""
        return f"postgresql://edarl@/postgres?host={self.folder}"

    def new_url(self) -> str:
        """Make an empty place for tables and give its URL.

        It is a schema of the one database: a database of its own takes much longer to make.
        """
        self._made += 1
        self.run(f"CREATE SCHEMA test_{self._made}")
        return f"{self.url()}&options=-csearch_path%3Dtest_{self._made}"

    def run(self, command: str) -> list[Any]:
        """Run one command in the server's own database and give the rows it returns."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []


def require_postgres() -> Path:
    """Give the folder of the programs, or end the test: skipped, or failed where required."""
    found = shutil.which("postgres")
    if found is not None and Path(found).with_name("initdb").exists():
        return Path(found).parent
    installed = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if installed:
        return installed[-1].parent
    reason = "needs postgresql, which is not installed"
    if os.environ.get("EDARL_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{reason}, and EDARL_REQUIRE_TOOLS=1 forbids skipping", pytrace=False)
    pytest.skip(reason)


@contextmanager
def postgres_server(*, port: int | None = None, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server while the context lasts.

    Args:
        port: Listens on this port of the loopback too; None uses its socket alone.
        durable: Whether it waits for the disk, as a real one has to.
    """
    programs = require_postgres()
    # A socket's path has to be short, and the server's user must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="edarl-pg-", dir="/tmp"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    common = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **user}
    data = folder / "data"
    try:
        made = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "edarl", "-A", "trust", "-E", "UTF8", "-N"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **common,
        )
        assert made.returncode == 0, made.stderr
        listen = "" if port is None else "127.0.0.1"
        settings = {
            "unix_socket_directories": folder,
            "listen_addresses": listen,
            "port": 5432 if port is None else port,
            "fsync": "on" if durable else "off",
            "shared_buffers": "16MB",
            "max_connections": 60,
        }
        command = [programs / "postgres", "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(_with_parent(command), stdout=log, stderr=log, **common)
        try:
            server = PostgresServer(folder, process)
            _wait(server)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing is kept
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_parent(command: list[Any]) -> list[Any]:
    """Have the server stop when the tests are killed, where that can be asked for."""
    setpriv = shutil.which("setpriv")
    return command if setpriv is None else [setpriv, "--pdeathsig", "INT", *command]


def _wait(server: PostgresServer) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            server.run("SELECT 1")
            return
        except psycopg.OperationalError:
            said = (server.folder / "log").read_text()
            assert server.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
