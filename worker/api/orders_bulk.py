"""Many orders in one request. They are made beside everything else: of such requests one works at a time in a receiver,
with one connection of the API's pool, and a few may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from pydantic import ValidationError

from schemas.account import Permission
from schemas.api.bulk import BulkBody, BulkCreate, BulkResult
from schemas.api.order import OrderCreate
from schemas.api.problem import Problem
from worker.actions import order_making as actions
from worker.api.middleware import fault
from worker.api.operation import Ask, Operations, answer
from worker.api.refusals import invalid, refusal
from worker.problems import problem

OPERATIONS = Operations("orders", registry=True)
WAITING = 4
"""Requests that may wait for their turn; their orders are in memory meanwhile."""
PATIENCE_S = 20.0
RETRY_AFTER_S = 5


class BulkLane:
    """Whose turn it is in this receiver."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._here = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Whether it is ours: False where too many wait, or it took too long."""
        if self._here > WAITING:
            yield False
            return
        self._here += 1
        try:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._turn.acquire()
            except TimeoutError:
                yield False
                return
            try:
                yield True
            finally:
                self._turn.release()
        finally:
            self._here -= 1


LANE: web.AppKey[BulkLane] = web.AppKey("bulk_lane", BulkLane)


@OPERATIONS.declare(
    "POST",
    "/orders/bulk",
    "Create many orders",
    permission=Permission.CRM_MANAGE,
    body=BulkCreate,
    answer=BulkBody,
    statuses={200: "A result for each order, whatever became of it."},
)
async def create_orders(ask: Ask, body: BulkCreate) -> web.Response:
    """Up to 1,000 orders, each made or refused by itself as `POST /api/v1/orders` would: one that is wrong keeps no
    other from being made. With external ids the whole request may be sent again. Where too many such requests are under
    way, the answer is 503 with Retry-After, and nothing was made.
    """
    async with ask.request.app[LANE].turn() as ours:
        if not ours:
            return problem(
                503,
                f"Too many orders are being made in bulk. Send it again in {RETRY_AFTER_S} s.",
                code="bulk_busy",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        results = await _results(ask, body)
    return answer(BulkBody(created=sum(result.status == 201 for result in results), results=results))


async def _results(ask: Ask, body: BulkCreate) -> list[BulkResult]:
    found: dict[int, tuple[str, bool] | Exception] = {}
    good: dict[int, OrderCreate] = {}
    rows: Sequence[object] = body.orders
    for index, row in enumerate(rows):
        if isinstance(row, ValidationError):
            found[index] = row
        elif isinstance(row, OrderCreate):
            good[index] = row
    made = await actions.create_many(ask.ctx, ask.actor, list(good.values()))
    found.update(zip(good, made, strict=True))
    return [_result(ask, index, good.get(index), found[index]) for index in range(len(body.orders))]


def _result(ask: Ask, index: int, row: OrderCreate | None, outcome: tuple[str, bool] | Exception) -> BulkResult:
    external_id = row.external_id if row else None
    if not isinstance(outcome, Exception):
        order_id, new = outcome
        return BulkResult(index=index, status=201 if new else 200, external_id=external_id, id=order_id, problem=None)
    if isinstance(outcome, ValidationError):
        refused = invalid(outcome, "body")
    else:
        refused = refusal(outcome) or fault(ask.request, outcome)
    content = refused.body if isinstance(refused.body, bytes) else b"{}"
    told = Problem.model_validate_json(content)
    return BulkResult(index=index, status=refused.status, external_id=external_id, id=None, problem=told)
