"""The day: its parts in their order, and the ledger of what each sale has to come to."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worker.demo.doors import Doors

Say = Callable[[str], None]
CURRENCIES = ("BRL", "USD", "JPY")
GOODS = (("Coffee beans, 1 kg", 4990), ("Filter papers", 1250), ("Cup", 3300), ("Grinder", 45900), ("Tea, 100 g", 2790))
PEOPLE = ("Ana", "Bruno", "Carla", "Davi", "Elisa", "Felipe", "Gabriela", "Hugo", "Iris", "João")


@dataclass(frozen=True, kw_only=True)
class Sale:
    """What one order has to be at the end of the day. Amounts are minor units of `currency`."""

    story: str
    by_stripe: bool
    external_id: str
    currency: str
    amount: int
    payment_status: str
    paid: int = 0
    refunded: int = 0
    sales_status: str | None = None
    dispute: str | None = None
    declined: str | None = None
    """Why the payment that did not succeed failed."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one recurring order has to be at the end of the day."""

    story: str
    id: str
    status: str
    payments_made: int
    attempts: tuple[str, ...]
    """The states of its attempts, the oldest first."""


@dataclass
class Ledger:
    """What the day did, and what has to be true of it."""

    sales: list[Sale] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    shop_events: dict[str, str] = field(default_factory=dict)
    """Events of shops by their ids: the state that each has to end in."""
    accepted: int = 0
    duplicates: int = 0
    answered: dict[str, int] = field(default_factory=lambda: {"accepted": 0, "duplicate": 0})
    """How the deliveries of shops were answered; `accepted` and `duplicates` are what it should be."""


class Day:
    """One run. The same seed plays the same day, with ids of its own."""

    def __init__(self, doors: Doors, seed: int, orders: int, say: Say, step: Callable[[], None]) -> None:
        self.doors, self.orders, self.say, self.step = doors, orders, say, step
        self.chance = random.Random(seed)  # noqa: S311  (a day that can be played again)
        self.began = time.time()
        self.run = int(self.began * 1000) % 10**11
        self.ledger = Ledger()
        self.contacts: list[dict[str, Any]] = []
        self.offer: dict[str, Any] = {}
        self.monthly: dict[str, Any] = {}
        self._numbers = 0

    @property
    def since(self) -> str:
        """When it began, as the API takes times; a minute earlier, for clocks differ."""
        return datetime.fromtimestamp(self.began - 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def number(self) -> int:
        """A number that no other order of any run has."""
        self._numbers += 1
        return self.run * 10_000 + self._numbers

    def contact(self) -> dict[str, Any]:
        return self.chance.choice(self.contacts)

    async def open_shop(self) -> None:
        """Contacts, products and offers."""
        for name in PEOPLE:
            email = f"{name.lower().replace('ã', 'a')}.{self.run}@demo.example"
            self.contacts.append(await self.doors.post("/contacts", {"name": name, "email": email}))
        for place, (name, price) in enumerate(GOODS, 1):
            body = {"sku": f"DEMO-{self.run}-{place}", "name": name, "unit_price": price, "currency": "BRL"}
            await self.doors.post("/products", body)
        self.offer = await self.doors.post(
            "/offers",
            {"name": "Barista course", "unit_price": 19900, "currency": "BRL", "partial_payment": True,
             "several_units": True},
        )  # fmt: skip
        self.monthly = await self.doors.post(
            "/offers",
            {"name": "Coffee of the month", "unit_price": 9900, "currency": "BRL", "recurring": True,
             "interval": {"unit": "month", "count": 1}},
        )  # fmt: skip
        self.say(f"The shop is open: {len(PEOPLE)} contacts, {len(GOODS)} products, 2 offers")
