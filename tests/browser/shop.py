"""A shop in which everything has happened that a screen may have to show: each status, each currency's places, long
and strange names, trouble of each kind. Made through the doors: webhooks, the API, the stand-in Stripe."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from tests.api.conftest import Api, Served
from tests.charging import DAY, Till
from tests.stripe import KEY
from tests.world import SECRETS, World, edited, payload, world
from worker.ids import new_id
from worker.local.stripe.delivery import body_of
from worker.local.stripe.stand_in import StandIn
from worker.outside.stripe import Stripe
from worker.providers import adapters
from worker.serve import REJECTS, make_app
from worker.store import tokens, workers

PEOPLE = (
    "Ana Silva",
    "محمد بن عبد الله آل سعود",
    "🦊☕ Zoë Ångström-Łukasiewicz",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "<b onclick=alert(1)>Bobby</b>",
    "山田 太郎",
)
LONG_EMAIL = f"{'a.very.long.address' * 3}@{'subdomain.' * 8}example.com"


@dataclass
class Shop:
    """`rows`: ids by noun (`order`, `event`), of as many kinds as there are. `events_of` the stand-in that were told."""

    world: World
    api: Api
    stand_in: StandIn
    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: int = 0

    @property
    def url(self) -> str:
        return str(self.api.client.make_url("")).rstrip("/")

    async def session(self, token: str | None = None) -> str:
        """The secret of a new session, as a browser's cookie holds it."""
        actor = await tokens.find(self.world.ctx.pool, token or self.api.admin)
        assert actor is not None
        return await tokens.grant(self.world.ctx.pool, actor.account_id, actor.token_id, "session")

    async def send(self, connection: str, body: bytes, topic: str = "", *, secret: str | None = None) -> dict[str, Any]:
        """Post a webhook at the door, signed as its provider would; the answer."""
        key = (secret or SECRETS[connection]).encode()
        headers = adapters()[connection].sign(body, topic, key, time.time(), {})
        async with self.api.client.post(f"/webhooks/{connection}", data=body, headers=headers) as answer:
            return dict(await answer.json(content_type=None))

    async def deliver(self, connection: str, body: bytes, topic: str = "") -> str:
        """A webhook at the door, applied; the event's id."""
        event_id = str((await self.send(connection, body, topic))["event"])
        await self.world.apply([event_id])
        self.rows["event"].append(event_id)
        return event_id

    async def hear(self) -> None:
        """What Stripe has to tell since the last time."""
        events = self.stand_in.events
        for event in events[self.told :]:
            await self.deliver("stripe", body_of(event))
        self.told = len(events)


def poison(number: int) -> bytes:
    """An order of Shopify's that nobody can read: its event ends dead."""
    at = "2026-06-01T09:00:00+00:00"
    body = {
        "id": number, "name": f"#{number}", "currency": "USD", "total_price": "a lot", "line_items": [],
        "financial_status": "paid", "created_at": at, "updated_at": at,
    }  # fmt: skip
    return msgspec.json.encode(body)


@asynccontextmanager
async def opened(database: str) -> AsyncIterator[Shop]:
    """The shop, filled, with its receiver on a free port. Time is the machine's."""
    async with StandIn(retries_s=()) as stand_in, world(database) as made:
        key = {"stripe_api_key": SecretStr(KEY), "stripe_api_base": stand_in.url, "stripe_stand_in": True}
        made.ctx = replace(made.ctx, settings=made.ctx.settings.model_copy(update=key), clock=time.time)
        admin = await tokens.issue(made.ctx.pool, made.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(made.ctx))) as client:
            shop = Shop(made, Api(made, client, admin), stand_in)
            await fill(shop)
            yield shop


async def fill(shop: Shop) -> None:
    await _recurring(shop)
    await _people(shop)
    await _by_hand(shop)
    await _checkouts(shop)
    await _platforms(shop)
    await _trouble(shop)
    await _operations(shop)


