"""Recurring orders charged in the test's own process, against the stand-in Stripe, by a clock that the test sets."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.account import Actor, Role
from schemas.api.recurring_order import RecurringOrderCreate
from tests.world import NOW, SilentLanes, World
from worker.actions import recurring
from worker.charging import due
from worker.charging.charge import Charger
from worker.context import Context
from worker.local.stripe.stand_in import StandIn
from worker.outside.stripe import Stripe
from worker.store import checks

DAY, HOUR = 86_400, 3600


class Till:
    """A shop whose recurring orders are charged. `now` is the time of Daybook and of the stand-in alike."""

    def __init__(self, shop: World, stand_in: StandIn, stripe: Stripe) -> None:
        self.now = NOW
        self.shop, self.stand_in, self.stripe = shop, stand_in, stripe
        self.ctx: Context = dataclasses.replace(shop.ctx, clock=lambda: self.now)
        self.charger = Charger(self.ctx, stripe)
        self.admin = Actor(shop.account_id, "", "admin", Role.ADMIN, frozenset())
        self._delivered = 0

    @staticmethod
    def at(text: str) -> float:
        """The unix time of `2026-09-21 14:00`, UTC."""
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    def set(self, now: float) -> None:
        self.now = now
        self.stand_in.clock.set(now)

    async def plan(self, card: str = "pm_card_visa", **fields: Any) -> str:
        """A new recurring order, 9,900 BRL cents a month, whose customer has this card; its id."""
        customer, method = self.stand_in.customer(card)
        contact = await self.shop.ctx.pool.fetchval(
            "INSERT INTO contacts (account_id, id, name) VALUES ($1, gen_random_uuid(), 'Ana') RETURNING id",
            self.shop.account_id,
        )
        body = {
            "contact_id": contact, "amount": 9900, "currency": "BRL", "interval": {"unit": "month", "count": 1},
            "stripe_customer_id": customer, "stripe_payment_method_id": method, **fields,
        }  # fmt: skip
        return await recurring.create(self.ctx, self.admin, RecurringOrderCreate.model_validate(body))

    async def look(self, charger: Charger | None = None) -> int:
        """One tick, and all that it signals charged; how much it signalled."""
        lanes = self.ctx.lanes
        assert isinstance(lanes, SilentLanes)
        lanes.signalled.clear()
        found = await due.tick(self.ctx)
        for id_ in sorted(set(lanes.signalled)):
            await (charger or self.charger).charge(self.shop.account_id, [id_])
        return found

    async def run(self, days: float = 0) -> None:
        """Let time pass, from one moment at which something is due to the next, with all done that is due."""
        end = self.now + days * DAY
        while True:
            for _ in range(4):
                if not await self.look():
                    break
            moment = await self.shop.ctx.pool.fetchval(
                "SELECT extract(epoch FROM min(at))::float8 FROM (SELECT due_at AS at FROM recurring_orders "
                "UNION ALL SELECT next_check_at FROM charge_attempts) AS t WHERE at > to_timestamp($1)",
                self.now,
            )
            if moment is None or moment > end:
                break
            self.set(moment)
        self.set(end)

    async def webhooks(self) -> None:
        """Deliver what the stand-in has to tell since the last time."""
        events = self.stand_in.events
        for event in events[self._delivered :]:
            await self.shop.deliver("stripe", msgspec.json.encode(event))
        self._delivered = len(events)

    async def found(self, id_: str) -> dict[str, Any]:
        [row] = await self.shop.rows("SELECT * FROM recurring_orders WHERE id = $1", id_)
        return row

    async def attempts(self, id_: str) -> list[dict[str, Any]]:
        return await self.shop.rows(
            "SELECT * FROM charge_attempts WHERE recurring_order_id = $1 ORDER BY cycle, number", id_
        )

    async def states(self, id_: str) -> list[tuple[int, int, str]]:
        return [(row["cycle"] + 1, row["number"], row["state"]) for row in await self.attempts(id_)]

    async def agree(self) -> None:
        """What really was charged is what Daybook recorded, each cycle at most once; and nothing is broken."""
        await agree(self.shop, self.stand_in, datetime.fromtimestamp(self.now, UTC))


async def agree(shop: World, stand_in: StandIn, at: datetime | None = None) -> None:
    """See Till.agree. `at`: the time by which it was charged, the real one unless given."""
    charged = sorted((made.metadata["daybook_attempt"], made.amount) for made in stand_in.made)
    rows = await shop.rows("SELECT id, amount FROM charge_attempts WHERE state = 'succeeded' ORDER BY id")
    assert charged == [(row["id"], row["amount"]) for row in rows]
    cycles = [(made.metadata["daybook_recurring_order"], made.metadata["daybook_cycle"]) for made in stand_in.made]
    assert len(cycles) == len(set(cycles)), "a cycle was charged twice"
    paid = await shop.rows("SELECT external_id, amount_paid FROM orders WHERE origin = 'recurring' AND amount_paid > 0")
    assert sorted(row["external_id"] for row in paid) == sorted(f"{plan}:{cycle}" for plan, cycle in cycles)
    assert {row["amount_paid"] for row in paid} <= {made.amount for made in stand_in.made}
    made = await shop.rows("SELECT id, payments_made FROM recurring_orders WHERE payments_made > 0")
    counts = {plan: len([1 for other, _ in cycles if other == plan]) for plan, _ in cycles}
    assert {row["id"]: row["payments_made"] for row in made} == counts
    assert await checks.broken(shop.ctx.pool, at) == {}
