"""What people state of an order's money and of who made the sale (P4, S3): rules, and the facts that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.errors import Locked, Refused
from handlers.merge import state
from schemas.catalog import Offer
from schemas.fact import Kind, Reading
from schemas.order import ManagedBy, Order, OrderType, PaymentStatus, Status
from schemas.stated import Hand, Payment, Refund

SYSTEM = "hand"
"""The payment system of what was paid by hand, unless another is named."""


def hand_payment_key(id_: str) -> str:
    """The object key of a payment or refund that a person recorded."""
    return f"hand:{id_}"


def _check_open(order: Order, field: str) -> None:
    if order.managed_by == ManagedBy.STRIPE:
        raise Locked((field,))
    if order.status == Status.VOID:
        raise Refused("terminal", "The order is void, which is final.", remedy="Record it on another order.")


def check_whole(offer: Offer, order: Order, amount: int, *, derived: bool) -> None:
    """Raise Refused (`partial_payment`) where the offer is not paid for in parts and this hand payment leaves something
    owed. What a provider says was paid is never refused: what is left of that may be paid, all at once. `derived`:
    payment facts exist, so that what the order says was paid is no note."""
    owed = order.amount - (order.amount_paid if derived else 0)
    if not offer.partial_payment and amount < owed:
        raise Refused(
            "partial_payment", f"The offer {offer.name} is not paid for in parts, and {owed} minor units of "
            f"{order.currency} are owed.", field="amount",
            remedy="Record all of it at once, or set `partial_payment` of the offer.",
        )  # fmt: skip


def payment(order: Order, key: str, wish: Mapping[str, Any], now: int, actor: str) -> Reading:
    """A payment that was made by hand, in the order's currency. `wish`: amount, and optionally paid_at (microseconds),
    system, method, comment."""
    _check_open(order, "payments")
    stated = Payment(
        status="succeeded",
        amount=wish["amount"],
        received=wish["amount"],
        currency=order.currency,
        system=wish.get("system") or SYSTEM,
        method=wish.get("method"),
        comment=wish.get("comment"),
        attempted_at=wish.get("paid_at") or now,
        paid_at=wish.get("paid_at") or now,
    )
    return Reading((state(key, Kind.PAYMENT, stated, at=now, event=actor),))


def refund(order: Order, key: str, wish: Mapping[str, Any], now: int, actor: str) -> Reading:
    """Money that was given back by hand. `wish`: amount, and optionally payment_key, reason, refunded_at."""
    _check_open(order, "refunds")
    held = order.amount_paid - order.amount_refunded
    if wish["amount"] > held:
        raise Refused(
            "invalid", f"Only {held} minor units of {order.currency} are held.", field="amount",
            remedy="Give back what was received and not yet returned, or less.",
        )  # fmt: skip
    stated = Refund(
        payment=wish.get("payment_key"),
        amount=wish["amount"],
        currency=order.currency,
        status="succeeded",
        reason=wish.get("reason"),
        refunded_at=wish.get("refunded_at") or now,
    )
    return Reading((state(key, Kind.REFUND, stated, at=now, event=actor),))


def partly_paid(payment_status: str, amount_paid: int) -> bool:
    """Whether an order is one that may be confirmed or declined by hand."""
    return payment_status == PaymentStatus.PARTIALLY_PAID or (
        payment_status == PaymentStatus.OVERDUE and amount_paid > 0
    )


def is_sale(type_: str, status: str) -> bool:
    """Whether an order has a sale to confirm."""
    return type_ == OrderType.SALE and status != Status.VOID


def verdict(order: Order, decided: str) -> Hand:
    """The statement that confirms or declines a partly paid sale; the payment status stays what the facts say."""
    if not partly_paid(order.payment_status, order.amount_paid):
        raise Refused(
            "not_partly_paid", f"Only a partly paid order is decided upon, and this one is {order.payment_status}.",
            remedy="Its sales status follows from its payments by itself.",
        )  # fmt: skip
    return Hand(verdict=decided)


def confirmation(order: Order, manager_id: str | None, by: str, now: int) -> Hand:
    """The statement of who made the sale: a manager, or the system where `manager_id` is None."""
    if not is_sale(order.type, order.status):
        raise Refused(
            "not_a_sale", f"A {order.type} that is {order.status} has no sale to confirm.",
            remedy="Confirm the order of type sale.",
        )  # fmt: skip
    kind = "system" if manager_id is None else "user"
    stated = Hand(sale_kind=kind, sale_confirmed_at=now, sale_confirmed_by=by)
    return (
        stated
        if manager_id is None
        else Hand(sale_kind=kind, sale_confirmed_at=now, sale_confirmed_by=by, manager_id=manager_id)
    )


def maker(order: Order, by: str | None, manager_id: str | None, proposed: str | None = None) -> str | None:
    """The manager who made the sale; None for the system. `by`: `system`, `manager` (who is named on the order),
    `other` (`manager_id`), or None: whoever is given, else who is `proposed` by the customer's sales plans, else the
    manager of the order, else the system."""
    if by == "other" or (by is None and manager_id):
        if manager_id is None:
            raise Refused("invalid", "It is not said who made the sale.", field="manager_id", remedy="Give manager_id.")
        return manager_id
    if manager_id is not None:
        raise Refused(
            "invalid", "A manager is named only where another made the sale.", field="manager_id",
            remedy="Leave manager_id out, or confirm as other.",
        )  # fmt: skip
    if by == "manager" and order.manager_id is None:
        raise Refused(
            "manager_missing", "No manager is named on the order.", field="as",
            remedy="Assign one with POST /orders/{id}/manager, or confirm as other with manager_id.",
        )  # fmt: skip
    if by == "system":
        return None
    return (proposed if by is None else None) or order.manager_id


def payment_key(keys: Mapping[str, str], payment_id: str) -> str:
    """The key of one of an order's payments. `keys`: those of all of them, by id."""
    if payment_id not in keys:
        raise Refused(
            "invalid", f"The order has no payment {payment_id}.", field="payment_id",
            remedy="Get the order, and use the id of one of its payments.",
        )  # fmt: skip
    return keys[payment_id]
