"""Trained agents: cards, and asking one for designs."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response

from edarl.errors import ConfigError
from edarl.runs.jobs.requests import RolloutRequest, RolloutSettings
from edarl.service.agents import agent_detail, agent_document, agent_documents
from edarl.service.context import Service
from edarl.service.deps import Designer, Reader, ServiceDep, submit
from edarl.service.problems import problems
from edarl.service.schemas import AgentDetail, AgentDocument, JobAccepted, Page
from edarl.service.submitting import ACCEPTED, IdempotencyKey, accepted

__all__ = [
    "ask_agent",
    "get_agent",
    "list_agents",
    "router",
]

router = APIRouter(prefix="/v1/agents", tags=["agents"])

AgentId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$",
        description="The agent's id.",
        examples=["adder16-sky130"],
    ),
]


@router.get("", summary="List the trained agents", responses=problems(404))
def list_agents(
    service: ServiceDep,
    _: Reader,
    limit: Annotated[int, Query(ge=1, le=200, description="Most items of the page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$",
            description="`next` of the page before; none: the first page.",
        ),
    ] = None,
) -> Page[AgentDocument]:
    """Give the agents that come with edarl, then those that jobs have trained, newest first."""
    found = agent_documents(service)
    if cursor is not None:
        ids = [agent.id for agent in found]
        found = found[ids.index(cursor) + 1 :] if cursor in ids else []
    page = found[:limit]
    return Page(items=page, next=page[-1].id if len(found) > limit else None)


@router.get("/{agent_id}", summary="Read an agent's model card", responses=problems(404))
def get_agent(service: ServiceDep, _: Reader, agent_id: AgentId) -> AgentDetail:
    """Give what an agent was trained on, its model card, and the learning curve of its training."""
    return agent_detail(service, agent_id)


@router.post(
    "/{agent_id}/rollouts",
    status_code=202,
    summary="Ask an agent for designs",
    response_model=JobAccepted,
    responses={**ACCEPTED, **problems(404)},
)
async def ask_agent(
    wanted: RolloutSettings,
    service: ServiceDep,
    caller: Designer,
    request: Request,
    agent_id: AgentId,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Have an agent walk or search for designs that meet a delay, as a job."""
    await to_thread.run_sync(_check, service, agent_id, wanted)
    named = RolloutRequest(agent=agent_id, **wanted.model_dump())
    job = await submit(service, caller, request, "rollout", named, idempotency_key=idempotency_key)
    return accepted(job)


def _check(service: Service, agent_id: str, wanted: RolloutSettings) -> None:
    """Refuse now what a worker would refuse later.

    Raises:
        ProblemError: There is no such agent, or it is a value model, which does not walk.
        LibraryError: There is no such library.
    """
    agent = agent_document(service, agent_id)
    if agent.kind == "value" and wanted.mode != "search":
        raise ConfigError(
            f"{agent.name} is a value model, which foretells costs and does not walk; `mode` "
            f"should be search for it, actual value: {wanted.mode}"
        )
    service.libraries.entry(wanted.library)
