"""What people state of an order's money and of who made the sale: hand payments and refunds, confirmation (P4, S3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers import sales
from schemas.account import Actor
from schemas.catalog import Offer
from schemas.fact import Reading
from schemas.order import Order
from schemas.stated import Hand
from worker.actions.orders import Editing, edit
from worker.context import Context
from worker.ids import derived_id, new_id
from worker.store import offers, sales_plans
from worker.store.db import Pooled


async def pay(ctx: Context, actor: Actor, order_id: str, wish: Mapping[str, Any], if_match: int | None) -> None:
    """Record a payment that was made by hand. Raises Locked on what Stripe manages, and Refused (`terminal`,
    `partial_payment`)."""
    key = sales.hand_payment_key(new_id())
    offer: Offer | None = None

    async def look_up(connection: Pooled, order: Order) -> None:
        nonlocal offer
        if order.offer_id:
            offer = await offers.to_sell(connection, actor.account_id, order.offer_id)

    def asked(found: Editing) -> Reading:
        stated = sales.payment(found.order, key, wish, found.now, actor.label)
        if offer is not None:
            sales.check_whole(offer, found.order, wish["amount"], derived=found.derived)
        return stated

    await edit(ctx, actor, order_id, asked, if_match, look_up=look_up)


async def refund(ctx: Context, actor: Actor, order_id: str, wish: Mapping[str, Any], if_match: int | None) -> None:
    """Record money that was given back by hand."""
    key = sales.hand_payment_key(new_id())

    def asked(found: Editing) -> Reading:
        payment_id = wish.get("payment_id")
        keys = {derived_id(actor.account_id, "payment", row.key): row.key for row in found.order.payments}
        paid = None if payment_id is None else sales.payment_key(keys, payment_id)
        return sales.refund(found.order, key, {**wish, "payment_key": paid}, found.now, actor.label)

    await edit(ctx, actor, order_id, asked, if_match)


async def decide(ctx: Context, actor: Actor, order_id: str, verdict: str, if_match: int | None) -> None:
    """Confirm or decline a partly paid sale."""
    await edit(ctx, actor, order_id, lambda found: sales.verdict(found.order, verdict), if_match)


async def confirm_sale(
    ctx: Context, actor: Actor, order_id: str, by: str | None, manager_id: str | None, if_match: int | None
) -> None:
    """State who made the sale: see `sales.maker`."""

    proposed: str | None = None

    async def look_up(connection: Pooled, order: Order) -> None:
        nonlocal proposed
        if by is None and manager_id is None:
            proposed = await sales_plans.proposed_of(connection, actor.account_id, order_id)

    def asked(found: Editing) -> Hand:
        made_by = sales.maker(found.order, by, manager_id, proposed)
        return sales.confirmation(found.order, made_by, actor.label, found.now)

    await edit(ctx, actor, order_id, asked, if_match, look_up=look_up, naming_={"manager_id": manager_id})


async def assign(ctx: Context, actor: Actor, order_id: str, manager_id: str | None, if_match: int | None) -> None:
    """Put a manager on the sale, which confirms nothing."""
    stated = Hand(manager_id=manager_id)
    await edit(ctx, actor, order_id, lambda _: stated, if_match, naming_={"manager_id": manager_id})
