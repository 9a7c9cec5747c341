"""Refused deliveries verified again, once their cause was mended."""

from __future__ import annotations

import msgspec

from schemas.provider import Delivery, Source, Verdict
from worker.context import Context
from worker.providers import adapters
from worker.receive.accept import event_of, not_an_object
from worker.store import inbox, refusals
from worker.store.connections import ConnectionRow
from worker.store.inbox import NewEvent
from worker.store.refusals import QUARANTINE_LIMIT, Whole

_STEP = 20
"""Deliveries looked at together: their bodies are in memory meanwhile."""
_TEXTS = msgspec.json.Decoder(dict[str, str])


class Let(msgspec.Struct, frozen=True):
    """What came of it: events that are new, how many the inbox had already, how many stay refused."""

    events: tuple[str, ...]
    duplicates: int
    left: int


async def verify_again(ctx: Context, connection: ConnectionRow) -> Let:
    """Those that verify with the connection's present secrets go into the inbox and leave the quarantine. Signed times
    are measured against the time at which each was received, so waiting here makes nothing stale, nor anything fresh.

    A crash in between leaves some in both places: they are duplicates the next time.
    """
    adapter = adapters()[connection.provider]
    secrets = tuple(secret.encode() for secret in ctx.vault.open(connection.secrets))
    source = Source(connection.name, secrets, connection.settings)
    events: list[str] = []
    duplicates = left = seen = 0
    after: str | None = None
    while seen < QUARANTINE_LIMIT:
        rows = await refusals.held_whole(ctx.pool, connection.account_id, connection.id, after, _STEP)
        if not rows:
            break
        after, seen = rows[-1].id, seen + len(rows)
        good: list[tuple[Whole, NewEvent]] = []
        for row in rows:
            delivery = Delivery(
                _TEXTS.decode(row.headers), row.body, row.received_at.timestamp(), _TEXTS.decode(row.query)
            )
            if adapter.verify(delivery, source).verdict is Verdict.VERIFIED and not_an_object(row.body) is None:
                good.append((row, event_of(connection.account_id, connection.id, adapter, source, delivery)))
        left += len(rows) - len(good)
        if good:
            stored = await inbox.store(ctx.pool, [event for _, event in good])
            await refusals.release(ctx.pool, connection.account_id, [row.id for row, _ in good])
            for one in stored:
                if one.open:
                    ctx.lanes.signal(one.lane, one.account_id, [one.id])
            events += [one.id for one in stored if not one.duplicate]
            duplicates += sum(one.duplicate for one in stored)
    return Let(tuple(events), duplicates, left)
