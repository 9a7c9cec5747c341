"""Stripe's Checkout Sessions as facts: each claims a sale (docs.stripe.com/api/checkout/sessions)."""

from __future__ import annotations

from handlers.providers.sale_parts import keyed
from handlers.providers.stripe_objects import Context, amount, first_of, links, party, person_address, raw_amount, refs
from handlers.reading import Node
from schemas.fact import Ignored, Kind, Reading
from schemas.stated import Charge, Claim, Form, Line


def session(node: Node, context: Context) -> Reading | Ignored:
    """A Checkout Session claims the sale. `completed` is not paid: delayed methods pay or fail later."""
    if node.raw("mode") == "setup":
        return Ignored("the session only saved a payment method; nothing was sold")
    id_ = node.identifier("id")
    items = list(node.nodes("display_items"))  # until 2020 a session had these, and no totals
    currency = (items[0] if items and not node.has("currency") else node).currency("currency")
    total = sum(_listed(item, currency) for item in items) if items else amount(node, "amount_total", currency, 0)
    payment, status = node.text("payment_status", 100), node.text("status", 100)
    paid = payment == "paid" or context.topic.endswith("async_payment_succeeded")
    canceled = status == "expired" or context.topic.endswith("expired")
    failed = context.topic.endswith("async_payment_failed")
    lines, charges = _content(node, currency, total, id_)
    details = node.maybe_node("customer_details")
    collected = node.maybe_node("collected_information")
    shipping = (
        (collected and collected.maybe_node("shipping_details"))
        or node.maybe_node("shipping_details")
        or node.maybe_node("shipping")
    )
    intent, invoice_id = node.reference("payment_intent"), node.reference("invoice")
    subscription = node.reference("subscription")
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
        stripe=_ids(checkout_session_id=id_, payment_intent_id=intent, subscription_id=subscription,
                    invoice_id=invoice_id, customer_id=node.reference("customer")),
    )  # fmt: skip
    first = first_of(subscription)
    return Reading((context.state(id_, Kind.CLAIM, claim),), links(context, intent, invoice_id, first), refs(node))


def _listed(item: Node, currency: str) -> int:
    quantity = item.raw("quantity")
    return amount(item, "amount", currency) * (quantity if isinstance(quantity, int) else 1)


def _ids(**ids: str | None) -> dict[str, str]:
    return {name: id_ for name, id_ in ids.items() if id_}


def _content(node: Node, currency: str, total: int, id_: str) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
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
    lines = [_line(item, currency) for item in expanded.nodes("data")] if expanded else []
    if sum(line.total for line in lines) + sum(charge.amount for charge in charges) != total:
        net = subtotal - tax if inclusive else subtotal
        lines = [Line(key="subtotal", name=f"Stripe checkout {id_[-8:]}", unit_price=net, subtotal=net,
                      tax=tax if inclusive else 0, total=subtotal)]  # fmt: skip
    return keyed(lines), tuple(charges)


def _line(item: Node, currency: str) -> Line:
    subtotal = amount(item, "amount_subtotal", currency, 0)
    quantity = item.raw("quantity")
    quantity = quantity if isinstance(quantity, int) and not isinstance(quantity, bool) and quantity > 0 else 1
    return Line(
        key=item.maybe_identifier("id") or item.path,
        name=item.text("description", 1000) or "Item",
        quantity=str(quantity),
        unit_price=subtotal // quantity,
        subtotal=subtotal,
        total=subtotal,
    )
