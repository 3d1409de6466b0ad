#!/usr/bin/env python3
"""Run the processes of compose.yaml on this machine, without Docker.

The commands, variables, health checks and dependencies are those of the file. Only what a container
has to itself is told apart here: names of hosts, ports, the folder of the volume; and PostgreSQL is
the one that is installed (Debian: ``apt-get install postgresql``). What this does not show: the
image, the read-only root, the limits, the networks.

    python docker/run_local.py                            # until Ctrl-C
    python docker/run_local.py --only database,api,worker

It needs the virtual environment of the checkout with the extras ``ray``, ``postgres`` and
``service``; PyYAML comes with Ray. Everything listens on loopback and is gone at the end. Keys are
required as in containers: one is made and printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Local", "Service", "main", "read_services", "running"]

COMPOSE = Path(__file__).resolve().parent / "compose.yaml"
VOLUME = "/var/lib/edarl"
PORTS = {"database": 5432, "ray-head": 6379, "api": 8400}
"""Which port each service has in its container."""

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_POSTGRES = Path("/usr/lib/postgresql")
_PATIENCE_S = 300.0
_MOST_RESTARTS = 3
_GRACE_S = 20.0


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the file, with its variables filled in.

    Attributes:
        name: Its name.
        command: What runs in the container.
        environment: Variables that it gets.
        needs: Services that have to be healthy before.
        check: The command of its health check.
        restarts: Whether it is started again when it ends.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    needs: tuple[str, ...]
    check: tuple[str, ...]
    restarts: bool


def read_services(variables: Mapping[str, str], file: Path = COMPOSE) -> dict[str, Service]:
    """Read the services of a compose file.

    Args:
        variables: What ``${NAME}`` stands for.
        file: The file.

    Raises:
        ValueError: A variable that has to be set is not, or is empty.
    """
    described = yaml.safe_load(file.read_text())["services"]
    services = {}
    for name, entry in described.items():
        filled = _filled(entry, variables)
        test = filled["healthcheck"]["test"]
        services[name] = Service(
            name,
            tuple(filled.get("command", ())),
            filled.get("environment", {}),
            tuple(filled.get("depends_on", {})),
            tuple(test[1:]) if test[0] == "CMD" else ("sh", "-c", test[1]),
            filled.get("restart", "no") != "no",
        )
    return services


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Fill variables into every text of a document, as compose does."""
    if isinstance(value, Mapping):
        return {key: _filled(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    if not isinstance(value, str):
        return value

    def of(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        if variables.get(name):
            return variables[name]
        if kind == "-":
            return text
        raise ValueError(f"{name} is not set: {text or 'it has no default'}")

    return _VARIABLE.sub(of, value)


@dataclass
class Local:
    """The services as they run here.

    Attributes:
        folder: The volume and the logs.
        database: The files of PostgreSQL.
        services: Those that are to run.
        ports: The port that each service has here.
        environment: What all processes get.
        key: An API key with every scope.
        processes: Those that run.
    """

    folder: Path
    database: Path
    services: dict[str, Service]
    ports: dict[str, int]
    environment: dict[str, str]
    key: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.ports['api']}"

    def here(self, text: str) -> str:
        """Put this machine's addresses and folder in the place of the containers'."""
        for name, port in PORTS.items():
            for host in (name, "127.0.0.1"):
                text = text.replace(f"{host}:{port}", f"127.0.0.1:{self.ports[name]}")
            text = text.replace(f"--port={port}", f"--port={self.ports[name]}")
            text = str(self.ports[name]) if text == str(port) else text
        text = text.replace("ray start", f"ray start {' '.join(_ray_ports())}")
        return text.replace("0.0.0.0", "127.0.0.1").replace(VOLUME, self.environment["EDARL_HOME"])

    def command(self, service: Service) -> list[str]:
        """Give the command of a service as it runs here."""
        if service.name == "database":
            return postgres_command(self.database, self.ports["database"])
        words = [self.here(word) for word in service.command]
        if words[:2] == ["ray", "start"]:
            words += _ray_ports()
        if "--head" in words:
            words += [f"--ray-client-server-port={free_port()}"]
        return words

    def variables(self, service: Service) -> dict[str, str]:
        """Give the environment of a service as it runs here."""
        own = {name: self.here(value) for name, value in service.environment.items()}
        return {**os.environ, **self.environment, **own}

    def start(self, name: str) -> None:
        """Start a service in a process group of its own."""
        service = self.services[name]
        if name == "api":  # it refuses to start where others may ask and nobody has a key
            self.key = self.make_key()
        if name == "database" and not self.database.exists():
            password = service.environment["POSTGRES_PASSWORD"]
            make_cluster(self.database, password)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.command(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.variables(service),
                cwd=self.folder,
                start_new_session=True,
            )

    def healthy(self, name: str) -> bool:
        """Run the health check of a service."""
        service = self.services[name]
        words = [self.here(word) for word in service.check]
        if name == "database":
            words[0] = str(_postgres_bin() / words[0])
            words = [re.sub(r"^(--port=).*", rf"\g<1>{self.ports[name]}", word) for word in words]
        try:
            subprocess.run(
                words,
                env=self.variables(service),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        if name == "database":
            make_database(self.database, self.ports[name], service.environment)
        return True

    def start_all(self) -> None:
        """Start every service once those that it needs are healthy; give when all are.

        One that ends before it is healthy starts again, where the file says so, but not for ever.

        Raises:
            RuntimeError: One ended too often, or did not become healthy.
        """
        deadline = time.monotonic() + _PATIENCE_S
        up: set[str] = set()
        restarts: Counter[str] = Counter()
        while len(up) < len(self.services):
            for name, service in self.services.items():
                if name not in self.processes and up.issuperset(
                    needed for needed in service.needs if needed in self.services
                ):
                    self.start(name)
            for name, process in self.processes.items():
                if name not in up and self.healthy(name):
                    up.add(name)
                    continue
                ended, late = process.poll() is not None, time.monotonic() > deadline
                again = self.services[name].restarts and restarts[name] < _MOST_RESTARTS
                if ended and again and not late:
                    restarts[name] += 1
                    up.discard(name)
                    _kill(_family(process.pid))
                    self.start(name)
                elif ended or late:
                    log = (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"{name} is not healthy, code {process.returncode}:\n{log}")
            time.sleep(0.2)

    def run(self, *words: str, service: str = "api") -> subprocess.CompletedProcess[str]:
        """Run another command where a service runs, as ``docker compose run`` does."""
        return subprocess.run(
            words,
            env=self.variables(self.services[service]),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def make_key(self) -> str:
        """Make an API key as the documents say, and give it.

        Raises:
            RuntimeError: It cannot be made.
        """
        made = self.run("edarl", "keys", "create", "local", "--scopes", "admin", "--json")
        if made.returncode != 0:
            raise RuntimeError(f"no key could be made: {made.stdout}{made.stderr}")
        return str(json.loads(made.stdout)["secret"])

    def stop_all(self) -> None:
        """End all services, the last one first, and everything that they started."""
        for process in reversed(self.processes.values()):
            started = _family(process.pid)
            process.terminate()
            try:
                process.wait(timeout=_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _kill(started | _family(process.pid))


@contextmanager
def running(
    folder: Path, *, only: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> Iterator[Local]:
    """Run the services, healthy, until the block ends.

    Args:
        folder: Where volume and logs go.
        only: Services to run; all if empty.
        variables: For the file; secrets that it lacks are drawn.

    Raises:
        ValueError: There is no such service.
        RuntimeError: One of them did not become healthy.
    """
    known = {
        "EDARL_DATABASE_PASSWORD": secrets.token_hex(16),
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "EDARL_RAY_CPUS": "1",
        **(variables or {}),
    }
    services = read_services(known)
    if unknown := set(only).difference(services):
        raise ValueError(f"services are {', '.join(services)}, actual: {', '.join(unknown)}")
    chosen = {name: service for name, service in services.items() if not only or name in only}
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    # Sockets need a short path; and PostgreSQL one that its user reaches, where root starts it.
    temporary = Path(tempfile.mkdtemp(prefix="edarl-", dir="/tmp"))
    temporary.chmod(0o711)
    local = Local(
        folder,
        temporary / "database",
        chosen,
        {name: free_port() for name in PORTS},
        {
            "EDARL_HOME": str(home),
            "EDARL_KEYS_REQUIRED": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(COMPOSE.parent.parent),
            "RAY_TMPDIR": str(temporary / "ray"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        },
    )
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        stack.callback(local.stop_all)
        local.start_all()
        yield local


def free_port() -> int:
    """Give a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ray_ports() -> list[str]:
    """Give options without which nodes that share a machine would fight for its ports."""
    return [
        f"--dashboard-agent-listen-port={free_port()}",
        f"--metrics-export-port={free_port()}",
    ]


def _postgres_bin() -> Path:
    found = sorted(_POSTGRES.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    return found[-1].parent


def _unprivileged(words: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root, so root runs it as the user of Debian's package."""
    if os.geteuid() != 0:
        return words
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]


def make_cluster(folder: Path, password: str) -> None:
    """Make the files of a database server."""
    folder.mkdir(mode=0o700)
    secret = folder.parent / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        shutil.chown(secret, "postgres", "postgres")
    words = [
        str(_postgres_bin() / "initdb"),
        *("--pgdata", str(folder), "--username=edarl", f"--pwfile={secret}", "--no-sync"),
        *("--data-checksums", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C"),
    ]
    try:
        subprocess.run(_unprivileged(words), check=True, capture_output=True, cwd="/")
    finally:
        secret.unlink()


def postgres_command(folder: Path, port: int) -> list[str]:
    """Give the command of the database server."""
    return _unprivileged(
        [
            str(_postgres_bin() / "postgres"),
            *("-D", str(folder), "-p", str(port), "-h", "127.0.0.1"),
            *("-c", f"unix_socket_directories={folder}"),
        ]
    )


def make_database(folder: Path, port: int, environment: Mapping[str, str]) -> None:
    """Make the database that the image of PostgreSQL makes at its first start."""
    psql = [str(_postgres_bin() / "psql"), "-h", str(folder), "-p", str(port), "-U", "edarl"]
    name = environment["POSTGRES_DB"]
    asked = [*psql, "-d", "postgres", "-Atc", "SELECT datname FROM pg_database"]
    there = subprocess.run(asked, capture_output=True, text=True, check=True, cwd="/")
    if name not in there.stdout.split():
        made = [*psql, "-d", "postgres", "-qc", f"CREATE DATABASE {name}"]
        subprocess.run(made, check=True, cwd="/")


def _family(leader: int) -> set[int]:
    """Give the live processes of a session and all that descend from them, without its leader."""
    parents: dict[int, list[int]] = {}
    waiting = [leader]
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                state, parent, session = fields[0], int(fields[1]), int(fields[3])
                if state != "Z":
                    parents.setdefault(parent, []).append(int(entry.name))
                    waiting += [int(entry.name)] if session == leader else []
    found: set[int] = set()
    while waiting:
        process = waiting.pop()
        if process not in found:
            found.add(process)
            waiting += parents.get(process, [])
    return found - {leader}


def _kill(processes: set[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the services until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="services, separated by commas")
    only = [name for name in parser.parse_args(arguments).only.split(",") if name]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with (
        tempfile.TemporaryDirectory(prefix="edarl-") as folder,
        running(Path(folder), only=only) as local,
    ):
        sys.stdout.write(f"{local.url} runs {', '.join(local.processes)}; key: {local.key}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
