"""What every request leaves behind: its time in the metrics and, for the API and the screens, one line in the log.

A webhook has no line of its own: the door writes one for each commit, with the ids of its events, and refusals are
counted. Neither line nor label says what was asked for beyond the route: a query may hold a sign-in token.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from worker import metrics

log = structlog.get_logger("http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST: web.RequestKey[str] = web.RequestKey("request", str)
"""Under which a request carries the id that its log lines share."""
UNMATCHED = "unmatched"
SILENT = frozenset({"/webhooks/{connection}", "/healthz", "/readyz", "/static/{name}", "/favicon.ico"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
GONE = 499
"""The status told where nobody was left to be answered."""


def route_of(request: web.Request) -> str:
    """The route's template: `/api/v1/orders/{id}`."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else UNMATCHED


class _Meter:
    """What is known of a route and method before a request comes: bound once, for the door's sake."""

    __slots__ = ("bytes", "method", "ok", "route", "silent")

    def __init__(self, request: web.Request) -> None:
        self.route = route_of(request)
        self.method = request.method if request.method in METHODS else "_OTHER"  # a stranger may send any word
        self.silent = self.route in SILENT
        self.bytes = metrics.http_body_size.labels(self.method, self.route)
        self.ok = metrics.http_duration.labels(self.method, self.route, 200)

    def answered(self, status: int, seconds: float) -> None:
        child = self.ok if status == 200 else metrics.http_duration.labels(self.method, self.route, status)
        child.observe(seconds)


def measured() -> Middleware:
    """The outermost middleware of an application."""
    active = 0
    meters: dict[tuple[int, str], _Meter] = {}
    metrics.http_active.set_function(lambda: active)

    def meter_of(request: web.Request) -> _Meter:
        route = request.match_info.route
        if route.resource is None or request.method not in METHODS:
            return _Meter(request)  # such routes are made for each request
        key = (id(route), request.method)
        found = meters.get(key)
        if found is None:
            found = meters[key] = _Meter(request)
        return found

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal active
        meter = meter_of(request)
        if not meter.silent:
            request[REQUEST] = secrets.token_hex(6)
        length = request.content_length
        if length is not None:
            meter.bytes.observe(length)
        active += 1
        began = time.perf_counter()
        status = GONE
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            active -= 1
            took = time.perf_counter() - began
            meter.answered(status, took)
            if not meter.silent:
                log.info(
                    "request",
                    request=request[REQUEST],
                    method=meter.method,
                    route=meter.route,
                    status=status,
                    ms=round(took * 1000, 1),
                )

    return measure
