"""Events over the API: what arrived, word for word, and what became of it."""

from __future__ import annotations

from aiohttp import web

from schemas.account import Permission
from schemas.api.event import EventBody, EventPage, EventQuery
from worker.actions.replay import REMEDY
from worker.api.lists import newest_first
from worker.api.operation import JSON, Ask, Operations, answer, missing
from worker.problems import problem
from worker.store import event_reads, search
from worker.store.db import acquire

OPERATIONS = Operations("events")


@OPERATIONS.declare("GET", "/events", "List events", permission=Permission.OPS_VIEW, query=EventQuery, answer=EventPage)
async def list_events(ask: Ask, query: EventQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await newest_first(
        ask, "events", query, EventPage, search.events, event_reads.read, lambda row: EventBody(**row)
    )  # fmt: skip


@OPERATIONS.declare("GET", "/events/{event_id}", "Get an event", permission=Permission.OPS_VIEW, answer=EventBody)
async def get_event(ask: Ask, event_id: str) -> web.Response:
    """One verified delivery, and what became of it."""
    async with acquire(ask.ctx.pool) as connection:
        rows = await event_reads.read(connection, ask.reach, [event_id])
    return answer(EventBody(**rows[0])) if rows else missing("events")


@OPERATIONS.declare(
    "GET", "/events/{event_id}/body", "Get an event's body", permission=Permission.OPS_VIEW, answer=JSON, errors=(410,)
)
async def get_event_body(ask: Ask, event_id: str) -> web.Response:
    """The raw bytes, exactly as they were signed. 410 once they were pruned, after the days that the account keeps."""
    async with acquire(ask.ctx.pool) as connection:
        found = await event_reads.body(connection, ask.reach, event_id)
    if found is None:
        return missing("events")
    body, pruned_at = found
    if pruned_at is not None:
        return problem(410, f"Its body was pruned at {pruned_at:%Y-%m-%dT%H:%M:%SZ}. {REMEDY}", code="pruned")
    # Somebody else's bytes under our own address: a browser is to show them as data and as nothing else.
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return web.Response(body=body, content_type=JSON, headers=headers)
