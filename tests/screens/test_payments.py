"""Payments on screen (P3): what each try came to, and why it failed."""

from __future__ import annotations

import re
from typing import Any

from schemas.account import Permission
from tests.screens.till import Till, rows, words
from tests.world import edited, payload

DECLINED = {"code": "card_declined", "decline_code": "stolen_card", "message": "Your card was declined."}


async def told(till: Till, name: str, **paths: Any) -> str:
    return await till.shop.deliver("stripe", edited(payload("stripe", f"{name}__2020-08-27.json"), **paths))


async def by_stripe(till: Till) -> tuple[dict[str, Any], str]:
    """The payment of a completed checkout, and the event that told of it."""
    await told(till, "checkout_session_completed")
    sums = {"data__object__amount": 3000, "data__object__amount_received": 3000, "data__object__currency": "usd"}
    event = await told(till, "payment_intent_succeeded", **sums)
    [payment] = (await till.get("/payments"))["items"]
    return payment, event


async def failed(till: Till, number: int, **paths: Any) -> dict[str, Any]:
    """A payment that failed and that no order claims."""
    await told(
        till, "payment_intent_payment_failed",
        **{"id": f"evt_{number}", "data__object__id": f"pi_{number}", "data__object__charges": {"data": []},
           "data__object__last_payment_error": DECLINED, **paths},
    )  # fmt: skip
    return next(one for one in (await till.get("/payments"))["items"] if one["external_id"] == f"pi_{number}")


async def test_P3_a_row_says_what_the_API_says(till: Till) -> None:
    payment, _ = await by_stripe(till)
    await till.sign_in()
    page = await till.page("/payments")
    row = rows(page, "tr")[payment["id"]]
    order = await till.get(f"/orders/{payment['order_id']}")
    for said in ("No. 1", "succeeded", f"#{order['number']}", "USD 30.00", "100 %", payment["system"]):
        assert said in row, said
    assert f'href="/orders/{order["id"]}"' in page
    assert f'href="/customers/{order["contact_id"]}"' in page


async def test_P3_filters_find_what_they_name(till: Till) -> None:
    payment, _ = await by_stripe(till)
    other = await failed(till, 7, data__object__currency="brl")
    cash = await till.post(f"/orders/{(await till.order(await till.contact()))['id']}/payments", {"amount": 5})
    hand = cash["payments"][0]
    every = {payment["id"], other["id"], hand["id"]}
    day = hand["attempted_at"][:10]
    found = {
        "": every, "status=failed": {other["id"]}, "system=hand": {hand["id"]}, "currency=USD": {payment["id"]},
        "unclaimed=true": {other["id"]}, "unclaimed=false": {payment["id"], hand["id"]},
        f"order_id={payment['order_id']}": {payment["id"]},
        f"attempted_from={day}&attempted_to={day}": {hand["id"]}, "attempted_to=2001-01-01": set(),
    }  # fmt: skip
    await till.sign_in()
    for query, expected in found.items():
        assert set(rows(await till.page(f"/payments?{query}"), "tr")) == expected, query
    assert "No payment matches these filters" in await till.page("/payments?status=canceled")
    for wrong in ("status=lost", "attempted_from=x", "unclaimed=maybe", "system=%00"):
        await till.page(f"/payments?{wrong}", 422)


async def test_P3_a_payment_shows_all_that_is_known_and_leads_on(till: Till) -> None:
    payment, event = await by_stripe(till)
    await till.sign_in()
    page = await till.page(f"/payments/{payment['id']}")
    text = words(page)
    for said in ("Payment 1", "USD 30.00", "Percent of the order 100.00 %", "Fee —", "One-click no", payment["external_id"],
                 "Nothing was given back, and nothing is disputed."):  # fmt: skip
        assert said in text, said
    assert f'href="/orders/{payment["order_id"]}"' in page
    assert f'href="/events/{event}"' in page
    assert "What is known of the payment is from this one." in text
    assert f'href="/events?q={payment["external_id"]}"' in page


async def test_P3_why_it_failed_is_explained_with_what_to_do(till: Till) -> None:
    stolen = await failed(till, 7)
    poor = await failed(till, 8, data__object__last_payment_error={**DECLINED, "decline_code": "insufficient_funds"})
    await till.sign_in()
    text = words(await till.page(f"/payments/{stolen['id']}"))
    assert "The payment failed: the card is reported stolen. Code stolen_card ." in text
    assert "ask for another way to pay" in text
    assert "None claims it yet" in text
    assert "may try the same way again" in words(await till.page(f"/payments/{poor['id']}"))


async def test_P5_refunds_of_the_payment_are_listed_with_their_reasons(till: Till) -> None:
    order = await till.order(await till.contact())
    paid = await till.post(f"/orders/{order['id']}/payments", {"amount": 2000})
    payment = paid["payments"][0]
    await till.post(
        f"/orders/{order['id']}/refunds", {"amount": 700, "payment_id": payment["id"], "reason": "damaged_goods"}
    )
    await till.sign_in()
    text = words(await till.page(f"/payments/{payment['id']}"))
    assert "Given back BRL 7.00" in text
    assert re.search(r"Refund \S+ succeeded .* BRL 7.00 damaged goods", text)
    assert "No event told of it" in text


async def test_events_are_shown_to_those_who_may_see_events(till: Till) -> None:
    payment, event = await by_stripe(till)
    for permissions, seen in (([], False), ([Permission.OPS_VIEW], True)):
        await till.sign_in(await till.token("rep", *permissions))
        page = await till.page(f"/payments/{payment['id']}")
        assert (f"/events/{event}" in page) == seen
        assert ("/events?q=" in page) == seen
