"""Stripe's billing documents as facts: invoices, the payments that belong to them, credit notes.

Before 2025-03-31.basil an invoice names its payment intent and charge and says `paid`; since then
`invoice_payment.paid` links them, and the invoice says how much was paid without naming by what
(docs.stripe.com/changelog/basil/2025-03-31).
"""

from __future__ import annotations

import msgspec

from handlers.providers.sale_parts import keyed
from handlers.providers.stripe_objects import Context, amount, first_of, links, person_address, raw_amount, refs
from handlers.providers.stripe_objects import address as read_address
from handlers.reading import Node
from schemas.fact import Fact, Ignored, Kind, Reading
from schemas.stated import Charge, Claim, Credit, Form, Line, Party, Payment, Refund


def invoice(node: Node, context: Context) -> Reading | Ignored:
    """An invoice claims the sale once it is finalized; a draft only announces it."""
    id_ = node.maybe_identifier("id")
    if id_ is None:
        return Ignored("the invoice is only a preview and has no id")
    currency = node.currency("currency")
    times = node.maybe_node("status_transitions") or Node({}, node.path)
    status = _SAYS.get(context.topic) or _status(node, times)
    total = amount(node, "total", currency)
    due, paid = amount(node, "amount_due", currency, total), amount(node, "amount_paid", currency, 0)
    settled = status == "paid"
    credited = amount(node, "pre_payment_credit_notes_amount", currency, 0)
    if settled:  # a customer's credit balance may have paid a part; nothing more is owed
        paid = max(paid, total - credited)
    intent, charge = node.reference("payment_intent"), node.reference("charge")
    failed = context.topic == "invoice.payment_failed" and status == "open"
    lines, charges = _content(node, currency, total)
    claim = Claim(
        form=Form.INVOICE,
        claims=status != "draft" and "invoice" in context.orders_from,
        connection=context.connection,
        external_id=id_,
        external_number=node.text("number", 255),
        title=f"Stripe invoice {node.text('number', 255) or id_[-8:]}",
        currency=currency,
        total=max(0, total),
        lines=lines,
        charges=charges,
        open=status in ("draft", "open") and not failed,
        failed=failed or status == "uncollectible",
        canceled=status == "void",
        settled=settled,
        stated_paid=max(0, paid),
        pays_with=links(context, intent or charge),
        payment_system="stripe",
        party=_party(node, context),
        billing_address=read_address(node.maybe_node("customer_address"), node.text("customer_name", 1000)),
        shipping_address=person_address(node.maybe_node("customer_shipping") or node.maybe_node("shipping_details")),
        notes=None,
        ordered_at=node.maybe_unix("created") or node.maybe_unix("date") or context.at,
        paid_at=(times.maybe_unix("paid_at") or context.at) if settled else None,
        due_at=node.maybe_unix("due_date"),
        livemode=context.livemode,
        provider_amount=raw_amount(node, "total", currency, total),
        stripe=_ids(node, id_, intent),
    )
    facts: list[Fact] = [context.state(id_, Kind.CLAIM, claim)]
    if credited:
        credit = Credit(amount=credited, currency=currency, void=False)
        facts.append(context.state(f"{id_}#credited", Kind.CREDIT, credit))
    if context.topic in ("invoice.payment_failed", "invoice.payment_action_required") and (intent or charge):
        tried = "failed" if context.topic.endswith("failed") else "requires_action"
        # Stripe sends payment_failed and payment_action_required of one try in one second: the failure comes first.
        said = msgspec.structs.replace(context, at=context.at - (tried == "failed"))
        facts.append(
            said.state(
                intent or charge or id_, Kind.PAYMENT,
                Payment(status=tried, amount=due, currency=currency, system="stripe", livemode=context.livemode),
            )
        )  # fmt: skip
    first = first_of(_subscription(node)) if node.raw("billing_reason") == "subscription_create" else None
    return Reading(tuple(facts), links(context, intent, charge, first), refs(node))


_SAYS = {
    "invoice.paid": "paid",
    "invoice.payment_succeeded": "paid",
    "invoice.voided": "void",
    "invoice.marked_uncollectible": "uncollectible",
}
"""What a topic says of the invoice, whatever the object beside it says: in old recordings it was edited."""


def _status(node: Node, times: Node) -> str:
    """draft, open, paid, void or uncollectible; invoices before 2018 said it in booleans."""
    status = node.text("status", 100)
    if status:
        return status
    if node.boolean("paid"):
        return "paid"
    if node.boolean("forgiven"):
        return "uncollectible"
    return "open" if node.boolean("closed") or node.boolean("attempted") or times.has("finalized_at") else "draft"


def _party(node: Node, context: Context) -> Party:
    customer = context.maybe_key(node.reference("customer"))
    return Party(
        ids=(customer,) if customer else (),
        email=node.email("customer_email"),
        name=node.text("customer_name", 1000),
        phone=node.text("customer_phone", 100),
    )


