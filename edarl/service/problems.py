"""Every error as an RFC 9457 problem: one table of kinds, one function, one handler.

A problem's ``type`` is a page of this service, ``/problems/NAME``, that says what it means and what
to do. What goes out never holds a stack trace, a path of this machine or a database address: those
are in the log, under the request's id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from edarl.errors import (
    ConfigError,
    EdarlError,
    IdempotencyConflictError,
    IllegalGraphError,
    IllegalMoveError,
    LeaseLostError,
    LibraryError,
    QuotaError,
    StoreError,
    ToolNotFoundError,
    UnknownJobError,
)
from edarl.service.kinds import KINDS, ProblemKind

__all__ = [
    "PROBLEMS",
    "PROBLEM_TYPE",
    "FieldProblem",
    "Problem",
    "ProblemDocument",
    "ProblemError",
    "document_of",
    "install",
    "problem_answer",
    "problem_of",
    "problem_response",
    "problems",
]

log = structlog.get_logger()

PROBLEM_TYPE = "application/problem+json"
"""The media type of every error."""

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH"})
_MOST_FIELDS = 20
_MOST_SHOWN = 60
_RETRY_S = 5


class FieldProblem(BaseModel):
    """What is wrong with one value of a request."""

    where: str = Field(description="body, query, path, header or cookie.", examples=["body"])
    name: str = Field(description="The field, with dots between levels.", examples=["width"])
    detail: str = Field(
        description="What was expected.", examples=["should be greater than or equal to 2"]
    )


class ProblemDocument(BaseModel):
    """An error as RFC 9457 describes it."""

    type: str = Field(
        description="A page that explains this kind of problem.",
        examples=["/problems/invalid-request"],
    )
    title: str = Field(examples=["The request is not valid"])
    status: int = Field(description="The HTTP status.", ge=400, le=599, examples=[422])
    detail: str = Field(
        description="What was expected, what came, what to do.",
        examples=["`width` should be greater than or equal to 2, actual value: 0"],
    )
    instance: str = Field(description="The path that was asked for.", examples=["/v1/designs"])
    request_id: str = Field(description="Under this id the service's log has more.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="Every value that is wrong, where values are."
    )
    retry_after_s: float | None = Field(default=None, description="When to try again, in seconds.")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem before it is written.

    Attributes:
        kind: Which one of `edarl.service.kinds.KINDS`.
        detail: What was expected, what came, what to do.
        headers: Further headers of the answer.
        members: Further members of the document.
    """

    kind: ProblemKind
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values


