"""What the database and Valkey are asked for the metrics: every few seconds by each worker, never by a scrape.

**While a server is away its gauges are absent, not zero and not old**: a reading is shown for 20 seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.provider import Lane
from worker.context import Context
from worker.lanes import queue_name
from worker.store import backlog, deliveries, lanes, recurring_orders, retention
from worker.store.backlog import Backlog
from worker.store.db import Pool, acquire

PERIOD_S = 5.0
SHOWN_S = 20.0
ALIVE_WITHIN = timedelta(seconds=15)
READ_S = 10.0
_ABSENT = f"Absent while PostgreSQL does not answer. Asked every {PERIOD_S:g} s; the same from every worker."


class Reading(Collector):
    """The last answers, and when they came."""

    def __init__(self) -> None:
        self._backlog: tuple[float, Backlog] | None = None
        self._feed: tuple[float, deliveries.Backlog] | None = None
        self._charging: tuple[float, recurring_orders.Charging] | None = None
        self._paused: tuple[float, dict[str, int]] | None = None
        self._retention: tuple[float, float] | None = None
        self._valkey: tuple[float, bool, int] | None = None
        self._pools: list[Pool] = []

    def note(self, found: Backlog) -> None:
        self._backlog = (time.monotonic(), found)

    def note_feed(self, found: deliveries.Backlog) -> None:
        self._feed = (time.monotonic(), found)

    def note_charging(self, found: recurring_orders.Charging) -> None:
        self._charging = (time.monotonic(), found)

    def note_paused(self, found: dict[str, int]) -> None:
        self._paused = (time.monotonic(), found)

    def note_retention(self, overdue_s: float) -> None:
        self._retention = (time.monotonic(), overdue_s)

    def note_valkey(self, policy: str, evicted: int) -> None:
        self._valkey = (time.monotonic(), policy == "noeviction", evicted)

    def forget(self) -> None:
        self._backlog = self._feed = self._charging = self._paused = self._retention = self._valkey = None

    @contextmanager
    def pool(self, pool: Pool) -> Iterator[None]:
        self._pools.append(pool)
        try:
            yield
        finally:
            self._pools.remove(pool)

    def collect(self) -> Iterable[Metric]:
        found = self._backlog[1] if self._backlog and _fresh(self._backlog[0]) else None
        pending = GaugeMetricFamily(
            "inbox_pending",
            f"Events that are not settled, by state; counted up to {backlog.LIMIT:,}. {_ABSENT}",
            labels=("state",),
        )
        oldest = GaugeMetricFamily(
            "inbox_oldest_pending_age_seconds",
            f"Time since the receipt of the oldest event that nobody has tried yet; 0 where there is none. {_ABSENT}",
        )
        dead = GaugeMetricFamily(
            "inbox_dead", f"Events that nobody applies any more; counted up to {backlog.LIMIT:,}. {_ABSENT}"
        )
        workers = GaugeMetricFamily(
            "workers_alive", f"Workers heard of within {ALIVE_WITHIN.total_seconds():g} s. {_ABSENT}"
        )
        if found is not None:
            for state, events in found.pending.items():
                pending.add_metric((state,), events)
            oldest.add_metric((), found.oldest_s)
            dead.add_metric((), found.dead)
            workers.add_metric((), found.workers)
        yield from (pending, oldest, dead, workers)
        yield self._of_lanes()
        yield from self._of_feed()
        yield from self._of_charging()
        yield self._of_retention()
        yield from self._of_valkey()
        yield self._of_pools()

    def _of_lanes(self) -> Metric:
        paused = GaugeMetricFamily(
            "lane_paused_accounts",
            "Accounts in which somebody has paused the lane (destination, as in the messaging metrics): what it holds "
            f"waits, and is no part of inbox_oldest_pending_age_seconds. {_ABSENT}",
            labels=("messaging_destination_name",),
        )
        if self._paused and _fresh(self._paused[0]):
            for lane, accounts in self._paused[1].items():
                paused.add_metric((queue_name(Lane(lane)),), accounts)
        return paused

    def _of_feed(self) -> Iterable[Metric]:
        pending = GaugeMetricFamily(
            "feed_pending",
            "Deliveries of the feed to active subscribers that are not settled; counted up to "
            f"{deliveries.BACKLOG_LIMIT:,}. {_ABSENT}",
        )
        overdue = GaugeMetricFamily(
            "feed_overdue_seconds",
            "Time since the oldest attempt to tell an active subscriber fell due that nobody has made; 0 where there "
            f"is none. {_ABSENT}",
        )
        dead = GaugeMetricFamily(
            "feed_dead",
            f"Deliveries of the feed that were given up; counted up to {deliveries.BACKLOG_LIMIT:,}. {_ABSENT}",
        )
        if self._feed and _fresh(self._feed[0]):
            pending.add_metric((), self._feed[1].pending)
            overdue.add_metric((), self._feed[1].overdue_s)
            dead.add_metric((), self._feed[1].dead)
        return pending, overdue, dead

    def _of_charging(self) -> Iterable[Metric]:
        gauges = [
            (GaugeMetricFamily(name, f"{meaning} {_ABSENT}"), field)
            for name, field, meaning in (
                ("charges_overdue", "overdue", "Charges that fell due over ten minutes ago and may be made."),
                (
                    "charges_overdue_seconds",
                    "overdue_s",
                    "Time since the oldest of them fell due; 0 without one.",
                ),
                ("charges_unknown", "unknown", "Charges of which nobody knows what came of them."),
                (
                    "charges_unknown_seconds",
                    "unknown_s",
                    "Time since the oldest of them was sent; 0 without one.",
                ),
                ("charges_held", "held", "Recurring orders that wait for a person before they are charged."),
                (
                    "charges_refused",
                    "refused",
                    "Recurring orders that Stripe refuses to try until they are mended.",
                ),
                ("charging_stopped_accounts", "stopped", "Accounts in which all charging is stopped."),
            )
        ]
        if self._charging and _fresh(self._charging[0]):
            for gauge, field in gauges:
                gauge.add_metric((), float(getattr(self._charging[1], field)))
        return [gauge for gauge, _ in gauges]

    def _of_retention(self) -> Metric:
        overdue = GaugeMetricFamily(
            "inbox_prune_overdue_seconds",
            "How far the oldest body that may be pruned is past the days of its account; 0 without one. Above a day: "
            f"upkeep does not get to it. {_ABSENT}",
        )
        if self._retention and _fresh(self._retention[0]):
            overdue.add_metric((), self._retention[1])
        return overdue

    def _of_valkey(self) -> Iterable[Metric]:
        keeps = GaugeMetricFamily(
            "valkey_noeviction", "1 where Valkey's maxmemory-policy is noeviction, else 0. Absent while it is away."
        )
        evicted = CounterMetricFamily("valkey_evicted_keys", "Keys that Valkey dropped to make room.")
        if self._valkey and _fresh(self._valkey[0]):
            keeps.add_metric((), self._valkey[1])
            evicted.add_metric((), self._valkey[2])
        return keeps, evicted

    def _of_pools(self) -> Metric:
        connections = GaugeMetricFamily(
            "db_client_connection_count", "Connections of this process to PostgreSQL, by state.", labels=("state",)
        )
        if self._pools:
            idle = sum(pool.get_idle_size() for pool in self._pools)
            connections.add_metric(("idle",), idle)
            connections.add_metric(("used",), sum(pool.get_size() for pool in self._pools) - idle)
        return connections


reading = Reading()
REGISTRY.register(reading)
watch_pool = reading.pool


async def tick(ctx: Context) -> int:
    """Ask once. A server that does not answer leaves the last reading, which is not shown for long."""
    async with asyncio.timeout(READ_S), acquire(ctx.pool) as connection:
        reading.note(await backlog.read(connection, ALIVE_WITHIN))
        reading.note_paused(await lanes.paused_accounts(connection))
        reading.note_feed(await deliveries.backlog(connection))
        now = datetime.fromtimestamp(ctx.clock(), UTC)
        reading.note_charging(await recurring_orders.charging(connection, now))
        reading.note_retention(await retention.overdue_s(connection, now))
    memory = await ctx.lanes.memory()
    if memory:
        reading.note_valkey(*memory)
    return 0


def _fresh(at: float) -> bool:
    return time.monotonic() - at < SHOWN_S
