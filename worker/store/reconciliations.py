"""Comparisons of a platform's list with the inbox (Q9): where each is, what it counted, when the next is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from worker.store.db import Pooled
from worker.store.records import Row
from worker.store.statements import statements

_SQL = statements("reconciliations")
OURS = "daybook"
"""Who asked for a comparison that nobody asked for."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison whose next page is due. `place`: the id of the last event that was looked at."""

    account_id: str
    id: str
    connection_id: str
    connection: str
    provider: str
    settings: Mapping[str, Any]
    since: datetime
    until: datetime
    place: str | None
    attempts: int


class Counted(msgspec.Struct):
    """Events of one day: listed by the platform, of these there before, of these applied or ignored."""

    platform: int = 0
    received: int = 0
    applied: int = 0


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An event that the platform lists and that was `missing`, or is `not_applied`."""

    event_id: str
    delivery_id: str
    topic: str
    occurred_at: datetime
    kind: str


async def add(
    connection: Pooled, account_id: str, id_: str, connection_id: str, asked_by: str, since: datetime, until: datetime,
    now: datetime,
) -> None:  # fmt: skip
    await connection.execute(_SQL["add"], account_id, id_, connection_id, asked_by, since, until, now)


async def take_up(connection: Pooled, now: datetime, until: datetime) -> Running | None:
    """The comparison that is due first; until the given time it is the caller's."""
    row = await connection.fetchrow(_SQL["take_up"], now, until)
    return Running(**row) if row else None


async def is_at(connection: Pooled, run: Running) -> bool:
    """Whether a comparison still stands where it was taken up. It is held until the end of the transaction."""
    row = await connection.fetchrow(_SQL["hold"], run.account_id, run.id)
    return row is not None and row["state"] == "running" and row["place"] == run.place


async def count(
    connection: Pooled, run: Running, days: Mapping[date, Counted], differences: Sequence[Difference]
) -> None:
    """Add what a page held."""
    if days:
        of = sorted(days)
        await connection.execute(
            _SQL["count_days"],
            run.account_id,
            run.id,
            of,
            [days[day].platform for day in of],
            [days[day].received for day in of],
            [days[day].applied for day in of],
        )
    if differences:
        await connection.execute(
            _SQL["add_differences"],
            run.account_id,
            run.id,
            [found.event_id for found in differences],
            [found.delivery_id for found in differences],
            [found.topic for found in differences],
            [found.occurred_at for found in differences],
            [found.kind for found in differences],
        )


async def move_on(connection: Pooled, run: Running, place: str | None, reached: datetime | None) -> None:
    await connection.execute(_SQL["move_on"], run.account_id, run.id, place, reached)


async def postpone(connection: Pooled, run: Running, until: datetime, problem: str | None = None) -> None:
    """Go on at a later time; with a problem it counts as a try in vain."""
    await connection.execute(_SQL["postpone"], run.account_id, run.id, until, problem)


async def finish(connection: Pooled, run: Running, state: str, problem: str | None, now: datetime) -> None:
    """`done`, which moves the connection's schedule on, or `failed`."""
    row = await connection.fetchrow(_SQL["finish"], run.account_id, run.id, state, problem, now)
    if row is not None and state == "done":
        await connection.execute(_SQL["cover"], run.account_id, row["connection_id"], row["since"], row["until"])


async def schedule(
    connection: Pooled, account_id: str, connection_id: str, covered_until: datetime, next_at: datetime
) -> None:
    """Begin to compare a connection by itself, if that has not begun."""
    await connection.execute(_SQL["schedule"], account_id, connection_id, covered_until, next_at)


async def take_due(
    connection: Pooled, account_id: str, connection_id: str, now: datetime, next_at: datetime
) -> datetime | None:
    """Until when the connection has been compared, if its next comparison is due; it is then due again at `next_at`."""
    found: datetime | None = await connection.fetchval(_SQL["take_due"], account_id, connection_id, now, next_at)
    return found


async def hurry(connection: Pooled, at: datetime) -> None:
    """Compare every connection at this time at the latest."""
    await connection.execute(_SQL["hurry"], at)


async def underway(connection: Pooled, account_id: str, connection_id: str) -> bool:
    """Whether a comparison that nobody asked for is being made."""
    return bool(await connection.fetchval(_SQL["underway"], account_id, connection_id))


async def list_(
    connection: Pooled, account_id: str, connection_id: str, before: tuple[datetime, str] | None, limit: int
) -> list[tuple[datetime, str]]:
    """(time, id) of the comparisons of a connection, newest first."""
    at, id_ = before or (None, None)
    rows = await connection.fetch(_SQL["list"], account_id, connection_id, at, id_, limit)
    return [(row["at"], row["id"]) for row in rows]


async def read(connection: Pooled, account_id: str, connection_id: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The comparisons of these ids that there are, in the order of the ids, each with its `days`."""
    rows = {row["id"]: dict(row) for row in await connection.fetch(_SQL["read"], account_id, connection_id, ids)}
    for row in rows.values():
        row["days"] = []
    for day in await connection.fetch(_SQL["days"], account_id, sorted(rows)):
        counted = dict(day)
        rows[counted.pop("reconciliation_id")]["days"].append(counted)
    return [rows[id_] for id_ in ids if id_ in rows]


async def differences(
    connection: Pooled, account_id: str, id_: str, before: tuple[datetime, str] | None, limit: int
) -> list[Row]:
    """The events that a comparison found missing or not applied, the newest first."""
    at, event_id = before or (None, None)
    return await connection.fetch(_SQL["differences"], account_id, id_, at, event_id, limit)
