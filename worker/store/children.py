"""Children of orders: which there are, which lines of their parent they carry, and what they received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from asyncpg import Record

from handlers.flow import ChildState
from schemas.order import Status
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("children")


class Family(msgspec.Struct, frozen=True):
    """The children of an order, and the lines that live ones of each type carry: {type: {line key}}."""

    children: tuple[ChildState, ...] = ()
    taken: Mapping[str, frozenset[str]] = {}

    @property
    def carried(self) -> frozenset[str]:
        """The lines that any live child carries."""
        return frozenset().union(*self.taken.values())


async def family(connection: Pooled, account_id: str, order_id: str) -> Family:
    rows = await connection.fetch(_SQL["children"], account_id, order_id)
    taken: dict[str, set[str]] = {}
    for row in rows:
        if row["status"] != Status.VOID:
            taken.setdefault(row["type"], set()).update(row["lines"])
    children = tuple(ChildState(row["id"], row["number"], row["type"], row["status"]) for row in rows)
    return Family(children, {type_: frozenset(keys) for type_, keys in taken.items()})


async def parent_of(connection: Pooled, account_id: str, order_id: str) -> str | None:
    """The order that this one was made from; None where there is none."""
    found: str | None = await connection.fetchval(_SQL["parent"], account_id, order_id)
    return found


async def carry(
    connection: Pooled, account_id: str, parent_id: str, child_id: str, type_: str, keys: Sequence[str]
) -> set[str]:
    """Note which lines a child carries, before the child itself is written; those that it got."""
    rows = await connection.fetch(_SQL["carry"], account_id, parent_id, type_, child_id, list(keys))
    return {row["line_key"] for row in rows}


async def free(connection: Pooled, account_id: str, child_id: str) -> None:
    await connection.execute(_SQL["free"], account_id, child_id)


async def mark(connection: Pooled, account_id: str, parents: Iterable[str]) -> None:
    """These orders are to be derived anew. The dossiers that the transaction needs are held already."""
    await connection.execute(_SQL["mark_parents"], account_id, sorted(set(parents)))


async def marked(connection: Pooled, limit: int) -> list[tuple[str, str]]:
    """(account, order) of parents to be derived anew."""
    return [(row["account_id"], row["parent_id"]) for row in await connection.fetch(_SQL["marked"], limit)]


async def is_marked(connection: Pooled, account_id: str, parent_id: str) -> bool:
    return bool(await connection.fetchval(_SQL["marked_of"], account_id, parent_id))


async def unmark(connection: Pooled, account_id: str, parents: Sequence[str]) -> None:
    await connection.execute(_SQL["unmark"], account_id, sorted(parents))


async def moneys(connection: Pooled, account_id: str, parents: Sequence[str]) -> list[Record]:
    """(parent_id, id, type, currency, amount_paid, amount_refunded, paid_at) of each invoice and return."""
    return list(await connection.fetch(_SQL["moneys"], account_id, sorted(parents)))


async def merge(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> None:
    """Children follow a parent that turned out to be another order (source -> target)."""
    sources = sorted(merged)
    targets = [merged[source] for source in sources]
    await connection.execute(_SQL["merge_parents"], account_id, sources, targets)
    await connection.execute(_SQL["merge_carried"], account_id, sources, targets)
