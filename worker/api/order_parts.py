"""Lines and charges of an order over the API (O7, O8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from schemas.account import Permission
from schemas.api.order import ChargeWish, ItemWish, OrderBody
from schemas.api.order_edit import ChargePatch, ItemOrder, ItemPatch
from worker.actions import order_parts as actions
from worker.actions.order_parts import Noun
from worker.api.operation import Ask, Operations
from worker.api.orders import changed

OPERATIONS = Operations("orders", registry=True)
_GOOD: dict[str, Any] = {
    "permission": Permission.CRM_MANAGE, "answer": OrderBody, "errors": (409, 412, 422), "headers": ("ETag",),
}  # fmt: skip


@OPERATIONS.declare("POST", "/orders/{order_id}/items", "Add a line", body=ItemWish, **_GOOD)
async def add_order_item(ask: Ask, order_id: str, body: ItemWish) -> web.Response:
    """It becomes the last line. The answer is the whole order. Refused with 409 once the order is completed or void,
    and on orders that Stripe manages."""
    return await _add(ask, order_id, "items", body)


@OPERATIONS.declare("PUT", "/orders/{order_id}/items/order", "Reorder the lines", body=ItemOrder, **_GOOD)
async def reorder_order_items(ask: Ask, order_id: str, body: ItemOrder) -> web.Response:
    """The body names all lines of the order, each once."""
    return await changed(
        ask, order_id, lambda meant, expected: actions.reorder(ask.ctx, ask.actor, meant, body.items, expected)
    )


@OPERATIONS.declare("PATCH", "/orders/{order_id}/items/{item_id}", "Change a line", body=ItemPatch, **_GOOD)
async def change_order_item(ask: Ask, order_id: str, item_id: str, body: ItemPatch) -> web.Response:
    """Only the fields given are changed; its figures follow. A line that a child carries is refused with 409."""
    return await _change(ask, order_id, "items", item_id, body)


@OPERATIONS.declare("DELETE", "/orders/{order_id}/items/{item_id}", "Remove a line", **_GOOD)
async def remove_order_item(ask: Ask, order_id: str, item_id: str) -> web.Response:
    """The answer is the whole order. A line that a child carries is refused with 409."""
    return await _remove(ask, order_id, "items", item_id)


@OPERATIONS.declare("POST", "/orders/{order_id}/charges", "Add a charge", body=ChargeWish, **_GOOD)
async def add_order_charge(ask: Ask, order_id: str, body: ChargeWish) -> web.Response:
    """It becomes the last charge, so a percentage of the running total counts all the others. Only while the order is
    draft or new."""
    return await _add(ask, order_id, "charges", body)


@OPERATIONS.declare("PATCH", "/orders/{order_id}/charges/{charge_id}", "Change a charge", body=ChargePatch, **_GOOD)
async def change_order_charge(ask: Ask, order_id: str, charge_id: str, body: ChargePatch) -> web.Response:
    """Only the fields given are changed. Only while the order is draft or new."""
    return await _change(ask, order_id, "charges", charge_id, body)


@OPERATIONS.declare("DELETE", "/orders/{order_id}/charges/{charge_id}", "Remove a charge", **_GOOD)
async def remove_order_charge(ask: Ask, order_id: str, charge_id: str) -> web.Response:
    """The answer is the whole order. Only while the order is draft or new."""
    return await _remove(ask, order_id, "charges", charge_id)


def _asked(body: BaseModel) -> Mapping[str, Any]:
    return body.model_dump(mode="python", exclude_unset=True)


async def _add(ask: Ask, order_id: str, noun: Noun, body: BaseModel) -> web.Response:
    return await changed(
        ask, order_id, lambda meant, expected: actions.add(ask.ctx, ask.actor, meant, noun, _asked(body), expected)
    )


async def _change(ask: Ask, order_id: str, noun: Noun, part_id: str, body: BaseModel) -> web.Response:
    return await changed(
        ask,
        order_id,
        lambda meant, expected: actions.change(ask.ctx, ask.actor, meant, noun, part_id, _asked(body), expected),
    )


async def _remove(ask: Ask, order_id: str, noun: Noun, part_id: str) -> web.Response:
    return await changed(
        ask, order_id, lambda meant, expected: actions.remove(ask.ctx, ask.actor, meant, noun, part_id, expected)
    )
