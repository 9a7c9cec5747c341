"""Refused deliveries leave a trace: counted in memory, written once a second, whatever the flood.

A refused request costs a dictionary look-up and at most one reference to its body. Everything else (which secret it was
signed with, the log line, the database) is done by one task, bounded a flush. **No statement and no log line is ever
made by a refused request itself.**
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog

from schemas.provider import Cause, Delivery, Source, Verdict, Verification
from schemas.refusal import Trace
from worker.ids import new_id
from worker.logs import said
from worker.receive.accept import FORGOTTEN
from worker.receive.directory import Directory, Door
from worker.store import refusals
from worker.store.db import Pool
from worker.store.refusals import Held, Tally

log = structlog.get_logger("receive")

FLUSH_S = 1.0
BODY_LIMIT = HEADERS_LIMIT = 65_536
CONNECTION_BYTES, ALL_BYTES = 1024**2, 8 * 1024**2
"""Bytes of refused deliveries that wait for their flush, of one connection and of all; the rest is only counted."""
DIAGNOSES = 32
"""Wrong signatures of a flush that are tried with other secrets; the rest count as plainly wrong."""
OTHERS = 16
"""Other connections whose secrets are tried."""
MINUTES_KEPT = 10_000
"""Counts that wait while PostgreSQL is away."""


class _Count:
    __slots__ = ("count", "hint", "last_at", "skew_s")

    def __init__(self) -> None:
        self.count = 0
        self.skew_s: int | None = None
        self.hint: str | None = None
        self.last_at = 0.0

    def add(self, count: int, at: float, skew_s: int | None, hint: str | None) -> None:
        self.count += count
        self.last_at = max(self.last_at, at)
        self.skew_s = self.skew_s if skew_s is None else skew_s
        self.hint = self.hint if hint is None else hint


class _Kept(msgspec.Struct):
    delivery: Delivery
    trace: Trace
    skew_s: int | None
    hint: str | None = None

    @property
    def size(self) -> int:
        return len(self.delivery.body) + sum(len(name) + len(text) for name, text in self.delivery.headers.items())


class Rejects:
    """Takes refusals, and writes them down with `flush`. One for each receiver."""

    def __init__(self, pool: Pool, directory: Directory, clock: Callable[[], float]) -> None:
        self.directory = directory
        self._pool, self._clock = pool, clock
        self._counts: dict[tuple[str, str, datetime, Trace], _Count] = {}
        self._unknown: dict[datetime, int] = {}
        self._kept: dict[str, tuple[Door, deque[_Kept]]] = {}
        self._sizes: dict[str, int] = {}
        self.waiting_bytes = 0

    def unknown(self) -> None:
        """A delivery to an address that does not exist."""
        minute = _minute(self._clock())
        if minute in self._unknown or len(self._unknown) < MINUTES_KEPT:
            self._unknown[minute] = self._unknown.get(minute, 0) + 1

    def note(self, door: Door, trace: Trace) -> None:
        """A delivery refused for what it is, whoever signed it."""
        self._count(door, trace, self._clock())

    def unverified(self, door: Door, delivery: Delivery, verification: Verification) -> None:
        """A delivery that did not verify: counted, and kept where there is room."""
        trace = Trace(verification.cause or Cause.WRONG_SIGNATURE)
        self._count(door, trace, delivery.now, skew_s=verification.skew_s)
        self._keep(door, _Kept(delivery, trace, verification.skew_s))

    def _count(
        self, door: Door, trace: Trace, at: float, *, count: int = 1, skew_s: int | None = None, hint: str | None = None
    ) -> None:
        key = (door.account_id, door.connection_id, _minute(at), trace)
        found = self._counts.get(key)
        if found is None:
            if len(self._counts) >= MINUTES_KEPT:
                return
            found = self._counts[key] = _Count()
        found.add(count, at, skew_s, hint)

    def _keep(self, door: Door, kept: _Kept) -> None:
        size, id_ = kept.size, door.connection_id
        if len(kept.delivery.body) > BODY_LIMIT or size > BODY_LIMIT + HEADERS_LIMIT:
            return
        _, queue = self._kept.setdefault(id_, (door, deque()))
        while queue and (len(queue) >= refusals.QUARANTINE_LIMIT or self._sizes[id_] + size > CONNECTION_BYTES):
            gone = queue.popleft().size
            self._sizes[id_] -= gone
            self.waiting_bytes -= gone
        if self.waiting_bytes + size <= ALL_BYTES:
            queue.append(kept)
            self._sizes[id_] = self._sizes.get(id_, 0) + size
            self.waiting_bytes += size

    async def keep_writing(self) -> None:
        """Flush for ever, at most once a second."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001  (the next flush is due in a second)
                log.warning("refusals_not_written", error=type(error).__name__, message=said(error))

    async def close(self) -> None:
        """The last flush, which must not hold up the end."""
        try:
            async with asyncio.timeout(2):
                await self.flush()
        except Exception as error:  # noqa: BLE001  (the last second's counts are no reason to stay)
            log.warning("refusals_not_written", error=type(error).__name__)

    async def flush(self) -> None:
        """Write down what there is. What cannot be written is counted again later; deliveries kept for it are not."""
        if not self._counts and not self._unknown:
            return
        await self._diagnose()
        counts, self._counts = self._counts, {}
        unknown, self._unknown = self._unknown, {}
        kept, self._kept, self._sizes, self.waiting_bytes = self._kept, {}, {}, 0
        tallies = [
            Tally(
                account_id=account_id, connection_id=connection_id, minute=minute, cause=trace, count=one.count,
                skew_s=one.skew_s, hint=one.hint, last_at=datetime.fromtimestamp(one.last_at, UTC),
            )
            for (account_id, connection_id, minute, trace), one in sorted(counts.items(), key=lambda item: item[0])
            if one.count > 0
        ]  # fmt: skip
        ids = sorted(new_id() for _, queue in kept.values() for _ in queue)  # in the order of arrival within this flush
        waiting = [(door, one) for door, queue in kept.values() for one in queue]
        held = [row for id_, (door, one) in zip(ids, waiting, strict=True) if (row := _held(id_, door, one))]
        try:
            await refusals.record(self._pool, tallies, sorted(unknown.items()), held)
        except (Exception, asyncio.CancelledError):
            self._put_back(counts, unknown)
            raise
        for tally in tallies:
            log.warning("deliveries_refused", connection=tally.connection_id, cause=tally.cause, count=tally.count)
        if unknown:
            log.warning("deliveries_refused", cause=Trace.UNKNOWN_CONNECTION, count=sum(unknown.values()))

    def _put_back(self, counts: dict[tuple[str, str, datetime, Trace], _Count], unknown: dict[datetime, int]) -> None:
        for key, one in counts.items():
            if key in self._counts or len(self._counts) < MINUTES_KEPT:
                self._counts.setdefault(key, _Count()).add(one.count, one.last_at, one.skew_s, one.hint)
        for minute, count in unknown.items():
            if minute in self._unknown or len(self._unknown) < MINUTES_KEPT:
                self._unknown[minute] = self._unknown.get(minute, 0) + count

    async def _diagnose(self) -> None:
        """Find out of some wrong signatures whose secret it was, and count them under that."""
        left = DIAGNOSES
        for door, queue in list(self._kept.values()):
            for one in reversed(tuple(queue)):
                if left == 0:
                    return
                if one.trace is not Trace.WRONG_SIGNATURE:
                    continue
                left -= 1
                await asyncio.sleep(0)  # an accepted delivery never waits for more than one of these
                found, hint, skew_s = self._whose(door, one.delivery)
                if found is not None:
                    self._count(door, Trace.WRONG_SIGNATURE, one.delivery.now, count=-1)
                    self._count(door, found, one.delivery.now, skew_s=skew_s, hint=hint)
                    one.trace, one.hint, one.skew_s = found, hint, skew_s

    def _whose(self, door: Door, delivery: Delivery) -> tuple[Trace | None, str | None, int | None]:
        former = Source(door.source.connection, door.former, door.source.settings)
        fits, skew_s = _fits(door, delivery, former)
        if fits:
            return Trace.PREVIOUS_SECRET, None, skew_s
        for other in self.directory.siblings(door, OTHERS):
            fits, skew_s = _fits(other, delivery, other.source)
            if fits:
                return Trace.OTHER_CONNECTION, other.source.connection, skew_s
        return None, None, None


