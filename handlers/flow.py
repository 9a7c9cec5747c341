"""Where an order may go in its flow (T2, T3): any direction among the first four statuses, `void` is terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from handlers.errors import Refused
from schemas.order import Order, OrderType, Status

_OPEN = (Status.DRAFT, Status.NEW, Status.PROCESSING, Status.COMPLETED)
MOVES: Mapping[Status, tuple[Status, ...]] = {
    **{status: tuple(other for other in (*_OPEN, Status.VOID) if other is not status) for status in _OPEN},
    Status.VOID: (),
}


class ChildState(msgspec.Struct, frozen=True):
    """A child as its parent's flow sees it."""

    id: str
    number: int | None
    type: str
    status: str


def check_move(order: Order, to: str, children: Sequence[ChildState] = ()) -> None:
    """Raise Refused unless the order may go to this status. Leaving `completed`, and voiding, need that no money is
    held, on the order or its invoices, and that no child is completed. `children`: all of the order's."""
    if to == order.status:
        return
    if to not in MOVES[Status(order.status)]:
        raise Refused(
            "terminal", "The order is void, which is final.", field="status", remedy="Make a new order in its place."
        )
    if order.status == Status.COMPLETED or to == Status.VOID:
        _check_nothing_held(order)
        _check_children(children)
    if order.type == OrderType.TRANSFER and to in (Status.PROCESSING, Status.COMPLETED):
        check_locations(order.location_id, order.destination_location_id)


def _check_nothing_held(order: Order) -> None:
    held = order.amount_paid - order.amount_refunded
    if held > 0:
        raise Refused(
            "money_held",
            f"{held} minor units of {order.currency} were received and not returned.",
            field="status",
            remedy="Refund the payments first.",
        )


def _check_children(children: Sequence[ChildState]) -> None:
    barred = [child for child in children if child.status == Status.COMPLETED]
    if not barred:
        return
    named = ", ".join(f"{child.type} {child.number or child.id}" for child in barred[:5])
    raise Refused(
        "children_completed",
        f"It has {'children that are completed' if len(barred) > 1 else 'a child that is completed'}: {named}.",
        field="status",
        remedy="Void them first, or set them back.",
    )


def check_locations(source: str | None, target: str | None) -> None:
    """Raise Refused unless goods can go from the one to the other."""
    missing = "location_id" if source is None else "destination_location_id" if target is None else None
    if missing:
        raise Refused(
            "locations_missing", "A transfer needs the location that goods leave and the one that they go to.",
            field=missing, remedy=f"Set {missing} first.",
        )  # fmt: skip
    if source == target:
        raise Refused(
            "invalid", "A transfer goes from one location to another.", field="destination_location_id",
            remedy="Name another location.",
        )  # fmt: skip
