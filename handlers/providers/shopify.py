"""Shopify: signed bodies in, facts out.

Orders arrive whole and are versioned by `updated_at` (retries carry the original body); transactions, refunds,
fulfillments and disputes arrive on their own and name their order. Deliveries are told apart by the webhook id, which
stays the same over retries; the event id does not, since one id covers every topic that an action fires.

Newer deliveries carry the same headers without the `X-` in front; those go first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from handlers.merge import state
from handlers.providers import body_hmac
from handlers.providers.glance import digest, instant, see
from handlers.providers.sale_parts import key
from handlers.providers.shopify_movements import dispute, fulfillment, refunds, transaction
from handlers.providers.shopify_order import order
from handlers.reading import Node, micros
from schemas.fact import Ignored, Kind, Reading
from schemas.provider import Delivery, Event, Fetch, Identity, Lane, Source, Verification
from schemas.stated import Claim

PROVIDER: str = "shopify"
_ORDER_TOPICS = (
    "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/fulfilled",
    "orders/partially_fulfilled",
)  # fmt: skip
_MONEY_TOPICS = ("order_transactions/create", "refunds/create", "disputes/create", "disputes/update")
_IGNORED_TOPICS = (
    "orders/edited", "draft_orders/create", "draft_orders/update", "draft_orders/delete", "checkouts/create",
    "checkouts/update", "checkouts/delete", "customers/create", "customers/update", "customers/delete",
    "products/create", "products/update", "products/delete", "app/uninstalled", "shop/update",
    "customers/data_request", "customers/redact", "shop/redact",
)  # fmt: skip
TOPICS: tuple[str, ...] = (
    *_ORDER_TOPICS, "orders/delete", *_MONEY_TOPICS, "fulfillments/create", "fulfillments/update", *_IGNORED_TOPICS,
)  # fmt: skip

_REASONS = {
    "orders/edited": "it lists an edit; the orders/updated of the same edit carries the order as it is since",
    "customers/data_request": "a privacy request is for people to answer; it changes no order",
    "customers/redact": "a privacy request is for people to answer; it changes no order",
    "shop/redact": "a privacy request is for people to answer; it changes no order",
    "draft_orders": "a draft is no sale yet; it arrives as an order once it is completed",
    "checkouts": "a checkout is no sale yet; it arrives as an order once it is placed",
    "carts": "a cart is no sale yet; it arrives as an order once it is placed",
    "customers": "customers are learned from their orders",
    "products": "an order keeps its products as they were when they were sold",
    "app": "it speaks of the app, not of an order",
    "shop": "it speaks of the shop, not of an order",
}


class _Glance(msgspec.Struct):
    test: Any = None


_GLANCE = msgspec.json.Decoder(_Glance)


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"shopify-{name}") or headers.get(f"x-shopify-{name}") or ""


def verify(delivery: Delivery, source: Source) -> Verification:
    """Whether one of the connection's secrets signed the body. An app and the shop's admin sign with different ones."""
    given = _header(delivery.headers, "hmac-sha256")
    return body_hmac.check("X-Shopify-Hmac-SHA256", given, delivery.body, source.secrets)


def identify(delivery: Delivery, source: Source) -> Identity:
    """By webhook id and body; where the id is missing, by topic and body."""
    topic = _header(delivery.headers, "topic").strip()
    webhook_id = _header(delivery.headers, "webhook-id").strip()
    pressed_button = _header(delivery.headers, "test").strip().lower() == "true"
    bogus_gateway = see(delivery.body, _GLANCE, _Glance()).test is True
    named = webhook_id or topic
    return Identity(
        topic=topic,
        delivery_id=webhook_id,
        dedupe=(named.encode("utf-8", "surrogatepass"), delivery.body),
        lane=Lane.PAYMENTS if topic in _MONEY_TOPICS else Lane.ORDERS,
        sound=bool(webhook_id),
        livemode=not (pressed_button or bogus_gateway),
        occurred_at=instant(_header(delivery.headers, "triggered-at")),
    )


def fetches(event: Event) -> tuple[Fetch, ...]:
    """Nothing: Shopify sends whole objects."""
    return ()


def facts(event: Event) -> Reading | Ignored:
    """What the event states. Raises Unmappable with the path of the field that is wrong."""
    reader = _READERS.get(event.topic)
    if reader is not None:
        return reader(event, Node(event.body))
    if not event.topic:
        if {"id", "line_items", "financial_status"} <= event.body.keys():
            return order(event, Node(event.body))
        return Ignored("The delivery names no topic, and its body is not an order.")
    why = _REASONS.get(event.topic) or _REASONS.get(event.topic.split("/", 1)[0])
    return Ignored(f"{event.topic}: {why or 'a topic that changes no order'}.")


def _deleted(event: Event, body: Node) -> Reading:
    """The body of orders/delete is the id alone, so the time of its arrival has to do."""
    when = micros(event.received_at)
    name = key(event.source.connection, "order", body.identifier("id"))
    return Reading((state(name, Kind.CLAIM, Claim(deleted_at=when), at=when, event=event.id),))


_READERS: Mapping[str, Callable[[Event, Node], Reading | Ignored]] = {
    **dict.fromkeys(_ORDER_TOPICS, order),
    "orders/delete": _deleted,
    "order_transactions/create": transaction,
    "refunds/create": refunds,
    "fulfillments/create": fulfillment,
    "fulfillments/update": fulfillment,
    "disputes/create": dispute,
    "disputes/update": dispute,
}


def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a delivery as Shopify sends it. The ids follow from topic and body, so that the same file sent
    twice is one delivery, as a retry is."""
    seed = digest(topic.encode(), body)
    triggered = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-SHA256": body_hmac.signature(secret, body),
        "X-Shopify-Shop-Domain": str(settings.get("shop_domain") or "daybook-send.myshopify.com"),
        "X-Shopify-API-Version": "2026-07",
        "X-Shopify-Webhook-Id": _uuid(seed[:32]),
        "X-Shopify-Event-Id": _uuid(seed[32:]),
        "X-Shopify-Triggered-At": triggered,
    }


def _uuid(digits: str) -> str:
    """32 hexadecimal digits in the shape of a UUID of the version that names are hashed to."""
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
