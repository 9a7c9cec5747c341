"""Standard Webhooks and Daybook's own order payload, with figures worked out by hand."""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from standardwebhooks import Webhook

from handlers.errors import Refused, Unmappable
from handlers.providers import standard
from schemas.fact import Ignored, Kind, Reading
from schemas.provider import Cause, Delivery, Lane, Source, Verdict
from tests.unit.providers.events import kinds, order_of, read, stated

SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_760_000_000.0
BODY = b'{"type":"order.upserted"}'


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def order(timestamp: str | None = "2026-01-02T00:00:00Z", **data: Any) -> Reading | Ignored:
    """A payload with an order of 20.00 BRL, with some fields as given."""
    content = {
        "external_id": "A-1", "currency": "BRL", "items": [{"name": "Thing", "quantity": 2, "unit_price": 1000}], **data,
    }  # fmt: skip
    body = {
        "type": "order.upserted",
        "timestamp": timestamp,
        "data": {k: v for k, v in content.items() if v is not ...},
    }
    return read(standard, "order.upserted", {name: value for name, value in body.items() if value is not None})


def verdict(headers: dict[str, str], *secrets: bytes, body: bytes = BODY, **settings: Any) -> Verdict:
    return standard.verify(Delivery(headers, body, NOW), Source("feed", secrets or (SECRET,), settings)).verdict


def test_the_whole_payload_of_the_contract_becomes_an_order() -> None:
    reading = order(
        version=3, number="1042", amount=2647,
        customer={"id": "c-9", "email": " Ana@Example.com", "name": "Ana"},
        items=[{"sku": "T-1", "name": "Thing", "quantity": "1.5", "unit_price": 1333, "tax_rate": "8.875", "discount": 100}],
        charges=[
            {"kind": "shipping", "mode": "fixed", "value": 500, "label": "Post"},
            {"kind": "discount", "mode": "percent", "of": "running", "value": "2.5"},
            {"kind": "price_adjustment", "mode": "fixed", "value": "150", "sign": 1},
        ],
        payment_status="pending", shipping_status="partially_shipped",
        ordered_at="2026-01-01T10:00:00-03:00", due_at="2026-02-01T00:00:00Z",
        shipping_address={"name": "Ana", "line1": "Rua A", "city": "São Paulo", "country": "BR"},
    )  # fmt: skip
    # 1.5 x 1333 = 1999.5 -> 2000; (2000 - 100) x 8.875 % = 168.625 -> 169; 1900 + 169 = 2069
    # 2069 + 500 = 2569; 2.5 % of that = 64.225 -> 64; 2569 - 64 + 150 = 2655; stated 2647
    [line] = stated(reading, "shop:order:A-1")["lines"]
    assert (line["subtotal"], line["discount"], line["tax"], line["total"]) == (2000, 100, 169, 2069)
    found = order_of(reading)
    assert found.amount == 2647
    assert [(one.kind, one.amount) for one in found.charges] == [
        ("shipping", 500), ("discount", -64), ("price_adjustment", 150), ("price_adjustment", -8),
    ]  # fmt: skip
    assert (found.external_id, found.external_number, found.title) == ("A-1", "1042", "Order 1042")
    assert (found.party.ids, found.party.email) == (("shop:customer:c-9",), "ana@example.com")
    assert (found.ordered_at, found.shipping_status) == (at("2026-01-01T13:00:00+00:00"), "partially_shipped")
    assert (found.payment_status, found.source, found.currency) == ("overdue", "webhook", "BRL")
    assert found.shipping_address is not None
    assert found.shipping_address.city == "São Paulo"


def test_without_an_amount_the_parts_make_the_total() -> None:
    found = order_of(order(charges=[{"kind": "tax", "mode": "percent", "value": 10}]))
    assert (found.amount, found.summary.order_total) == (2200, 2200)


