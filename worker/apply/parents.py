"""What a child received counts for the order it was made from: stated in the parent's dossier, like any other fact, so
that the parent is derived and never written.

The transaction that changes a child only marks the parent, since it may hold other dossiers already; the mark outlives
a crash. Whoever asked settles it at once, and the worker's upkeep whatever is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from handlers.children import totals_of
from handlers.merge import add, state, values
from handlers.reading import micros
from schemas.fact import Dossier, Kind, Reading
from schemas.stated import Child
from worker.apply.rebuild import write
from worker.context import Context
from worker.store import children, dossiers, orders
from worker.store.db import acquire, transaction

ACTOR = "daybook"
LIMIT = 500
PERIOD_S = 0.5


async def settle(ctx: Context, account_id: str, parents: Sequence[str]) -> None:
    """Derive these parents anew from what their children received, and theirs in turn."""
    queue = list(parents)
    while queue:
        now = int(ctx.clock() * 1_000_000)
        async with transaction(ctx.pool) as connection:
            held = await dossiers.lock(connection, account_id, queue)
            await children.unmark(connection, account_id, queue)
            rows = await children.moneys(connection, account_id, sorted(held))
            before = await orders.load(connection, account_id, held)
            changed = {}
            for id_, dossier in held.items():
                if id_ in before:
                    own = [row for row in rows if row["parent_id"] == id_]
                    joined = _with_children(dossier, own, before[id_].order.currency, now)
                    if joined is not dossier:
                        changed[id_] = joined
            if changed:
                await orders.begin_deriving(connection)
                await dossiers.save(connection, account_id, changed)
                await write(connection, account_id, changed, now, ACTOR)
            above = {before[id_].order.parent_id for id_ in changed}
        async with acquire(ctx.pool) as connection:
            queue = [
                id_ for id_ in sorted(filter(None, above)) if await children.is_marked(connection, account_id, id_)
            ]


async def tick(ctx: Context) -> int:
    """One look; how many parents were marked."""
    async with acquire(ctx.pool) as connection:
        marked = await children.marked(connection, LIMIT)
    for account_id in sorted({account for account, _ in marked}):
        await settle(ctx, account_id, [parent for account, parent in marked if account == account_id])
    return len(marked)


def _with_children(dossier: Dossier, rows: Sequence[Record], currency: str, now: int) -> Dossier:
    """The dossier with what its children received as of now; the very same where nothing changed."""
    for row in rows:
        if row["currency"] != currency:
            continue
        received, returned = totals_of(row["type"], row["amount_paid"], row["amount_refunded"])
        paid_at = micros(row["paid_at"]) if row["paid_at"] else None
        stated = Child(type=row["type"], received=received, returned=returned, paid_at=paid_at)
        key = f"child:{row['id']}"
        held = dossier.facts.get(key)
        latest = max((statement.at for statement in held.statements), default=0) if held else 0
        fact = state(key, Kind.CHILD, stated, at=max(now, latest + 1), event=ACTOR)
        if held is None or values(held) != values(fact):
            dossier = add(dossier, Reading((fact,)))
    return dossier
