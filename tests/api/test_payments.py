"""Payments over the API (P3): every attempt to move money, found, explained, and with its refunds and disputes."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api, ids
from tests.world import edited, payload
from worker.ids import new_id


async def deliver(api: Api, name: str, **paths: Any) -> None:
    version = "sync-engine" if name == "refund_created" else "2020-08-27"
    await api.shop.deliver("stripe", edited(payload("stripe", f"{name}__{version}.json"), **paths))


async def attempt(api: Api, number: int, name: str = "payment_intent_succeeded", **paths: Any) -> None:
    """One payment intent that no order claims."""
    named = {"id": f"evt_{number}", "data__object__id": f"pi_{number}", "created": 1_600_000_000 + number}
    await deliver(api, name, **{**named, "data__object__charges": {"data": []}, **paths})


async def sold(api: Api) -> dict[str, Any]:
    """The order of a completed checkout and its payment of 30.00 USD."""
    await deliver(api, "checkout_session_completed")
    sums = {"data__object__amount": 3000, "data__object__amount_received": 3000, "data__object__currency": "usd"}
    await deliver(api, "payment_intent_succeeded", **sums)
    [order] = (await api.get("/orders?origin=stripe"))["items"]
    return dict(order)


async def test_P3_a_payment_is_the_one_that_its_order_shows(api: Api) -> None:
    order = await sold(api)
    [listed] = (await api.get("/payments"))["items"]
    assert {name: value for name, value in listed.items() if name != "order_id"} == order["payments"][0]
    assert (listed["order_id"], listed["number"], listed["percent"]) == (order["id"], 1, "100.00")
    detail = await api.get(f"/payments/{listed['id']}")
    assert detail == {**listed, "failure": None, "refunds": [], "disputes": []}
    missing = await api.ask("GET", f"/payments/{new_id()}")
    assert missing.status == 404


async def test_P3_why_it_failed_is_said_in_plain_words(api: Api) -> None:
    error = {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
    }
    await attempt(api, 1, "payment_intent_payment_failed", data__object__last_payment_error=error)
    [listed] = (await api.get("/payments?status=failed"))["items"]
    assert listed["failure_reason"] == "insufficient funds"
    assert (await api.get(f"/payments/{listed['id']}"))["failure"] == "The payment failed: insufficient funds."


async def test_P3_filters_find_what_they_name(api: Api) -> None:
    order = await sold(api)
    await attempt(api, 2, data__object__currency="eur")
    await attempt(api, 3, "payment_intent_payment_failed", data__object__currency="brl")
    third, second, first = ids(await api.pages("/payments", 1))
    stripe = (await api.get(f"/payments/{first}"))["system"]
    times = [(await api.get(f"/payments/{id_}"))["attempted_at"] for id_ in (third, second, first)]
    latest = max(times)
    of_latest = [id_ for id_, at in zip((third, second, first), times, strict=True) if at == latest]
    for query, found in {
        "": [third, second, first], f"order_id={order['id']}": [first], f"order_id={new_id()}": [], "status=failed": [third],
        "status=succeeded": [second, first], "currency=EUR": [second], "unclaimed=true": [third, second],
        "unclaimed=false": [first], f"system={stripe}": [third, second, first], "system=none": [],
        f"attempted_from={latest}": of_latest, "attempted_to=2001-01-01T00:00:00Z": [], "status=failed&currency=EUR": [],
    }.items():  # fmt: skip
        assert ids((await api.get(f"/payments?{query}"))["items"]) == found, query
    for query in ("status=lost", "unclaimed=maybe", "currency=eur", "order_id=x", "colour=red", "cursor=W10"):
        assert (await api.ask("GET", f"/payments?{query}")).status == 422, query


async def test_P3_a_merged_orders_old_id_finds_its_payments(api: Api) -> None:
    order = await sold(api)
    old = await api.shop.merged(order["id"])
    [listed] = (await api.get(f"/payments?order_id={old}"))["items"]
    assert listed["order_id"] == order["id"]


async def test_P5_refunds_and_disputes_stand_beside_their_payment(api: Api) -> None:
    order = await sold(api)
    intent = order["stripe"]["payment_intent_id"]
    refund = {"data__object__payment_intent": intent, "data__object__amount": 1000, "data__object__currency": "usd"}
    await deliver(api, "refund_created", **refund, data__object__status="succeeded")
    [listed] = (await api.get("/payments"))["items"]
    detail = await api.get(f"/payments/{listed['id']}")
    assert [(found["amount"], found["payment_id"]) for found in detail["refunds"]] == [(1000, listed["id"])]
    assert detail["refunds"] == (await api.get(f"/orders/{order['id']}"))["refunds"]
    assert detail["refunded"] == 1000


async def test_P5_a_payment_that_nothing_claims_has_its_refunds_too(api: Api) -> None:
    await attempt(api, 7, data__object__currency="usd")
    [listed] = (await api.get("/payments?unclaimed=true"))["items"]
    await deliver(
        api, "refund_created", data__object__payment_intent="pi_7", data__object__amount=500,
        data__object__currency="usd", data__object__status="succeeded",
    )  # fmt: skip
    detail = await api.get(f"/payments/{listed['id']}")
    assert detail["order_id"] is None
    assert [(found["amount"], found["payment_id"]) for found in detail["refunds"]] == [(500, listed["id"])]


async def test_I4_the_payments_of_another_account_are_not_there(api: Api) -> None:
    await sold(api)
    [listed] = (await api.get("/payments"))["items"]
    stranger = await api.other_account()
    assert (await api.get("/payments", token=stranger))["items"] == []
    assert (await api.ask("GET", f"/payments/{listed['id']}", token=stranger)).status == 404
