"""What should be true at the end of the day, beside what the API and the stand-in's own list say."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from worker.demo.day import Day, Plan, Sale
from worker.demo.doors import Doors

LOOK_S = 1.0
DONE = ("applied", "ignored")
_Found = list[tuple[Sale, list[dict[str, Any]]]]
"""What was sold, and the orders that the API has of it."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    should: str
    says: str

    @property
    def ok(self) -> bool:
        return self.should == self.says


@dataclass(frozen=True)
class Verdict:
    rows: list[Row]
    differences: list[str]
    """Each order that is not what it should be, in a sentence."""

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.rows) and not self.differences


async def judged(day: Day, stripe_events: int, wait_s: float) -> Verdict:
    """Compare until all is as it should be, or so much time has passed. `stripe_events`: how many deliveries the
    stand-in had tried before the day."""
    until = time.monotonic() + wait_s
    while True:
        verdict = await _look(day, stripe_events)
        if verdict.ok or time.monotonic() > until:
            return verdict
        await asyncio.sleep(LOOK_S)


async def _look(day: Day, stripe_events: int) -> Verdict:
    doors, ledger = day.doors, day.ledger
    found = [(sale, await _orders(doors, sale)) for sale in ledger.sales]
    plans = [(plan, await _plan(doors, plan)) for plan in ledger.plans]
    differences = [told for sale, orders in found if (told := _differs(sale, orders))]
    differences += [told for plan, now in plans if (told := _plan_differs(plan, now))]
    rows = [
        *_of_orders(found),
        *_counted("recurring orders", (plan.status for plan, _ in plans), (now["status"] for _, now in plans)),
        *await _charges(doors, found, plans),
        *await _events(day, stripe_events),
    ]
    return Verdict(rows, differences)


def _of_orders(found: _Found) -> list[Row]:
    sales = [sale for sale, _ in found]
    orders = [one for _, several in found for one in several]
    decided = [one for sale, several in found if sale.sales_status for one in several]
    tried = [one for sale, several in found if sale.by_stripe for one in several]
    received = ((one["currency"], one["amount_paid"]) for one in orders)
    refunded = ((one["currency"], one["amount_refunded"]) for one in orders)
    disputes = (dispute["status"] for one in orders for dispute in one["disputes"])
    return [
        Row("orders of checkouts and shops", str(len(sales)), str(len(orders))),
        Row("orders made twice", "0", str(sum(len(several) > 1 for _, several in found))),
        *_counted("orders", (sale.payment_status for sale in sales), (one["payment_status"] for one in orders)),
        *_sums("received", ((sale.currency, sale.paid) for sale in sales), received),
        *_sums("refunded", ((sale.currency, sale.refunded) for sale in sales), refunded),
        *_counted("declined", (sale.declined for sale in sales), (_declined(one) for one in tried)),
        *_counted("sales", (sale.sales_status for sale in sales), (one["sales_status"] for one in decided)),
        *_counted("disputes", (sale.dispute for sale in sales), disputes),
    ]


async def _orders(doors: Doors, sale: Sale) -> list[dict[str, Any]]:
    return await doors.listed("/orders", external_id=sale.external_id)


async def _plan(doors: Doors, plan: Plan) -> dict[str, Any]:
    now = await doors.get(f"/recurring-orders/{plan.id}")
    attempts = await doors.listed(f"/recurring-orders/{plan.id}/attempts")
    orders = await doors.listed(f"/recurring-orders/{plan.id}/orders")
    return {**now, "attempts": [one["state"] for one in reversed(attempts)], "orders": orders}


def _differs(sale: Sale, orders: list[dict[str, Any]]) -> str | None:
    if len(orders) != 1:
        return f"{sale.story}, {sale.external_id}: there are {len(orders)} orders of it"
    [order] = orders
    should = {
        "currency": sale.currency, "amount": sale.amount, "payment_status": sale.payment_status,
        "amount_paid": sale.paid, "amount_refunded": sale.refunded,
        "sales_status": sale.sales_status or order["sales_status"],
    }  # fmt: skip
    wrong = [f"{name} is {order[name]}, not {value}" for name, value in should.items() if order[name] != value]
    return f"{sale.story}, order {order['id']}: {', '.join(wrong)}" if wrong else None


