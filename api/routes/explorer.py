"""The API in a browser: its description as a page that tries calls, wholly from files that come along.

Rules: nothing is fetched from elsewhere, and the page may ask nobody but this node; it holds no secret of its
own, so whoever may read the description may open it.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from api.conditional import TAGGED
from api.identity import OPEN
from reconciler.errors import NotFound

FOLDER = Path(__file__).parents[1] / "explorer"
FOREIGN = FOLDER / "swagger-ui"
PAGE = FOLDER / "index.html"
SCRIPTS = {"page.js": FOLDER / "page.js", "swagger-ui-bundle.js": FOREIGN / "swagger-ui-bundle.js"}
STYLES = {"page.css": FOLDER / "page.css", "swagger-ui.css": FOREIGN / "swagger-ui.css"}

HTML, SCRIPT, STYLE = "text/html", "text/javascript", "text/css"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _as(media_type: str) -> dict[str, Any]:
    """What is told of a route that serves a file."""
    told = ResponseSpec(str, media_type=media_type, description="As it is.", generate_examples=False)
    return {"media_type": media_type, "opt": OPEN | TAGGED, "responses": {200: told}}


@get("/api-docs", summary="The API as a page that tries calls", **_as(HTML))
async def page() -> Response[bytes]:
    """Works offline, and with a key: `Authorize` takes its secret, and keeps it until the page is left."""
    return await _file(PAGE, HTML, {"content-security-policy": POLICY})


@get("/api-docs/scripts/{name:str}", summary="What that page runs", **_as(SCRIPT))
async def script(name: FromPath[str]) -> Response[bytes]:
    return await _file(_known(SCRIPTS, name), SCRIPT)


@get("/api-docs/styles/{name:str}", summary="How that page looks", **_as(STYLE))
async def style(name: FromPath[str]) -> Response[bytes]:
    return await _file(_known(STYLES, name), STYLE)


def _known(files: dict[str, Path], name: str) -> Path:
    if name not in files:
        raise NotFound(f"the page has no '{name}'", remedy=f"it has {' and '.join(files)}")
    return files[name]


async def _file(path: Path, media_type: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Read when somebody asks, and not kept: an idle node carries none of it."""
    content, tag = await asyncio.to_thread(_read, path)
    return Response(content, media_type=media_type, headers={"etag": tag, **(headers or {})})


def _read(path: Path) -> tuple[bytes, str]:
    content = path.read_bytes()
    return content, f'"{sha256(content).hexdigest()[:32]}"'
