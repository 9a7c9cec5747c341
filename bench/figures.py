"""The figures, each measured once by a call; `Round` holds what one round of all of them gave."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from statistics import median, quantiles

import aiohttp
import msgspec

from bench.cost import cpu_s, resident_mb
from bench.house import House
from bench.sales import bodies, requests
from schemas.provider import Delivery, Source
from tests.world import SECRETS
from worker.lanes import Lanes
from worker.providers import adapters
from worker.receive.accept import event_of
from worker.store import inbox
from worker.store.db import open_pool

ACCEPTED = '"accepted"'
CHUNK = 200
RATE_WARM = 640
UNSETTLED = "SELECT next_attempt_at IS NOT NULL FROM event_states WHERE event_id = $1"


class Sizes(msgspec.Struct, frozen=True):
    """How many requests each figure takes: whole sales, told of eight at a time."""

    bare: int = 30_720
    door: int = 16_000
    whole: int = 8_000
    batched: int = 8_000
    single: int = 960
    paced_s: int = 5
    idle: int = 96


class Whole(msgspec.Struct, frozen=True):
    """A receiver and a worker at work: events received and applied a second, memory, and what an event costs: CPU in us
    of each process, bytes of write-ahead log, bytes of tables and indexes."""

    received: float
    applied: float
    memory_mb: float
    receiver_us: float
    worker_us: float
    postgres_us: float
    valkey_us: float
    wal_bytes: float
    table_bytes: float

    @property
    def cpu_s(self) -> float:
        """CPU seconds for 10,000 events, everything but the generator."""
        return (self.receiver_us + self.worker_us + self.postgres_us + self.valkey_us) / 100


async def bare(house: House, count: int, tag: str) -> float:
    """Requests a second of the bare handler."""
    async with house.bare() as (address, _):
        told = await house.load(address, requests(tag, count), mark="bare")
    return count / told.seconds


async def door(house: House, count: int, tag: str, database: str = "daybook") -> float:
    """Deliveries a second that are verified, committed and signalled; no worker runs."""
    async with house.receiver(database) as (address, _):
        told = await house.load(address, requests(tag, count), mark=ACCEPTED)
    return count / told.seconds


async def whole(house: House, count: int, tag: str, database: str = "daybook") -> Whole:
    """Deliveries from the first request until the last of them is applied."""
    async with house.receiver(database) as (address, receiver), house.worker(database) as worker:
        ready = requests(tag, count)
        pids = (receiver.pid, worker.pid, house.postgres.child.pid, house.valkey.child.pid)
        before, size = [cpu_s(pid or 0) for pid in pids], await _size(house, database)
        told = await house.load(address, ready, mark=ACCEPTED)
        ended = await house.settled(database)
        spent = [(cpu_s(pid or 0) - past) / count * 1e6 for pid, past in zip(pids, before, strict=True)]
        wal, tables = (now - past for now, past in zip(await _size(house, database), size, strict=True))
        memory = sum(resident_mb(child.pid or 0) for child in (receiver, worker))
    await _all_applied(house, count, tag, database)
    received, applied_ = count / told.seconds, count / (ended - told.began)
    return Whole(received, applied_, memory, spent[0], spent[1], spent[2], spent[3], wal / count, tables / count)


async def _size(house: House, database: str) -> tuple[int, int]:
    """Bytes of write-ahead log written so far, and of the database on disk."""
    [row] = await house.rows(
        "SELECT (pg_current_wal_lsn() - '0/0')::bigint AS wal, pg_database_size(current_database()) AS size",
        database=database,
    )
    return row["wal"], row["size"]


async def applied(house: House, count: int, tag: str, *, batch: int | None, database: str = "daybook") -> float:
    """Events a second that one worker process applies out of a full inbox; `batch` 1: one event a transaction."""
    ids, account = await _stored(house, bodies(tag, count), database)
    more = {"DAYBOOK_BATCH_EVENTS": str(batch)} if batch else {}
    async with house.worker(database, **more):
        lanes = Lanes(house.valkey.url())
        began = time.time()
        lanes.signal("payments", account, ids)
        await lanes.flush()
        ended = await house.settled(database)
        await lanes.close()
    await _all_applied(house, count, tag, database)
    return count / (ended - began)


async def _stored(house: House, events: list[bytes], database: str) -> tuple[list[str], str]:
    """Put events into the inbox as the door does, without ringing for them; their ids and the account."""
    adapter, source = adapters()["stripe"], Source("stripe")
    pool = await open_pool(house.postgres.url(database), size=2)
    try:
        [row] = await pool.fetch("SELECT account_id, connection_id FROM connection_directory WHERE name = 'stripe'")
        ids: list[str] = []
        now = time.time()
        for start in range(0, len(events), CHUNK):
            rows = []
            for body in events[start : start + CHUNK]:
                headers = adapter.sign(body, "", SECRETS["stripe"].encode(), now, {})
                delivery = Delivery({name.lower(): value for name, value in headers.items()}, body, now)
                event = event_of(row["account_id"], row["connection_id"], adapter, source, delivery)
                rows.append(msgspec.structs.replace(event, received_at=datetime.fromtimestamp(now + 600, UTC)))
            ids += [stored.id for stored in await inbox.store(pool, rows)]
        return ids, row["account_id"]
    finally:
        await pool.close()


async def _all_applied(house: House, count: int, tag: str, database: str) -> None:
    """A speed is worth nothing if the work was not done: every sale is there, paid, once."""
    [row] = await house.rows(
        "SELECT count(*) FILTER (WHERE payment_status = 'paid') AS paid, count(*) AS made FROM orders "
        "WHERE stripe ->> 'payment_intent_id' LIKE $1", f"pi_{tag}%", database=database,
    )  # fmt: skip
    if row["paid"] < count // 4 or row["made"] > count // 4 + 8:
        raise RuntimeError(f"of {count // 4} sales {row['made']} were made and {row['paid']} paid")


async def paced(house: House, seconds: int, rate: int, tag: str) -> tuple[float, float]:
    """Latency in ms of the answers, median and 99th percentile, at so many a second, with the worker at work."""
    async with house.receiver() as (address, _), house.worker():
        await house.load(address, requests(f"{tag}w", RATE_WARM), mark=ACCEPTED, rate=rate)
        told = await house.load(address, requests(tag, seconds * rate // 32 * 32), mark=ACCEPTED, rate=rate)
        await house.settled()
    return median(told.latencies), quantiles(told.latencies, n=100)[98]


async def idle(house: House, count: int, tag: str) -> float:
    """Median ms from the request to the moment at which its event is seen to be applied, one at a time."""
    times = []
    pool = await open_pool(house.postgres.url(), size=1)
    async with house.receiver() as (address, _), house.worker(), aiohttp.ClientSession() as session:
        for body in bodies(tag, count):
            headers = adapters()["stripe"].sign(body, "", SECRETS["stripe"].encode(), time.time(), {})
            began = time.perf_counter()
            async with session.post(f"http://{address}/webhooks/stripe", data=body, headers=headers) as answer:
                event = (await answer.json())["event"]
            while await pool.fetchval(UNSETTLED, event):  # noqa: ASYNC110  (another process settles it)
                await asyncio.sleep(0.0005)
            times.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(0.02)
    await pool.close()
    return median(times)
