"""Sending: what is due is claimed in PostgreSQL, posted with no transaction open, and what came of it is noted.

A claim is a lease: a worker that dies loses it by time, and the delivery is sent again under the same id. So each is
made at least once. Every worker looks four times a second, which costs PostgreSQL one look at an index that is empty
in health. While something is being sent, the end of each post brings the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from handlers.feed import delay_s, signed
from worker import metrics
from worker.context import Context
from worker.ending import ended
from worker.errors import DATABASE_ERRORS, UserError
from worker.ids import new_id
from worker.logs import said
from worker.outside.post import Answer, post
from worker.outside.targets import open_session
from worker.store import deliveries
from worker.store.deliveries import Claimed, Subscriber

log = structlog.get_logger("feed")

LOOK_EVERY_S = 0.25
AGAIN_AFTER_S = 5.0
"""After a look that PostgreSQL did not answer."""
BREATH_S = 0.02
"""After a post that ended, so that one look fills the room that several leave."""
LEASE = timedelta(seconds=60)
"""Longer than a post (15 s) and the note of it take."""
SLOTS = 64
"""Posts that one worker has under way."""
DUE_LIMIT = 5_000
"""Subscribers looked at together: far more than can be slow at once, so that those never hide the others."""
SLOTS_EACH = 8
"""Posts to one subscriber that all workers together have under way."""
SLOW_S = 3.0
SLOTS_SLOW = 16
"""Subscribers that let the last post wait for so long share this many of a worker's slots, and get one each: those that
hang never take the room of those that answer."""
NOTE_TRIES = 5
NOTES = 3
"""Notes written at once: the worker's connections to PostgreSQL are for its batches first."""


