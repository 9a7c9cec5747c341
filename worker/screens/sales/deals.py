"""Deals with their orders (S5, O11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from handlers.money import EXPONENTS
from schemas.account import Permission, Role
from schemas.api.contact import LifetimeTotal
from schemas.api.deal import DealQuery
from schemas.api.fields import Id, Text, Wire
from worker.api.lists import listed
from worker.screens.sales.customers import writable
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import contact_reads, names, order_briefs, search
from worker.store import deals as store
from worker.store.db import Pooled
from worker.store.order_reads import Row
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
NEWEST = 20
"""Orders that a deal shows."""
CANDIDATES = 10
"""Customers that are offered for a search."""
STATES = ("open", "won", "lost")


class NewDealQuery(Wire):
    contact_id: Id | None = None
    q: Text | None = Field(None, description="Finds the customer.")


@SCREENS.declare("/deals", "Deals", sections=("list",))
async def deals(look: Look) -> Content:
    """Newest first."""
    query = look.wanted(DealQuery)
    given = query.model_dump(exclude={"limit", "cursor"})
    async with snapshot(look.ctx.pool) as connection:
        found, next_cursor = await listed(connection, look.reach, "deals", query, search.deals, store.read, given)
        rows = await named(connection, look, found)
        people = await names.people(connection, look.actor.account_id, query.owner_id)
        contacts = await contact_reads.read(connection, look.reach, [query.contact_id] if query.contact_id else [])
    return {
        "rows": rows,
        "filter": query,
        "states": STATES,
        "people": people,
        "contact": contacts[0] if contacts else None,
        "next_cursor": next_cursor,
        "may_write": look.actor.may(Permission.CRM_MANAGE),
    }


@SCREENS.declare("/deals/new", "New deal")
async def new_deal(look: Look) -> Content:
    """The form; the customer is found first, or left open."""
    query = look.wanted(NewDealQuery)
    account = await look.account()
    async with snapshot(look.ctx.pool) as connection:
        chosen = await contact_reads.read(connection, look.reach, [query.contact_id] if query.contact_id else [])
        found = (
            await search.contacts(connection, look.reach, {"q": query.q}, None, CANDIDATES)
            if query.q and not chosen
            else []
        )
        candidates = await contact_reads.read(connection, look.reach, [id_ for _, id_ in found])
        narrow = look.actor.role is Role.MANAGER or look.reach.owner_id is not None
        people = [] if narrow else await names.people(connection, look.actor.account_id)
    return {
        "contact": chosen[0] if chosen else None,
        "candidates": candidates,
        "filter": query,
        "people": people,
        "currency": account.currency,
        "digits": EXPONENTS.get(account.currency, 2),
        "may_write": look.actor.may(Permission.CRM_MANAGE),
    }


@SCREENS.declare("/deals/{id}", "Deal", sections=("totals", "orders", "facts"))
async def deal(look: Look) -> Content:
    """One deal, what its orders came to, and the newest of them."""
    deal_id, reach = look.id(), look.reach
    async with snapshot(look.ctx.pool) as connection:
        rows = await store.read(connection, reach, [deal_id])
        if not rows:
            raise NotThere("deal")
        [found] = await named(connection, look, rows)
        totals = [LifetimeTotal(**row) for row in await store.totals(connection, reach, deal_id)]
        ordered = await search.orders(connection, reach, {"deal_id": deal_id}, None, NEWEST + 1)
        orders = await order_briefs.read(connection, reach, [id_ for _, id_ in ordered[:NEWEST]])
        people = await names.people(connection, look.actor.account_id, found["owner_id"])
    return {
        "deal": found,
        "totals": totals,
        "orders": orders,
        "more_orders": len(ordered) > NEWEST,
        "people": people,
        "states": [(state, state) for state in STATES],
        "digits": EXPONENTS.get(found["currency"] or (await look.account()).currency, 2),
        "writable": writable(look.actor, found["owner_id"]),
        "may_write": look.actor.may(Permission.CRM_MANAGE),
    }


async def named(connection: Pooled, look: Look, rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    """Deals with the names of their owners and customers, in the same order."""
    known = await store.names(connection, look.reach, [row["id"] for row in rows])
    return [{**row, **known[row["id"]]} for row in rows]
