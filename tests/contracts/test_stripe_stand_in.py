"""The stand-in Stripe, asked by the real SDK (through Daybook's client, which is the SDK's): it is as strict, as forgetful
and as silent as Stripe's pages say that Stripe is."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe as sdk
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stripe import KEY
from tests.world import NOW
from worker.local.stripe.cards import ALIASES, CARDS, NUMBERS, card_of, decline
from worker.local.stripe.keys import KEPT_S
from worker.local.stripe.stand_in import StandIn
from worker.local.stripe.trouble import KINDS
from worker.outside.outcome import Conflict, Declined, Limited, Outcome, Refused, Succeeded, Unknown
from worker.outside.stripe import API_VERSION, Stripe

AMOUNT = {"amount": 990, "currency": "brl"}
DAY_S = 86_400


def good(found: Outcome) -> dict[str, Any]:
    assert isinstance(found, Succeeded), found
    return found.object


async def intent(stripe: Stripe, stand_in: StandIn, card: str = "pm_card_visa", **more: Any) -> tuple[str, str]:
    """A payment intent of a customer with a saved card, not confirmed: its id and the card's."""
    customer, method = stand_in.customer(card)
    made = good(await stripe.create_payment_intent({**AMOUNT, "customer": customer, **more}, key=f"make {customer}"))
    assert made["status"] == "requires_payment_method"
    return made["id"], method


async def charge(stripe: Stripe, id_: str, method: str, key: str) -> Outcome:
    return await stripe.confirm_payment_intent(id_, {"payment_method": method, "off_session": True}, key=key)


# Idempotency keys


