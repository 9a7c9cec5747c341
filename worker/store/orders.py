"""Orders and everything that hangs on them: the only writer of orders, lines, charges, payments and the timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from handlers.changes import differences
from handlers.children import totals
from handlers.reading import moment
from schemas.order import Order, PaymentRow, Status
from worker.feed import outbox
from worker.ids import derived_id, new_id, part_ids
from worker.store import children, recurring_orders, seeds, stock
from worker.store.db import Pooled, to_json
from worker.store.statements import statements

_SQL = statements("orders")
_DECODER = msgspec.json.Decoder(Order)
_TIMES = ("sale_confirmed_at", "ordered_at", "paid_at", "due_at")
_CHILDREN = ("lines", "charges", "payments", "party", "emails", "party_at", "links")


class Held(msgspec.Struct, frozen=True):
    """An order as it stands in the database."""

    order: Order
    contact_id: str
    slug: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One order to be written. `before` is None for a new one; `actor` is `event` or who asked for it."""

    id: str
    before: Held | None
    after: Order
    contact_id: str
    actor: str
    events: tuple[str, ...] = ()


def contact_of(before: Held | None, after: Order, found: str | None) -> str:
    """The contact of an order: whom a person named, else whom its documents name (`found`, where they were looked up),
    else whose it was. A contact that was named and has become another since stays the one that it has become."""
    if before is not None and after.contact_id is not None and after.contact_id == before.order.contact_id:
        return before.contact_id
    return after.contact_id or found or (before.contact_id if before else "")


async def begin_deriving(connection: Pooled) -> None:
    await connection.execute(_SQL["begin_deriving"])


async def load(connection: Pooled, account_id: str, ids: Iterable[str]) -> dict[str, Held]:
    rows = await connection.fetch(_SQL["load_derived"], account_id, sorted(ids))
    return {row["id"]: Held(_DECODER.decode(row["derived"]), row["contact_id"], row["slug"]) for row in rows}


async def save(
    connection: Pooled, account_id: str, changes: Sequence[Change], *, now: int, gone: Iterable[str] = ()
) -> None:
    """Write orders that differ from what is stored, with their rows and timeline, and move the stock that follows from
    them as of `now` (microseconds). `gone`: what `merge` gave, with its targets among the changes. The
    dossiers are locked; all changes are one actor's."""
    changed = sorted((change for change in changes if _differs(change)), key=lambda change: change.id)
    moving = [c.id for c in changed if stock.concerned(c.before.order if c.before else None, c.after)]
    if moving:  # these write parents' stock too, so parents are locked in one go with all that is written
        await stock.hold(connection, account_id, [c.id for c in changed])
    if changed:
        await _write(connection, account_id, changed)
    moving += gone
    if moving:
        await stock.settle(connection, account_id, moving, now, changes[0].actor)


async def _write(connection: Pooled, account_id: str, changes: Sequence[Change]) -> None:
    slugs = await _free_slugs(connection, account_id, changes)
    await connection.execute(
        _SQL["save_orders"],
        account_id,
        to_json([_row(account_id, change, slugs[change.id]) for change in changes]),
        [change.id for change in changes],
        [msgspec.json.encode(change.after) for change in changes],
    )
    await _save_lines(connection, account_id, changes)
    await _save_charges(connection, account_id, changes)
    if parents := {change.after.parent_id for change in changes if _counts_for_parent(change)}:
        await children.mark(connection, account_id, (parent for parent in parents if parent))
    entries = [entry for entry in map(_entry, changes) if entry["changes"]]
    if entries:
        await connection.execute(_SQL["add_timeline"], account_id, to_json(entries))
    await outbox.tell(connection, account_id, changes)


def _counts_for_parent(change: Change) -> bool:
    """Whether what the order received or gave back has changed, and its parent counts that."""
    if change.after.parent_id is None:
        return False
    return totals(change.after) != (totals(change.before.order) if change.before else (0, 0))


