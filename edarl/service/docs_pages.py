"""``/docs`` without the internet, and the pages that explain problems.

Swagger UI comes from the static folder of the installed package ``fastapi-offline``; the few lines
that start it are ours, because nothing inline may run here.
"""

from __future__ import annotations

import importlib.util
from html import escape
from importlib import resources
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from edarl.service.kinds import KINDS, ProblemKind
from edarl.service.problems import ProblemError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_HOW = "python -m pip install 'edarl[service]'"
_SWAGGER = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_OURS = {"docs.js": "text/javascript", "docs.css": "text/css"}
_CACHE = {"Cache-Control": "public, max-age=3600"}


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show every operation, to read and to try."""
    return _page(
        "edarl API",
        '<div id="swagger-ui"></div>'
        '<noscript><p>This page needs JavaScript; <a href="/openapi.json">openapi.json</a> says '
        "the same.</p></noscript>",
        head='<link rel="stylesheet" href="/docs/swagger-ui.css">'
        '<script src="/docs/swagger-ui-bundle.js" defer></script>'
        '<script src="/docs/docs.js" defer></script>',
    )


@router.get("/docs/{name}")
async def docs_asset(name: str) -> Response:
    """Give a file of `/docs`."""
    if name in _OURS:
        data = resources.files("edarl.service").joinpath("assets", name).read_bytes()
        return Response(data, media_type=_OURS[name], headers=_CACHE)
    folder = swagger_folder()
    if name not in _SWAGGER or folder is None:
        missing = f"; {_HOW} brings the files of /docs" if name in _SWAGGER else ""
        raise ProblemError("not-found", f"/docs has no file {name[:80]!r}{missing}")
    return FileResponse(folder / name, media_type=_SWAGGER[name], headers=_CACHE)


@router.get("/problems")
async def list_problems() -> HTMLResponse:
    """List the kinds of problems."""
    rows = "".join(
        f'<tr><td>{kind.status}</td><td><a href="{kind.type}">{escape(kind.title)}</a></td>'
        f"<td><code>{kind.name}</code></td></tr>"
        for kind in KINDS.values()
    )
    return _page(
        "Problems",
        "<h1>Problems</h1><p>Every error of this service is a problem document (RFC 9457); its "
        "<code>type</code> is one of these pages.</p><table><thead><tr><th>status</th>"
        f"<th>problem</th><th>type</th></tr></thead><tbody>{rows}</tbody></table>",
    )


@router.get("/problems/{name}")
async def show_problem(name: str) -> HTMLResponse:
    """Explain a kind of problem."""
    kind = KINDS.get(name)
    if kind is None:
        raise ProblemError(
            "not-found", f"there is no kind of problem {name[:80]!r}; /problems lists them"
        )
    return _page(kind.title, _explained(kind))


def swagger_folder() -> Path | None:
    """Give the folder with Swagger UI's files, or None where the package is not installed."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "static"
    return folder if all((folder / name).is_file() for name in _SWAGGER) else None


def _explained(kind: ProblemKind) -> str:
    return (
        f"<h1>{escape(kind.title)}</h1>"
        f"<dl><dt>type</dt><dd><code>{kind.type}</code></dd>"
        f"<dt>status</dt><dd>{kind.status}</dd>"
        f"<dt>what happened</dt><dd>{escape(_sentence(kind.meaning))}</dd>"
        f"<dt>what to do</dt><dd>{escape(_sentence(kind.remedy))}</dd></dl>"
        '<p><a href="/problems">all problems</a> · <a href="/docs">API</a></p>'
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _page(title: str, body: str, *, head: str = "") -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - edarl</title>{head}"
        '<link rel="stylesheet" href="/docs/docs.css"><link rel="icon" href="data:,"></head>'
        f"<body><main>{body}</main></body></html>"
    )