async def test_C6_a_key_gives_its_first_answer_again_and_charges_once(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    first = await charge(stripe, id_, method, "attempt-1")
    again = await charge(stripe, id_, method, "attempt-1")
    assert isinstance(first, Succeeded)
    assert isinstance(again, Succeeded)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.object == again.object
    assert [made.idempotency_key for made in stand_in.made] == ["attempt-1"]


async def test_C6_many_at_once_with_one_key_charge_once(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    found = await asyncio.gather(*(charge(stripe, id_, method, "attempt-1") for _ in range(20)))
    assert {type(one) for one in found} <= {Succeeded, Conflict}
    assert [one.replayed for one in found if isinstance(one, Succeeded)].count(False) == 1
    assert len(stand_in.made) == 1


async def test_C6_a_key_replays_a_decline_for_ever(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in, "pm_card_chargeCustomerFail")
    first = await charge(stripe, id_, method, "attempt-1")
    stand_in.bank(CARDS["pm_card_visa"].answer)
    again = await charge(stripe, id_, method, "attempt-1")
    assert isinstance(first, Declined)
    assert isinstance(again, Declined)
    assert again.replayed
    assert again.charge_id == first.charge_id
    assert good(await charge(stripe, id_, method, "attempt-2"))["status"] == "succeeded"


async def test_C6_a_key_refuses_other_parameters(stripe: Stripe, stand_in: StandIn) -> None:
    good(await stripe.create_payment_intent(AMOUNT, key="one"))
    assert isinstance(found := await stripe.create_payment_intent({**AMOUNT, "amount": 1}, key="one"), Conflict)
    assert found.problem == "other_parameters"
    assert isinstance(found := await stripe.create_customer({}, key="one"), Conflict)
    assert found.problem == "other_parameters"
    assert len(stand_in.books.tables["payment_intent"]) == 1


async def test_C6_a_key_in_flight_is_a_conflict(stripe: Stripe, impatient: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    stand_in.trouble("hang_before", on="payment_intents.confirm")
    assert isinstance(await charge(impatient, id_, method, "attempt-1"), Unknown)
    assert isinstance(found := await charge(stripe, id_, method, "attempt-1"), Conflict)
    assert found.problem == "in_flight"
    assert stand_in.made == []
    stand_in.let_go()  # Stripe did it in the end, though nobody listened any more
    assert isinstance(found := await charge(stripe, id_, method, "attempt-1"), Succeeded)
    assert found.replayed
    assert len(stand_in.made) == 1


async def test_C6_a_key_is_forgotten_after_a_day_and_then_charges_again(stripe: Stripe, stand_in: StandIn) -> None:
    """This is why no key is sent again after 20 hours."""
    customer, method = stand_in.customer()
    params = {**AMOUNT, "customer": customer, "payment_method": method, "off_session": True, "confirm": True}
    for seconds, charges in ((0, 1), (KEPT_S - 1, 1), (1, 2)):
        stand_in.clock.advance(seconds)
        good(await stripe.create_payment_intent(params, key="attempt-1"))
        assert len(stand_in.made) == charges


async def test_C6_what_was_refused_before_the_work_is_not_kept(stripe: Stripe, stand_in: StandIn) -> None:
    assert isinstance(await stripe.create_payment_intent({"amount": -1, "currency": "brl"}, key="one"), Refused)
    good(await stripe.create_payment_intent(AMOUNT, key="one"))


async def test_C6_keys_belong_to_their_api_key(stripe: Stripe, stand_in: StandIn) -> None:
    first = good(await stripe.create_payment_intent(AMOUNT, key="one"))
    async with Stripe("sk_test_another", stand_in.url) as other:
        assert good(await other.create_payment_intent(AMOUNT, key="one"))["id"] != first["id"]


async def test_C6_the_sdk_raises_its_own_errors(stand_in: StandIn) -> None:
    """Without Daybook's client in between."""
    http = sdk.AIOHTTPClient(timeout=5)
    client = sdk.StripeClient(KEY, base_addresses={"api": stand_in.url}, http_client=http, max_network_retries=0).v1
    try:
        made = await client.payment_intents.create_async(AMOUNT, {"idempotency_key": "one"})
        assert made.last_response.headers["Request-Id"].startswith("req_")
        with pytest.raises(sdk.IdempotencyError):
            await client.payment_intents.create_async({**AMOUNT, "amount": 2}, {"idempotency_key": "one"})
        with pytest.raises(sdk.CardError) as declined:
            await client.payment_intents.confirm_async(
                made.id, {"payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}
            )
        assert declined.value.error.decline_code == "insufficient_funds"
        assert declined.value.error.payment_intent.id == made.id
        with pytest.raises(sdk.InvalidRequestError) as unknown:
            await client.payment_intents.create_async({**AMOUNT, "colour": "red"})
        assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "colour")
    finally:
        await http.close_async()


# Trouble on the line


@pytest.mark.parametrize("kind", ["cut_after", "cut_body", "hang_after", "error_after", "gateway"])
async def test_C6_charged_and_then_no_answer_is_unknown(
    stripe: Stripe, impatient: Stripe, stand_in: StandIn, kind: Any
) -> None:
    id_, method = await intent(stripe, stand_in)
    stand_in.trouble(kind, on="payment_intents.confirm")
    assert isinstance(await charge(impatient if kind == "hang_after" else stripe, id_, method, "attempt-1"), Unknown)
    assert [made.payment_intent for made in stand_in.made] == [id_]
    assert good(await stripe.retrieve_payment_intent(id_))["status"] == "succeeded"
    again = await charge(stripe, id_, method, "attempt-1")
    if kind == "error_after":  # Stripe keeps a 500 as well: only looking it up tells
        assert again == Unknown("Stripe answered 500", 500, request_id=again.request_id, replayed=True)
    else:
        assert good(again)["status"] == "succeeded"
    assert len(stand_in.made) == 1


@pytest.mark.parametrize("kind", ["cut_before", "error_before"])
async def test_C6_not_charged_and_no_answer_is_as_unknown(stripe: Stripe, stand_in: StandIn, kind: Any) -> None:
    id_, method = await intent(stripe, stand_in)
    stand_in.trouble(kind, on="payment_intents.confirm")
    assert isinstance(await charge(stripe, id_, method, "attempt-1"), Unknown)
    assert stand_in.made == []
    assert good(await stripe.retrieve_payment_intent(id_))["status"] == "requires_payment_method"


@pytest.mark.parametrize("kind", ["rate_limit", "lock_timeout"])
async def test_C6_429_is_surely_not_done_and_its_key_is_free(stripe: Stripe, stand_in: StandIn, kind: Any) -> None:
    id_, method = await intent(stripe, stand_in)
    stand_in.trouble(kind, on="payment_intents.confirm", retry_after_s=3)
    assert isinstance(found := await charge(stripe, id_, method, "attempt-1"), Limited)
    assert found.retry_after_s == 3
    assert good(await charge(stripe, id_, method, "attempt-1"))["status"] == "succeeded"


async def test_C6_trouble_finds_the_customer_it_was_meant_for(stripe: Stripe, stand_in: StandIn) -> None:
    one, one_card = await intent(stripe, stand_in)
    two, two_card = await intent(stripe, stand_in)
    stand_in.trouble("error_before", customer=stand_in.find(two)["customer"], times=2)
    assert isinstance(await charge(stripe, one, one_card, "1"), Succeeded)
    assert isinstance(await charge(stripe, two, two_card, "2"), Unknown)
    assert isinstance(await charge(stripe, two, two_card, "3"), Unknown)
    assert isinstance(await charge(stripe, two, two_card, "4"), Succeeded)


TRIES = st.lists(st.tuples(st.sampled_from(["", *KINDS]), st.integers(0, 3)), max_size=12)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tries=TRIES)
async def test_C6_whatever_goes_wrong_an_intent_is_charged_at_most_once(
    stand_in: StandIn, stripe: Stripe, tries: list[tuple[Any, int]]
) -> None:
    """Any troubles, any order of keys old and new: and a key that was answered gives that answer ever after."""
    said: dict[int, Any] = {}
    id_, method = await intent(stripe, stand_in)
    async with Stripe(KEY, stand_in.url, total_s=0.05) as hasty:
        for trouble, number in tries:
            if trouble:
                stand_in.trouble(trouble, on="payment_intents.confirm")
            found = await charge(hasty, id_, method, f"{id_} {number}")
            stand_in.forget_scripts()
            if isinstance(found, Succeeded):
                assert found.object == said.setdefault(number, found.object)
    stand_in.let_go()
    assert isinstance(await charge(stripe, id_, method, f"{id_} last"), Succeeded | Refused)
    assert [made.payment_intent for made in stand_in.made].count(id_) == 1


# Cards and payment intents

DECLINES = [name for name, card in CARDS.items() if card.answer.kind == "decline"]


@pytest.mark.parametrize("name", DECLINES)
async def test_C3_each_card_that_declines_says_why(stripe: Stripe, stand_in: StandIn, name: str) -> None:
    id_, method = await intent(stripe, stand_in, name)
    found = await charge(stripe, id_, method, "attempt-1")
    answer = CARDS[name].answer
    assert isinstance(found, Declined)
    assert (found.code, found.decline_code, found.advice_code) == (answer.code, answer.decline_code, answer.advice_code)
    assert found.network_decline_code == answer.network_decline_code
    after = stand_in.find(id_)
    assert (after["status"], after["payment_method"]) == ("requires_payment_method", None)
    assert after["last_payment_error"]["code"] == answer.code
    assert (found.payment_intent_id, found.charge_id) == (id_, after["latest_charge"])
    failed = good(await stripe.retrieve_charge(found.charge_id or ""))
    assert (failed["status"], failed["paid"], failed["failure_code"]) == ("failed", False, answer.code)
    assert failed["outcome"]["type"] == ("blocked" if answer.blocked else "issuer_declined")
    assert [event["type"] for event in stand_in.events][-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert stand_in.made == []


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if not card.saves])
async def test_C3_a_card_that_always_declines_cannot_be_saved(stripe: Stripe, stand_in: StandIn, name: str) -> None:
    found = await stripe.create_customer({"payment_method": name}, key="one")
    assert isinstance(found, Declined)
    assert stand_in.books.tables["customer"] == {}


async def test_P1_cards_are_known_by_name_alias_number_and_token(stripe: Stripe, stand_in: StandIn) -> None:
    for name in [*CARDS, *ALIASES, *NUMBERS, "tok_visa", "4242 4242 4242 4242"]:
        assert card_of(name) is not None
    assert card_of("pm_card_of_nobody") is None
    found = await stripe.create_payment_intent({**AMOUNT, "payment_method": "pm_card_of_nobody"}, key="one")
    assert isinstance(found, Refused)
    assert found.param == "payment_method"


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if card.answer.kind == "authenticate"])
async def test_C3_a_card_that_needs_the_customer(stripe: Stripe, stand_in: StandIn, name: str) -> None:
    id_, method = await intent(stripe, stand_in, name)
    found = await charge(stripe, id_, method, "off session")
    assert isinstance(found, Declined)
    assert found.code == "authentication_required"
    params = {"payment_method": method, "return_url": "https://example.com/back"}
    asked = good(await stripe.confirm_payment_intent(id_, params, key="on session"))
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    assert stand_in.made == []
    stand_in.authenticate(id_)
    assert good(await stripe.retrieve_payment_intent(id_))["status"] == "succeeded"
    assert len(stand_in.made) == 1


