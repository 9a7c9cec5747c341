"""Bad input of every kind against a real receiver process (I3, R2, R4): a clear refusal, nothing stored, no traceback,
bounded memory, and neighbours that do not notice."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.raw import BODY_LIMIT, Receiver, problem_of, receiver, request, signed, status_of

GROWTH_BYTES = 16 * 1024**2
"""How much the process may have grown after everything that one test throws at it."""
GOOD = b'{"id": "evt_good", "type": "charge.succeeded"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture
async def door(database: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Receiver]:
    """A receiver that must be as it was once the test has ended."""
    async with receiver(database, redis_url, tmp_path) as running:
        await neighbour(running, 0)
        before = running.memory
        assert await running.stored() == 1
        yield running
        assert running.lives
        await neighbour(running, 1)
        assert await running.stored() == 2, "nothing that was refused is stored"
        assert running.memory - before < GROWTH_BYTES
        said = running.said
        assert "Traceback" not in said
        assert "exc_info" not in said
        assert all(json.loads(line) for line in said.splitlines() if line), "every line is one line of JSON"


async def neighbour(door: Receiver, number: int) -> None:
    """An honest delivery is answered as always."""
    body = b'{"id": "evt_neighbour_%d", "type": "x"}' % number
    answer = await door.send(request(body, {**signed(body, time.time()), "Connection": "close"}))
    assert status_of(answer) == 200, answer[:300]


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def gzipped(size: int) -> bytes:
    squeezer = zlib.compressobj(9, wbits=31)
    return squeezer.compress(b"0" * size) + squeezer.flush()


def sign(body: bytes) -> dict[str, str]:
    return {**signed(body, time.time()), "Connection": "close"}


async def test_I3_bodies_that_are_not_what_they_say_are_refused(door: Receiver) -> None:
    large = b'{"a":"' + b"x" * (BODY_LIMIT + 1) + b'"}'
    bomb = gzipped(100 * 1024**2)
    head = request(headers=sign(GOOD), length=None, raw=CHUNKED)
    cases: dict[str, tuple[bytes, set[int | None]]] = {
        "cut off": (request(GOOD[:10], sign(GOOD), length=len(GOOD)), {400, None}),
        "no length and no body": (request(headers=sign(GOOD), length=None), {401}),
        "longer than it says": (request(GOOD + b"x" * 50, sign(GOOD), length=len(GOOD) - 5), {401, 400}),
        "too large": (request(large, sign(large)), {413}),
        "a length of a terabyte": (request(b"{", sign(GOOD), length=10**12), {413}),
        "a length beyond numbers": (request(b"{", sign(GOOD), length=10**40), {413, 400}),
        "a length below zero": (request(GOOD, sign(GOOD), length=-2), {400}),
        "a length that is a word": (request(GOOD, {**sign(GOOD), "Content-Length": "many"}, length=None), {400}),
        "two lengths": (request(GOOD, {**sign(GOOD), "Content-Length": "3"}), {400}),
        "length and chunks": (request(GOOD, sign(GOOD), raw=CHUNKED), {400}),
        "too large in chunks": (head + chunks(*[b"x" * 60_000] * 5) + b"0\r\n\r\n", {413}),
        "a chunk size that is none": (head + b"zz\r\n{}\r\n0\r\n\r\n", {400, None}),
        "a chunk of a terabyte": (head + b"e8d4a51000\r\n{", {400, 413, None}),
        "a chunk size without an end": (head + b"f" * 20_000, {400, 413, None}),
        "a chunk below zero": (head + b"-5\r\n{}\r\n", {400, None}),
        "chunks that end early": (head + b"5\r\n{", {400, None}),
        "a chunk extension without an end": (head + b"5;" + b"a" * 20_000, {400, 413, None}),
        "an unknown transfer encoding": (request(GOOD, sign(GOOD), length=None, raw=b"Transfer-Encoding: x\r\n"), {400, 401}),
        "compressed": (request(gzipped(50), {**sign(GOOD), "Content-Encoding": "gzip"}), {415}),
        "compressed twice": (request(gzipped(50), {**sign(GOOD), "Content-Encoding": "gzip, br"}), {415}),
        "compressed in words only": (request(GOOD, {**sign(GOOD), "Content-Encoding": "deflate"}), {415}),
        "a bomb": (request(bomb, {**sign(bomb), "Content-Encoding": "gzip"}), {415}),
        "a bomb in chunks": (request(headers={**sign(bomb), "Content-Encoding": "gzip"}, length=None, raw=CHUNKED) + chunks(bomb) + b"0\r\n\r\n", {415}),
    }  # fmt: skip
    for name, (sent, wanted) in cases.items():
        answer = await door.send(sent, end_s=0.5)
        assert status_of(answer) in wanted, (name, answer[:300])
        if status_of(answer) in (401, 413, 415):
            problem_of(answer)
    assert await door.stored() == 1


async def test_I3_what_is_not_http_is_closed_or_400(door: Receiver) -> None:
    cases = {
        "nothing": b"",
        "garbage": bytes(range(256)) * 64,
        "a handshake of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
        "a line without an end": b"POST /webhooks/" + b"a" * 100_000,
        "a header without an end": request(GOOD, {"X-Long": "a" * 100_000}),
        "ten thousand headers": request(GOOD, {f"X-{number}": "y" for number in range(10_000)}),
        "a header with NUL": request(GOOD, raw=b"X-Nul: a\x00b\r\n"),
        "a header name with a blank": request(GOOD, raw=b"X Nul: a\r\n"),
        "a header without a colon": request(GOOD, raw=b"nothing\r\n"),
        "a folded header": request(GOOD, raw=b"X-A: b\r\n c\r\n"),
        "a version that is none": b"POST /webhooks/stripe HTTP/9.9\r\n\r\n",
        "a method that is none": b"P\x00ST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n\r\n",
        "NUL in the path": request(GOOD, path="/webhooks/str\x00ipe"),
    }
    for name, sent in cases.items():
        assert status_of(await door.send(sent, end_s=0.5)) in (400, 401, 404, 405, None), name
    followed = await door.send(request(b"{}", signed(b"{}", 0)) + b"\x00\xffgarbage\r\n\r\n" * 50, end_s=1)
    assert status_of(followed) in (400, 401)
    assert b" 200 " not in followed
    many = await door.send(request(b"{}", signed(b"{}", 0)) * 500, end_s=3)
    assert status_of(many) == 401
    assert b" 200 " not in many


async def test_I3_what_cannot_be_read_as_a_request_is_a_problem_too(door: Receiver) -> None:
    cases = {
        "a length that is a word": request(GOOD, {"Content-Length": "many"}, length=None),
        "no HTTP": b"hello\r\n\r\n",
        "a long line": request(GOOD, path="/api/v1/" + "a" * 70_000),
        "a header that is none": request(GOOD, raw=b"no colon\r\n"),
        "too many headers": request(GOOD, raw=b"".join(b"X-%d: y\r\n" % number for number in range(5_000))),
    }
    for name, sent in cases.items():
        answer = await door.send(sent, end_s=0.5)
        assert status_of(answer) == 400, (name, answer[:100])
        assert problem_of(answer)["title"] == "Malformed request", name


async def test_I3_paths_lead_to_a_connection_or_nowhere(door: Receiver) -> None:
    paths = (
        "/webhooks/../healthz", "/webhooks/%2e%2e/stripe", "/webhooks/", "/webhooks", "/webhooks/stripe/", "/webhooks//stripe",
        "/webhooks/stripe%00", "/webhooks/%00", "/webhooks/stripe%2f..", "/webhooks/" + "a" * 7000, "/webhooks/%ff%fe",
        "/webhooks/STRIPE", "/webhooks/stripe;a=b", "/webhooks/%ed%a0%80", "//webhooks/stripe", "/%77ebhooks/..%2f", "*",
        "/webhooks/" + "%2e" * 2000,
    )  # fmt: skip
    for path in paths:
        answer = await door.send(request(GOOD, sign(GOOD), path=path))
        assert status_of(answer) in (400, 404, 405), (path[:40], answer[:200])


async def test_I3_verified_bodies_that_are_no_json_object_are_400(door: Receiver) -> None:
    bodies = {
        "UTF-16": json.dumps({"a": "é"}).encode("utf-16"),
        "UTF-16 without a mark": b'{\x00"\x00a\x00"\x00:\x001\x00}\x00',
        "latin-1": '{"a": "é"}'.encode("latin-1"),
        "a byte order mark": b"\xef\xbb\xbf{}",
        "overlong": b'{"a": "\xc0\xaf"}',
        "a raw surrogate": b'{"a": "\xed\xa0\x80"}',
        "a raw NUL": b'{"a": "\x00"}',
        "a NUL after it": b"{}\x00",
        "deep lists": b'{"a":' + b"[" * 100_000,
        "deep objects": b'{"a":' * 40_000,
        "a list": b"[{}]",
        "a number": b"1e400000",
        "words": b"true",
        "two of them": b"{}{}",
        "no quotes": b"{a:1}",
        "not a number": b'{"a": NaN}',
        "infinity": b'{"a": -Infinity}',
    }
    for name, body in bodies.items():
        answer = await door.send(request(body, sign(body)))
        assert status_of(answer) == 400, (name, answer[:300])
        problem_of(answer)


async def test_R4_hostile_signatures_are_401(door: Receiver) -> None:
    now = time.time()
    good = signed(GOOD, now)["Stripe-Signature"]
    digest = good.split("v1=")[1]
    headers = (
        "", " ", ",", "=", "t=", "v1=", "t=1", f"t={int(now)},v1=", f"t={int(now)},v0={digest}", f"t=-1,v1={digest}",
        f"t={int(now)},v1={digest[:-1]}", f"t={int(now)},v1={'é' * 32}", f"t={'٣' * 10},v1={digest}", "t=1,v1=00," * 700,
        f"t={'9' * 5000},v1={digest}", f"t={int(now)}.5,v1={digest}", f"t={int(now)} v1={digest}", "\ud7ff" * 100,
        ",".join(f"v1={number:064x}" for number in range(100)), f"t={int(now) + 1},v1={digest}",
    )  # fmt: skip
    for header in headers:
        answer = await door.send(request(GOOD, {"Stripe-Signature": header, "Connection": "close"}))
        assert status_of(answer) == 401, (header[:60], answer[:300])
        problem_of(answer)
    raw = b"Stripe-Signature: \xff\xfe\x80\r\nStripe-Signature: t=1\r\n" + b"Connection: close\r\n"
    assert status_of(await door.send(request(GOOD, raw=raw))) in (400, 401)
    for age, code in ((400, "stale"), (-400, "future"), (now, "stale")):
        answer = await door.send(request(GOOD, {**signed(GOOD, now - age), "Connection": "close"}))
        assert problem_of(answer)["code"] == code
    theirs = {**signed(GOOD, now, secret="hush"), "Connection": "close"}
    told = problem_of(await door.send(request(GOOD, theirs)))
    assert told["code"] == "wrong_signature"
    assert "shopify" not in told["detail"], "a stranger is not told whose secret it was"


async def test_I3_slow_senders_are_ended_and_hold_up_nobody(door: Receiver) -> None:
    body = b'{"id": "evt_slow"}'
    head = request(headers=sign(body), length=len(body))
    chunked = request(headers=sign(body), length=None, raw=CHUNKED)
    drip = [b"x"] * 200
    slow = [
        asyncio.create_task(door.send(head, *drip, pause_s=0.2)),
        asyncio.create_task(door.send(chunked, *[b"1\r\nx\r\n"] * 200, pause_s=0.2)),
        asyncio.create_task(door.send(b"POST /webhooks/stripe HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 200, pause_s=0.2)),
        *(asyncio.create_task(door.send(head)) for _ in range(20)),
        *(asyncio.create_task(door.send(b"POST /web")) for _ in range(20)),
    ]  # fmt: skip
    for _ in range(5):
        answer = await door.send(request(b"{}", {**signed(b"{}", 0), "Connection": "close"}))
        assert status_of(answer) == 401, "a neighbour has its answer meanwhile"
    answers = await asyncio.gather(*slow)
    statuses = [status_of(answer) for answer in answers]
    assert statuses[0] in (401, 408), "either it was whole after all, or too slow"
    assert statuses[1] == 408
    assert statuses[2] in (None, 400, 408)
    assert set(statuses[3:23]) == {408}
    assert set(statuses[23:]) <= {None, 400, 408}


async def test_I3_whatever_bytes_come_the_receiver_goes_on(door: Receiver) -> None:
    piece = st.one_of(
        st.binary(max_size=300),
        st.sampled_from([
            b"POST /webhooks/stripe HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n", CHUNKED,
            b"Stripe-Signature: t=1,v1=00\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"Content-Encoding: gzip\r\n", b"{}", b"Expect: 100-continue\r\n",
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"GET / HTTP/1.1\r\n", b"Content-Length: 99999999999\r\n",
        ]),
    )  # fmt: skip
    loop = asyncio.get_running_loop()

    @settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(piece, min_size=1, max_size=12))
    def throw(pieces: list[bytes]) -> None:
        answer = asyncio.run_coroutine_threadsafe(door.send(b"".join(pieces), end_s=0.1), loop).result(30)
        for status in (int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()):
            assert status in (100, 303, 400, 401, 404, 405, 408, 413, 415), answer[:500]

    await asyncio.to_thread(throw)


async def test_I3_odd_but_whole_json_is_stored_and_settled_later(database: str, redis_url: str, tmp_path: Path) -> None:
    bodies = (
        b'{"id": 1e400000, "type": 5}', b'{"id": "a\\u0000b"}', b'{"id": "\\ud800"}', b'{"id": "1", "id": "2"}', b'{"": []}',
        b'{"data": {"object": []}, "id": {"a": 1}, "created": -1e308, "livemode": "x"}', b'{"n": ' + b"9" * 5000 + b"}",
        b'{"id": "' + b"x" * 100_000 + b'"}', b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}",
    )  # fmt: skip
    async with receiver(database, redis_url, tmp_path) as door:
        for number, body in enumerate(bodies, 1):
            answer = await door.send(request(body, sign(body)))
            assert status_of(answer) == 200, (body[:50], answer[:300])
            assert await door.stored() == number
        assert "Traceback" not in door.said
