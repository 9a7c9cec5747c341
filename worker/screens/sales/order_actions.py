"""What this person may do with an order as it stands. The API decides anew when it is done; here it decides which
buttons there are, and says what stands in the way of the others."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from handlers import access, flow
from handlers.errors import Refused
from schemas.account import Actor, Permission
from schemas.api.order import Item, OrderBody
from schemas.order import ManagedBy, Order, OrderType, PaymentStatus, ShippingStatus, Status
from schemas.template import Template
from worker.ids import part_ids
from worker.screens import words
from worker.store.children import Family

_MOVES = {
    Status.DRAFT: "Still being put together. It moves no stock.",
    Status.NEW: "Agreed, and nothing is done yet. It moves no stock.",
    Status.PROCESSING: "Being worked on: what it needs is reserved, what it brings is expected.",
    Status.COMPLETED: "Done: goods have left or arrived.",
}
_RANK = {status: place for place, status in enumerate(_MOVES)}


class Move(msgspec.Struct, frozen=True):
    """A status to go to. `refused`: why not now, and what to resolve."""

    to: str
    words: str
    onward: bool
    refused: str = ""


class ChildType(msgspec.Struct, frozen=True):
    """A type of order that may be made from this one. `refused`: why not now."""

    type: str
    templates: tuple[tuple[str, str], ...]  # (slug, name)
    open_items: tuple[Item, ...]
    refused: str = ""


class Possible(msgspec.Struct, frozen=True, kw_only=True):
    """`writes`: the order is theirs to change. All else is False, or empty, where they may not or it cannot be."""

    writes: bool = False
    moves: tuple[Move, ...] = ()
    void: Move | None = None
    children: tuple[ChildType, ...] = ()
    pays: bool = False
    refunds: bool = False
    notes_payment: bool = False
    decides: bool = False
    confirms_sale: bool = False
    assigns: bool = False


def possible(
    actor: Actor, view: OrderBody, order: Order, family: Family, parent: Template, templates: Sequence[Template],
    *, derived: bool,
) -> Possible:  # fmt: skip
    """`view` and `order`: the same order, as it is shown and as the rules have it. `parent`: its own template."""
    try:
        access.check_write(actor, view.owner_id, "orders")
        theirs = True
    except Refused:
        theirs = False
    writes = theirs and actor.may(Permission.CRM_MANAGE)
    sells = theirs and actor.may(Permission.SALES_CONFIRM)
    void = view.status is Status.VOID
    by_hand = view.managed_by is ManagedBy.MANUAL and not void
    partly = view.payment_status is PaymentStatus.PARTIALLY_PAID or (
        view.payment_status is PaymentStatus.OVERDUE and view.amount_paid > 0
    )
    return Possible(
        writes=writes,
        moves=_moves(order, family) if writes else (),
        void=_move(order, Status.VOID, family) if writes and not void else None,
        children=_children(view, order, family, parent, templates) if writes and not void else (),
        pays=writes and by_hand,
        refunds=writes and by_hand and view.amount_paid > view.amount_refunded,
        notes_payment=writes and by_hand and not derived,
        decides=sells and partly,
        confirms_sale=sells and not void and view.type == OrderType.SALE,
        assigns=sells,
    )


def _moves(order: Order, family: Family) -> tuple[Move, ...]:
    """Those that lead on come first."""
    found = [_move(order, status, family) for status in flow.MOVES[Status(order.status)] if status in _MOVES]
    return tuple(sorted(found, key=lambda move: not move.onward))


def _move(order: Order, to: Status, family: Family) -> Move:
    onward = _RANK.get(to, -1) > _RANK.get(Status(order.status), -1)
    refused = ""
    try:
        flow.check_move(order, to, family.children)
    except Refused as why:
        refused = f"{why.message} {why.remedy}"
        if why.code == "money_held":
            held = words.money(order.amount_paid - order.amount_refunded, order.currency)
            refused = f"{held} were received and not returned. {why.remedy}"
        elif why.code == "locations_missing":
            refused = f"{why.message} Edit the order to name them."
    return Move(to, _MOVES.get(to, ""), onward, refused)


def _children(
    view: OrderBody, order: Order, family: Family, parent: Template, templates: Sequence[Template]
) -> tuple[ChildType, ...]:
    keys = dict(zip(part_ids(view.id, "line", [line.key for line in order.lines]), order.lines, strict=True))
    found = []
    for type_, statuses in parent.children.items():
        made_by = tuple((template.slug, template.name) for template in templates if template.type == type_)
        taken = family.taken.get(type_, frozenset())
        open_items = tuple(item for item in view.items if item.id in keys and keys[item.id].key not in taken)
        refused = ""
        if view.status not in statuses:
            refused = f"once the order is {' or '.join(words.label(status) for status in statuses)}"
        elif not open_items:
            refused = "every line is in one already" if view.items else "the order has no lines"
        found.append(ChildType(type_.value, made_by, open_items, refused))
    return tuple(found)


SHIPPING = tuple((status.value, words.label(status.value)) for status in ShippingStatus)
PAYMENT_NOTES = tuple((status.value, words.label(status.value)) for status in PaymentStatus)
