"""What is not HTTP, or breaks off, is answered in the one shape of every error too (RFC 9457), on every route.

aiohttp answers such requests before any application sees them, in plain text; this runner answers for it.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from worker.problems import problem

_DETAILS = {
    400: "This is not a request that can be read: see its request line, its headers and their sizes. Send it again.",
    408: "The request did not arrive in time. Send it again.",
    500: "Something is wrong on our side. Send it again, and tell an administrator if that does not help.",
    504: "The request took too long. Send it again.",
}


class _Protocol(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs, and raises where an answer has begun
        response = problem(status, _DETAILS.get(status, _DETAILS[400 if status < 500 else 500]))
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """An application's runner whose every error is a problem."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        made.__class__ = _Server
        return made
