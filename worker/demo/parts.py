"""Orders that are paid in part: two checkouts each, one paid and one declined, then a person decides what they are."""

from __future__ import annotations

import asyncio

from worker.demo.checkouts import THANKS, VISA, session_of
from worker.demo.day import Day, Sale
from worker.errors import UserError

VERDICTS = (("confirm", "completed"), ("decline", "declined"))
SEEN_WITHIN_S = 60


async def play(day: Day) -> None:
    for verdict, sales_status in VERDICTS:
        amount = day.offer["unit_price"]
        part = day.chance.randint(1000, amount - 1000)
        external_id = f"demo-{day.number()}"
        order = await day.doors.post(
            "/orders", {"contact_id": day.contact()["id"], "offer_id": day.offer["id"], "external_id": external_id}
        )
        body = {"order_id": order["id"], "success_url": THANKS}
        paid = await session_of(day, {**body, "amount": part})
        await day.doors.script(f"/checkout/{paid}/pay", {"card": VISA})
        await _partly_paid(day, order["id"])
        rest = await session_of(day, {**body, "amount": amount - part})
        await day.doors.script(f"/checkout/{rest}/pay", {"card": "pm_card_visa_chargeDeclined"})
        await day.doors.script(f"/checkout/{rest}/expire", {})
        await day.doors.post(f"/orders/{order['id']}/{verdict}")
        day.ledger.sales.append(
            Sale(
                story=f"paid in part, then {sales_status}", by_stripe=True, external_id=external_id, currency="BRL",
                amount=amount, payment_status="partially_paid", paid=part, sales_status=sales_status,
                declined="generic_decline",
            )
        )  # fmt: skip
        day.step()
    day.say(f"Orders paid in part: {len(VERDICTS)}, one confirmed and one declined by a person")


async def _partly_paid(day: Day, order_id: str) -> None:
    for _ in range(SEEN_WITHIN_S * 5):
        if (await day.doors.get(f"/orders/{order_id}"))["payment_status"] == "partially_paid":
            return
        await asyncio.sleep(0.2)
    raise UserError(
        f"The order {order_id} was paid in part {SEEN_WITHIN_S} s ago, and does not show it.",
        remedy="See `daybook doctor`.",
    )