def test_without_items_the_amount_is_one_line() -> None:
    found = order_of(order(items=..., amount=990, title="Course"))
    assert (found.amount, [(line.name, line.total) for line in found.lines]) == (990, [("Course", 990)])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("pending", 0, 0)),
        ({"payment_status": "paid"}, ("paid", 2000, 0)),
        ({"payment_status": "refunded"}, ("refunded", 2000, 2000)),
        ({"payment_status": "canceled"}, ("canceled", 0, 0)),
        ({"payment_status": "failed"}, ("failed", 0, 0)),
        ({"payment_status": "partially_paid", "amount_paid": 500}, ("partially_paid", 500, 0)),
        ({"payment_status": "paid", "amount_paid": 2000}, ("paid", 2000, 0)),
        ({"payment_status": "paid", "amount_paid": 2000, "amount_refunded": 300}, ("paid", 2000, 300)),
        ({"payment_status": "refunded", "amount_paid": 2000}, ("refunded", 2000, 2000)),
        ({"amount_paid": 0}, ("pending", 0, 0)),
    ],
)
def test_the_payment_status_is_a_note_unless_sums_are_stated(
    fields: dict[str, Any], expected: tuple[str, int, int]
) -> None:
    found = order_of(order(**fields))
    assert (found.payment_status, found.amount_paid, found.amount_refunded) == expected


def test_an_older_order_never_overwrites_a_newer_one() -> None:
    first = order(version=1, notes="first", due_at="2027-01-01T00:00:00Z")
    second = order("2026-01-02T00:00:00Z", version=2)
    third = order("2026-01-03T00:00:00Z", version=3, notes="third")
    for readings in itertools.permutations((first, second)):
        found = order_of(*readings)
        assert (found.notes, found.due_at) == (None, None)
    for readings in itertools.permutations((first, second, third)):
        assert order_of(*readings).notes == "third"


def test_a_higher_version_wins_even_with_an_earlier_timestamp() -> None:
    newer = order("2026-01-01T00:00:00Z", version=8, notes="newer")
    older = order("2026-01-09T00:00:00Z", version=7, notes="older")
    for readings in itertools.permutations((newer, older)):
        assert order_of(*readings).notes == "newer"


def test_what_was_paid_can_be_taken_back_by_a_newer_version() -> None:
    paid = order(version=1, payment_status="paid", amount_paid=500)
    taken_back = order(version=2, payment_status="pending")
    for readings in itertools.permutations((paid, taken_back)):
        found = order_of(*readings)
        assert (found.payment_status, found.amount_paid) == ("pending", 0)


def test_a_payload_without_a_timestamp_counts_from_its_arrival() -> None:
    reading = order(None)
    assert isinstance(reading, Reading)
    assert reading.facts[0].statements[0].at == 1_790_000_000_000_000


def test_test_orders_say_so() -> None:
    assert order_of(order()).livemode is True
    assert order_of(order(livemode=False)).livemode is False


def test_any_other_type_is_ignored_by_its_name() -> None:
    for body, named in (
        ({"type": "user.created", "data": {}}, "user.created"),
        ({"test": 2432232314}, "without a type"),
    ):
        found = read(standard, "", body)
        assert isinstance(found, Ignored)
        assert named in found.reason


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"external_id": ...}, "data.external_id"),
        ({"external_id": ""}, "data.external_id"),
        ({"currency": ...}, "data.currency"),
        ({"currency": "DOGE"}, "data.currency"),
        ({"version": "2"}, "data.version"),
        ({"amount": 19.99}, "data.amount"),
        ({"amount": -1}, "data.amount"),
        ({"amount": 2**53}, "data.amount"),
        ({"items": ...}, "data.amount"),
        ({"items": {}}, "data.items"),
        ({"items": [{"name": "x"}]}, "data.items[0].unit_price"),
        ({"items": [{"unit_price": 1, "quantity": -1}]}, "data.items[0].quantity"),
        ({"items": [{"unit_price": 1, "quantity": "two"}]}, "data.items[0].quantity"),
        ({"items": [{"unit_price": -1}]}, "data.items[0].unit_price"),
        ({"items": [{"unit_price": 1, "discount": 2}]}, "data.items[0].discount"),
        ({"items": [{"unit_price": 1, "tax_rate": "-1"}]}, "data.items[0].tax_rate"),
        ({"items": [{"unit_price": 2**52, "quantity": 3}]}, "data.items[0]"),
        ({"charges": [{"kind": "gift", "value": 1}]}, "data.charges[0].kind"),
        ({"charges": [{"kind": "tax"}]}, "data.charges[0].value"),
        ({"charges": [{"kind": "tax", "value": "0.5"}]}, "data.charges[0].value"),
        ({"charges": [{"kind": "tax", "mode": "both", "value": 1}]}, "data.charges[0].mode"),
        ({"charges": [{"kind": "tax", "mode": "percent", "of": "tax", "value": 1}]}, "data.charges[0].of"),
        ({"charges": [{"kind": "other", "value": 1, "sign": 2}]}, "data.charges[0].sign"),
        ({"charges": [{"kind": "discount", "value": 2001}]}, "data.charges"),
        ({"payment_status": "partially_refunded"}, "data.payment_status"),
        ({"shipping_status": "lost"}, "data.shipping_status"),
        ({"customer": "Ana"}, "data.customer"),
        ({"due_at": "tomorrow"}, "data.due_at"),
        ({"timestamp": "hello"}, "timestamp"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Unmappable) as caught:
        order(**fields)
    assert caught.value.path == path


