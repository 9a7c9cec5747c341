"""WooCommerce (class-wc-webhook.php and the REST API v1 to v3 of woocommerce.github.io/woocommerce-rest-api-docs).

- Signature: `X-WC-Webhook-Signature` is base64 HMAC-SHA256 over the body, keyed with the text that the admin typed. There
  is no timestamp.
- The delivery id has a resolution of one second, so two orders can share one: a delivery is known by topic and body.
- It never sends again, and disables a webhook after more than five failures in a row: a refusal loses the update.
- Saving a webhook sends an unsigned form `webhook_id=N` that must be answered exactly 200.
- The body is the order as it is when it is sent; deleted orders are `{"id": N}`. Lines are net, their taxes apart.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from handlers.merge import state
from handlers.providers.shop_documents import address, fixed, full_name, stated_line
from handlers.providers.signing import PING, VERIFIED, WRONG, from_base64, hmac_sha256, missing, same
from handlers.reading import Node, micros
from schemas.fact import Fact, Ignored, Kind, Reading
from schemas.order import ShippingStatus
from schemas.provider import Delivery, Event, Fetch, Identity, Lane, Source, Verification
from schemas.stated import Address, Charge, Claim, Form, Line, Party, Refund

PROVIDER = "woocommerce"
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")

_CANCELED = frozenset({"cancelled", "trash"})
_INTENT_KEYS = ("_stripe_intent_id", "_intent_id", "_payment_intent_id")
_CHARGE_KEYS = ("_charge_id", "_stripe_charge_id")


class _Head(msgspec.Struct):
    date_modified_gmt: Any = None


_HEAD = msgspec.json.Decoder(_Head)


def verify(delivery: Delivery, source: Source) -> Verification:
    """Check the signature, and let the unsigned ping of the webhook's set-up through."""
    headers = delivery.headers
    if (
        delivery.body.startswith(b"webhook_id=")
        and len(delivery.body) < 64
        and not any(name.startswith("x-wc-") for name in headers)
    ):
        return PING
    header = headers.get("x-wc-webhook-signature")
    if not header:
        return missing("X-WC-Webhook-Signature")
    signature = from_base64(header.strip())
    if signature and any(same(hmac_sha256(secret, delivery.body), signature) for secret in source.secrets if secret):
        return VERIFIED
    return WRONG


def identify(delivery: Delivery, source: Source) -> Identity:
    """What makes two deliveries the same is topic and body."""
    topic = delivery.headers.get("x-wc-webhook-topic", "")
    return Identity(
        topic=topic,
        delivery_id=delivery.headers.get("x-wc-webhook-delivery-id", ""),
        dedupe=(topic.encode("utf-8", "replace"), hashlib.sha256(delivery.body).digest()),
        lane=Lane.ORDERS,
        sound=False,
    )


def fetches(event: Event) -> tuple[Fetch, ...]:
    """Nothing: the body is the whole order."""
    return ()


def facts(event: Event) -> Reading | Ignored:
    """The order as the shop has it now, or that it is gone."""
    if event.topic not in TOPICS:
        return Ignored(f"Daybook does not act on {event.topic or 'a delivery without a topic'}")
    body = Node(event.body)
    id_ = body.identifier("id")
    key = f"{event.source.connection}:order:{id_}"
    if event.topic == "order.deleted" and not body.has("status"):
        gone = micros(event.received_at)
        return Reading((state(key, Kind.CLAIM, Claim(deleted_at=gone), at=gone, event=event.id),))
    if body.raw("status") in ("checkout-draft", "auto-draft"):
        return Ignored("the order is still a draft in the shop's checkout")
    at = _time(body, "date_modified") or _time(body, "date_created") or micros(event.received_at)
    links = _stripe_keys(body)
    claim = _claim(body, event, id_, at, links)
    found: list[Fact] = [state(key, Kind.CLAIM, claim, at=at, event=event.id)]
    currency = body.currency("currency")
    for refund in body.nodes("refunds"):
        stated = Refund(
            payment=None, charge=None, amount=abs(refund.minor("total", currency)), currency=currency, status="succeeded",
            reason=refund.text("reason", 1000), refunded_at=at,
        )  # fmt: skip
        found.append(
            state(
                f"{event.source.connection}:refund:{refund.identifier('id')}",
                Kind.REFUND,
                stated,
                at=at,
                event=event.id,
            )
        )
    return Reading(tuple(found), links)


def _time(body: Node, name: str) -> int | None:
    """A shop's time: UTC without a zone, or (in old versions) only the shop's local time."""
    return body.maybe_time(f"{name}_gmt") or body.maybe_time(name)


