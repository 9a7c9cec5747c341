"""What the overview shows of one account. Reads only, and each bounded: a count that reaches its limit is `capped`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from schemas.account import Reach
from worker.ids import first_at
from worker.store import workers
from worker.store.db import Pool, Pooled, acquire
from worker.store.own_events import own_events
from worker.store.statements import statements
from worker.store.workers import WorkerRow

_SQL = statements("overview")

OPEN_LIMIT = 100_000
"""Events counted in one unsettled state."""
RANGE_LIMIT = 500_000
"""Events of the range that are counted by state."""
STEP_LIMIT = 200_000
"""Deliveries counted in one step of the chart."""
SAMPLE = 500
"""Events of one step whose time to be applied is measured."""
CONNECTION_LIMIT = 100
DELIVERIES_LIMIT = 100_000
"""Deliveries of one connection that are looked at."""
TROUBLE_LIMIT = 20_000
WAITING_LIMIT = 10_000
LIST_LIMIT = 8
WORKER_MEMORY = timedelta(hours=1)
"""How long a worker that fell silent is still shown."""


class Span(msgspec.Struct, frozen=True):
    """The time that is looked at: `steps` steps of equal length; the last one holds `now`."""

    now: datetime
    step: timedelta
    steps: int

    @property
    def last(self) -> datetime:
        """The start of the step that is not over yet."""
        step_s = int(self.step.total_seconds())
        return datetime.fromtimestamp(int(self.now.timestamp()) // step_s * step_s, UTC)

    @property
    def start(self) -> datetime:
        return self.last - self.step * (self.steps - 1)

    @property
    def first_id(self) -> str:
        """The lowest id of an event received since the start."""
        return first_at(self.start)


class Count(msgspec.Struct, frozen=True):
    events: int = 0
    capped: bool = False
    oldest: datetime | None = None


class Speed(msgspec.Struct, frozen=True):
    """Milliseconds from received to applied, and how many of those tried succeeded at the first try."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    first: int = 0
    tried: int = 0


class Step(msgspec.Struct, frozen=True):
    at: datetime
    arrived: int
    troubled: int
    speed: Speed


class LaneRow(msgspec.Struct, frozen=True):
    received: int
    speed: Speed


class ConnectionRow(msgspec.Struct, frozen=True):
    id: str
    name: str
    provider: str
    last_at: datetime | None
    last_livemode: bool | None
    events: int
    first_at: datetime | None
    conflicts: int
    live: bool
    test: bool
    refused: int = 0
    cause: str | None = None
    skew_s: int | None = None
    hint: str | None = None

    @property
    def capped(self) -> bool:
        return self.events >= DELIVERIES_LIMIT


class FailureRow(msgspec.Struct, frozen=True):
    id: str
    connection: str
    topic: str
    state: str
    reason: str | None
    attempts: int
    next_attempt_at: datetime | None
    received_at: datetime
    livemode: bool


class WaitingRow(msgspec.Struct, frozen=True):
    """`objects`: how many different reasons were put together here."""

    reason: str
    events: int
    objects: int
    oldest: datetime


class Overview(msgspec.Struct, frozen=True):
    """One look at an account. `open` by state is now; `settled` by state, `lanes` and `steps` are of the span."""

    span: Span
    any_event: bool
    last_minute: Count
    open: Mapping[str, Count]
    settled: Mapping[str, Count]
    speed: Speed
    steps: tuple[Step, ...]
    lanes: Mapping[str, LaneRow]
    connections: tuple[ConnectionRow, ...]
    workers: tuple[WorkerRow, ...]
    failures: tuple[FailureRow, ...]
    waiting: tuple[WaitingRow, ...]


