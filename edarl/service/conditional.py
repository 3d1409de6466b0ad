"""Answers with an ETag: 304 where the client has the bytes already."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response

from edarl.service.ready import Ready

__all__ = ["FOREVER", "NOT_MODIFIED", "REVALIDATED", "answer", "has_already"]

FOREVER = "private, max-age=31536000, immutable"
"""Of what never changes; private, as it may be for those who have a key."""

REVALIDATED = "private, no-cache"
"""Of what may change: kept, but asked for each time."""

NOT_MODIFIED: dict[int | str, dict[str, str]] = {
    304: {"description": "The client has it already: `If-None-Match` names its ETag."}
}


def has_already(if_none_match: str | None, etag: str) -> bool:
    """Say whether an ``If-None-Match`` header names an ETag.

    Source: RFC 9110, section 13.1.2; the comparison is the weak one.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return etag in tags


def answer(
    ready: Ready,
    if_none_match: str | None,
    cache: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Hand out bytes, or 304 where the client has them.

    Args:
        ready: The bytes with their ETag.
        if_none_match: The request's header.
        cache: The answer's ``Cache-Control``.
        headers: Further headers.
    """
    named = {"ETag": ready.etag, "Cache-Control": cache, **(headers or {})}
    if has_already(if_none_match, ready.etag):
        return Response(status_code=304, headers=named)
    return Response(ready.data, headers=named, media_type=ready.media_type)
