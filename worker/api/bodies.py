"""Bodies of API requests: read within their limits, and JSON that says one thing only."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from worker.context import CONTEXT
from worker.problems import problem


async def read(request: web.Request) -> bytes:
    """The raw body; read again, it is the same. Raises the web.HTTPException that says why it cannot be read: encoded,
    too slow, too large, broken off."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(request.app[CONTEXT].settings.body_timeout_s):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, web.PayloadAccessError):
        raise web.HTTPBadRequest(reason="The body broke off or is not framed rightly. Send it again.") from None


class _TwiceError(Exception):
    """`name` is given twice in one object."""

    def __init__(self, name: str) -> None:
        self.name = name


def _single(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) < 2:
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _TwiceError(name)
        seen.add(name)


def unambiguous(content: bytes) -> web.Response | None:
    """The 422 for JSON that gives a name twice in one object: which of the two is meant, nobody can tell. `content` was
    found to be JSON already."""
    try:
        json.loads(content, object_pairs_hook=_single, parse_int=len, parse_float=len)
    except _TwiceError as error:
        field = error.name.encode("utf-8", "replace").decode()[:200]
        errors = [{"field": field, "in": "body", "message": "given more than once in one object"}]
        return problem(422, "A name was given more than once in one object of the body.", code="invalid", errors=errors)
    return None
