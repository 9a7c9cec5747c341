"""Children of orders (T5): which may be made, which lines they carry, and what they take over from their parent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from handlers.errors import Refused
from handlers.money import rounded
from schemas.order import Order, OrderType, Status
from schemas.stated import Charge, Line
from schemas.template import Template

_WITH_CHARGES = frozenset({OrderType.QUOTE, OrderType.SALE, OrderType.INVOICE})
"""Children that state what is owed: one that carries all of its parent's lines takes the charges over too."""
INHERITED = (
    "contact_id", "deal_id", "owner_id", "manager_id", "offer_id", "billing_address", "shipping_address",
    "location_id", "destination_location_id",
)  # fmt: skip
"""What a child starts with unless it is said otherwise."""


def check_allowed(parent: Order, parent_template: Template, child: Template) -> None:
    """Raise Refused unless an order of this template may be made from the parent as it stands."""
    allowed = parent_template.children.get(child.type)
    if parent.status == Status.VOID:
        raise Refused("terminal", "The order is void, which is final.", remedy="Make the child from another order.")
    if allowed is None:
        may = ", ".join(sorted(parent_template.children)) or "no children"
        raise Refused(
            "child_not_allowed", f"An order of the template {parent_template.slug} has no {child.type} made from it.",
            field="template", remedy=f"It may have: {may}.",
        )  # fmt: skip
    if parent.status not in allowed:
        raise Refused(
            "child_not_allowed",
            f"A {child.type} cannot be made while the {parent.type} is {parent.status}.",
            field="template",
            remedy=f"Set it to {' or '.join(allowed)} first.",
        )


def carried(parent: Order, chosen: Sequence[tuple[str, str | None]] | None, taken: Collection[str]) -> tuple[Line, ...]:
    """The child's lines. `chosen`: (key of a parent's line, quantity or None for all of it), or None for every line
    that is open; `taken`: the parent's lines that a live child of this type carries already.

    A part of a line takes its part of the line's figures, each rounded once.
    """
    by_key = {line.key: line for line in parent.lines}
    if chosen is None:
        chosen = [(line.key, None) for line in parent.lines if line.key not in taken]
        if not chosen:
            raise Refused(
                "lines_taken", "Every line of the order is in a child of this type already.", field="items",
                remedy="Void that child to free its lines.",
            )  # fmt: skip
    lines = []
    for position, (key, quantity) in enumerate(chosen):
        line = by_key[key]
        if key in taken:
            raise Refused(
                "lines_taken", f"The line {line.name!r} is in a child of this type already.",
                field=f"items.{position}.item_id", remedy="Void that child to free its lines, or leave this one out.",
            )  # fmt: skip
        lines.append(_part(line, quantity, position))
    if len({line.parent_line for line in lines}) < len(lines):
        raise Refused(
            "invalid", "A line of the parent is named more than once.", field="items", remedy="Name each line once."
        )
    return tuple(lines)


def _part(line: Line, quantity: str | None, position: int) -> Line:
    key = str(position + 1)
    if quantity is None or Decimal(quantity) == Decimal(line.quantity):
        return msgspec.structs.replace(line, key=key, parent_line=line.key)
    share = Decimal(quantity) / Decimal(line.quantity)
    if share > 1:
        raise Refused(
            "invalid", f"The line {line.name!r} has a quantity of {line.quantity} only.",
            field=f"items.{position}.quantity", remedy="Take as much as the line has, or less.",
        )  # fmt: skip
    subtotal, discount, tax = (rounded(share * figure) for figure in (line.subtotal, line.discount, line.tax))
    return msgspec.structs.replace(
        line, key=key, parent_line=line.key, quantity=quantity, subtotal=subtotal, discount=discount, tax=tax,
        total=subtotal - discount + tax,
    )  # fmt: skip


def charges(parent: Order, child: Template, lines: Sequence[Line]) -> tuple[Charge, ...]:
    """The charges that the child takes over: the parent's, where it states what is owed for all of the lines."""
    whole = {line.parent_line: line.quantity for line in lines} == {line.key: line.quantity for line in parent.lines}
    if child.type not in _WITH_CHARGES or not whole:
        return ()
    return tuple(msgspec.structs.replace(charge, key=str(n)) for n, charge in enumerate(parent.charges, 1))


def inherited(parent: Order, wish: Mapping[str, Any]) -> dict[str, Any]:
    """What the child starts with: the parent's, save where the wish says otherwise."""
    return {name: wish[name] if wish.get(name) is not None else getattr(parent, name) for name in INHERITED}


def check_kept(before: Sequence[Line], after: Sequence[Line], live: Collection[str]) -> None:
    """Raise Refused where an edit changes or removes a line that a live child carries. `live`: keys of those lines."""
    kept = {line.key: line for line in after}
    for line in before:
        if line.key in live and kept.get(line.key) != line:
            raise Refused(
                "line_carried", f"The line {line.name!r} is in a child of this order and cannot be changed.",
                field="items", remedy="Void the child first.",
            )  # fmt: skip


def totals(child: Order) -> tuple[int, int]:
    """(received, returned) as a child counts for its parent."""
    return totals_of(child.type, child.amount_paid, child.amount_refunded)


def totals_of(type_: str, paid: int, refunded: int) -> tuple[int, int]:
    """(received, returned): an invoice's payments and refunds; for a return, what was settled on its own invoice went
    back."""
    if type_ == OrderType.INVOICE:
        return paid, refunded
    if type_ == OrderType.RETURN:
        return 0, max(0, paid - refunded)
    return 0, 0
