"""The application: middleware, routes, pages and the document that describes them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from edarl import __version__
from edarl.service import docs_pages, openapi, problems
from edarl.service.context import Service
from edarl.service.envelope import Envelope
from edarl.service.limits import Limits
from edarl.service.metrics import Metrics
from edarl.service.settings import ServiceSettings, read_settings
from edarl.service.shortcut import Shortcut

__all__ = ["ROUTERS", "create_app"]

ROUTERS = (
    "edarl.service.routes.health",
    "edarl.service.routes.catalog",
    "edarl.service.routes.keys",
    "edarl.service.routes.designs",
    "edarl.service.routes.fronts",
    "edarl.service.routes.jobs",
    "edarl.service.routes.training",
    "edarl.service.routes.agents",
    "edarl.service.routes.cells",
    "edarl.service.pages.routes",
)
"""The modules whose ``router`` is included, in this order."""


def create_app(
    settings: ServiceSettings | None = None, *, service: Service | None = None
) -> FastAPI:
    """Make the application; its databases are opened when it starts.

    Args:
        settings: What it is told; by default what the ``EDARL_*`` variables say.
        service: An opened service, which stays the caller's to close; by default the application
            opens its own.

    Raises:
        ConfigError: A setting is not usable, or others can reach the address and there are no
            keys.
        StoreError: Keys are needed, and the database with them cannot be opened.
    """
    settings = settings or (service.settings if service else read_settings())
    if service is None and settings.with_keys:
        Service.open(settings).close()  # refuse now rather than when the server has started

    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = service
        if opened is None:
            opened = await to_thread.run_sync(Service.open, settings)
        to_thread.current_default_thread_limiter().total_tokens = settings.threads
        app.state.service = opened
        metrics.watch(opened)
        try:
            yield
        finally:
            opened.stopping.set()
            if opened is not service:
                await to_thread.run_sync(opened.close)

    app = FastAPI(
        title="edarl",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        middleware=[
            Middleware(
                Envelope,
                metrics=metrics,
                answer_timeout_s=settings.answer_timeout_s,
            ),
            Middleware(Limits, settings=settings),
            Middleware(Shortcut),
        ],
    )
    app.state.metrics = metrics
    problems.install(app)
    for name in ROUTERS:
        app.include_router(importlib.import_module(name).router)
    app.include_router(docs_pages.router)
    openapi.install(app, with_keys=settings.with_keys)
    return app


def _operation_id(route: APIRoute) -> str:
    """Name an operation as its function is named, in camel case."""
    first, *rest = route.name.split("_")
    return first + "".join(part.capitalize() for part in rest)
