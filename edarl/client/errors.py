"""What can go wrong between a client and the service: one tree, below `EdarlError`.

ServiceError                    the service did not give what was asked for
├── UnreachableError            no answer came, also after trying again
├── RefusedError                the request is not usable (400, 405, 413, 415, 422, ...)
│   ├── KeyRefusedError         no API key, an unknown or a revoked one (401)
│   ├── ForbiddenError          the key may not do this (403)
│   ├── UnknownError            there is no such design, job, agent, ..., or it is another's (404)
│   ├── ConflictError           it contradicts what is there, such as a used idempotency key
│   └── LimitError              the key's quota or the queue's limit is used up (429)
├── UnavailableError            the service has a fault or is overloaded (500 and above)
├── AnswerError                 an answer is not what the service should give, or was damaged
├── JobFailedError              a job ended with an error
├── JobCancelledError           a job was cancelled
└── WaitError                   a job did not end in the time that was allowed for it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edarl.errors import EdarlError

__all__ = [
    "AnswerError",
    "ConflictError",
    "ForbiddenError",
    "JobCancelledError",
    "JobFailedError",
    "KeyRefusedError",
    "LimitError",
    "RefusedError",
    "ServiceError",
    "UnavailableError",
    "UnknownError",
    "UnreachableError",
    "WaitError",
    "error_of",
]


class ServiceError(EdarlError):
    """The service did not give what was asked for.

    Attributes:
        status: The HTTP status, None where no answer came.
        problem: The problem document (RFC 9457) of the answer, empty where there is none.
        retry_after_s: In how many seconds the service said to ask again, None where it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,  # JSON values
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})
        self.retry_after_s = retry_after_s


class UnreachableError(ServiceError):
    """No answer came, also after trying again."""


class RefusedError(ServiceError):
    """The request is not usable."""


class KeyRefusedError(RefusedError):
    """There is no API key, or it is not known."""


class ForbiddenError(RefusedError):
    """The API key may not do this."""


class UnknownError(RefusedError):
    """There is no such thing, or it belongs to another key."""


class ConflictError(RefusedError):
    """The request contradicts what is there."""


class LimitError(RefusedError):
    """A quota or a limit is used up; ``retry_after_s`` says until when."""


class UnavailableError(ServiceError):
    """The service has a fault, or cannot serve now."""


class AnswerError(ServiceError):
    """An answer is not what the service should give, or was damaged on the way."""


class JobFailedError(ServiceError):
    """A job ended with an error; ``problem`` holds it."""


class JobCancelledError(ServiceError):
    """A job was cancelled before it had a result."""


class WaitError(ServiceError):
    """A job did not end in the time that was allowed for it; it goes on at the service."""


_KINDS: Mapping[int, type[RefusedError]] = {
    401: KeyRefusedError,
    403: ForbiddenError,
    404: UnknownError,
    409: ConflictError,
    429: LimitError,
}
_ADVICE: Mapping[type[ServiceError], str] = {
    KeyRefusedError: "give a key of this service: `api_key`, or EDARL_API_KEY for the command line",
    ForbiddenError: "ask the operator for a key with that scope",
    UnavailableError: "try again later, and ask the operator if it stays so",
}
_TOLD = 3
"""How many wrong values the service names in its message."""


def error_of(
    status: int, problem: Mapping[str, Any], *, retry_after_s: float | None = None
) -> ServiceError:
    """Give the exception that a problem document stands for.

    Args:
        status: The HTTP status.
        problem: The document, empty where the answer had none.
        retry_after_s: What ``Retry-After`` said.
    """
    kind: type[ServiceError] = UnavailableError
    if status < 500:
        kind = _KINDS.get(status, RefusedError)
    if str(problem.get("type", "")).endswith("/idempotency-conflict"):
        kind = ConflictError
    message = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
    lines = [f"the service answered {status}: {message}"]
    faults = [fault for fault in problem.get("errors") or () if isinstance(fault, Mapping)]
    if len(faults) > _TOLD:  # the message names the first ones
        lines += [f"  `{fault.get('name', '')}` {fault.get('detail', '')}" for fault in faults]
    if kind is LimitError and retry_after_s is not None:
        lines.append(f"ask again in {retry_after_s:.0f} s")
    if kind in _ADVICE:
        lines.append(_ADVICE[kind])
    if status >= 500 and problem.get("request_id"):
        lines.append(f"its log has more under {problem['request_id']}")
    return kind("\n".join(lines), status=status, problem=problem, retry_after_s=retry_after_s)
