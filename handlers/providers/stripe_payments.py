"""Stripe's payments as facts: payment intents, their charges, refunds and disputes (docs.stripe.com/api/charges)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from handlers.merge import state
from handlers.providers.stripe_objects import Context, amount, links, moved, party, raw_amount, receipt, refs
from handlers.reading import Node
from schemas.fact import Fact, Kind, Reading
from schemas.stated import ChargeTotal, Dispute, Maybe, Payment, Refund

OFF_SESSION = "daybook_attempt"
"""The name in the metadata of a payment that Daybook makes with a saved payment method, without the customer."""
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
    if status == "pending" and (error is not None or context.topic == "payment_intent.payment_failed"):
        status = "failed"
    if context.topic in (
        "payment_intent.succeeded",
        "payment_intent.canceled",
    ):  # the type outranks an object that was edited
        status = context.topic.rsplit(".", 1)[1]
    asked = moved(node, "amount", currency)
    good = status == "succeeded"
    received = amount(node, "amount_received", currency, 0) or (asked if good else 0)
    embedded = node.maybe_node("charges")
    charges = list(embedded.nodes("data")) if embedded else []
    latest = node.maybe_node("latest_charge")
    if latest is not None:
        charges.append(latest)
    billing = next((details for item in charges if (details := item.maybe_node("billing_details"))), None)
    failure = _failure(error) if status == "failed" else (UNSET, UNSET, UNSET)
    stated = Payment(
        status=status,
        amount=asked,
        received=received if good else UNSET,
        currency=currency,
        system="stripe",
        merchant=context.merchant,
        one_click=True if OFF_SESSION in (node.raw("metadata") or ()) else UNSET,
        method=_method(node, error),
        failure_code=failure[0],
        failure_message=failure[1],
        advice=failure[2],
        attempted_at=node.maybe_unix("created") or context.at,
        paid_at=context.at if good else UNSET,
        claims="payment_intent" in context.orders_from,
        connection=context.connection,
        party=party(context, node, receipt(node), node.maybe_node("shipping"), billing),
        livemode=context.livemode,
        provider_amount=raw_amount(node, "amount", currency, asked),
        comment=node.text("description", 1000) or UNSET,
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


def _failure(error: Node | None) -> tuple[Maybe[str | None], Maybe[str | None], Maybe[str | None]]:
    """Code, message and advice of the last try that failed."""
    if error is None:
        return None, None, None
    code = error.maybe_identifier("decline_code") or error.maybe_identifier("code")
    return code, error.text("message"), error.maybe_identifier("advice_code")


_DECISIVE = frozenset({"charge.pending", "charge.succeeded", "charge.failed", "charge.captured", "charge.expired"})


def charge(node: Node, context: Context) -> Reading:
    """One try of a payment. It states the payment's status, and how much of itself was refunded so far."""
    id_ = node.identifier("id")
    intent = node.reference("payment_intent")
    return Reading(
        tuple(_charge_facts(node, context, intent)), links(context, id_, intent, node.reference("invoice")), refs(node)
    )


def _charge_facts(node: Node, context: Context, intent: str | None, *, embedded: bool = False) -> list[Fact]:
    id_, currency = node.identifier("id"), node.currency("currency")
    whole, returned = moved(node, "amount", currency), amount(node, "amount_refunded", currency, 0)
    topic = "" if embedded else context.topic
    created = node.maybe_unix("created") or context.at
    # Events that only restate the charge say nothing new of how it went: they count from when it was made.
    at = context.at if topic in _DECISIVE else min(created, context.at)
    status = {"failed": "failed", "pending": "processing", "succeeded": "succeeded"}.get(
        node.text("status", 100) or "", ""
    )
    status = status or ("succeeded" if node.boolean("paid") else "failed" if node.has("failure_code") else "processing")
    captured = node.raw("captured") is not False
    taken = amount(node, "amount_captured", currency, whole) or whole
    if captured:  # what was authorised and not captured counts as refunded at Stripe; it never came in
        returned = max(0, returned - (whole - taken))
    elif status == "succeeded":
        status = "canceled" if returned >= whole else "processing"
        returned = 0
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
        received=taken if good else UNSET,
        currency=currency,
        system="stripe",
        merchant=context.merchant,
        method=(details.text("type", 100) if details else None) or UNSET,
        fee=_settled(balance, "fee", currency),
        net=_settled(balance, "net", currency),
        failure_code=("blocked" if blocked else reason or code) if status == "failed" else UNSET,
        failure_message=node.text("failure_message") if status == "failed" else UNSET,
        advice=(outcome.maybe_identifier("advice_code") or UNSET) if outcome and status == "failed" else UNSET,
        attempted_at=UNSET if intent else created,
        paid_at=at if good else UNSET,
        claims=UNSET if intent else "payment_intent" in context.orders_from,
        connection=context.connection,
        party=UNSET if embedded else party(context, node, billing, receipt(node)),
        livemode=context.livemode,
        provider_amount=raw_amount(node, "amount", currency, whole),
    )  # fmt: skip
    total = ChargeTotal(payment=context.key(intent or id_), refunded=returned, currency=currency)
    said = msgspec.structs.replace(context, at=at)
    found = [said.state(intent or id_, Kind.PAYMENT, payment)] if not embedded or not good else []
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


def payment_of(charge: Node) -> str:
    """The key of the payment that a charge is a try of."""
    return f"stripe:{charge.reference('payment_intent') or charge.identifier('id')}"


def cost(charge: Node, balance: Node, event: str) -> Reading | None:
    """What a charge's balance transaction states of its payment: fee and net. None where it settled in another
    currency. `event`: who says so."""
    currency = charge.currency("currency")
    stated = Payment(fee=_settled(balance, "fee", currency), net=_settled(balance, "net", currency))
    if stated.fee is UNSET:
        return None
    said = state(payment_of(charge), Kind.PAYMENT, stated, at=balance.unix("created"), rank=9, event=event)
    return Reading((said,), (f"stripe:{charge.identifier('id')}",))


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
        amount=moved(node, "amount", currency),
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
        amount=moved(node, "amount", currency),
        currency=currency,
        status=node.text("status", 100) or "needs_response",
        reason=node.text("reason", 1000),
        evidence_due_at=evidence.maybe_unix("due_by") if evidence else None,
        disputed_at=node.maybe_unix("created") or context.at,
    )
    about = links(context, node.reference("charge"), node.reference("payment_intent"))
    return Reading((context.state(id_, Kind.DISPUTE, stated),), about, refs(node))
