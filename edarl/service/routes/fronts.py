"""Fronts: what is known of a circuit, beside what everybody else makes of it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from edarl.runs.jobs.requests import (
    CarryIn,
    CarryOut,
    CircuitKind,
    DriverCell,
    LibraryName,
    LoadFf,
    Width,
)
from edarl.service.conditional import NOT_MODIFIED, REVALIDATED, answer
from edarl.service.deps import Reader, ServiceDep
from edarl.service.front_pages import FrontFormat
from edarl.service.fronts import FrontQuery
from edarl.service.problems import problems
from edarl.service.schemas import FrontDocument

__all__ = [
    "FrontParameters",
    "get_front",
    "router",
]

router = APIRouter(prefix="/v1/fronts", tags=["fronts"])


class FrontParameters(BaseModel):
    """Which part of which front, and how it is to be written.

    One model, as parameters that are read one by one cost more than the page itself.
    """

    model_config = ConfigDict(frozen=True)

    circuit: CircuitKind = "adder"
    width: Width
    carry_in: CarryIn = False
    carry_out: CarryOut = None
    library: LibraryName = "default"
    driver_cell: DriverCell = None
    load_ff: LoadFf = None
    limit: int = Field(50, ge=1, le=200, description="Most designs of the page.")
    cursor: str | None = Field(
        None, max_length=40, description="`next` of the page before; none: the first page."
    )
    format: FrontFormat | None = Field(None, description="Instead of the Accept header.")

    def query(self) -> FrontQuery:
        """Give which part of which front is asked for."""
        return FrontQuery(**self.model_dump(exclude={"format"}))


@router.get(
    "",
    summary="Give the front of a circuit",
    response_model=FrontDocument,
    responses={
        200: {
            "description": "A page of the front, by rising delay.",
            "headers": {
                "ETag": {"description": "Of its bytes.", "schema": {"type": "string"}},
                "Link": {"description": "The next page.", "schema": {"type": "string"}},
            },
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **NOT_MODIFIED,
        **problems(406),
    },
)
async def get_front(
    service: ServiceDep,
    _: Reader,
    request: Request,
    asked: Annotated[FrontParameters, Query()],
    accept: Annotated[str | None, Header(max_length=1000)] = None,
    if_none_match: Annotated[
        str | None, Header(max_length=2000, description="ETags of what the client has.")
    ] = None,
) -> Response:
    """Give the designs that no other one beats in area and delay, with baselines beside them.

    All are confirmed and proven; figures are pre-layout. Baselines that are not known are left out,
    and `notes` says why. As CSV the designs alone are given.
    """
    query = asked.query()
    form = asked.format or _accepted(accept)
    # A short read of a local file takes less than handing it to a thread and back.
    found = service.fronts.kept(service, query, form) if service.store.is_local else None
    if found is None and service.store.is_local and service.fronts.is_quick(query):
        found = service.fronts.page(service, query, form)
    if found is None:
        found = await to_thread.run_sync(service.fronts.page, service, query, form)
    ready, following = found
    link = "" if following is None else f'<{_next(asked, following)}>; rel="next"'
    raw = request.scope["query_string"], (accept or "").encode("latin-1", "replace")
    service.fronts.remember(raw, query, form, following, link)
    headers = {"Vary": "Accept"} | ({"Link": link} if link else {})
    return answer(ready, if_none_match, REVALIDATED, headers)


def _accepted(accept: str | None) -> FrontFormat:
    """Choose by the Accept header; JSON unless CSV alone is wanted more."""
    if accept is None or "text/csv" not in accept:
        return "json"
    preferred = accept.partition("text/csv")[0]
    return "json" if "application/json" in preferred else "csv"


def _next(asked: FrontParameters, cursor: str) -> str:
    given = asked.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    shown = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in given.items()
    }
    return "/v1/fronts?" + urlencode({**shown, "cursor": cursor})
