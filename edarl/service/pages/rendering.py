"""From a template to an answer: one environment, one set of headers, static files by content.

Everything a page needs comes from this service. The policy that goes out with each page allows
scripts and styles from here alone, none inside the page, and no connection elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from fastapi import Request
from starlette.responses import HTMLResponse, Response

import edarl
from edarl.errors import StoreError
from edarl.hdl.drawing import graph_svg
from edarl.prefix.circuits import Circuit
from edarl.prefix.design import Design
from edarl.prefix.structures import structure
from edarl.service.deps import COOKIE

__all__ = ["POLICY", "error_page", "page", "percent", "percents", "static_file", "wants_page"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_NOT_PAGES = ("/v1", "/static", "/metrics", "/healthz", "/readyz", "/openapi.json")


@dataclass(frozen=True, slots=True)
class _Static:
    """A static file in memory."""

    data: bytes
    media_type: str
    digest: str


def page(
    request: Request,
    template: str,
    *,
    section: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,  # whatever the template shows
) -> Response:
    """Write a page.

    Args:
        request: The request it answers.
        template: Name of the template.
        section: Which entry of the menu it belongs to.
        status: The HTTP status.
        headers: Further headers.
        values: What the template shows.
    """
    text = (
        _environment()
        .get_template(template)
        .render(
            section=section,
            version=edarl.__version__,
            store_version=_store_version(request),
            with_keys=COOKIE in request.cookies,
            static=_address,
            **values,
        )
    )
    return HTMLResponse(text, status, headers={**(headers or {}), **_HEADERS})


def error_page(
    request: Request,
    problem: Mapping[str, Any],  # JSON values
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write a problem as a page.

    Args:
        request: The request it answers.
        problem: The document that a program would get.
        headers: Further headers, such as when to try again.
    """
    told = {"errors": None, "request_id": "", **problem}
    return page(request, "error.html", status=int(problem["status"]), headers=headers, problem=told)


def static_file(name: str, request: Request) -> Response | None:
    """Give a static file, or None where there is none of that name."""
    found = _statics().get(name)
    if found is None:
        return None
    headers = {
        "ETag": f'"{found.digest}"',
        "X-Content-Type-Options": "nosniff",
        # Pages name the content in the address, so a new release is never hidden by an old copy.
        "Cache-Control": "public, max-age=31536000, immutable"
        if request.query_params.get("v") == found.digest
        else "no-cache",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type=found.media_type)


def wants_page(request: Request) -> bool:
    """Say whether who asks is a browser that opens a page, rather than a program."""
    path = request.url.path
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in _NOT_PAGES):
        return False
    return "text/html" in request.headers.get("accept", "")


def _store_version(request: Request) -> int | None:
    service = getattr(request.app.state, "service", None)
    if service is None:
        return None
    try:
        version: int = service.store.version()
    except StoreError:  # a page that says what is wrong with the database has to be written
        return None
    return version


def _address(name: str) -> str:
    return f"/static/{name}?v={_statics()[name].digest}"


@cache
def _statics() -> Mapping[str, _Static]:
    found = {
        entry.name: entry.read_bytes()
        for entry in (files("edarl.service.pages") / "static").iterdir()
        if entry.name.rpartition(".")[2] in _MEDIA_TYPES
    }
    found["drawing.css"] = _drawing_style().encode()
    return {
        name: _Static(
            data,
            _MEDIA_TYPES[name.rpartition(".")[2]],
            hashlib.sha256(data).hexdigest()[:16],
        )
        for name, data in found.items()
    }


def _drawing_style() -> str:
    """Take the style out of a drawing, as the policy forbids it inside a page; paper is light."""
    text = graph_svg(Design(structure("ripple", 2), Circuit("adder", 2)))
    found = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    style = found[1] if found else ""
    return style.replace("@media (prefers-color-scheme", "@media screen and (prefers-color-scheme")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edarl.service.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"when": _when, "percent": percent}
    return environment


def _when(text: str) -> str:
    """Give an ISO time to the second, in the form that people compare."""
    return text[:19].replace("T", " ")


def percents(least: float, most: float) -> str:
    """Give a range of shares as percentages, one figure where both look the same."""
    low, high = percent(min(least, most)), percent(max(least, most))
    return low if low == high else f"{low} to {high}"


def percent(share: float) -> str:
    """Give a share as a percentage with one decimal, without a sign before a rounded zero."""
    return f"{round(100 * share, 1) + 0.0:.1f}"
