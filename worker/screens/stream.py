"""A screen, live: the sections that changed, as server-sent events, for as long as somebody watches.

A stream ends when the process stops, when its session ends or may not see this any more, and when it is old (the
browser comes back by itself).
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from handlers.errors import Refused
from worker.logs import said
from worker.problems import problem
from worker.screens.screen import NotThere, Screen
from worker.screens.session import Session, renewed, session_of

log = structlog.get_logger("screens")

ENDING: web.AppKey[asyncio.Event] = web.AppKey("ending", asyncio.Event)
OPEN: web.AppKey[list[int]] = web.AppKey("open_streams", list)
LOOKING: web.AppKey[asyncio.Semaphore] = web.AppKey("looking", asyncio.Semaphore)
TICK_S = 2.0
SESSION_CHECK_TICKS = 5
LONGEST_TICKS = 1800
"""An hour: then the browser connects anew, so that no stream outlives what it was opened with."""
STREAMS = 200
"""Streams open at once in this process; each costs little, but none should be free."""
LOOKS_AT_ONCE = 3
"""Streams that read at the same moment: however many are open, the pool has connections left for pages and programs."""


def start(app: web.Application) -> None:
    app[ENDING] = asyncio.Event()
    app[OPEN] = [0]
    app[LOOKING] = asyncio.Semaphore(LOOKS_AT_ONCE)


async def end_streams(app: web.Application) -> None:
    """Without this an open stream would hold the process for as long as the browser stays."""
    app[ENDING].set()


async def stream(request: web.Request, screen: Screen) -> web.StreamResponse:
    session = await session_of(request)
    if session is None:
        return problem(401, "Sign in first: your session has ended.")
    if screen.closed(request, session) is not None:
        return problem(403, "Your token does not let you see this page.")
    count = request.app[OPEN]
    if count[0] >= STREAMS:
        return problem(503, "Too many screens are open on this receiver. Close some.", headers={"Retry-After": "30"})
    count[0] += 1
    try:
        try:
            first = await _read(request, session, screen)
        except NotThere as error:
            return problem(404, f"There is no such {error.noun}.")
        except Refused as refused:
            return problem(422, refused.message)
        async with sse_response(request, send_timeout=20) as response:
            with contextlib.suppress(ConnectionResetError, TimeoutError):  # the browser left
                await _watch(request, response, session, screen, first)
        return response
    finally:
        count[0] -= 1


async def session_state(request: web.Request) -> web.Response:
    """Whether the browser's session still stands: 204 or 401. A page whose stream broke off asks, since a browser does
    not tell a script why."""
    return web.Response(status=204 if await session_of(request) else 401, headers={"Cache-Control": "no-store"})


async def _read(request: web.Request, session: Session, screen: Screen) -> dict[str, str] | None:
    """What is live, as HTML; None where it could not be read. Raises NotThere and Refused, as the page does."""
    try:
        async with request.app[LOOKING]:
            content = await screen.look(request, session)
        return screen.lively(request, content)
    except (NotThere, Refused):
        raise
    except Exception as error:  # noqa: BLE001  (whatever the database does, the stream says so and goes on)
        _log_failure(screen, error)
        return None


def _log_failure(screen: Screen, error: Exception) -> None:
    log.warning("screen_not_read", screen=screen.name, error=type(error).__name__, message=said(error))


async def _watch(
    request: web.Request,
    response: EventSourceResponse,
    session: Session,
    screen: Screen,
    sections: dict[str, str] | None,
) -> None:
    """Send these sections, then those that change. Ends where the row that is shown has gone: a browser comes back by
    itself, and is told."""
    ending = request.app[ENDING]
    sent: dict[str, str] = {}
    for tick in range(1, LONGEST_TICKS + 1):
        if sections is None:
            await response.send("The database does not answer: these numbers are old.", event="stale")
        else:
            changed = {name: html for name, html in sections.items() if sent.get(name) != html}
            await response.send(msgspec.json.encode(changed).decode(), event="sections")
            sent = sections
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                await ending.wait()
        if ending.is_set() or not response.is_connected():
            return
        try:
            if tick % SESSION_CHECK_TICKS == 0:
                now = await renewed(request, session)
                if now is None or screen.closed(request, now) is not None:
                    await response.send("Your session has ended.", event="ended")
                    return
                session = now  # it may see less than before
            sections = await _read(request, session, screen)
        except (NotThere, Refused):
            return
        except Exception as error:  # noqa: BLE001  (as in `_read`)
            _log_failure(screen, error)
            sections = None
