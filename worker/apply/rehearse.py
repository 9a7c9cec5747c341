"""What applying events again would do: the same reading, folding and saving, in a transaction of which nothing stays.

Nobody is told, no number is given, no event is held or settled, and charges are left alone. What the transaction writes
it holds for that moment, as a batch does; it waits for others two seconds at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from schemas.fact import Reading
from worker.apply.batch import fold_in, outcomes_of
from worker.apply.hydrate import hydrate
from worker.apply.read import Fetched, Wanted, read_all
from worker.context import Context
from worker.errors import Transient, classify
from worker.store import inbox, orders, replays
from worker.store.db import Pooled
from worker.store.inbox import Outcome
from worker.store.orders import Change

TRIES = 3
FETCHED = 20
"""Events that hold only ids and are fetched for one rehearsal, at most. What is beyond it is not examined."""


class Rehearsed(msgspec.Struct, frozen=True):
    """What would become of events, and of the orders that they are part of: one change an order, also where nothing in
    it differs. `merged`: orders that would become another's part. `unread`: events that were not examined."""

    outcomes: dict[str, Outcome] = {}
    changes: dict[str, Change] = {}
    merged: dict[str, str] = {}
    unread: list[str] = []


async def rehearse(ctx: Context, account_id: str, event_ids: Sequence[str]) -> Rehearsed:
    """What applying these events again, together, would do. Raises Transient where others held what it needed."""
    found, wanted = await _rehearse(ctx, account_id, event_ids, {})
    if not wanted:
        return found
    asked = wanted[:FETCHED]
    hydrated = await hydrate(ctx, asked)
    unread = {event.event_id for event in wanted[FETCHED:]}
    hopeless = [*hydrated.outcomes, *(Outcome(id_, "retrying", reason) for id_, reason in hydrated.later.items())]
    left_out = unread | {outcome.event_id for outcome in hopeless}
    if hydrated.fetched:  # all of it once more: the outcome of each may depend on the others
        whole = [event_id for event_id in event_ids if event_id not in left_out]
        found, _ = await _rehearse(ctx, account_id, whole, hydrated.fetched)
    found.outcomes.update({outcome.event_id: outcome for outcome in hopeless})
    found.unread.extend(sorted(unread))
    return found


async def _rehearse(
    ctx: Context, account_id: str, event_ids: Sequence[str], fetched: Fetched
) -> tuple[Rehearsed, list[Wanted]]:
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(Transient), stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.02, max=1), reraise=True,
    ):  # fmt: skip
        with attempt:
            last = attempt.retry_state.attempt_number == TRIES
            try:
                return await _once(ctx, account_id, event_ids, fetched, last=last)
            except Exception as error:
                raise classify(error) from error
    raise AssertionError("tenacity gives an attempt or raises")


async def _once(
    ctx: Context, account_id: str, event_ids: Sequence[str], fetched: Fetched, *, last: bool
) -> tuple[Rehearsed, list[Wanted]]:
    now = int(ctx.clock() * 1_000_000)
    found = Rehearsed()
    async with replays.scratch(ctx.pool) as connection:
        await orders.begin_deriving(connection)
        rows = await replays.stored(connection, account_id, event_ids)
        readings, outcomes, wanted = read_all([row for row in rows if row["registry_enabled"]], fetched)
        outcomes += [Outcome(row["id"], "waiting", inbox.REGISTRY_OFF) for row in rows if not row["registry_enabled"]]
        found.outcomes.update({outcome.event_id: outcome for outcome in outcomes})
        await _Scratch(connection, account_id, now, found, last=last).fold(readings)
    return found, wanted


class _Scratch:
    """Folds in one scratch transaction. Events that cannot be applied together are taken apart, as a batch is."""

    def __init__(self, connection: Pooled, account_id: str, now: int, found: Rehearsed, *, last: bool) -> None:
        self._connection, self._account_id, self._now = connection, account_id, now
        self._found, self._last = found, last
        self._apart = False

    async def fold(self, readings: Sequence[tuple[str, Reading]]) -> None:
        try:
            async with self._connection.transaction():
                folded, changes = await fold_in(
                    self._connection, self._account_id, readings, self._now, scratch=True
                )  # fmt: skip
                if self._apart:  # the next part may merge an order that this one makes, which takes its number
                    new = [change.id for change in changes if change.before is None]
                    await orders.number(self._connection, self._account_id, new, [group.id for group, _ in folded])
        except Exception as error:
            failure = classify(error)
            passing = isinstance(failure, Transient)
            if self._connection.is_closed() or (passing and not self._last):
                raise failure from error
            self._apart = True
            if len(readings) > 1:
                middle = len(readings) // 2
                await self.fold(readings[:middle])
                await self.fold(readings[middle:])
            else:
                reason = f"{type(failure).__name__}: {failure}"[:500]
                [(event_id, _)] = readings
                self._found.outcomes[event_id] = Outcome(event_id, "retrying" if passing else "dead", reason)
            return
        self._found.outcomes.update({outcome.event_id: outcome for outcome in outcomes_of(folded)})
        self._found.merged.update({id_: group.id for group, _ in folded for id_ in group.merged_orders})
        for change in changes:
            self._note(change, self._found.changes)

    @staticmethod
    def _note(change: Change, known: Mapping[str, Change]) -> None:
        """What was changed twice is told from its first state to its last."""
        first = known.get(change.id)
        if first:
            change = msgspec.structs.replace(change, before=first.before, events=(*first.events, *change.events))
        known[change.id] = change  # type: ignore[index]
