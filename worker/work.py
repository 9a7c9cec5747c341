"""The worker process: works off the lanes, sweeps, and keeps the rest true."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

import structlog
import uvloop
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from worker.apply.batch import Applier
from worker.config import Settings
from worker.context import CONTEXT, Context
from worker.ending import ended, within
from worker.health import healthz, readyz
from worker.ids import new_id
from worker.lanes import Runner
from worker.logs import configure
from worker.serve import CLOSE_S, LEAVE_MARGIN_S, close_context, leave_within, open_context, required, stop_signal
from worker.store import workers
from worker.upkeep import forget, overdue, sweep

log = structlog.get_logger("work")

POOL_SIZE = 10
BEAT_S = 2.0
Tick = Callable[[Context], Awaitable[int]]
TICKS: tuple[tuple[Tick, float], ...] = (
    (sweep.tick, sweep.PERIOD_S),
    (overdue.tick, overdue.PERIOD_S),
    (forget.tick, forget.PERIOD_S),
)


def run(settings: Settings, metrics_port: int | None = None) -> None:
    """Work until SIGTERM or SIGINT, then let running batches end."""
    configure()
    uvloop.run(_main(settings, metrics_port))


async def _main(settings: Settings, metrics_port: int | None) -> None:
    ctx = await open_context(settings, pool_size=POOL_SIZE)
    worker = Worker(ctx)
    metrics = await _serve_metrics(ctx, metrics_port) if metrics_port is not None else None
    try:
        await worker.start()
        log.info("worker_ready", worker=worker.name)
        await stop_signal()
        log.info("worker_draining", worker=worker.name)
        leave_within(settings.drain_s + LEAVE_MARGIN_S)
    finally:
        await worker.stop()
        if metrics:
            await metrics.cleanup()
        await close_context(ctx)


class Worker:
    """All of a worker's loops, to be started and stopped as one; tests run it in their own process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.name = f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
        settings = ctx.settings
        self._runner = Runner(
            required(settings.redis_url, "REDIS_URL"),
            Applier(ctx, self.name).apply,
            name=self.name,
            drain_s=settings.drain_s,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._lanes: asyncio.Task[None] | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._beat()
        self._tasks = [
            asyncio.create_task(self._every(self._tick(tick), period), name=tick.__module__) for tick, period in TICKS
        ]
        self._heartbeat = asyncio.create_task(self._every(self._beat, BEAT_S), name="heartbeat")
        self._lanes = asyncio.create_task(self._runner.run(), name="lanes")

    async def stop(self) -> None:
        """Take no more, let running batches end, then leave. Each farewell has a bound: nobody relies on one."""
        await ended(*self._tasks, within_s=CLOSE_S)
        await self._runner.stop()
        if self._lanes:
            await ended(self._lanes, within_s=CLOSE_S)
        if self._heartbeat:  # until here: a worker that is silent while it drains would be taken for dead
            await ended(self._heartbeat, within_s=CLOSE_S)
        if not await within(CLOSE_S, workers.leave(self._ctx.pool, self.name)):
            log.warning("farewell_lost")

    async def _beat(self) -> None:
        await workers.beat(self._ctx.pool, self.name, socket.gethostname(), os.getpid(), self._runner.running)

    def _tick(self, tick: Tick) -> Callable[[], Awaitable[None]]:
        async def once() -> None:
            await tick(self._ctx)

        return once

    @staticmethod
    async def _every(once: Callable[[], Awaitable[None]], period_s: float) -> None:
        while True:
            try:
                async with asyncio.timeout(60):
                    await once()
            except Exception as error:  # noqa: BLE001  (a loop that ends would be noticed too late)
                log.warning(
                    "upkeep_failed", what=once.__qualname__, error=type(error).__name__, message=str(error)[:200]
                )
            await asyncio.sleep(period_s)


async def _serve_metrics(ctx: Context, port: int) -> web.AppRunner:
    """Metrics and health of this worker; port 0 takes a free one and prints it."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app[CONTEXT] = ctx
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, ctx.settings.host, port)
    await site.start()
    print(f"metrics http://{ctx.settings.host}:{runner.addresses[0][1]}/metrics", flush=True)  # noqa: T201
    return runner