def test_lines_without_ids_are_told_apart_by_their_place() -> None:
    reading = order(items=[{"unit_price": 1}, {"unit_price": 2, "id": "x"}, {"unit_price": 3, "id": "x"}])
    assert [line["key"] for line in stated(reading, "shop:order:A-1")["lines"]] == ["line-1", "x", "x-3"]
    assert kinds(reading) == [(Kind.CLAIM, "shop:order:A-1")]


# signatures


def test_the_reference_library_and_this_adapter_agree() -> None:
    body = '{"type":"order.upserted","note":"Café ☕"}'
    hook = Webhook(SECRET.decode())
    theirs = {
        "webhook-id": "msg_1", "webhook-timestamp": str(int(NOW)),
        "webhook-signature": hook.sign("msg_1", datetime.fromtimestamp(NOW, UTC), body),
    }  # fmt: skip
    assert verdict(theirs, body=body.encode()) is Verdict.VERIFIED
    ours = standard.sign(body.encode(), "order.upserted", SECRET, datetime.now(UTC).timestamp(), {})
    assert hook.verify(body, ours) == {"type": "order.upserted", "note": "Café ☕"}


def test_a_raw_secret_keys_with_its_own_text() -> None:
    headers = standard.sign(BODY, "", b"polar_whs_9f8e", NOW, {"secret_format": "raw"})
    assert verdict(headers, b"polar_whs_9f8e", secret_format="raw") is Verdict.VERIFIED
    assert verdict(headers, b"polar_whs_9f8e") is Verdict.REFUSED


def test_a_secret_that_is_no_base64_verifies_nothing_and_says_what_to_do() -> None:
    headers = standard.sign(BODY, "", SECRET, NOW, {})
    found = standard.verify(
        Delivery(headers, BODY, NOW), Source("feed", (b"not base64!", b"whsec_", b"", b"whpk_AAAA"))
    )
    assert (found.verdict, found.cause) == (Verdict.REFUSED, Cause.WRONG_SIGNATURE)
    assert "secret_format to raw" in found.detail
    with pytest.raises(Refused):
        standard.sign(BODY, "", b"not base64!", NOW, {})


def test_both_header_names_are_read_and_never_mixed() -> None:
    svix = standard.sign(BODY, "", SECRET, NOW, {"header_prefix": "svix"})
    assert set(svix) == {"svix-id", "svix-timestamp", "svix-signature"}
    webhook = standard.sign(BODY, "", SECRET, NOW, {})
    choices: list[dict[str, Any]] = [
        {},
        {"header_prefix": "svix"},
        {"header_prefix": "webhook"},
        {"header_prefix": "x"},
    ]
    for settings in choices:
        assert verdict(svix, **settings) is Verdict.VERIFIED
        assert verdict(webhook, **settings) is Verdict.VERIFIED
        assert verdict({**svix, **webhook}, **settings) is Verdict.VERIFIED
    mixed = {
        "svix-id": svix["svix-id"],
        "webhook-timestamp": "1760000000",
        "webhook-signature": webhook["webhook-signature"],
    }
    assert verdict(mixed) is Verdict.REFUSED


