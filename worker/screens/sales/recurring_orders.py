"""The tab of recurring orders (C1, C8): which there are, where each stands, how its last charge went; making one."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import Field

from handlers.money import EXPONENTS
from schemas.account import Permission
from schemas.api.fields import Id, Wire
from schemas.api.recurring_order import RecurringOrderBody, RecurringOrderQuery
from worker.api import recurring_views
from worker.api.lists import listed
from worker.screens.sales import plans
from worker.screens.screen import Content, Look, Screens
from worker.store import accounts, charge_attempts, contact_reads, offers, search
from worker.store import recurring_orders as store
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled
from worker.store.records import Row
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
LIST = "recurring_orders"
COUNTED = 10_000
"""Recurring orders counted in one status."""
NOT_COUNTED = ("offer_id", "owner_id", "managed_by", "held")
"""Filters under which the statuses are not counted: that would mean to look at every row."""


class Line(msgspec.Struct, frozen=True):
    """One row: the recurring order, who pays it, what it sells, and the last try to charge it."""

    found: RecurringOrderBody
    contact: Row | None
    offer: Row | None
    attempt: Attempt | None


class Chip(msgspec.Struct, frozen=True):
    status: str
    words: str
    orders: int | None
    capped: bool


class NewLook(Wire):
    """What a new recurring order begins with."""

    contact_id: Id | None = Field(None, description="The customer.")
    offer_id: Id | None = None


@SCREENS.declare("/recurring-orders", "Recurring orders", sections=("charging", "chips", "list"))
async def recurring_orders(look: Look) -> Content:
    """Newest first; those before their first payment only where they, or what waits for a person, are asked for."""
    wanted = look.wanted(RecurringOrderQuery)
    given = wanted.model_dump(exclude={"limit", "cursor"})
    account_id = look.actor.account_id
    async with snapshot(look.ctx.pool) as connection:
        rows, next_cursor = await listed(
            connection, look.reach, LIST, wanted, search.recurring_orders, store.read,
            {**given, "begun": wanted.status is None and wanted.held != "true"},
        )  # fmt: skip
        tried = await charge_attempts.latest(connection, account_id, [row.id for row in rows])
        contacts = await _named(contact_reads, connection, look, [wanted.contact_id, *(row.contact_id for row in rows)])
        offered = await _named(offers.RECORDS, connection, look, [wanted.offer_id, *(row.offer_id for row in rows)])
        counts = await _counts(connection, look, given)
        account = await accounts.get(connection, account_id)
    return {
        "account": account,
        "wanted": wanted,
        "chips": _chips(counts),
        "lines": [
            Line(
                recurring_views.body(row), contacts.get(row.contact_id or ""), offered.get(row.offer_id or ""),
                tried.get(row.id),
            )
            for row in rows
        ],
        "next_cursor": next_cursor,
        "filtered": any(value is not None for value in given.values()),
        "pending": counts.get("pending", 0),
        "contact": contacts.get(wanted.contact_id or ""),
        "offer": offered.get(wanted.offer_id or ""),
        **WORDS,
    }  # fmt: skip


@SCREENS.declare("/recurring-orders/new", "New recurring order")
async def new_recurring_order(look: Look) -> Content:
    """The form; whose contact is given has the field filled in."""
    wanted = look.wanted(NewLook)
    async with snapshot(look.ctx.pool) as connection:
        account = await accounts.get(connection, look.actor.account_id)
        contacts = await contact_reads.read(connection, look.reach, [wanted.contact_id] if wanted.contact_id else [])
        offered = await offers.RECORDS.read(connection, look.reach, [wanted.offer_id] if wanted.offer_id else [])
    return {
        "account": account,
        "contact": contacts[0] if contacts else None,
        "offer": offered[0] if offered else None,
        "allowed": look.actor.may(Permission.RECURRING_MANAGE),
        "currencies": sorted(EXPONENTS.items()),
        "digits": EXPONENTS.get(account.currency, 2),
    }


WORDS: dict[str, Any] = {
    "every": plans.every, "outcome": plans.outcome, "why": plans.why, "open_states": plans.OPEN_STATES,
    "kinds": plans.KINDS,
}  # fmt: skip
"""What the templates of recurring orders say things with."""


async def _named(records: Any, connection: Pooled, look: Look, ids: list[str | None]) -> dict[str, Row]:
    """Contacts or offers by id."""
    wanted = sorted({id_ for id_ in ids if id_})
    return {row["id"]: row for row in await records.read(connection, look.reach, wanted)}


async def _counts(connection: Pooled, look: Look, given: dict[str, Any]) -> dict[str, int]:
    if any(given[name] is not None for name in NOT_COUNTED):
        return {}
    return await search.recurring_counts(connection, look.reach, given, list(plans.STATUSES), COUNTED + 1)


def _chips(counts: dict[str, int]) -> list[Chip]:
    made = []
    for status, sentence in plans.STATUSES.items():
        orders = counts.get(status)
        made.append(Chip(status, sentence, None if orders is None else min(orders, COUNTED), (orders or 0) > COUNTED))
    return made
