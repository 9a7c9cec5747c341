"""Checkouts (P1, P7): the funnel, the list, one of them, and opening one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from pydantic import Field

from handlers import access
from handlers.errors import Refused
from handlers.money import EXPONENTS
from schemas.account import Actor, Permission
from schemas.api.checkout import CheckoutBody
from schemas.api.fields import Flag, Id, Wire
from schemas.api.page import PageQuery
from schemas.checkout import Standing
from worker.api import checkout_views
from worker.api.lists import listed
from worker.screens.sales import funnel
from worker.screens.sales.funnel import FUNNELS, RANGES
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import accounts, contact_reads, offers, order_reads, search
from worker.store import checkouts as store
from worker.store.records import Row
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
LIST = "checkouts"
Day: TypeAlias = Annotated[date, Field(ge=date(1970, 1, 2), le=date(9998, 12, 30))]
"""A day that has a midnight in every time zone."""
STANDINGS: Mapping[Standing, str] = {
    Standing.OPENING: "Stripe gave no clear answer yet. It is asked again by itself.",
    Standing.OPEN: "The customer can pay, or the payment is under way.",
    Standing.PAID: "The customer has paid.",
    Standing.FAILED: "The payment failed in the end.",
    Standing.EXPIRED: "It ended without a payment.",
    Standing.REFUSED: "Stripe refused to open it. Nothing was made, here or there.",
    Standing.GIVEN_UP: "It was not opened in time. Nothing was made, here or there.",
}


class CheckoutLook(PageQuery):
    """What of the checkouts is looked at."""

    range: Literal["7d", "30d", "90d"] = Field("30d", description="Of the funnel.")
    test: Flag | None = Field(None, description="Whether the funnel counts test mode; as the key is, if left out.")
    contact_id: Id | None = None
    opened: Flag | None = None
    since: Day | None = Field(None, description="Asked for on this day or later, where the account is.")
    until: Day | None = Field(None, description="Asked for on this day or earlier.")


class NewLook(Wire):
    """What a new checkout begins with."""

    contact_id: Id | None = None
    order_id: Id | None = Field(None, description="The order that is to be paid for.")
    offer_id: Id | None = None


class Line(msgspec.Struct, frozen=True):
    found: CheckoutBody
    order_number: int | None
    livemode: bool | None
    contact: Row | None


@SCREENS.declare("/checkouts", "Checkouts", sections=("funnel", "list"))
async def checkouts(look: Look) -> Content:
    """The funnel of a range, and the checkouts themselves, the newest first."""
    wanted = look.wanted(CheckoutLook)
    chosen = funnel.period(look.now, RANGES[wanted.range][1], look.zone)
    test = look.ctx.settings.stripe_stand_in if wanted.test is None else wanted.test == "true"
    counted = await look.request.app[FUNNELS].read(look.reach, chosen, look.now, test=test)
    async with snapshot(look.ctx.pool) as connection:
        rows, next_cursor = await listed(
            connection, look.reach, LIST, wanted, search.checkouts, store.read, _filters(wanted, look.zone)
        )
        ids = sorted({row["contact_id"] for row in rows} | ({wanted.contact_id} if wanted.contact_id else set()))
        contacts = {row["id"]: row for row in await contact_reads.read(connection, look.reach, ids)}
    return {
        **funnel.view(counted, chosen),
        "wanted": wanted,
        "ranges": RANGES,
        "test": test,
        "lines": [
            Line(checkout_views.body(row), row["order_number"], row["livemode"], contacts.get(row["contact_id"]))
            for row in rows
        ],
        "contact": contacts.get(wanted.contact_id or ""),
        "filtered": any((wanted.contact_id, wanted.opened, wanted.since, wanted.until)),
        "next_cursor": next_cursor,
        "standings": STANDINGS,
    }


def _filters(wanted: CheckoutLook, zone: ZoneInfo) -> dict[str, Any]:
    until = wanted.until and wanted.until + timedelta(days=1)
    return {
        "contact_id": wanted.contact_id,
        "opened": wanted.opened,
        "created_from": wanted.since and datetime.combine(wanted.since, time(), tzinfo=zone),
        "created_to": until and datetime.combine(until, time(), tzinfo=zone),
    }


@SCREENS.declare("/checkouts/{id}", "Checkout", sections=("head", "payments", "facts"))
async def checkout(look: Look) -> Content:
    """One checkout, with its order and the tries to pay in it."""
    async with snapshot(look.ctx.pool) as connection:
        rows = await store.read(connection, look.reach, [look.id()])
        if not rows:
            raise NotThere("checkout")
        found = checkout_views.body(rows[0])
        contacts = await contact_reads.read(connection, look.reach, [found.contact_id])
        orders = await order_reads.read(connection, look.reach, [found.order_id] if found.order_id else [])
    order = orders[0] if orders else None
    return {
        "found": found,
        "words": STANDINGS[found.status],
        "contact": contacts[0] if contacts else None,
        "order": order.order if order else None,
        "payments": order.payments[::-1] if order else (),
        "expires": found.status is Standing.OPEN and _may_write(look.actor, order.order if order else None),
    }


@SCREENS.declare("/checkouts/new", "New checkout")
async def new_checkout(look: Look) -> Content:
    """The form: for a new order of a customer, or for the order that the address names."""
    wanted = look.wanted(NewLook)
    async with snapshot(look.ctx.pool) as connection:
        account = await accounts.get(connection, look.actor.account_id)
        contacts = await contact_reads.read(connection, look.reach, [wanted.contact_id] if wanted.contact_id else [])
        offered = await offers.RECORDS.read(connection, look.reach, [wanted.offer_id] if wanted.offer_id else [])
        orders = await order_reads.read(connection, look.reach, [wanted.order_id] if wanted.order_id else [])
    if wanted.order_id and not orders:
        raise NotThere("order")
    order = orders[0].order if orders else None
    code = order["currency"] if order else account.currency
    return {
        "account": account,
        "contact": contacts[0] if contacts else None,
        "offer": offered[0] if offered else None,
        "order": order,
        "allowed": _may_write(look.actor, order),
        "currencies": sorted(EXPONENTS.items()),
        "digits": EXPONENTS.get(code, 2),
    }


def _may_write(actor: Actor, order: Row | None) -> bool:
    """Whether this person may open or end a checkout of this order, or of a new one."""
    if not actor.may(Permission.CRM_MANAGE):
        return False
    try:
        if order is not None:
            access.check_write(actor, order["owner_id"], "orders")
    except Refused:
        return False
    return True
