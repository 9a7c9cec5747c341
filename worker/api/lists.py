"""Lists by time, newest first: what their operations have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from aiohttp import web

from schemas.account import Reach
from schemas.api.fields import Wire
from schemas.api.page import Page, PageQuery
from worker.api import cursor
from worker.api.operation import Ask, answer
from worker.store.db import Pooled
from worker.store.query import Found
from worker.store.snapshot import snapshot

R = TypeVar("R")


class Find(Protocol):
    """One of `worker.store.search`: the ids, with their times, that the filters hold for."""

    def __call__(
        self,
        connection: Pooled,
        reach: Reach,
        given: Mapping[str, Any],
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Awaitable[Found]: ...


async def newest_first(
    ask: Ask,
    noun: str,
    query: PageQuery,
    page: type[Page[Any]],
    find: Find,
    read: Callable[[Pooled, Reach, Sequence[str]], Awaitable[Sequence[R]]],
    body: Callable[[R], Wire],
) -> web.Response:
    """A page of what `find` finds: `read` gives the rows of ids in their order, `body` shows a row. All of it is seen
    as of one moment."""
    given = query.model_dump(exclude={"limit", "cursor"})
    async with snapshot(ask.ctx.pool) as connection:
        rows, next_cursor = await listed(connection, ask.reach, noun, query, find, read, given)
    return answer(page(items=[body(row) for row in rows], next_cursor=next_cursor))


async def listed(
    connection: Pooled,
    reach: Reach,
    noun: str,
    query: PageQuery,
    find: Find,
    read: Callable[[Pooled, Reach, Sequence[str]], Awaitable[Sequence[R]]],
    given: Mapping[str, Any],
) -> tuple[Sequence[R], str | None]:
    """The rows of a page of what `find` finds by the filters `given`, and the cursor of the next page. Refused
    (`invalid`) for a cursor that is not one of `noun`'s."""
    place = cursor.decode(noun, query.cursor)
    found = await find(connection, reach, given, (place.moment, place.id) if place else None, query.limit + 1)
    rows = await read(connection, reach, [id_ for _, id_ in found[: query.limit]])
    return rows, cursor.following(noun, found, query.limit)
