"""The form of an order: a new one by hand, or one that is changed (O6 to O9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic import Field

from handlers import access
from handlers.derive import derive
from handlers.errors import Refused
from handlers.money import EXPONENTS
from handlers.template import ONLY_AS_CHILD
from schemas.account import Permission
from schemas.api.fields import Id, Wire
from schemas.api.order import OrderBody
from schemas.order import Status
from worker.actions.orders import micros_now
from worker.api import order_views
from worker.api.orders import find
from worker.ids import part_ids
from worker.screens import words
from worker.screens.sales.order import bare
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import (
    accounts,
    children,
    locations,
    offers,
    order_context,
    order_reads,
    price_lists,
    products,
    search,
    templates,
)
from worker.store.db import Pooled
from worker.store.records import Records, Row
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True, permission=Permission.CRM_MANAGE)
CHARGE_KINDS = (
    ("shipping", "Shipping"), ("discount", "Discount"), ("promotion", "Promotion"), ("tax", "Tax"),
    ("surcharges", "Surcharge"), ("additional_cost", "Additional cost"), ("other", "Other"),
    ("price_adjustment", "Price adjustment"),
)  # fmt: skip
ADDRESS = (
    ("name", "Name"), ("company", "Company"), ("line1", "Street and number"), ("line2", "Further line"),
    ("postal_code", "Postal code"), ("city", "City"), ("state", "State"), ("country", "Country"), ("phone", "Phone"),
)  # fmt: skip
_CHOICES = 200
"""How many a list to choose from offers at most: the newest."""


class NewOrderQuery(Wire):
    contact_id: Id | None = Field(None, description="Whose order it is.")
    deal_id: Id | None = Field(None, description="The deal that it belongs to.")


@SCREENS.declare("/orders/new", "New order")
async def order_new(look: Look) -> Content:
    """An empty form, for a customer or a deal where the address names one."""
    query = look.wanted(NewOrderQuery)
    async with snapshot(look.ctx.pool) as connection:
        account = await accounts.get(connection, look.actor.account_id)
        known = [template for template, _ in await templates.list_(connection, account.id)]
        lists = await _newest(connection, look, price_lists.RECORDS)
        return {
            **await _choices(connection, look, account.currency, (query.contact_id, query.deal_id)),
            "order": None,
            "contact_id": query.contact_id,
            "deal_id": query.deal_id,
            "templates": [(one.slug, one.name) for one in known if one.type not in ONLY_AS_CHILD],
            "price_lists": [("", "The template's")] + [(row["slug"], row["name"]) for row in lists],
            "locked": "",
            "charges_locked": "",
            "carried": frozenset(),
        }


@SCREENS.declare("/orders/{id}/edit", "Edit an order")
async def order_edit(look: Look) -> Content:
    """The order as it is; what cannot be changed says why. Who may only look at it is led to its page."""
    async with snapshot(look.ctx.pool) as connection:
        found = await find(connection, look.actor, look.id())
        if found is None:
            raise NotThere("order")
        view = order_views.body(look.actor.account_id, found)
        if view.id != look.id():
            raise web.HTTPSeeOther(f"/orders/{view.id}?merged={look.id()}")
        try:
            access.check_write(look.actor, view.owner_id, "orders")
        except Refused:
            raise web.HTTPSeeOther(f"/orders/{view.id}") from None
        return {
            **await _choices(
                connection, look, view.currency,
                (view.contact_id, view.deal_id, view.owner_id, view.manager_id, view.offer_id, view.location_id,
                 view.destination_location_id),
            ),
            "order": view,
            "contact_id": view.contact_id,
            "deal_id": view.deal_id,
            "locked": _locked(view, (Status.DRAFT, Status.NEW, Status.PROCESSING)),
            "charges_locked": _locked(view, (Status.DRAFT, Status.NEW)),
            "carried": await _carried(connection, look, view.id),
        }  # fmt: skip


def _locked(view: OrderBody, stages: Sequence[Status]) -> str:
    """Why lines or charges cannot be changed; empty where they can. `stages`: in which they can."""
    if view.locked_fields:
        return "Stripe manages this order: lines, charges and currency are changed at Stripe."
    if view.status not in stages:
        named = " or ".join(words.label(stage) for stage in stages)
        final = "A void order is final." if view.status is Status.VOID else "Move it back first."
        return f"They can be changed while the order is {named}; it is {words.label(view.status)}. {final}"
    return ""


async def _carried(connection: Pooled, look: Look, order_id: str) -> frozenset[str]:
    """The ids of the lines that live children carry."""
    dossier = await order_reads.dossier(connection, look.reach, order_id)
    family = await children.family(connection, look.actor.account_id, order_id)
    if dossier is None or not family.carried:
        return frozenset()
    keys = [line.key for line in derive(dossier, micros_now(look.ctx)).lines]
    ids = part_ids(order_id, "line", keys)
    return frozenset(id_ for id_, key in zip(ids, keys, strict=True) if key in family.carried)


async def _choices(connection: Pooled, look: Look, currency: str, named: Sequence[str | None]) -> dict[str, Any]:
    """What the form offers to choose from, the names of what is chosen already among them."""
    names = await order_context.names(connection, look.reach, named)
    sold = [row for row in await _newest(connection, look, offers.RECORDS) if not row["recurring"]]
    places = await _newest(connection, look, locations.RECORDS)
    goods = await _newest(connection, look, products.RECORDS)
    return {
        "names": names,
        "currency": currency,
        "digits": EXPONENTS.get(currency, 2),
        "currencies": sorted(EXPONENTS.items()),
        "people": _with(names, "person", await order_context.people(connection, look.actor.account_id)),
        "offers": _with(names, "offer", [(row["id"], f"#{row['number']} {row['name']}") for row in sold]),
        "locations": _with(names, "location", [(row["id"], row["name"]) for row in places]),
        "products": [(row["sku"], row["name"]) for row in goods],
        "charge_kinds": CHARGE_KINDS,
        "address_fields": ADDRESS,
        "plain_amount": lambda amount: bare(currency, amount),
    }  # fmt: skip


def _with(
    names: dict[str, order_context.Named], noun: str, offered: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The choices, with those that are chosen and not offered any more (archived, revoked, older)."""
    known = {id_ for id_, _ in offered}
    kept = [(id_, one.name) for id_, one in names.items() if one.noun == noun and id_ not in known]
    return [("", "—"), *offered, *kept]


async def _newest(connection: Pooled, look: Look, records: Records) -> list[Row]:
    found = await search.records(connection, records.table, look.reach, {"archived": False}, None, _CHOICES)
    return await records.read(connection, look.reach, [id_ for _, id_ in found])