class Feed:
    """The sending loop of one worker. Tests give it a resolver."""

    def __init__(self, ctx: Context, *, resolver: AbstractResolver | None = None) -> None:
        self._ctx = ctx
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._running: dict[asyncio.Task[None], Claimed] = {}
        self._slow: set[Subscriber] = set()
        self._served: dict[Subscriber, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._free = asyncio.Event()
        self._notes = asyncio.Semaphore(NOTES)

    async def open(self) -> None:
        """Make the sessions: one for addresses of the internet, one for accounts that may send inside."""
        self._sessions = {private: open_session(private=private, resolver=self._resolver) for private in (False, True)}

    async def start(self) -> None:
        await self.open()
        self._task = asyncio.create_task(self._run(), name="feed")

    async def stop(self, within_s: float) -> None:
        """Claim nothing more, let what is under way end within this time; the rest is sent again by another."""
        if self._task:
            await ended(self._task, within_s=within_s)
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        await ended(*self._running, within_s=1.0)
        for session in self._sessions.values():
            await session.close()

    async def look(self) -> int:
        """One look: claim what is due, as far as there is room, and begin to send it. How many were claimed."""
        if len(self._running) >= SLOTS:
            return 0
        slots = self._room(await deliveries.due(self._ctx.pool, DUE_LIMIT))
        if not slots:
            return 0
        claimed = await deliveries.claim(self._ctx.pool, slots, new_id(), LEASE)
        for one in claimed:
            self._served[one.subscriber] = time.monotonic()
            task = asyncio.create_task(self._send(one), name="feed-send")
            self._running[task] = one
            task.add_done_callback(self._done)
        return len(claimed)

    async def idle(self) -> None:
        """Wait until nothing is under way here."""
        while self._running:
            await asyncio.wait(self._running)

    async def _run(self) -> None:
        while True:
            pause = LOOK_EVERY_S
            self._free.clear()
            try:
                await self.look()
            except DATABASE_ERRORS as error:
                log.warning("feed_look_failed", error=type(error).__name__)
                pause = AGAIN_AFTER_S
            except Exception as error:  # noqa: BLE001  (a loop that ends would be noticed too late)
                log.error("feed_look_failed", error=type(error).__name__, message=said(error))
                pause = AGAIN_AFTER_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._free.wait()
                    await asyncio.sleep(BREATH_S)

    def _room(self, due: list[Subscriber]) -> dict[Subscriber, int]:
        """How many may be under way for each subscriber, so that all of it fits: one for everybody first, then more.
        Those that answered quickly come first, and among them those served longest ago."""
        order = sorted(due, key=lambda one: (one in self._slow, self._served.get(one, 0.0)))
        busy = Counter(claimed.subscriber for claimed in self._running.values())
        free = SLOTS - len(self._running)
        free_slow = SLOTS_SLOW - sum(busy[one] for one in busy if one in self._slow)
        slots: dict[Subscriber, int] = {}
        for most in (1, SLOTS_EACH):
            for subscriber in order:
                slow = subscriber in self._slow
                held = slots.get(subscriber, busy[subscriber])
                more = min((1 if slow else most) - held, free, free_slow if slow else free)
                if more > 0:
                    slots[subscriber] = held + more
                    free -= more
                    free_slow -= more if slow else 0
        return slots

    def _done(self, task: asyncio.Task[None]) -> None:
        claimed = self._running.pop(task)
        self._free.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("feed_send_failed", feed_event=claimed.event_id, error=type(error).__name__, message=said(error))

    async def _send(self, claimed: Claimed) -> None:
        began = time.perf_counter()
        try:
            answer = await self._post(claimed)
        except asyncio.CancelledError:
            await deliveries.let_go(self._ctx.pool, claimed)
            raise
        took = time.perf_counter() - began
        (self._slow.add if took > SLOW_S else self._slow.discard)(claimed.subscriber)
        result = await self._note(claimed, answer)
        metrics.fed(claimed.type, result, took)
        if result == "delivered":
            metrics.feed_age.observe(max(time.time() - claimed.created_at.timestamp(), 0.0))
        log.info(
            "feed_sent" if answer.good else "feed_failed",
            subscriber=claimed.subscriber_id,
            feed_event=claimed.event_id,
            type=claimed.type,
            result=result,
            attempt=claimed.attempts,
            status=answer.status,
            ms=round(took * 1000, 1),
        )

    async def _post(self, claimed: Claimed) -> Answer:
        now = self._ctx.clock()
        body = claimed.body.encode()
        try:
            headers = signed(claimed.event_id, int(now), body, self._secrets(claimed, now))
        except (UserError, ValueError):
            return Answer(error="its secret cannot be read with the secret keys given")
        return await post(self._sessions[claimed.private_targets], claimed.url, body, headers, now)

    def _secrets(self, claimed: Claimed, now: float) -> tuple[str, ...]:
        """The newest first; the former one as long as its time lasts."""
        secrets = self._ctx.vault.open(claimed.secret)
        if claimed.former_secret and claimed.former_until and datetime.fromtimestamp(now, UTC) < claimed.former_until:
            secrets += self._ctx.vault.open(claimed.former_secret)
        return secrets

    async def _note(self, claimed: Claimed, answer: Answer) -> str:
        """Write down what came of it, and its name. What cannot be written is sent again when the lease is over."""
        for tried in range(1, NOTE_TRIES + 1):
            try:
                async with self._notes:
                    return await self._write(claimed, answer)
            except DATABASE_ERRORS as error:
                if tried == NOTE_TRIES:
                    log.warning("feed_note_lost", feed_event=claimed.event_id, error=type(error).__name__)
                    return "unknown"
                await asyncio.sleep(0.2 * tried)
        raise AssertionError("unreachable")

    async def _write(self, claimed: Claimed, answer: Answer) -> str:
        if answer.good:
            await deliveries.delivered(self._ctx.pool, claimed, answer.status or 200)
            return "delivered"
        pause = None
        if not answer.gone:
            pause = delay_s(claimed.attempts, (claimed.event_id, claimed.subscriber_id), answer.retry_after_s)
        held = await deliveries.failed(
            self._ctx.pool,
            claimed,
            pause,
            status=answer.status,
            error=answer.error or "",
            answer=answer.text,
            gone="It answered 410 Gone." if answer.gone else None,
        )
        if not held:
            return "lost"
        return "dead" if pause is None else "retrying"
