"""Deriving orders anew from their dossiers: when time alone changes them, or when a person does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from handlers.derive import derive
from schemas.fact import Dossier
from worker.apply import contacts
from worker.store import dossiers, orders
from worker.store.db import Pooled
from worker.store.orders import Change


async def rebuild(connection: Pooled, account_id: str, ids: Sequence[str], now: int, actor: str) -> None:
    """Derive the orders of these dossiers as of `now` (microseconds) and save what changed. Runs in a transaction."""
    await orders.begin_deriving(connection)
    held = await dossiers.lock(connection, account_id, ids)
    await write(connection, account_id, held, now, actor)


async def write(
    connection: Pooled,
    account_id: str,
    held: Mapping[str, Dossier],
    now: int,
    actor: str,
    *,
    contact_ids: Mapping[str, str] = MappingProxyType({}),
    numbered: bool = True,
) -> None:
    """As `rebuild`, for dossiers already locked (or made) by this transaction. `contact_ids`: whose new orders
    are, where that is known. Not `numbered`: the caller gives the numbers, with `orders.number`, before the commit."""
    before = await orders.load(connection, account_id, held)
    derived = {id_: derive(dossier, now) for id_, dossier in held.items()}
    asked = {
        id_: order
        for id_, order in derived.items()
        if order.contact_id is None and id_ not in before and id_ not in contact_ids
    }
    found = {**contact_ids, **await contacts.assign(connection, account_id, asked, {})}
    changes = [
        Change(
            id=id_,
            before=before.get(id_),
            after=order,
            contact_id=orders.contact_of(before.get(id_), order, found.get(id_)),
            actor=actor,
        )
        for id_, order in derived.items()
    ]
    await orders.save(connection, account_id, changes, now=now)
    await orders.save_payments(
        connection, account_id, {id_: order.payments for id_, order in derived.items()}, set(derived)
    )
    if numbered:
        await orders.number(connection, account_id, [change.id for change in changes if change.before is None], derived)
