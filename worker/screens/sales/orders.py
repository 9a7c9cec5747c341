"""Orders and sales: every order, newest first, with its payments, and who made the sale (S2, S3, P4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from handlers import access, declines, sales
from schemas.account import Actor, Permission
from schemas.api.order import OrderPayment
from schemas.order import OrderSource, OrderType, PaymentStatus, SalesStatus, Status
from worker.api import order_views
from worker.api.lists import listed
from worker.screens import words
from worker.screens.sales.order_filters import COLUMNS, OrderFilters
from worker.screens.screen import Content, Look, Screens
from worker.store import names, order_reads, sales_lists, search
from worker.store.order_reads import OrderRows, Row
from worker.store.sales_lists import Names
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
ON_PAGE = ("deal_id", "contact_id", "owner_id", "origin", "external_id", "type", "parent_id", "recurring_order_id",
           "recurring")  # fmt: skip
"""Filters that other pages' links set and the form has no field for."""


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list. `unit_price` and `quantity` are None where the order has several lines."""

    order: Row
    payments: Sequence[OrderPayment]
    customer: Row | None
    offer: Row | None
    manager: str | None
    price: int
    unit_price: int | None
    quantity: int | str | None
    lines: int
    remaining: int
    is_sale: bool
    partly_paid: bool
    may_decide: bool

    @property
    def failed(self) -> int:
        return sum(payment.status == "failed" for payment in self.payments)


@SCREENS.declare("/orders", "Orders and sales", sections=("chips", "list"))
async def orders(look: Look) -> Content:
    """The orders that the filters of the address find; those of recurring orders have a tab of their own."""
    wanted = look.wanted(OrderFilters)
    async with snapshot(look.ctx.pool) as connection:
        rows, next_cursor = await listed(
            connection, look.reach, "orders", wanted, search.orders, order_reads.read, wanted.search(look.zone)
        )
        known = await sales_lists.names(
            connection,
            look.reach,
            contacts=[wanted.contact_id, *(row.order["contact_id"] for row in rows)],
            offers_=[wanted.offer_id, *(row.order["offer_id"] for row in rows)],
            tokens=[wanted.manager_id, wanted.owner_id, *(row.order["manager_id"] for row in rows)],
        )
        choices = await sales_lists.choices(connection, look.reach)
        managers = await names.people(connection, look.reach.account_id, wanted.manager_id)
        offers = await names.offers(connection, look.reach.account_id, wanted.offer_id)
        categories = await names.categories(connection, look.reach.account_id, wanted.category_id)
        alone = not wanted.given.keys() - {"sales_status"}
        counts = await sales_lists.count_orders(connection, look.reach) if alone else None
    return {
        "wanted": wanted,
        "days": wanted.days(look.zone),
        "lines": [line(row, known, look.actor) for row in rows],
        "next_cursor": next_cursor,
        "names": known,
        "choices": choices,
        "managers": managers,
        "offers": offers,
        "categories": categories,
        "worded": worded,
        "counts": counts,
        "columns": COLUMNS,
        "elsewhere": dict(_elsewhere(wanted, known)),
        "report": wanted.report(look.zone),
        "may_confirm": look.actor.may(Permission.SALES_CONFIRM),
        "may_create": look.actor.may(Permission.CRM_MANAGE),
        "statuses": list(Status),
        "payment_statuses": list(PaymentStatus),
        "sales_statuses": list(SalesStatus),
        "sources": list(OrderSource),
        "types": list(OrderType),
        "failure": declines.sentence,
        "percent": words.percent,
    }


def worded(values: Sequence[StrEnum]) -> list[tuple[str, str]]:
    """Choices of an enumeration."""
    return [(one.value, words.label(one.value).capitalize()) for one in values]


def line(rows: OrderRows, known: Names, actor: Actor) -> OrderLine:
    """An order as the list shows it to this actor."""
    row, only = rows.order, rows.items[0] if len(rows.items) == 1 else None
    partly = sales.partly_paid(row["payment_status"], row["amount_paid"])
    is_sale = sales.is_sale(row["type"], row["status"])
    return OrderLine(
        order=row,
        payments=[order_views.payment(found, row["amount"]) for found in reversed(rows.payments)],
        customer=known.contacts.get(row["contact_id"]),
        offer=known.offers.get(row["offer_id"]),
        manager=known.tokens.get(row["manager_id"]),
        price=sum(item["subtotal"] for item in rows.items),
        unit_price=only["unit_price"] if only else None,
        quantity=order_views.figure(only["quantity"]) if only else None,
        lines=len(rows.items),
        remaining=row["summary"].get("remaining", 0),
        is_sale=is_sale,
        partly_paid=partly,
        may_decide=actor.may(Permission.SALES_CONFIRM) and access.may_write(actor, row["owner_id"]),
    )


def _elsewhere(wanted: OrderFilters, known: Names) -> Iterator[tuple[str, tuple[str, str]]]:
    """By name: what such a filter is called and what it is set to, for people."""
    for name in ON_PAGE:
        value = getattr(wanted, name)
        if value is None:
            continue
        shown = str(value)
        if name == "contact_id" and value in known.contacts:
            contact = known.contacts[value]
            shown = contact["name"] or contact["email"] or shown
        elif name == "owner_id":
            shown = known.tokens.get(value, shown)
        yield name, (name.removesuffix("_id").replace("_", " "), shown)
