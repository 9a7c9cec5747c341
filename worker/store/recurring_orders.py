"""Recurring orders: the plans, and which of them is due. **The due date is here and nowhere else.**"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from handlers.reading import micros, moment
from schemas.account import Reach
from schemas.order import ManagedBy
from schemas.recurring import Interval, Recurring, RecurringStatus
from worker.ids import derived_id
from worker.store.db import Pooled, to_json
from worker.store.statements import statements

_SQL = statements("recurring_orders")
_TIMES = ("anchor_at", "next_payment_at", "retry_at", "completed_at", "failed_at")
LATE = timedelta(minutes=10)
"""A charge that fell due so long ago, and may be made, is overdue."""
_OWN = frozenset(field.name for field in msgspec.structs.fields(Recurring))


class RecurringOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A row: what the rules need (`plan`), and what is billed to whom by which connection. `items` are the lines of
    each order, priced as they were sold; `amount` is in minor units of `currency`."""

    id: str
    title: str
    plan: Recurring
    managed_by: str = ManagedBy.MANUAL
    connection_id: str | None = None
    contact_id: str | None = None
    offer_id: str | None = None
    owner_id: str | None = None
    livemode: bool = True
    currency: str | None = None
    amount: int | None = None
    items: tuple[dict[str, Any], ...] = ()
    stripe_customer_id: str | None = None
    stripe_payment_method_id: str | None = None
    stripe_subscription_id: str | None = None
    number: int | None = None
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Charging(msgspec.Struct, frozen=True):
    """What operators watch. Ages in seconds, 0 where there is none."""

    overdue: int
    overdue_s: float
    unknown: int
    unknown_s: float
    held: int
    refused: int
    stopped: int


async def add(connection: Pooled, account_id: str, order: RecurringOrder) -> None:
    """Add a recurring order with the next number: the last statements of a transaction."""
    await connection.execute(_SQL["insert"], account_id, order.id, to_json(_columns(order)))
    await connection.execute(_SQL["number"], account_id, order.id)


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[RecurringOrder]:
    """The recurring orders of these ids that there are, in the order of the ids."""
    if not ids:
        return []
    rows = await connection.fetch(_SQL["read"], reach.account_id, ids, reach.owner_id)
    found = {row["id"]: _order(row) for row in rows}
    return [found[id_] for id_ in ids if id_ in found]


async def hold(connection: Pooled, account_id: str, ids: Iterable[str]) -> dict[str, RecurringOrder]:
    """These recurring orders by id; nobody else changes them until the end of the transaction."""
    rows = await connection.fetch(_SQL["hold"], account_id, sorted(set(ids)))
    return {row["id"]: _order(row) for row in rows}


async def hold_if_free(connection: Pooled, account_id: str, id_: str) -> RecurringOrder | None:
    """As `hold`, for one; None where somebody else holds it."""
    row = await connection.fetchrow(_SQL["hold_if_free"], account_id, id_)
    return _order(row) if row else None


async def save(connection: Pooled, account_id: str, orders: Iterable[RecurringOrder]) -> None:
    """Write recurring orders that are held; their versions go up by one."""
    for order in sorted(orders, key=lambda order: order.id):
        await connection.execute(_SQL["update"], account_id, order.id, to_json(_columns(order)))


async def due(connection: Pooled, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(account, id) of which something is due, the longest first."""
    rows = await connection.fetch(_SQL["due"], now, limit)
    return [(row["account_id"], row["id"]) for row in rows]


async def hold_back(connection: Pooled, account_id: str, now: datetime) -> None:
    """What is due in this account waits for a person from here on."""
    await connection.execute(_SQL["hold_back"], account_id, now)


async def postpone(connection: Pooled, account_id: str, id_: str, until: datetime) -> None:
    """What is due of it is looked at again later; its dates stay as they are."""
    await connection.execute(_SQL["postpone"], account_id, id_, until)


async def under_way(connection: Pooled, account_id: str) -> list[str]:
    """The recurring orders whose open attempt was not sent yet."""
    return [row["id"] for row in await connection.fetch(_SQL["under_way"], account_id)]


def of_subscription(account_id: str, subscription: str) -> str:
    """The id of the recurring order that a subscription of Stripe's is shown as: the same whoever hears of it first."""
    return derived_id(account_id, "subscription", subscription)


async def save_subscription(
    connection: Pooled,
    account_id: str,
    subscription: str,
    values: Mapping[str, Any],
    *,
    source: str,
    customer: str | None,
) -> None:
    """Write one of Stripe's own subscriptions. `source` names the connection, `customer` is the customer's key."""
    id_ = of_subscription(account_id, subscription)
    values = {"id": id_, **values}
    new = await connection.fetchval(_SQL["save_subscription"], account_id, id_, to_json(values), source, customer)
    if new:
        await connection.execute(_SQL["number"], account_id, id_)


async def adopt(connection: Pooled, account_id: str, contacts: Mapping[str, str]) -> None:
    """Let these recurring orders, by id, have these contacts where they have none."""
    ids = sorted(contacts)
    await connection.execute(_SQL["adopt"], account_id, ids, [contacts[id_] for id_ in ids])


async def orders_of(
    connection: Pooled,
    account_id: str,
    id_: str,
    after: tuple[datetime, str] | None,
    limit: int,
    *,
    newest: bool = False,
) -> list[tuple[datetime, str]]:
    """(made at, id) of the orders made within it, the first on top, or the `newest`."""
    at, order_id = after or (None, None)
    rows = await connection.fetch(
        _SQL["newest_orders_of" if newest else "orders_of"], account_id, id_, at, order_id, limit
    )
    return [(row["created_at"], row["id"]) for row in rows]


async def charging(connection: Pooled, now: datetime) -> Charging:
    """What operators watch."""
    row = await connection.fetchrow(_SQL["charging"], now - LATE, now)
    return Charging(*(value or 0 for value in row)) if row else Charging(0, 0, 0, 0, 0, 0, 0)


def _columns(order: RecurringOrder) -> dict[str, Any]:
    row = msgspec.structs.asdict(order)
    plan = msgspec.structs.asdict(row.pop("plan"))
    due_at = order.plan.due_at if order.managed_by == ManagedBy.MANUAL else None
    times = {name: None if plan[name] is None else moment(plan[name]) for name in _TIMES}
    return {**row, **plan, **times, "due_at": None if due_at is None else moment(due_at)}


def _order(row: asyncpg.Record) -> RecurringOrder:
    given = dict(row)
    plan = {name: given.pop(name) for name in _OWN}
    for name in _TIMES:
        plan[name] = None if plan[name] is None else micros(plan[name])
    after = plan["after_outcome"]
    plan.update(
        status=RecurringStatus(plan["status"]),
        interval=None if plan["interval"] is None else msgspec.convert(plan["interval"], Interval),
        after_outcome=RecurringStatus(after) if after else None,
    )
    for name in ("account_id", "due_at"):
        del given[name]
    return RecurringOrder(**{**given, "items": tuple(given["items"])}, plan=Recurring(**plan))