def _plan_differs(plan: Plan, now: dict[str, Any]) -> str | None:
    should = {"status": plan.status, "payments_made": plan.payments_made, "attempts": list(plan.attempts)}
    wrong = [f"{name} is {now[name]}, not {value}" for name, value in should.items() if now[name] != value]
    paid = [order["payment_status"] for order in now["orders"]].count("paid")
    if paid != plan.payments_made:
        wrong.append(f"{paid} of its orders are paid, not {plan.payments_made}")
    return f"{plan.story}, recurring order {plan.id}: {', '.join(wrong)}" if wrong else None


def _declined(order: dict[str, Any]) -> str | None:
    """Why the last payment of an order that did not succeed failed."""
    failed = [one["failure_code"] for one in order["payments"] if one["status"] in ("failed", "canceled")]
    return failed[-1] if failed else None


def _counted(what: str, should: Iterable[str | None], says: Iterable[str | None]) -> list[Row]:
    wanted, found = (Counter(name for name in given if name) for given in (should, says))
    return [Row(f"{what}: {name}", str(wanted[name]), str(found[name])) for name in sorted({*wanted, *found})]


def _sums(what: str, should: Iterable[tuple[str, int]], says: Iterable[tuple[str, int]]) -> list[Row]:
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for sums, given in ((wanted, should), (found, says)):
        for currency, amount in given:
            sums[currency] += amount
    return [
        Row(f"{what}, {currency} in minor units", str(wanted[currency]), str(found[currency]))
        for currency in sorted({*wanted, *found})
    ]


async def _charges(doors: Doors, found: _Found, plans: list[tuple[Plan, dict[str, Any]]]) -> list[Row]:
    """The stand-in's own list of charges that took money: of this day's orders, each once."""
    made = (await doors.script("/charges"))["charges"]
    orders = {one["id"] for _, several in found for one in several}
    orders |= {one["id"] for _, now in plans for one in now["orders"]}
    ours = [one for one in made if one["metadata"].get("order_id") in orders]
    cycles = Counter(
        (one["metadata"]["daybook_recurring_order"], one["metadata"]["daybook_cycle"])
        for one in ours
        if "daybook_recurring_order" in one["metadata"]
    )
    intents = Counter(one["payment_intent"] for one in ours)
    twice = sum(count > 1 for count in (*cycles.values(), *intents.values()))
    paid = [(sale.currency, sale.paid) for sale, _ in found if sale.by_stripe and sale.paid]
    paid += [(now["currency"], now["amount"]) for plan, now in plans for _ in range(plan.payments_made)]
    return [
        Row("charges that took money, by Stripe's list", str(len(paid)), str(len(ours))),
        Row("charged twice, by Stripe's list", "0", str(twice)),
        *_sums("taken, by Stripe's list", paid, ((one["currency"].upper(), one["amount"]) for one in ours)),
    ]


async def _events(day: Day, before: int) -> list[Row]:
    """The webhooks: each event there once, applied or ignored, nothing dead but what was planted."""
    doors, ledger = day.doors, day.ledger
    states = {id_: (await doors.get(f"/events/{id_}"))["state"] for id_ in ledger.shop_events}
    dead = sum(state == "dead" for state in ledger.shop_events.values())
    sent = {one["event"] for one in (await doors.script("/webhooks"))["sent"][before:] if one["status"] is not None}
    listed = await doors.listed("/events", connection="stripe", received_from=day.since)
    stripe = [one for one in listed if one["delivery_id"] in sent]
    waiting = Counter(one["state"] for one in stripe if one["state"] not in DONE)
    return [
        Row("webhooks of shops accepted", str(ledger.accepted), str(ledger.answered["accepted"])),
        Row("webhooks of shops known as duplicates", str(ledger.duplicates), str(ledger.answered["duplicate"])),
        Row("events of shops applied or ignored", str(len(states) - dead), str(_done(states.values()))),
        Row("events of shops dead: the planted one", str(dead), str(Counter(states.values())["dead"])),
        Row("events of Stripe kept, each once", str(len(sent)), str(len(stripe))),
        Row("events of Stripe applied or ignored", str(len(sent)), str(_done(one["state"] for one in stripe))),
        Row("events of Stripe in any other state", "none", _words(waiting)),
    ]


def _done(states: Iterable[str]) -> int:
    return sum(state in DONE for state in states)


def _words(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counted.items())) or "none"
