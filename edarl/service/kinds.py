"""The kinds of problems the service can answer with: the pages under ``/problems`` and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["KINDS", "ProblemKind"]


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One row of the table.

    Attributes:
        name: The last part of its page's address.
        status: The HTTP status it comes with.
        title: What it is, in a few words.
        meaning: What happened, in a sentence without a full stop.
        remedy: What to do about it, in a sentence without a full stop.
    """

    name: str
    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def type(self) -> str:
        """The address of its page, from the root of the service."""
        return f"/problems/{self.name}"


_ROWS = (
    ProblemKind(
        "malformed-request", 400, "The request cannot be read",
        "the request is not HTTP as it should be, or its body is not JSON",
        "send one JSON document in UTF-8, nested no deeper than the limit",
    ),
    ProblemKind(
        "key-missing", 401, "An API key is needed",
        "this service answers only to those who have a key",
        "send `Authorization: Bearer KEY`; the operator makes keys with `edarl keys create`",
    ),
    ProblemKind(
        "key-unknown", 401, "The API key is not known",
        "the key is mistyped, or was revoked",
        "check the key, or ask the operator for a new one",
    ),
    ProblemKind(
        "scope-missing", 403, "The API key does not allow this",
        "the key is valid, but lacks the scope that this needs",
        "ask the operator for a key with the scope that the detail names",
    ),
    ProblemKind(
        "foreign-origin", 403, "The request comes from another site",
        "a page of another site, or another name of this machine, was used to send it",
        "use the address that the service printed when it started, or send an API key",
    ),
    ProblemKind(
        "not-found", 404, "There is nothing here",
        "this address does not exist",
        "see /docs for those that do",
    ),
    ProblemKind(
        "unknown-job", 404, "There is no such job",
        "no job has this id, or it belongs to another key",
        "list your jobs with GET /v1/jobs",
    ),
    ProblemKind(
        "unknown-design", 404, "There is no such design",
        "no proven design has this id",
        "ask for one with POST /v1/designs, or list a front with GET /v1/fronts",
    ),
    ProblemKind(
        "unknown-agent", 404, "There is no such agent",
        "no agent has this id",
        "list the agents with GET /v1/agents",
    ),
    ProblemKind(
        "unknown-library", 404, "There is no such cell library",
        "the server has no cell library of this name",
        "list the libraries with GET /v1/libraries; the operator adds one with `edarl library add`",
    ),
    ProblemKind(
        "method-not-allowed", 405, "This method is not possible here",
        "the address exists, but not for this method",
        "use one of the methods in the Allow header",
    ),
    ProblemKind(
        "not-acceptable", 406, "No such format",
        "the answer does not come in the format that was asked for",
        "ask for one that the detail names",
    ),
    ProblemKind(
        "too-slow", 408, "The request took too long to arrive",
        "the rest of the request did not come in time",
        "send it again, all at once",
    ),
    ProblemKind(
        "conflict", 409, "That is not possible any more",
        "what was to be changed is in another state by now",
        "look at its state and decide again",
    ),
    ProblemKind(
        "too-large", 413, "The request is too long",
        "the body is longer than this service takes; designs are asked for in a few hundred bytes",
        "send less; libraries and netlists are never uploaded",
    ),
    ProblemKind(
        "unsupported-media-type", 415, "The body is not JSON",
        "a body should come with `Content-Type: application/json`",
        "send JSON, and say so in the header",
    ),
    ProblemKind(
        "invalid-request", 422, "The request is not valid",
        "a value is missing, of the wrong type, or out of range",
        "correct the values that `errors` names",
    ),
    ProblemKind(
        "idempotency-conflict", 422, "The idempotency key was used for another request",
        "the same Idempotency-Key came with a different request before",
        "use a new key for a new request",
    ),
    ProblemKind(
        "quota-exceeded", 429, "The quota is used up",
        "the work or the number of jobs that the key allows is reached",
        "wait as long as Retry-After says, or cancel jobs that are not needed",
    ),
    ProblemKind(
        "headers-too-large", 431, "The headers are too long",
        "the request line and headers together are longer than this service takes",
        "send fewer or shorter headers",
    ),
    ProblemKind(
        "internal", 500, "The service made a mistake",
        "something went wrong that should not",
        "tell the operator the `request_id`; the log has the rest",
    ),
    ProblemKind(
        "not-installed", 501, "The server lacks a package for this",
        "what was asked for needs an optional package that is not installed on the server",
        "the operator installs the package that the detail names",
    ),
    ProblemKind(
        "busy", 503, "The service is busy",
        "more was asked for than it can take at once",
        "wait as long as Retry-After says",
    ),
    ProblemKind(
        "database", 503, "The database cannot be used",
        "the database cannot be read or written at present: its disk is full, it is locked, or its "
        "server does not answer",
        "try again soon; what was not acknowledged was not stored",
    ),
    ProblemKind(
        "tool-missing", 503, "A program is missing on the server",
        "a program that this needs is not installed there",
        "the operator finds out more with `edarl doctor`",
    ),
    ProblemKind(
        "not-ready", 503, "The service is not ready",
        "something that it needs is missing",
        "the `checks` say what",
    ),
)  # fmt: skip

KINDS: Mapping[str, ProblemKind] = {kind.name: kind for kind in _ROWS}
"""Every kind by name."""
