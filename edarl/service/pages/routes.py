"""The pages' addresses: thin, as the API's routes are; what they show comes from its documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from edarl.errors import ConfigError, LibraryError, UnknownJobError
from edarl.prefix.circuits import KINDS
from edarl.prefix.design import Design
from edarl.service.agents import agent_detail, agent_documents
from edarl.service.context import Service
from edarl.service.deps import Reader, ServiceDep
from edarl.service.fronts import FrontQuery, front_document
from edarl.service.pages.agents import agent_row, agent_view
from edarl.service.pages.designs import CompareView, compare_view, design_view
from edarl.service.pages.jobs import job_view, jobs_view
from edarl.service.pages.rendering import page, static_file
from edarl.service.pages.views import Asked, Explore, explore_view
from edarl.service.problems import ProblemError
from edarl.service.schemas import DesignDocument, FrontPoint, job_document
from edarl.store import known_circuits
from edarl.store.jobs import JobStatus

__all__ = [
    "agent",
    "agents",
    "compare",
    "design",
    "explore",
    "job",
    "jobs",
    "router",
    "static",
]

router = APIRouter(include_in_schema=False, default_response_class=Response)

_FIRST = FrontQuery()
_HEX = re.compile("[0-9a-f]{32}")
_MOST_POINTS = 600
_FEWEST_COMPARED, _MOST_COMPARED = 2, 4
_JOBS = 50
_EVENTS = 500


@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    """Give a static file."""
    found = static_file(name, request)
    if found is None:
        raise ProblemError("not-found", f"there is no file {name[:80]!r} among those of the pages")
    return found


@router.get("/")
def explore(request: Request, service: ServiceDep, _: Reader) -> Response:
    """Show the front of a circuit in a cell library."""
    query = request.query_params
    asked, problem = _asked(service, query)
    everything = query.get("frame") == "everything"
    view: Explore | None = None
    try:
        if not problem:
            view = _explored(service, asked, everything=everything)
    except (ConfigError, LibraryError) as error:
        problem = str(error)
    if view is None:
        view = explore_view(
            asked, None, widths=(), libraries=service.libraries.names(), problem=problem
        )
    status = 422 if problem else 200
    return page(request, "explore.html", section="Explore", status=status, view=view)


@router.get("/designs/{design_id}")
def design(request: Request, service: ServiceDep, _: Reader, design_id: str) -> Response:
    """Show a design."""
    view = design_view(*_design(service, design_id))
    return page(request, "design.html", section="Explore", view=view)


@router.get("/compare")
def compare(request: Request, service: ServiceDep, _: Reader) -> Response:
    """Show two to four designs side by side."""
    given = ",".join(request.query_params.getlist("ids")).split(",")
    ids = list(dict.fromkeys(ident.strip() for ident in given if ident.strip()))
    if not ids:
        view, status = CompareView("Two to four designs side by side."), 200
    elif not _FEWEST_COMPARED <= len(ids) <= _MOST_COMPARED:
        problem = f"`ids` should name 2 to 4 designs, actual number: {len(ids)}"
        view, status = CompareView("", problem=problem), 422
    else:
        view, status = compare_view([_design(service, ident) for ident in ids]), 200
    return page(request, "compare.html", section="Compare", status=status, view=view)


@router.get("/jobs")
def jobs(request: Request, service: ServiceDep, caller: Reader) -> Response:
    """List jobs."""
    asked = request.query_params.get("status")
    status: JobStatus | None = next((each for each in get_args(JobStatus) if each == asked), None)
    cursor = request.query_params.get("cursor", "")
    found, following = service.queue.list(
        owner=caller.owner,
        status=status,
        limit=_JOBS,
        after=cursor if _HEX.fullmatch(cursor) else None,
    )
    view = jobs_view([job_document(job) for job in found], status=status, following=following)
    return page(request, "jobs.html", section="Jobs", view=view)


@router.get("/jobs/{job_id}")
def job(request: Request, service: ServiceDep, caller: Reader, job_id: str) -> Response:
    """Show a job."""
    if not _HEX.fullmatch(job_id):
        raise UnknownJobError(f"there is no job {job_id[:40]!r}; `/jobs` lists those there are")
    found = service.queue.get(job_id, owner=caller.owner)
    view = job_view(job_document(found), service.queue.events(job_id, 0, _EVENTS))
    return page(request, "job.html", section="Jobs", view=view)


@router.get("/agents")
def agents(request: Request, service: ServiceDep, _: Reader) -> Response:
    """List the trained agents."""
    rows = [agent_row(agent) for agent in agent_documents(service)]
    return page(request, "agents.html", section="Agents", agents=rows)


@router.get("/agents/{agent_id}")
def agent(request: Request, service: ServiceDep, _: Reader, agent_id: str) -> Response:
    """Show a trained agent."""
    view = agent_view(agent_detail(service, agent_id))
    return page(request, "agent.html", section="Agents", view=view)


def _asked(service: Service, query: Mapping[str, str]) -> tuple[Asked, str]:
    """Read what Explore should show; the second part says what is wrong with it."""
    kind = query.get("circuit", _FIRST.circuit)
    width, library = query.get("width", str(_FIRST.width)), query.get("library", _FIRST.library)
    if library == _FIRST.library:
        library = service.libraries.entry(library).name
    entry = KINDS.get(kind, KINDS[_FIRST.circuit])
    # One form for all kinds: a port that a kind does not have is not asked for.
    asked = Asked(
        entry.name,
        int(width) if width.isdecimal() and len(width) < 4 else _FIRST.width,
        library,
        query.get("carry_in") == "true" and entry.carry_in is not None,
        None if entry.carry_out is None else query.get("carry_out", "true") == "true",
    )
    if kind not in KINDS:
        return asked, f"`circuit` should be one of {', '.join(KINDS)}, actual value: {kind[:40]!r}"
    if str(asked.width) != width:
        return asked, f"`width` should be between 2 and 256, actual value: {width[:40]!r}"
    return asked, ""


def _explored(service: Service, asked: Asked, *, everything: bool) -> Explore:
    points: list[FrontPoint] = []
    cursor: str | None = None
    while True:
        front = front_document(
            service,
            FrontQuery(
                asked.circuit,
                asked.width,
                asked.carry_in,
                asked.carry_out,
                asked.library,
                limit=200,
                cursor=cursor,
            ),
        )
        points += front.items
        cursor = front.next
        if cursor is None or len(points) >= _MOST_POINTS:
            break
    known = {each.width for each in known_circuits(service.known, asked.circuit)}
    return explore_view(
        asked,
        front,
        points,
        widths=sorted(known),
        libraries=service.libraries.names(),
        everything=everything,
    )


def _design(service: Service, design_id: str) -> tuple[DesignDocument, Design]:
    """Give a design with its document.

    Raises:
        ProblemError: There is no such design.
        StoreError: The stores cannot be read.
    """
    if not _HEX.fullmatch(design_id):
        raise ProblemError("unknown-design", f"a design's id has 32 hex digits: {design_id[:40]!r}")
    document = service.shelf.document(design_id)
    for store in (service.store, service.known):
        found = store.designs(document.graph_digest, limit=1)
        if found:
            return document, found[0]
    raise ProblemError("unknown-design", f"the graph of design {design_id} is not stored")
