"""WooCommerce: signed bodies in, facts out.

The delivery id has a resolution of one second, so two orders of one second share it: deliveries are told apart by topic
and body. WooCommerce never sends again and switches a webhook off after six failures, so nothing that can be read in
any way is refused. Saving a webhook sends an unsigned form, `webhook_id=31`, which must be answered 200.

An order arrives as it is when it is sent, not as it was when it changed; its version is `date_modified_gmt`. All
figures are net with their taxes apart. A line may carry more digits than the currency has, the total may not.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from handlers.errors import Unmappable
from handlers.merge import state
from handlers.providers import body_hmac
from handlers.providers.glance import digest
from handlers.providers.sale_parts import address, charge, fitting, joined, key, keyed, plain, sold
from handlers.providers.signing import PING
from handlers.reading import Node, micros
from schemas.fact import Fact, Ignored, Kind, Reading
from schemas.order import ShippingStatus
from schemas.provider import Delivery, Event, Fetch, Identity, Lane, Source, Verification
from schemas.stated import Charge, Claim, Form, Line, Party, Refund

PROVIDER: str = "woocommerce"
TOPICS: tuple[str, ...] = ("order.created", "order.updated", "order.deleted", "order.restored")

_PING = re.compile(rb"\s*webhook_id=\d{1,20}\s*")
_STRIPE_ID = re.compile(r"(?:pi|ch|py)_[A-Za-z0-9_]{1,200}")
_STRIPE_META = frozenset({"_stripe_intent_id", "_intent_id", "_payment_intent_id", "_charge_id", "_stripe_charge_id"})
_ADDRESS = {
    "company": "company", "line1": "address_1", "line2": "address_2", "city": "city", "state": "state",
    "postal_code": "postcode", "country": "country", "phone": "phone",
}  # fmt: skip
_CANCELED = frozenset({"cancelled", "canceled", "trash"})
_FINAL = frozenset({*_CANCELED, "failed", "refunded", "completed"})
_SHIPPING = {
    "completed": ShippingStatus.SHIPPED,
    "shipped": ShippingStatus.SHIPPED,
    "partial-shipped": ShippingStatus.PARTIALLY_SHIPPED,
    "partially-shipped": ShippingStatus.PARTIALLY_SHIPPED,
    "delivered": ShippingStatus.DELIVERED,
    "returned": ShippingStatus.RETURNED,
}
"""What a status says of the goods. Woo's own `completed` means fulfilled; the others are of widespread plugins."""
_PROGRESS = (
    "checkout-draft", "pending", "failed", "on-hold", "processing", "completed", "cancelled", "refunded", "trash",
)  # fmt: skip
"""Which of two versions of one second is the later one: the one further along."""


def verify(delivery: Delivery, source: Source) -> Verification:
    """Whether one of the connection's secrets signed the body; or the unsigned ping of a webhook being saved."""
    headers = delivery.headers
    if not any(name.startswith("x-wc-") for name in headers) and _PING.fullmatch(delivery.body):
        return PING
    return body_hmac.check(
        "X-WC-Webhook-Signature", headers.get("x-wc-webhook-signature"), delivery.body, source.secrets
    )


def identify(delivery: Delivery, source: Source) -> Identity:
    """By topic and body. The delivery id is kept to be searched for, never relied on."""
    topic = delivery.headers.get("x-wc-webhook-topic", "").strip()
    return Identity(
        topic=topic,
        delivery_id=delivery.headers.get("x-wc-webhook-delivery-id", "").strip(),
        dedupe=(topic.encode("utf-8", "surrogatepass"), delivery.body),
        lane=Lane.ORDERS,
        sound=False,
    )


def fetches(event: Event) -> tuple[Fetch, ...]:
    """Nothing: WooCommerce sends whole orders."""
    return ()


def facts(event: Event) -> Reading | Ignored:
    """What the event states. Raises Unmappable with the path of the field that is wrong."""
    body = Node(event.body)
    if event.topic not in TOPICS and not {"id", "line_items", "status", "total"} <= event.body.keys():
        return Ignored(f"{event.topic or 'A delivery without a topic'} carries no order, so it changes none.")
    if event.topic not in (*TOPICS, "") and not event.topic.startswith("action."):
        return Ignored(f"{event.topic} is not about an order.")
    if not body.has("id") and body.has("code"):
        told = body.text("message", 300) or body.text("code", 100)
        raise Unmappable("id", f"missing; the shop sent an error instead of the order: {told}")
    if event.topic == "order.deleted" and not body.has("total"):
        return _deleted(event, body)
    if body.raw("status") == "auto-draft":
        return Ignored("The order is still an empty draft in the shop's admin.")
    return _order(event, body)


