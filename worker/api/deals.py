"""Deals over the API."""

from __future__ import annotations

from aiohttp import web

from handlers import access
from schemas.account import Permission
from schemas.api.contact import LifetimeTotal
from schemas.api.deal import DealBody, DealCard, DealCreate, DealPage, DealPatch, DealQuery
from worker.actions import deals as actions
from worker.api.lists import newest_first
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import deals, search
from worker.store.db import acquire
from worker.store.snapshot import snapshot

OPERATIONS = Operations("deals")


@OPERATIONS.declare("GET", "/deals", "List deals", query=DealQuery, answer=DealPage)
async def list_deals(ask: Ask, query: DealQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    return await newest_first(
        ask, "deals", query, DealPage, search.deals, deals.read, lambda row: DealBody(**row)
    )  # fmt: skip


@OPERATIONS.declare("GET", "/deals/{deal_id}", "Get a deal", answer=DealCard, headers=("ETag",))
async def get_deal(ask: Ask, deal_id: str) -> web.Response:
    """One deal, with what its orders came to by currency. They are at `GET /api/v1/orders?deal_id=`."""
    return await _shown(ask, deal_id)


@OPERATIONS.declare(
    "POST",
    "/deals",
    "Create a deal",
    permission=Permission.CRM_MANAGE,
    body=DealCreate,
    answer=DealCard,
    statuses={201: "Created."},
    headers=("ETag", "Location"),
)
async def create_deal(ask: Ask, body: DealCreate) -> web.Response:
    """A manager owns the deals they make, and so does a rep while owner privacy is on."""
    deal_id = await actions.create(ask.ctx, ask.actor, body.model_dump())
    response = await _shown(ask, deal_id, status=201)
    response.headers["Location"] = f"/api/v1/deals/{deal_id}"
    return response


@OPERATIONS.declare(
    "PATCH",
    "/deals/{deal_id}",
    "Change a deal",
    permission=Permission.CRM_MANAGE,
    body=DealPatch,
    answer=DealCard,
    errors=(412,),
    headers=("ETag",),
)
async def change_deal(ask: Ask, deal_id: str, body: DealPatch) -> web.Response:
    """Only the fields given are changed."""
    async with acquire(ask.ctx.pool) as connection:
        rows = await deals.read(connection, ask.reach, [deal_id])
    if not rows:
        return missing("deals")
    access.check_write(ask.actor, rows[0]["owner_id"], "deals")
    expected = ask.expected(rows[0]["version"])
    await actions.change(ask.ctx, ask.actor, deal_id, body.model_dump(exclude_unset=True), expected)
    return await _shown(ask, deal_id)


async def _shown(ask: Ask, deal_id: str, *, status: int = 200) -> web.Response:
    async with snapshot(ask.ctx.pool) as connection:
        rows = await deals.read(connection, ask.reach, [deal_id])
        totals = await deals.totals(connection, ask.reach, deal_id)
    if not rows:
        return missing("deals")
    card = DealCard(**rows[0], totals=[LifetimeTotal(**row) for row in totals])
    return answer(card, status, ETag=f'"{card.version}"')
