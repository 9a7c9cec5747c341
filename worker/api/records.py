"""Records of the catalogue over the API: what their operations have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from schemas.api.fields import Wire
from schemas.api.page import Page, PageQuery
from worker.api import cursor
from worker.api.operation import Ask, answer, missing
from worker.store import search
from worker.store.db import Pooled, acquire
from worker.store.records import Records, Row
from worker.store.snapshot import snapshot

B = TypeVar("B", bound=Wire)
_FLAGS = ("archived", "recurring")


@dataclass(frozen=True)
class Resource(Generic[B]):
    """One noun: its rows, how a row is shown, how a page of them is. `noun` as in its path."""

    noun: str
    records: Records
    body: Callable[[Row], B]
    page: type[Page[B]]

    async def list(self, ask: Ask, query: PageQuery) -> web.Response:
        """Those that all filters given hold for, newest first."""
        place = cursor.decode(self.noun, query.cursor)
        before = (place.moment, place.id) if place else None
        asked = query.model_dump(mode="json")
        asked.update({name: asked[name] == "true" for name in _FLAGS if asked.get(name) is not None})
        async with snapshot(ask.ctx.pool) as connection:
            found = await search.records(connection, self.records.table, ask.reach, asked, before, query.limit + 1)
            rows = await self.records.read(connection, ask.reach, [id_ for _, id_ in found[: query.limit]])
        return answer(cursor.page(self.page, [self.body(row) for row in rows], found, self.noun, query.limit))

    async def get(self, ask: Ask, record_id: str, *, created: bool = False) -> web.Response:
        """One of them, or 404."""
        async with snapshot(ask.ctx.pool) as connection:
            rows = await self.records.read(connection, ask.reach, [record_id])
            if not rows:
                return missing(self.noun)
            body = await self.shown(connection, ask.actor.account_id, rows[0])
        response = answer(body, 201 if created else 200, ETag=f'"{rows[0]["version"]}"')
        if created:
            response.headers["Location"] = f"/api/v1/{self.noun}/{record_id}"
        return response

    async def shown(self, connection: Pooled, account_id: str, row: Row) -> Wire:
        """One record by itself."""
        return self.body(row)

    async def change(self, ask: Ask, record_id: str, write: Callable[[int | None], Awaitable[None]]) -> web.Response:
        """Have it written by `write`, which is given the version that `If-Match` asks for."""
        async with acquire(ask.ctx.pool) as connection:
            rows = await self.records.read(connection, ask.reach, [record_id])
        if not rows:
            return missing(self.noun)
        await write(ask.expected(rows[0]["version"]))
        return await self.get(ask, record_id)


def given(body: BaseModel) -> dict[str, Any]:
    """The fields that a request gives."""
    return body.model_dump(mode="json", exclude_unset=True)


def whole(body: BaseModel) -> dict[str, Any]:
    """Every field of a new record."""
    return body.model_dump(mode="json")
