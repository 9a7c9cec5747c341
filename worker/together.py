"""Jobs that wait while batches are under way are applied together by the next one.

Doorbells are rung a few times in ten milliseconds with whatever has arrived by then. A batch costs about the same for
ten events as for two hundred, so a worker that is behind takes what it has been rung for since, at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from schemas.provider import Lane
from worker.errors import Transient

BATCHES: Mapping[Lane, int] = {Lane.PAYMENTS: 2, Lane.ORDERS: 2, Lane.BULK: 1}
"""Batches under way at once, by lane: one waits for PostgreSQL while another computes."""


class _Job:
    """The events of one job: waiting, then `taken` into a batch, then `done` (a failure is the batch's)."""

    def __init__(self, event_ids: Sequence[str]) -> None:
        self.event_ids = event_ids
        self.taken = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Together:
    """Batches of at most `limit` events, made of the jobs of one lane and account. Runs in the jobs' own tasks: the
    first that finds a place free leads, for itself and for those behind it."""

    def __init__(self, apply: Callable[[str, Sequence[str]], Awaitable[None]], *, limit: int) -> None:
        self._apply, self._limit = apply, limit
        self._places = {lane: asyncio.Semaphore(count) for lane, count in BATCHES.items()}
        self._waiting: dict[tuple[Lane, str], deque[_Job]] = {}

    async def apply(self, lane: Lane, account_id: str, event_ids: Sequence[str], *, alone: bool = False) -> None:
        """Returns when these events have been applied; `alone`: in a batch that holds nothing else."""
        if alone:
            async with self._places[lane]:
                await self._apply(account_id, event_ids)
            return
        job = _Job(event_ids)
        self._waiting.setdefault((lane, account_id), deque()).append(job)
        async with self._places[lane]:
            while not job.taken:
                await self._lead(lane, account_id)
        await job.done

    async def _lead(self, lane: Lane, account_id: str) -> None:
        """Apply the oldest jobs as one batch; a job larger than the limit in parts of its own."""
        jobs = self._take(self._waiting[lane, account_id])
        ids = list(dict.fromkeys(event_id for job in jobs for event_id in job.event_ids))
        failure: Exception | None = Transient("the batch was broken off")
        try:
            for start in range(0, len(ids), self._limit):
                await self._apply(account_id, ids[start : start + self._limit])
            failure = None
        except Exception as error:  # noqa: BLE001  (every job of the batch is told)
            failure = error
        finally:
            for job in jobs:
                _settle(job, failure)
            if not self._waiting.get((lane, account_id), True):
                del self._waiting[lane, account_id]

    def _take(self, waiting: deque[_Job]) -> list[_Job]:
        taken: list[_Job] = []
        count = 0
        while waiting and (not taken or count + len(waiting[0].event_ids) <= self._limit):
            job = waiting.popleft()
            job.taken = True
            count += len(job.event_ids)
            taken.append(job)
        return taken


def _settle(job: _Job, failure: Exception | None) -> None:
    if job.done.done():  # its task was cancelled meanwhile
        return
    if failure is None:
        job.done.set_result(None)
    else:
        job.done.set_exception(failure)
        job.done.exception()  # the job may be gone; an unread failure is not worth a warning
