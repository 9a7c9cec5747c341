"""Attempts to charge: each written down before Stripe is asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from schemas.recurring import AttemptKind, AttemptState
from worker.store.db import Pooled, to_json
from worker.store.statements import statements

_SQL = statements("charge_attempts")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A row. `amount` in minor units of `currency`; `parameters` are what Stripe is asked with, by call (`make`,
    `confirm`); `fence` is that of the last claim."""

    id: str
    recurring_order_id: str
    cycle: int
    number: int
    order_id: str
    kind: AttemptKind
    state: AttemptState
    connection_id: str
    amount: int
    currency: str
    parameters: dict[str, Any]
    created_at: datetime
    next_check_at: datetime | None
    payment_intent_id: str | None = None
    key_round: int = 1
    keyed_at: datetime | None = None
    fence: int = 0
    lease_until: datetime | None = None
    checks: int = 0
    final: bool = False
    refused: bool = False
    code: str | None = None
    reason: str | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None


async def add(connection: Pooled, account_id: str, attempt: Attempt) -> None:
    """Write an attempt down; the database refuses a second open one of the same recurring order."""
    await connection.execute(_SQL["add"], account_id, to_json(attempt))


async def count(connection: Pooled, account_id: str, recurring_order_id: str, cycle: int) -> int:
    return int(await connection.fetchval(_SQL["count"], account_id, recurring_order_id, cycle))


async def get(connection: Pooled, account_id: str, id_: str) -> Attempt | None:
    row = await connection.fetchrow(_SQL["get"], account_id, id_)
    return _attempt(row) if row else None


async def hold(connection: Pooled, account_id: str, ids: Iterable[str]) -> dict[str, Attempt]:
    """These attempts by id, held until the end of the transaction. Their recurring orders are held before."""
    rows = await connection.fetch(_SQL["hold"], account_id, sorted(set(ids)))
    return {row["id"]: _attempt(row) for row in rows}


async def hold_open(connection: Pooled, account_id: str, recurring_order_id: str) -> Attempt | None:
    """The open attempt of a recurring order that is held, held as well; None where there is none."""
    row = await connection.fetchrow(_SQL["hold_open"], account_id, recurring_order_id)
    return _attempt(row) if row else None


async def of_intents(connection: Pooled, account_id: str, intent_ids: Iterable[str]) -> list[Attempt]:
    """The attempts that these payment intents are of, as they are now."""
    rows = await connection.fetch(_SQL["of_intents"], account_id, sorted(set(intent_ids)))
    return [_attempt(row) for row in rows]


async def save(connection: Pooled, account_id: str, attempts: Iterable[Attempt]) -> None:
    """Write attempts that are held."""
    for attempt in sorted(attempts, key=lambda attempt: attempt.id):
        await connection.execute(_SQL["update"], account_id, attempt.id, to_json(attempt))


async def due(connection: Pooled, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(account, recurring order) of the open attempts that a worker has to look at, the longest first."""
    rows = await connection.fetch(_SQL["due"], now, limit)
    return [(row["account_id"], row["id"]) for row in rows]


async def list_(
    connection: Pooled, account_id: str, recurring_order_id: str, before: tuple[datetime, str] | None, limit: int
) -> list[Attempt]:
    """The attempts of a recurring order, the newest first; those before (made at, id)."""
    at, id_ = before or (None, None)
    rows = await connection.fetch(_SQL["list"], account_id, recurring_order_id, at, id_, limit)
    return [_attempt(row) for row in rows]


async def latest(connection: Pooled, account_id: str, recurring_order_ids: Iterable[str]) -> dict[str, Attempt]:
    """The last attempt of each of these recurring orders, by the id of the recurring order."""
    rows = await connection.fetch(_SQL["latest"], account_id, sorted(recurring_order_ids))
    return {row["recurring_order_id"]: _attempt(row) for row in rows}


async def of_orders(connection: Pooled, account_id: str, order_ids: Iterable[str]) -> list[Attempt]:
    """The attempts to charge these orders, the newest first."""
    rows = await connection.fetch(_SQL["of_orders"], account_id, sorted(order_ids))
    return [_attempt(row) for row in rows]


def _attempt(row: asyncpg.Record) -> Attempt:
    given = {name: value for name, value in row.items() if name != "account_id"}
    return Attempt(**{**given, "kind": AttemptKind(given["kind"]), "state": AttemptState(given["state"])})
