"""The inbox: events word for word, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import asyncpg
import msgspec

from handlers.retry import delay_s
from worker.errors import Transient
from worker.store.db import Pool, Pooled, acquire, transaction
from worker.store.statements import statements

_SQL = statements("inbox")
RESCUE_AFTER = timedelta(seconds=5)
"""How long a signal may take before the sweep sends it again. In health nothing is ever that old."""

REGISTRY_OFF = "registry_off"
"""Why an event waits while its account's order registry is off."""
LANE_PAUSED = "lane_paused"
"""Why an event that nobody has tried yet is held: somebody has paused its lane."""
WORKER_DIED = "the worker died while applying it"


class NewEvent(msgspec.Struct, frozen=True):
    """A verified delivery, ready to be stored. `headers` is JSON text; `dedupe` 16 bytes."""

    account_id: str
    id: str
    connection_id: str
    dedupe: bytes
    delivery_id: str
    topic: str
    lane: str
    livemode: bool
    occurred_at: datetime | None
    received_at: datetime
    headers: str
    body: bytes
    sound: bool


class Stored(msgspec.Struct, frozen=True):
    """What the inbox made of a delivery: the event's id, whether it was there before, if it still wants applying, and
    whether its own id was used before with another body."""

    id: str
    lane: str
    account_id: str
    duplicate: bool = False
    open: bool = True
    conflict: bool = False


class Due(msgspec.Struct, frozen=True):
    """An event that wants a signal; one that was `tried` before is applied alone: it may be what fails the others.
    `suspect`: its worker died while applying it."""

    account_id: str
    event_id: str
    lane: str
    tried: bool
    suspect: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What became of one event."""

    event_id: str
    state: str
    reason: str | None = None
    dossier_id: str | None = None


def dedupe_of(parts: Sequence[bytes]) -> bytes:
    """16 bytes that two deliveries share exactly when they are the same."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.digest()


async def store(pool: Pool, events: Sequence[NewEvent]) -> list[Stored]:
    """Store a batch in one commit; what each delivery became, in the order given. Deliveries that repeat another of
    the batch, or one stored before, are duplicates."""
    first: dict[tuple[str, bytes], NewEvent] = {}
    for event in events:
        first.setdefault((event.connection_id, event.dedupe), event)
    rows = sorted(first.values(), key=lambda event: (event.account_id, event.connection_id, event.dedupe))
    async with acquire(pool) as connection:
        new = await _insert(connection, rows)
        missing = [event for event in rows if event.id not in new]
        known: dict[tuple[str, bytes], Stored] = {}
        if missing:
            accounts = {event.connection_id: event.account_id for event in missing}
            found = await connection.fetch(
                _SQL["known_events"],
                [event.account_id for event in missing],
                [event.connection_id for event in missing],
                [event.dedupe for event in missing],
                [event.delivery_id for event in missing],
            )
            for row in found:
                account = accounts[row["connection_id"]]
                open_ = row["state"] in ("received", "retrying", "waiting")
                known[(row["connection_id"], row["dedupe"])] = Stored(
                    row["id"], row["lane"], account, duplicate=True, open=open_
                )
    answers = []
    for event in events:
        key = (event.connection_id, event.dedupe)
        if key in known:
            answers.append(known[key])
        else:
            answers.append(
                Stored(
                    first[key].id,
                    event.lane,
                    event.account_id,
                    duplicate=first[key] is not event,
                    conflict=new.get(event.id, False),
                )
            )
    return answers


async def _insert(connection: Pooled, rows: Sequence[NewEvent]) -> dict[str, bool]:
    """The ids of what was new, each with whether it conflicts."""
    seen: set[tuple[str, str]] = set()
    conflicts = []
    for event in rows:
        name = (event.connection_id, event.delivery_id)
        conflicts.append(event.sound and name in seen)
        seen.add(name)
    inserted = await connection.fetch(
        _SQL["insert_events"],
        [event.account_id for event in rows],
        [event.id for event in rows],
        [event.connection_id for event in rows],
        [event.dedupe for event in rows],
        [event.delivery_id for event in rows],
        [event.topic for event in rows],
        [event.lane for event in rows],
        [event.livemode for event in rows],
        conflicts,
        [event.occurred_at for event in rows],
        [event.received_at for event in rows],
        [event.headers for event in rows],
        [event.body for event in rows],
        [event.sound for event in rows],
        RESCUE_AFTER,
    )
    return {row["id"]: row["id_conflict"] for row in inserted}