async def read(pool: Pool, reach: Reach, span: Span, lanes: tuple[str, ...]) -> Overview:
    """One consistent look at everything within reach, in one read-only transaction. Workers, and what was refused at
    the door, are part of no order: they are shown to everyone."""
    account_id = reach.account_id
    async with acquire(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL jit = off")  # costs more than it saves in reads of this size
        own = await own_events(connection, reach, span.first_id)
        minute_ago = span.now - timedelta(minutes=1)
        last_minute = await connection.fetchval(_SQL["arrived_since"], account_id, minute_ago, STEP_LIMIT, own)
        open_states = await connection.fetch(_SQL["open_states"], account_id, OPEN_LIMIT, own)
        by_lane, settled = await _settled(connection, account_id, span, own)
        speeds = await _speeds(connection, account_id, span, own)
        since = span.now - WORKER_MEMORY
        return Overview(
            span=span,
            any_event=await connection.fetchval(_SQL["any_event"], account_id, reach.owner_id),
            last_minute=Count(last_minute, last_minute >= STEP_LIMIT),
            open={
                row["state"]: Count(row["events"], row["events"] >= OPEN_LIMIT, row["oldest"]) for row in open_states
            },
            settled=settled,
            speed=speeds.get(None, Speed()),
            steps=await _steps(connection, account_id, span, own, speeds),
            lanes={lane: LaneRow(received=by_lane.get(lane, 0), speed=speeds.get(lane, Speed())) for lane in lanes},
            connections=tuple(
                ConnectionRow(**row)
                for row in await connection.fetch(
                    _SQL["connections"], account_id, span.start, CONNECTION_LIMIT, DELIVERIES_LIMIT, own
                )
            ),
            workers=tuple(await workers.heard_since(connection, since)),
            failures=tuple(
                FailureRow(**row) for row in await connection.fetch(_SQL["failures"], account_id, LIST_LIMIT, own)
            ),
            waiting=tuple(
                WaitingRow(**row)
                for row in await connection.fetch(_SQL["waiting"], account_id, WAITING_LIMIT, LIST_LIMIT, own)
            ),
        )


async def _settled(
    connection: Pooled, account_id: str, span: Span, own: list[str] | None
) -> tuple[dict[str, int], dict[str, Count]]:
    """Events of the span by lane, and by state."""
    rows = await connection.fetch(_SQL["settled"], account_id, span.first_id, RANGE_LIMIT, own)
    capped = sum(row["events"] for row in rows) >= RANGE_LIMIT
    lanes: dict[str, int] = {}
    states: dict[str, int] = {}
    for row in rows:
        lanes[row["lane"]] = lanes.get(row["lane"], 0) + row["events"]
        states[row["state"]] = states.get(row["state"], 0) + row["events"]
    return lanes, {state: Count(events, capped) for state, events in states.items()}


async def _speeds(
    connection: Pooled, account_id: str, span: Span, own: list[str] | None
) -> dict[datetime | str | None, Speed]:
    """Speed of each step (by its start), of each lane (by its name) and of all (under None)."""
    rows = await connection.fetch(_SQL["speed"], account_id, span.start, span.last, span.step, SAMPLE, own)
    found: dict[datetime | str | None, Speed] = {}
    for row in rows:
        p50, p95, p99 = row["percentiles"] or (None, None, None)
        key = {0b01: row["at"], 0b10: row["lane"]}.get(row["level"])
        found[key] = Speed(p50, p95, p99, row["first"], row["tried"])
    return found


async def _steps(
    connection: Pooled,
    account_id: str,
    span: Span,
    own: list[str] | None,
    speeds: Mapping[datetime | str | None, Speed],
) -> tuple[Step, ...]:
    arrivals = await connection.fetch(_SQL["arrivals"], account_id, span.start, span.last, span.step, STEP_LIMIT, own)
    rows = await connection.fetch(
        _SQL["troubles"], account_id, span.first_id, span.start, span.step, TROUBLE_LIMIT, own
    )
    troubled = {row["at"]: row["events"] for row in rows}
    return tuple(
        Step(row["at"], row["events"], troubled.get(row["at"], 0), speeds.get(row["at"], Speed())) for row in arrivals
    )
