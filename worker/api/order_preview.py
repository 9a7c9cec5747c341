"""What an order would come to, over the API: the figures of a form while it is filled in (O9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from handlers import money, summary, wishes
from handlers.derive import derive
from schemas.account import Permission
from schemas.api.order import OrderSummary
from schemas.api.order_preview import OrderPreview, OrderPreviewWish, PreviewCharge, PreviewItem
from schemas.order import OrderType
from schemas.stated import Charge, Line
from worker.actions import catalog
from worker.actions.orders import given, micros_now, placed
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import accounts, children, order_reads, templates
from worker.store.db import Pooled
from worker.store.snapshot import snapshot

OPERATIONS = Operations("orders", registry=True)
_UNTITLED = "Amount"


@OPERATIONS.declare(
    "POST",
    "/orders/preview",
    "Preview an order's figures",
    permission=Permission.CRM_MANAGE,
    body=OrderPreviewWish,
    answer=OrderPreview,
    errors=(404, 409),
)
async def preview_order(ask: Ask, body: OrderPreviewWish) -> web.Response:
    """What the order would come to, with the names, prices and tax rates that the catalogue fills in. Nothing is
    written down, and what could not be saved is refused as it would be then.
    """
    wish = given(body)
    order_id = wish.pop("order_id", None)
    async with snapshot(ask.ctx.pool) as connection:
        if order_id is None:
            return answer(_preview(*await _new(connection, ask.actor.account_id, wish), paid=0, refunded=0))
        dossier = await order_reads.dossier(connection, ask.reach, order_id)
        if dossier is None or await order_reads.owner(connection, ask.reach, order_id) is None:
            return missing("orders")
        order = derive(dossier, micros_now(ask.ctx))
        family = await children.family(connection, ask.actor.account_id, order_id)
        wish.update(placed(order_id, order, wish))
        wish = await catalog.to_edit(connection, ask.actor.account_id, wish, order.currency)
    changed = wishes.prices(order, wish, family.carried)
    return answer(
        _preview(
            wish.get("currency") or order.currency,
            changed.get("lines", order.lines),
            changed.get("charges", order.charges),
            paid=order.amount_paid,
            refunded=order.amount_refunded,
        )
    )


async def _new(
    connection: Pooled, account_id: str, wish: Mapping[str, Any]
) -> tuple[str, tuple[Line, ...], tuple[Charge, ...]]:
    account = await accounts.get(connection, account_id)
    template = await templates.get(connection, account_id, wish.get("template") or OrderType.SALE)
    asked = {**wish, "price_list": wish.get("price_list") or template.price_list}
    filled = await catalog.to_make(connection, account_id, asked, account.currency)
    return money.wished_currency(filled["currency"]), *wishes.content(filled, _UNTITLED)


def _preview(
    currency: str, lines: tuple[Line, ...], charges: tuple[Charge, ...], *, paid: int, refunded: int
) -> OrderPreview:
    done = summary.computed(lines, charges)
    figures = summary.summarize(lines, done, paid, refunded)
    return OrderPreview(
        currency=currency,
        items=[PreviewItem(**{name: getattr(line, name) for name in PreviewItem.model_fields}) for line in lines],
        charges=[PreviewCharge(**{name: getattr(one, name) for name in PreviewCharge.model_fields}) for one in done],
        summary=OrderSummary(**msgspec.structs.asdict(figures)),
    )
