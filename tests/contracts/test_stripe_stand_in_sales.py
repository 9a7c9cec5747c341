"""The stand-in's checkout sessions, refunds, disputes, webhooks and scripting, as Daybook meets them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from handlers.providers import stripe as adapter
from handlers.providers.signing import VERIFIED
from schemas.provider import Delivery, Source
from tests.world import NOW
from worker.local.stripe.control import routes
from worker.local.stripe.stand_in import StandIn
from worker.outside.outcome import Outcome, Refused, Succeeded
from worker.outside.stripe import Stripe

DOCS = Path(__file__).parents[2] / "docs" / "stripe-stand-in.md"
SECRET = "whsec_stand_in"
SALE = {
    "mode": "payment",
    "success_url": "https://example.com/thanks?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://example.com/back",
    "client_reference_id": "order-1",
    "metadata": {"order_id": "order-1"},
    "line_items": [
        {"quantity": 2, "price_data": {"currency": "brl", "unit_amount": 500, "product_data": {"name": "Tea"}}},
        {"quantity": 1, "price_data": {"currency": "brl", "unit_amount": 90, "product_data": {"name": "Cup <b>"}}},
    ],
}


def good(found: Outcome) -> dict[str, Any]:
    assert isinstance(found, Succeeded), found
    return found.object


async def opened(stripe: Stripe, key: str = "open", **more: Any) -> dict[str, Any]:
    return good(await stripe.create_checkout_session({**SALE, **more}, key=key))


async def charged(stripe: Stripe, stand_in: StandIn, card: str = "pm_card_visa") -> dict[str, Any]:
    """A payment intent that has succeeded."""
    customer, method = stand_in.customer(card)
    params = {"amount": 990, "currency": "brl", "customer": customer, "payment_method": method, "confirm": True}
    return good(await stripe.create_payment_intent(params, key=f"charge {customer}"))


def types(stand_in: StandIn) -> list[str]:
    return [event["type"] for event in stand_in.events]


# Checkout sessions


async def test_P1_a_session_is_opened_and_paid(stripe: Stripe, stand_in: StandIn) -> None:
    session = await opened(stripe)
    assert (session["status"], session["payment_status"], session["payment_intent"]) == ("open", "unpaid", None)
    assert (session["amount_subtotal"], session["amount_total"], session["currency"]) == (1090, 1090, "brl")
    assert session["expires_at"] == NOW + 86_400
    stand_in.pay(session["id"], email="ana@example.com")
    paid = good(await stripe.retrieve_checkout_session(session["id"], expand=["line_items", "payment_intent"]))
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert paid["customer_details"]["email"] == "ana@example.com"
    assert paid["payment_intent"]["amount_received"] == 1090
    assert [(line["description"], line["amount_total"]) for line in paid["line_items"]["data"]] == [
        ("Tea", 1000),
        ("Cup <b>", 90),
    ]
    assert [made.amount for made in stand_in.made] == [1090]
    found = good(await stripe.list_checkout_sessions(payment_intent=paid["payment_intent"]["id"]))
    assert [one["id"] for one in found["data"]] == [session["id"]]
    assert isinstance(await stripe.expire_checkout_session(session["id"], key="late"), Refused)


async def test_P1_a_declined_card_leaves_the_session_open(stripe: Stripe, stand_in: StandIn) -> None:
    session = await opened(stripe)
    stand_in.pay(session["id"], "pm_card_visa_chargeDeclinedInsufficientFunds")
    still = good(await stripe.retrieve_checkout_session(session["id"], expand=["payment_intent"]))
    assert still["status"] == "open"
    assert still["payment_intent"]["last_payment_error"]["decline_code"] == "insufficient_funds"
    stand_in.pay(session["id"])
    assert [made.payment_intent for made in stand_in.made] == [still["payment_intent"]["id"]]


async def test_P2_pix_completes_the_session_once_it_is_paid(stripe: Stripe, stand_in: StandIn) -> None:
    session = stand_in.pay((await opened(stripe))["id"], "pm_stand_in_pix")
    assert (session["status"], stand_in.made) == ("open", [])
    stand_in.settle(session["payment_intent"])
    assert (session["status"], session["payment_status"]) == ("complete", "paid")


@pytest.mark.parametrize("method", ["pm_stand_in_boleto", "pm_stand_in_sepa_debit"])
@pytest.mark.parametrize("succeeds", [True, False])
async def test_P2_a_late_method_completes_the_session_unpaid(
    stripe: Stripe, stand_in: StandIn, succeeds: bool, method: str
) -> None:
    session = await opened(stripe)
    after = stand_in.pay(session["id"], method)
    assert (after["status"], after["payment_status"]) == ("complete", "unpaid")
    stand_in.settle(after["payment_intent"], succeeds=succeeds)
    told = "checkout.session.async_payment_succeeded" if succeeds else "checkout.session.async_payment_failed"
    assert types(stand_in)[-1] == told
    assert stand_in.find(session["id"])["payment_status"] == ("paid" if succeeds else "unpaid")
    assert len(stand_in.made) == succeeds


async def test_P1_a_session_expires_when_asked_and_by_the_clock(stripe: Stripe, stand_in: StandIn) -> None:
    asked, late = await opened(stripe, "one"), await opened(stripe, "two")
    assert good(await stripe.expire_checkout_session(asked["id"], key="expire"))["status"] == "expired"
    stand_in.pay(late["id"], "pm_card_visa_chargeDeclined")
    stand_in.clock.advance(86_400)
    found = good(await stripe.retrieve_checkout_session(late["id"], expand=["payment_intent"]))
    assert (found["status"], found["payment_intent"]["status"]) == ("expired", "canceled")
    assert types(stand_in)[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


async def test_P1_a_session_saves_the_card_for_later_charges(stripe: Stripe, stand_in: StandIn) -> None:
    session = await opened(stripe, payment_intent_data={"setup_future_usage": "off_session", "metadata": {"a": "b"}})
    paid = stand_in.pay(session["id"], email="ana@example.com")
    [saved] = good(await stripe.list_payment_methods(paid["customer"]))["data"]
    assert saved["id"] == stand_in.made[0].payment_method
    assert stand_in.made[0].metadata == {"a": "b"}
    params = {"amount": 5, "currency": "brl", "customer": paid["customer"], "payment_method": saved["id"],
              "off_session": True, "confirm": True}  # fmt: skip
    assert good(await stripe.create_payment_intent(params, key="next"))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"line_items": []}, "line_items"), ({"success_url": ""}, "success_url"), ({"mode": "subscription"}, "mode"),
        ({"expires_at": NOW + 60}, "expires_at"), ({"customer": "cus_nobody"}, "customer"),
        ({"line_items": [{"quantity": 1, "price": "price_1"}]}, "line_items[0][price]"),
        ({"line_items": [{"price_data": SALE["line_items"][0]["price_data"]}]}, "line_items[0][quantity]"),  # type: ignore[index]
        ({"payment_intent_data": {"colour": "red"}}, "payment_intent_data[colour]"),
    ],
)  # fmt: skip
async def test_P1_a_session_that_is_asked_for_wrongly(stripe: Stripe, more: dict[str, Any], param: str) -> None:
    given = {**SALE, **more}
    if "expires_at" in given:
        given["expires_at"] = int(given["expires_at"])
    found = await stripe.create_checkout_session(given, key="open")
    assert isinstance(found, Refused)
    assert found.param == param


async def test_P1_a_developer_pays_on_the_page(stripe: Stripe, stand_in: StandIn) -> None:
    session = await opened(stripe)
    async with ClientSession() as browser:
        async with browser.get(session["url"]) as answer:
            page = await answer.text()
        assert "Cup &lt;b&gt;" in page
        form = {"card": "pm_card_visa", "email": "ana@example.com"}
        async with browser.post(session["url"], data={**form, "do": "decline"}, allow_redirects=True) as answer:
            assert "Your card was declined." in await answer.text()
        ask = {**form, "card": "pm_card_authenticationRequired", "do": "pay"}
        async with browser.post(session["url"], data=ask, allow_redirects=True) as answer:
            assert "whether it is you" in await answer.text()
            bank = answer.url
        async with browser.post(bank, data={"do": "yes"}, allow_redirects=False) as answer:
            assert answer.headers["Location"] == f"https://example.com/thanks?session={session['id']}"
        async with browser.post(session["url"], data={"do": "expire"}) as answer:
            assert answer.status == 400
        late = await opened(stripe, "late")
        ask = {**form, "card": "pm_stand_in_boleto", "do": "pay"}
        async with browser.post(late["url"], data=ask, allow_redirects=False) as answer:
            assert answer.status == 303
        async with browser.post(late["url"], data={"do": "paid"}, allow_redirects=True) as answer:
            assert "This session is complete." in await answer.text()
    assert len(stand_in.made) == 2
    assert stand_in.find(session["id"])["payment_status"] == "paid"


# Refunds and disputes


async def test_P5_refunds_in_part_and_whole(stripe: Stripe, stand_in: StandIn) -> None:
    intent = await charged(stripe, stand_in)
    part = good(await stripe.create_refund({"payment_intent": intent["id"], "amount": 300}, key="part"))
    assert (part["amount"], part["status"]) == (300, "succeeded")
    assert isinstance(await stripe.create_refund({"charge": part["charge"], "amount": 700}, key="much"), Refused)
    good(await stripe.create_refund({"charge": part["charge"]}, key="rest"))
    charge = good(await stripe.retrieve_charge(part["charge"]))
    assert (charge["amount_refunded"], charge["refunded"]) == (990, True)
    again = await stripe.create_refund({"charge": part["charge"]}, key="again")
    assert isinstance(again, Refused)
    assert again.code == "charge_already_refunded"
    assert types(stand_in).count("charge.refunded") == 2


async def test_P5_a_refund_may_fail_after_it_succeeded(stripe: Stripe, stand_in: StandIn) -> None:
    intent = await charged(stripe, stand_in)
    refund = good(await stripe.create_refund({"payment_intent": intent["id"]}, key="one"))
    stand_in.settle_refund(refund["id"], succeeds=False)
    assert good(await stripe.retrieve_refund(refund["id"]))["status"] == "failed"
    assert good(await stripe.retrieve_charge(refund["charge"]))["amount_refunded"] == 0
    assert types(stand_in)[-1] == "refund.failed"


@pytest.mark.parametrize("won", [True, False])
async def test_P5_a_dispute_is_opened_and_closed(stripe: Stripe, stand_in: StandIn, won: bool) -> None:
    intent = await charged(stripe, stand_in, "pm_card_visa" if won else "pm_card_createDispute")
    dispute = stand_in.dispute(intent["id"]) if won else next(iter(stand_in.books.tables["dispute"].values()))
    assert stand_in.find(dispute["charge"])["disputed"]
    stand_in.close_dispute(dispute["id"], won=won)
    told = [kind for kind in types(stand_in) if kind.startswith("charge.dispute")]
    assert told == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        *(["charge.dispute.funds_reinstated"] if won else []),
    ]


# Webhooks


class Receiver:
    """Takes what comes; answers with `status`."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status, self.url = 200, ""

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.status)

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for _, body in self.taken]


