"""Lanes of an account: which are paused, what each still has to do, and what came in lately. Counts are bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from schemas.account import Reach
from schemas.provider import Lane
from worker.ids import first_at
from worker.store.db import Pooled
from worker.store.overview import OPEN_LIMIT, Count
from worker.store.own_events import own_events
from worker.store.statements import statements

_SQL = statements("lanes")
CHARGES_LIMIT = 10_000
STEP_LIMIT = 10_000
"""Events of one step that are counted."""
STEPS, STEP = 60, timedelta(minutes=1)
"""What lately means: the last hour, by minutes."""
PAUSES_LIMIT, HELD_LIMIT = 20, 10_000


class Pause(msgspec.Struct, frozen=True):
    at: datetime
    by: str


class Paused(msgspec.Struct, frozen=True):
    """A paused lane of some account, and how many events it holds."""

    account: str
    lane: str
    at: datetime
    by: str
    held: int


class Work(msgspec.Struct, frozen=True):
    """What a lane has to do: `queued` now (or once it is resumed), `deferred` at a later time."""

    queued: Count
    deferred: Count
    pause: Pause | None


class Recent(msgspec.Struct, frozen=True):
    """What came in the last hour: by step, the oldest first; and how much of it is dead or retrying."""

    steps: tuple[int, ...]
    failed: int

    @property
    def events(self) -> int:
        return sum(self.steps)


async def pause(connection: Pooled, account_id: str, lane: str, at: datetime, by: str) -> None:
    """A lane that is paused already stays as it is."""
    await connection.execute(_SQL["pause"], account_id, lane, at, by)


async def resume(connection: Pooled, account_id: str, lane: str) -> bool:
    """Whether it was paused."""
    return bool(await connection.fetchval(_SQL["resume"], account_id, lane))


async def pauses(connection: Pooled, account_id: str) -> dict[str, Pause]:
    """The paused lanes of an account; who stopped charging before that was noted is not known."""
    rows = await connection.fetch(_SQL["pauses"], account_id)
    return {row["lane"]: Pause(row["at"], row["by"] or "somebody") for row in rows}


async def pauses_everywhere(connection: Pooled) -> list[Paused]:
    """The lanes of all accounts that hold events, the longest first."""
    rows = await connection.fetch(_SQL["pauses_everywhere"], PAUSES_LIMIT, HELD_LIMIT)
    return [Paused(**row) for row in rows]


async def paused_accounts(connection: Pooled) -> dict[str, int]:
    """In how many accounts each lane is paused."""
    found = {row["lane"]: int(row["accounts"]) for row in await connection.fetch(_SQL["paused_accounts"])}
    return {lane: found.get(lane, 0) for lane in Lane}


async def work(connection: Pooled, reach: Reach, now: datetime) -> dict[str, Work]:
    """Every lane with what it has to do."""
    account_id = reach.account_id
    own = await own_events(connection, reach, limit=0)
    paused = await pauses(connection, account_id)
    rows = await connection.fetch(_SQL["queued"], account_id, OPEN_LIMIT, own)
    queued = {row["lane"]: Count(row["events"], row["events"] >= OPEN_LIMIT, row["oldest"]) for row in rows}
    held = await connection.fetch(_SQL["held"], account_id, sorted(paused), OPEN_LIMIT, own)
    for row in held:
        queued[row["lane"]] = _sum(queued.get(row["lane"], Count()), row["events"], row["oldest"])
    rows = await connection.fetch(_SQL["deferred"], account_id, OPEN_LIMIT, own)
    deferred = {row["lane"]: Count(row["events"], row["events"] >= OPEN_LIMIT) for row in rows}
    charges = await connection.fetchrow(_SQL["charges"], account_id, now, CHARGES_LIMIT, reach.owner_id)
    if charges is None:
        raise AssertionError("a count answers with its row")
    queued[Lane.CHARGES] = Count(charges["queued"], charges["queued"] >= CHARGES_LIMIT, charges["oldest"])
    deferred[Lane.CHARGES] = Count(charges["deferred"], charges["deferred"] >= CHARGES_LIMIT)
    return {
        lane: Work(queued.get(lane, Count()), deferred.get(lane, Count()), paused.get(lane)) for lane in map(str, Lane)
    }


def _sum(queued: Count, held: int, oldest: datetime | None) -> Count:
    ages = [at for at in (queued.oldest, oldest) if at is not None]
    return Count(queued.events + held, queued.capped or held >= OPEN_LIMIT, min(ages, default=None))


async def recent(connection: Pooled, reach: Reach, now: datetime) -> Mapping[str, Recent]:
    """What came in the last hour by lane; a lane in which nothing came is left out."""
    starts = [now - STEP * (STEPS - step) for step in range(STEPS + 1)]
    ids = [first_at(at) for at in starts]
    own = await own_events(connection, reach, ids[0])
    rows = await connection.fetch(
        _SQL["recent"], reach.account_id, list(range(STEPS)), ids[:-1], ids[1:], STEP_LIMIT, own
    )
    steps: dict[str, list[int]] = {}
    failed: dict[str, int] = {}
    for row in rows:
        steps.setdefault(row["lane"], [0] * STEPS)[row["step"]] = row["events"]
        failed[row["lane"]] = failed.get(row["lane"], 0) + row["failed"]
    return {lane: Recent(tuple(found), failed[lane]) for lane, found in steps.items()}
