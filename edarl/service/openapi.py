"""The OpenAPI document as it really is: what every route can answer is added to what each says."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from edarl import __version__
from edarl.service.kinds import KINDS
from edarl.service.problems import PROBLEM_TYPE, ProblemDocument, problem_answer

__all__ = ["install"]

Json = dict[str, Any]  # Any: JSON of an OpenAPI document

_DESCRIPTION = """\
Ask for a datapath circuit and get a netlist that was proven: the smallest that meets a delay.

* Figures are pre-layout: area in square micrometres, delay in picoseconds, in a constraint (driver
  and load) that every answer names.
* What takes long is a job: the answer is 202 with its address; poll it, or follow its events.
* A request with an `Idempotency-Key` can be sent again safely.
* Every error is a problem document (RFC 9457); its `type` is a page of this service.
"""

TAGS = [
    {"name": "designs", "description": "Proven netlists, and the files that belong to them."},
    {"name": "fronts", "description": "The best known designs of a circuit, with baselines."},
    {"name": "jobs", "description": "What takes long: progress, events, cancelling."},
    {"name": "training", "description": "Training jobs."},
    {"name": "agents", "description": "Trained agents, and asking them for designs."},
    {"name": "cells", "description": "Layouts of standard cells."},
    {"name": "catalogue", "description": "Cell libraries and kinds of circuits."},
    {"name": "keys", "description": "API keys: who is asking."},
    {"name": "operation", "description": "For operators: alive, ready, figures."},
]

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_OWN_ANSWERS = ("HTTPValidationError", "ValidationError")
"""What FastAPI would answer by itself; here everything is a problem."""


def install(app: FastAPI, *, with_keys: bool) -> None:
    """Have an application give the completed document.

    Args:
        app: The application, with all its routes.
        with_keys: Whether requests need a key.
    """

    def document() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, with_keys=with_keys)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, *, with_keys: bool) -> Json:
    found: Json = get_openapi(
        title="edarl",
        version=__version__,
        summary="Proven datapath circuits, found by search and learning",
        description=_DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in _OWN_ANSWERS:
        schemas.pop(name, None)
    own = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas["ProblemDocument"] = own
    for path, methods in found["paths"].items():
        for method in _METHODS:
            if method in methods:
                _complete(methods[method], path, with_keys=with_keys)
    return found


def _complete(operation: Json, path: str, *, with_keys: bool) -> None:
    """Add what limits, keys and the database can make of any request."""
    statuses = {400, 403, 431, 500}
    if operation.get("parameters"):
        statuses.add(422)
    if "requestBody" in operation:
        statuses |= {408, 413, 415, 422}
    if path.startswith("/v1") or "security" in operation:
        statuses |= {503}
    if "202" in operation["responses"]:  # it makes jobs, and there may be too many
        statuses |= {429}
    if "security" in operation:
        statuses |= {401} if with_keys else set()
        if not with_keys:  # a key is looked at nowhere, so none is needed
            operation["security"] = [{}, *operation["security"]]
        else:  # one of them is enough
            operation["security"] = [{name: []} for need in operation["security"] for name in need]
    answers = operation["responses"]
    for status in sorted(statuses):
        known = answers.get(str(status))
        if known is None or PROBLEM_TYPE not in known.get("content", {}):
            answers[str(status)] = problem_answer(status)
    for status, answer in answers.items():
        _headers(operation, int(status), answer)


def _headers(operation: Json, status: int, answer: Json) -> None:
    """Name the headers that matter to a program."""
    headers = answer.setdefault("headers", {})
    headers.setdefault(
        "X-Request-ID",
        {"schema": {"type": "string"}, "description": "The id under which the log has more."},
    )
    if status in (429, 503) and any(kind.status == status for kind in KINDS.values()):
        headers.setdefault(
            "Retry-After",
            {"schema": {"type": "integer"}, "description": "Seconds to wait before trying again."},
        )
    if "security" in operation and status in (202, 429):
        for name in ("RateLimit", "RateLimit-Policy"):
            headers.setdefault(
                name,
                {
                    "schema": {"type": "string"},
                    "description": "Work that the key may still ask for; only where keys are on.",
                },
            )
