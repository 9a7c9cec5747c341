"""Group commit: deliveries that arrive while a commit is under way are committed together by the next one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

import asyncpg
import structlog

from worker import metrics, tracing
from worker.context import Trouble
from worker.logs import said
from worker.store import inbox
from worker.store.db import Pool
from worker.store.inbox import NewEvent, Stored

log = structlog.get_logger("receive")

SECOND_COMMIT_AT = 16
"""So many deliveries that wait while a commit is under way begin another beside it."""
_Entry = tuple[NewEvent, "asyncio.Future[Stored]"]


IDS_LOGGED = 256
"""Ids in the line of one commit; how many events it held is said in any case."""


class Full(Exception):
    """The backlog is at its limit: the sender must come again."""


class Inbox:
    """Takes deliveries, commits them in batches, resolves each with what it became.

    Bounded in events and in bytes. `signal` is called after the commit with what wants applying; it must not block.
    """

    def __init__(
        self,
        pool: Pool,
        signal: Callable[[Sequence[Stored]], None],
        *,
        batch: int,
        backlog_events: int,
        backlog_bytes: int,
        writers: int = 2,
        trouble: Trouble | None = None,
    ) -> None:
        self._pool, self._signal = pool, signal
        self._batch, self._backlog_events, self._backlog_bytes = batch, backlog_events, backlog_bytes
        self._waiting: deque[_Entry] = deque()
        self._bytes = 0
        self._writers = writers
        self._trouble = trouble or Trouble()
        self._writing: set[asyncio.Task[None]] = set()

    @property
    def depth(self) -> int:
        """Deliveries not yet committed."""
        return len(self._waiting)

    def put(self, event: NewEvent) -> asyncio.Future[Stored]:
        """Hand in a delivery. Raises Full at once where the backlog is at its limit."""
        size = len(event.body) + len(event.headers)
        if len(self._waiting) >= self._backlog_events or self._bytes + size > self._backlog_bytes:
            raise Full
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, future))
        self._bytes += size
        if len(self._writing) < self._writers and (not self._writing or len(self._waiting) >= SECOND_COMMIT_AT):
            task = asyncio.create_task(self._write())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return future

    async def drain(self) -> None:
        """Wait until everything handed in is settled."""
        while self._writing:
            await asyncio.gather(*self._writing, return_exceptions=True)

    async def _write(self) -> None:
        await asyncio.sleep(0)  # let the requests that are ready in this turn of the loop join the batch
        while self._waiting:
            entries = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch))]
            try:
                await self._commit(entries)
            finally:
                self._bytes -= sum(len(event.body) + len(event.headers) for event, _ in entries)

    async def _commit(self, entries: Sequence[_Entry]) -> None:
        began = time.perf_counter()
        try:
            stored = await self._store([event for event, _ in entries])
        except asyncpg.DataError as error:
            if len(entries) == 1:
                self._fail(entries, error)
                return
            for entry in entries:  # one delivery that Postgres refuses must not fail its neighbours
                await self._commit([entry])
            return
        except Exception as error:  # noqa: BLE001  (whatever it was, nobody may be told that it is stored)
            self._fail(entries, error)
            return
        self._trouble.over()
        # First of all: whatever fails below, it is committed, and its sender is told so.
        for (_, future), answer in zip(entries, stored, strict=True):
            if not future.done():
                future.set_result(answer)
        self._signal([answer for answer in stored if answer.open])
        metrics.inbox_commit_duration.observe(time.perf_counter() - began)
        metrics.inbox_batch_size.observe(len(entries))
        new = [answer.id for answer in stored if not answer.duplicate]
        log.info(
            "deliveries_committed", deliveries=len(stored), duplicates=len(stored) - len(new), events=new[:IDS_LOGGED]
        )
        tracing.batch("receive", ((id_, "received") for id_ in new), began)

    async def _store(self, events: Sequence[NewEvent]) -> list[Stored]:
        try:
            return await inbox.store(self._pool, events)
        except asyncpg.InvalidCachedStatementError:
            return await inbox.store(self._pool, events)

    def _fail(self, entries: Sequence[_Entry], error: Exception) -> None:
        if not isinstance(error, asyncpg.DataError):  # the fault of that delivery alone
            self._trouble.failed()
        log.error("commit_failed", events=len(entries), error=type(error).__name__, message=said(error))
        for _, future in entries:
            if not future.done():
                future.set_exception(error)
                future.exception()  # the request may be gone; an unread failure is not worth a warning
