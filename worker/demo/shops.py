"""Orders of two shops, as signed webhooks: in order, shuffled, and many of them twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from worker.demo.day import GOODS, PEOPLE, Day, Sale
from worker.demo.doors import Delivery

MORNING = datetime(2026, 6, 1, 9, tzinfo=UTC)
TWICE = 0.3
"""The share of deliveries that come a second time."""
Shop = Callable[[Day, int, int, str], tuple[Sale, list[Delivery]]]


async def play(day: Day) -> None:
    """Half as many orders as there are checkouts, of the two shops in turn; all their webhooks shuffled."""
    deliveries: list[Delivery] = []
    for place in range(max(len(STORIES), day.orders // 2)):
        shop, story = STORIES[place % len(STORIES)]
        number, amount = day.number(), day.chance.randint(500, 90_000)
        sale, told = shop(day, number, amount, story)
        day.ledger.sales.append(sale)
        deliveries += told
    day.chance.shuffle(deliveries)
    twice = [one for one in deliveries if day.chance.random() < TWICE]
    for one in (*deliveries, *twice):
        await _deliver(day, one, "applied")
        day.step()
    await _deliver(day, _poison(day), "dead")
    day.ledger.accepted, day.ledger.duplicates = len(deliveries) + 1, len(twice)
    day.say(
        f"Shops: {len(deliveries) + 1} webhooks of Shopify and WooCommerce, shuffled, {len(twice)} of them twice, and "
        "one that nobody can read"
    )


async def _deliver(day: Day, one: Delivery, state: str) -> None:
    answer, event = await day.doors.deliver(one)
    day.ledger.answered[answer] = day.ledger.answered.get(answer, 0) + 1
    day.ledger.shop_events[event] = state


def _shopify(day: Day, number: int, amount: int, story: str) -> tuple[Sale, list[Delivery]]:
    """`pending`, `paid`, `canceled`, `refunded` in part."""

    def order(minute: int, status: str, **more: Any) -> Delivery:
        name, _ = GOODS[number % len(GOODS)]
        body = {
            "id": number, "name": f"#{number % 10**6}", "order_number": number % 10**6, "currency": "USD",
            "total_price": _text(amount), "financial_status": status, "created_at": _at(0), "updated_at": _at(minute),
            "processed_at": _at(0), "test": False, "email": f"{_person(number)}.{day.run}@demo.example",
            "customer": {"id": day.run * 100 + number % len(PEOPLE), "first_name": _person(number).title()},
            "line_items": [
                {"id": number, "name": name, "sku": f"DEMO-{day.run}-1", "quantity": 1, "price": _text(amount),
                 "requires_shipping": True}
            ],
            "refunds": [], "fulfillments": [], "shipping_lines": [], **more,
        }  # fmt: skip
        return _delivery("shopify", "orders/create" if minute == 0 else "orders/updated", body)

    told, paid, refunded, status = [order(0, "pending")], 0, 0, "pending"
    if story in ("paid", "refunded"):
        told += [order(5, "paid"), _transaction(number, amount)]
        paid, status = amount, "paid"
    if story == "refunded":
        refunded = amount // 4 or 1
        told.append(_refund(number, refunded))
    if story == "canceled":
        told.append(order(9, "voided", cancelled_at=_at(9), cancel_reason="customer"))
        status = "canceled"
    sale = Sale(
        story=f"Shopify, {story}", by_stripe=False, external_id=str(number), currency="USD", amount=amount,
        payment_status=status, paid=paid, refunded=refunded,
    )  # fmt: skip
    return sale, told


def _transaction(number: int, amount: int) -> Delivery:
    body = {
        "id": number + 5 * 10**15, "order_id": number, "kind": "sale", "status": "success", "amount": _text(amount),
        "currency": "USD", "gateway": "shopify_payments", "created_at": _at(4), "processed_at": _at(4), "test": False,
    }  # fmt: skip
    return _delivery("shopify", "order_transactions/create", body)


def _refund(number: int, amount: int) -> Delivery:
    money = {
        "id": number + 7 * 10**15, "order_id": number, "parent_id": number + 5 * 10**15, "kind": "refund",
        "status": "success", "amount": _text(amount), "currency": "USD", "created_at": _at(30), "processed_at": _at(30),
    }  # fmt: skip
    body = {
        "id": number, "order_id": number, "created_at": _at(30), "note": "it broke during shipping",
        "transactions": [money], "refund_line_items": [],
    }  # fmt: skip
    return _delivery("shopify", "refunds/create", body)


def _woocommerce(day: Day, number: int, amount: int, story: str) -> tuple[Sale, list[Delivery]]:
    """`pending`, `paid`, `failed`, `canceled`, `refunded` wholly."""

    def order(minute: int, status: str, paid: bool = False) -> Delivery:
        at = _at(minute).removesuffix("+00:00")
        body = {
            "id": number, "number": str(number % 10**6), "status": status, "currency": "BRL",
            "date_created_gmt": _at(0).removesuffix("+00:00"), "date_modified_gmt": at,
            "date_paid_gmt": _at(5).removesuffix("+00:00") if paid else None, "total": _text(amount),
            "customer_id": 0, "payment_method": "bacs", "transaction_id": "", "meta_data": [],
            "billing": {
                "first_name": _person(number).title(), "email": f"{_person(number)}.{day.run}@demo.example",
                "country": "BR",
            },
            "line_items": [
                {"id": number, "name": GOODS[number % len(GOODS)][0], "quantity": 1, "subtotal": _text(amount),
                 "total": _text(amount), "total_tax": "0.00", "taxes": []}
            ],
            "shipping_lines": [], "fee_lines": [], "tax_lines": [], "refunds": [],
        }  # fmt: skip
        return _delivery("woocommerce", "order.created" if minute == 0 else "order.updated", body)

    told, paid, refunded, status = [order(0, "pending")], 0, 0, "pending"
    if story in ("paid", "refunded"):
        told.append(order(5, "processing", paid=True))
        paid, status = amount, "paid"
    if story == "refunded":
        told.append(order(60, "refunded", paid=True))
        refunded, status = amount, "refunded"
    if story in ("failed", "canceled"):
        told.append(order(7, "failed" if story == "failed" else "cancelled"))
        status = story
    sale = Sale(
        story=f"WooCommerce, {story}", by_stripe=False, external_id=str(number), currency="BRL", amount=amount,
        payment_status=status, paid=paid, refunded=refunded,
    )  # fmt: skip
    return sale, told


STORIES: tuple[tuple[Shop, str], ...] = (
    (_shopify, "paid"), (_woocommerce, "paid"), (_shopify, "refunded"), (_woocommerce, "refunded"),
    (_shopify, "pending"), (_woocommerce, "failed"), (_shopify, "canceled"), (_woocommerce, "canceled"),
    (_woocommerce, "pending"),
)  # fmt: skip


def _poison(day: Day) -> Delivery:
    """Signed, and impossible: its event has to end dead, with a reason, and hold nobody up."""
    number = day.number()
    body = {
        "id": number, "name": f"#{number % 10**6}", "currency": "USD", "total_price": "a lot", "line_items": [],
        "financial_status": "paid", "created_at": _at(0), "updated_at": _at(0),
    }  # fmt: skip
    return _delivery("shopify", "orders/create", body)


def _delivery(connection: str, topic: str, body: dict[str, Any]) -> Delivery:
    return Delivery(connection, topic, msgspec.json.encode(body))


def _at(minute: int) -> str:
    return (MORNING + timedelta(minutes=minute)).isoformat()


def _text(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-2):.2f}"


def _person(number: int) -> str:
    return PEOPLE[number % len(PEOPLE)].lower().replace("ã", "a")
