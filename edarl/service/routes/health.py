"""Is it alive, can it do its work, and how much of it: for operators and their programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from edarl import __version__
from edarl.errors import EdarlError, StoreError, ToolError
from edarl.service.context import Service
from edarl.service.deps import Reader, ServiceDep
from edarl.service.problems import ProblemError, problem_answer
from edarl.store.workers import list_workers
from edarl.synthesis.process import abc_path, pyosys_directory, tool_versions

__all__ = ["Check", "Health", "Readiness", "healthz", "metrics", "readyz", "router"]

router = APIRouter(tags=["operation"])

CheckName = Literal["database", "tools", "libraries", "workers"]


class Health(BaseModel):
    """That the process answers."""

    status: Literal["ok"] = "ok"
    version: str = Field(description="The version of edarl.", examples=["0.1.0"])


class Check(BaseModel):
    """Whether one thing that the service needs is there."""

    name: CheckName
    ok: bool
    detail: str = Field(description="What was found, or what is missing and how to get it.")


class Readiness(BaseModel):
    """That everything is there which the service needs."""

    status: Literal["ready"] = "ready"
    version: str = Field(description="The version of edarl.", examples=["0.1.0"])
    checks: list[Check]


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answer as long as the process does; asks nobody."""
    return Health(version=__version__)


@router.get(
    "/readyz",
    summary="Can it do its work?",
    responses={503: problem_answer(503) | {"description": "Something is missing: see `checks`."}},
)
def readyz(service: ServiceDep) -> Readiness:
    """Say whether database, tools, libraries and at least one worker are there.

    Without a worker designs and fronts are answered, but no job is ever done.
    """
    checks = [_checked(name, check, service) for name, check in _CHECKS]
    lacking = [check for check in checks if not check.ok]
    if lacking:
        raise ProblemError(
            "not-ready",
            "; ".join(f"{check.name}: {check.detail}" for check in lacking),
            headers={"Retry-After": "5"},
            checks=[check.model_dump() for check in checks],
        )
    return Readiness(version=__version__, checks=checks)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, _: Reader) -> Response:
    """Give requests, latencies, jobs by status, workers and the process in Prometheus' format."""
    return Response(
        request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def _checked(name: CheckName, check: Callable[[Service], str], service: Service) -> Check:
    try:
        return Check(name=name, ok=True, detail=check(service))
    except _LackingError as lacking:
        return Check(name=name, ok=False, detail=str(lacking))


class _LackingError(Exception):
    """What is missing, and what to do about it."""


def _database(service: Service) -> str:
    try:
        return f"answers; the store has version {service.store.version()}"
    except StoreError as error:
        raise _LackingError("it cannot be read; the log says why") from error


def _tools(_: Service) -> str:
    try:
        abc_path()
        pyosys_directory()
        versions = tool_versions()
    except ToolError as error:
        raise _LackingError("ABC or Yosys is missing: python -m pip install pyosys") from error
    return ", ".join(f"{tool} {version}" for tool, version in versions.items())


def _libraries(service: Service) -> str:
    try:
        entry = service.libraries.entry("default")
    except EdarlError as error:
        raise _LackingError("the default cell library is damaged: install edarl again") from error
    return f"{len(service.libraries.names())}; the default is {entry.name}"


def _workers(service: Service) -> str:
    try:
        alive = list_workers(service.store, within_s=service.settings.worker_fresh_s)
    except StoreError as error:
        raise _LackingError("unknown while the database cannot be read") from error
    if not alive:
        raise _LackingError(
            "none is alive: start one with `edarl worker`, or the service with --with-worker"
        )
    return f"{len(alive)} alive, {sum(each.slots for each in alive)} slots"


_CHECKS: tuple[tuple[CheckName, Callable[[Service], str]], ...] = (
    ("database", _database),
    ("tools", _tools),
    ("libraries", _libraries),
    ("workers", _workers),
)
