"""What the door answers (R1, R2, R4, R5): always a clear answer, and 2xx only for what is committed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from tests.server import Server
from tests.world import SECRETS, payload
from worker import context
from worker.providers import adapters
from worker.receive import door as doors
from worker.receive import inbox as group_commit

BODY = payload("stripe", "charge_succeeded__sync-engine.json")


def signed(server: Server, body: bytes, *, age_s: float = 0, secret: str = SECRETS["stripe"]) -> dict[str, str]:
    return adapters()["stripe"].sign(body, "", secret.encode(), server.shop.ctx.clock() - age_s, {})


def is_problem(answer: dict[str, Any], status: int) -> bool:
    return answer["status"] == status and len(answer["detail"]) > 20 and bool(answer["title"])


async def test_R2_a_delivery_is_accepted_once_and_a_repeat_names_the_first(server: Server) -> None:
    first = await server.send("stripe", BODY)
    again = await server.send("stripe", BODY)
    assert first[0] == again[0] == 200
    assert first[1]["status"] == "accepted"
    assert again[1] == {"status": "duplicate", "event": first[1]["event"]}
    [row] = await server.shop.rows("SELECT id, body FROM events")
    assert (row["id"], bytes(row["body"])) == (first[1]["event"], BODY)


async def test_R2_a_repeat_of_an_event_that_is_not_applied_is_signalled_again(server: Server) -> None:
    _, first = await server.send("stripe", BODY)
    await server.send("stripe", BODY)
    assert server.shop.ctx.lanes.signalled == [first["event"]] * 2
    await server.shop.ctx.pool.execute("UPDATE event_states SET state = 'applied', next_attempt_at = NULL")
    await server.send("stripe", BODY)
    assert len(server.shop.ctx.lanes.signalled) == 2


async def test_R2_woocommerces_unsigned_ping_gets_200_and_is_not_stored(server: Server) -> None:
    status, answer, _ = await server.post(
        "woocommerce", b"webhook_id=31", {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (status, answer) == (200, {"status": "pong"})
    assert await server.shop.rows("SELECT id FROM events") == []


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{}",
        b"[1]",
        b"5",
        b'"text"',
        b"null",
        b"",
        b"{",
        b'{"a":',
        b"{'a':1}",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
async def test_R2_a_verified_body_that_is_no_json_object_in_utf8_is_400(server: Server, body: bytes) -> None:
    status, answer, headers = await server.post("stripe", body, signed(server, body))
    assert status == 400
    assert is_problem(answer, 400)
    assert headers["Content-Type"].startswith("application/problem+json")
    assert await server.shop.rows("SELECT id FROM events") == []


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"id": 5, "type": [], "created": "x"}',
        b'{"id": "a\\u0000b", "n": 1e400000}',
        b'{"id": "\\ud800"}',
        b'{"a": {"a": {"a": 1}}}',
    ],
)
async def test_R2_any_other_verified_body_is_accepted_and_settled_later(server: Server, body: bytes) -> None:
    status, answer, _ = await server.post("stripe", body, signed(server, body))
    assert (status, answer["status"]) == (200, "accepted")
    await server.shop.apply([answer["event"]])
    state, reason = (await server.shop.states())[answer["event"]]
    assert state in ("ignored", "dead")
    assert reason


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "t=1,v1=",
        "garbage",
        "t=abc,v1=00",
        "t=1,v1=zz",
        "t=99999999999999999999,v1=00",
        "t=1," * 1000,
        "v1=" + "0" * 5000,
        "t=1,v1=\u00e9",
        "t=\u0661,v1=00",
        ",",
    ],
)
async def test_R2_a_hostile_signature_is_401_and_says_what_to_do(server: Server, header: str) -> None:
    status, answer, _ = await server.post("stripe", BODY, {"Stripe-Signature": header})
    assert status == 401
    assert is_problem(answer, 401)


async def test_R4_stale_and_future_signatures_name_the_clock(server: Server) -> None:
    for age, code in ((301, "stale"), (-301, "future")):
        status, answer, _ = await server.post("stripe", BODY, signed(server, BODY, age_s=age))
        assert (status, answer["code"]) == (401, code)
        assert "clock" in answer["detail"]


async def test_R4_a_wrong_secret_and_a_missing_header_are_told_apart(server: Server) -> None:
    _, wrong, _ = await server.post("stripe", BODY, signed(server, BODY, secret="other"))
    _, missing, _ = await server.post("stripe", BODY, {})
    assert (wrong["code"], missing["code"]) == ("wrong_signature", "missing_header")


async def test_R2_the_other_refusals(server: Server) -> None:
    unknown, answer, _ = await server.post("nobody", BODY, signed(server, BODY))
    assert (unknown, is_problem(answer, 404)) == (404, True)
    async with server.session.get(f"{server.url}/webhooks/stripe") as got:
        assert got.status == 405
        assert got.headers["Allow"] == "POST"
        assert is_problem(json.loads(await got.text()), 405)
    status, answer, _ = await server.post("stripe", BODY, {**signed(server, BODY), "Content-Encoding": "gzip"})
    assert (status, is_problem(answer, 415)) == (415, True)


async def test_R2_a_body_past_the_limit_is_413_whether_its_length_is_given_or_not(server: Server) -> None:
    large = b'{"a":"' + b"x" * (server.shop.ctx.settings.body_limit_bytes + 1) + b'"}'
    status, answer, _ = await server.post("stripe", large, signed(server, large))
    assert (status, is_problem(answer, 413)) == (413, True)

    async def dripped() -> Any:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    async with server.session.post(
        f"{server.url}/webhooks/stripe", data=dripped(), headers=signed(server, large)
    ) as chunked:
        assert chunked.status == 413


async def test_R2_a_slow_body_is_408(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    timeout = asyncio.timeout
    monkeypatch.setattr(doors.asyncio, "timeout", _shortened(timeout, server.shop.ctx.settings.body_timeout_s))
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    async with timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()


def _shortened(timeout: Any, patient_s: float) -> Any:
    return lambda seconds: timeout(0.05 if seconds == patient_s else seconds)


async def test_R2_what_could_not_be_committed_is_503_with_retry_after(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise asyncpg.CannotConnectNowError("starting up")

    monkeypatch.setattr(group_commit.inbox, "store", away)
    status, answer, headers = await server.post("stripe", BODY, signed(server, BODY))
    assert (status, headers["Retry-After"], is_problem(answer, 503)) == (503, "5", True)


async def test_X4_a_receiver_that_could_not_store_a_delivery_is_not_ready_until_it_stores_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ready() -> int:
        async with server.session.get(f"{server.url}/readyz") as answer:
            return answer.status

    async def full(*_: Any) -> Any:
        raise asyncpg.DiskFullError("No space left on device")

    assert await ready() == 200
    with monkeypatch.context() as patched:
        patched.setattr(group_commit.inbox, "store", full)
        assert (await server.send("stripe", BODY))[0] == 503
        assert await ready() == 503
    assert (await server.send("stripe", BODY))[0] == 200
    assert await ready() == 200


def test_X4_trouble_wears_off_by_itself_or_no_delivery_would_come_to_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(context.time, "monotonic", lambda: now)
    trouble = context.Trouble()
    trouble.failed()
    assert trouble.here
    now += context.Trouble.LASTS_S
    assert not trouble.here


async def test_R5_past_the_backlog_the_answer_is_503_and_memory_stays_bounded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    honest = group_commit.inbox.store

    async def slow(*arguments: Any) -> Any:
        await gate.wait()
        return await honest(*arguments)

    monkeypatch.setattr(group_commit.inbox, "store", slow)
    taken = group_commit.Inbox(server.shop.ctx.pool, lambda _: None, batch=10, backlog_events=20, backlog_bytes=10**6)
    futures = [taken.put(server.shop.event("stripe", {"id": f"evt_{n}"})) for n in range(20)]
    await asyncio.sleep(0)
    more = 0
    refused = False
    while not refused and more < 100:
        more += 1
        try:
            futures.append(taken.put(server.shop.event("stripe", {"id": f"evt_more_{more}"})))
        except group_commit.Full:
            refused = True
    assert refused
    assert more <= 21, "a batch of 10 is being written and 20 wait: then it is full"
    gate.set()
    await asyncio.gather(*futures)
    await taken.drain()
    assert len(await server.shop.rows("SELECT id FROM events")) == len(futures)


async def test_R5_deliveries_that_come_together_are_committed_together(server: Server) -> None:
    bodies = [json.dumps({"id": f"evt_{n}", "type": "x"}).encode() for n in range(200)]
    answers = await asyncio.gather(*(server.send("stripe", body) for body in bodies))
    assert {status for status, _ in answers} == {200}
    [row] = await server.shop.rows("SELECT count(*) AS events, count(DISTINCT xmin::text) AS commits FROM events")
    assert row["events"] == 200
    assert row["commits"] < 100


async def test_R5_one_delivery_that_postgres_refuses_does_not_fail_its_neighbours(server: Server) -> None:
    good = [server.shop.event("stripe", {"id": f"evt_{n}"}) for n in range(3)]
    bad = good[1].__class__(**{**{f: getattr(good[1], f) for f in good[1].__struct_fields__}, "topic": "a\x00b"})
    taken = group_commit.Inbox(server.shop.ctx.pool, lambda _: None, batch=10, backlog_events=20, backlog_bytes=10**6)
    answers = await asyncio.gather(*(taken.put(event) for event in (good[0], bad, good[2])), return_exceptions=True)
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    await taken.drain()


async def within_two_seconds(server: Server, secret: str) -> None:
    """Returns once the connection `second` takes the secret."""
    async for attempt in AsyncRetrying(stop=stop_after_delay(2), wait=wait_fixed(0.05), reraise=True):
        with attempt:
            assert (await server.send("second", BODY, secret=secret))[0] == 200


async def test_a_new_connection_is_live_within_two_seconds_and_so_is_its_new_secret(server: Server) -> None:
    status, _, _ = await server.api(
        "POST", "/connections", {"name": "second", "provider": "stripe", "secret": "whsec_one"}
    )
    assert status == 201
    await within_two_seconds(server, "whsec_one")
    _, listed, _ = await server.api("GET", "/connections")
    second = next(item for item in listed["items"] if item["name"] == "second")
    status, _, _ = await server.api("PATCH", f"/connections/{second['id']}", {"secret": "whsec_two"})
    assert status == 200
    await within_two_seconds(server, "whsec_two")


async def test_no_secret_and_no_payload_reaches_a_log_line(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    body = payload("stripe", "checkout_session_completed__2020-03-02.json")
    await server.send("stripe", body)
    await server.post("stripe", body, signed(server, body, secret="other"))
    for row in await server.shop.rows("SELECT id FROM events"):
        await server.shop.apply([row["id"]])
    printed = "".join(capfd.readouterr())
    assert SECRETS["stripe"] not in printed
    assert "event_settled" in printed
    assert "person1@example.com" not in printed
    assert "GitPay User" not in printed
