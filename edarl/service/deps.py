"""What routes ask for by type: the service, who is asking, and with which scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from edarl.runs.jobs.requests import JobRequest, work_of
from edarl.service.context import Service
from edarl.service.keyring import Caller
from edarl.store.jobs import JobKind, JobRecord, Submission
from edarl.store.keys import Scope, usage

__all__ = [
    "COOKIE",
    "Admin",
    "Caller",
    "Designer",
    "KeyDep",
    "Reader",
    "ServiceDep",
    "Trainer",
    "need",
    "rate_limit",
    "submit",
    "the_caller",
    "the_service",
]

COOKIE = "edarl_key"
"""The cookie that holds the key of somebody who uses the pages; see `POST /session`."""

HOUR_S = 3600

_bearer = HTTPBearer(
    scheme_name="key", auto_error=False, description="An API key, made with `edarl keys create`."
)
_cookie = APIKeyCookie(
    name=COOKIE,
    scheme_name="session",
    auto_error=False,
    description="The same key in a cookie, set by `POST /session` for the pages.",
)


async def the_service(request: Request) -> Service:
    """Give what the routes work with."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(the_service)]
"""The `edarl.service.context.Service`."""


async def the_caller(
    service: ServiceDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Caller:
    """Give who is asking.

    Raises:
        ProblemError: A key is needed and there is none, or it is not known.
        StoreError: The database cannot be read.
    """
    secret = bearer.credentials if bearer else cookie
    if not service.keyring.required:
        secret = None
    known = service.keyring.cached(secret)
    if known is not None or secret is None:
        assert known is not None
        return known
    return await to_thread.run_sync(service.keyring.look_up, secret)


KeyDep = Annotated[Caller, Depends(the_caller)]
"""The `Caller`, whatever its scopes."""


def need(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """Make a dependency that gives the caller if it has a scope, for ``Depends``.

    Args:
        scope: The scope; a caller with ``admin`` has them all.
    """

    async def caller_with_scope(caller: KeyDep) -> Caller:
        caller.require(scope)
        return caller

    return caller_with_scope


Reader = Annotated[Caller, Depends(need("read"))]
"""A caller who may look at things."""

Designer = Annotated[Caller, Depends(need("design"))]
"""A caller who may ask for designs, rollouts and cells."""

Trainer = Annotated[Caller, Depends(need("train"))]
"""A caller who may ask for training."""

Admin = Annotated[Caller, Depends(need("admin"))]
"""A caller who may do everything."""


async def submit(
    service: Service,
    caller: Caller,
    request: Request,
    kind: JobKind,
    body: JobRequest,
    *,
    idempotency_key: str | None = None,
) -> JobRecord:
    """Store a job for a caller within the caller's quotas, and give it once it is on disk.

    Where keys are needed the answer says in its RateLimit headers how much is left.

    Args:
        service: The service.
        caller: Who asks.
        request: The HTTP request that is answered.
        kind: What the job is about.
        body: What is asked for.
        idempotency_key: Chosen by the caller: the same key is the same job.

    Raises:
        QuotaError: So many jobs, or that much work, are not left.
        IdempotencyConflictError: The key was used for another request.
        ProblemError: Too many wait to be written.
        StoreError: The database cannot be written.
    """
    submission = Submission(
        kind,
        body.model_dump(mode="json"),
        owner=caller.key_id,
        idempotency_key=idempotency_key,
        work=work_of(kind, body),
        max_active=caller.max_active_jobs,
        work_per_hour=caller.work_per_hour,
    )
    try:
        return await service.writer.submit(submission)
    finally:
        if caller.key_id is not None and caller.work_per_hour is not None:
            left = await to_thread.run_sync(usage, service.store, caller.key_id)
            rate_limit(request, limit=left.limit, remaining=left.remaining, reset_s=left.reset_s)


def rate_limit(request: Request, *, limit: float, remaining: float, reset_s: float) -> None:
    """Have the answer carry the headers of the IETF draft on rate limits.

    Source: draft-ietf-httpapi-ratelimit-headers, ``RateLimit-Policy`` and ``RateLimit``.

    Args:
        request: The request that is answered.
        limit: Work per hour.
        remaining: Work that is left in this hour.
        reset_s: Seconds until the next hour begins.
    """
    request.scope["edarl.headers"] = (
        (b"ratelimit-policy", f'"work";q={int(limit)};w={HOUR_S}'.encode()),
        (b"ratelimit", f'"work";r={max(0, int(remaining))};t={max(0, round(reset_s))}'.encode()),
    )
