"""What every provider's adapter must do, whoever wrote it: one suite over all that are installed.

A new provider needs one entry in CASES, its vectors in payloads/vectors and its bodies in payloads/<provider>.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.errors import Unmappable
from schemas.fact import Fact, Ignored, Kind, Reading
from schemas.provider import Adapter, Cause, Delivery, Event, Identity, Source, Verdict
from schemas.stated import (
    ChargeTotal,
    Claim,
    Credit,
    Dispute,
    Fulfillment,
    Hand,
    Payment,
    Refund,
    Subscription,
)
from worker.providers import adapters

PAYLOADS = Path(__file__).parents[1] / "payloads"
NOW = 1_760_000_000.0
DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
SHAPES: Mapping[Kind, type[msgspec.Struct]] = {
    Kind.CLAIM: Claim, Kind.PAYMENT: Payment, Kind.CHARGE: ChargeTotal, Kind.REFUND: Refund, Kind.DISPUTE: Dispute,
    Kind.CREDIT: Credit, Kind.FULFILLMENT: Fulfillment, Kind.SUBSCRIPTION: Subscription, Kind.HAND: Hand,
}  # fmt: skip


class Case(NamedTuple):
    """How a provider is tried. `timed`: its scheme signs a timestamp."""

    secret: bytes
    other: bytes
    topic: str
    body: bytes
    timed: bool
    vectors: str


CASES = {
    "stripe": Case(
        b"whsec_one", b"whsec_two", "payment_intent.succeeded",
        b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1760000000}', True, "stripe",
    ),
    "shopify": Case(b"hush", b"hush hush", "orders/create", b'{"id":820982911946154508}', False, "shopify"),
    "woocommerce": Case(b"4?k&\"'secret <b>", b"other", "order.updated", b'{"id":727}', False, "woocommerce"),
    "standard": Case(
        b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b"whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0", "order.upserted",
        b'{"type":"order.upserted","timestamp":"2025-10-09T08:53:20Z","data":{"external_id":"A-1","currency":"BRL","amount":990}}', True,
        "standardwebhooks",
    ),
}  # fmt: skip
NAMES = sorted(adapters())
every_provider = pytest.mark.parametrize("provider", NAMES)
every_timed_provider = pytest.mark.parametrize("provider", [name for name in CASES if CASES[name].timed])
HOSTILE = {
    "empty": "",
    "blank": "   ",
    "commas": ",,,,",
    "equals": "t=,v1=",
    "non-ascii": "t=1760000000,v1=é☃, v1,é☃",
    "surrogate": "\udce9\udcff",
    "nul": "\x00",
    "digits of another script": "t=١٧٦٠٠٠٠٠٠٠,v1=٠٠",
    "10,000 parts by comma": ",".join(["v1=" + "0" * 64] * 10_000),
    "10,000 parts by space": " ".join(["v1,AAAA"] * 10_000),
    "10,000 digits": "9" * 10_000,
    "not base64": "v1,====",
}


def case(provider: str) -> tuple[Adapter, Case]:
    assert provider in CASES, f"{provider} has no entry in CASES: add one, so that it is held to the contract"
    return adapters()[provider], CASES[provider]


def signed(
    provider: str, body: bytes | None = None, *, at: float = NOW, secret: bytes | None = None, topic: str | None = None
) -> dict[str, str]:
    """The headers of a delivery as the provider sends it, names in lower case as the door hands them on."""
    adapter, known = case(provider)
    headers = adapter.sign(
        known.body if body is None else body, known.topic if topic is None else topic, secret or known.secret, at, {}
    )
    return {name.lower(): value for name, value in headers.items()}


def signature_headers(provider: str) -> set[str]:
    """The headers that differ from secret to secret."""
    one, two = signed(provider), signed(provider, secret=CASES[provider].other)
    return {name for name in one if one[name] != two[name]}


def source(provider: str, *secrets: bytes) -> Source:
    return Source(provider, secrets)


# verify


@every_provider
def test_what_is_signed_is_verified(provider: str) -> None:
    adapter, known = case(provider)
    found = adapter.verify(Delivery(signed(provider), known.body, NOW), source(provider, known.secret))
    assert found.verdict is Verdict.VERIFIED, found.detail


@every_provider
@pytest.mark.parametrize("used", ["secret", "other"])
def test_each_of_several_secrets_verifies_while_one_replaces_the_other(provider: str, used: str) -> None:
    adapter, known = case(provider)
    headers = signed(provider, secret=getattr(known, used))
    found = adapter.verify(Delivery(headers, known.body, NOW), source(provider, known.other, known.secret))
    assert found.verdict is Verdict.VERIFIED, found.detail


@every_provider
def test_a_body_that_was_changed_is_refused(provider: str) -> None:
    adapter, known = case(provider)
    headers = signed(provider)
    for body in (known.body + b" ", known.body[:-1], known.body.replace(b"id", b"Id", 1), b""):
        found = adapter.verify(Delivery(headers, body, NOW), source(provider, known.secret))
        assert (found.verdict, found.cause) == (Verdict.REFUSED, Cause.WRONG_SIGNATURE)
        assert found.detail.endswith(".")


@every_provider
def test_another_secret_is_refused(provider: str) -> None:
    adapter, known = case(provider)
    found = adapter.verify(Delivery(signed(provider), known.body, NOW), source(provider, known.other))
    assert (found.verdict, found.cause) == (Verdict.REFUSED, Cause.WRONG_SIGNATURE)


@every_provider
@pytest.mark.parametrize("secrets", [(), (b"",)], ids=["none", "empty"])
def test_without_a_secret_nothing_is_verified(provider: str, secrets: tuple[bytes, ...]) -> None:
    adapter, known = case(provider)
    delivery = Delivery(signed(provider), known.body, NOW)
    assert adapter.verify(delivery, source(provider, *secrets)).verdict is Verdict.REFUSED


@every_provider
def test_an_empty_key_signs_nothing_that_an_empty_secret_accepts(provider: str) -> None:
    adapter, known = case(provider)
    try:
        headers = adapter.sign(known.body, known.topic, b"", NOW, {})
    except Exception:  # noqa: BLE001  (an adapter may refuse to sign with nothing)
        return
    delivery = Delivery({name.lower(): value for name, value in headers.items()}, known.body, NOW)
    assert adapter.verify(delivery, source(provider, b"")).verdict is Verdict.REFUSED


@every_provider
def test_a_missing_signature_is_refused_as_missing(provider: str) -> None:
    adapter, known = case(provider)
    for name in signature_headers(provider):
        for headers in ({**signed(provider), name: ""}, {k: v for k, v in signed(provider).items() if k != name}):
            found = adapter.verify(Delivery(headers, known.body, NOW), source(provider, known.secret))
            assert (found.verdict, found.cause) == (Verdict.REFUSED, Cause.MISSING_HEADER)
    assert adapter.verify(Delivery({}, known.body, NOW), source(provider, known.secret)).verdict is Verdict.REFUSED


@every_provider
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_signature_is_refused_and_never_raises(provider: str, value: str) -> None:
    adapter, known = case(provider)
    for name in signature_headers(provider):
        delivery = Delivery({**signed(provider), name: value}, known.body, NOW)
        found = adapter.verify(delivery, source(provider, known.secret))
        assert found.verdict is Verdict.REFUSED
        assert found.cause is not None


@every_provider
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_of_any_name_never_raises(provider: str, value: str) -> None:
    adapter, known = case(provider)
    for name in signed(provider):
        delivery = Delivery({**signed(provider), name: value}, known.body, NOW)
        adapter.verify(delivery, source(provider, known.secret))
        identity = adapter.identify(delivery, source(provider, known.secret))
        assert all(isinstance(part, bytes) for part in identity.dedupe)


@every_provider
@settings(deadline=None)
@given(value=st.text(max_size=200))
def test_any_text_as_a_signature_is_refused_and_never_raises(provider: str, value: str) -> None:
    adapter, known = case(provider)
    for name in signature_headers(provider):
        delivery = Delivery({**signed(provider), name: value}, known.body, NOW)
        assert adapter.verify(delivery, source(provider, known.secret)).verdict is Verdict.REFUSED


@every_provider
def test_a_signature_sent_twice_is_judged_by_what_it_says(provider: str) -> None:
    adapter, known = case(provider)
    wrong = signed(provider, secret=known.other)
    for name in signature_headers(provider):
        right = signed(provider)
        twice = Delivery({**right, name: f"{wrong[name]}, {wrong[name]}"}, known.body, NOW)
        assert adapter.verify(twice, source(provider, known.secret)).verdict is Verdict.REFUSED
        same = Delivery({**right, name: f"{right[name]}, {right[name]}"}, known.body, NOW)
        assert adapter.verify(same, source(provider, known.secret)).verdict in (Verdict.VERIFIED, Verdict.REFUSED)


@every_timed_provider
@pytest.mark.parametrize(
    ("late", "cause"), [(301, Cause.STALE), (-301, Cause.FUTURE), (10**9, Cause.STALE), (300, None), (-300, None)]
)
def test_a_signed_time_counts_for_300_seconds_either_way(provider: str, late: int, cause: Cause | None) -> None:
    adapter, known = case(provider)
    found = adapter.verify(Delivery(signed(provider), known.body, NOW + late), source(provider, known.secret))
    assert found.cause is cause
    assert found.verdict is (Verdict.VERIFIED if cause is None else Verdict.REFUSED)


def vectors() -> Iterator[Any]:
    for provider, known in CASES.items():
        for vector in json.loads((PAYLOADS / "vectors" / f"{known.vectors}.json").read_bytes())["vectors"]:
            yield pytest.param(provider, vector, id=f"{provider}-{vector['name']}")


@pytest.mark.parametrize(("provider", "vector"), list(vectors()))
def test_a_known_answer_gets_its_verdict(provider: str, vector: dict[str, Any]) -> None:
    options = {"secret_format": vector["secret_format"]} if "secret_format" in vector else {}
    secrets = tuple(secret.encode() for secret in vector["secrets"])
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    delivery = Delivery(headers, vector["body"].encode(), float(vector["now"]))
    found = adapters()[provider].verify(delivery, Source(provider, secrets, options))
    expected = {"valid": Verdict.VERIFIED, "invalid": Verdict.REFUSED, "ping": Verdict.PING}[vector["expect"]]
    assert found.verdict is expected, (vector["why"], found.detail)


# identify and facts

WORDS = st.sampled_from(
    ["id", "type", "object", "data", "created", "livemode", "test", "status", "total", "currency", "timestamp", "items",
     "line_items", "financial_status", "total_price", "order_id", "amount", "kind", "refunds", "external_id", "code"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.sampled_from([0, 1, 820982911946154508, 2**53, 2**63, 1760000000]),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(float),
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["usd", "BRL", "XXX", "10.00", "-1", "1e9", "NaN", "2025-04-02T11:30:45-05:00", "paid", "0001-01-01T00:00:00+14:00",
         "9999-12-31T23:59:59-14:00", "order.upserted", "\x00", "pi_1", "1" * 300]
    ),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), inner, max_size=5)
    ),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), VALUES, max_size=8)


def bodies(provider: str) -> list[tuple[str, bytes]]:
    """Real bodies with their topics, which the file's name says before `__` as it does for `daybook send`."""
    adapter, known = case(provider)
    names = {topic.replace("/", "_").replace(".", "_"): topic for topic in adapter.TOPICS}
    files = sorted((PAYLOADS / provider).glob("*.json"))
    stems = [path.stem.split("__")[0] for path in files]
    named = [next((topic for name, topic in names.items() if name.startswith(stem)), known.topic) for stem in stems]
    found = [(topic, path.read_bytes()) for topic, path in zip(named, files, strict=True)]
    return found or [(known.topic, known.body)]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for name, one in inner:
        found += places(one, (*path, name))
    return found


def changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with one value replaced, or left out where the value is `...`."""
    name, *rest = path
    copy = dict(content) if isinstance(content, dict) else list(content)
    if rest:
        copy[name] = changed(copy[name], tuple(rest), value)
    elif value is ...:
        del copy[name]
    else:
        copy[name] = value
    return copy


@st.composite
def mutated(draw: st.DrawFn, provider: str) -> tuple[str, bytes]:
    """A real body with one to three of its values replaced or left out, and its topic."""
    topic, body = draw(st.sampled_from(bodies(provider)))
    content = json.loads(body)
    for _ in range(draw(st.integers(1, 3))):
        found = places(content)
        if found:
            content = changed(content, draw(st.sampled_from(found)), draw(st.one_of(VALUES, st.just(...))))
    return topic, json.dumps(content).encode()


def event(provider: str, topic: str, body: bytes) -> Event:
    """The event as a worker reads it back."""
    adapter, known = case(provider)
    delivery = Delivery(signed(provider, body, topic=topic), body, NOW)
    identity = adapter.identify(delivery, source(provider, known.secret))
    return Event(
        id="event-1",
        source=Source(provider),
        topic=identity.topic,
        body=DECODER.decode(body),
        headers=delivery.headers,
        received_at=datetime.fromtimestamp(NOW, UTC),
        livemode=identity.livemode,
    )


def read(provider: str, topic: str, body: bytes) -> Reading | Ignored | None:
    """What the adapter reads, None where it says what is wrong; anything else that it raises fails the test."""
    adapter, _ = case(provider)
    read_back = event(provider, topic, body)
    found: Reading | Ignored | Unmappable
    try:
        adapter.fetches(read_back)
        found = adapter.facts(read_back)
    except Unmappable as error:
        found = error
    if isinstance(found, Unmappable):
        assert found.path
        assert found.problem
        return None
    assert adapter.facts(event(provider, topic, body)) == found
    if isinstance(found, Ignored):
        assert found.reason.strip()
        return found
    for fact in found.facts:
        assert_well_formed(provider, fact)
    assert all(":" in key for key in found.links)
    msgspec.json.encode(found).decode()
    return found


def assert_well_formed(provider: str, fact: Fact) -> None:
    """One statement of plain JSON values in the shape of its kind, under a key of this connection or of Stripe."""
    assert fact.key.startswith((f"{provider}:", "stripe:"))
    [statement] = fact.statements
    assert isinstance(statement.at, int)
    assert isinstance(statement.rank, int)
    assert statement.event == "event-1"
    sent = msgspec.json.encode(statement.fields)
    received = msgspec.json.decode(sent)
    assert msgspec.json.encode(received) == sent
    assert listed(statement.fields) == received
    shape = msgspec.convert(received, SHAPES[fact.kind])
    assert listed(msgspec.to_builtins(shape)) == received, "a field that its shape does not know, or of another type"
    for name, value in statement.fields.items():
        if name in ("total", "amount", "stated_paid", "stated_returned", "received", "refunded") and value is not None:
            assert abs(value) <= 2**53 - 1


def listed(value: Any) -> Any:
    """The same values with lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {name: listed(one) for name, one in value.items()}
    return [listed(one) for one in value] if isinstance(value, list | tuple) else value