async def listed(
    connection: Pooled, account_id: str, connection_id: str, delivery_ids: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """By delivery id, (event, state) of those that are here. Of several events of one id, one that is settled."""
    rows = await connection.fetch(_SQL["listed_events"], account_id, connection_id, delivery_ids)
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        if row["delivery_id"] not in found or row["state"] in ("applied", "ignored"):
            found[row["delivery_id"]] = (row["id"], row["state"])
    return found


async def store_fetched(
    connection: Pooled, account_id: str, connection_id: str, events: Sequence[NewEvent]
) -> set[str]:
    """Store events of a connection that its platform lists and that were never delivered; the ids of what was new."""
    rows = sorted(events, key=lambda event: event.dedupe)
    inserted = await connection.fetch(
        _SQL["insert_fetched"],
        account_id,
        connection_id,
        [event.id for event in rows],
        [event.dedupe for event in rows],
        [event.delivery_id for event in rows],
        [event.topic for event in rows],
        [event.livemode for event in rows],
        [event.occurred_at for event in rows],
        [event.received_at for event in rows],
        [event.headers for event in rows],
        [event.body for event in rows],
        RESCUE_AFTER,
    )
    return {row["id"] for row in inserted}


async def unread(connection: Pooled, account_id: str, limit: int) -> int:
    """How many events the account has received and not applied, counted up to the limit."""
    found: int = await connection.fetchval(_SQL["unread"], account_id, limit)
    return found


async def rearm_keyless(connection: Pooled, account_id: str, connection_id: str, reason: str, limit: int) -> list[str]:
    """Events of a connection that waited with this reason are received again: their ids."""
    rows = await connection.fetch(_SQL["rearm_keyless"], account_id, connection_id, reason, limit, RESCUE_AFTER)
    return sorted(row["event_id"] for row in rows)


async def open_batch(pool: Pool, account_id: str, batch_id: str, worker: str, event_ids: Sequence[str]) -> None:
    async with acquire(pool) as connection:
        await connection.execute(_SQL["open_batch"], account_id, batch_id, worker, list(event_ids))


async def close_batch(connection: Pooled, account_id: str, batch_id: str) -> None:
    await connection.execute(_SQL["close_batch"], account_id, batch_id)


async def load(connection: Pooled, account_id: str, event_ids: Sequence[str]) -> list[asyncpg.Record]:
    """The given events that still want applying and that nobody else holds, locked for this transaction."""
    return list(await connection.fetch(_SQL["load_events"], account_id, list(event_ids)))


async def move(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> None:
    """Events of merged dossiers (source -> target) belong to the one that remains."""
    sources = sorted(merged)
    await connection.execute(_SQL["move_events"], account_id, sources, [merged[source] for source in sources])


async def wake(connection: Pooled, account_id: str, dossiers: Sequence[str]) -> list[asyncpg.Record]:
    """What waited for these dossiers to be claimed is applied; what is told of those events. One that another worker
    holds is not waited for, since that one may wait for us: the work is done again a moment later."""
    waiting = await connection.fetch(_SQL["wake_waiting"], account_id, sorted(dossiers))
    if not all(row["woken"] for row in waiting):
        raise Transient("another worker looks at an event that waits for this order")
    return await described(connection, account_id, [row["event_id"] for row in waiting]) if waiting else []


async def described(connection: Pooled, account_id: str, event_ids: Sequence[str]) -> list[asyncpg.Record]:
    """What is told of events beside what became of them: whose they are, what about, since when."""
    return list(await connection.fetch(_SQL["described_events"], account_id, sorted(event_ids)))


async def settle(connection: Pooled, account_id: str, outcomes: Sequence[Outcome]) -> None:
    rows = sorted(outcomes, key=lambda outcome: outcome.event_id)
    await connection.execute(
        _SQL["settle_events"],
        account_id,
        [row.event_id for row in rows],
        [row.state for row in rows],
        [row.reason for row in rows],
        [row.dossier_id for row in rows],
    )


async def retry(pool: Pool, account_id: str, event_id: str, reason: str, limit: int) -> tuple[str, int] | None:
    """Count a failed try: the event is tried again later, or dead after `limit` tries. Its new state and tries, or
    None if it was settled meanwhile."""
    async with transaction(pool) as connection:
        return await count_try(connection, account_id, event_id, reason, limit)


async def count_try(
    connection: Pooled, account_id: str, event_id: str, reason: str, limit: int
) -> tuple[str, int] | None:
    """As `retry`, within a transaction."""
    tried: int | None = await connection.fetchval(_SQL["hold_event"], account_id, event_id)
    if tried is None:
        return None
    pause = None if tried + 1 >= limit else timedelta(seconds=delay_s(tried + 1, event_id))
    await connection.execute(_SQL["retry_event"], account_id, event_id, reason, pause)
    return ("dead" if pause is None else "retrying", tried + 1)


async def forget_batches(connection: Pooled, older_than: timedelta) -> None:
    """Drop the rows of batches that ended long ago without saying so."""
    await connection.execute(_SQL["forget_batches"], older_than)


async def orphaned(connection: Pooled, older_than: timedelta) -> list[asyncpg.Record]:
    """Batches that their worker left behind: (account_id, id, event_ids, worker), locked for this transaction."""
    return list(await connection.fetch(_SQL["orphaned_batches"], older_than))


async def due(connection: Pooled, limit: int) -> list[Due]:
    rows = await connection.fetch(_SQL["due_events"], limit)
    return [
        Due(row["account_id"], row["event_id"], row["lane"], row["attempts"] > 0, row["reason"] == WORKER_DIED)
        for row in rows
    ]


async def postpone(connection: Pooled, events: Sequence[Due], delay: timedelta) -> None:
    await connection.execute(
        _SQL["postpone_due"], [event.account_id for event in events], [event.event_id for event in events], delay
    )


async def kept_accounts(connection: Pooled) -> list[str]:
    """Accounts whose registry is on and that have events left from when it was off."""
    return [row["id"] for row in await connection.fetch(_SQL["kept_accounts"])]


async def release(connection: Pooled, account_id: str, limit: int, rescue_after: timedelta) -> list[str]:
    """Let the oldest of an account's kept events go, in the lane of bulk work: their ids, oldest first. No more than
    leave the account with `limit` events that are received and not applied."""
    rows = await connection.fetch(_SQL["release_kept"], account_id, limit, rescue_after)
    return sorted(row["event_id"] for row in rows)


async def hold(connection: Pooled, account_id: str, event_ids: Sequence[str]) -> None:
    """Events of a paused lane, which this transaction has loaded, stay as they are until the lane is resumed."""
    await connection.execute(_SQL["hold_events"], account_id, sorted(event_ids))


async def held_lanes(connection: Pooled) -> list[tuple[str, str]]:
    """(account, lane) that are not paused and have events left from when they were."""
    return [(row["account_id"], row["lane"]) for row in await connection.fetch(_SQL["held_lanes"])]


async def release_held(
    connection: Pooled, account_id: str, lane: str, limit: int, rescue_after: timedelta
) -> list[tuple[str, bool]]:
    """Let the oldest held events of a lane go: (id, whether it was tried before), oldest first. No more than leave the
    lane with `limit` events that were let go and not applied."""
    rows = await connection.fetch(_SQL["release_held"], account_id, lane, limit, rescue_after)
    return sorted((row["event_id"], row["tried"]) for row in rows)
