"""``/docs`` without the internet, and the pages that explain problems.

Swagger UI comes from the static folder of the installed package ``fastapi-offline``; the few lines
that start it are ours, because nothing inline may run here.
"""

from __future__ import annotations

import importlib.util
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from edarl.service.kinds import KINDS
from edarl.service.pages.rendering import page
from edarl.service.problems import ProblemError

__all__ = ["docs", "docs_asset", "list_problems", "router", "show_problem", "swagger_folder"]

router = APIRouter(include_in_schema=False)

_HOW = "python -m pip install 'edarl[service]'"
_SWAGGER = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_OURS = {"docs.js": "text/javascript", "docs.css": "text/css"}
_DOCS = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · edarl</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/docs.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/docs.js" defer></script>
</head>
<body>
<nav><a href="/">edarl</a> <a href="/problems">Errors</a> <a href="/openapi.json">OpenAPI</a></nav>
<main id="swagger-ui"><noscript>This page needs JavaScript.</noscript></main>
</body>
</html>
"""
_CACHE = {"Cache-Control": "public, max-age=3600"}


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show every operation, to read and to try."""
    return HTMLResponse(_DOCS)


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
async def list_problems(request: Request) -> Response:
    """List the kinds of problems."""
    return page(request, "problems.html", kinds=tuple(KINDS.values()))


@router.get("/problems/{name}")
async def show_problem(request: Request, name: str) -> Response:
    """Explain a kind of problem."""
    kind = KINDS.get(name)
    if kind is None:
        raise ProblemError(
            "not-found", f"there is no kind of problem {name[:80]!r}; /problems lists them"
        )
    return page(request, "problem.html", kind=kind)


def swagger_folder() -> Path | None:
    """Give the folder with Swagger UI's files, or None where the package is not installed."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "static"
    return folder if all((folder / name).is_file() for name in _SWAGGER) else None
