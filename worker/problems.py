"""One error shape for every route: RFC 9457 problem details (`application/problem+json`).

`detail` says what happened and what to do now; `errors` names fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

TITLES = {
    400: "Malformed request",
    401: "Not authorised",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Body too slow",
    409: "Conflict",
    410: "Gone",
    412: "Changed meanwhile",
    413: "Body too large",
    415: "Unsupported encoding",
    422: "Invalid content",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
    504: "Took too long",
}


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> web.Response:
    """A problem response. `code` is a stable word for programs; `more` are extension members."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    if code:
        body["code"] = code
    if errors:
        body["errors"] = list(errors)
    body.update(more)
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/problem+json",
        headers=dict(headers or {}),
    )
