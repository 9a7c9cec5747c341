"""Where an order may go in its flow (T2, T3): any direction among the first four statuses, `void` is terminal."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.errors import Refused
from schemas.order import Order, Status

_OPEN = (Status.DRAFT, Status.NEW, Status.PROCESSING, Status.COMPLETED)
MOVES: Mapping[Status, tuple[Status, ...]] = {
    **{status: tuple(other for other in (*_OPEN, Status.VOID) if other is not status) for status in _OPEN},
    Status.VOID: (),
}


def check_move(order: Order, to: str) -> None:
    """Raise Refused unless the order may go to this status. Leaving `completed`, and voiding, need that no money is
    held: what was received and not returned must be refunded first."""
    if to == order.status:
        return
    if to not in MOVES[Status(order.status)]:
        raise Refused(
            "terminal", "The order is void, which is final.", field="status", remedy="Make a new order in its place."
        )
    held = order.amount_paid - order.amount_refunded
    if held > 0 and (order.status == Status.COMPLETED or to == Status.VOID):
        raise Refused(
            "money_held",
            f"{held} minor units of {order.currency} were received and not returned.",
            field="status",
            remedy="Refund the payments first.",
        )