def _fits(door: Door, delivery: Delivery, source: Source) -> tuple[bool, int | None]:
    """Whether the delivery is signed with one of these secrets, in time or not, and how far off its clock was."""
    if not any(source.secrets):
        return False, None
    found = door.adapter.verify(delivery, source)
    return found.verdict is Verdict.VERIFIED or found.cause in (Cause.STALE, Cause.FUTURE), found.skew_s


def _held(id_: str, door: Door, one: _Kept) -> Held | None:
    headers = {name: text for name, text in one.delivery.headers.items() if name not in FORGOTTEN}
    try:
        sent, query = msgspec.json.encode(headers).decode(), msgspec.json.encode(dict(one.delivery.query)).decode()
    except UnicodeEncodeError:  # bytes that are no text: they could never verify
        clean = {name: text.encode("utf-8", "backslashreplace").decode() for name, text in headers.items()}
        sent, query = msgspec.json.encode(clean).decode(), "{}"
    if len(sent) > HEADERS_LIMIT or len(query) > HEADERS_LIMIT:
        return None
    return Held(
        account_id=door.account_id, id=id_, connection_id=door.connection_id,
        received_at=datetime.fromtimestamp(one.delivery.now, UTC), cause=one.trace, skew_s=one.skew_s, hint=one.hint,
        headers=sent, query=query, body=one.delivery.body,
    )  # fmt: skip


def _minute(at: float) -> datetime:
    return datetime.fromtimestamp(int(at) // 60 * 60, UTC)
