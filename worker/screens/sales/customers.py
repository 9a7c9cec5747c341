"""Customers (S5, O11): the list, the card with all that is known of one, and the form for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handlers import access
from handlers.checkout import standing
from schemas.account import Actor, Permission, Role
from schemas.api.contact import ContactQuery, LifetimeTotal
from worker.api import recurring_views
from worker.api.lists import listed
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import (
    checkouts,
    contact_cards,
    contact_reads,
    deals,
    dossiers,
    names,
    order_briefs,
    products,
    recurring_orders,
    sales_plans,
    search,
    units,
)
from worker.store.contact_cards import COUNTED, LOOKED_AT
from worker.store.db import Pooled, acquire
from worker.store.order_reads import Row
from worker.store.query import Found
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
NEWEST = 20
"""Orders and payments that a card shows."""
BESIDE = 8
"""Of everything else."""


@SCREENS.declare("/customers", "Customers", sections=("list",))
async def customers(look: Look) -> Content:
    """Newest first."""
    query = look.wanted(ContactQuery)
    given = query.model_dump(exclude={"limit", "cursor"})
    async with snapshot(look.ctx.pool) as connection:
        rows, next_cursor = await listed(
            connection, look.reach, "contacts", query, search.contacts, contact_cards.read, given
        )
        people = await names.people(connection, look.actor.account_id, query.owner_id)
    return {
        "rows": rows,
        "counted": COUNTED,
        "filter": query,
        "people": people,
        "next_cursor": next_cursor,
        "may_write": look.actor.may(Permission.CRM_MANAGE),
    }


@SCREENS.declare("/customers/new", "New customer")
async def new_customer(look: Look) -> Content:
    return {"people": await _owners(look), "may_write": look.actor.may(Permission.CRM_MANAGE)}


@SCREENS.declare(
    "/customers/{id}",
    "Customer",
    sections=("totals", "orders", "payments", "recurring", "checkouts", "facts", "plans", "deals", "units", "keys"),
)
async def customer(look: Look) -> Content:
    """All that is known of one customer."""
    contact_id, reach, account_id = look.id(), look.reach, look.actor.account_id
    of = {"contact_id": contact_id}
    async with snapshot(look.ctx.pool) as connection:
        rows = await contact_cards.read(connection, reach, [contact_id])
        if not rows:
            raise NotThere("customer")
        [contact] = await contact_reads.read(connection, reach, [contact_id])
        totals = [LifetimeTotal(**row) for row in await contact_reads.totals(connection, reach, contact_id)]
        ordered = await search.orders(connection, reach, of, None, NEWEST + 1)
        orders = await order_briefs.read(connection, reach, _ids(ordered, NEWEST))
        paid = await contact_cards.payments(connection, reach, contact_id, NEWEST)
        payments = await order_briefs.payments(connection, reach, paid)
        repeated = await search.recurring_orders(connection, reach, of, None, BESIDE + 1)
        recurring = await recurring_orders.read(connection, reach, _ids(repeated))
        opened = await search.checkouts(connection, reach, of, None, BESIDE + 1)
        sessions = await checkouts.read(connection, reach, _ids(opened))
        planned = await search.records(connection, "sales_plans", reach, of, None, BESIDE + 1)
        plans = await sales_plans.read(connection, account_id, _ids(planned))
        dealt = await search.deals(connection, reach, of, None, BESIDE + 1)
        held = await search.records(connection, "units", reach, of, None, BESIDE + 1)
        return {
            "contact": {**contact, "owner_name": rows[0]["owner_name"]},
            "totals": totals,
            "orders": orders,
            "more_orders": len(ordered) > NEWEST,
            "payments": payments,
            "looked_at": LOOKED_AT if rows[0]["orders"] > COUNTED else 0,
            "recurring": [recurring_views.body(found) for found in recurring],
            "more_recurring": len(repeated) > BESIDE,
            "checkouts": [_checkout(row) for row in sessions],
            "more_checkouts": len(opened) > BESIDE,
            "plans": plans,
            "more_plans": len(planned) > BESIDE,
            "deals": await deals.read(connection, reach, _ids(dealt)),
            "more_deals": len(dealt) > BESIDE,
            "units": await _units(connection, look, _ids(held)),
            "more_units": len(held) > BESIDE,
            "keys": [key.partition(":")[::2] for key in await contact_cards.keys(connection, reach, contact_id)],
            "offers": await names.offers(connection, account_id),
            "people": await names.people(connection, account_id, contact["owner_id"]),
            "writable": writable(look.actor, contact["owner_id"]),
            "may_plan": look.actor.may(Permission.CRM_MANAGE),
            "own_plans": look.actor.role is Role.MANAGER,
            "may_recur": look.actor.may(Permission.RECURRING_MANAGE),
        }


def writable(actor: Actor, owner_id: str | None) -> bool:
    """Whether this person changes a row of this owner: a manager only their own."""
    return actor.may(Permission.CRM_MANAGE) and (actor.role is not Role.MANAGER or owner_id == actor.token_id)


async def _owners(look: Look) -> names.Choices:
    """Whom a new row may be given to: who owns what they make is not asked."""
    if look.actor.role is Role.MANAGER or access.reach(look.actor).owner_id is not None:
        return []
    async with acquire(look.ctx.pool) as connection:
        return await names.people(connection, look.actor.account_id)


def _ids(found: Found, limit: int = BESIDE) -> list[str]:
    return [id_ for _, id_ in found[:limit]]


def _checkout(row: Row) -> dict[str, Any]:
    content = row["dossier"]
    state = standing(row["state"], row["session_id"], None if content is None else dossiers.decode(content))
    return {**{name: value for name, value in row.items() if name != "dossier"}, "status": state}


async def _units(connection: Pooled, look: Look, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The things that a customer has, each with the name of its product."""
    rows = await units.RECORDS.read(connection, look.reach, ids)
    sold = await products.RECORDS.read(connection, look.reach, sorted({row["product_id"] for row in rows}))
    known = {row["id"]: row for row in sold}
    return [{**row, "product": known[row["product_id"]]} for row in rows]
