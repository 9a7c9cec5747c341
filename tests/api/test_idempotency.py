"""`Idempotency-Key` on every POST (H4): one request works, every repetition of it is answered alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Answer, Api, path_of
from worker.actions import contacts as actions
from worker.api.routes import OPERATIONS
from worker.ids import new_id
from worker.store import idempotency_keys
from worker.upkeep import forget

ANA = {"name": "Ana"}


async def post(api: Api, path: str, body: Any, key: str = "key-1", **more: Any) -> Answer:
    return await api.ask("POST", path, json=body, headers={"Idempotency-Key": key, **more.pop("headers", {})}, **more)


async def contacts_of(api: Api) -> int:
    return len((await api.get("/contacts"))["items"])


async def test_H4_the_same_request_is_worked_once_and_answered_alike(api: Api) -> None:
    body = {"contact_id": await api.contact(), "amount": 500}  # without an external id each request makes an order
    first = await post(api, "/orders", body)
    again = await post(api, "/orders", body)
    quoted = await post(api, "/orders", body, '"key-1"')
    assert (first.status, again.status, quoted.status) == (201, 201, 201)
    assert first.raw == again.raw == quoted.raw
    for name in ("ETag", "Location", "Content-Type"):
        assert first.headers[name] == again.headers[name]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len((await api.get("/orders"))["items"]) == 1
    assert (await post(api, "/orders", body, "key-2")).json["id"] != first.json["id"]


async def test_H4_a_key_serves_one_path_and_one_body(api: Api) -> None:
    assert (await post(api, "/contacts", ANA)).status == 201
    for path, body in (("/contacts", {"name": "Bob"}), ("/orders", ANA), ("/contacts?x=1", ANA)):
        answer = await post(api, path, body)
        assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")
        assert answer.fields == ["Idempotency-Key"]
    assert await contacts_of(api) == 1
    stranger = await api.other_account()
    theirs = await post(api, "/contacts", {"name": "Bob"}, token=stranger)
    assert theirs.status == 201, "another account's keys are its own"


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256, '"open', '""', '"a"b"'])
async def test_H4_a_key_that_is_none_is_refused_by_name(api: Api, key: str) -> None:
    answer = await post(api, "/contacts", ANA, key)
    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])
    assert await contacts_of(api) == 0


async def test_H4_refusals_of_the_request_are_kept_and_those_of_the_sender_are_not(api: Api) -> None:
    first = await post(api, "/contacts", {"email": "nobody"})
    again = await post(api, "/contacts", {"email": "nobody"})
    assert (first.status, again.status, first.raw) == (422, 422, again.raw)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"].startswith("application/problem+json")
    rep = await api.token("rep")
    for _ in range(2):
        refused = await post(api, "/contacts", ANA, "key-2", token=rep)
        assert refused.status == 403
        assert "Idempotent-Replayed" not in refused.headers
    assert (await post(api, "/contacts", ANA, "key-2")).status == 201


async def test_H4_a_fault_leaves_the_key_to_be_used_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> str:
        raise KeyError

    with monkeypatch.context() as patched:
        patched.setattr(actions, "create", broken)
        assert (await post(api, "/contacts", ANA)).status == 500
    assert (await post(api, "/contacts", ANA)).status == 201


async def test_H4_of_many_at_once_one_works_and_the_others_get_its_answer(api: Api) -> None:
    body = {"contact_id": await api.contact(), "amount": 500}
    answers = await asyncio.gather(*(post(api, "/orders", body) for _ in range(60)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.raw for answer in answers}) == 1
    assert len((await api.get("/orders"))["items"]) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


async def test_H4_who_comes_while_the_first_is_under_way_waits_or_is_told_so(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    create = actions.create

    async def slow(*given: Any, **named: Any) -> str:
        began.set()
        await go_on.wait()
        return await create(*given, **named)

    monkeypatch.setattr(actions, "create", slow)
    first = asyncio.create_task(post(api, "/contacts", ANA))
    await began.wait()
    told = await post(api, "/contacts", ANA)
    assert (told.status, told.json["code"], told.headers["Retry-After"]) == (409, "idempotency_key_in_flight", "1")
    other = await post(api, "/contacts", {"name": "Bob"})
    assert other.json["code"] == "idempotency_key_reused"
    waiting = asyncio.create_task(post(api, "/contacts", ANA))
    go_on.set()
    assert (await first).status == (await waiting).status == 201
    assert await contacts_of(api) == 1


async def test_H4_a_process_that_died_holds_its_key_until_the_lease_ends(api: Api) -> None:
    made = await post(api, "/contacts", ANA)
    await api.shop.ctx.pool.execute(  # as a process leaves it that is killed before it could keep the answer
        "UPDATE idempotency_keys SET status = NULL, body = NULL, headers = NULL, attempt_id = $1", new_id()
    )
    assert (await post(api, "/contacts", ANA)).json["code"] == "idempotency_key_in_flight"
    await api.shop.ctx.pool.execute("UPDATE idempotency_keys SET lease_until = now() - interval '1 second'")
    assert (await post(api, "/contacts", {"name": "Bob"})).json["code"] == "idempotency_key_reused"
    again = await post(api, "/contacts", ANA)
    assert (again.status, again.json["id"] != made.json["id"]) == (201, True)
    assert (await post(api, "/contacts", ANA)).raw == again.raw


async def test_H4_an_answer_is_kept_for_a_day_and_then_dropped(api: Api) -> None:
    first = await post(api, "/contacts", ANA)
    await api.shop.ctx.pool.execute("UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'")
    await forget.tick(api.shop.ctx)
    assert (await post(api, "/contacts", ANA)).raw == first.raw
    await api.shop.ctx.pool.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 minute'")
    later = await post(api, "/contacts", {"name": "Bob"})
    assert (later.status, later.json["name"]) == (201, "Bob")
    await api.shop.ctx.pool.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 minute'")
    await api.shop.ctx.pool.execute(
        "INSERT INTO idempotency_keys SELECT account_id, n::text, token_id, fingerprint, attempt_id, lease_until, 200, "
        "'{}', '', false, created_at FROM idempotency_keys, generate_series(1, $1) AS n",
        idempotency_keys.BATCH + 1,
    )
    await forget.tick(api.shop.ctx)
    assert await api.shop.rows("SELECT key FROM idempotency_keys") == []


async def test_I5_an_answer_that_holds_a_secret_is_kept_sealed_and_for_its_asker_alone(api: Api) -> None:
    body = {"name": "reporting", "role": "rep"}
    first = await post(api, "/tokens", body)
    again = await post(api, "/tokens", body)
    assert first.raw == again.raw
    [row] = await api.shop.rows("SELECT body, sealed FROM idempotency_keys")
    assert row["sealed"]
    assert first.json["token"].encode() not in bytes(row["body"])
    other = await post(api, "/tokens", body, token=await api.token("admin"))
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def test_I4_a_rep_gets_no_answer_of_anothers(api: Api) -> None:
    assert (await post(api, "/contacts", ANA)).status == 201
    manager = await api.token("manager", Permission.CRM_MANAGE)
    assert (await post(api, "/contacts", ANA, token=manager)).headers["Idempotent-Replayed"] == "true"
    rep = await api.token("rep", Permission.CRM_MANAGE)
    assert (await post(api, "/contacts", ANA, token=rep)).status == 422
    assert (await post(api, "/contacts", ANA, token=await api.token("rep"))).status == 403


async def test_H4_every_post_takes_a_key_and_its_document_says_so(api: Api) -> None:
    paths = (await api.get("/api/openapi.json", anonymous=True))["paths"]
    for operation in OPERATIONS:
        described = paths[operation.path][operation.method.lower()]
        named = [parameter["name"] for parameter in described.get("parameters", [])]
        assert ("Idempotency-Key" in named) == (operation.method == "POST"), operation.name
        if operation.method == "POST":
            path = path_of(operation)
            answers = [await post(api, path, {}, f"key-of-{operation.name}") for _ in range(2)]
            assert answers[0].status == answers[1].status, operation.name
            assert answers[1].headers["Idempotent-Replayed"] == "true", operation.name
