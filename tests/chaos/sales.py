"""Sales as their senders tell of them: signed Stripe and Shopify deliveries, from recorded payloads with ids of their own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from tests.world import payload


@dataclass(frozen=True)
class Told:
    """One delivery: where to, under which topic, and what."""

    connection: str
    topic: str
    body: bytes


@cache
def _file(provider: str, name: str) -> bytes:
    return payload(provider, f"{name}.json")


def _event(name: str, id_: str, created: int, charge: str, **fields: Any) -> Told:
    """A recorded event with other ids, those inside it too: objects that name one another would be one sale."""
    given = _file("stripe", name)
    given = given.replace(b"pi_" + b"0" * 24, fields.get("payment_intent", fields["id"]).encode())
    given = given.replace(b"ch_" + b"0" * 24, f"ch_{charge}".encode())
    content = msgspec.json.decode(given)
    content["id"], content["created"] = id_, created
    content["data"]["object"].update(fields)
    return Told("stripe", content["type"], msgspec.json.encode(content))


def stripe_sale(name: str, amount: int, chance: random.Random) -> list[Told]:
    """A checkout that is paid, sometimes after a failed try: the intent, its charge, the session."""
    intent, at = f"pi_{name}", 1_700_000_000 + chance.randrange(1_000_000)
    told = [
        _event(
            "payment_intent_created__2020-08-27", f"evt_{name}_1", at, name, id=intent, amount=amount, currency="usd"
        )
    ]
    if chance.random() < 0.2:
        told.append(
            _event(
                "payment_intent_payment_failed__2020-08-27",
                f"evt_{name}_2",
                at + 5,
                f"{name}_failed",
                id=intent,
                amount=amount,
            )
        )
    told += [
        _event(
            "payment_intent_succeeded__2020-08-27", f"evt_{name}_3", at + 10, name, id=intent, amount=amount,
            amount_received=amount, currency="usd",
        ),
        _event(
            "charge_succeeded__2020-08-27", f"evt_{name}_4", at + 10, name, id=f"ch_{name}", payment_intent=intent, amount=amount,
            amount_captured=amount, currency="usd",
        ),
        _event(
            "checkout_session_completed__2020-08-27", f"evt_{name}_5", at + 11, name, id=f"cs_{name}", payment_intent=intent,
            amount_total=amount, amount_subtotal=amount, customer=f"cus_{chance.randrange(50)}",
        ),
    ]  # fmt: skip
    return told


def shopify_sale(number: int, chance: random.Random) -> list[Told]:
    """An order of a shop, edited a few times."""
    content = msgspec.json.decode(_file("shopify", "orders_create__three_lines"))
    content["id"], content["name"], content["order_number"] = number, f"#{number}", number
    told = []
    for version in range(chance.randint(1, 3)):
        topic = "orders/updated" if version else "orders/create"
        content["updated_at"] = f"2026-01-0{version + 1}T10:00:00-00:00"
        content["note"] = f"version {version}"
        told.append(Told("shopify", topic, msgspec.json.encode(content)))
    return told


def sales(chance: random.Random, count: int) -> list[Told]:
    """The distinct deliveries of so many sales."""
    told: list[Told] = []
    for number in range(count):
        if chance.random() < 0.7:
            told += stripe_sale(f"{number:06d}", 100 + chance.randrange(100_000), chance)
        else:
            told += shopify_sale(9_000_000 + number, chance)
    return told


def disordered(told: list[Told], chance: random.Random) -> list[Told]:
    """As senders deliver: every third one twice, and each up to a hundred places from where it belongs."""
    every = [*told, *chance.sample(told, len(told) // 3)]
    place = {id(one): index for index, one in enumerate(told)}
    return sorted(every, key=lambda one: place[id(one)] + chance.uniform(0, 100))
