"""`/healthz`: this process turns. `/readyz`: it can keep its promise, for which it needs Postgres and not Valkey."""

from __future__ import annotations

import asyncio

from aiohttp import web

from worker.context import CONTEXT
from worker.problems import problem
from worker.store.db import Pool, acquire


async def healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    ctx = request.app[CONTEXT]
    if not await reachable(ctx.pool):
        return problem(
            503,
            "PostgreSQL cannot be reached. Deliveries are refused with 503 until it is back.",
            headers={"Retry-After": "5"},
        )
    return web.json_response({"status": "ready", "postgres": True, "valkey": await ctx.lanes.ping()})


async def reachable(pool: Pool) -> bool:
    """Whether Postgres answers within 2 seconds."""
    try:
        async with asyncio.timeout(2), acquire(pool) as connection:
            return bool(await connection.fetchval("SELECT true"))
    except Exception:  # noqa: BLE001  (whatever the reason, the answer is no)
        return False
