"""One batch: claim, then in one transaction load, fold, save and settle.

A constant number of statements, however many events. What fails is retried whole (transient), then split until the one
event that cannot be applied stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from handlers.fold import Folded, fold, waiting_for
from handlers.merge import merge_dossiers
from worker.apply import contacts
from worker.apply.hydrate import hydrate
from worker.apply.read import Fetched, Wanted, read_all
from worker.apply.resolve import Group, resolve
from worker.context import Context
from worker.errors import Transient, classify
from worker.ids import new_id
from worker.store import dossiers, inbox, orders
from worker.store.db import Pooled, transaction
from worker.store.inbox import Outcome
from worker.store.orders import Change

log = structlog.get_logger("apply")

TRIES = 4


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
        log.error("event_failed", event_id=event_id, state=state and state[0], reason=reason)

    async def _once(self, account_id: str, event_ids: Sequence[str], batch: str | None) -> None:
        wanted = await self._transaction(account_id, event_ids, batch, {})
        if not wanted:
            return
        hydrated = await hydrate(self._ctx, wanted)
        if hydrated.outcomes:
            async with transaction(self._ctx.pool) as connection:
                await inbox.settle(connection, account_id, hydrated.outcomes)
        for event_id, reason in sorted(hydrated.later.items()):
            await inbox.retry(self._ctx.pool, account_id, event_id, reason, self._ctx.settings.max_attempts)
        if hydrated.fetched:
            await self._transaction(account_id, sorted(hydrated.fetched), None, hydrated.fetched)

    async def _transaction(
        self, account_id: str, event_ids: Sequence[str], batch: str | None, fetched: Fetched
    ) -> list[Wanted]:
        """Apply what can be applied in one transaction; what must be fetched first comes back, untouched."""
        try:
            async with transaction(self._ctx.pool) as connection:
                outcomes, wanted = await self._work(connection, account_id, event_ids, fetched)
                if batch:
                    await inbox.close_batch(connection, account_id, batch)
        except Exception as error:
            raise classify(error) from error
        for outcome in outcomes:
            log.info(
                "event_settled",
                event_id=outcome.event_id,
                state=outcome.state,
                order=outcome.dossier_id,
                reason=outcome.reason,
            )
        return wanted

    async def _work(
        self, connection: Pooled, account_id: str, event_ids: Sequence[str], fetched: Fetched
    ) -> tuple[list[Outcome], list[Wanted]]:
        now = int(self._ctx.clock() * 1_000_000)
        await orders.begin_deriving(connection)
        rows = await inbox.load(connection, account_id, event_ids)
        readings, outcomes, wanted = read_all(rows, fetched)
        groups = await resolve(connection, account_id, readings) if readings else []
        folded = [(group, fold(group.dossier, group.readings, now)) for group in groups]
        if folded:
            await _save(connection, account_id, folded)
        outcomes += [outcome for group, result in folded for outcome in _outcomes(group, result)]
        if outcomes:
            await inbox.settle(connection, account_id, outcomes)
        if folded:
            await _finish(connection, account_id, folded)
        return outcomes, wanted


def _outcomes(group: Group, result: Folded) -> list[Outcome]:
    found = []
    for event_id, reading in group.readings:
        if event_id in result.failed:
            found.append(Outcome(event_id, "dead", result.failed[event_id]))
            continue
        wait = None if result.order else waiting_for(result.dossier, reading)
        found.append(Outcome(event_id, "waiting" if wait else "applied", wait, group.id))
    return found


async def take_over(
    connection: Pooled, account_id: str, order_id: str, others: Sequence[str], now: int, actor: str
) -> None:
    """Join other dossiers, which mention this order by name, into its own. Runs in the transaction that made it."""
    held = await dossiers.lock(connection, account_id, [order_id, *others])
    before = await orders.load(connection, account_id, held)
    merged = tuple(id_ for id_ in sorted(held) if id_ != order_id)
    dossier = held[order_id]
    for id_ in merged:
        dossier = merge_dossiers(dossier, held[id_])
    group = Group(order_id, dossier, True, before.get(order_id), merged, tuple(id_ for id_ in merged if id_ in before))
    folded = [(group, fold(dossier, (), now))]
    await _save(connection, account_id, folded, actor)
    await _finish(connection, account_id, folded)


async def _save(
    connection: Pooled, account_id: str, folded: Sequence[tuple[Group, Folded]], actor: str = "event"
) -> None:
    """Dossiers, contacts, orders with their rows, payments: in the one order of tables."""
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
    if merged_orders:
        await orders.merge(connection, account_id, merged_orders)
    changes = []
    for group, result in folded:
        if result.order:
            contact = (
                result.order.contact_id or found.get(group.id) or (group.before.contact_id if group.before else "")
            )
            events = tuple(event_id for event_id, _ in group.readings)
            changes.append(
                Change(
                    id=group.id, before=group.before, after=result.order, contact_id=contact, actor=actor, events=events
                )
            )
    await orders.save(connection, account_id, changes)
    payments = {group.id: result.payments for group, result in folded}
    await orders.save_payments(connection, account_id, payments, {change.id for change in changes}, gone=merged)


def _asks(group: Group, result: Folded) -> bool:
    """Whether the contact must be looked up again: a new or merged order, or other words about the customer."""
    if group.before is None or group.merged or result.order is None:
        return True
    before, after = group.before.order, result.order
    return (before.party, before.emails, before.contact_id) != (after.party, after.emails, after.contact_id)


async def _finish(connection: Pooled, account_id: str, folded: Sequence[tuple[Group, Folded]]) -> None:
    """Wake what waited for these orders, and give numbers last, so that the counters are held for a moment only."""
    merged = {id_: group.id for group, _ in folded for id_ in group.merged}
    if merged:
        await inbox.move(connection, account_id, merged)
    claimed = [group.id for group, result in folded if result.order and (group.before is None or group.merged)]
    if claimed:
        await inbox.wake(connection, account_id, claimed)
    new = [group.id for group, result in folded if result.order and group.before is None]
    await orders.number(connection, account_id, new, [group.id for group, _ in folded])
