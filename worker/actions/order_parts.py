"""Editing one line or one charge of an order (O7, O8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from handlers import parts, wishes
from handlers.errors import Refused
from schemas.account import Actor
from schemas.order import Order
from schemas.stated import Charge, Hand, Line
from worker.actions import catalog
from worker.actions.orders import Editing, LookUp, edit
from worker.context import Context
from worker.ids import new_id, part_ids
from worker.store.db import Pooled

Noun = Literal["items", "charges"]
_KIND = {"items": "line", "charges": "charge"}
Change = Callable[[tuple[Any, ...], Callable[[str], str]], tuple[Any, ...]]
"""The list of parts after the edit; given the list and a function from a part's id to its key."""


async def add(
    ctx: Context, actor: Actor, order_id: str, noun: Noun, wish: Mapping[str, Any], if_match: int | None
) -> None:
    """One more line or charge, the last."""
    key, wish = new_id()[-12:], dict(wish)

    async def look_up(connection: Pooled, order: Order) -> None:
        filled = await catalog.to_edit(connection, actor.account_id, {"items": [wish]}, order.currency)
        wish.update(filled["items"][0])

    def added(held: tuple[Any, ...], _key_of: Callable[[str], str]) -> tuple[Any, ...]:
        return (*held, parts.line(wish, key) if noun == "items" else parts.charge(wish, key))

    await _change(ctx, actor, order_id, noun, added, if_match, look_up=look_up if noun == "items" else None)


async def change(
    ctx: Context, actor: Actor, order_id: str, noun: Noun, part_id: str, wish: Mapping[str, Any],
    if_match: int | None,
) -> None:  # fmt: skip
    """The given fields of one line or charge."""

    def changed(held: tuple[Any, ...], key_of: Callable[[str], str]) -> tuple[Any, ...]:
        key = key_of(part_id)
        before = next(part for part in held if part.key == key)
        after = parts.changed_line(before, wish) if noun == "items" else parts.changed_charge(before, wish)
        return parts.replaced(held, after)

    await _change(ctx, actor, order_id, noun, changed, if_match)


async def remove(ctx: Context, actor: Actor, order_id: str, noun: Noun, part_id: str, if_match: int | None) -> None:
    await _change(ctx, actor, order_id, noun, lambda held, key_of: parts.removed(held, key_of(part_id)), if_match)


async def reorder(ctx: Context, actor: Actor, order_id: str, ids: Sequence[str], if_match: int | None) -> None:
    """The lines in the order of these ids, which are all of them."""

    def reordered(held: tuple[Any, ...], key_of: Callable[[str], str]) -> tuple[Any, ...]:
        return parts.reordered(held, [key_of(id_) for id_ in ids])

    await _change(ctx, actor, order_id, "items", reordered, if_match)


async def _change(
    ctx: Context, actor: Actor, order_id: str, noun: Noun, change: Change, if_match: int | None,
    *, look_up: LookUp | None = None,
) -> None:  # fmt: skip
    def asked(found: Editing) -> Hand:
        order = found.order
        held: tuple[Line, ...] | tuple[Charge, ...] = order.lines if noun == "items" else order.charges
        after = change(held, _keys(order_id, order, noun))
        lines, charges = (after, order.charges) if noun == "items" else (order.lines, after)
        stated = wishes.repriced(order, lines, charges, found.family.carried, noun)
        return Hand(**stated)

    await edit(ctx, actor, order_id, asked, if_match, look_up=look_up)


def _keys(order_id: str, order: Order, noun: Noun) -> Callable[[str], str]:
    held = order.lines if noun == "items" else order.charges
    keys = [part.key for part in held]
    by_id = dict(zip(part_ids(order_id, _KIND[noun], keys), keys, strict=True))

    def key_of(part_id: str) -> str:
        if part_id not in by_id:
            raise Refused(
                "not_found", f"The order has nothing of the id {part_id} among its {noun}.",
                remedy="Get the order, and use the ids that it shows.",
            )  # fmt: skip
        return by_id[part_id]

    return key_of
