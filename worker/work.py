"""The worker process: works off the lanes, sweeps, and keeps the rest true."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from worker import gauges, tracing
from worker.apply import parents
from worker.apply.batch import Applier
from worker.charging import due
from worker.charging.charge import Charger
from worker.config import Settings
from worker.context import Context
from worker.ending import ended, within
from worker.feed.send import Feed
from worker.ids import new_id
from worker.lanes import Runner
from worker.logs import configure, said
from worker.metrics_port import metrics_port
from worker.serve import (
    CLOSE_S,
    LEAVE_MARGIN_S,
    close_context,
    leave_within,
    open_context,
    required,
    spare_collector,
    stop_signal,
)
from worker.starting import patient
from worker.store import workers
from worker.upkeep import checkouts, feed, fees, forget, overdue, reconcile, retain, statistics, sweep

log = structlog.get_logger("work")

POOL_SIZE = 10
BEAT_S = 2.0
NICENESS = 5
"""A worker gives way to receivers, PostgreSQL and Valkey on its host: senders wait for answers, nobody for a batch."""
Tick = Callable[[Context], Awaitable[int]]
TICKS: tuple[tuple[Tick, float], ...] = (
    (sweep.tick, sweep.PERIOD_S),
    (statistics.tick, statistics.PERIOD_S),
    (overdue.tick, overdue.PERIOD_S),
    (checkouts.tick, checkouts.PERIOD_S),
    (reconcile.tick, reconcile.PERIOD_S),
    (fees.tick, fees.PERIOD_S),
    (parents.tick, parents.PERIOD_S),
    (forget.tick, forget.PERIOD_S),
    (retain.tick, retain.PERIOD_S),
    (feed.tick, feed.PERIOD_S),
    (due.tick, due.PERIOD_S),
    (gauges.tick, gauges.PERIOD_S),
)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then let running batches end."""
    configure()
    os.nice(NICENESS)
    tracing.start(settings, "daybook-work")
    uvloop.run(_main(settings))
    tracing.close()


async def _main(settings: Settings) -> None:
    ctx = await open_context(settings, pool_size=POOL_SIZE, keyed=True)
    try:
        worker = Worker(ctx)
        async with metrics_port(ctx, needs_valkey=True) as measured_at:
            try:
                await worker.start()
                spare_collector()
                log.info("worker_ready", worker=worker.name, metrics=measured_at)
                await stop_signal()
                log.info("worker_draining", worker=worker.name)
                ctx.draining.set()
                leave_within(settings.drain_s + LEAVE_MARGIN_S)
            finally:
                await worker.stop()
    finally:
        await close_context(ctx)


class Worker:
    """All of a worker's loops, to be started and stopped as one; tests run it in their own process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.name = f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
        settings = ctx.settings
        self._charger = Charger(ctx)
        self._runner = Runner(
            required(settings.redis_url, "REDIS_URL"),
            Applier(ctx, self.name).apply,
            name=self.name,
            drain_s=settings.drain_s,
            batch_events=settings.batch_events,
            charge=self._charger.charge,
        )
        self._feed = Feed(ctx)
        self._tasks: list[asyncio.Task[None]] = []
        self._lanes: asyncio.Task[None] | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await patient(self._beat)
        self._tasks = [
            asyncio.create_task(self._every(self._tick(tick), period), name=tick.__module__) for tick, period in TICKS
        ]
        self._heartbeat = asyncio.create_task(self._every(self._beat, BEAT_S), name="heartbeat")
        self._lanes = asyncio.create_task(self._runner.run(), name="lanes")
        await self._feed.start()

    async def stop(self) -> None:
        """Take no more, let running batches end, then leave. Each farewell has a bound: nobody relies on one."""
        await ended(*self._tasks, within_s=CLOSE_S)
        await asyncio.gather(self._runner.stop(), self._feed.stop(self._ctx.settings.drain_s))
        if self._lanes:
            await ended(self._lanes, within_s=CLOSE_S)
        await within(CLOSE_S, self._charger.close())
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
                log.warning("upkeep_failed", what=once.__qualname__, error=type(error).__name__, message=said(error))
            await asyncio.sleep(period_s)
