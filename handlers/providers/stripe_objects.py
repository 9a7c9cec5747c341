"""Stripe's objects as facts: sessions, payment intents, charges, refunds, disputes, subscriptions.

Links (docs.stripe.com/changelog/basil): a session names its payment intent and invoice, a charge its payment intent and
(before basil) its invoice, a refund and a dispute their charge and payment intent. Customers, subscriptions, products
and payment links are shared by many sales and never link them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from handlers import money
from handlers.merge import state
from handlers.reading import Node
from schemas.fact import Fact, Ignored, Kind, Reading
from schemas.stated import (
    Address,
    Charge,
    ChargeTotal,
    Claim,
    Dispute,
    Form,
    Line,
    Maybe,
    Party,
    Payment,
    Refund,
    Subscription,
)


class Context(msgspec.Struct, frozen=True):
    """What is known of an event apart from its object. `at` in microseconds; `prefix` begins every key."""

    topic: str
    at: int
    rank: int
    event: str
    prefix: str
    livemode: bool
    connection: str
    orders_from: tuple[str, ...]

    def key(self, id_: str) -> str:
        return self.prefix + id_

    def maybe_key(self, id_: str | None) -> str | None:
        return self.prefix + id_ if id_ else None

    def state(self, id_: str, kind: Kind, stated: msgspec.Struct) -> Fact:
        return state(self.key(id_), kind, stated, at=self.at, rank=self.rank, event=self.event)


def amount(node: Node, name: str, currency: str, default: int | None = None) -> int:
    """An amount in Stripe's unit, as ISO minor units; missing is Unmappable unless there is a default."""
    if not node.has(name) and default is not None:
        return default
    return money.from_stripe(node.integer(name), currency, node.at(name))


def raw_amount(node: Node, name: str, currency: str, converted: int) -> Maybe[int]:
    """Stripe's own integer, where its unit is not ISO's."""
    return node.integer(name) if node.has(name) and node.integer(name) != converted else UNSET


def refs(node: Node) -> tuple[str, ...]:
    """The texts in which the sender may name an order of ours."""
    metadata = node.maybe_node("metadata")
    found = (node.maybe_identifier("client_reference_id"), metadata and metadata.maybe_identifier("order_id"))
    return tuple(sorted({ref for ref in found if ref}))


def links(context: Context, *ids: str | None) -> tuple[str, ...]:
    return tuple(sorted({context.key(id_) for id_ in ids if id_}))


def address(node: Node | None, name: str | None = None, phone: str | None = None) -> Address | None:
    """An address with anything in it, or None."""
    if node is None:
        return None
    found = Address(
        name=name,
        phone=phone,
        line1=node.text("line1", 500),
        line2=node.text("line2", 500),
        city=node.text("city", 500),
        state=node.text("state", 500),
        postal_code=node.text("postal_code", 100),
        country=node.text("country", 100),
    )
    return found if any((found.line1, found.city, found.postal_code, found.country, found.state)) else None


def person_address(node: Node | None) -> Address | None:
    """The address of an object that also names the person (`customer_details`, `shipping`)."""
    if node is None:
        return None
    return address(node.maybe_node("address"), node.text("name", 1000), node.text("phone", 100))


def party(context: Context, node: Node, *details: Node | None) -> Party:
    """The customer: the id, and name, e-mail and phone from the first of the details that has them."""
    customer = context.maybe_key(node.reference("customer"))
    said = [detail for detail in details if detail is not None]

    def first(name: str) -> str | None:
        return next((text for detail in said if (text := detail.text(name, 1000))), None)

    return Party(
        ids=(customer,) if customer else (),
        email=next((email for detail in said if (email := detail.email("email"))), None),
        name=first("name"),
        phone=first("phone"),
    )


def _receipt(node: Node) -> Node:
    """The address that a receipt goes to, as an object of a person."""
    return Node({"email": node.raw("receipt_email")}, node.path)