def test_an_asymmetric_secret_signs_with_its_private_and_verifies_with_its_public_half() -> None:
    private = Ed25519PrivateKey.generate()
    seed = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signing, checking = (
        prefix + base64.b64encode(key) for prefix, key in ((b"whsk_", seed + public), (b"whpk_", public))
    )
    headers = standard.sign(BODY, "", signing, NOW, {})
    assert headers["webhook-signature"].startswith("v1a,")
    assert verdict(headers, checking) is Verdict.VERIFIED
    assert verdict(headers, signing) is Verdict.VERIFIED
    assert verdict(headers, SECRET) is Verdict.REFUSED
    assert verdict(headers, checking, body=BODY + b" ") is Verdict.REFUSED
    symmetric = standard.sign(BODY, "", SECRET, NOW, {})
    assert verdict({**headers, "webhook-signature": symmetric["webhook-signature"]}, checking) is Verdict.REFUSED
    with pytest.raises(Refused):
        standard.sign(BODY, "", checking, NOW, {})


@pytest.mark.parametrize(
    "stamp", ["1760000000.5", "-1", "+1760000000", "1e9", "0x68e7", "١٧٦٠٠٠٠٠٠٠", "9" * 13, "1760000000, 1760000000"]
)
def test_a_timestamp_is_a_whole_number_of_seconds(stamp: str) -> None:
    headers = {**standard.sign(BODY, "", SECRET, NOW, {}), "webhook-timestamp": stamp}
    found = standard.verify(Delivery(headers, BODY, NOW), Source("feed", (SECRET,)))
    assert (found.verdict, found.cause) == (Verdict.REFUSED, Cause.MALFORMED_HEADER)


def test_any_of_several_signatures_will_do_also_in_a_header_sent_twice() -> None:
    headers = standard.sign(BODY, "", SECRET, NOW, {})
    right = headers["webhook-signature"]
    wrong = "v1," + base64.b64encode(b"0" * 32).decode()
    for value in (
        f"{wrong} {right}",
        f"v2,x  v1a,{wrong[3:]} {right} nonsense",
        f"{wrong}, {right}",
        f"{right}, {wrong}",
    ):
        assert verdict({**headers, "webhook-signature": value}) is Verdict.VERIFIED
    assert verdict({**headers, "webhook-signature": " ".join([wrong] * 40 + [right])}) is Verdict.REFUSED


def test_a_delivery_is_known_by_its_id_and_body() -> None:
    body = b'{"type":"order.upserted","timestamp":"2026-01-02T00:00:00Z","data":{"livemode":false}}'
    seen = standard.identify(Delivery({"svix-id": "msg_1", "svix-signature": "v1,x"}, body, NOW), Source("feed"))
    assert (seen.topic, seen.delivery_id, seen.lane) == ("order.upserted", "msg_1", Lane.ORDERS)
    assert (seen.livemode, seen.occurred_at) == (False, datetime(2026, 1, 2, tzinfo=UTC))
    other = standard.identify(
        Delivery({"webhook-id": "msg_1", "webhook-signature": "v1,x"}, body + b" ", NOW), Source("feed")
    )
    assert other.delivery_id == seen.delivery_id
    assert other.dedupe != seen.dedupe


def test_R4_the_tolerance_is_300_s_unless_the_connection_says_otherwise() -> None:
    key = b"whsec_" + base64.b64encode(b"k" * 24)
    headers = {name.lower(): value for name, value in standard.sign(BODY, "", key, 1000.0, {}).items()}
    for settings, now, cause in (
        ({}, 1300.0, None),
        ({}, 1301.0, "stale"),
        ({"tolerance_s": 900}, 1301.0, None),
        ({"tolerance_s": 900}, 1901.0, "stale"),
    ):
        assert standard.verify(Delivery(headers, BODY, now), Source("s", (key,), settings)).cause == cause
