"""Locations: where goods lie."""

from __future__ import annotations

from collections.abc import Collection

from worker.store.db import Pooled
from worker.store.records import Records

RECORDS = Records("locations")


async def missing(connection: Pooled, account_id: str, ids: Collection[str]) -> set[str]:
    """Those of these ids that are no location of the account. One that is there stays: none is ever deleted."""
    return set(ids) - {row["id"] for row in await connection.fetch(RECORDS.sql["exist"], account_id, sorted(ids))}
