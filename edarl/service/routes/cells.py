"""Standard cells: a layout is a job."""

from __future__ import annotations

import importlib.util

from fastapi import APIRouter, Request, Response

from edarl.runs.jobs.requests import LayoutRequest
from edarl.service.deps import Designer, ServiceDep, submit
from edarl.service.problems import ProblemError, problems
from edarl.service.schemas import JobAccepted
from edarl.service.submitting import ACCEPTED, IdempotencyKey, accepted

__all__ = [
    "lay_out_cell",
    "router",
]

router = APIRouter(prefix="/v1/cells", tags=["cells"])

_NEEDED = ("gdstk", "klayout", "ortools")


@router.post(
    "/layouts",
    status_code=202,
    summary="Lay out a standard cell",
    response_model=JobAccepted,
    responses={**ACCEPTED, **problems(501)},
)
async def lay_out_cell(
    wanted: LayoutRequest,
    service: ServiceDep,
    caller: Designer,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Place, route, draw and check one of the cells that come with edarl, as a job."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ProblemError(
            "not-installed",
            f"laying out cells needs {', '.join(missing)}, which the server does not have; its "
            "operator installs it with: pip install 'edarl[layout]'",
        )
    job = await submit(service, caller, request, "layout", wanted, idempotency_key=idempotency_key)
    return accepted(job)
