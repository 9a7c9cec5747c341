"""The load: Stripe events of sales that are paid, from recorded payloads with ids of their own, signed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cache
from zlib import crc32

import msgspec

from tests.world import SECRETS, payload
from worker.providers import adapters

STEPS = ("payment_intent_created", "payment_intent_succeeded", "charge_succeeded", "checkout_session_completed")
"""The events of one sale, in their order."""
TOGETHER = 8
"""Sales that are told of side by side, as senders do."""


@cache
def _template(name: str) -> bytes:
    """A recorded event, indented as Stripe's are on the wire, with `<name>` in place of what differs by sale."""
    content = msgspec.json.decode(payload("stripe", f"{name}__2020-08-27.json"))
    object_ = content["data"]["object"]
    object_.update({key: "<amount>" for key in object_ if key in ("amount", "amount_received", "amount_captured")})
    object_.update({key: "<amount>" for key in object_ if key in ("amount_total", "amount_subtotal")})
    object_.update(customer="<customer>", currency="usd")
    for charge in object_.get("charges", {}).get("data", []):
        charge.update(amount="<amount>", amount_captured="<amount>", currency="usd")
    content["created"] = "<created>"
    text = msgspec.json.format(msgspec.json.encode(content), indent=2)
    recorded = {"evt_": "evt_<step>_<sale>", "pi_": "pi_<sale>", "ch_": "ch_<sale>", "cs_test_": "cs_<sale>"}
    for prefix, mark in recorded.items():
        for zeros in (58, 24):
            text = text.replace(f"{prefix}{'0' * zeros}".encode(), mark.encode())
    return text.replace(b'"<amount>"', b"<amount>").replace(b'"<created>"', b"<created>")


def _filled(step: int, values: Mapping[bytes, bytes]) -> bytes:
    text = _template(STEPS[step]).replace(b"<step>", b"%d" % step)
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def sale(name: str) -> Iterator[bytes]:
    """The events of one sale."""
    chance = crc32(name.encode())
    values = {
        b"<sale>": name.encode(), b"<amount>": b"%d" % (1_000 + chance % 100_000),
        b"<customer>": b"cus_%d" % (chance % 5_000), b"<created>": b"%d" % (1_700_000_000 + chance % 10_000_000),
    }  # fmt: skip
    for step in range(len(STEPS)):
        yield _filled(step, values)


def bodies(prefix: str, count: int) -> list[bytes]:
    """So many distinct events, of whole sales."""
    if count % (TOGETHER * len(STEPS)):
        raise ValueError(f"{count} is no multiple of {TOGETHER * len(STEPS)}")
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        together = [list(sale(f"{prefix}{number + place:07d}")) for place in range(TOGETHER)]
        number += TOGETHER
        found += [told[step] for step in range(len(STEPS)) for told in together]
    return found[:count]


def request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole HTTP request, as Stripe sends one."""
    lines = [
        f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Accept: */*; q=0.5, application/xml", "Cache-Control: no-cache", f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()), "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + body


def requests(prefix: str, count: int) -> list[bytes]:
    """Distinct signed deliveries, ready for the wire."""
    sign, secret, now = adapters()["stripe"].sign, SECRETS["stripe"].encode(), time.time()
    return [request("/webhooks/stripe", body, sign(body, "", secret, now, {})) for body in bodies(prefix, count)]