@pytest.fixture
async def receiver() -> Any:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def test_R4_webhooks_verify_and_are_those_of_the_list(
    stripe: Stripe, stand_in: StandIn, receiver: Receiver
) -> None:
    stand_in.webhooks_to(receiver.url, SECRET)
    await charged(stripe, stand_in)
    await stand_in.settled()
    source = Source("stripe", (SECRET.encode(),))
    for headers, body in receiver.taken:
        delivery = Delivery(headers, body, NOW)
        assert adapter.verify(delivery, source) == VERIFIED
        assert adapter.verify(delivery, Source("stripe", (b"whsec_other",))) != VERIFIED
        assert adapter.identify(delivery, source).livemode is False
    listed = [event["id"] for event in good(await stripe.list_events())["data"]]
    assert receiver.ids == listed[::-1]
    assert good(await stripe.list_events(undelivered=True))["data"] == []


async def test_I2_webhooks_are_held_doubled_reordered_and_dropped(
    stripe: Stripe, stand_in: StandIn, receiver: Receiver
) -> None:
    stand_in.webhooks_to(receiver.url, SECRET)
    stand_in.deliveries.holding, stand_in.deliveries.dropped = True, frozenset({"charge.updated"})
    await charged(stripe, stand_in)
    await stand_in.settled()
    assert receiver.taken == []
    made = [event["id"] for event in stand_in.events if event["type"] != "charge.updated"]
    assert stand_in.deliveries.release("reversed", copies=2) == len(made) + 1
    await stand_in.settled()
    assert receiver.ids == [id_ for id_ in reversed(made) for _ in range(2)]
    assert receiver.taken[0][1] == receiver.taken[1][1], "a delivery has the same bytes each time"
    dropped = [event["type"] for event in good(await stripe.list_events(undelivered=True))["data"]]
    assert dropped == ["charge.updated"]


