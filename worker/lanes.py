"""arq, and all of it: lanes are arq queues, a job is a doorbell that carries ids (of events; in the lane `charges` of
recurring orders) and never a record.

arq 0.28 drops a job for good in ten ways, so nothing relies on one: the inbox in Postgres says what is to be done, and
the sweep rings again for whatever was lost. What is set here against its defaults, and why:

- own Redis pool with timeouts, keepalive and retries that include `OSError`: with the defaults any blip ends the worker
  and a frozen server hangs it for ever;
- JSON in both directions, never pickle; unique job ids and `keep_result=0`, since an id that is still held swallows the
  next signal without a word;
- `poll_delay` of 10 ms (500 by default), few slots and large jobs, since running jobs are read again on every poll;
- `max_tries` high, since every restart counts as a try; attempts are counted in Postgres.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from schemas.provider import Lane
from worker import metrics
from worker.ending import ended, within
from worker.logs import said
from worker.together import Together

if TYPE_CHECKING:
    from arq.typing import WorkerCoroutine

log = structlog.get_logger("lanes")

SLOTS: Mapping[Lane, int] = {Lane.PAYMENTS: 8, Lane.ORDERS: 8, Lane.BULK: 4, Lane.CHARGES: 16}
"""Jobs of a lane that one worker holds at once. Fewer batches are under way: jobs that wait are applied together."""
DOES: Mapping[Lane, str] = {
    Lane.PAYMENTS: "Payments, refunds, disputes",
    Lane.ORDERS: "Orders and fulfilments",
    Lane.BULK: "Imports and catch-up",
    Lane.CHARGES: "Charges of recurring orders, at Stripe",
}
"""What each is for, in words."""
JOB_TIMEOUT_S = 120
"""arq's own limit; the body ends itself long before."""
IDS_A_JOB = 200
PENDING_LIMIT = 50_000
"""Signals kept in memory while Redis is away. What is beyond it is dropped here and found by the sweep."""
RING_EVERY_S = 0.01
"""At most so often. The first signal after a silence is sent at once, those that follow it travel together."""
RING_BUSY_EVERY_S = 0.05
"""At most so often while many events come: a job costs its sender half a millisecond, and an event of a small batch
costs PostgreSQL twice what one of a batch of fifty does."""
BUSY = 10
"""So many events in one ring are many."""
BOOKS_S = 0.3
"""How long arq's own notes about a job that has ended may take at a stop. They are worth nothing: the sweep looks into
the inbox only, and a job that runs again finds its events settled."""
AWAY_S = 5
"""How long arq may take to put a worker away whose Redis does not answer, before the next one is begun."""
CLOSE_S = 0.4
"""How long a farewell to Redis may take at a stop."""
Apply = Callable[[str, Sequence[str]], Awaitable[None]]


def queue_name(lane: Lane) -> str:
    return f"daybook:{lane}"


def _encode(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value, enc_hook=_describe)


def _describe(value: Any) -> Any:
    """arq stores exceptions as results: only their names may reach Redis."""
    return {"error": type(value).__name__}


def connect(redis_url: str, lane: Lane | None = None) -> ArqRedis:
    """A client whose pool survives restarts, blips and frozen servers."""
    pool = ConnectionPool.from_url(
        redis_url,
        socket_timeout=2,
        socket_connect_timeout=1,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), 5),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        **({} if redis_url.startswith("unix") else {"socket_keepalive": True}),
    )
    return ArqRedis(
        pool_or_conn=pool,
        job_serializer=_encode,
        job_deserializer=msgspec.json.decode,
        default_queue_name=queue_name(lane or Lane.ORDERS),
    )


