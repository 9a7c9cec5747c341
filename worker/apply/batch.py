"""One batch: claim, then in one transaction load, fold, save and settle.

A constant number of statements, however many events. What fails is retried whole (transient), then split until the one
event that cannot be applied stands alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog
from asyncpg import Record
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from handlers.fold import Folded, fold, waiting_for
from handlers.merge import merge_dossiers
from schemas.fact import Dossier, Reading
from worker import tracing
from worker.apply import contacts, subscriptions, told
from worker.apply.hydrate import hydrate
from worker.apply.read import Fetched, Wanted, read_all
from worker.apply.resolve import Group, resolve
from worker.charging import settle
from worker.context import Context
from worker.errors import Transient, classify
from worker.ids import new_id
from worker.store import dossiers, inbox, orders
from worker.store.db import Pooled, acquire, transaction
from worker.store.inbox import Outcome
from worker.store.orders import Change

log = structlog.get_logger("apply")

TRIES = 4


class _Done(msgspec.Struct, frozen=True):
    """What one transaction did: what became of events, what it woke, what must be fetched first, and what was read."""

    outcomes: list[Outcome]
    woken: Sequence[Record]
    wanted: list[Wanted]
    rows: Mapping[str, Record]


class Applier:
    """Applies events for one worker process, by name."""

    def __init__(self, ctx: Context, worker: str) -> None:
        self._ctx, self._worker = ctx, worker

    async def apply(self, account_id: str, event_ids: Sequence[str]) -> None:
        """Apply the events that still want it. Never raises for what an event holds."""
        batch = new_id()
        await inbox.open_batch(self._ctx.pool, account_id, batch, self._worker, event_ids)
        try:
            await self._apply(account_id, list(event_ids), batch)
        except BaseException:
            async with transaction(self._ctx.pool) as connection:
                await inbox.close_batch(connection, account_id, batch)
            raise

    async def _apply(self, account_id: str, event_ids: list[str], batch: str | None) -> None:
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(Transient), stop=stop_after_attempt(TRIES),
                wait=wait_random_exponential(multiplier=0.02, max=1), reraise=True,
            ):  # fmt: skip
                with attempt:
                    await self._once(account_id, event_ids, batch)
            return
        except Exception as error:  # noqa: BLE001  (sorted out below: one event at a time)
            failure = error
        if len(event_ids) > 1:
            middle = len(event_ids) // 2
            await self._apply(account_id, event_ids[:middle], None)
            await self._apply(account_id, event_ids[middle:], None)
        else:
            await self._set_aside(account_id, event_ids[0], failure)
        if batch:
            async with transaction(self._ctx.pool) as connection:
                await inbox.close_batch(connection, account_id, batch)

    async def _set_aside(self, account_id: str, event_id: str, error: Exception) -> None:
        """Count the failed try of the one event that cannot be applied now."""
        reason = f"{type(error).__name__}: {error}"[:500]
        transient = isinstance(error, Transient)
        limit = self._ctx.settings.max_attempts if transient else 1
        state = await inbox.retry(self._ctx.pool, account_id, event_id, reason, limit)
        if state is None:
            return
        try:
            async with acquire(self._ctx.pool) as connection:
                [row] = await inbox.described(connection, account_id, [event_id])
        except Exception as lost:  # noqa: BLE001  (the try is counted; only its line is poorer)
            log.error("event_failed", event_id=event_id, state=state[0], attempt=state[1], error=type(lost).__name__)
        else:
            told.tell(account_id, row, *state, self._ctx.clock())

    async def _once(self, account_id: str, event_ids: Sequence[str], batch: str | None) -> None:
        done = await self._transaction(account_id, event_ids, batch, {})
        if not done.wanted:
            return
        hydrated = await hydrate(self._ctx, done.wanted)
        if hydrated.outcomes:
            async with transaction(self._ctx.pool) as connection:
                await inbox.settle(connection, account_id, hydrated.outcomes)
            told.settled(account_id, hydrated.outcomes, done.rows, self._ctx.clock())
        for event_id, reason in sorted(hydrated.later.items()):
            state = await inbox.retry(self._ctx.pool, account_id, event_id, reason, self._ctx.settings.max_attempts)
            if state:
                told.tell(account_id, done.rows[event_id], *state, self._ctx.clock())
        if hydrated.fetched:
            await self._transaction(account_id, sorted(hydrated.fetched), None, hydrated.fetched)

    async def _transaction(
        self, account_id: str, event_ids: Sequence[str], batch: str | None, fetched: Fetched
    ) -> _Done:
        """Apply what can be applied in one transaction; what must be fetched first comes back, untouched."""
        began = time.perf_counter()
        try:
            async with transaction(self._ctx.pool) as connection:
                done = await self._work(connection, account_id, event_ids, fetched)
                if batch:
                    await inbox.close_batch(connection, account_id, batch)
        except Exception as error:
            raise classify(error) from error
        now = self._ctx.clock()
        told.settled(account_id, done.outcomes, done.rows, now)
        told.woken(account_id, done.woken, now)
        tracing.batch("apply", ((outcome.event_id, outcome.state) for outcome in done.outcomes), began)
        return done

    async def _work(self, connection: Pooled, account_id: str, event_ids: Sequence[str], fetched: Fetched) -> _Done:
        now = int(self._ctx.clock() * 1_000_000)
        await orders.begin_deriving(connection)
        found = await inbox.load(connection, account_id, event_ids)
        paused = [row["id"] for row in found if row["paused"]]
        if paused:
            await inbox.hold(connection, account_id, paused)
        rows = [row for row in found if not row["paused"]] if paused else found
        readings, outcomes, wanted = read_all([row for row in rows if row["registry_enabled"]], fetched)
        outcomes += [
            Outcome(row["id"], "waiting", inbox.REGISTRY_OFF, row["dossier_id"])
            for row in rows
            if not row["registry_enabled"]
        ]
        folded, _ = await fold_in(connection, account_id, readings, now)
        outcomes += outcomes_of(folded)
        if outcomes:
            await inbox.settle(connection, account_id, outcomes)
        woken = await finish(connection, account_id, folded) if folded else []
        return _Done(outcomes, woken, wanted, {row["id"]: row for row in rows})


async def fold_in(
    connection: Pooled,
    account_id: str,
    readings: Sequence[tuple[str, Reading]],
    now: int,
    *,
    scratch: bool = False,
) -> tuple[list[tuple[Group, Folded]], list[Change]]:
    """Fold readings (event id, reading) into their dossiers and save what follows: the groups, and each order as it was
    and is. In a `scratch` transaction, of which nothing stays, nobody is told of charges that were settled."""
    groups = await resolve(connection, account_id, readings) if readings else []
    folded = [(group, fold(group.dossier, group.readings, now)) for group in groups]
    changes = await _save(connection, account_id, folded, now, scratch=scratch) if folded else []
    return folded, changes


def outcomes_of(folded: Sequence[tuple[Group, Folded]]) -> list[Outcome]:
    """What became of each event that was folded."""
    found = []
    for group, result in folded:
        for event_id, reading in group.readings:
            if event_id in result.failed:
                found.append(Outcome(event_id, "dead", result.failed[event_id]))
                continue
            wait = None if result.order else waiting_for(result.dossier, reading)
            found.append(Outcome(event_id, "waiting" if wait else "applied", wait, group.id))
    return found


async def take_over(
    connection: Pooled,
    account_id: str,
    order_id: str,
    others: Sequence[str],
    now: int,
    actor: str,
    said: Callable[[Dossier], Dossier] | None = None,
) -> Sequence[Record]:
    """Join other dossiers, which mention this order by name, into its own, and what is `said` of it beside. Runs in the
    transaction that made it, or makes it now. What it wakes comes back, to be told of after the commit."""
    held = await dossiers.lock(connection, account_id, [order_id, *others])
    before = await orders.load(connection, account_id, held)
    merged = tuple(id_ for id_ in sorted(held) if id_ != order_id)
    dossier = held.get(order_id, Dossier())
    for id_ in merged:
        dossier = merge_dossiers(dossier, held[id_])
    if said:
        dossier = said(dossier)
    merged_orders = tuple(id_ for id_ in merged if id_ in before)
    group = Group(order_id, dossier, said is None, before.get(order_id), merged, merged_orders)
    folded = [(group, fold(dossier, (), now))]
    await _save(connection, account_id, folded, now, actor)
    return await finish(connection, account_id, folded)


async def state(connection: Pooled, account_id: str, reading: Reading, now: int, actor: str) -> Sequence[Record]:
    """Fold what a provider answered to `actor`, as if it had come in an event. What it wakes comes back, to be told of
    after the commit."""
    await orders.begin_deriving(connection)
    folded = []
    for group in await resolve(connection, account_id, [(actor, reading)]):
        result = fold(group.dossier, group.readings, now)
        if result.failed:
            raise ValueError(f"an answer cannot be folded: {result.failed[actor]}")
        group.readings.clear()  # no event of the inbox
        folded.append((group, result))
    await _save(connection, account_id, folded, now, actor)
    return await finish(connection, account_id, folded)


async def _save(
    connection: Pooled,
    account_id: str,
    folded: Sequence[tuple[Group, Folded]],
    now: int,
    actor: str = "event",
    *,
    scratch: bool = False,
) -> list[Change]:
    """Dossiers, contacts, orders with their rows and stock, payments: in the one order of tables."""
    merged = {id_: group.id for group, _ in folded for id_ in group.merged}
    merged_orders = {id_: group.id for group, _ in folded for id_ in group.merged_orders}
    refs = [(ref, group.id) for group, _ in folded for _, reading in group.readings for ref in reading.refs]
    if refs:
        await dossiers.add_refs(connection, account_id, refs)
    if merged:
        await dossiers.merge(connection, account_id, merged)
    changed = {
        group.id: result.dossier
        for group, result in folded
        if not group.existed or group.merged or result.dossier is not group.dossier
    }
    await dossiers.save(connection, account_id, changed)
    made = {
        group.id: result.order
        for group, result in folded
        if result.order and result.order.contact_id is None and _asks(group, result)
    }
    found = await contacts.assign(connection, account_id, made, {group.id: group.merged for group, _ in folded})
    gone = await orders.merge(connection, account_id, merged_orders) if merged_orders else []
    changes = []
    for group, result in folded:
        if result.order:
            contact = orders.contact_of(group.before, result.order, found.get(group.id))
            events = tuple(event_id for event_id, _ in group.readings)
            changes.append(
                Change(
                    id=group.id, before=group.before, after=result.order, contact_id=contact, actor=actor, events=events
                )
            )
    await orders.save(connection, account_id, changes, now=now, gone=gone)
    payments = {group.id: result.payments for group, result in folded}
    await orders.save_payments(connection, account_id, payments, {change.id for change in changes}, gone=merged)
    cycles = {change.id: change.after for change in changes if change.after.recurring_order_id}
    if cycles and not scratch:
        await settle.heard(connection, account_id, cycles, now)
    bought = [change for change in changes if change.before is None and "subscription_id" in change.after.stripe]
    if bought:
        await subscriptions.adopt(connection, account_id, bought)
    found_plans = [fact for group, result in folded for fact in subscriptions.stated(group.readings, result.dossier)]
    if found_plans:
        await subscriptions.save(connection, account_id, found_plans)
    return changes


def _asks(group: Group, result: Folded) -> bool:
    """Whether the contact must be looked up again: a new or merged order, or other words about the customer."""
    if group.before is None or group.merged or result.order is None:
        return True
    before, after = group.before.order, result.order
    return (before.party, before.emails, before.contact_id) != (after.party, after.emails, after.contact_id)


async def finish(connection: Pooled, account_id: str, folded: Sequence[tuple[Group, Folded]]) -> Sequence[Record]:
    """Wake what waited for these orders, and give numbers last, so that the counters are held for a moment only."""
    merged = {id_: group.id for group, _ in folded for id_ in group.merged}
    if merged:
        await inbox.move(connection, account_id, merged)
    claimed = [group.id for group, result in folded if result.order and (group.before is None or group.merged)]
    woken = await inbox.wake(connection, account_id, claimed) if claimed else []
    new = [group.id for group, result in folded if result.order and group.before is None]
    await orders.number(connection, account_id, new, [group.id for group, _ in folded])
    return woken
