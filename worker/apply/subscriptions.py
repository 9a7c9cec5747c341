"""Stripe's own subscriptions, written beside the recurring orders by the batch that hears of them (C8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handlers.merge import view
from handlers.payment import known
from handlers.subscription import row, subscription_id
from schemas.fact import Dossier, Fact, Kind, Reading
from schemas.stated import Subscription
from worker.store import recurring_orders
from worker.store.db import Pooled
from worker.store.orders import Change


def stated(readings: Iterable[tuple[str, Reading]], dossier: Dossier) -> Iterator[Fact]:
    """The subscriptions that these readings speak of, as they are in the dossier that they were folded into."""
    keys = {fact.key for _, reading in readings for fact in reading.facts if fact.kind is Kind.SUBSCRIPTION}
    yield from (dossier.facts[key] for key in sorted(keys) if key in dossier.facts)


async def adopt(connection: Pooled, account_id: str, changes: Iterable[Change]) -> None:
    """The customers of subscriptions are known by their first orders."""
    customers = {
        recurring_orders.of_subscription(account_id, change.after.stripe["subscription_id"]): change.contact_id
        for change in changes
    }
    await recurring_orders.adopt(connection, account_id, customers)


async def save(connection: Pooled, account_id: str, facts: Iterable[Fact]) -> None:
    """Write these subscriptions as they are now."""
    for fact in sorted(facts, key=lambda fact: fact.key):
        found = view(fact, Subscription)
        await recurring_orders.save_subscription(
            connection, account_id, subscription_id(fact.key), row(fact), source=known(found.connection, ""),
            customer=known(found.customer, None),
        )  # fmt: skip
