"""One order: what was sold, what the money did, what was made from it, what happened, what may be done (O10, D4)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import Field

from handlers.derive import derive, has_payment_facts
from handlers.money import EXPONENTS
from schemas.account import Permission
from schemas.api.fields import Cursor, Id, Wire
from schemas.api.order import Explanation, OrderBody, TimelineEntry
from schemas.api.order_lines import LineCell
from schemas.api.product_template import ProductColumn
from schemas.catalog import ColumnType
from schemas.fact import Dossier
from worker.actions.orders import micros_now
from worker.api import cursor, order_lines, order_views
from worker.api.orders import find
from worker.screens import words
from worker.screens.sales import order_actions
from worker.screens.sales.order_words import Teller, named_ids
from worker.screens.screen import STREAM, Content, Look, NotThere, Screens
from worker.store import children, event_reads, order_context, order_reads, search, stock_reads, templates
from worker.store.db import Pooled
from worker.store.order_reads import OrderRows, Row
from worker.store.snapshot import snapshot

SECTIONS = (
    "head", "notices", "figures", "items", "payments", "children", "stock", "why", "timeline", "customer", "details",
    "dialogs",
)  # fmt: skip
"""The parts of the page, each a template `order/<name>.html`."""
_ENTRIES = 20
_STATEMENTS = 60
_MOVEMENTS = 50
SCREENS = Screens("sales", registry=True)


class OrderPageQuery(Wire):
    cursor: Cursor | None = Field(None, description="Where the timeline goes on.")
    merged: Id | None = Field(None, description="The order from whose address this page was come to.")


@SCREENS.declare("/orders/{id}", "Order", sections=SECTIONS)
async def order(look: Look) -> Content:
    """An order that was merged into another leads there."""
    query = look.wanted(OrderPageQuery)
    place = cursor.decode("timeline", query.cursor)
    async with snapshot(look.ctx.pool) as connection:
        found = await find(connection, look.actor, look.id())
        dossier = await order_reads.dossier(connection, look.reach, found.order["id"]) if found else None
        if found is None or dossier is None:
            raise NotThere("order")
        order_id = found.order["id"]
        if order_id != look.id() and not look.request.path.startswith(STREAM):
            raise web.HTTPSeeOther(f"/orders/{order_id}?merged={look.id()}")
        view = order_views.body(look.actor.account_id, found)
        rows = await order_reads.timeline(connection, look.reach, order_id, place.id if place else None, _ENTRIES + 1)
        entries = [order_views.timeline_entry(row) for row in rows[:_ENTRIES]]
        explained = order_views.explanation(look.actor.account_id, found, dossier)
        around = await _around(connection, look, found, view, entries, explained)
        actions = await _actions(connection, look, view, dossier)
        products = await order_lines.product_templates_of(connection, look.actor.account_id, found)
    payments = {one.external_id: f"#{one.number}" for one in view.payments if one.number}
    teller = Teller(view.currency, look.zone, around["names"], payments)
    return {
        **around,
        "order": view,
        "actions": actions,
        "line_groups": await order_lines.tables(found, products),
        "merged": around["merged_numbers"].get(query.merged) if query.merged else None,
        "timeline": [teller.happening(entry, around["topics"]) for entry in entries],
        "older": cursor.following("timeline", [(None, row["id"]) for row in rows], _ENTRIES),
        "explained": explained,
        "statements": [teller.stated(one) for one in explained.statements[:_STATEMENTS]],
        "digits": EXPONENTS.get(view.currency, 2),
        "bare": partial(bare, view.currency),
        "cell": partial(cell, view.currency),
        "percent": words.percent,
        "sees_events": look.actor.may(Permission.OPS_VIEW),
        "shipping_statuses": order_actions.SHIPPING,
        "payment_notes": order_actions.PAYMENT_NOTES,
    }


async def _around(
    connection: Pooled, look: Look, found: OrderRows, view: OrderBody, entries: list[TimelineEntry],
    explained: Explanation,
) -> dict[str, Any]:  # fmt: skip
    """What stands around the order: names, relatives, stock, events."""
    account_id, reach = look.actor.account_id, look.reach
    moved = await search.movements(connection, reach, {"order_id": view.id}, None, _MOVEMENTS + 1)
    movements = await stock_reads.movements(connection, reach, [id_ for _, id_ in moved[:_MOVEMENTS]])
    relatives = await order_context.relatives(connection, reach, view.id, view.parent_id)
    events = {id_ for entry in entries for id_ in entry.event_ids}
    events |= {one.event_id for one in explained.statements[:_STATEMENTS] if one.event_id}
    people = await order_context.people(connection, account_id) if look.actor.may(Permission.SALES_CONFIRM) else []
    named = {
        view.contact_id, view.deal_id, view.owner_id, view.manager_id, view.offer_id, view.location_id,
        view.destination_location_id, *named_ids(entries), *(row["location_id"] for row in movements),
    }  # fmt: skip
    return {
        "names": await order_context.names(connection, reach, named),
        "people": people,
        "recurring": await order_context.recurring_order(connection, reach, view.id),
        "parent": next((row for row in relatives if row["id"] == view.parent_id), None),
        "children": [row for row in relatives if row["id"] != view.parent_id],
        "merged_numbers": await order_context.merged_numbers(connection, account_id, view.id),
        "unsettled": await order_context.unsettled_events(connection, account_id, view.id),
        "movements": movements,
        "more_movements": len(moved) > _MOVEMENTS,
        "topics": topics(await event_reads.read(connection, reach, sorted(events))),
    }


async def _actions(connection: Pooled, look: Look, view: OrderBody, dossier: Dossier) -> order_actions.Possible:
    account_id = look.actor.account_id
    state = derive(dossier, micros_now(look.ctx))
    family = await children.family(connection, account_id, view.id)
    own = await templates.of_order(connection, account_id, state)
    known = [template for template, _ in await templates.list_(connection, account_id)]
    return order_actions.possible(look.actor, view, state, family, own, known, derived=has_payment_facts(dossier))


def topics(events: Iterable[Row]) -> dict[str, str]:
    """What events are called, by id: `charge.succeeded at stripe`."""
    return {row["id"]: f"{row['topic'] or 'event'} at {row['connection']}" for row in events}


def bare(currency: str, amount: int | None) -> str:
    """An amount without its currency, for tables that name it once."""
    return words.money(amount, currency).removeprefix(f"{currency} ")


def cell(currency: str, column: ProductColumn, found: LineCell) -> str:
    """What an extra column shows for a line."""
    if found.value is None or found.value == "":
        return words.NONE
    if isinstance(found.value, bool):
        return "yes" if found.value else "no"
    if column.type is ColumnType.MONEY and isinstance(found.value, int):
        return bare(currency, found.value)
    return str(found.value)