def _claim(body: Node, event: Event, id_: str, at: int, links: tuple[str, ...]) -> Claim:
    currency = body.currency("currency")
    total = body.minor("total", currency)
    status = body.text("status", 100) or "pending"
    paid_at = _time(body, "date_paid")
    # Cash on delivery is completed without ever having a date of payment in some versions.
    paid = total if paid_at is not None or status == "refunded" else 0
    connection = event.source.connection
    billing = body.maybe_node("billing") or body.maybe_node("billing_address")
    shipping = body.maybe_node("shipping") or body.maybe_node("shipping_address")
    customer = body.maybe_identifier("customer_id")
    return Claim(
        form=Form.SHOP,
        claims=True,
        connection=connection,
        external_id=id_,
        external_number=body.maybe_identifier("number") or body.maybe_identifier("order_number"),
        title=None,
        currency=currency,
        total=total,
        lines=tuple(_lines(body, currency)),
        charges=_charges(body, currency),
        open=status in ("pending", "on-hold", "processing") and not paid,
        failed=status == "failed",
        canceled=status in _CANCELED,
        settled=status in ("processing", "completed"),
        stated_paid=paid,
        stated_returned=total if status == "refunded" else 0,
        pays_with=links[-1:],
        payment_system=body.text("payment_method", 255),
        party=Party(
            ids=(f"{connection}:customer:{customer}",) if customer and customer != "0" else (),
            email=billing.email("email") if billing else None,
            name=full_name(billing) if billing else None,
            phone=billing.text("phone", 100) if billing else None,
        ),
        billing_address=_address(billing),
        shipping_address=_address(shipping),
        shipping_status=ShippingStatus.SHIPPED if status == "completed" else None,
        tracking_url=None,
        notes=body.text("customer_note"),
        ordered_at=_time(body, "date_created") or at,
        paid_at=paid_at,
        due_at=None,
        livemode=event.livemode,
        stripe={name: value for name, value in (("payment_intent_id", _first(links, "stripe:pi_")),) if value},
    )


def _first(links: tuple[str, ...], prefix: str) -> str | None:
    return next((key.removeprefix("stripe:") for key in links if key.startswith(prefix)), None)


def _address(node: Node | None) -> Address | None:
    return address(node, line1="address_1", line2="address_2", postal_code="postcode", state="state", country="country")


def _lines(body: Node, currency: str) -> Iterator[Line]:
    for item in body.nodes("line_items"):
        before, after = item.minor_rounded("subtotal", currency), item.minor_rounded("total", currency)
        yield stated_line(
            item.maybe_identifier("id") or item.path,
            item.text("name", 5000) or "Item",
            sku=item.maybe_identifier("sku"),
            quantity=item.decimal("quantity") if item.has("quantity") else Decimal(1),
            net=max(before, after),
            discount=max(0, before - after),
            tax=item.minor_rounded("total_tax", currency),
        )


def _charges(body: Node, currency: str) -> tuple[Charge, ...]:
    """Shipping and fees net, and the taxes on them as one tax charge."""
    found: list[Charge] = []
    tax = body.minor_rounded("shipping_tax", currency)
    found += fixed("shipping", "shipping", body.minor_rounded("shipping_total", currency))
    for fee in body.nodes("fee_lines"):
        name = fee.text("name", 500)
        found += fixed(
            "additional_cost", f"fee-{fee.maybe_identifier('id') or name}", fee.minor_rounded("total", currency), name
        )
        tax += fee.minor_rounded("total_tax", currency)
    for card in body.nodes("gift_cards"):
        code = card.maybe_identifier("code")
        found += fixed(
            "price_adjustment",
            f"gift-card-{card.maybe_identifier('id') or code}",
            -card.minor_rounded("amount", currency),
            f"Gift card {code}",
        )
    found += fixed("tax", "tax-on-charges", tax)
    return tuple(found)


def _stripe_keys(body: Node) -> tuple[str, ...]:
    """The Stripe objects that paid this order, by which Stripe's own events join it: charge first, payment intent last."""
    found: list[str] = []
    meta: dict[str, Any] = {}
    for entry in body.nodes("meta_data"):
        if isinstance(entry.raw("key"), str) and isinstance(entry.raw("value"), str):
            meta.setdefault(entry.raw("key"), entry.raw("value"))
    candidates = [meta.get(name) for name in (*_CHARGE_KEYS, *_INTENT_KEYS)] + [body.raw("transaction_id")]
    for value in candidates:
        if isinstance(value, str) and value.isascii() and value.startswith(("pi_", "ch_", "py_")) and len(value) < 255:
            found.append(f"stripe:{value}")
    return tuple(sorted(set(found), key=lambda key: (key.startswith("stripe:pi_"), key)))


def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers that WooCommerce would send with the body."""
    resource, _, happened = topic.partition(".")
    return {
        "Content-Type": "application/json",
        "User-Agent": "WooCommerce/10.2.0 Hookshot (WordPress/6.8)",
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": happened,
        "X-WC-Webhook-ID": "1",
        "X-WC-Webhook-Delivery-ID": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "X-WC-Webhook-Signature": base64.b64encode(hmac_sha256(secret, body)).decode(),
    }