async def _people(shop: Shop) -> None:
    post, rows = shop.api.post, shop.rows
    for place, name in enumerate(PEOPLE):
        body = {"name": name, "email": f"person{place}@example.com", "phone": f"+55 11 9{place}"}
        rows["contact"].append((await post("/contacts", body))["id"])
    rows["contact"].append((await post("/contacts", {"email": LONG_EMAIL}))["id"])
    category = await post("/offer-categories", {"name": "Courses & <i>classes</i>"})
    for name, currency in ((PEOPLE[3] * 2, "JPY"), ("Barista course", "BRL"), ("Dinar course", "KWD")):
        body = {"name": name, "unit_price": 123456, "currency": currency, "category_id": category["id"],
                "several_units": True, "partial_payment": True}  # fmt: skip
        rows["offer"].append((await post("/offers", body))["id"])
    rows["manager"].append(await shop.api.token_id("manager"))
    for contact_id in rows["contact"][:2]:
        plan = {"offer_id": rows["offer"][1], "note": "Pays in March", "manager_id": rows["manager"][0]}
        await post(f"/contacts/{contact_id}/sales-plans", plan)
    for title, status in (("Beans for a café", "open"), ("A" * 150, "won"), ("Lost", "lost")):
        deal = await post("/deals", {"title": title, "contact_id": rows["contact"][0]})
        rows["deal"].append(deal["id"])
        if status != "open":
            await shop.api.ask("PATCH", f"/deals/{deal['id']}", json={"status": status})


async def _by_hand(shop: Shop) -> None:
    """Orders of people: each status, money in part, back, in several currencies, with charges, children, an owner."""
    api, rows = shop.api, shop.rows
    people = rows["contact"]
    address = {"name": PEOPLE[1], "line1": "Rua das Flores 12", "city": "São Paulo", "country": "BR"}
    for place, (currency, price) in enumerate((("BRL", 4990), ("JPY", 1234567), ("KWD", 1234567), ("USD", 1))):
        order = await api.order(
            people[place], currency=currency, title=f"Order of {PEOPLE[place]}",
            items=[{"name": f"Coffee {PEOPLE[place]}", "sku": f"SKU-{place}-{'X' * 40}", "unit_price": price,
                    "quantity": "2.5", "tax_rate": "8.875", "discount": 1 if price > 1 else 0},
                   {"name": "Service", "unit_price": price}],
            charges=[{"kind": "shipping", "value": 7}, {"kind": "surcharges", "mode": "percent", "value": "1.5"}],
            notes="Ring twice.\nThen wait.", billing_address=address, shipping_address=address,
            tracking_url="https://post.example/1",
        )  # fmt: skip
        rows["order"].append(order["id"])
    by_offer = {"offer_id": rows["offer"][1], "items": None, "deal_id": rows["deal"][0], "currency": "BRL"}
    for status in ("draft", "processing", "completed", "void"):
        order = await api.order(people[0], deal_id=by_offer["deal_id"])
        rows["order"].append(order["id"])
        await api.post(f"/orders/{order['id']}/status", {"status": status if status != "void" else "new"}, 200)
        if status == "void":
            await api.ask("DELETE", f"/orders/{order['id']}")
    late = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    for paid, refunded, due in ((500, 0, None), (2000, 700, None), (2000, 2000, None), (0, 0, late)):
        order = await api.order(people[1], **({"due_at": due} if due else {}))
        rows["order"].append(order["id"])
        path = f"/orders/{order['id']}"
        if paid:
            found = await api.post(f"{path}/payments", {"amount": paid, "method": "cash", "comment": "at the door"})
            rows["payment"].append(found["payments"][0]["id"])
        if refunded:
            await api.post(f"{path}/refunds", {"amount": refunded, "reason": "damaged"})
        await api.post(f"{path}/manager", {"manager_id": rows["manager"][0]}, 200)
        await api.post(f"{path}/sale-confirmation", {"as": "manager"}, 200)
    parent = await api.order(people[2], status="processing")
    rows["order"].append(parent["id"])
    rows["order"].append((await api.post(f"/orders/{parent['id']}/children", {"template": "invoice"}))["id"])


async def _checkouts(shop: Shop) -> None:
    """Opened, paid, declined and then paid, declined and expired, left alone, disputed, refunded."""
    cards = ("", "pm_card_visa", "pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_amex", "pm_card_mastercard")
    sessions = []
    for place, card in enumerate(cards):
        body = {
            "contact_id": shop.rows["contact"][place], "currency": "BRL", "success_url": "https://shop.example/thanks",
            "items": [{"name": "Coffee", "sku": "COF-1", "unit_price": 4990, "quantity": 2}],
        }  # fmt: skip
        made = await shop.api.post("/checkouts", body)
        shop.rows["checkout"].append(made["id"])
        shop.rows["order"].append(made["order_id"])
        if card:
            shop.stand_in.pay(made["session_id"], card)
        sessions.append(made["session_id"])
    shop.stand_in.leave(sessions[2])
    intents = [shop.stand_in.find(session)["payment_intent"] for session in sessions[3:]]
    shop.stand_in.dispute(intents[0])
    shop.stand_in.close_dispute(shop.stand_in.dispute(intents[1])["id"], won=False)
    await shop.hear()