def _differs(change: Change) -> bool:
    return change.before is None or change.before.order != change.after or change.before.contact_id != change.contact_id


async def _free_slugs(connection: Pooled, account_id: str, changes: Sequence[Change]) -> dict[str, str]:
    """The slug of each order; one that is taken gets a suffix made from the order's id."""
    slugs = {c.id: c.before.slug if c.before and c.before.order.slug == c.after.slug else c.after.slug for c in changes}
    asked = [c for c in changes if c.before is None or c.before.order.slug != c.after.slug]
    if not asked:
        return slugs
    rows = await connection.fetch(
        _SQL["taken_slugs"],
        account_id,
        [c.id for c in asked],
        [c.after.type for c in asked],
        [slugs[c.id] for c in asked],
    )
    taken = {(row["type"], row["slug"]) for row in rows}
    for change in asked:
        name = (change.after.type, slugs[change.id])
        if name in taken:
            slugs[change.id] = f"{name[1]}-{change.id[-8:]}"
        taken.add((change.after.type, slugs[change.id]))
    return slugs


def _row(account_id: str, change: Change, slug: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(change.after).items() if name not in _CHILDREN
    }
    for name in _TIMES:
        row[name] = None if row[name] is None else moment(row[name])
    stripe = {
        **row["stripe"],
        "links": [key.removeprefix("stripe:") for key in change.after.links if key.startswith("stripe:")],
    }
    subscription = change.after.stripe.get("subscription_id")
    if row["recurring_order_id"] is None and subscription:
        row["recurring_order_id"] = recurring_orders.of_subscription(account_id, subscription)
    systems = sorted({payment.system for payment in change.after.payments})
    return {
        **row, "id": change.id, "slug": slug, "contact_id": change.contact_id, "stripe": stripe, "systems": systems,
    }  # fmt: skip


async def _save_lines(connection: Pooled, account_id: str, changes: Sequence[Change]) -> None:
    touched = [c for c in changes if c.before is None or c.before.order.lines != c.after.lines]
    stale = [c.id for c in touched if c.before is not None]
    if stale:
        await connection.execute(_SQL["delete_items"], account_id, stale)
    rows = [
        {**msgspec.structs.asdict(line), "order_id": c.id, "id": id_, "position": position}
        for c in touched
        for position, (id_, line) in enumerate(
            zip(part_ids(c.id, "line", [line.key for line in c.after.lines]), c.after.lines, strict=True), 1
        )
    ]
    if rows:
        await connection.execute(_SQL["insert_items"], account_id, to_json(rows))


async def _save_charges(connection: Pooled, account_id: str, changes: Sequence[Change]) -> None:
    touched = [c for c in changes if c.before is None or c.before.order.charges != c.after.charges]
    stale = [c.id for c in touched if c.before is not None]
    if stale:
        await connection.execute(_SQL["delete_charges"], account_id, stale)
    rows = [
        {**msgspec.structs.asdict(charge), "order_id": c.id, "id": id_, "position": position}
        for c in touched
        for position, (id_, charge) in enumerate(
            zip(part_ids(c.id, "charge", [charge.key for charge in c.after.charges]), c.after.charges, strict=True), 1
        )
    ]
    if rows:
        await connection.execute(_SQL["insert_charges"], account_id, to_json(rows))


def fields_of(change: Change) -> list[dict[str, Any]]:
    """One `{"field", "from", "to"}` for each field of the order that changes; of a new order the one `created`."""
    if change.before is None:
        return [{"field": "created", "from": None, "to": change.after.source}]
    found = differences(change.before.order, change.after)
    if change.before.contact_id != change.contact_id:
        found.append({"field": "contact_id", "from": change.before.contact_id, "to": change.contact_id})
    return found


def _entry(change: Change) -> dict[str, Any]:
    return {
        "order_id": change.id,
        "id": new_id(),
        "actor": change.actor,
        "events": change.events,
        "changes": fields_of(change),
    }


