"""Payments over the API: what moved, or was to move, and for which order."""

from __future__ import annotations

from aiohttp import web

from handlers import declines
from handlers.fold import unclaimed
from schemas.account import Reach
from schemas.api.payment import PaymentDetail, PaymentPage, PaymentQuery
from worker.api import cursor, order_views
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import order_reads, payment_reads, search
from worker.store.db import Pooled
from worker.store.order_reads import Row
from worker.store.snapshot import snapshot

OPERATIONS = Operations("payments", registry=True)


@OPERATIONS.declare("GET", "/payments", "List payments", query=PaymentQuery, answer=PaymentPage)
async def list_payments(ask: Ask, query: PaymentQuery) -> web.Response:
    """The highest number first. All filters given must hold."""
    place = cursor.decode("payments", query.cursor)
    given = query.model_dump(exclude={"limit", "cursor"})
    async with snapshot(ask.ctx.pool) as connection:
        if query.order_id:
            given["order_id"] = await order_reads.surviving(connection, ask.reach, query.order_id) or query.order_id
        before = (place.at, place.id) if place else None
        found = await search.payments(connection, ask.reach, given, before, query.limit + 1)
        rows = await payment_reads.read(connection, ask.reach, [id_ for _, id_ in found[: query.limit]])
    items = [order_views.listed_payment(row) for row in rows]
    return answer(cursor.page(PaymentPage, items, found, "payments", query.limit))


@OPERATIONS.declare("GET", "/payments/{payment_id}", "Get a payment", answer=PaymentDetail)
async def get_payment(ask: Ask, payment_id: str) -> web.Response:
    """One payment with its refunds and disputes, and why it failed."""
    async with snapshot(ask.ctx.pool) as connection:
        found = await payment_reads.read(connection, ask.reach, [payment_id])
        return answer(await detail(connection, ask.reach, found[0])) if found else missing("payments")


async def detail(connection: Pooled, reach: Reach, row: Row) -> PaymentDetail:
    """A payment with what became of its money."""
    refunds, disputes = await _movements(connection, reach, row)
    return PaymentDetail.model_validate(
        {
            **order_views.listed_payment(row).model_dump(),
            "failure": declines.sentence(row["failure_reason"]) if row["status"] == "failed" else None,
            "refunds": [movement for movement in refunds if movement["payment_id"] == row["id"]],
            "disputes": [movement for movement in disputes if movement["payment_id"] == row["id"]],
        }
    )


async def _movements(
    connection: Pooled, reach: Reach, row: Row
) -> tuple[list[order_views.Movement], list[order_views.Movement]]:
    """Refunds and disputes of the payment's order; of its dossier, where no order claims it."""
    if row["order_id"] is not None:
        [order] = await order_reads.read(connection, reach, [row["order_id"]])
        return order_views.movements(reach.account_id, order, "refunds"), order_views.movements(
            reach.account_id, order, "disputes"
        )
    dossier = await order_reads.dossier(connection, reach, row["dossier_id"])
    if dossier is None:
        return [], []
    return order_views.unclaimed_movements(reach.account_id, unclaimed(dossier), row["id"])
