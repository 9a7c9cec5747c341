"""Gap filling (Q9): what Stripe lists is compared with the inbox, a page at a time, and what is missing put through.

By itself every hour and whenever a receiver starts, each time from where the last comparison ended; and when somebody
asks. Each page is counted by the commit that stores what it lacked, so what is killed goes on where it was and counts
nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from handlers.errors import Refused
from schemas.provider import Delivery, Lane, Source
from worker import metrics
from worker.actions import stripe_key
from worker.apply.hydrate import keyless
from worker.context import Context
from worker.ids import new_id
from worker.outside.outcome import Limited, Outcome, Succeeded
from worker.outside.outcome import Refused as StripeRefused
from worker.providers import adapters
from worker.receive.accept import event_of
from worker.store import connections, inbox, reconciliations
from worker.store.connections import ConnectionRow
from worker.store.db import acquire, transaction
from worker.store.inbox import NewEvent
from worker.store.reconciliations import Counted, Difference, Running

if TYPE_CHECKING:
    from worker.outside.stripe import Stripe

log = structlog.get_logger("upkeep")

PERIOD_S = 2.0
TURN_S = 20.0
"""How long one tick goes on with a comparison."""
TAKEN = timedelta(seconds=60)
"""How long a page is its taker's: a call to Stripe takes half a minute at most."""
UNREAD_LIMIT = 2000
"""While an account has so many events that are received and not applied, no more are put through its inbox."""
PAUSE = timedelta(seconds=2)
LATER_S = (5, 30, 120, 600)
TRIES = 20
"""So many pages in vain, one after the other, and a comparison has failed."""
UNDER_WAY = timedelta(seconds=30)
"""What is younger is on its way: a comparison that nobody asked for leaves it to the next one."""
OVERLAP = timedelta(minutes=10)
LISTED = timedelta(days=30)
"""How far back Stripe lists events."""
REARMED = 2000
_SETTLED = ("applied", "ignored")
_BODY = msgspec.json.Encoder(decimal_format="number")


async def tick(ctx: Context) -> int:
    """Begin what is due, then go on with one comparison; how many pages were looked at."""
    if ctx.settings.stripe_api_key is None:
        return 0
    await _begin_due(ctx)
    pages, began = 0, ctx.clock()
    async with stripe_key.client(ctx) as stripe:
        while ctx.clock() - began < TURN_S:
            now = _now(ctx)
            async with transaction(ctx.pool) as connection:
                run = await reconciliations.take_up(connection, now, now + TAKEN)
            if run is None or not await _page(ctx, stripe, run):
                break
            pages += 1
    return pages


async def _begin_due(ctx: Context) -> None:
    """Begin to compare the connection that has the key, if that is due. What waited for the key is read now."""
    if not ctx.settings.reconcile_every_s:
        return
    now = _now(ctx)
    found = await connections.find(ctx.pool, stripe_key.NAME)
    if found is None or found.provider != "stripe":
        return
    async with transaction(ctx.pool) as connection:
        await reconciliations.schedule(connection, found.account_id, found.id, found.created_at, now)
        every = timedelta(seconds=ctx.settings.reconcile_every_s)
        covered = await reconciliations.take_due(connection, found.account_id, found.id, now, now + every)
        if covered is None:
            return
        rearmed = await inbox.rearm_keyless(connection, found.account_id, found.id, keyless("stripe"), REARMED)
        since, until = max(covered - OVERLAP, now - LISTED), now - UNDER_WAY
        if since < until and not await reconciliations.underway(connection, found.account_id, found.id):
            await reconciliations.add(
                connection, found.account_id, new_id(), found.id, reconciliations.OURS, since, until, now
            )
    ctx.lanes.signal(Lane.BULK, found.account_id, rearmed)


async def _page(ctx: Context, stripe: Stripe, run: Running) -> bool:
    """Look at the next page of a comparison; whether there may be another at once."""
    async with acquire(ctx.pool) as connection:
        if await inbox.unread(connection, run.account_id, UNREAD_LIMIT) >= UNREAD_LIMIT:
            await reconciliations.postpone(connection, run, _now(ctx) + PAUSE)
            return True
    found = await stripe.list_events(created_from=run.since, created_to=run.until, after=run.place)
    if not isinstance(found, Succeeded):
        return await _not_answered(ctx, run, found)
    listed = found.object["data"]
    over = not found.object.get("has_more") or not listed
    stored: list[str] = []
    async with transaction(ctx.pool) as connection:
        if not await reconciliations.is_at(connection, run):
            return True
        events = _events(ctx, run, listed)
        known = await inbox.listed(connection, run.account_id, run.connection_id, [e.delivery_id for e in events])
        missing = [event for event in events if event.delivery_id not in known]
        if missing:
            stored = sorted(await inbox.store_fetched(connection, run.account_id, run.connection_id, missing))
        if late := [event.delivery_id for event in missing if event.id not in stored]:
            # another comparison has stored them at this very moment: here before, as far as this one goes
            known.update(await inbox.listed(connection, run.account_id, run.connection_id, late))
        days, differences = _compared(events, known)
        await reconciliations.count(connection, run, days, differences)
        last = listed[-1] if listed else None
        await reconciliations.move_on(connection, run, last and last["id"], last and _moment(last["created"]))
        if over:
            await reconciliations.finish(connection, run, "done", None, _now(ctx))
        else:
            await reconciliations.postpone(connection, run, _now(ctx))
    ctx.lanes.signal(Lane.BULK, run.account_id, stored)
    metrics.reconciled_events.labels("received").inc(len(events) - len(stored))
    metrics.reconciled_events.labels("missing").inc(len(stored))
    if stored:
        log.warning("events_were_missing", connection=run.connection, events=len(stored))
    if over:
        metrics.reconciliations.labels("done").inc()
        log.info("reconciled", connection=run.connection, reconciliation=run.id)
    return True


