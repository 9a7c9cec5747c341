"""Refused deliveries over the API: why they were refused, and a second look at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from schemas.account import Permission
from schemas.api.refusal import CauseCount, Quarantined, RefusalsBody, RefusalsQuery, VerifiedBody
from worker.actions.quarantine import verify_again
from worker.api import audited
from worker.api.operation import Ask, Operations, answer, missing
from worker.refusals import cause_words, remedy
from worker.store import connections, refusals
from worker.store.snapshot import snapshot

OPERATIONS = Operations("connections")


@OPERATIONS.declare(
    "GET",
    "/connections/{connection_id}/refusals",
    "Get a connection's refusals",
    permission=Permission.OPS_VIEW,
    query=RefusalsQuery,
    answer=RefusalsBody,
)
async def get_refusals(ask: Ask, connection_id: str, query: RefusalsQuery) -> web.Response:
    """How many deliveries were refused for which likely cause, and the quarantine: the newest of them, kept to be
    verified again. Counts follow within two seconds.
    """
    held = await connections.get(ask.ctx.pool, ask.actor.account_id, connection_id)
    if held is None:
        return missing("connections")
    since = datetime.fromtimestamp(ask.ctx.clock(), UTC) - timedelta(minutes=query.minutes)
    async with snapshot(ask.ctx.pool) as connection:
        counts = await refusals.counted(connection, held.account_id, held.id, since)
        kept = await refusals.held(connection, held.account_id, held.id)
    causes = [
        CauseCount(
            cause=one.cause,
            words=cause_words(one.cause, one.skew_s, one.hint),
            remedy=remedy(one.cause, held.name, one.hint),
            count=one.count,
            last_at=one.last_at or since,
            skew_s=one.skew_s,
            hint=one.hint,
        )
        for one in counts
    ]
    quarantine = [
        Quarantined(
            id=one.id, received_at=one.received_at, cause=one.cause, skew_s=one.skew_s, hint=one.hint, size=one.size
        )
        for one in kept
    ]
    total = sum(one.count for one in counts)
    return answer(RefusalsBody(since=since, total=total, causes=causes, quarantine=quarantine))


@OPERATIONS.declare(
    "POST",
    "/connections/{connection_id}/refusals/verify",
    "Verify refused deliveries again",
    permission=Permission.OPS_REPLAY,
    answer=VerifiedBody,
)
async def verify_refusals(ask: Ask, connection_id: str) -> web.Response:
    """After the secret was mended: what verifies now is taken in as if it had just come, and leaves the quarantine. A
    signed time is held against the time at which the delivery was received. Harmless to repeat.
    """
    held = await connections.get(ask.ctx.pool, ask.actor.account_id, connection_id)
    if held is None:
        return missing("connections")
    let = await verify_again(ask.ctx, held)
    audited.note(ask.request, name=held.name, count=len(let.events))
    return answer(
        VerifiedBody(events=list(let.events), let_in=len(let.events), duplicates=let.duplicates, left=let.left)
    )
