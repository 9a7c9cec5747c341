"""The receiver process: webhooks, API and screens over one port."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence

import structlog
import uvloop
from aiohttp import web

from worker import metrics, tracing
from worker.api import routes as api_routes
from worker.bootstrap import bootstrap_connections
from worker.config import Settings
from worker.context import CONTEXT, Context
from worker.ending import ended, within
from worker.errors import UserError
from worker.health import healthz, readyz
from worker.lanes import Lanes
from worker.logs import configure
from worker.metrics_port import metrics_port
from worker.receive.directory import Directory
from worker.receive.door import Receiver
from worker.receive.inbox import Inbox
from worker.receive.rejects import Rejects
from worker.requests import measured
from worker.screens import routes as screen_routes
from worker.starting import patient
from worker.store.db import Pool, make_pool, open_pool
from worker.store.inbox import Stored
from worker.unreadable import Runner
from worker.upkeep import reconcile, statistics
from worker.vault import Vault

log = structlog.get_logger("serve")

POOL_SIZE = 10
DOOR_POOL_SIZE = 3
"""Connections of the door's own: two commits at once and a look at the connections, whatever else the API is asked."""
COMMIT_TIMEOUT_S = 10.0
"""After which a sender is told to come again: PostgreSQL does not answer, or is not to be reached."""
REJECTS: web.AppKey[Rejects] = web.AppKey("rejects", Rejects)
CLOSE_S = 0.3
"""How long a farewell to PostgreSQL may take."""
LEAVE_MARGIN_S = 3.0
"""What a process takes at most, beyond the drain time, to end after SIGTERM."""


async def open_context(
    settings: Settings, clock: Callable[[], float] = time.time, *, pool_size: int = POOL_SIZE, keyed: bool = False
) -> Context:
    """Everything a process needs to touch the world. Close it with `close_context`. `keyed`: see `make_pool`."""
    vault = Vault(settings.secret_keys)
    url = required(settings.database_url, "DATABASE_URL")
    pool = await patient(lambda: open_pool(url, size=pool_size, least=2, keyed=keyed))
    lanes = Lanes(required(settings.redis_url, "REDIS_URL"))
    lanes.start()
    return Context(settings, pool, vault, lanes, clock)


def required(url: str | None, variable: str) -> str:
    """The address, or what to do about its absence."""
    if url is None:
        raise UserError(f"{variable} is not set.", remedy=f"Set {variable}, or start everything with `daybook up`.")
    return url


async def close_context(ctx: Context) -> None:
    """Say goodbye to both servers, for as long as they answer."""
    await ctx.lanes.close()
    for pool in (ctx.pool, *ctx.more_pools):
        await close_pool(pool)


async def close_pool(pool: Pool) -> None:
    if not await within(CLOSE_S, pool.close()):
        pool.terminate()


def make_app(ctx: Context) -> web.Application:
    """The whole application over a context; tests give it a clock of their own."""
    app = web.Application(client_max_size=ctx.settings.body_limit_bytes, middlewares=[measured()])
    app[CONTEXT] = ctx
    pool = make_pool(
        required(ctx.settings.database_url, "DATABASE_URL"), size=DOOR_POOL_SIZE, keyed=True, timeout_s=COMMIT_TIMEOUT_S
    )
    directory = Directory(pool, ctx.vault)
    inbox = Inbox(
        pool,
        _signaller(ctx.lanes),
        batch=ctx.settings.batch_events,
        backlog_events=ctx.settings.backlog_events,
        backlog_bytes=ctx.settings.backlog_bytes,
        trouble=ctx.trouble,
    )

    rejects = Rejects(pool, directory, ctx.clock)

    async def connected() -> None:
        await pool
        await directory.refresh()

    async def doors(_app: web.Application) -> AsyncIterator[None]:
        await patient(connected)
        ctx.more_pools.append(pool)
        metrics.inbox_batch_queue_depth.set_function(lambda: inbox.depth)
        fresh = asyncio.create_task(directory.keep_fresh(), name="connections")
        writing = asyncio.create_task(rejects.keep_writing(), name="refusals")
        planning = asyncio.create_task(statistics.keep_fresh(pool), name="statistics")
        yield
        await ended(fresh, writing, planning, within_s=CLOSE_S)
        await inbox.drain()  # after the last request: until here each of them may still be waiting for its commit
        await rejects.close()
        await close_pool(pool)

    app.cleanup_ctx.append(doors)
    receiver = Receiver(ctx.settings, directory, inbox, rejects, ctx.clock)
    app[REJECTS] = rejects
    app.router.add_post("/webhooks/{connection}", receiver.receive)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz(needs_valkey=False))
    api_routes.add_routes(app)
    screen_routes.add_routes(app)
    return app


def _signaller(lanes: Lanes) -> Callable[[Sequence[Stored]], None]:
    def signal_all(stored: Sequence[Stored]) -> None:
        grouped: dict[tuple[str, str], list[str]] = {}
        for event in stored:
            grouped.setdefault((event.lane, event.account_id), []).append(event.id)
        for (lane, account_id), ids in grouped.items():
            lanes.signal(lane, account_id, ids)

    return signal_all


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    configure()
    tracing.start(settings, "daybook-receive")
    uvloop.run(_main(settings))
    tracing.close()


async def _main(settings: Settings) -> None:
    ctx = await open_context(settings)
    for line in await patient(lambda: bootstrap_connections(ctx.pool, ctx.vault, settings)):
        log.info("connection_made", what=line)
    await patient(lambda: reconcile.hurry(ctx))
    runner = Runner(
        make_app(ctx),
        access_log=None,
        keepalive_timeout=ctx.settings.keepalive_s,
        lingering_time=2,
        shutdown_timeout=settings.drain_s,
        handler_cancellation=False,
    )
    try:
        async with metrics_port(ctx, needs_valkey=False) as measured_at:
            try:
                await runner.setup()
                site: web.BaseSite
                if settings.listen_fd is not None:
                    site = web.SockSite(runner, socket.socket(fileno=settings.listen_fd), backlog=1024)
                else:
                    site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
                await site.start()
                spare_collector()
                log.info("receiver_ready", address=site.name, metrics=measured_at)
                await stop_signal()
                log.info("receiver_draining")
                ctx.draining.set()
                leave_within(settings.drain_s + LEAVE_MARGIN_S)
            finally:
                # aiohttp waits up to twice its timeout. What is not answered by then was not promised.
                if not await within(settings.drain_s + CLOSE_S, runner.cleanup()):
                    log.warning("requests_cut_short")
    finally:
        await close_context(ctx)


def spare_collector() -> None:
    """Call once a process is set up: what lives for ever is not looked at again, and young garbage less often. What a
    request or a batch leaves behind is nearly all freed by its reference counts."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def leave_within(seconds: float) -> None:
    """End the process after this time, whatever still waits for a server that does not answer. Safe: what was
    acknowledged is committed, and what was not is sent again."""

    def leave() -> None:
        log.warning("drain_cut_short", seconds=seconds)
        os._exit(0)

    asyncio.get_running_loop().call_later(seconds, leave)


async def stop_signal() -> None:
    """Returns at the first SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
