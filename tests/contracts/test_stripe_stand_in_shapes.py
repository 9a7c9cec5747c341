"""The stand-in's objects have Stripe's fields with Stripe's types: those of the SDK's own classes, all the way down, and
those of Stripe's published fixtures (payloads/stripe_objects, see SOURCES.md there)."""

from __future__ import annotations

import copy
import functools
import json
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
from stripe import StripeObject

from tests.contracts.test_stripe_stand_in_sales import charged, good, opened
from worker.local.stripe.stand_in import StandIn
from worker.outside.outcome import Declined
from worker.outside.stripe import Stripe

FIXTURES = json.loads((Path(__file__).parents[1] / "payloads" / "stripe_objects" / "fixtures3.json").read_text())
CLASSES: dict[str, type[StripeObject]] = {
    "balance_transaction": sdk.BalanceTransaction, "charge": sdk.Charge, "checkout.session": sdk.checkout.Session,
    "customer": sdk.Customer, "dispute": sdk.Dispute, "event": sdk.Event, "item": sdk.LineItem,
    "payment_intent": sdk.PaymentIntent, "payment_method": sdk.PaymentMethod, "price": sdk.Price, "refund": sdk.Refund,
}  # fmt: skip
# What is at Stripe as well, and in the webhooks that were recorded, though the SDK's classes do not list it.
BESIDE = {"payment_intent": {"source"}}
READ = {
    "payment_intent": {"id", "amount", "amount_received", "currency", "status", "created", "customer", "latest_charge",
                       "last_payment_error", "metadata", "payment_method", "payment_method_types", "receipt_email"},
    "charge": {"id", "amount", "amount_captured", "amount_refunded", "balance_transaction", "billing_details", "captured",
               "created", "currency", "customer", "failure_code", "failure_message", "outcome", "paid", "payment_intent",
               "payment_method_details", "status"},
    "refund": {"id", "amount", "charge", "created", "currency", "payment_intent", "reason", "status"},
    "dispute": {"id", "amount", "charge", "created", "currency", "evidence_details", "payment_intent", "reason", "status"},
    "checkout.session": {"id", "amount_subtotal", "amount_total", "client_reference_id", "created", "currency", "customer",
                         "customer_details", "customer_email", "expires_at", "invoice", "metadata", "mode",
                         "payment_intent", "payment_status", "status", "subscription", "total_details", "url"},
    "customer": {"id", "email", "name", "invoice_settings", "metadata"},
    "payment_method": {"id", "type", "customer", "billing_details"},
    "balance_transaction": {"id", "amount", "fee", "net", "currency"},
    "event": {"id", "type", "created", "livemode", "data", "api_version", "request"},
}  # fmt: skip
"""What Daybook reads, by kind."""


@functools.cache
def fields_of(declared: type[StripeObject]) -> dict[str, Any]:
    """The fields with their types. What the SDK imports for type checkers alone may be anything."""
    names = {**vars(sdk), **vars(sys.modules[declared.__module__])}
    while True:
        try:
            found = typing.get_type_hints(declared, names)
            return {name: kind for name, kind in found.items() if not name.startswith("_") and name != "OBJECT_NAME"}
        except NameError as error:
            names[error.name] = Any


def wrong(value: Any, declared: Any, path: str) -> Iterator[str]:
    """What is not as the annotation says; an id stands for an object that can be expanded."""
    origin, members = typing.get_origin(declared), typing.get_args(declared)
    if declared is Any or is_free(declared):
        return
    if origin in (typing.Union, types.UnionType):
        yield from min((list(wrong(value, member, path)) for member in members), key=len)
    elif origin in (list, sdk.ListObject):
        rows = value["data"] if origin is sdk.ListObject and isinstance(value, dict) else value
        if not isinstance(rows, list):
            yield f"{path}: {value!r} is no list"
            return
        for place, item in enumerate(rows):
            yield from wrong(item, members[0], f"{path}[{place}]")
    elif isinstance(declared, type) and issubclass(declared, StripeObject):
        yield from unlike(value, declared, path)
    elif not fits(value, declared):
        yield f"{path}: {value!r} is no {declared}"


def is_free(declared: Any) -> bool:
    """An object whose fields Stripe does not fix."""
    return "UntypedStripeObject" in str(declared) and typing.get_origin(declared) is not typing.Union


def fits(value: Any, declared: Any) -> bool:
    """A value against a type that has no parts."""
    if typing.get_origin(declared) is typing.Literal:
        return value in typing.get_args(declared)
    if typing.get_origin(declared) is dict:
        return isinstance(value, dict)
    if declared in (None, type(None)):
        return value is None
    if declared is Decimal:  # sent as text
        return isinstance(value, str)
    return type(value) is declared or (declared is float and type(value) is int)


def unlike(value: Any, declared: type[StripeObject], path: str) -> Iterator[str]:
    """An object against a class of the SDK: no field too many, none of a wrong type, none missing that is always there."""
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no {declared.__name__}"
        return
    fields = fields_of(declared)
    for name, item in value.items():
        if name in fields:
            yield from wrong(item, fields[name], f"{path}.{name}")
        elif name not in BESIDE.get(path, ()):
            yield f"{path}.{name} is no field of {declared.__name__}"
    for name, kind in fields.items():
        optional = typing.get_origin(kind) in (typing.Union, types.UnionType) and type(None) in typing.get_args(kind)
        known = typing.get_origin(kind) is not typing.ClassVar and kind is not Any and not optional
        if known and name not in value:
            yield f"{path}.{name} is missing"


