"""The playground: GraphiQL from local files, without a request to any other host."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from schema.negotiation import HTML, accepted

FOLDER = "graphiql"
"""Below the folder of assets: where the files of npm packages lie."""

FETCHED = (
    "react.production.min.js",
    "react-dom.production.min.js",
    "graphiql.min.js",
    "graphiql.min.css",
)
"""Out of react 18.2.0, react-dom 18.2.0 and graphiql 3.8.3."""

OWN = ("playground.js", "playground.css")

_HERE = Path(__file__).parent
_PAGE = (_HERE / "playground.html").read_text(encoding="utf-8")
_MISSING = (_HERE / "playground_missing.html").read_text(encoding="utf-8")
_HEADERS = {
    # GraphiQL sets styles on elements; its fonts and icons are data.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def wants_page(request: Request) -> bool:
    """Whether a browser asks for the page: a GET without a query, for HTML."""
    if request.method != "GET" or "query" in request.query_params:
        return False
    return HTML in accepted(request.headers.get("accept", ""))


def page(request: Request) -> Response:
    """The playground; where files are missing, a page that says which and how to get them."""
    missing = [name for name in FETCHED if _path(request, name) is None]
    if not missing:
        return HTMLResponse(_PAGE, headers=_HEADERS)
    listed = "".join(f"<li><code>{escape(name)}</code></li>" for name in missing)
    return HTMLResponse(_MISSING.replace("<!-- missing -->", listed), headers=_HEADERS)


def asset(request: Request) -> Response:
    """One of the files that the page names, and no other."""
    path = _path(request, request.path_params["name"])
    if path is None:
        return PlainTextResponse("not found", 404)
    return FileResponse(path, headers=_HEADERS)


def _path(request: Request, name: str) -> Path | None:
    folder: Path | None = request.app.state.assets
    if name in OWN:
        return _HERE / name
    if name not in FETCHED or folder is None:
        return None
    path = folder / FOLDER / name
    return path if path.is_file() else None
