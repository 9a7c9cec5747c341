"""Checkouts: opened over the API, paid or not on the stand-in's page, refunded and disputed at the stand-in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from worker.demo.day import CURRENCIES, GOODS, Day, Sale
from worker.errors import UserError

OPENED_WITHIN_S = 60
THANKS = "https://demo.example/thanks"


@dataclass(frozen=True)
class Story:
    """`cards` are tried one after the other; `then` is what happens after the last. `declined`: the reason that the
    order's payment names in the end."""

    name: str
    cards: tuple[str, ...]
    payment_status: str
    then: Literal["", "expire", "confirms", "refuses", "settles", "bounces", "refund", "part", "won", "lost"] = ""
    declined: str | None = None


VISA = "pm_card_visa"
# A session that expires cancels its payment, so what was declined and then expired is canceled, and says why.
STORIES = (
    Story("paid", (VISA,), "paid"),
    Story("paid with the second card", ("pm_card_visa_chargeDeclinedInsufficientFunds", VISA), "paid"),
    Story("declined", ("pm_card_visa_chargeDeclined",), "canceled", "expire", "generic_decline"),
    Story("partly refunded", ("pm_card_mastercard",), "paid", "part"),
    Story("left alone", (), "canceled", "expire"),
    Story("confirmed with the bank", ("pm_card_authenticationRequired",), "paid", "confirms"),
    Story("lost card", ("pm_card_visa_chargeDeclinedLostCard",), "canceled", "expire", "lost_card"),
    Story("refunded", (VISA,), "refunded", "refund"),
    Story("dispute lost", (VISA,), "refunded", "lost"),
    Story("voucher paid later", ("pm_stand_in_boleto",), "paid", "settles"),
    Story("expired card", ("pm_card_chargeDeclinedExpiredCard",), "canceled", "expire", "expired_card"),
    Story("dispute won", ("pm_card_amex",), "paid", "won"),
    Story("bank debit bounced", ("pm_stand_in_sepa_debit",), "failed", "bounces", "generic_decline"),
    Story("wrong code", ("pm_card_chargeDeclinedIncorrectCvc",), "canceled", "expire", "incorrect_cvc"),
    Story(
        "not confirmed with the bank", ("pm_card_authenticationRequired",), "canceled", "refuses",
        "payment_intent_authentication_failure",
    ),
    Story("blocked", ("pm_card_radarBlock",), "canceled", "expire", "fraudulent"),
    Story("still open", (), "pending"),
)  # fmt: skip


async def play(day: Day) -> None:
    """As many as the day has, story after story: the first half with each webhook twice, the second half with webhooks
    that are held back and then come shuffled and twice."""
    doors, half = day.doors, day.orders // 2
    await doors.script("/webhooks", {"copies": 2, "hold": False})
    try:
        for place in range(day.orders):
            if place == half:
                await doors.script("/webhooks", {"hold": True})
            await _play(day, STORIES[place % len(STORIES)])
            day.step()
        seed = day.chance.randrange(10**6)
        await doors.script("/webhooks/release", {"order": "shuffled", "copies": 2, "seed": seed})
    finally:
        await doors.script("/webhooks", {"copies": 1, "hold": False})
    day.say(f"Checkouts: {day.orders} opened; Stripe's webhooks came twice, those of the second half shuffled")


async def _play(day: Day, story: Story) -> None:
    session, currency, amount = await _opened(day, story)
    for card in story.cards:
        await day.doors.script(f"/checkout/{session}/pay", {"card": card})
    await _then(day, story, session, amount)
    refunded = {"refund": amount, "lost": amount, "part": amount // 3}.get(story.then, 0)
    day.ledger.sales.append(
        Sale(
            story=story.name, by_stripe=True, external_id=session, currency=currency, amount=amount,
            payment_status=story.payment_status, refunded=refunded,
            paid=amount if story.payment_status in ("paid", "refunded") else 0,
            dispute=story.then if story.then in ("won", "lost") else None, declined=story.declined,
        )
    )  # fmt: skip


async def _opened(day: Day, story: Story) -> tuple[str, str, int]:
    """The session's id, the currency and the amount of a new checkout: of goods, of the offer, or of an amount."""
    body: dict[str, Any] = {"contact_id": day.contact()["id"], "success_url": THANKS}
    kind = day.chance.choice(("goods", "offer", "amount"))
    if kind == "goods":
        place = day.chance.randrange(len(GOODS))
        quantity = day.chance.randint(1, 4)
        currency, amount = "BRL", GOODS[place][1] * quantity
        body["items"] = [{"sku": f"DEMO-{day.run}-{place + 1}", "quantity": quantity}]
    elif kind == "offer":
        currency, amount = "BRL", day.offer["unit_price"]
        body["offer_id"] = day.offer["id"]
    else:
        currency, amount = day.chance.choice(CURRENCIES), day.chance.randint(500, 90_000)
        body |= {"amount": amount, "currency": currency, "title": f"Demo: {story.name}"}
    return await session_of(day, body), currency, amount


async def session_of(day: Day, body: dict[str, Any]) -> str:
    """Open a checkout; the id of its session."""
    made = await day.doors.post("/checkouts", body)
    for _ in range(OPENED_WITHIN_S):
        if made["session_id"]:
            return str(made["session_id"])
        await asyncio.sleep(1)
        made = await day.doors.get(f"/checkouts/{made['id']}")
    raise UserError(f"The checkout {made['id']} is {made['status']}: {made['problem']}", remedy="See logs/receive.log.")


async def _then(day: Day, story: Story, session: str, amount: int) -> None:
    doors = day.doors
    if story.then == "expire":
        await doors.script(f"/checkout/{session}/expire", {})
        return
    if not story.then:
        return
    intent = (await doors.script(f"/objects/{session}"))["payment_intent"]
    if story.then in ("confirms", "refuses"):
        await doors.script(f"/payment_intents/{intent}/authenticate", {"succeeds": story.then == "confirms"})
        if story.then == "refuses":
            await doors.script(f"/checkout/{session}/expire", {})
    elif story.then in ("settles", "bounces"):
        await doors.script(f"/payment_intents/{intent}/settle", {"succeeds": story.then == "settles"})
    elif story.then in ("refund", "part"):
        await doors.refund(intent, amount if story.then == "refund" else amount // 3)
    else:
        dispute = await doors.script(f"/charges/{intent}/dispute", {})
        await doors.script(f"/disputes/{dispute['id']}/close", {"won": story.then == "won"})
