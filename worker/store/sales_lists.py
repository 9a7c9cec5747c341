"""What the lists of orders and payments show beside their rows: names, counts, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from schemas.account import Reach
from worker.store import contact_reads, offers
from worker.store.db import Pooled
from worker.store.names import people_of
from worker.store.order_reads import Row
from worker.store.statements import statements

_SQL = statements("sales_lists")
COUNTED = 10_000
"""Counting stops here."""
WORDS = 50
"""Payment systems and currencies that a filter offers."""


class Names(msgspec.Struct, frozen=True):
    """Rows by id: contacts as far as the reader sees them, offers with their categories; and tokens' names by id."""

    contacts: Mapping[str, Row]
    offers: Mapping[str, Row]
    tokens: Mapping[str, str]


class Choices(msgspec.Struct, frozen=True):
    """What a filter may be set to, for who sees everything."""

    systems: Sequence[str]
    currencies: Sequence[str]


async def names(
    connection: Pooled,
    reach: Reach,
    *,
    contacts: Iterable[str | None] = (),
    offers_: Iterable[str | None] = (),
    tokens: Iterable[str | None] = (),
) -> Names:
    """The names of these ids, in one query a kind."""
    found = await contact_reads.read(connection, reach, _ids(contacts))
    sold = await offers.RECORDS.read(connection, reach, _ids(offers_))
    who = await people_of(connection, reach.account_id, tokens)
    return Names({row["id"]: row for row in found}, {row["id"]: row for row in sold}, who)


async def systems(connection: Pooled, reach: Reach) -> Sequence[str]:
    """The payment systems that payments went by, for who sees all of them."""
    return await _words(connection, reach, "systems")


async def choices(connection: Pooled, reach: Reach) -> Choices:
    return Choices(await systems(connection, reach), await _words(connection, reach, "currencies"))


async def count_orders(connection: Pooled, reach: Reach) -> dict[str, tuple[int, bool]]:
    """How many orders that belong to no recurring order are in each sales status, and whether counting stopped."""
    given = [reach.account_id, COUNTED + 1]
    if reach.owner_id is None:
        rows = await connection.fetch(_SQL["count_orders"], *given)
    else:
        rows = await connection.fetch(_SQL["count_owned_orders"], *given, reach.owner_id)
    stopped = reach.owner_id is not None and sum(row["orders"] for row in rows) > COUNTED
    return {
        row["sales_status"]: (min(row["orders"], COUNTED), stopped or row["orders"] > COUNTED) for row in rows
    }  # fmt: skip


async def order_heads(connection: Pooled, reach: Reach, ids: Iterable[str | None]) -> dict[str, Row]:
    """Number, title, contact and mode of these orders, by id."""
    rows = await connection.fetch(_SQL["order_heads"], reach.account_id, _ids(ids), reach.owner_id)
    return {row["id"]: row for row in rows}


async def dossier_events(connection: Pooled, reach: Reach, dossier_id: str, limit: int) -> list[str]:
    """The ids of the newest events that told of a sale. Ask only for one that the reader sees."""
    rows = await connection.fetch(_SQL["dossier_events"], reach.account_id, dossier_id, limit)
    return [row["event_id"] for row in rows]


async def _words(connection: Pooled, reach: Reach, name: str) -> list[str]:
    if reach.owner_id is not None:  # they would tell of payments that are not this person's
        return []
    return [row["word"] for row in await connection.fetch(_SQL[name], reach.account_id, WORDS)]


def _ids(given: Iterable[str | None]) -> list[str]:
    return sorted({id_ for id_ in given if id_})
