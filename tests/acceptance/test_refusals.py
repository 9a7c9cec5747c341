"""Refused deliveries are seen (R6): counted by likely cause, kept for a second look, and cheap."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.account import Permission
from tests.server import Server, served
from tests.world import NOW, SECRETS, World, payload
from worker.providers import adapters
from worker.receive import rejects
from worker.serve import REJECTS, make_app
from worker.store import refusals, tokens

BODY = payload("stripe", "charge_succeeded__sync-engine.json")


def signed(body: bytes = BODY, *, secret: str = "other", age_s: float = 0) -> dict[str, str]:
    return adapters()["stripe"].sign(body, "", secret.encode(), NOW - age_s, {})


@pytest.fixture
async def written(server: Server) -> Any:
    """What the API says once everything noted has been written."""

    async def read(connection: str = "stripe") -> dict[str, Any]:
        await server.rejects.flush()
        status, answer, _ = await server.api("GET", f"/connections/{server.shop.connections[connection]}/refusals")
        assert status == 200
        return dict(answer)

    return read


def causes(told: dict[str, Any]) -> dict[str, int]:
    return {one["cause"]: one["count"] for one in told["causes"]}


async def test_R6_each_refusal_is_counted_under_its_likely_cause(server: Server, written: Any) -> None:
    post = server.post
    await post("stripe", BODY, {})
    await post("stripe", BODY, {"Stripe-Signature": "garbage"})
    await post("stripe", BODY, signed())
    await post("stripe", BODY, signed())
    await post("stripe", BODY, signed(secret=SECRETS["stripe"], age_s=1000))
    await post("stripe", BODY, signed(secret=SECRETS["stripe"], age_s=-2000))
    await post("stripe", BODY, {**signed(), "Content-Encoding": "gzip"})
    for wrong in (b"\xff{}", b"[]"):
        await post("stripe", wrong, signed(wrong, secret=SECRETS["stripe"]))
    await post("stripe", b"x" * (server.shop.ctx.settings.body_limit_bytes + 1), signed())
    told = await written()
    assert causes(told) == {
        "missing_header": 1, "malformed_header": 1, "wrong_signature": 2, "stale": 1, "future": 1, "content_encoding": 1,
        "not_utf8": 1, "not_json": 1, "too_large": 1,
    }  # fmt: skip
    assert told["total"] == 10
    assert told["causes"][0]["cause"] == "wrong_signature"
    assert "daybook connection rotate stripe" in told["causes"][0]["remedy"]
    skews = {one["cause"]: (one["skew_s"], one["words"]) for one in told["causes"] if one["skew_s"] is not None}
    assert skews == {"stale": (1000, "clock off by 16 min (old)"), "future": (-2000, "clock off by 33 min (ahead)")}
    assert len(told["quarantine"]) == 6, "what did not verify is kept, the rest is only counted"
    assert "body" not in told["quarantine"][0]
    assert await server.shop.rows("SELECT id FROM events") == []


async def test_R6_a_previous_secret_and_another_connections_are_told_from_a_wrong_one(
    server: Server, written: Any
) -> None:
    held = server.shop.connections["stripe"]
    status, _, _ = await server.api(
        "POST", "/connections", {"name": "second", "provider": "stripe", "secret": "whsec_2"}
    )
    assert status == 201
    assert (await server.api("PATCH", f"/connections/{held}", {"secret": "whsec_new"}))[0] == 200
    await server.directory.refresh()
    await server.post("stripe", BODY, signed(secret=SECRETS["stripe"]))
    status, answer, _ = await server.post("stripe", BODY, signed(secret="whsec_2"))
    await server.post("stripe", BODY, signed(secret="whsec_of_nobody"))
    assert (status, answer["code"]) == (401, "wrong_signature")
    assert "second" not in answer["detail"], "the sender is not told what only the account may know"
    told = await written()
    assert causes(told) == {"previous_secret": 1, "other_connection": 1, "wrong_signature": 1}
    other = next(one for one in told["causes"] if one["cause"] == "other_connection")
    assert (other["hint"], other["words"]) == ("second", "secret of second")
    assert {one["cause"] for one in told["quarantine"]} == set(causes(told))


async def test_R6_unknown_connections_are_counted_under_no_name(server: Server) -> None:
    for number in range(30):
        await server.post(f"nobody-{number}", BODY, signed())
    await server.rejects.flush()
    rows = await server.shop.rows("SELECT count FROM unknown_refusals")
    assert [row["count"] for row in rows] == [30]
    for table in ("refusals", "quarantine"):
        assert await server.shop.rows(f"SELECT * FROM {table}") == []


async def test_R6_a_flood_makes_no_statement_and_no_diagnosis_of_its_own(
    server: Server, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, verifications = [], []
    record, fits = refusals.record, rejects._fits

    async def counting(*arguments: Any) -> None:
        records.append(len(arguments[1]))
        await record(*arguments)

    monkeypatch.setattr(rejects.refusals, "record", counting)
    monkeypatch.setattr(rejects, "_fits", lambda *arguments: verifications.append(1) or fits(*arguments))
    forged = [server.post("stripe", BODY, signed()) for _ in range(600)]
    honest = [server.send("stripe", b'{"id": "evt_%d", "type": "x"}' % number) for number in range(50)]
    answers = await asyncio.gather(*forged, *honest)
    assert [answer[0] for answer in answers] == [401] * 600 + [200] * 50
    told = await written()
    assert causes(told) == {"wrong_signature": 600}
    flushes = len(records)
    assert flushes <= 30, "at most one a second, whatever came"
    assert all(rows <= 2 for rows in records), "a row for each minute and cause, none for each delivery"
    assert len(verifications) <= rejects.DIAGNOSES * (flushes + 1)
    assert len(told["quarantine"]) == refusals.QUARANTINE_LIMIT


async def test_R6_what_waits_to_be_written_is_bounded_in_bytes(server: Server) -> None:
    taken = server.rejects
    body = b"x" * rejects.BODY_LIMIT
    for _ in range(60):
        await server.post("stripe", body, signed(body))
        await server.post("stripe", body + b"x", signed(body + b"x"))
        assert taken.waiting_bytes <= rejects.CONNECTION_BYTES
    await taken.flush()
    rows = await server.shop.rows("SELECT max(octet_length(body)) AS largest FROM quarantine")
    assert rows[0]["largest"] == rejects.BODY_LIMIT, "what is larger is counted and not kept"


async def test_R6_the_newest_hundred_stay(server: Server) -> None:
    for number in range(130):
        await server.post("stripe", b'{"n": %d}' % number, signed())
        if number % 40 == 0:
            await server.rejects.flush()
    await server.rejects.flush()
    rows = await server.shop.rows("SELECT body FROM quarantine")
    assert {json.loads(bytes(row["body"]))["n"] for row in rows} == set(range(30, 130))


async def test_R6_counts_outlive_a_database_that_is_away(
    server: Server, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(rejects.refusals, "record", away)
        await server.post("stripe", BODY, signed())
        with pytest.raises(OSError, match="away"):
            await server.rejects.flush()
    await server.post("stripe", BODY, signed())
    assert causes(await written()) == {"wrong_signature": 2}


async def test_R6_after_the_secret_is_mended_what_was_refused_is_let_in(server: Server, written: Any) -> None:
    bodies = [b'{"id": "evt_%d", "type": "x"}' % number for number in range(45)]
    for body in bodies:
        assert (await server.post("stripe", body, signed(body, secret="whsec_mended")))[0] == 401
    await server.post("stripe", b"{}", signed(b"{}", secret="whsec_of_nobody"))
    await server.post("stripe", b"[]", signed(b"[]", secret="whsec_mended"))
    await server.post("stripe", b'{"a":1}', signed(b'{"a":1}', secret="whsec_mended", age_s=900))
    assert len((await written())["quarantine"]) == 48
    path = f"/connections/{server.shop.connections['stripe']}"
    _, answer, _ = await server.api("POST", f"{path}/refusals/verify")
    assert (answer["events"], answer["left"]) == ([], 48)
    assert (await server.api("PATCH", path, {"secret": "whsec_mended"}))[0] == 200
    await server.directory.refresh()
    assert (await server.post("stripe", bodies[0], signed(bodies[0], secret="whsec_mended")))[0] == 200
    server.shop.ctx = replace(server.shop.ctx, clock=lambda: NOW + 86_400)  # however late somebody looks
    status, answer, _ = await server.api("POST", f"{path}/refusals/verify")
    assert (status, len(answer["events"]), answer["duplicates"], answer["left"]) == (200, 44, 1, 3)
    stored = await server.shop.rows("SELECT id, body FROM events")
    assert {bytes(row["body"]) for row in stored} == set(bodies)
    assert {row["id"] for row in stored} <= set(server.shop.ctx.lanes.signalled), "each is signalled as any delivery is"
    _, again, _ = await server.api("POST", f"{path}/refusals/verify")
    assert again == {"events": [], "let_in": 0, "duplicates": 0, "left": 3}


async def test_R6_H2_refusals_are_the_accounts_own(server: Server) -> None:
    pool, shop = server.shop.ctx.pool, server.shop
    path = f"/connections/{shop.connections['stripe']}/refusals"
    await pool.execute("INSERT INTO accounts (id, name) VALUES (gen_random_uuid(), 'other')")
    [other] = await shop.rows("SELECT id FROM accounts WHERE name = 'other'")
    stranger = f"Bearer {await tokens.issue(pool, other['id'], 'stranger', 'admin', [])}"
    viewer = f"Bearer {await tokens.issue(pool, shop.account_id, 'viewer', 'rep', [Permission.OPS_VIEW])}"
    for method, where in (("GET", path), ("POST", f"{path}/verify")):
        assert (await server.api(method, where, Authorization=stranger))[0] == 404
    assert (await server.api("GET", path, Authorization=viewer))[0] == 200
    assert (await server.api("POST", f"{path}/verify", Authorization=viewer))[0] == 403


async def test_R6_traces_are_dropped_after_a_week(server: Server) -> None:
    await server.post("stripe", BODY, signed())
    await server.post("nobody", BODY, signed())
    await server.rejects.flush()
    pool = server.shop.ctx.pool
    for table, column in (("refusals", "minute"), ("unknown_refusals", "minute"), ("quarantine", "received_at")):
        await pool.execute(f"UPDATE {table} SET {column} = now() - interval '6 days'")
    await refusals.forget(pool)
    assert len(await server.shop.rows("SELECT 1 FROM refusals, unknown_refusals, quarantine")) == 1
    for table, column in (("refusals", "minute"), ("unknown_refusals", "minute"), ("quarantine", "received_at")):
        await pool.execute(f"UPDATE {table} SET {column} = now() - interval '8 days'")
    await refusals.forget(pool)
    for table in ("refusals", "unknown_refusals", "quarantine"):
        assert await server.shop.rows(f"SELECT * FROM {table}") == []


async def test_R6_the_last_counts_are_written_when_the_receiver_stops(shop: World) -> None:
    async with served(shop) as server:
        await server.post("stripe", BODY, signed())
    assert [row["count"] for row in await shop.rows("SELECT count FROM refusals")] == [1]
    assert REJECTS in make_app(shop.ctx)
