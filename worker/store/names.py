"""What a person chooses from by name: people, offers, categories. They are the whole account's to know."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("names")
MOST = 200
"""Names that one choice offers."""
Choices = list[tuple[str, str]]
"""(id, name)"""


async def people(connection: Pooled, account_id: str, chosen: str | None = None) -> Choices:
    """Those who may own or manage something: the tokens that stand, and the one that is chosen already."""
    rows = await connection.fetch(_SQL["people"], account_id, chosen, MOST)
    return [(row["id"], row["name"]) for row in rows]


async def people_of(connection: Pooled, account_id: str, ids: Iterable[str | None]) -> dict[str, str]:
    """The names of these people, by id."""
    wanted = sorted({id_ for id_ in ids if id_})
    rows = await connection.fetch(_SQL["people_of"], account_id, wanted) if wanted else []
    return {row["id"]: row["name"] for row in rows}


async def offers(connection: Pooled, account_id: str, chosen: str | None = None) -> Choices:
    """The newest offers that are not archived, each with its number, and the one that is chosen already."""
    return _numbered(await connection.fetch(_SQL["offers"], account_id, chosen, MOST))


async def categories(connection: Pooled, account_id: str, chosen: str | None = None) -> Choices:
    return _numbered(await connection.fetch(_SQL["categories"], account_id, chosen, MOST))


def _numbered(rows: Iterable[asyncpg.Record]) -> Choices:
    return [(str(row["id"]), f"{row['name']} (No. {row['number']})") for row in rows]