def _deleted(event: Event, body: Node) -> Reading:
    """The body of order.deleted is the id alone, so the time of its arrival has to do."""
    when = micros(event.received_at)
    name = key(event.source.connection, "order", body.identifier("id"))
    return Reading((state(name, Kind.CLAIM, Claim(deleted_at=when), at=when, event=event.id),))


def _order(event: Event, body: Node) -> Reading:
    connection, identifier = event.source.connection, body.identifier("id")
    currency = body.currency("currency")
    total = body.minor("total", currency)
    if total < 0:
        raise Unmappable("total", "an amount below zero")
    status = (body.text("status", 100) or "pending").removeprefix("wc-")
    created = _time(body, "date_created")
    at = _time(body, "date_modified") or created or micros(event.received_at)
    paid_at = _time(body, "date_paid")
    paid = total if paid_at is not None or status == "refunded" else 0
    stripe = _stripe(body)
    back = tuple(_refunds(event, body, currency, created or at, at))
    returned = sum(amount for _, amount in back)
    lines = keyed(_lines(body, currency))
    number = body.text("number", 255) or identifier
    billing = body.maybe_node("billing")
    claim = Claim(
        form=Form.SHOP,
        claims=True,
        connection=connection,
        external_id=identifier,
        external_number=number,
        title=f"WooCommerce #{number}",
        currency=currency,
        total=total,
        lines=lines,
        charges=_charges(body, currency, lines, total),
        open=not paid and status not in _FINAL,
        failed=status == "failed",
        canceled=status in _CANCELED,
        settled=status in ("completed", "refunded") or paid_at is not None,
        stated_paid=paid,
        stated_returned=total if status == "refunded" else min(returned, paid),
        note=None,
        pays_with=tuple(f"stripe:{one}" for one in stripe),
        payment_system=body.text("payment_method", 255),
        party=_party(connection, body, billing),
        billing_address=address(billing, _ADDRESS),
        shipping_address=address(body.maybe_node("shipping"), _ADDRESS),
        shipping_status=_SHIPPING.get(status, ShippingStatus.UNSHIPPED),
        tracking_url=None,
        notes=body.text("customer_note"),
        ordered_at=created or at,
        paid_at=paid_at,
        due_at=None,
        livemode=True,
        stripe={"payment_intent_id": stripe[0]} if stripe and stripe[0].startswith("pi_") else {},
    )
    rank = 100 * len(back) + (_PROGRESS.index(status) if status in _PROGRESS else _PROGRESS.index("processing"))
    fact = state(key(connection, "order", identifier), Kind.CLAIM, claim, at=at, rank=rank, event=event.id)
    # Stripe tells of its refunds itself: counted here by an id of Woo's own as well, they would count twice.
    own = () if stripe else tuple(refund for refund, _ in back)
    return Reading((fact, *own), tuple(f"stripe:{one}" for one in stripe))


def _time(body: Node, name: str) -> int | None:
    """A time in UTC; in very old bodies only the shop's own clock, taken as it stands."""
    return body.maybe_time(f"{name}_gmt") or body.maybe_time(name)