async def test_R2_what_is_not_taken_is_sent_again_with_a_new_signature(
    stripe: Stripe, stand_in: StandIn, receiver: Receiver
) -> None:
    stand_in.webhooks_to(receiver.url, SECRET)
    receiver.status = 503
    good(await stripe.create_customer({}, key="one"))
    await stand_in.settled()
    [event] = stand_in.events
    assert [sent.status for sent in stand_in.deliveries.sent] == [503]
    receiver.status = 200
    stand_in.clock.advance(3600)
    stand_in.deliveries.send(event)
    await stand_in.settled()
    (first, body), (second, again) = receiver.taken
    assert body == again
    assert first["stripe-signature"] != second["stripe-signature"]
    assert adapter.verify(Delivery(second, again, NOW + 3600), Source("stripe", (SECRET.encode(),))) == VERIFIED


# Scripting over HTTP


async def test_C6_everything_can_be_scripted_over_http(stripe: Stripe, stand_in: StandIn, receiver: Receiver) -> None:
    async with ClientSession() as session:

        async def ask(method: str, path: str, status: int = 200, **body: Any) -> Any:
            async with session.request(method, f"{stand_in.url}/_stand_in{path}", json=body or None) as answer:
                assert answer.status == status, await answer.text()
                return await answer.json()

        await ask("POST", "/webhooks", url=receiver.url, secret=SECRET, hold=True)
        person = await ask("POST", "/customers", email="ana@example.com", card="pm_card_mastercard")
        await ask("POST", "/bank", decline_code="lost_card", customer=person["customer"])
        await ask("POST", "/bank", answer="authenticate", customer=person["customer"])
        params = {"amount": 5, "currency": "brl", "customer": person["customer"], "confirm": True,
                  "payment_method": person["payment_method"]}  # fmt: skip
        assert not isinstance(await stripe.create_payment_intent(params, key="1"), Succeeded)
        asked = good(await stripe.create_payment_intent(params, key="2"))
        await ask("POST", f"/payment_intents/{asked['id']}/authenticate", succeeds=True)
        session_id = (await opened(stripe))["id"]
        await ask("POST", f"/checkout/{session_id}/pay", card="pm_stand_in_boleto")
        late = stand_in.find(session_id)["payment_intent"]
        await ask("POST", f"/payment_intents/{late}/settle", succeeds=True)
        await ask("POST", f"/checkout/{session_id}/expire", 400)
        charges = (await ask("GET", "/charges"))["charges"]
        assert [made["amount"] for made in charges] == [5, 1090]
        dispute = await ask("POST", f"/charges/{charges[0]['charge']}/dispute", reason="product_not_received")
        await ask("POST", f"/disputes/{dispute['id']}/close", won=False)
        refund = good(await stripe.create_refund({"payment_intent": late}, key="refund"))
        assert (await ask("POST", f"/refunds/{refund['id']}/settle", succeeds=True))["status"] == "succeeded"
        second = await ask("POST", f"/customers/{person['customer']}/cards", card="pm_card_amex")
        assert (await ask("GET", f"/objects/{second['payment_method']}"))["card"]["brand"] == "amex"
        await ask("POST", "/trouble", kind="rate_limit", times=9)
        await ask("DELETE", "/scripts")
        await ask("POST", "/let_go")
        assert (await ask("POST", "/clock", advance_s=60))["now"] == NOW + 60
        released = await ask("POST", "/webhooks/release", order="shuffled", seed=7)
        await ask("POST", "/webhooks/send", event=stand_in.events[0]["id"], copies=2)
        await stand_in.settled()
        assert len((await ask("GET", "/webhooks"))["sent"]) == released["released"] + 2 == len(receiver.taken)
        assert (await ask("GET", ""))["charges_made"] == 2
        assert (await ask("GET", "/requests"))["requests"][0]["operation"] == "payment_intents.create"
        await ask("POST", "/bank", 400, answer="perhaps")
        await ask("POST", "/webhooks", 400, url=receiver.url)
        await ask("GET", "/objects/pi_none", 404)


def test_the_page_lists_every_way_to_script() -> None:
    listed = set(re.findall(r"^\| `([A-Z]+ /_stand_in\S*)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {f"{one.method} {one.path}" for one in routes(StandIn())}
