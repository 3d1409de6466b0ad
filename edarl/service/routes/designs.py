"""Designs: ask for one, look at one, fetch its files."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Request, Response

from edarl.runs.jobs.requests import DesignRequest
from edarl.service.answers import look_up
from edarl.service.conditional import FOREVER, NOT_MODIFIED, answer
from edarl.service.context import Service
from edarl.service.deps import Designer, Reader, ServiceDep, submit
from edarl.service.problems import problems
from edarl.service.ready import Ready
from edarl.service.schemas import DesignAnswer, DesignDocument
from edarl.service.shelf import ARCHIVE
from edarl.service.submitting import ACCEPTED, IdempotencyKey, accepted

__all__ = [
    "get_design",
    "get_design_archive",
    "get_design_file",
    "request_design",
    "router",
]

router = APIRouter(prefix="/v1/designs", tags=["designs"])

DesignId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The design's id.")]
IfNoneMatch = Annotated[
    str | None, Header(max_length=2000, description="ETags of what the client has.")
]

_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ETAG = {
    "ETag": {"description": "Of the answer's bytes.", "schema": {"type": "string"}},
}


@router.post(
    "",
    summary="Ask for the smallest netlist that meets a delay",
    response_model=DesignAnswer,
    responses={
        200: {"description": "The best that is known, good enough an answer.", "headers": _ETAG},
        **ACCEPTED,
    },
)
async def request_design(
    wanted: DesignRequest,
    service: ServiceDep,
    caller: Designer,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answer at once where the store has a design that meets the delay and was searched enough.

    Otherwise a job searches, with trained agents and searchers; it ends `done` with the best
    design, or `not_met` with the fastest found. Equal requests that are under way are one job. A
    design never changes, but this answer may become better: `store_version` and the ETag change
    when the store does.
    """
    known = await to_thread.run_sync(look_up, service, wanted)
    if known is not None:
        ready = Ready.of(known.design.id, known.model_dump_json().encode(), "application/json")
        return answer(ready, None, "no-store")
    job = await submit(service, caller, request, "design", wanted, idempotency_key=idempotency_key)
    return accepted(job)


@router.get(
    "/{design_id}",
    summary="Look at a design",
    response_model=DesignDocument,
    responses={200: {"headers": _ETAG}, **NOT_MODIFIED, **problems(404)},
)
async def get_design(
    service: ServiceDep,
    _: Reader,
    design_id: DesignId,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Give what a confirmed and proven design is, what it reaches, and which files it has.

    It never changes, so it may be kept forever.
    """
    shelf = service.shelf
    ready = shelf.ready(design_id)
    if ready is None:
        ready = await to_thread.run_sync(shelf.page, design_id)
    return answer(ready, if_none_match, FOREVER)


@router.get(
    "/{design_id}/files/{name}",
    summary="Fetch a file of a design",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "headers": _ETAG,
            "content": {
                "application/octet-stream": _BYTES,
                "image/svg+xml": _BYTES,
                "text/plain": _TEXT,
                "text/vnd.graphviz": _TEXT,
                "text/x-verilog": _TEXT,
                "application/json": {"schema": {}},
                "application/yaml": {"schema": {}},
            },
        },
        **NOT_MODIFIED,
        **problems(404),
    },
)
async def get_design_file(
    service: ServiceDep,
    _: Reader,
    design_id: DesignId,
    name: Annotated[
        str, Path(pattern=r"^[A-Za-z0-9_.]{1,80}$", description="One of the design's `files`.")
    ],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Give a file's exact bytes; the ETag is their sha256.

    Files that are not made yet are made first, which takes seconds, and proven where the design's
    `files` say so. What cannot be proven is not served.
    """
    return await _file(service, design_id, name, if_none_match)


@router.get(
    "/{design_id}/archive",
    summary="Fetch all files of a design",
    response_class=Response,
    responses={
        200: {
            "description": "A zip of all files, with a FuseSoC core and a report.",
            "headers": _ETAG,
            "content": {"application/zip": _BYTES},
        },
        **NOT_MODIFIED,
        **problems(404),
    },
)
async def get_design_archive(
    service: ServiceDep,
    _: Reader,
    design_id: DesignId,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Give all files in one zip: one folder with Verilog, netlist, scripts, report and core."""
    return await _file(service, design_id, ARCHIVE, if_none_match)


async def _file(service: Service, design_id: str, name: str, if_none_match: str | None) -> Response:
    shelf = service.shelf
    ready = shelf.ready_file(design_id, name)
    if ready is None:
        found = await to_thread.run_sync(shelf.kept, design_id, name)
        ready = found if isinstance(found, Ready) else await asyncio.wrap_future(found)
    disposition = {"Content-Disposition": f'attachment; filename="{ready.name}"'}
    return answer(ready, if_none_match, FOREVER, disposition)