async def _recurring(shop: Shop) -> None:
    """Seventy days of monthly charges: paid twice, of one payment, declined thrice, paused, completed early."""
    async with Stripe(KEY, shop.stand_in.url, pause_s=0.001) as stripe:
        till = Till(shop.world, shop.stand_in, stripe)
        till.set(time.time() - 70 * DAY)
        plans = [
            await till.plan(title=f"Coffee of the month {PEOPLE[3]}"),
            await till.plan(title="One payment", total_payments=1),
            await till.plan("pm_card_visa_chargeDeclinedInsufficientFunds", title="No funds"),
            await till.plan("pm_card_visa_chargeDeclinedStolenCard", title="Stolen card"),
            await till.plan(title="Yen", currency="JPY", amount=9900),
        ]
        await till.run(70)
        shop.stand_in.clock.set(time.time())
        await till.webhooks()
        shop.told = len(shop.stand_in.events)
    shop.rows["recurring order"] += plans
    await shop.api.post(f"/recurring-orders/{plans[4]}/pause", None, 200)


async def _platforms(shop: Shop) -> None:
    """What shops and Stripe really send, with its own ids."""
    for name, topic in (
        ("orders_create__three_lines", "orders/create"),
        ("orders_create__jpy_0", "orders/create"),
        ("orders_updated__partially_refunded", "orders/updated"),
        ("refunds_create__1", "refunds/create"),
    ):
        await shop.deliver("shopify", payload("shopify", f"{name}.json"), topic)
    for name in ("order_created__bundle", "order_updated__fully_refunded"):
        await shop.deliver(
            "woocommerce", payload("woocommerce", f"{name}.json"), name.partition("__")[0].replace("_", ".")
        )
    for name in (
        "charge_succeeded__sync-engine",  # a payment without an order: its event waits
        "payment_intent_payment_failed__2020-08-27",
        "customer_subscription_created__2020-08-27",
        "invoice_paid__sync-engine",
        "product_created__2020-08-27",  # is ignored
    ):
        await shop.deliver("stripe", payload("stripe", f"{name}.json"))


async def _trouble(shop: Shop) -> None:
    """Dead, retrying and received events; deliveries that were refused, with the quarantine."""
    await shop.deliver("shopify", poison(1), "orders/create")
    body = payload("stripe", "charge_succeeded__2020-08-27.json")
    for place, state in enumerate(("retrying", "received")):
        answer = await shop.send(
            "stripe", edited(body, id=f"evt_browser_{state}", data__object__id=f"ch_browser_{place}")
        )
        shop.rows["event"].append(answer["event"])
        await shop.world.ctx.pool.execute(
            "UPDATE event_states SET state = $2, attempts = $3, reason = $4, next_attempt_at = now() + interval '1 day' "
            "WHERE event_id = $1",
            answer["event"], state, 3 * (state == "retrying"), "Transient: TimeoutError: " if place == 0 else None,
        )  # fmt: skip
    for secret in ("wrong", "worse"):
        await shop.send("stripe", edited(body, id=f"evt_{secret}"), secret=secret)
    async with shop.api.client.post("/webhooks/shopify", data=b"{}"):
        pass
    await shop.api.client.app[REJECTS].flush()


async def _operations(shop: Shop) -> None:
    pool, rows = shop.world.ctx.pool, shop.rows
    await workers.beat(pool, "lively", "host", 1, {"payments": 1})
    await workers.beat(pool, "mute", f"host-{'x' * 60}", 2, {})
    await pool.execute("UPDATE workers SET seen_at = now() - interval '1 hour' WHERE name = 'mute'")
    rows["connection"] += [shop.world.connections[name] for name in ("stripe", "shopify", "standard")]
    await pool.execute(
        "INSERT INTO reconciliations (account_id, id, connection_id, asked_by, state, since, until, created_at) VALUES "
        "($1, $2, $3, 'daybook', 'done', now() - interval '1 hour', now(), now())",
        shop.world.account_id, new_id(), rows["connection"][0],
    )  # fmt: skip
    for noun, table in (("order", "orders"), ("payment", "payments"), ("recurring order", "recurring_orders")):
        known = await pool.fetch(f"SELECT id FROM {table} WHERE account_id = $1 ORDER BY id", shop.world.account_id)
        rows[noun] += [row["id"] for row in known if row["id"] not in rows[noun]]
