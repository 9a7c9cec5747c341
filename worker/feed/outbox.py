"""What is told of orders, written by the transaction that saves them: whatever is rolled back was never told.

The body is made here, once, from the rows as this transaction has them: every attempt sends these bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from handlers.feed import events_of
from schemas.account import Reach
from schemas.api.feed import FeedOrder
from schemas.feed import TEST, EventType
from schemas.order import Order
from worker.api import order_views
from worker.ids import new_id
from worker.store import order_reads, outbox
from worker.store.db import Pooled
from worker.store.outbox import Entry, Wanted


class Held(Protocol):
    @property
    def order(self) -> Order: ...


class Change(Protocol):
    """An order that was saved; `before` is None for a new one."""

    @property
    def id(self) -> str: ...
    @property
    def before(self) -> Held | None: ...
    @property
    def after(self) -> Order: ...


async def tell(connection: Pooled, account_id: str, changes: Sequence[Change]) -> None:
    """Put what these changes mean into the outbox, where anybody wants to know. The orders are saved and locked."""
    wanted = await outbox.wanted(connection, account_id)
    if wanted is None:
        return
    types = {
        change.id: _chosen(wanted, events_of(change.before.order if change.before else None, change.after))
        for change in changes
    }
    told = {id_: chosen for id_, chosen in types.items() if chosen}
    if not told:
        return
    rows = await order_reads.read(connection, Reach(account_id), sorted(told))
    shown = {
        found.order["id"]: order_views.body(account_id, found, FeedOrder).model_dump(mode="json", by_alias=True)
        for found in rows
    }
    await _write(connection, account_id, wanted.at, told, shown)


async def tell_merged(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> None:
    """Say of orders (source -> target) that they turned out to be another: their last event."""
    wanted = await outbox.wanted(connection, account_id)
    if wanted is None or not _chosen(wanted, (EventType.ORDER_MERGED,)):
        return
    rows = await order_reads.read(connection, Reach(account_id), sorted(merged))
    shown = {
        row.order["id"]: {
            **{name: row.order[name] for name in ("id", "number", "external_id", "origin", "version")},
            "merged_into": merged[row.order["id"]],
        }
        for row in rows
    }
    types: dict[str, Sequence[str]] = dict.fromkeys(shown, (EventType.ORDER_MERGED,))
    await _write(connection, account_id, wanted.at, types, shown)


async def tell_numbers(connection: Pooled, account_id: str, events: Iterable[tuple[str, str, int]]) -> None:
    """Complete the bodies of events (id, body, number) of orders that got their number after they were saved."""
    bodies = {}
    for id_, body, number in events:
        content = msgspec.json.decode(body)
        content["data"]["number"] = number
        bodies[id_] = _text(content)
    if bodies:
        await outbox.set_bodies(connection, account_id, bodies)


async def test(connection: Pooled, account_id: str, subscriber_id: str, at: datetime) -> str:
    """One `daybook.test` for one subscriber; the id of the event."""
    id_ = new_id()
    body = _text(_message(TEST, at, 1, {"subscriber_id": subscriber_id}))
    entry = Entry(id=id_, type=TEST, subject_id=id_, sequence=1, body=body)
    await outbox.tell(connection, account_id, [entry], subscriber_id)
    return id_


def _chosen(wanted: Wanted, types: Sequence[str]) -> tuple[str, ...]:
    return tuple(type_ for type_ in types if wanted.types is None or type_ in wanted.types)


async def _write(
    connection: Pooled,
    account_id: str,
    at: datetime,
    types: Mapping[str, Sequence[str]],
    shown: Mapping[str, Mapping[str, Any]],
) -> None:
    last = await outbox.count_up(connection, account_id, {id_: len(types[id_]) for id_ in shown})
    entries = []
    for id_, data in sorted(shown.items()):
        for sequence, type_ in enumerate(types[id_], last[id_] - len(types[id_]) + 1):
            body = _text(_message(type_, at, sequence, data))
            entries.append(Entry(id=new_id(), type=type_, subject_id=id_, sequence=sequence, body=body))
    await outbox.tell(connection, account_id, entries)


def _message(type_: str, at: datetime, sequence: int, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": type_, "timestamp": at, "data": {"sequence": sequence, **data}}


def _text(message: Mapping[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