def topics(provider: str) -> list[str]:
    return ["", "no.such/topic", *case(provider)[0].TOPICS]


def identity_of(provider: str, body: bytes, *, at: float = NOW, topic: str | None = None) -> Identity:
    adapter, known = case(provider)
    return adapter.identify(
        Delivery(signed(provider, body, at=at, topic=topic), body, at), source(provider, known.secret)
    )


@every_provider
@settings(deadline=None)
@given(content=OBJECTS)
def test_any_object_can_be_identified_and_always_alike(provider: str, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    found = identity_of(provider, body)
    assert found == identity_of(provider, body)
    assert found.dedupe
    assert all(isinstance(part, bytes) for part in found.dedupe)
    assert found.occurred_at is None or found.occurred_at.tzinfo is not None
    assert msgspec.convert(msgspec.to_builtins(found), Identity).topic == found.topic


@every_provider
@settings(deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_can_be_identified(provider: str, body: bytes) -> None:
    adapter, known = case(provider)
    adapter.identify(Delivery(signed(provider), body, NOW), source(provider, known.secret))
    adapter.identify(Delivery({}, body, NOW), source(provider, known.secret))


@every_provider
def test_a_retry_is_the_same_delivery_and_another_body_is_another(provider: str) -> None:
    _, known = case(provider)
    first, again = identity_of(provider, known.body), identity_of(provider, known.body, at=NOW + 60)
    assert (first.dedupe, first.delivery_id) == (again.dedupe, again.delivery_id)
    other = known.body.replace(b"}", b',"more":1}', 1)
    assert identity_of(provider, other).dedupe != first.dedupe


@every_provider
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_object_is_read_or_refused_with_the_field_that_is_wrong(provider: str, data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from(topics(provider)))
    content = data.draw(OBJECTS)
    if data.draw(st.booleans()):
        content = {**content, "type": topic}
    read(provider, topic, json.dumps(content).encode())


@every_provider
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_real_body_with_faults_is_read_or_refused_with_the_field_that_is_wrong(
    provider: str, data: st.DataObject
) -> None:
    topic, body = data.draw(mutated(provider))
    read(provider, topic, body)
    read(provider, data.draw(st.sampled_from(topics(provider))), body)


@every_provider
def test_real_bodies_are_read_under_every_topic_that_they_could_have(provider: str) -> None:
    for _, body in bodies(provider):
        for topic in topics(provider):
            read(provider, topic, body)


@every_provider
def test_no_real_body_is_refused_under_its_own_topic(provider: str) -> None:
    for topic, body in bodies(provider):
        assert read(provider, topic, body) is not None, body[:200]


@every_provider
def test_an_adapter_says_who_it_is(provider: str) -> None:
    adapter, _ = case(provider)
    assert provider == adapter.PROVIDER
    assert adapter.TOPICS
    assert len(set(adapter.TOPICS)) == len(adapter.TOPICS)
