"""The outbox of the feed: events written by the transaction that made them true, each with its deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("outbox")


class Wanted(msgspec.Struct, frozen=True):
    """What the account's subscribers have chosen, `types` None where any of them wants all; `at`: the time of the
    transaction."""

    types: frozenset[str] | None
    at: datetime


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it will be sent."""

    id: str
    type: str
    subject_id: str
    sequence: int
    body: str


async def wanted(connection: Pooled, account_id: str) -> Wanted | None:
    """What is to be told of this account; None where nobody wants to be told."""
    rows = await connection.fetch(_SQL["wanted"], account_id)
    if not rows:
        return None
    chosen = [row["types"] for row in rows]
    types = None if None in chosen else frozenset(type_ for types in chosen for type_ in types)
    return Wanted(types, rows[0]["at"])


async def count_up(connection: Pooled, account_id: str, more: Mapping[str, int]) -> dict[str, int]:
    """The sequence of the last event of each subject, after counting `more` of them."""
    subjects = sorted(more)
    rows = await connection.fetch(_SQL["count_up"], account_id, subjects, [more[subject] for subject in subjects])
    return {row["subject_id"]: row["value"] for row in rows}


async def tell(connection: Pooled, account_id: str, entries: Sequence[Entry], subscriber_id: str | None = None) -> None:
    """Write events and their deliveries: for the subscribers that have chosen their types, or for this one alone."""
    await connection.execute(
        _SQL["tell"],
        account_id,
        [entry.id for entry in entries],
        [entry.type for entry in entries],
        [entry.subject_id for entry in entries],
        [entry.sequence for entry in entries],
        [entry.body for entry in entries],
        subscriber_id,
    )


async def set_bodies(connection: Pooled, account_id: str, bodies: Mapping[str, str]) -> None:
    """Complete events of this transaction, by their ids."""
    ids = sorted(bodies)
    await connection.execute(_SQL["set_bodies"], account_id, ids, [bodies[id_] for id_ in ids])
