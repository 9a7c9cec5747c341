"""`/healthz`: this process turns. `/readyz`: it can keep its promise.

A receiver needs PostgreSQL and a schema that is not older than its code; without Valkey its deliveries are safe, and
only come later. A worker needs Valkey too: without it no lane can be worked off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
from aiohttp import web

from worker.context import CONTEXT, Context
from worker.problems import problem
from worker.store.db import acquire
from worker.store.migrate import lacking

_AGAIN = {"Retry-After": "5"}


async def healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


def readyz(*, needs_valkey: bool) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler for a process that needs Valkey to be ready, or for one that does not."""

    async def ready(request: web.Request) -> web.Response:
        ctx = request.app[CONTEXT]
        fault = await _fault(ctx)
        if fault:
            return problem(503, fault, headers=_AGAIN)
        valkey = await ctx.lanes.ping()
        if needs_valkey and not valkey:
            return problem(
                503,
                "Valkey cannot be reached: this worker takes no jobs until it is back. No event is lost meanwhile.",
                headers=_AGAIN,
                postgres=True,
                valkey=False,
            )
        return web.json_response({"status": "ready", "postgres": True, "valkey": valkey})

    return ready


async def _fault(ctx: Context) -> str | None:
    """What keeps this process from being ready, whatever its kind."""
    if ctx.draining.is_set():
        return "This process is ending. Another one answers."
    try:
        async with asyncio.timeout(2), acquire(ctx.pool) as connection:
            missing = await lacking(connection)
    except asyncpg.InsufficientPrivilegeError:
        return "The schema cannot be read with the user of DATABASE_URL. Give it back its rights."
    except Exception:  # noqa: BLE001  (whatever the reason, the answer is no)
        return "PostgreSQL cannot be reached. Deliveries are refused with 503 until it is back."
    if ctx.trouble.here:
        return "The last delivery could not be stored, though PostgreSQL answers: see its log and the room on its disk."
    if missing:
        return f"The schema lacks {', '.join(missing)}. Run `daybook migrate`."
    return None
