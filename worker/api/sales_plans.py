"""Sales plans of a contact over the API (S5)."""

from __future__ import annotations

from aiohttp import web

from schemas.account import Permission
from schemas.api.page import PageQuery
from schemas.api.sales_plan import SalesPlanBody, SalesPlanCreate, SalesPlanPage
from worker.actions import sales_plans as actions
from worker.api import cursor
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import contact_reads, sales_plans, search
from worker.store.db import acquire
from worker.store.snapshot import snapshot

OPERATIONS = Operations("contacts")


@OPERATIONS.declare(
    "GET", "/contacts/{contact_id}/sales-plans", "List a contact's sales plans", query=PageQuery, answer=SalesPlanPage
)
async def list_sales_plans(ask: Ask, contact_id: str, query: PageQuery) -> web.Response:
    """Newest first. For a sale the newest plan for its offer counts, else the newest that names no offer."""
    account_id = ask.actor.account_id
    place = cursor.decode("sales-plans", query.cursor)
    before = (place.moment, place.id) if place else None
    async with snapshot(ask.ctx.pool) as connection:
        if not await contact_reads.read(connection, ask.reach, [contact_id]):
            return missing("contacts")
        found = await search.records(
            connection, "sales_plans", ask.reach, {"contact_id": contact_id}, before, query.limit + 1
        )
        rows = await sales_plans.read(connection, account_id, [id_ for _, id_ in found[: query.limit]])
    return answer(cursor.page(SalesPlanPage, [SalesPlanBody(**row) for row in rows], found, "sales-plans", query.limit))


@OPERATIONS.declare(
    "POST",
    "/contacts/{contact_id}/sales-plans",
    "Note a sales plan",
    permission=Permission.CRM_MANAGE,
    body=SalesPlanCreate,
    answer=SalesPlanBody,
    statuses={201: "Noted."},
)
async def create_sales_plan(ask: Ask, contact_id: str, body: SalesPlanCreate) -> web.Response:
    """The customer is going to pay for this offer, or for whatever it is: its manager is the proposed one of that sale.
    A token of role `manager` notes only its own.
    """
    plan_id = await actions.create(
        ask.ctx, ask.actor, contact_id, offer_id=body.offer_id, manager_id=body.manager_id, note=body.note
    )
    async with acquire(ask.ctx.pool) as connection:
        rows = await sales_plans.read(connection, ask.actor.account_id, [plan_id])
    return answer(SalesPlanBody(**rows[0]), 201) if rows else missing("sales plans")


@OPERATIONS.declare(
    "DELETE",
    "/contacts/{contact_id}/sales-plans/{sales_plan_id}",
    "Take a sales plan back",
    permission=Permission.CRM_MANAGE,
    statuses={204: "It is gone."},
)
async def delete_sales_plan(ask: Ask, contact_id: str, sales_plan_id: str) -> web.Response:
    """It proposes nobody any more; sales that were confirmed stay as they are. A token of role `manager` takes back
    only its own.
    """
    await actions.delete(ask.ctx, ask.actor, contact_id, sales_plan_id)
    return web.Response(status=204)
