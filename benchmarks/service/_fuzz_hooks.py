"""What schemathesis is told beside the OpenAPI document, for `fuzz`; it imports this by name."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import requests
import schemathesis

__all__ = ["KEY_VARIABLE", "end_the_stream"]

KEY_VARIABLE = "EDARL_FUZZ_KEY"
"""The variable with the API key, where keys are on."""


@schemathesis.hook("before_call")
def end_the_stream(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Cancel a job before its events are asked for: those of a queued one never end."""
    del context
    if not case.operation.path.endswith("/events"):
        return
    job = quote(str((case.path_parameters or {}).get("job_id", "none")), safe="")
    base = str(kwargs.get("base_url") or case.operation.base_url).rstrip("/")
    key = os.environ.get(KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    requests.post(f"{base}/v1/jobs/{job}/cancel", headers=headers, timeout=60)
