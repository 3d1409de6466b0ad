"""The client of the service.

```python
from edarl.client import Client, DesignRequest

with Client("http://127.0.0.1:8400") as client:
    answer = client.design(DesignRequest(width=32, max_delay_ps=1100))
    verilog = client.file(answer.design, "verilog")
```

Importing this is light: requests, which know circuits and settings, are imported when they are
named. The client computes nothing; what it hands out is what the service proved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edarl.client.client import Client
from edarl.client.errors import (
    AnswerError,
    ConflictError,
    ForbiddenError,
    JobCancelledError,
    JobFailedError,
    KeyRefusedError,
    LimitError,
    RefusedError,
    ServiceError,
    UnavailableError,
    UnknownError,
    UnreachableError,
    WaitError,
)
from edarl.client.jobs import DEFAULT_URL
from edarl.client.records import (
    Agent,
    Design,
    DesignAnswer,
    DesignFile,
    Front,
    FrontPoint,
    Job,
    JobEvent,
    JobStatus,
    Saving,
)
from edarl.client.transport import Retries

if TYPE_CHECKING:
    from edarl.runs.jobs.requests import (
        DesignRequest,
        LayoutRequest,
        RolloutRequest,
        TrainingRequest,
    )

__all__ = [
    "DEFAULT_URL",
    "Agent",
    "AnswerError",
    "Client",
    "ConflictError",
    "Design",
    "DesignAnswer",
    "DesignFile",
    "DesignRequest",
    "ForbiddenError",
    "Front",
    "FrontPoint",
    "Job",
    "JobCancelledError",
    "JobEvent",
    "JobFailedError",
    "JobStatus",
    "KeyRefusedError",
    "LayoutRequest",
    "LimitError",
    "RefusedError",
    "Retries",
    "RolloutRequest",
    "Saving",
    "ServiceError",
    "TrainingRequest",
    "UnavailableError",
    "UnknownError",
    "UnreachableError",
    "WaitError",
]

_REQUESTS = frozenset({"DesignRequest", "LayoutRequest", "RolloutRequest", "TrainingRequest"})


def __getattr__(name: str) -> Any:  # Any: one of the request classes above
    if name not in _REQUESTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edarl.runs.jobs import requests

    return getattr(requests, name)
