"""What a change of an order is told as (H5), how it is signed, when it is sent again, and where it may be sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from handlers import feed
from handlers.derive import derive
from handlers.errors import Refused
from handlers.merge import add
from handlers.providers import standard
from handlers.targets import checked_url, is_public
from schemas.fact import Dossier, Reading
from schemas.feed import EventType
from schemas.order import DisputeRow, Order, PaymentStatus, ShippingStatus, Status
from schemas.provider import Event, Source


@pytest.fixture(scope="module")
def order() -> Order:
    body = {
        "type": "order.upserted", "timestamp": "2026-02-01T00:00:00Z",
        "data": {"external_id": "A", "currency": "EUR", "version": 1, "items": [{"name": "x", "quantity": 1, "unit_price": 100}]},
    }  # fmt: skip
    read = standard.facts(Event("e", Source("standard"), "order.upserted", body, {}, datetime(2026, 2, 1, tzinfo=UTC)))
    assert isinstance(read, Reading)
    return derive(add(Dossier(), read), 1_770_000_000_000_000)


ONE = DisputeRow(key="dp_1", amount=1, currency="EUR", status="needs_response")


@pytest.mark.parametrize(
    ("changes", "also"),
    [
        ({"title": "x"}, []),
        ({"payment_status": PaymentStatus.PAID}, ["order.paid"]),
        ({"payment_status": PaymentStatus.PARTIALLY_PAID}, ["order.partially_paid"]),
        ({"payment_status": PaymentStatus.OVERDUE}, ["order.overdue"]),
        ({"payment_status": PaymentStatus.REFUNDED, "amount_refunded": 5}, ["order.refunded"]),
        ({"payment_status": PaymentStatus.PAID, "amount_refunded": 5}, ["order.paid", "order.partially_refunded"]),
        ({"payment_status": PaymentStatus.FAILED}, ["order.failed"]),
        ({"payment_status": PaymentStatus.CANCELED}, ["order.canceled"]),
        ({"disputes": (ONE,)}, ["order.disputed"]),
        ({"status": Status.DRAFT}, []),
        ({"status": Status.PROCESSING}, ["order.processing"]),
        ({"status": Status.COMPLETED}, ["order.completed"]),
        ({"status": Status.VOID}, ["order.voided"]),
        ({"shipping_status": ShippingStatus.PARTIALLY_SHIPPED}, ["order.partially_shipped"]),
        ({"shipping_status": ShippingStatus.SHIPPED}, ["order.shipped"]),
        ({"shipping_status": ShippingStatus.DELIVERED}, ["order.delivered"]),
        ({"shipping_status": ShippingStatus.RETURNED}, ["order.returned"]),
        (
            {
                "payment_status": PaymentStatus.PAID,
                "status": Status.COMPLETED,
                "shipping_status": ShippingStatus.SHIPPED,
            },
            ["order.paid", "order.completed", "order.shipped"],
        ),
    ],
)
def test_H5_a_change_is_told_as_such_and_as_what_came_true_by_it(
    order: Order, changes: dict[str, object], also: list[str]
) -> None:
    after = msgspec.structs.replace(order, **changes)  # type: ignore[arg-type]
    assert list(feed.events_of(order, after)) == ["order.updated", *also]
    assert list(feed.events_of(None, after)) == ["order.created", *also]
    assert list(feed.events_of(after, after)) == ["order.updated"], "what is true already is not told again"


def test_H5_every_type_of_an_order_is_one_that_a_change_can_bring(order: Order) -> None:
    changes: list[dict[str, object]] = [
        *({"payment_status": value} for value in PaymentStatus),
        *({"status": value} for value in Status),
        *({"shipping_status": value} for value in ShippingStatus),
        {"amount_refunded": 1},
        {"disputes": (ONE,)},
    ]
    found = set(feed.events_of(None, order))
    for change in changes:
        found |= set(feed.events_of(order, msgspec.structs.replace(order, **change)))  # type: ignore[arg-type]
    assert found == {type_ for type_ in EventType if type_.startswith("order.")} - {EventType.ORDER_MERGED}


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200))
def test_H5_a_message_verifies_with_each_of_its_secrets_and_with_no_other(random: bytes, noise: bytes) -> None:
    body = json.dumps({"noise": noise.hex()}).encode()
    secrets = [feed.secret_of(random), feed.secret_of(random[::-1] + b"x")]
    headers = feed.signed("evt", int(datetime.now(UTC).timestamp()), body, secrets)
    for secret in secrets:
        assert Webhook(secret).verify(body, headers) == {"noise": noise.hex()}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(feed.secret_of(random + b"y")).verify(body, headers)


@given(st.text(min_size=1, max_size=40))
def test_H5_pauses_grow_to_about_three_days_and_then_end(name: str) -> None:
    pauses = [feed.delay_s(attempt, (name, "s")) for attempt in range(1, feed.ATTEMPTS)]
    numbers = [pause for pause in pauses if pause is not None]
    assert len(numbers) == feed.ATTEMPTS - 1
    assert all(before < after for before, after in pairwise(numbers))
    assert 3 * 86_400 < sum(numbers) < 3.6 * 86_400
    assert feed.delay_s(feed.ATTEMPTS, (name,)) is None
    assert feed.delay_s(1, (name,), asked_s=120) == 120
    assert feed.delay_s(1, (name,), asked_s=1e12) == feed.LONGEST_S


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1",
        "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:8.8.8.8", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::1", "2002:a00:1::1", "2001:0:53aa:64c::1", "2001:db8::1", "100::1", "2606:4700::1%eth0", "host", "",
    ],
)  # fmt: skip
def test_H5_an_address_of_the_inside_is_none_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "100.128.0.1"])
def test_H5_an_address_of_the_internet_is_one(address: str) -> None:
    assert is_public(address)


INSIDE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip


@given(st.sampled_from(INSIDE), st.integers(0, 2**32 - 1))
def test_H5_no_writing_of_an_inside_address_makes_it_public(network: str, number: int) -> None:
    inside = IPv4Network(network)
    address = inside[number % inside.num_addresses]
    carried = int(address)
    assert not is_public(str(address))
    for text in (
        f"::ffff:{address}", str(IPv6Address(0x0064FF9B << 96 | carried)), str(IPv6Address(0x2002 << 112 | carried << 80 | 1)),
        f"::{address}",
    ):  # fmt: skip
        assert not is_public(text)


@given(st.integers(0, 2**32 - 1))
def test_H5_what_is_public_is_global_by_the_registry(number: int) -> None:
    address = IPv4Address(number)
    assert is_public(str(address)) <= address.is_global


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "in clear"),
        ("ftp://example.com/", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("gopher://example.com/", "no web address"),
        ("https:///path", "web address|cannot be read"),
        ("//example.com/", "no web address"),
        ("https://user@example.com/", "user or password"),
        ("https://:secret@example.com/", "user or password"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "port|cannot be read"),
        ("https://example.com/#x", "fragment"),
        ("https://[::1/", "cannot be read|no web"),
    ],
)
def test_H5_a_url_that_says_more_or_less_than_where_to_is_refused(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        checked_url(url, private=False)
    assert (refused.value.code, refused.value.field) == ("invalid", "url")


def test_H5_http_is_for_accounts_that_may_send_inside() -> None:
    assert checked_url("http://hooks.internal/a", private=True).host == "hooks.internal"
    assert checked_url("https://example.com:8443/a?b=c", private=False).port == 8443
