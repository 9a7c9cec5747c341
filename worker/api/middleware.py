"""Every error of every route in one shape, and none of them with a traceback or a secret in it."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from worker.api.refusals import refusal
from worker.logs import said
from worker.problems import problem
from worker.requests import REQUEST, route_of

log = structlog.get_logger("api")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DETAILS = {
    404: "There is nothing at this address. The operations are listed at /api/docs.",
    405: "This address does not take this method. The header Allow says which it takes.",
    408: "The body did not arrive in time. Send it again.",
    413: "The body is larger than is allowed here. Send less at once.",
    415: "Send application/json, without Content-Encoding.",
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers with problem+json whatever is raised."""
    response = await _answer(request, handler)
    if "Content-Encoding" in request.headers and not response.prepared:
        response.force_close()  # the body may not be decoded to its end, and the connection could not be used again
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kept = {
            name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After", "WWW-Authenticate")
        }
        response = problem(error.status, DETAILS.get(error.status, error.reason), headers=kept)
        if error.status in (408, 413):
            response.force_close()  # the rest of the body was not read
        return response
    except Exception as error:
        if request.transport is None or request.transport.is_closing():
            raise  # nobody is there to be answered
        return refusal(error) or fault(request, error)


def fault(request: web.Request, error: Exception) -> web.Response:
    """A fault of ours: one line in the log, its id in the answer. Neither says what the request carried."""
    name = request.get(REQUEST) or secrets.token_hex(6)
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "request_failed",
        request=name,
        method=request.method,
        route=route_of(request),
        error=type(error).__name__,
        message=said(error),
        at=" < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:])),
    )
    return problem(
        500, f"Something is wrong on our side. The log says more under {name}.", code="internal", request=name
    )