async def test_C3_an_authentication_that_fails_may_be_tried_again(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in, "pm_card_threeDSecure2Required")
    good(await stripe.confirm_payment_intent(id_, {"payment_method": method}, key="one"))
    failed = stand_in.authenticate(id_, succeeds=False)
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    good(await stripe.confirm_payment_intent(id_, {"payment_method": "pm_card_visa"}, key="two"))
    assert len(stand_in.made) == 1


@pytest.mark.parametrize("succeeds", [True, False])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("pm_stand_in_sepa_debit", "processing"),
        ("pm_stand_in_boleto", "requires_action"),
        ("pm_stand_in_pix", "requires_action"),
    ],
)
async def test_P2_a_late_method_is_open_first(
    stripe: Stripe, stand_in: StandIn, succeeds: bool, name: str, status: str
) -> None:
    id_, method = await intent(stripe, stand_in, name)
    assert good(await charge(stripe, id_, method, "one"))["status"] == status
    assert stand_in.made == []
    after = stand_in.settle(id_, succeeds=succeeds)
    assert after["status"] == ("succeeded" if succeeds else "requires_payment_method")
    assert len(stand_in.made) == succeeds


async def test_C6_a_scripted_answer_comes_before_the_cards_own(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    stand_in.bank(decline("insufficient_funds", "do_not_try_again"), payment_method=method)
    found = await charge(stripe, id_, method, "one")
    assert isinstance(found, Declined)
    assert (found.decline_code, found.advice_code) == ("insufficient_funds", "do_not_try_again")
    assert isinstance(await charge(stripe, id_, method, "two"), Succeeded)


async def test_C6_an_intent_that_has_succeeded_cannot_be_confirmed_again(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    good(await charge(stripe, id_, method, "one"))
    found = await charge(stripe, id_, method, "two")
    assert isinstance(found, Refused)
    assert found.code == "payment_intent_unexpected_state"
    assert found.payment_intent is not None
    assert found.payment_intent["status"] == "succeeded"
    assert len(stand_in.made) == 1


async def test_C6_a_canceled_intent_takes_no_money(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    assert good(await stripe.cancel_payment_intent(id_, {}, key="one"))["status"] == "canceled"
    assert isinstance(await charge(stripe, id_, method, "two"), Refused)
    assert stand_in.made == []


async def test_P3_a_charge_says_what_it_cost(stripe: Stripe, stand_in: StandIn) -> None:
    id_, method = await intent(stripe, stand_in)
    good(await charge(stripe, id_, method, "one"))
    found = good(await stripe.retrieve_payment_intent(id_, expand=["latest_charge.balance_transaction"]))
    balance = found["latest_charge"]["balance_transaction"]
    assert (balance["amount"], balance["fee"], balance["net"]) == (990, 58, 932)
    assert good(await stripe.retrieve_balance_transaction(balance["id"])) == balance
    types = [event["type"] for event in stand_in.events]
    assert types[-3:] == ["charge.succeeded", "payment_intent.succeeded", "charge.updated"]


# Lists


async def test_C6_intents_are_listed_by_customer_and_time(stripe: Stripe, stand_in: StandIn) -> None:
    customer, _ = stand_in.customer()
    made = []
    for day in range(5):
        params = {**AMOUNT, "customer": customer, "metadata": {"attempt": str(day)}}
        made.append(good(await stripe.create_payment_intent(params, key=f"day {day}"))["id"])
        stand_in.clock.advance(DAY_S)
    good(await stripe.create_payment_intent(AMOUNT, key="of nobody"))
    found = good(
        await stripe.list_payment_intents(
            customer=customer,
            created_from=datetime.fromtimestamp(NOW + DAY_S, UTC),
            created_to=datetime.fromtimestamp(NOW + 4 * DAY_S, UTC),
        )
    )
    assert [one["id"] for one in found["data"]] == made[3:0:-1]
    assert [one["metadata"]["attempt"] for one in found["data"]] == ["3", "2", "1"]
    page = good(await stripe.list_payment_intents(customer=customer, limit=2))
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([made[4], made[3]], True)
    page = good(await stripe.list_payment_intents(customer=customer, limit=3, after=made[3]))
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([made[2], made[1], made[0]], False)


async def test_Q9_events_are_paged_to_their_end_and_for_30_days(stripe: Stripe, stand_in: StandIn) -> None:
    for number in range(230):
        good(await stripe.create_customer({"name": str(number)}, key=str(number)))
    good(await stripe.create_payment_intent(AMOUNT, key="one"))
    pages = [page async for page in stripe.event_pages(types=["customer.created"])]
    told = [event for page in pages for event in good(page)["data"]]
    assert [len(good(page)["data"]) for page in pages] == [100, 100, 30]
    assert [event["data"]["object"]["name"] for event in told] == [str(number) for number in reversed(range(230))]
    assert len([page async for page in stripe.event_pages(pages=2)]) == 2
    rest = [page async for page in stripe.event_pages(types=["customer.*"], after=told[-3]["id"])]
    assert [event["id"] for event in good(rest[0])["data"]] == [event["id"] for event in told[-2:]]
    stand_in.clock.advance(31 * DAY_S)
    assert good(await stripe.list_events())["data"] == []
    assert good(await stripe.retrieve_event(told[0]["id"]))["id"] == told[0]["id"]


async def test_Q9_a_page_that_fails_ends_the_pages(stripe: Stripe, stand_in: StandIn) -> None:
    for number in range(3):
        good(await stripe.create_customer({}, key=str(number)))
    stand_in.trouble("rate_limit", on="events.list", times=3, retry_after_s=60)
    assert [type(page) for page in [page async for page in stripe.event_pages()]] == [Limited]


async def test_P1_saved_payment_methods_are_listed(stripe: Stripe, stand_in: StandIn) -> None:
    customer, method = stand_in.customer()
    assert [one["id"] for one in good(await stripe.list_payment_methods(customer))["data"]] == [method]
    assert good(await stripe.retrieve_payment_method(method))["customer"] == customer
    assert good(await stripe.retrieve_customer(customer))["invoice_settings"]["default_payment_method"] == method
    assert isinstance(await stripe.retrieve_customer("cus_nobody"), Refused)


# The door


async def test_I3_a_live_key_and_none_are_refused(stand_in: StandIn) -> None:
    async with Stripe("sk_live_real", stand_in.url) as live:
        assert isinstance(found := await live.retrieve_customer("cus_1"), Refused)
    assert found.problem == "authentication"
    assert "no live key" in found.message
    async with ClientSession() as session, session.get(f"{stand_in.url}/v1/customers") as answer:
        assert answer.status == 401
    as_curl = {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}"}
    async with ClientSession(headers=as_curl) as session, session.get(f"{stand_in.url}/v1/customers") as answer:
        assert (answer.status, answer.headers["Stripe-Version"]) == (200, API_VERSION)
    async with ClientSession() as session, session.get(f"{stand_in.url}/v1/invoices") as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (404, "invalid_request_error")
    for version, status in (("2020-08-27", 200), ("2025-03-31.basil", 200), ("newest", 400)):
        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": version}
        async with ClientSession() as session, session.get(f"{stand_in.url}/v1/events", headers=headers) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"currency": "brl"}, "amount"), ({"amount": 990}, "currency"), ({**AMOUNT, "amount": "9,90"}, "amount"),
        ({**AMOUNT, "amount": 0}, "amount"), ({**AMOUNT, "currency": "real"}, "currency"),
        ({**AMOUNT, "customer": "cus_nobody"}, "customer"), ({**AMOUNT, "metadata": {"a": "x" * 501}}, "metadata[a]"),
        ({**AMOUNT, "payment_method": "pm_none"}, "payment_method"), ({**AMOUNT, "off_session": True}, "off_session"),
        ({**AMOUNT, "expand": ["colour"]}, "expand"), ({**AMOUNT, "confirm": "maybe"}, "confirm"),
        ({**AMOUNT, "setup_future_usage": "never"}, "setup_future_usage"),
    ],
)  # fmt: skip
async def test_P1_a_wrong_parameter_is_named(stripe: Stripe, params: dict[str, Any], param: str) -> None:
    found = await stripe.create_payment_intent(params, key="one")
    assert isinstance(found, Refused)
    assert (found.problem, found.param) == ("invalid", param)
