"""The listener beside a process's work: `/metrics`, `/healthz`, `/readyz`, on a port of their own.

Never on the receiver's public port: metrics tell a stranger which connections there are and how much is sold. It
listens on the loopback unless DAYBOOK_METRICS_HOST says otherwise.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from worker import metrics
from worker.context import CONTEXT, Context
from worker.ending import ended
from worker.errors import UserError
from worker.gauges import watch_pool
from worker.health import healthz, readyz
from worker.local.address import web_address

LAG_PERIOD_S = 0.5


@asynccontextmanager
async def metrics_port(ctx: Context, *, needs_valkey: bool) -> AsyncIterator[str | None]:
    """Serve while the block runs, where the settings name a port or hand one down; the address. Port 0 takes a free
    one."""
    settings = ctx.settings
    if settings.metrics_fd is None and settings.metrics_port is None:
        yield None
        return
    app = web.Application()
    app[CONTEXT] = ctx
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz(needs_valkey=needs_valkey))
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    await runner.setup()
    site: web.BaseSite
    if settings.metrics_fd is not None:
        site = web.SockSite(runner, socket.socket(fileno=settings.metrics_fd))
    else:
        site = web.TCPSite(runner, settings.metrics_host, settings.metrics_port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise UserError(
            f"Metrics cannot be served on {settings.metrics_host} port {settings.metrics_port}: "
            f"{(error.strerror or str(error)).lower()}.",
            remedy="Name another with --metrics-port (0 takes a free one) or DAYBOOK_METRICS_HOST.",
        ) from None
    lag = asyncio.create_task(_watch_loop(), name="loop-lag")
    try:
        with watch_pool(ctx.pool):
            host, port = runner.addresses[0][:2]
            yield web_address(host, port)
    finally:
        await ended(lag)
        await runner.cleanup()


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _watch_loop() -> None:
    """How late this loop wakes who sleeps in it."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_PERIOD_S
        await asyncio.sleep(LAG_PERIOD_S)
        metrics.event_loop_lag.observe(max(loop.time() - due, 0.0))