def _refunds(event: Event, body: Node, currency: str, created: int, at: int) -> Iterator[tuple[Fact, int]]:
    """The order's refunds with their amounts. The order says how much, not when: it was by the time of this version.

    A refund never changes, so the statement of the earliest version that lists it decides (its rank is the highest),
    and a later edit of the order does not move the refund's date.
    """
    for node in body.nodes("refunds"):
        amount = abs(node.minor("total", currency))
        stated = Refund(
            payment=None,
            charge=None,
            amount=amount,
            currency=currency,
            status="succeeded",
            reason=node.text("reason", 1000),
            refunded_at=at,
        )
        own = key(event.source.connection, "refund", node.identifier("id"))
        yield state(own, Kind.REFUND, stated, at=created, rank=-(at // 1_000_000), event=event.id), amount


def _lines(body: Node, currency: str) -> Iterator[Line]:
    """Lines as sold: `subtotal` before the coupons, `total` after them. Parts of a bundle may come to nothing."""
    titles = [_words(node.text("method_title", 255)) for node in body.nodes("shipping_lines")]
    rates = {
        node.identifier("rate_id"): node.decimal("rate_percent")
        for node in body.nodes("tax_lines")
        if node.has("rate_id") and node.has("rate_percent") and not node.boolean("compound")
    }
    for node in body.nodes("line_items"):
        after = node.minor_rounded("total", currency)
        before = max(after, node.minor_rounded("subtotal", currency))
        applied = [tax.maybe_identifier("id") for tax in node.nodes("taxes") if tax.minor_rounded("total", currency)]
        known = [rates.get(one or "") for one in applied]
        rate = sum((one for one in known if one is not None), Decimal(0)) if known and None not in known else None
        yield sold(
            node,
            name=_words(node.text("name", 1000)),
            subtotal=before,
            discount=before - after,
            tax=node.minor_rounded("total_tax", currency),
            tax_rate=None if rate is None else plain(rate),
            delivery_method=titles[0] if len(titles) == 1 else None,
        )


def _charges(body: Node, currency: str, lines: tuple[Line, ...], total: int) -> tuple[Charge, ...]:
    """Shipping and fees, net, each with its tax; and gift cards where the total is what is left after them."""
    label = joined(*(_words(node.text("method_title", 255)) for node in body.nodes("shipping_lines")))
    found = [
        charge("shipping", "shipping", body.minor_rounded("shipping_total", currency), label),
        charge("tax", "shipping-tax", body.minor_rounded("shipping_tax", currency), "Tax on shipping"),
    ]
    for index, node in enumerate(body.nodes("fee_lines"), 1):
        name = f"fee-{node.maybe_identifier('id') or index}"
        words = _words(node.text("name", 255)) or "Fee"
        found.append(charge("surcharges", name, node.minor_rounded("total", currency), words))
        found.append(charge("tax", f"{name}-tax", node.minor_rounded("total_tax", currency), f"Tax on {words}"[:255]))
    found = [one for one in found if one.amount]
    cards = sum(node.minor_rounded("amount", currency) for node in body.nodes("gift_cards"))
    base = sum(line.total for line in lines) + sum(one.amount for one in found)
    if cards and base - cards == total:
        found.extend(fitting(base, (charge("price_adjustment", "gift-cards", -cards, "Gift cards"),), total))
    return tuple(found)


def _words(text: str | None) -> str | None:
    """Woo keeps titles HTML-escaped."""
    return html.unescape(text) if text else None


def _party(connection: str, body: Node, billing: Node | None) -> Party:
    """The customer; 0 is a guest, known by the billing e-mail address."""
    customer = body.maybe_identifier("customer_id")
    who = billing or Node({}, "billing")
    name = joined(who.text("first_name", 255), who.text("last_name", 255)) or who.text("company", 255)
    return Party(
        ids=(key(connection, "customer", customer),) if customer not in (None, "0") else (),
        email=who.email("email"),
        name=_words(name),
        phone=who.text("phone", 64),
    )


def _stripe(body: Node) -> tuple[str, ...]:
    """The Stripe ids by which this sale was paid, the payment intent first: Stripe's events are of this sale."""
    named: set[str] = set()
    for value in (body.raw("transaction_id"), *_metadata(body)):
        if isinstance(value, str) and _STRIPE_ID.fullmatch(value):
            named.add(value)
    return tuple(sorted(named, key=lambda one: (not one.startswith("pi_"), one)))


def _metadata(body: Node) -> Iterator[Any]:
    entries = body.raw("meta_data")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("key"), str) and entry["key"] in _STRIPE_META:
            yield entry.get("value")


def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a delivery as WooCommerce sends it. The delivery id follows from topic and body."""
    resource, _, happened = topic.partition(".")
    return {
        "X-WC-Webhook-Source": str(settings.get("shop_url") or "https://daybook-send.example/"),
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": happened,
        "X-WC-Webhook-Signature": body_hmac.signature(secret, body),
        "X-WC-Webhook-ID": "1",
        "X-WC-Webhook-Delivery-ID": digest(topic.encode(), body)[:32],
    }
