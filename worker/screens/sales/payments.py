"""Payments: each try to move money, with or without an order, and why it failed (P3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from handlers import declines
from schemas.account import Permission
from schemas.api.payment import PaymentBody, PaymentQuery, PaymentState
from worker.api import cursor, order_views
from worker.api import payments as api
from worker.screens import day, words
from worker.screens.day import Day
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import event_reads, order_reads, payment_reads, sales_lists, search
from worker.store.order_reads import Row
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
STATES: tuple[PaymentState, ...] = ("pending", "processing", "requires_action", "succeeded", "failed", "canceled")
EVENTS = 20
"""The events that a payment's page shows."""


class PaymentFilters(PaymentQuery):
    """As the API's, with days besides times."""

    attempted_from: Day | None = None
    attempted_to: Day | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The filters that are set."""
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


class PaymentLine(msgspec.Struct, frozen=True):
    """A row of the list. `order` is None where no order claims the payment; `customer` also where they are beyond
    reach."""

    paid: PaymentBody
    order: Row | None
    customer: Row | None


@SCREENS.declare("/payments", "Payments", sections=("list",))
async def payments(look: Look) -> Content:
    """The payments that the filters of the address find, the highest number first."""
    wanted = look.wanted(PaymentFilters)
    zone = look.zone
    place = cursor.decode("payments", wanted.cursor)
    given = wanted.given | {
        "attempted_from": day.begins(wanted.attempted_from, zone),
        "attempted_to": day.ends(wanted.attempted_to, zone),
    }
    async with snapshot(look.ctx.pool) as connection:
        if wanted.order_id:
            survivor = await order_reads.surviving(connection, look.reach, wanted.order_id)
            given["order_id"] = survivor or wanted.order_id
        before = (place.at, place.id) if place else None
        found = await search.payments(connection, look.reach, given, before, wanted.limit + 1)
        rows = await payment_reads.read(connection, look.reach, [id_ for _, id_ in found[: wanted.limit]])
        heads = await sales_lists.order_heads(connection, look.reach, [row["order_id"] for row in rows])
        names = await sales_lists.names(
            connection, look.reach, contacts=[head["contact_id"] for head in heads.values()]
        )
        choices = await sales_lists.choices(connection, look.reach)
    return {
        "wanted": wanted,
        "days": (day.first_shown(wanted.attempted_from, zone), day.last_shown(wanted.attempted_to, zone)),
        "lines": [
            PaymentLine(
                order_views.listed_payment(row),
                head := heads.get(row["order_id"]),
                names.contacts.get(head["contact_id"]) if head else None,
            )
            for row in rows
        ],
        "next_cursor": cursor.following("payments", found, wanted.limit),
        "choices": choices,
        "states": [(state, words.label(state).capitalize()) for state in STATES],
        "failure": declines.sentence,
    }


@SCREENS.declare("/payments/{id}", "Payment", sections=("facts", "movements", "events"))
async def payment(look: Look) -> Content:
    """One payment with its order, what became of its money, and the events of its sale."""
    async with snapshot(look.ctx.pool) as connection:
        rows = await payment_reads.read(connection, look.reach, [look.id()])
        if not rows:
            raise NotThere("payment")
        row = rows[0]
        detail = await api.detail(connection, look.reach, row)
        heads = await sales_lists.order_heads(connection, look.reach, [row["order_id"]])
        head = heads.get(row["order_id"])
        names = await sales_lists.names(connection, look.reach, contacts=[head["contact_id"] if head else None])
        dossier = await order_reads.dossier(connection, look.reach, row["dossier_id"])
        told: Sequence[Row] = ()
        if look.actor.may(Permission.OPS_VIEW):
            ids = await sales_lists.dossier_events(connection, look.reach, row["dossier_id"], EVENTS)
            told = await event_reads.read(connection, look.reach, ids)
    fact = dossier.facts.get(row["key"]) if dossier else None
    return {
        "paid": detail,
        "order": head,
        "customer": names.contacts.get(head["contact_id"]) if head else None,
        "events": told,
        "stating": {statement.event for statement in fact.statements} if fact else set(),
        "sees_events": look.actor.may(Permission.OPS_VIEW),
        "again": detail.failure_code not in declines.NEVER_AGAIN,
        "most_events": EVENTS,
    }