async def save_payments(
    connection: Pooled,
    account_id: str,
    payments: Mapping[str, Sequence[PaymentRow]],
    orders: set[str],
    gone: Iterable[str] = (),
) -> None:
    """Write the payments of dossiers (by id): all of them, with the order where the dossier has one. `gone`: dossiers
    that were merged into these."""
    rows = []
    for dossier_id, found in sorted(payments.items()):
        for payment in found:
            row = msgspec.structs.asdict(payment)
            row.pop("percent")
            row.update(
                id=derived_id(account_id, "payment", payment.key),
                dossier_id=dossier_id,
                order_id=dossier_id if dossier_id in orders else None,
                attempted_at=None if payment.attempted_at is None else moment(payment.attempted_at),
                paid_at=None if payment.paid_at is None else moment(payment.paid_at),
            )
            rows.append(row)
    dossiers = sorted({*payments, *gone})
    await connection.execute(_SQL["delete_payments"], account_id, dossiers, [row["id"] for row in rows])
    if rows:
        await connection.execute(_SQL["save_payments"], account_id, to_json(rows))


async def merge(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> list[str]:
    """Orders that turned out to be another (source -> target): their numbers stay accounted for, their rows go. Those
    that may hold stock come back, with their parents: `save` lets it go."""
    sources = sorted(merged)
    targets = [merged[source] for source in sources]
    await outbox.tell_merged(connection, account_id, merged)
    await connection.execute(_SQL["merge_timeline"], account_id, sources, targets)
    await connection.execute(_SQL["redirect_merges"], account_id, sources, targets)
    await connection.execute(_SQL["record_merges"], account_id, sources, targets)
    await connection.execute(_SQL["merge_units"], account_id, sources, targets)
    await children.merge(connection, account_id, merged)
    await seeds.merge(connection, account_id, merged)
    rows = await connection.fetch(_SQL["delete_orders"], account_id, sources)
    return [id_ for row in rows for id_ in row if id_ is not None]


async def number(connection: Pooled, account_id: str, new_orders: Sequence[str], dossiers: Iterable[str]) -> None:
    """Give new orders and payments their serial numbers: the last statements of a transaction."""
    if new_orders:
        told = await connection.fetch(_SQL["number_orders"], account_id, list(new_orders))
        await outbox.tell_numbers(connection, account_id, [(row["id"], row["body"], row["number"]) for row in told])
    rows = await connection.fetch(_SQL["unnumbered_payments"], account_id, sorted(dossiers))
    if rows:
        await connection.execute(_SQL["number_payments"], account_id, [row["id"] for row in rows])


async def find_externals(
    connection: Pooled, account_id: str, origin: str, external_ids: Iterable[str]
) -> dict[str, tuple[str, bytes | None]]:
    """(id, request) of the orders that an origin made, by external id."""
    rows = await connection.fetch(_SQL["find_externals"], account_id, origin, sorted(set(external_ids)))
    return {row["external_id"]: (row["id"], row["request"]) for row in rows}


async def set_requests(connection: Pooled, account_id: str, requests: Mapping[str, bytes]) -> None:
    """Keep the normalised request that made each order (by id)."""
    ids = sorted(requests)
    await connection.execute(_SQL["set_requests"], account_id, ids, [requests[id_] for id_ in ids])


async def number_of(connection: Pooled, account_id: str, order_id: str) -> int | None:
    found: int | None = await connection.fetchval(_SQL["number_of"], account_id, order_id)
    return found


async def is_void(connection: Pooled, account_id: str, order_id: str) -> bool:
    status: str | None = await connection.fetchval(_SQL["status_of"], account_id, order_id)
    return status == Status.VOID


async def due(connection: Pooled, now: datetime, limit: int) -> list[tuple[str, str]]:
    """(account, order) of unpaid orders that are past due and do not say so yet."""
    rows = await connection.fetch(_SQL["due_orders"], limit, now)
    return [(row["account_id"], row["id"]) for row in rows]
