"""Styles, scripts and icons: read once, named by their content, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

import lucide.jinja
import msgspec
from aiohttp import web
from markupsafe import Markup

from worker.problems import problem

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_IMPORTED = re.compile(rb'^(import\b.*?\bfrom )"\./([\w-]+\.js)"', re.MULTILINE)
_FOREVER = "public, max-age=31536000, immutable"


class Asset(msgspec.Struct, frozen=True):
    body: bytes
    content_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """Every file of the folder by name."""
    return {path.name: _asset(path.name) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}


@cache
def _asset(name: str) -> Asset:
    path = FOLDER / name
    body = path.read_bytes()
    if path.suffix == ".js":
        # A module is imported by the very address that pages load it by: by two addresses it would run twice.
        body = _IMPORTED.sub(
            lambda found: b'%s"./%s?v=%s"' % (found[1], found[2], _asset(found[2].decode()).digest.encode()), body
        )
    return Asset(body, _TYPES[path.suffix], hashlib.blake2b(body, digest_size=6).hexdigest())


def asset(name: str) -> str:
    """The address of a file, with its content's hash."""
    return f"/static/{name}?v={assets()[name].digest}"


@cache
def icon(name: str, size: int = 16) -> Markup:
    """An icon as inline SVG; it says nothing to a screen reader, the words beside it do."""
    return Markup(lucide.jinja.lucide(name, size=size, aria_hidden="true", focusable="false"))  # noqa: S704  (a package's own drawing)


async def serve(request: web.Request) -> web.Response:
    found = assets().get(request.match_info["name"])
    if found is None:
        return problem(404, "There is no such file.")
    named = request.query.get("v") == found.digest
    headers = {"ETag": f'"{found.digest}"', "Cache-Control": _FOREVER if named else "no-cache"}
    if found.digest in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.body, content_type=found.content_type, charset="utf-8", headers=headers)


async def favicon(_request: web.Request) -> web.Response:
    """For browsers that ask for it before they read the page."""
    mark = assets()["mark.svg"]
    return web.Response(
        body=mark.body, content_type=mark.content_type, headers={"Cache-Control": "public, max-age=86400"}
    )