def session(node: Node, context: Context) -> Reading | Ignored:
    """A Checkout Session claims the sale. `completed` is not paid: delayed methods pay or fail later."""
    if node.raw("mode") == "setup":
        return Ignored("the session only saved a payment method; nothing was sold")
    id_ = node.identifier("id")
    currency = node.currency("currency") if node.has("currency") or node.has("amount_total") else "USD"
    total = amount(node, "amount_total", currency, 0)
    payment, status = node.text("payment_status", 100), node.text("status", 100)
    paid = payment == "paid" or context.topic.endswith("async_payment_succeeded")
    canceled = status == "expired" or context.topic.endswith("expired")
    failed = context.topic.endswith("async_payment_failed")
    lines, charges = _session_content(node, currency, total, id_)
    details = node.maybe_node("customer_details")
    collected = node.maybe_node("collected_information")
    shipping = (
        (collected and collected.maybe_node("shipping_details"))
        or node.maybe_node("shipping_details")
        or node.maybe_node("shipping")
    )
    intent, invoice_id = node.reference("payment_intent"), node.reference("invoice")
    email_only = Node({"email": node.raw("customer_email")}, node.path)
    claim = Claim(
        form=Form.CHECKOUT,
        claims="checkout" in context.orders_from,
        connection=context.connection,
        external_id=id_,
        external_number=None,
        title=f"Stripe checkout {id_[-8:]}",
        currency=currency,
        total=total,
        lines=lines,
        charges=charges,
        open=not (paid or canceled or failed or payment == "no_payment_required"),
        failed=failed,
        canceled=canceled and not paid,
        settled=paid or payment == "no_payment_required",
        stated_paid=total if paid else 0,
        pays_with=links(context, intent),
        payment_system="stripe",
        party=party(context, node, details, email_only),
        billing_address=person_address(details),
        shipping_address=person_address(shipping),
        ordered_at=node.maybe_unix("created") or context.at,
        paid_at=context.at if paid else None,
        livemode=context.livemode,
        provider_amount=raw_amount(node, "amount_total", currency, total),
        stripe=_ids(checkout_session_id=id_, payment_intent_id=intent, subscription_id=node.reference("subscription"),
                    invoice_id=invoice_id, customer_id=node.reference("customer")),
    )  # fmt: skip
    return Reading((context.state(id_, Kind.CLAIM, claim),), links(context, intent, invoice_id), refs(node))


def _ids(**ids: str | None) -> dict[str, str]:
    return {name: id_ for name, id_ in ids.items() if id_}


def _session_content(node: Node, currency: str, total: int, id_: str) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    """Webhooks carry no line items (they are not expanded): one line with the subtotal, and what was added to it."""
    details = node.maybe_node("total_details") or Node({})
    discount, shipping, tax = (
        amount(details, f"amount_{name}", currency, 0) for name in ("discount", "shipping", "tax")
    )
    subtotal = amount(node, "amount_subtotal", currency, total)
    inclusive = tax > 0 and subtotal + shipping - discount == total  # the tax is inside the prices
    charges = [
        Charge(kind=kind, key=kind, value=str(value), amount=-value if kind == "discount" else value)
        for kind, value in (("discount", discount), ("shipping", shipping), ("tax", 0 if inclusive else tax))
        if value
    ]
    expanded = node.maybe_node("line_items")
    lines = [_session_line(item, currency) for item in expanded.nodes("data")] if expanded else []
    if sum(line.total for line in lines) + sum(charge.amount for charge in charges) != total:
        net = subtotal - tax if inclusive else subtotal
        lines = [Line(key="subtotal", name=f"Stripe checkout {id_[-8:]}", unit_price=net, subtotal=net,
                      tax=tax if inclusive else 0, total=subtotal)]  # fmt: skip
    return tuple(lines), tuple(charges)


def _session_line(item: Node, currency: str) -> Line:
    subtotal = amount(item, "amount_subtotal", currency, 0)
    quantity = item.raw("quantity") if isinstance(item.raw("quantity"), int) else 1
    return Line(
        key=item.maybe_identifier("id") or item.path,
        name=item.text("description", 1000) or "Item",
        quantity=str(quantity),
        unit_price=subtotal // quantity if quantity else subtotal,
        subtotal=subtotal,
        total=subtotal,
    )


_INTENT = {
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_source": "pending",
    "requires_action": "requires_action",
    "requires_source_action": "requires_action",
    "processing": "processing",
    "requires_capture": "processing",
    "canceled": "canceled",
    "succeeded": "succeeded",
}


