"""Running the application in uvicorn: one process, one socket, a quick and clean end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from edarl.errors import ConfigError
from edarl.service.context import Service
from edarl.service.protocol import limited_protocol
from edarl.service.settings import ServiceSettings

__all__ = ["Server", "listen", "url_of"]

_BACKLOG = 1024
_LOOK_AFTER_S = 3


class Server(uvicorn.Server):
    """uvicorn's server, which tells open streams to end before it waits for them.

    Args:
        app: The application.
        service: What its routes work with.
        look_after: Called every few seconds while the server runs.
    """

    def __init__(
        self, app: FastAPI, service: Service, look_after: Callable[[], object] | None = None
    ) -> None:
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=limited_protocol(settings.max_header_bytes, settings.header_timeout_s),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=settings.keep_alive_s,
                timeout_graceful_shutdown=settings.shutdown_s,
                callback_notify=self._notified,
                timeout_notify=_LOOK_AFTER_S,
            )
        )
        self._service = service
        self._look_after = look_after

    async def _notified(self) -> None:
        if self._look_after is not None and not self.should_exit:
            self._look_after()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: first the streams, then what is under way, then the rest."""
        self._service.stopping.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on Ctrl-C and SIGTERM without raising them again: that is a good end here."""
        loop = asyncio.get_running_loop()
        handled = []
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self._end)
            except (RuntimeError, ValueError):  # not in the main thread
                continue
            handled.append(number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self.should_exit = True  # asking twice changes nothing: it takes seconds at most


def listen(settings: ServiceSettings) -> socket.socket:
    """Open the socket that the settings name.

    Raises:
        ConfigError: The address is not one of this machine, or is in use.
    """
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"`host` should be an address, actual value: {host}: {error}") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)  # whoever reads the address may ask before the server has started
    except OSError as error:
        opened.close()
        raise ConfigError(
            f"cannot listen on {host}, port {settings.port}: {error.strerror}; "
            "give another --host or --port"
        ) from error
    return opened


def url_of(opened: socket.socket) -> str:
    """Give the address that a browser on this machine reaches a socket at."""
    host, port = opened.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
