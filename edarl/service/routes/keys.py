"""Who am I, and keys for people who use the pages. Keys are made with ``edarl keys``, not here."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from edarl.service.deps import COOKIE, KeyDep, ServiceDep
from edarl.service.keyring import Caller
from edarl.service.problems import problems

__all__ = ["KeyDocument", "SessionRequest", "close_session", "get_key", "open_session", "router"]

router = APIRouter(tags=["keys"])

_SESSION_S = 12 * 3600


class KeyDocument(BaseModel):
    """What the one who asks may do."""

    key_id: str | None = Field(description="The key's id; null where no keys are needed.")
    scopes: list[str] = Field(examples=[["design", "read"]])
    work_per_hour: float | None = Field(
        description="Work that may be asked for in an hour; null for no limit. An evaluation call "
        "of an n-bit circuit is n log2 n."
    )
    max_active_jobs: int | None = Field(
        description="Jobs that may be queued or running at once; null for no limit of the key."
    )


class SessionRequest(BaseModel):
    """A key to be kept in a cookie."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: Annotated[str, Field(min_length=8, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


@router.get("/v1/key", summary="What may I do?")
async def get_key(caller: KeyDep) -> KeyDocument:
    """Give the scopes and quotas of the key that comes with this request."""
    return _document(caller)


@router.post("/session", summary="Keep a key in a cookie", responses=problems(401, 503))
async def open_session(
    service: ServiceDep, body: SessionRequest, request: Request, response: Response
) -> KeyDocument:
    """Check a key and keep it in a cookie, so that a browser can show the pages.

    The cookie cannot be read by scripts and is not sent from other sites. Where no keys are
    needed nothing is kept.
    """
    if not service.keyring.required:
        caller = service.keyring.cached(None)
        assert caller is not None
        return _document(caller)
    caller = await to_thread.run_sync(service.keyring.look_up, body.key)
    response.set_cookie(
        COOKIE,
        body.key,
        max_age=_SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _document(caller)


@router.delete("/session", summary="Forget the key in the cookie", status_code=204)
async def close_session() -> Response:
    """Remove the cookie; the key itself stays valid."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _document(caller: Caller) -> KeyDocument:
    return KeyDocument(
        key_id=caller.key_id,
        scopes=sorted(caller.scopes),
        work_per_hour=caller.work_per_hour,
        max_active_jobs=caller.max_active_jobs,
    )