def payment_intent(node: Node, context: Context) -> Reading:
    """One payment. `payment_failed` is not the end: the intent may be tried again."""
    id_, currency = node.identifier("id"), node.currency("currency")
    error = node.maybe_node("last_payment_error")
    status = _INTENT.get(node.text("status", 100) or "", "pending")
    if context.topic == "payment_intent.payment_failed" or (status == "pending" and error is not None):
        status = "failed"
    if context.topic in (
        "payment_intent.succeeded",
        "payment_intent.canceled",
    ):  # the type outranks an object that was edited
        status = context.topic.rsplit(".", 1)[1]
    asked = amount(node, "amount", currency)
    good = status == "succeeded"
    received = amount(node, "amount_received", currency, 0) or (asked if good else 0)
    embedded = node.maybe_node("charges")
    charges = list(embedded.nodes("data")) if embedded else []
    latest = node.maybe_node("latest_charge")
    if latest is not None:
        charges.append(latest)
    billing = next((details for item in charges if (details := item.maybe_node("billing_details"))), None)
    failure = _failure(error) if status == "failed" else (UNSET, UNSET)
    stated = Payment(
        status=status,
        amount=asked,
        received=received if good else UNSET,
        currency=currency,
        system="stripe",
        method=_method(node, error),
        failure_code=failure[0],
        failure_message=failure[1],
        attempted_at=node.maybe_unix("created") or context.at,
        paid_at=context.at if good else UNSET,
        claims="payment_intent" in context.orders_from,
        connection=context.connection,
        party=party(context, node, _receipt(node), node.maybe_node("shipping"), billing),
        livemode=context.livemode,
        provider_amount=raw_amount(node, "amount", currency, asked),
        customer_id=node.reference("customer") or UNSET,
    )
    facts: dict[str, Fact] = {}
    linked: set[str] = set(links(context, node.reference("latest_charge"), node.reference("invoice")))
    for item in charges:
        if item.has("currency"):
            for fact in _charge_facts(item, context, id_, embedded=True):
                facts[fact.key] = fact
        linked.update(links(context, item.maybe_identifier("id")))
    facts[context.key(id_)] = context.state(id_, Kind.PAYMENT, stated)
    return Reading(tuple(facts.values()), tuple(sorted(linked)), refs(node))


def _method(node: Node, error: Node | None) -> Maybe[str]:
    used = node.maybe_node("payment_method") or (error and error.maybe_node("payment_method"))
    if used and used.has("type"):
        return used.text("type", 100) or UNSET
    types = node.raw("payment_method_types")
    if isinstance(types, list) and len(types) == 1 and isinstance(types[0], str):
        return types[0][:100]
    return UNSET


def _failure(error: Node | None) -> tuple[Maybe[str | None], Maybe[str | None]]:
    if error is None:
        return None, None
    return error.maybe_identifier("decline_code") or error.maybe_identifier("code"), error.text("message")


def charge(node: Node, context: Context) -> Reading:
    """One try of a payment. It states the payment's status, and how much of itself was refunded so far."""
    id_ = node.identifier("id")
    intent = node.reference("payment_intent")
    return Reading(
        tuple(_charge_facts(node, context, intent)), links(context, id_, intent, node.reference("invoice")), refs(node)
    )


def _charge_facts(node: Node, context: Context, intent: str | None, *, embedded: bool = False) -> list[Fact]:
    id_, currency = node.identifier("id"), node.currency("currency")
    whole, returned = amount(node, "amount", currency), amount(node, "amount_refunded", currency, 0)
    topic = "" if embedded else context.topic
    status = {"failed": "failed", "pending": "processing", "succeeded": "succeeded"}.get(
        node.text("status", 100) or "", ""
    )
    status = status or ("succeeded" if node.boolean("paid") else "failed" if node.has("failure_code") else "processing")
    captured = node.raw("captured") is not False
    if status == "succeeded" and not captured:
        status = "processing"
    status = {"charge.expired": "canceled", "charge.captured": "succeeded", "charge.pending": "processing"}.get(
        topic, status
    )
    good = status == "succeeded"
    balance = node.maybe_node("balance_transaction")
    outcome = node.maybe_node("outcome")
    blocked = outcome is not None and outcome.raw("type") == "blocked"
    code = node.maybe_identifier("failure_code")
    reason = outcome.maybe_identifier("reason") if outcome else None
    billing = node.maybe_node("billing_details")
    details = node.maybe_node("payment_method_details")
    payment = Payment(
        status=status,
        amount=whole,
        received=amount(node, "amount_captured", currency, whole) or whole if good else UNSET,
        currency=currency,
        system="stripe",
        method=(details.text("type", 100) if details else None) or UNSET,
        fee=_settled(balance, "fee", currency),
        net=_settled(balance, "net", currency),
        failure_code=("blocked" if blocked else reason or code) if status == "failed" else UNSET,
        failure_message=node.text("failure_message") if status == "failed" else UNSET,
        attempted_at=UNSET if intent else (node.maybe_unix("created") or context.at),
        paid_at=(node.maybe_unix("created") or context.at) if good else UNSET,
        claims=UNSET if intent else "payment_intent" in context.orders_from,
        connection=context.connection,
        party=UNSET if embedded else party(context, node, billing, _receipt(node)),
        livemode=context.livemode,
        provider_amount=raw_amount(node, "amount", currency, whole),
    )  # fmt: skip
    total = ChargeTotal(payment=context.key(intent or id_), refunded=returned, currency=currency)
    found = [context.state(intent or id_, Kind.PAYMENT, payment)] if not embedded or not good else []
    if intent or embedded:
        found.append(context.state(id_, Kind.CHARGE, total))
    elif returned:
        found.append(context.state(f"{id_}#total", Kind.CHARGE, total))
    listed = node.maybe_node("refunds")
    for item in listed.nodes("data") if listed else ():
        found.extend(_refund_facts(item, context, ""))
    return found


