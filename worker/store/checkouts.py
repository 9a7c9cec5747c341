"""Checkouts: what is to be opened at Stripe, and what became of it (P1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.account import Reach
from schemas.stated import Hand, Line
from worker.store.db import Pooled
from worker.store.records import Row
from worker.store.statements import statements

_SQL = statements("checkouts")
_LINES = msgspec.json.Decoder(tuple[Line, ...])
_STATED = msgspec.json.Decoder(Hand)
_PARAMS = msgspec.json.Decoder(dict[str, Any])
KEY_LIVES = timedelta(hours=24)
"""How long an Idempotency-Key names the checkout that was asked for under it."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout to be opened. `params`: what Stripe is asked with, each time in the same words; `stated`: what was
    asked of its order, None where it pays for an order that there is (`order_id`, else the id of the order that it
    makes)."""

    id: str
    connection_id: str
    request_key: str | None
    contact_id: str
    order_id: str
    currency: str
    amount: int
    params: dict[str, Any]
    lines: tuple[Line, ...]
    stated: Hand | None
    actor: str
    expires_at: datetime
    created_at: datetime


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout as it stands. `connection` is the name of its connection."""

    id: str
    state: str
    connection: str
    contact_id: str
    order_id: str
    params: dict[str, Any]
    lines: tuple[Line, ...]
    stated: Hand | None
    actor: str
    session_id: str | None
    problem: str | None
    attempts: int
    expires_at: datetime
    created_at: datetime


async def add(connection: Pooled, account_id: str, wanted: Wanted, taken_until: datetime) -> None:
    """Write a checkout down; until the given time its opening is the caller's."""
    await connection.execute(
        _SQL["add"],
        account_id,
        wanted.id,
        wanted.connection_id,
        wanted.request_key,
        wanted.contact_id,
        wanted.order_id,
        wanted.currency,
        wanted.amount,
        msgspec.json.encode(wanted.params),
        msgspec.json.encode(wanted.lines),
        None if wanted.stated is None else msgspec.json.encode(wanted.stated),
        wanted.actor,
        taken_until,
        wanted.expires_at,
        wanted.created_at,
    )


async def of_request(connection: Pooled, account_id: str, key: str, now: datetime) -> str | None:
    """The checkout that was asked for under this key within a day; an older one gives the key up."""
    row = await connection.fetchrow(_SQL["of_request"], account_id, key)
    if row is None:
        return None
    if row["created_at"] > now - KEY_LIVES:
        found: str = row["id"]
        return found
    await connection.execute(_SQL["free_request"], account_id, key)
    return None


async def get(connection: Pooled, account_id: str, checkout_id: str) -> Held | None:
    return _held(await connection.fetchrow(_SQL["get"], account_id, checkout_id))


async def hold(connection: Pooled, account_id: str, checkout_id: str) -> Held | None:
    """As `get`, and nobody else changes it until the end of this transaction."""
    return _held(await connection.fetchrow(_SQL["hold"], account_id, checkout_id))


async def take_up(connection: Pooled, now: datetime, until: datetime, limit: int) -> list[tuple[str, str]]:
    """(account, checkout) of those whose opening is due; until the given time they are the caller's."""
    rows = await connection.fetch(_SQL["take_up"], now, until, limit)
    return sorted((row["account_id"], row["id"]) for row in rows)


async def opened(
    connection: Pooled, account_id: str, checkout_id: str, *, order_id: str, session_id: str, url: str | None,
    expires_at: datetime | None, now: datetime,
) -> None:  # fmt: skip
    """Note the session and the order of a checkout that this transaction holds."""
    await connection.execute(
        _SQL["opened"], account_id, checkout_id, order_id, session_id, url, expires_at, now
    )  # fmt: skip


async def end(connection: Pooled, account_id: str, checkout_id: str, state: str, problem: str | None) -> None:
    """There is neither session nor order: `refused` by Stripe, or `given_up`."""
    await connection.execute(_SQL["ended"], account_id, checkout_id, state, problem)


async def postpone(connection: Pooled, account_id: str, checkout_id: str, until: datetime) -> None:
    await connection.execute(_SQL["postponed"], account_id, checkout_id, until)


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
    """The checkouts of these ids that there are, in the order of the ids, as far as the reader sees."""
    if not ids:
        return []
    found = await connection.fetch(_SQL["read"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


def _held(row: Row | None) -> Held | None:
    if row is None:
        return None
    stated = row["stated"]
    return Held(
        **{
            **row,
            "params": _PARAMS.decode(row["params"]),
            "lines": _LINES.decode(row["lines"]),
            "stated": None if stated is None else _STATED.decode(stated),
        }
    )
