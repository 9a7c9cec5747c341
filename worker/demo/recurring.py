"""Recurring orders, charged by the instance's own clock, which nobody can set from outside: no months pass. What can be
seen within a minute: first charges, a second due date, declines of both kinds, tries by hand, pauses, early ends, and
an answer that was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.demo.day import Day, Plan
from worker.errors import UserError

SEEN_WITHIN_S = 90
LOOK_S = 0.5
AHEAD_S = 15
HONEST = (
    "Nobody can set the clock of a running instance, so no months pass: a plan by the day whose first date was almost "
    "a day ago shows two due dates, each charged once"
)


@dataclass(frozen=True)
class _Open:
    """A recurring order as it was made, at the customer `customer` of the stand-in."""

    id: str
    customer: str
    story: str


async def play(day: Day) -> None:
    plans = await asyncio.gather(*(story(day) for story in STORIES))
    day.ledger.plans += plans
    day.say(f"Recurring orders: {len(plans)}. {HONEST}")


async def _first_paid(day: Day) -> Plan:
    made = await _made(day, "charged at once")
    await _seen(day, made, lambda found: found["payments_made"] == 1)
    return _plan(made, "active", 1, "succeeded")


async def _last_paid(day: Day) -> Plan:
    made = await _made(day, "of one payment", total_payments=1)
    await _seen(day, made, lambda found: found["status"] == "completed")
    return _plan(made, "completed", 1, "succeeded")


async def _two_dates(day: Day) -> Plan:
    """A plan by the day whose first date was almost a day ago: the second one comes within seconds."""
    first = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=AHEAD_S)
    made = await _made(
        day, "two due dates", total_payments=2, interval={"unit": "day", "count": 1}, first_payment_at=_text(first)
    )
    found = await _seen(day, made, lambda found: found["payments_made"] >= 1)
    next_at = found["next_payment_at"]
    if next_at and datetime.fromisoformat(next_at) > datetime.now(UTC) + timedelta(minutes=1):
        return _plan(made, "active", 1, "succeeded")  # clocks are turned back today, or the first charge came late
    await _seen(day, made, lambda found: found["status"] == "completed")
    return _plan(made, "completed", 2, "succeeded", "succeeded")


async def _hard_decline(day: Day) -> Plan:
    made = await _made(day, "stolen card", card="pm_card_visa_chargeDeclinedStolenCard")
    await _seen(day, made, lambda found: found["status"] == "failed")
    return _plan(made, "failed", 0, "declined")


async def _soft_decline(day: Day) -> Plan:
    made = await _made(day, "no funds, then a new card", card="pm_card_visa_chargeDeclinedInsufficientFunds")
    await _seen(day, made, lambda found: found["next_attempt_at"] is not None)
    method = (await day.doors.script(f"/customers/{made.customer}/cards", {"card": "pm_card_mastercard"}))[
        "payment_method"
    ]
    await day.doors.patch(f"/recurring-orders/{made.id}", {"stripe_payment_method_id": method})
    await _seen(day, made, lambda found: found["payments_made"] == 1)
    return _plan(made, "active", 1, "declined", "succeeded")


async def _by_hand(day: Day) -> Plan:
    """A soft decline that a person tries again, twice: the bank says yes to the second."""
    customer = await day.doors.script("/customers", {"name": "Demo"})
    await day.doors.script(
        "/bank",
        {"answer": "decline", "decline_code": "insufficient_funds", "customer": customer["customer"], "times": 2},
    )
    made = await _made(day, "no funds, tried again by hand", customer=customer)
    for tries in (1, 2):
        await _tried(day, made, tries)
        await day.doors.post(f"/recurring-orders/{made.id}/charge")
    await _tried(day, made, 3)
    return _plan(made, "active", 1, "declined", "declined", "succeeded")


async def _paused(day: Day) -> Plan:
    later = datetime.now(UTC) + timedelta(days=1)
    made = await _made(day, "paused and activated", first_payment_at=_text(later))
    await day.doors.post(f"/recurring-orders/{made.id}/pause")
    await day.doors.post(f"/recurring-orders/{made.id}/activate")
    return _plan(made, "pending", 0)


async def _stays_paused(day: Day) -> Plan:
    made = await _made(day, "paused after its first payment")
    await _seen(day, made, lambda found: found["payments_made"] == 1)
    await day.doors.post(f"/recurring-orders/{made.id}/pause")
    return _plan(made, "paused", 1, "succeeded")


async def _completed(day: Day) -> Plan:
    made = await _made(day, "completed early", total_payments=12)
    await _seen(day, made, lambda found: found["payments_made"] == 1)
    await day.doors.post(f"/recurring-orders/{made.id}/complete")
    return _plan(made, "completed", 1, "succeeded")


async def _lost_answer(day: Day) -> Plan:
    """Stripe takes the money, and the line is cut before it says so."""
    customer = await day.doors.script("/customers", {"name": "Demo"})
    await day.doors.script(
        "/trouble", {"kind": "cut_after", "on": "payment_intents.confirm", "customer": customer["customer"]}
    )
    made = await _made(day, "Stripe's answer was lost", customer=customer)
    await _seen(day, made, lambda found: found["payments_made"] == 1)
    return _plan(made, "active", 1, "succeeded")


STORIES: tuple[Callable[[Day], Awaitable[Plan]], ...] = (
    _first_paid, _last_paid, _two_dates, _hard_decline, _soft_decline, _by_hand, _paused, _stays_paused, _completed,
    _lost_answer,
)  # fmt: skip


def _plan(made: _Open, status: str, payments_made: int, *attempts: str) -> Plan:
    return Plan(story=made.story, id=made.id, status=status, payments_made=payments_made, attempts=attempts)


async def _made(
    day: Day, story: str, *, card: str = "pm_card_visa", customer: dict[str, str] | None = None, **fields: Any
) -> _Open:
    customer = customer or await day.doors.script("/customers", {"card": card, "name": "Demo"})
    body = {
        "contact_id": day.contact()["id"], "offer_id": day.monthly["id"], "stripe_customer_id": customer["customer"],
        "stripe_payment_method_id": customer["payment_method"], **fields,
    }  # fmt: skip
    made = await day.doors.post("/recurring-orders", body)
    return _Open(made["id"], customer["customer"], story)


async def _seen(day: Day, made: _Open, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The recurring order once this is true of it."""
    found: dict[str, Any] = {}
    for _ in range(int(SEEN_WITHIN_S / LOOK_S)):
        found = await day.doors.get(f"/recurring-orders/{made.id}")
        if true(found):
            day.step()
            return found
        await asyncio.sleep(LOOK_S)
    raise _late(made, f"is {found.get('status')}, payments made {found.get('payments_made')}")


async def _tried(day: Day, made: _Open, tries: int) -> None:
    """Return when so many attempts to charge it have come to their end."""
    for _ in range(int(SEEN_WITHIN_S / LOOK_S)):
        attempts = await day.doors.listed(f"/recurring-orders/{made.id}/attempts")
        if sum(one["settled_at"] is not None for one in attempts) >= tries:
            day.step()
            return
        await asyncio.sleep(LOOK_S)
    raise _late(made, f"was not tried {tries} times")


def _late(made: _Open, what: str) -> UserError:
    return UserError(
        f"The recurring order {made.id} ({made.story}) {what} after {SEEN_WITHIN_S} s.",
        remedy="See `daybook doctor` and logs/work.log.",
    )


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
