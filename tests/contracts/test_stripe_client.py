"""The Stripe client against answers that no Stripe should give: a server of the loopback that says what a test tells it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from worker.config import Settings, load
from worker.errors import UserError
from worker.outside import stripe as outside
from worker.outside.outcome import Conflict, Declined, Limited, Outcome, Refused, Succeeded, Unknown
from worker.outside.stripe import Stripe

INTENT = {"id": "pi_1", "object": "payment_intent", "amount": 990, "status": "succeeded"}


class Line:
    """`requests`: what came. `answers`: what is sent back for each, the last one for all others; None hangs, and an
    answer that is shorter than it says is cut there."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers, self.requests, self.base = list(answers), [], ""  # type: ignore[var-annotated]
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(found[0].split(b":")[1])) if found else b""
            self.requests.append((head.decode(), body.decode()))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await self.over.wait()
            else:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def line(*answers: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Line]:
    told = Line(*answers)
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0, ssl=tls)
    told.base = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield told
    finally:
        told.over.set()
        server.close()


def answer(status: int, body: Any, **headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Connection: close", "Request-Id: req_1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def error(kind: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "So it is.", **more}}


@asynccontextmanager
async def client(base: str, *, total_s: float = 30.0, connect_s: float = 5.0) -> AsyncIterator[Stripe]:
    async with Stripe("sk_test_client", base, connect_s=connect_s, total_s=total_s, pause_s=0.001) as made:
        yield made


async def written(*answers: bytes | None, total_s: float = 30.0) -> tuple[Outcome, Line]:
    async with line(*answers) as told, client(told.base, total_s=total_s) as stripe:
        found = await stripe.create_payment_intent({"amount": 990, "currency": "brl"}, key="attempt-1")
        assert len(told.requests) == 1, "a write is sent once"
        return found, told


async def read(*answers: bytes | None) -> tuple[Outcome, Line]:
    async with line(*answers) as told, client(told.base) as stripe:
        return await stripe.retrieve_payment_intent("pi_1"), told


async def test_C6_what_is_sent_is_explicit_and_says_nothing_of_the_machine() -> None:
    found, told = await written(answer(200, INTENT))
    assert found == Succeeded(INTENT, request_id="req_1")
    [(head, body)] = told.requests
    sent = dict(entry.split(": ", 1) for entry in head.split("\r\n")[1:] if entry)
    assert head.startswith("POST /v1/payment_intents HTTP/1.1")
    assert sent["Authorization"] == "Bearer sk_test_client"
    assert sent["Idempotency-Key"] == "attempt-1"
    assert sent["Stripe-Version"] == outside.API_VERSION
    assert sent["User-Agent"].startswith("Daybook/")
    assert not [name for name in sent if name.lower().startswith(("x-stripe-client", "cookie"))]
    assert sorted(body.split("&")) == ["amount=990", "currency=brl"]


async def test_C6_a_replayed_answer_says_so() -> None:
    found, _ = await written(answer(200, INTENT, Idempotent_Replayed="true"))
    assert isinstance(found, Succeeded)
    assert found.replayed


DECLINE = error(
    "card_error", code="card_declined", decline_code="insufficient_funds", advice_code="try_again_later",
    network_decline_code="51", network_advice_code="02", charge="ch_1", payment_intent={"id": "pi_1", "status": "requires_payment_method"},
    payment_method={"id": "pm_1"},
)  # fmt: skip


async def test_C6_a_decline_keeps_every_code() -> None:
    found, _ = await written(answer(402, DECLINE))
    assert isinstance(found, Declined)
    assert (found.code, found.decline_code, found.advice_code) == (
        "card_declined",
        "insufficient_funds",
        "try_again_later",
    )
    assert (found.network_decline_code, found.network_advice_code) == ("51", "02")
    assert (found.payment_intent_id, found.charge_id, found.payment_method_id) == ("pi_1", "ch_1", "pm_1")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, error("invalid_request_error", param="amount"), Refused("invalid", "So it is.", None, "amount", request_id="req_1")),
        (404, error("invalid_request_error", code="resource_missing"), Refused("missing", "So it is.", "resource_missing", request_id="req_1")),
        (401, error("invalid_request_error"), Refused("authentication", "So it is.", request_id="req_1")),
        (403, error("invalid_request_error"), Refused("permission", "So it is.", request_id="req_1")),
        (400, error("idempotency_error"), Conflict("other_parameters", "So it is.", request_id="req_1")),
        (409, error("idempotency_error", code="idempotency_key_in_use"), Conflict("in_flight", "So it is.", request_id="req_1")),
        (429, error("invalid_request_error", code="rate_limit"), Limited("So it is.", request_id="req_1")),
        (429, error("invalid_request_error", code="lock_timeout"), Limited("So it is.", request_id="req_1")),
        (500, error("api_error"), Unknown("Stripe answered 500", 500, request_id="req_1")),
        (503, error("api_error"), Unknown("Stripe answered 503", 503, request_id="req_1")),
    ],
)  # fmt: skip
async def test_C6_each_kind_of_refusal_is_its_own_outcome(status: int, body: Any, expected: Outcome) -> None:
    assert (await written(answer(status, body)))[0] == expected


