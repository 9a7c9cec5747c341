"""Importing one seed file: all of it, or nothing (T7)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import asyncpg
import msgspec

from handlers.errors import Refused
from schemas.api.seed import MODELS
from schemas.seed import SeedType
from worker.actions.records import refused
from worker.apply import told
from worker.errors import UserError
from worker.seeds import contacts
from worker.seeds.check import Seeds
from worker.seeds.orders import Making
from worker.seeds.problems import Problems
from worker.seeds.records import MAKE
from worker.seeds.refer import resolved
from worker.seeds.spool import Checked, Spool
from worker.store import accounts, orders, seeds, statistics
from worker.store.db import Pool, Pooled, transaction

BATCH = 200
"""Entries that are made together: what is held in memory."""


class Counts(msgspec.Struct):
    """How many entries made something new, changed something, or found all as they say."""

    made: int = 0
    changed: int = 0
    unchanged: int = 0


class Growth:
    """Has the planner look at the tables each time that they have multiplied by `FACTOR`."""

    FIRST, FACTOR = 200, 8

    def __init__(self) -> None:
        self._done, self._next = 0, self.FIRST

    async def count(self, connection: Pooled, entries: int) -> None:
        """So many entries more are made."""
        self._done += entries
        if self._done >= self._next:
            self._next = self._done * self.FACTOR
            await statistics.of_orders(connection)


async def load(
    pool: Pool, account_id: str, found: Seeds, problems: Problems, done: Callable[[int], None], *, at: float
) -> Counts:
    """Make what the entries say, in one transaction. `done`: told of how many entries are done, a few at a time;
    `at`: unix seconds.

    Raises UserError with every fault found; then nothing was made.
    """
    now = int(at * 1_000_000)
    counts = Counts()
    async with transaction(pool) as connection:
        if not await seeds.begin(connection, account_id):
            raise UserError("Another import of this account is under way.", remedy="Wait for its end.")
        account = await accounts.get(connection, account_id)
        orders_there = found.by_type[SeedType.ORDER].count + found.children.count
        if orders_there and not account.registry_enabled:
            raise UserError(
                f"The order registry of {account.name} is off, and this file has {orders_there:,} orders.",
                remedy=f"Run `daybook account enable-registry {account.name}`.",
            )
        making, growth = Making(connection, account, now, problems), Growth()
        for type_ in SeedType:
            for batch in found.by_type[type_].read(BATCH):
                ready, _ = await resolved(connection, account_id, batch, problems)
                if type_ is SeedType.ORDER:
                    await making.batch(ready)
                elif type_ is SeedType.CONTACT:
                    made, changed = await contacts.make(connection, account_id, ready, now, problems)
                    counts.made += made
                    counts.changed += changed
                else:
                    for checked, fields in ready:
                        await _make(connection, account_id, type_, checked, fields, now, counts, problems)
                done(len(batch))
                await growth.count(connection, len(batch))
            problems.end()
        await _children(connection, account_id, found.children, making, problems, done)
        counts.made += len(making.made)
        counts.changed += making.changed
        counts.unchanged = found.count - counts.made - counts.changed
        for start in range(0, len(making.made), BATCH):
            some = making.made[start : start + BATCH]
            await orders.number(connection, account_id, some, some)
    told.woken(account_id, making.woken, at)
    await _join_late(pool, account_id, making, at)
    return counts


async def _make(
    connection: Pooled,
    account_id: str,
    type_: SeedType,
    checked: Checked,
    fields: dict[str, object],
    now: int,
    counts: Counts,
    problems: Problems,
) -> None:
    """One entry that is neither an order nor a contact."""
    held = (await seeds.find(connection, account_id, type_, [checked.key])).get(checked.key)
    held_id = held[0] if held else None
    if held_id is None and fields.get("id") is not None:
        there = await seeds.look_up(connection, account_id, type_.plural, "id", [str(fields["id"])])
        held_id = next(iter(there.get(str(fields["id"]), ())), None)
    body = MODELS[type_].model_validate(fields)
    try:
        async with connection.transaction():  # so that a fault leaves the others to be looked at
            made_id, new = await MAKE[type_](connection, account_id, body, held_id, now)
            await seeds.add(connection, account_id, type_, {checked.key: (made_id, checked.digest)})
    except Refused as error:
        problems.refused(checked.entry, error)
        return
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError) as error:
        why = refused(type_.plural, getattr(error, "constraint_name", None) or "")
        if why is None:
            raise
        problems.refused(checked.entry, why)
        return
    counts.made += new is True
    counts.changed += new is False


async def _children(
    connection: Pooled,
    account_id: str,
    spool: Spool,
    making: Making,
    problems: Problems,
    done: Callable[[int], None],
) -> None:
    """Orders that have a parent, each after its parent: those whose parent is not there yet wait for the next round."""
    while spool.count:
        with closing(spool):
            later, made = Spool(), 0
            for batch in spool.read(BATCH):
                ready, waiting = await resolved(connection, account_id, batch, problems)
                await making.batch(ready)
                for checked in waiting:
                    later.put(checked)
                made += len(ready)
                done(len(ready))
        spool = later
        if not made:
            break
    with closing(spool):
        for batch in spool.read(BATCH):
            for checked in batch:
                problems.refused(checked.entry, _ORPHAN)
    problems.end()


_ORPHAN = Refused(
    "unknown", "The parent of this order is neither in the file nor in the account.", field="parent_id",
    remedy="Put it into the file, or make it first.",
)  # fmt: skip


async def _join_late(pool: Pool, account_id: str, making: Making, at: float) -> None:
    """What came for these orders while nobody saw them yet joins them."""
    for start in range(0, len(making.made), BATCH):
        async with transaction(pool) as connection:
            late = making.on(connection)
            await late.mentioned(making.made[start : start + BATCH])
        told.woken(account_id, late.woken, at)