class Lanes:
    """Rings the doorbell. `signal` only notes ids; one task a process sends them, many ids to a job."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._redis = connect(redis_url)
        self._pending: dict[tuple[Lane, str, str], dict[str, None]] = {}
        self._count = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="signaller")

    def signal(self, lane: str, account_id: str, event_ids: Iterable[str], *, alone: bool = False) -> None:
        """Ask for these events to be applied, `alone` in a job of its own each. Never blocks, never fails: what gets
        lost is found by the sweep."""
        for event_id in event_ids:
            waiting = self._pending.setdefault((Lane(lane), account_id, event_id if alone else ""), {})
            if self._count >= PENDING_LIMIT:
                self.lost += 1
                metrics.signal_errors.inc()
                continue
            self._count += event_id not in waiting
            waiting[event_id] = None
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            busy = self._count >= BUSY
            await self.flush()
            await asyncio.sleep(RING_BUSY_EVERY_S if busy else RING_EVERY_S)

    async def flush(self) -> None:
        """Send what is noted now. A failure drops it: the sweep is there for that."""
        pending, self._pending, self._count = self._pending, {}, 0
        for (lane, account_id, alone), ids in sorted(pending.items()):
            events = list(ids)
            for start in range(0, len(events), IDS_A_JOB):
                await self._ring(lane, account_id, events[start : start + IDS_A_JOB], bool(alone))

    async def _ring(self, lane: Lane, account_id: str, event_ids: Sequence[str], alone: bool) -> None:
        began, failed = time.perf_counter(), ""
        try:
            async with asyncio.timeout(5):
                job = await self._redis.enqueue_job(
                    "apply", account_id, list(event_ids), alone, _job_id=uuid.uuid4().hex, _queue_name=queue_name(lane)
                )
            if job is None:  # not "already queued" (the id is new): the connection was cut while arq was watching
                raise ConnectionError("enqueue returned nothing")
        except Exception as error:  # noqa: BLE001  (latency is lost, nothing else)
            self.lost += len(event_ids)
            failed = type(error).__name__
            metrics.signal_errors.inc(len(event_ids))
            log.warning("signal_lost", lane=lane, events=len(event_ids), error=failed)
        metrics.lane(queue_name(lane)).sent(time.perf_counter() - began, failed)

    async def memory(self) -> tuple[str, int] | None:
        """The policy of Valkey when it is full, and how many keys it has dropped; None while it is away."""
        try:
            async with asyncio.timeout(2):
                found = await self._redis.info()
        except Exception:  # noqa: BLE001
            return None
        return str(found.get("maxmemory_policy", "")), int(found.get("evicted_keys", 0))

    async def ping(self) -> bool:
        try:
            async with asyncio.timeout(2):
                return bool(await self._redis.ping())
        except Exception:  # noqa: BLE001
            return False

    async def depth(self) -> dict[str, int]:
        """Jobs in each lane: waiting, running and deferred."""
        return {lane: int(await self._redis.zcard(queue_name(lane))) for lane in Lane}

    async def close(self) -> None:
        """Send what is noted, if Redis takes it at once; the sweep finds the rest."""
        if self._task:
            await ended(self._task, within_s=CLOSE_S)
        await within(CLOSE_S, self.flush())
        await within(CLOSE_S, self._redis.connection_pool.disconnect())


class Runner:
    """Works off all lanes in this process, each with slots of its own, until told to stop."""

    def __init__(
        self,
        redis_url: str,
        apply: Apply,
        *,
        name: str,
        drain_s: float,
        batch_events: int = IDS_A_JOB,
        charge: Apply | None = None,
    ) -> None:
        self._url, self._name, self._drain_s, self._charge = redis_url, name, drain_s, charge
        self._together = Together(apply, limit=batch_events)
        self._workers: dict[Lane, Worker] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self.running: dict[str, int] = dict.fromkeys(Lane, 0)
        self._bodies: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until `stop`."""
        self._loops = [asyncio.create_task(self._keep_running(lane), name=f"lane-{lane}") for lane in Lane]
        await asyncio.gather(*self._loops)

    def polling(self, lane: Lane) -> asyncio.Task[None]:
        """The task in which arq polls the lane now; it ends, and another begins, when Redis interrupts it."""
        task = self._workers[lane].main_task
        if task is None:
            raise RuntimeError(f"the lane {lane} has not begun")
        return task

    async def stop(self) -> None:
        """Take no more jobs, let the running ones end (up to the drain time), then return at once: while Redis does not
        answer, arq's notes about jobs that have ended would take longer than the jobs."""
        self._stopping.set()
        for worker in self._workers.values():
            worker.allow_pick_jobs = False
        until = asyncio.get_running_loop().time() + self._drain_s
        while self._bodies and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._bodies, timeout=left)  # and again: arq may begin what it had already picked
        books = [task for worker in self._workers.values() for task in worker.tasks.values()]
        if books:
            await asyncio.wait(books, timeout=BOOKS_S)
        polls = [worker.main_task for worker in self._workers.values() if worker.main_task]
        await ended(*polls, within_s=CLOSE_S)
        if self._loops:
            await asyncio.wait(self._loops, timeout=CLOSE_S)
            await ended(*self._loops, within_s=CLOSE_S)

    async def _keep_running(self, lane: Lane) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            worker = self._worker(lane)
            self._workers[lane] = worker
            try:
                await worker.async_run()
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise
            except Exception as error:  # noqa: BLE001  (arq ends on whatever Redis does to it)
                log.warning("lane_interrupted", lane=lane, error=type(error).__name__, message=said(error))
            finally:
                await put_away(worker, CLOSE_S if self._stopping.is_set() else AWAY_S)
            if not self._stopping.is_set():
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _worker(self, lane: Lane) -> Worker:
        async def apply(_ctx: dict[Any, Any], *args: Any, **_more: Any) -> None:
            account_id, event_ids, *rest = args
            self.running[lane] += 1
            began, failed = time.perf_counter(), ""
            body = cast("asyncio.Task[None]", asyncio.current_task())
            self._bodies.add(body)
            try:
                if lane is not Lane.CHARGES:
                    await self._together.apply(lane, account_id, event_ids, alone=bool(rest and rest[0]))
                elif self._charge:
                    await self._charge(account_id, event_ids)
            except Exception as error:  # noqa: BLE001  (an exception through arq is a job dropped without a word)
                failed = type(error).__name__
                log.error(
                    "job_failed", lane=lane, events=len(event_ids), error=type(error).__name__, message=said(error)
                )
            finally:
                self._bodies.discard(body)
                self.running[lane] -= 1
                metrics.lane(queue_name(lane)).processed(time.perf_counter() - began, failed)

        return Worker(
            functions=[
                func(cast("WorkerCoroutine", apply), name="apply", keep_result=0, timeout=JOB_TIMEOUT_S, max_tries=1000)
            ],
            queue_name=queue_name(lane),
            redis_pool=connect(self._url, lane),
            job_serializer=_encode,
            job_deserializer=msgspec.json.decode,
            handle_signals=False,
            max_jobs=SLOTS[lane],
            queue_read_limit=max(100, SLOTS[lane] * 20),
            poll_delay=0.01,
            keep_result=0,
            max_tries=1000,
            job_timeout=JOB_TIMEOUT_S,
            log_results=False,
            health_check_key=f"daybook:health:{self._name}:{lane}",
            health_check_interval=5,
        )


async def put_away(worker: Worker, within_s: float = AWAY_S) -> None:
    """Put a worker away. Jobs that its end cut short raise their cancellation here: it is theirs, not ours."""
    if not await within(within_s, worker.close()):
        log.warning("lane_not_closed")
        await within(CLOSE_S, worker.pool.connection_pool.disconnect())