@pytest.mark.parametrize(
    "bytes_sent",
    [
        answer(200, b"<html>welcome</html>"),
        answer(200, b"[]"),
        answer(200, b"{}"),
        answer(200, b'"pi_1"'),
        answer(200, b"\xff\xfe"),
        answer(200, b'{"object": "payment_intent", "id": '),
        answer(200, b"[" * 100_000),
        answer(402, b"{}"),
        answer(400, {"error": "invalid_client"}),
        answer(400, {"error": ["what"]}),
        answer(418, {"error": {"type": 7}}),
        answer(301, b"", Location="https://api.stripe.com/v1/payment_intents"),
        answer(307, b"", Location="/v1/payment_intents"),
        answer(502, b"<html>Bad Gateway</html>"),
        answer(200, json.dumps(INTENT).encode())[:-5],
        answer(200, json.dumps(INTENT).encode())[:20],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"obj",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"nonsense\r\n\r\n",
        b"",
    ],
)  # fmt: skip
async def test_C6_whatever_cannot_be_trusted_is_unknown(bytes_sent: bytes) -> None:
    found, _ = await written(bytes_sent)
    assert isinstance(found, Unknown)


async def test_C6_a_line_that_hangs_is_unknown() -> None:
    found, _ = await written(None, total_s=0.2)
    assert found == Unknown("no answer within the time set")


async def test_C6_an_answer_without_end_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.outside.stripe_wire.LARGEST_BYTES", 100)
    found, _ = await written(answer(200, INTENT | {"description": "x" * 1000}))
    assert found == Unknown("the answer is larger than 100 bytes")


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:{port}", "http://nowhere.invalid:{port}", "https://127.0.0.1:{port}"]
)
async def test_C6_a_connection_that_was_never_made_is_surely_not_done(base: str) -> None:
    with socket.socket() as taken:  # bound and not listening: refused
        taken.bind(("127.0.0.1", 0))
        async with client(base.format(port=taken.getsockname()[1])) as stripe:
            found = await stripe.create_payment_intent({"amount": 990, "currency": "brl"}, key="attempt-1")
    assert isinstance(found, Limited)
    assert found.reason.startswith("no connection")


async def test_C6_tls_that_fails_is_surely_not_done() -> None:
    async with line(None) as told, client(told.base.replace("http:", "https:"), connect_s=0.2) as stripe:
        found = await stripe.create_payment_intent({"amount": 990, "currency": "brl"}, key="attempt-1")
    assert isinstance(found, Limited)


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1's own, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(plain + made.public_bytes(pem))
    return file


async def test_C6_a_certificate_that_nobody_vouches_for_gets_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file)
    async with line(answer(200, INTENT), tls=tls) as told:
        async with client(told.base) as stripe:
            found = await stripe.create_payment_intent({"amount": 990, "currency": "brl"}, key="attempt-1")
        assert isinstance(found, Limited)
        assert "Certificate" in found.reason
        assert told.requests == []
        monkeypatch.setattr(sdk, "ca_bundle_path", str(file))  # now somebody does
        async with client(told.base) as stripe:
            assert isinstance(await stripe.create_customer({}, key="one"), Succeeded)


async def test_C6_what_cannot_be_put_together_is_refused_and_not_sent() -> None:
    async with line(answer(200, INTENT)) as told, client(told.base) as stripe:
        endless: dict[str, Any] = {}
        endless["metadata"] = endless
        assert isinstance(await stripe.create_payment_intent(endless, key="attempt-1"), Refused)
        assert isinstance(await stripe.create_payment_intent({"amount": 1}, key=""), Refused)
        assert isinstance(await stripe.create_payment_intent({"amount": 1}, key="k" * 256), Refused)
        assert told.requests == []


async def test_C6_reads_are_asked_again_and_writes_never() -> None:
    found, told = await read(answer(500, error("api_error")), b"", answer(200, INTENT))
    assert found == Succeeded(INTENT, request_id="req_1")
    assert len(told.requests) == 3
    found, told = await read(answer(500, error("api_error")))
    assert found == Unknown("Stripe answered 500", 500, request_id="req_1")
    assert len(told.requests) == 3
    found, told = await read(answer(404, error("invalid_request_error")))
    assert len(told.requests) == 1


async def test_C6_a_read_waits_as_told_but_not_for_long() -> None:
    found, told = await read(answer(429, error("invalid_request_error"), Retry_After="600"))
    assert found == Limited("So it is.", 600.0, request_id="req_1")
    assert len(told.requests) == 1


async def test_I5_nothing_of_a_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("stripe").setLevel(logging.WARNING)
    await written(answer(402, DECLINE))
    assert not [record for record in caplog.records if record.name == "stripe"]


def test_C6_the_version_of_the_api_is_the_one_that_the_sdk_was_made_for() -> None:
    """A new release of the SDK asks for a look at its changes before the pin follows."""
    assert sdk.api_version in (None, outside.API_VERSION)
    assert sdk._api_version._ApiVersion.CURRENT == outside.API_VERSION


def test_I5_a_live_key_is_never_sent_in_the_clear() -> None:
    plain = "http://stripe.example.com"
    with pytest.raises(UserError, match=r"STRIPE_API_BASE.* should begin with https://"):
        load(stripe_api_key="sk_live_a", stripe_api_base=plain)
    assert load(stripe_api_key="sk_test_a", stripe_api_base=plain).stripe_api_base == plain
    assert load(stripe_api_key="sk_live_a").stripe_api_base == "https://api.stripe.com"


def test_R7_a_test_key_is_known_as_one() -> None:
    keys = ("sk_test_a", "rk_test_a", "sk_live_a", "rk_live_test")
    assert [Stripe(key).livemode for key in keys] == [False, False, True, True]
    assert outside.of(Settings(stripe_api_key=None)) is None  # type: ignore[call-arg]