def against_fixture(value: dict[str, Any], path: str) -> Iterator[str]:
    """Against Stripe's published example of the kind: each field is in it, or is newer and in the SDK; the same types."""
    example = FIXTURES[path]
    newer = fields_of(CLASSES[path]).keys() | BESIDE.get(path, set())
    for name, item in value.items():
        if name not in example and name not in newer:
            yield f"{path}.{name} is in no fixture"
        same = type(item) is type(example.get(name))
        if item is not None and example.get(name) is not None and not same:
            expanded = isinstance(item, str | dict) and isinstance(example[name], str | dict)
            if not expanded:
                yield f"{path}.{name}: {item!r} and {example[name]!r}"


def problems(found: dict[str, Any]) -> list[str]:
    kind = found["object"]
    missing = [f"{kind}.{name} is read and missing" for name in READ.get(kind, set()) - found.keys()]
    return [*missing, *unlike(found, CLASSES[kind], kind), *against_fixture(found, kind)]


async def everything(stripe: Stripe, stand_in: StandIn) -> list[dict[str, Any]]:
    """Objects of each kind in each state that the stand-in knows, as answered and as told in events."""
    answers: list[dict[str, Any]] = []
    paid = await charged(stripe, stand_in)
    answers += [paid, good(await stripe.retrieve_charge(paid["latest_charge"], expand=["balance_transaction"]))]
    answers.append(good(await stripe.create_refund({"payment_intent": paid["id"], "amount": 1}, key="refund")))
    failing = good(await stripe.create_refund({"payment_intent": paid["id"], "amount": 2}, key="failing"))
    stand_in.settle_refund(failing["id"], succeeds=False)
    disputed = await charged(stripe, stand_in, "pm_card_createDispute")
    dispute = next(iter(stand_in.books.tables["dispute"].values()))
    stand_in.close_dispute(dispute["id"], won=True)
    for card in ("pm_card_chargeCustomerFail", "pm_card_threeDSecure2Required", "pm_stand_in_sepa_debit"):
        customer, method = stand_in.customer(card, email="ana@example.com", name="Ana")
        params = {"amount": 5, "currency": "brl", "customer": customer, "payment_method": method, "confirm": True,
                  "return_url": "https://example.com"}  # fmt: skip
        found = await stripe.create_payment_intent(params, key=card)
        intent = found.payment_intent if isinstance(found, Declined) else good(found)
        assert intent is not None
        answers.append(intent)
        if intent["status"] == "requires_action":
            stand_in.authenticate(intent["id"], succeeds=False)
    manual = {
        "amount": 5,
        "currency": "brl",
        "capture_method": "manual",
        "payment_method": "pm_card_amex",
        "confirm": True,
    }
    held = good(await stripe.create_payment_intent(manual, key="manual"))
    answers.append(good(await stripe.cancel_payment_intent(held["id"], {}, key="cancel")))
    shipping = {"shipping_rate_data": {"display_name": "Post", "type": "fixed_amount",
                                       "fixed_amount": {"amount": 7, "currency": "brl"}}}  # fmt: skip
    for number, card in enumerate(
        ("pm_card_visa", "pm_card_visa_chargeDeclined", "pm_stand_in_pix", "pm_stand_in_boleto", "")
    ):
        session = await opened(
            stripe, f"session {number}", shipping_options=[shipping], customer_email="ana@example.com"
        )
        if card:
            stand_in.pay(session["id"], card)
        else:
            good(await stripe.expire_checkout_session(session["id"], key="expire"))
        answers.append(good(await stripe.retrieve_checkout_session(session["id"], expand=["line_items"])))
        answers += answers[-1].pop("line_items")["data"]
        answers.append(answers[-1]["price"])
    answers.append(good(await stripe.retrieve_customer(disputed["customer"])))
    answers += [copy.deepcopy(one) for table in stand_in.books.tables.values() for one in table.values()]
    return answers + [event["data"]["object"] for event in stand_in.events]


async def test_P2_every_object_has_stripes_fields_and_types(stripe: Stripe, stand_in: StandIn) -> None:
    found = await everything(stripe, stand_in)
    assert {one["object"] for one in found} == CLASSES.keys()
    assert sorted({problem for one in found for problem in problems(one)}) == []


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [("charge", "amount", "990"), ("charge", "colour", "red"), ("charge", "outcome", {"shade": 1}), ("event", "data", None)],
)  # fmt: skip
async def test_P2_what_is_unlike_stripe_is_seen(
    stripe: Stripe, stand_in: StandIn, kind: str, name: str, value: Any
) -> None:
    await charged(stripe, stand_in)
    one = copy.deepcopy(next(iter(stand_in.books.tables[kind].values())))
    assert problems(one) == []
    assert problems({**one, name: value})
    del one["id"]
    assert problems(one)