def _settled(balance: Node | None, name: str, currency: str) -> Maybe[int]:
    """A figure of an expanded balance transaction, where it settled in the payment's own currency."""
    if balance is None or not balance.has(name) or str(balance.raw("currency")).upper() != currency:
        return UNSET
    return amount(balance, name, currency)


def refund(node: Node, context: Context) -> Reading:
    """One refund. All three families of events announce the same object; it may fail after it succeeded."""
    return Reading(
        tuple(_refund_facts(node, context, context.topic)),
        links(context, node.reference("charge"), node.reference("payment_intent")),
        refs(node),
    )


def _refund_facts(node: Node, context: Context, topic: str) -> list[Fact]:
    id_, currency = node.identifier("id"), node.currency("currency")
    status = node.text("status", 100) or "succeeded"  # null before 2017: refunds had no status then
    if topic == "refund.failed":
        status = "failed"
    stated = Refund(
        payment=context.maybe_key(node.reference("payment_intent")),
        charge=context.maybe_key(node.reference("charge")),
        amount=amount(node, "amount", currency),
        currency=currency,
        status=status if status in ("pending", "requires_action", "succeeded", "canceled", "failed") else "pending",
        reason=node.text("reason", 1000),
        refunded_at=node.maybe_unix("created") or context.at,
    )
    return [context.state(id_, Kind.REFUND, stated)]


def dispute(node: Node, context: Context) -> Reading:
    """A dispute; money counts as returned only once it is lost."""
    id_, currency = node.identifier("id"), node.currency("currency")
    evidence = node.maybe_node("evidence_details")
    stated = Dispute(
        payment=context.maybe_key(node.reference("payment_intent")),
        charge=context.maybe_key(node.reference("charge")),
        amount=amount(node, "amount", currency),
        currency=currency,
        status=node.text("status", 100) or "needs_response",
        reason=node.text("reason", 1000),
        evidence_due_at=evidence.maybe_unix("due_by") if evidence else None,
        disputed_at=node.maybe_unix("created") or context.at,
    )
    about = links(context, node.reference("charge"), node.reference("payment_intent"))
    return Reading((context.state(id_, Kind.DISPUTE, stated),), about, refs(node))


def subscription(node: Node, context: Context) -> Reading:
    """Stripe's own subscription. Its sales are its invoices; it links none of them."""
    items = node.maybe_node("items")
    ends: list[Any] = [item.maybe_unix("current_period_end") for item in items.nodes("data")] if items else []
    stated = Subscription(
        status=node.text("status", 100) or "incomplete",
        customer=context.maybe_key(node.reference("customer")) or UNSET,
        currency=node.currency("currency") if node.has("currency") else None,
        started_at=node.maybe_unix("start_date") or node.maybe_unix("start"),
        ended_at=node.maybe_unix("ended_at"),
        current_period_end=node.maybe_unix("current_period_end") or max((end for end in ends if end), default=None),
        cancel_at_period_end=node.boolean("cancel_at_period_end"),
    )
    return Reading((context.state(node.identifier("id"), Kind.SUBSCRIPTION, stated),))
