"""Editing orders by hand or over the API, each under the locks that its rules need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from pydantic import BaseModel

from handlers import access, locks, wishes
from handlers.derive import derive, hand_key, has_payment_facts
from handlers.errors import Refused
from handlers.merge import add, state
from handlers.reading import micros
from schemas.account import Actor
from schemas.fact import Dossier, Kind, Reading
from schemas.order import Order, Status
from schemas.stated import Hand
from worker.actions import catalog, references
from worker.apply import parents
from worker.apply.rebuild import write
from worker.context import Context
from worker.ids import new_id, part_ids
from worker.store import children, dossiers, order_reads, orders
from worker.store.children import Family
from worker.store.db import Pooled, transaction


def given(request: BaseModel) -> dict[str, Any]:
    """The request's given fields, times as microseconds: what the rules speak of."""
    return {name: _plain(value) for name, value in request.model_dump(mode="python", exclude_unset=True).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


async def write_new(
    connection: Pooled,
    account_id: str,
    made: Mapping[str, Dossier],
    now: int,
    actor: str,
    *,
    contact_ids: Mapping[str, str] = MappingProxyType({}),
    numbered: bool = True,
) -> None:
    """Make the orders of these dossiers, by id. `contact_ids`, `numbered`: as `rebuild.write` has them."""
    await orders.begin_deriving(connection)
    await dossiers.add_links(connection, account_id, {hand_key(id_): id_ for id_ in made})
    await dossiers.save(connection, account_id, made)
    await write(connection, account_id, made, now, actor, contact_ids=contact_ids, numbered=numbered)


class Editing(msgspec.Struct, frozen=True):
    """An order as an edit finds it, held until the end of the transaction. `derived`: payment facts exist."""

    order: Order
    derived: bool
    family: Family
    now: int


Edit = Callable[[Editing], Hand | Reading]
"""What an edit states: fields of the order, or facts of their own (a payment). Raises Refused or Locked."""


LookUp = Callable[[Pooled, Order], Awaitable[None]]
"""What an edit has to look up before it can be stated, with the order as it is."""


async def patch(ctx: Context, actor: Actor, order_id: str, changes: Mapping[str, Any], if_match: int | None) -> None:
    """Change the given fields of an order.

    Raises Locked (Stripe manages a field) and Refused (`not_found`, `version`, `derived`, `stage`, `contact_unknown`,
    `deal_unknown`, `owner_unknown`, `location_unknown`, `not_owner`, `invalid`, and those of the flow).
    """
    wish = {name: _plain(value) for name, value in changes.items()}

    async def look_up(connection: Pooled, order: Order) -> None:
        locks.check(order, wish)
        wish.update(placed(order_id, order, wish))
        wish.update(await catalog.to_edit(connection, actor.account_id, wish, order.currency))

    def asked(found: Editing) -> Hand:
        return wishes.edited(
            found.order, wish, derived=found.derived, children_=found.family.children, carried=found.family.carried
        )

    await edit(ctx, actor, order_id, asked, if_match, look_up=look_up, naming_=wish)


async def edit(
    ctx: Context,
    actor: Actor,
    order_id: str,
    asked: Edit,
    if_match: int | None = None,
    *,
    look_up: LookUp | None = None,
    naming_: Mapping[str, Any] | None = None,
) -> None:
    """Let an order be changed by a statement, under the locks that its rules need: its own dossier and its parent's.
    `naming_`: fields that name contacts, deals, owners and locations, which have to be there.

    Raises Refused `not_found`, `not_owner` and `version` (it is at another version than `if_match`), and what `asked`
    raises.
    """
    now, account_id, within = micros_now(ctx), actor.account_id, access.reach(actor)
    wish = naming_ or {}
    async with transaction(ctx.pool) as connection:
        parent_id = await children.parent_of(connection, account_id, order_id)
        held = await dossiers.lock(connection, account_id, [order_id, parent_id] if parent_id else [order_id])
        seen = await order_reads.owner(connection, within, order_id)
        if seen is None or order_id not in held:
            raise Refused("not_found", f"There is no order {order_id}.", remedy="Look it up by its external id.")
        owner_id, version = seen
        access.check_write(actor, owner_id, "orders")
        if if_match is not None and if_match != version:
            raise Refused(
                "version",
                f"The order is at version {version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        await references.check(connection, within, wish)
        dossier = held[order_id]
        family = await children.family(connection, account_id, order_id)
        found = Editing(derive(dossier, now), has_payment_facts(dossier), family, now)
        if look_up is not None:
            await look_up(connection, found.order)
        said = asked(found)
        if isinstance(said, Hand):
            if parent_id and said.status == Status.VOID:
                await children.free(connection, account_id, order_id)
            dossier = stated(dossier, order_id, said, now, actor.label)
        else:
            dossier = add(dossier, said)
        await orders.begin_deriving(connection)
        await dossiers.save(connection, account_id, {order_id: dossier})
        await write(connection, account_id, {order_id: dossier}, now, actor.label)
        if await order_reads.owner(connection, within, order_id) is None:
            access.check_kept(within, (), next(name for name in ("contact_id", "deal_id") if name in wish))
    if parent_id:
        await parents.settle(ctx, account_id, [parent_id])


def placed(order_id: str, order: Order, wish: Mapping[str, Any]) -> dict[str, Any]:
    """The wish's `items` and `charges` as the rules take them: with the `place` of the order's own part where they name
    one, else under a key that no part had before. Refused (`invalid`) for an id that is not there, or comes twice."""
    found: dict[str, Any] = {}
    for noun, kind, held in (("items", "line", order.lines), ("charges", "charge", order.charges)):
        if not wish.get(noun):
            continue
        ids = part_ids(order_id, kind, [part.key for part in held])
        places = {id_: place for place, id_ in enumerate(ids)}
        stem = new_id()[-12:]
        found[noun] = [
            {**part, "place": _place(noun, position, places, part["id"])}
            if part.get("id")
            else {**part, "key": f"{stem}-{position}"}
            for position, part in enumerate(wish[noun])
        ]
    return found


def _place(noun: str, position: int, places: dict[str, int], part_id: str) -> int:
    place = places.pop(part_id, None)
    if place is None:
        raise Refused(
            "invalid", f"The order has no part {part_id} among its {noun}, or it is named twice.",
            field=f"{noun}.{position}.id", remedy="Get the order, and use each id that it shows once, or leave it out.",
        )  # fmt: skip
    return place


def micros_now(ctx: Context) -> int:
    return int(ctx.clock() * 1_000_000)


def stated(dossier: Dossier, order_id: str, hand: Hand, now: int, actor: str) -> Dossier:
    """The dossier with a person's statement added; later than any of theirs before, even within one microsecond."""
    key = hand_key(order_id)
    held = dossier.facts.get(key)
    latest = max((statement.at for statement in held.statements), default=0) if held else 0
    return add(dossier, Reading((state(key, Kind.HAND, hand, at=max(now, latest + 1), event=actor),)))