def _subscription(node: Node) -> str | None:
    """The subscription, in its place before and since basil."""
    parent = node.maybe_node("parent")
    details = parent.maybe_node("subscription_details") if parent else None
    return node.reference("subscription") or (details.reference("subscription") if details else None)


def _ids(node: Node, id_: str, intent: str | None) -> dict[str, str]:
    subscription = _subscription(node)
    found = {
        "invoice_id": id_,
        "payment_intent_id": intent,
        "subscription_id": subscription,
        "customer_id": node.reference("customer"),
    }
    return {name: value for name, value in found.items() if value}


def _content(node: Node, currency: str, total: int) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    """The lines as billed. What they do not account for (credits, discounts of the whole invoice, lines beyond the ten
    that a webhook carries) shows as the order's price adjustment."""
    listed = node.maybe_node("lines")
    lines = [_line(item, currency) for item in listed.nodes("data")] if listed else []
    if not lines and total:
        lines = [
            Line(
                key="total",
                name=f"Invoice {node.text('number', 255) or node.identifier('id')[-8:]}",
                unit_price=total,
                subtotal=total,
                total=total,
            )
        ]
    shipping_cost = node.maybe_node("shipping_cost")
    shipping = amount(shipping_cost, "amount_total", currency, 0) if shipping_cost else 0
    charges = (Charge(kind="shipping", key="shipping", value=str(shipping), amount=shipping),) if shipping > 0 else ()
    return keyed(lines), charges


def _line(item: Node, currency: str) -> Line:
    billed = amount(item, "amount", currency, 0)
    quantity = item.raw("quantity")
    quantity = quantity if isinstance(quantity, int) and not isinstance(quantity, bool) and quantity > 0 else 1
    discount = sum(amount(part, "amount", currency, 0) for part in item.nodes("discount_amounts"))
    taxes = list(item.nodes("tax_amounts")) or list(item.nodes("taxes"))
    inside = sum(
        amount(tax, "amount", currency, 0)
        for tax in taxes
        if tax.boolean("inclusive") or tax.raw("tax_behavior") == "inclusive"
    )
    added = sum(amount(tax, "amount", currency, 0) for tax in taxes) - inside
    net = billed - inside
    return Line(
        key=item.maybe_identifier("id") or item.path,
        name=item.text("description", 5000) or "Item",
        sku=_product(item),
        quantity=str(quantity),
        unit_price=net // quantity,
        discount=discount,
        subtotal=net,
        tax=inside + added,
        total=net - discount + inside + added,
        service=True,
    )


def _product(item: Node) -> str | None:
    pricing = item.maybe_node("pricing")
    details = pricing.maybe_node("price_details") if pricing else None
    place = details or item.maybe_node("price") or item.maybe_node("plan")
    return place.reference("product") if place else None


def invoice_payment(node: Node, context: Context) -> Reading:
    """The link between an invoice and what paid it (since basil); it states the payment, too."""
    invoice_id = node.reference("invoice")
    payment = node.maybe_node("payment")
    key = (payment.reference("payment_intent") or payment.reference("charge")) if payment else None
    facts: tuple[Fact, ...] = ()
    if key and node.has("currency"):
        currency = node.currency("currency")
        paid = amount(node, "amount_paid", currency, 0)
        good = node.raw("status") == "paid" or context.topic.endswith("paid")
        stated = Payment(
            status="succeeded" if good else "pending", amount=paid, currency=currency, system="stripe",
            paid_at=context.at if good else None, livemode=context.livemode,
        )  # fmt: skip
        facts = (context.state(key, Kind.PAYMENT, stated),)
    return Reading(facts, links(context, invoice_id, key), refs(node))


def credit_note(node: Node, context: Context) -> Reading:
    """Before payment a credit note lowers what is owed; after it, it announces a refund or money given otherwise."""
    id_, currency = node.identifier("id"), node.currency("currency")
    void = context.topic.endswith("voided") or node.raw("status") == "void"
    total = amount(node, "total", currency, amount(node, "amount", currency, 0))
    before = amount(node, "pre_payment_amount", currency, total if node.raw("type") == "pre_payment" else 0)
    facts: list[Fact] = []
    if before:
        facts.append(context.state(id_, Kind.CREDIT, Credit(amount=before, currency=currency, void=void)))
    outside = amount(node, "out_of_band_amount", currency, 0)
    if outside:
        given = Refund(
            payment=None, charge=None, amount=outside, currency=currency, status="canceled" if void else "succeeded",
            reason="credit note", refunded_at=node.maybe_unix("created") or context.at,
        )  # fmt: skip
        facts.append(context.state(f"{id_}#given", Kind.REFUND, given))
    refunds = [node.reference("refund"), *(item.reference("refund") for item in node.nodes("refunds"))]
    return Reading(tuple(facts), links(context, id_, node.reference("invoice"), *refunds), refs(node))