class ProblemError(EdarlError):
    """What a route raises to answer with a problem.

    Attributes:
        problem: The problem.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,  # JSON values
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(KINDS[name], detail, headers or {}, members)


_MAPPED: Sequence[tuple[type[EdarlError], str]] = (
    (UnknownJobError, "unknown-job"),
    (IdempotencyConflictError, "idempotency-conflict"),
    (LeaseLostError, "conflict"),
    (ConfigError, "invalid-request"),
    (IllegalGraphError, "invalid-request"),
    (IllegalMoveError, "invalid-request"),
    (LibraryError, "invalid-request"),
)
"""Errors whose message is meant for whoever asked."""

_HIDDEN: Sequence[tuple[type[EdarlError], str, str]] = (
    (
        StoreError,
        "database",
        "the database cannot be read or written at present; what was asked for was not stored; "
        "try again soon, and ask the operator if it stays so",
    ),
    (
        ToolNotFoundError,
        "tool-missing",
        "a program that this needs is not installed on the server; ask its operator",
    ),
)
"""Errors whose message is for the operator alone, and what is said instead."""

_STATUS_NAMES = {kind.status: name for name, kind in reversed([*KINDS.items()])}
"""For each status the first kind that has it."""


def problem_of(error: Exception) -> Problem:
    """Give the problem that an error is told as.

    Args:
        error: One of edarl's errors, FastAPI's or Starlette's own, or anything unexpected.
    """
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, RequestValidationError):
        return _invalid(error.errors())
    if isinstance(error, HTTPException):
        return _of_status(error)
    if isinstance(error, QuotaError):
        return _quota(error)
    for known, name in _MAPPED:
        if isinstance(error, known):
            return Problem(KINDS[name], str(error))
    for known, name, said in _HIDDEN:
        if isinstance(error, known):
            return Problem(KINDS[name], said, {"Retry-After": str(_RETRY_S)})
    return Problem(
        KINDS["internal"],
        "something went wrong that should not; nothing is known to be wrong with the request; "
        "tell the operator the request_id",
    )


def document_of(problem: Problem, scope: Scope) -> dict[str, Any]:  # Any: JSON values
    """Give the document of a problem, as the answer to a request."""
    kind = problem.kind
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": quote(scope.get("path", "/")[:200], safe="/:@!$&'()*+,;=~-._"),
        "request_id": scope.get("edarl.request_id", ""),
        **problem.members,
    }


def problem_response(problem: Problem, scope: Scope) -> Response:
    """Write a problem as the answer to a request: JSON, or a page for a browser that opens one."""
    # The pages are built of documents that need this module's room, so they come in late.
    from edarl.service.pages.rendering import error_page, wants_page

    document = document_of(problem, scope)
    headers = {"Cache-Control": "no-store", **problem.headers}
    request = Request(scope)
    if wants_page(request):
        return error_page(request, document, headers=headers)
    # ASCII: half of a surrogate pair in a request may be repeated in a message.
    body = json.dumps(document, allow_nan=False, ensure_ascii=True).encode()
    return Response(body, problem.kind.status, headers=headers, media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Make an application answer every error with a problem."""
    for kind in (EdarlError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.kind.status == HTTPStatus.METHOD_NOT_ALLOWED:
        problem = replace(problem, headers=_allowed(request, problem.headers))
    # What a route raises as a problem is meant, whatever its status.
    if problem.kind.status >= 500 and not isinstance(error, ProblemError):
        request_id = request.scope.get("edarl.request_id", "")
        log.error("request failed", request_id=request_id, error=str(error), exc_info=error)
    return problem_response(problem, request.scope)


def _allowed(request: Request, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Name every method of an address: Starlette knows those of its first route only."""
    template = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(template, ())
    names = {name.upper() for name in methods if name.upper() in _METHODS}
    return {**headers, "Allow": ", ".join(sorted(names))} if names else headers


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:  # Any: FastAPI's own type
    """Document that a route can answer with these statuses, as problems.

    Those that every route has are added to the OpenAPI document by `edarl.service.openapi`.
    """
    return {status: problem_answer(status) for status in statuses}


def problem_answer(status: int) -> dict[str, Any]:  # Any: JSON of an OpenAPI document
    """Give the OpenAPI response of a problem with this status."""
    titles = [kind.title for kind in KINDS.values() if kind.status == status]
    return {
        "description": "; ".join(titles) or HTTPStatus(status).phrase,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }


PROBLEMS = problems(404)
"""What most routes can answer beside what every route can."""


def _quota(error: QuotaError) -> Problem:
    wait_s = max(1, -(-int(error.retry_after_s * 1000) // 1000))
    return Problem(
        KINDS["quota-exceeded"],
        str(error),
        {"Retry-After": str(wait_s)},
        {"retry_after_s": float(wait_s)},
    )


def _of_status(error: HTTPException) -> Problem:
    kind = KINDS[_STATUS_NAMES.get(error.status_code, "internal")]
    said = str(error.detail or "")
    detail = kind.meaning if said == HTTPStatus(error.status_code).phrase or not said else said
    return Problem(kind, detail, dict(error.headers or {}))


def _invalid(errors: Iterable[Mapping[str, Any]]) -> Problem:  # Any: pydantic's error values
    listed = [_field(each) for each in errors]
    if any(kind == "json_invalid" for kind, _ in listed):
        return Problem(
            KINDS["malformed-request"],
            "the body should be one JSON document in UTF-8; " + listed[0][1].detail,
        )
    fields = [problem for _, problem in listed]
    shown = "; ".join(
        f"`{problem.name}` {problem.detail}" if problem.name else f"the body {problem.detail}"
        for problem in fields[:3]
    )
    more = f"; and {len(fields) - 3} more" if len(fields) > 3 else ""
    members = {"errors": [problem.model_dump() for problem in fields[:_MOST_FIELDS]]}
    return Problem(KINDS["invalid-request"], f"{shown}{more}", {}, members)


def _field(error: Mapping[str, Any]) -> tuple[str, FieldProblem]:  # Any: pydantic's error values
    kind = str(error["type"])
    where, *rest = (str(part)[:80] for part in error["loc"])
    context = error.get("ctx", {})
    if kind == "json_invalid":
        detail = f"{context.get('error', 'it is not JSON')} at position {'.'.join(rest)}"
        return kind, FieldProblem(where=where, name="", detail=detail)
    detail = str(error["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        detail = "is needed and was not given"
    elif kind == "extra_forbidden":
        detail = "is not a field of this request; leave it out"
    elif kind != "value_error" and " should " in detail[:20]:  # pydantic's, not one of ours
        detail = detail[detail.index("should ") :]
        if rest != ["key"]:  # an API key is repeated nowhere
            detail += f", actual value: {_shown(error.get('input'))}"
    return kind, FieldProblem(where=where, name=".".join(rest), detail=detail)


def _shown(value: Any) -> str:  # Any: whatever was sent
    """Give a value as it may be repeated in an answer: short, and printable."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # bytes; a number with thousands of digits
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
