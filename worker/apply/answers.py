"""Applying what a provider answered to a call of ours: the same facts as in the event that it will send of it.

**Nothing that is known from an answer waits for its webhook**, and the webhook that follows changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asyncpg import Record

from handlers.merge import add
from schemas.fact import Dossier, Reading
from worker.apply.batch import take_over
from worker.errors import Transient
from worker.store import dossiers, orders
from worker.store.db import Pooled

Said = Callable[[str, Dossier], Dossier]
"""What somebody states of an order (by id) beside what was answered."""


async def answered(
    connection: Pooled,
    account_id: str,
    order_id: str,
    reading: Reading,
    now: int,
    actor: str,
    beside: Said | None = None,
) -> tuple[str, Sequence[Record]]:
    """Join a reading into the order of this id: the one that there is, else the one that its webhooks have made
    already, else a new one. The order's id, and the events that it woke.

    Raises Transient where another transaction links the same objects at this moment: then all of it is to be repeated.
    """
    await orders.begin_deriving(connection)
    await dossiers.lock_refs(connection, account_id, [order_id])
    named = await dossiers.named_orders(connection, account_id, [order_id])
    known = await dossiers.find_links(connection, account_id, reading.keys)
    mentions = {dossier_id for _, dossier_id in await dossiers.find_refs(connection, account_id, [order_id])}
    others = {*known.values(), *mentions}
    target = named.get(order_id) or min(await orders.load(connection, account_id, others), default=order_id)
    wanted = dict.fromkeys((key for key in reading.keys if key not in known), target)
    if wanted and len(await dossiers.add_links(connection, account_id, wanted)) < len(wanted):
        raise Transient("another worker links the same objects")
    others.discard(target)
    if not (await dossiers.lock(connection, account_id, [target, *others])).keys() >= others:
        raise Transient("a dossier was merged meanwhile")

    def said(dossier: Dossier) -> Dossier:
        joined = add(dossier, reading)
        return beside(target, joined) if beside else joined

    return target, await take_over(connection, account_id, target, sorted(others), now, actor, said)
