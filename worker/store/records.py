"""Rows that people keep by hand, one table a noun: read, held, added, changed.

`NAME.sql` has for each table NAME the statements `read`, `hold`, `insert` and `update`; a row's values travel as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from schemas.account import Reach
from worker.store.db import Pooled, to_json
from worker.store.statements import statements

Row: TypeAlias = asyncpg.Record


class Records:
    """One table of an account's records, each with an `id` and a `version`."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.sql = statements(table)

    async def read(self, connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
        """The records of these ids that there are, in their order. The catalogue is the whole account's: it has
        no owners."""
        return await self._read(connection, ids, reach.account_id, ids)

    async def _read(self, connection: Pooled, ids: Sequence[str], *arguments: object) -> list[Row]:
        rows = {row["id"]: row for row in await connection.fetch(self.sql["read"], *arguments)} if ids else {}
        return [rows[id_] for id_ in ids if id_ in rows]

    async def hold(self, connection: Pooled, account_id: str, record_id: str) -> Row | None:
        """The columns of one record, which nobody else changes until the end of the transaction."""
        return await connection.fetchrow(self.sql["hold"], account_id, record_id)

    async def insert(self, connection: Pooled, account_id: str, record_id: str, values: Mapping[str, Any]) -> None:
        await connection.execute(self.sql["insert"], account_id, record_id, to_json(values))

    async def update(self, connection: Pooled, account_id: str, record_id: str, values: Mapping[str, Any]) -> None:
        """Write all columns of a record that is held, and count its version up."""
        await connection.execute(self.sql["update"], account_id, record_id, to_json(values))


class Numbered(Records):
    """Records that have a serial `number`, without gaps within the account."""

    async def insert(self, connection: Pooled, account_id: str, record_id: str, values: Mapping[str, Any]) -> None:
        """Add a record with the next number: the last statements of a transaction."""
        await super().insert(connection, account_id, record_id, values)
        await connection.execute(self.sql["number"], account_id, record_id)
