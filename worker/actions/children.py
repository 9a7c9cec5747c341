"""Making an order from another (T5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from handlers import access, wishes
from handlers import children as rules
from handlers.derive import derive
from handlers.errors import Refused
from schemas.account import Actor
from schemas.fact import Dossier
from schemas.order import OrderSource
from schemas.stated import Hand, Line
from worker.actions import naming, references
from worker.actions.orders import given, micros_now, stated, write_new
from worker.context import Context
from worker.ids import new_id, part_ids
from worker.store import accounts, children, dossiers, order_reads, orders, templates
from worker.store.db import Pooled, transaction


async def create(ctx: Context, actor: Actor, parent_id: str, request: BaseModel) -> str:
    """Make a child that carries lines of its parent; its id.

    Raises Refused `not_found`, `template_unknown`, `child_not_allowed`, `terminal`, `lines_taken` (a line is in a live
    child of that type), `invalid`.
    """
    wish = given(request)
    now, account_id, within = micros_now(ctx), actor.account_id, access.reach(actor)
    child_id = new_id()
    async with transaction(ctx.pool) as connection:
        account = await accounts.get(connection, account_id)
        template = await templates.get(connection, account_id, wish["template"])
        names = await naming.names(connection, account, template, wish, now)
        held = await dossiers.lock(connection, account_id, [parent_id])
        found = await orders.load(connection, account_id, [parent_id])
        seen = await order_reads.owner(connection, within, parent_id)
        if seen is None or parent_id not in held or parent_id not in found:
            raise Refused("not_found", f"There is no order {parent_id}.", remedy="Look it up by its external id.")
        access.check_write(actor, seen[0], "orders")
        await references.check(connection, within, wish)
        parent = derive(held[parent_id], now)
        family = await children.family(connection, account_id, parent_id)
        rules.check_allowed(parent, await templates.of_order(connection, account_id, parent), template)
        taken = family.taken.get(template.type, frozenset())
        lines = rules.carried(parent, _chosen(parent_id, parent.lines, wish.pop("items", None)), taken)
        number = await orders.number_of(connection, account_id, parent_id)
        names = {**names, "parent_title": parent.title, "parent_number": number}
        kept = {**wish, "contact_id": wish.get("contact_id") or found[parent_id].contact_id}

        def made(names: Mapping[str, str | int | None]) -> Hand:
            return wishes.child(
                kept, parent, now=now, parent_id=parent_id, template=template, names=names, lines=lines,
                charges=rules.charges(parent, template, lines), origin=actor.origin, source=OrderSource(actor.origin),
            )  # fmt: skip

        hand = made(names)
        if (serial := await naming.number(connection, account, template)) is not None:
            hand = made({**names, "sequence": serial})
        await _carry(connection, account_id, parent_id, child_id, template.type, lines)
        await write_new(
            connection, account_id, {child_id: stated(Dossier(), child_id, hand, now, actor.label)}, now, actor.label
        )
    return child_id


def _chosen(
    parent_id: str, lines: Sequence[Line], items: Sequence[Mapping[str, Any]] | None
) -> list[tuple[str, str | None]] | None:
    """The lines asked for by id, as keys with quantities; None for all that are open."""
    if items is None:
        return None
    keys = [line.key for line in lines]
    by_id = dict(zip(part_ids(parent_id, "line", keys), keys, strict=True))
    for position, item in enumerate(items):
        if item["item_id"] not in by_id:
            raise Refused(
                "invalid", f"The order has no line {item['item_id']}.", field=f"items.{position}.item_id",
                remedy="Get the order, and use the ids of its items.",
            )  # fmt: skip
    return [(by_id[item["item_id"]], item.get("quantity")) for item in items]


async def _carry(
    connection: Pooled, account_id: str, parent_id: str, child_id: str, type_: str, lines: Sequence[Line]
) -> None:
    keys = [line.parent_line for line in lines if line.parent_line]
    if len(await children.carry(connection, account_id, parent_id, child_id, type_, keys)) < len(keys):
        raise Refused(
            "lines_taken", "A line of the order is in a child of this type already.", field="items",
            remedy="Void that child to free its lines.",
        )  # fmt: skip