def _events(ctx: Context, run: Running, listed: Sequence[dict[str, Any]]) -> list[NewEvent]:
    """What is listed as the inbox would have it, had it been delivered; only what Daybook acts on."""
    adapter = adapters()[run.provider]
    source = Source(run.connection, settings=run.settings)
    topics = frozenset(adapter.TOPICS)
    return [
        event_of(
            run.account_id, run.connection_id, adapter, source, Delivery({}, _BODY.encode(event), ctx.clock())
        )
        for event in listed
        if event.get("type") in topics
    ]  # fmt: skip


def _compared(
    events: Sequence[NewEvent], known: Mapping[str, tuple[str, str]]
) -> tuple[dict[date, Counted], list[Difference]]:
    """What a page holds by day, and each event that is missing or not applied."""
    days: dict[date, Counted] = {}
    differences = []
    for event in events:
        at = event.occurred_at or event.received_at
        day = days.setdefault(at.date(), Counted())
        event_id, state = known.get(event.delivery_id, (event.id, ""))
        day.platform += 1
        day.received += bool(state)
        day.applied += state in _SETTLED
        if state not in _SETTLED:
            differences.append(
                Difference(
                    event_id=event_id, delivery_id=event.delivery_id, topic=event.topic, occurred_at=at,
                    kind="not_applied" if state else "missing",
                )
            )  # fmt: skip
    return days, differences


async def _not_answered(ctx: Context, run: Running, found: Outcome) -> bool:
    """The page is asked for again later, or the comparison has failed; never at once."""
    problem = str(getattr(found, "message", None) or getattr(found, "reason", None) or "no clear answer")
    hopeless = isinstance(found, StripeRefused) or run.attempts + 1 >= TRIES
    pause: float = LATER_S[min(run.attempts, len(LATER_S) - 1)]
    if isinstance(found, Limited):
        pause = max(pause, found.retry_after_s or 0)
    async with transaction(ctx.pool) as connection:
        if hopeless:
            await reconciliations.finish(connection, run, "failed", problem[:500], _now(ctx))
        else:
            await reconciliations.postpone(connection, run, _now(ctx) + timedelta(seconds=pause), problem[:500])
    if hopeless:
        metrics.reconciliations.labels("failed").inc()
    log.warning("reconciliation_held_up", connection=run.connection, failed=hopeless, tries=run.attempts + 1)
    return False


async def begin(ctx: Context, found: ConnectionRow, asked_by: str, since: datetime, until: datetime | None) -> str:
    """The id of a comparison that somebody asks for. Refused: `not_reconcilable`, `stripe_key_missing`, `invalid`."""
    if found.provider != "stripe":
        raise Refused(
            "not_reconcilable", f"What {found.provider} has is not compared with what was received.",
            remedy="Only connections to Stripe are reconciled.",
        )  # fmt: skip
    now = _now(ctx)
    end = min(until or now, now)
    async with transaction(ctx.pool) as connection:
        await stripe_key.connection(ctx, connection, found.account_id, found.name)
        if since < now - LISTED - timedelta(minutes=1):
            raise Refused(
                "invalid", f"Stripe lists the events of {LISTED.days} days.", field="since",
                remedy=f"Give a time after {now - LISTED:%Y-%m-%dT%H:%M:%SZ}.",
            )  # fmt: skip
        if since >= end:
            raise Refused(
                "invalid", "It ends before it begins, or begins later than now.", field="since",
                remedy="Give an earlier time.",
            )  # fmt: skip
        id_ = new_id()
        await reconciliations.add(connection, found.account_id, id_, found.id, asked_by, since, end, now)
    return id_


async def hurry(ctx: Context) -> None:
    """A receiver starts: nobody knows for how long none was there. What was sent until now is compared in a moment."""
    async with acquire(ctx.pool) as connection:
        await reconciliations.hurry(connection, _now(ctx) + UNDER_WAY + PAUSE)


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _now(ctx: Context) -> datetime:
    return datetime.fromtimestamp(ctx.clock(), UTC)
