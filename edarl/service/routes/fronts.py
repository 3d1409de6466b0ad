"""Fronts: what is known of a circuit, beside what everybody else makes of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from edarl.runs.jobs.requests import CircuitKind, DriverCell, LibraryName, LoadFf, Width
from edarl.service.conditional import NOT_MODIFIED, REVALIDATED, answer
from edarl.service.deps import Reader, ServiceDep
from edarl.service.front_pages import FrontFormat
from edarl.service.fronts import FrontQuery
from edarl.service.problems import problems
from edarl.service.schemas import FrontDocument

__all__ = ["router"]

router = APIRouter(prefix="/v1/fronts", tags=["fronts"])


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
def get_front(
    service: ServiceDep,
    _: Reader,
    width: Annotated[Width, Query()],
    circuit: Annotated[CircuitKind, Query()] = "adder",
    carry_in: Annotated[bool, Query(description="Whether it has a carry-in.")] = False,
    carry_out: Annotated[
        bool | None, Query(description="Whether it has a carry-out; none: where its kind has one.")
    ] = None,
    library: Annotated[LibraryName, Query()] = "default",
    driver_cell: Annotated[DriverCell, Query()] = None,
    load_ff: Annotated[LoadFf, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most designs of the page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(max_length=40, description="`next` of the page before; none: the first page."),
    ] = None,
    format: Annotated[  # noqa: A002  # what clients call it
        Literal["json", "csv"] | None, Query(description="Instead of the Accept header.")
    ] = None,
    accept: Annotated[str | None, Header(max_length=1000)] = None,
    if_none_match: Annotated[
        str | None, Header(max_length=2000, description="ETags of what the client has.")
    ] = None,
) -> Response:
    """Give the designs that no other one beats in area and delay, with baselines beside them.

    All are confirmed and proven; figures are pre-layout. Baselines that are not known are left out,
    and `notes` says why. As CSV the designs alone are given.
    """
    query = FrontQuery(
        circuit=circuit,
        width=width,
        carry_in=carry_in,
        carry_out=carry_out,
        library=library,
        driver_cell=driver_cell,
        load_ff=load_ff,
        limit=limit,
        cursor=cursor,
    )
    ready, following = service.fronts.page(service, query, format or _accepted(accept))
    headers = {"Vary": "Accept"}
    if following is not None:
        headers["Link"] = f'<{_next(query, format, following)}>; rel="next"'
    return answer(ready, if_none_match, REVALIDATED, headers)


def _accepted(accept: str | None) -> FrontFormat:
    """Choose by the Accept header; JSON unless CSV alone is wanted more."""
    if accept is None or "text/csv" not in accept:
        return "json"
    preferred = accept.partition("text/csv")[0]
    return "json" if "application/json" in preferred else "csv"


def _next(query: FrontQuery, form: str | None, cursor: str) -> str:
    from urllib.parse import urlencode

    values = {
        "circuit": query.circuit,
        "width": query.width,
        "carry_in": str(query.carry_in).lower(),
        "carry_out": None if query.carry_out is None else str(query.carry_out).lower(),
        "library": query.library,
        "driver_cell": query.driver_cell,
        "load_ff": query.load_ff,
        "limit": query.limit,
        "format": form,
        "cursor": cursor,
    }
    return "/v1/fronts?" + urlencode({k: v for k, v in values.items() if v is not None})
