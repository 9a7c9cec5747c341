"""The audit: who changed what with a permission that not everybody has, and whatever was changed in a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api
from tests.integration.test_apply import checkout
from worker.api import audited
from worker.screens.session import COOKIE, CSRF_HEADER, Session, csrf_of
from worker.store import audit, tokens
from worker.upkeep import forget

SECRET = "whsec_dGhpcyBpcyBub3QgdG8gYmUgc2Vlbg"


async def entries(api: Api, query: str = "", **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get(f"/audit{query}", **more))["items"]
    return found


async def in_a_browser(api: Api, method: str, path: str, **more: Any) -> int:
    """Ask as a page of a browser that signed in with the administrator's token; the status."""
    actor = await tokens.find(api.shop.ctx.pool, api.admin)
    assert actor is not None
    secret = await tokens.grant(api.shop.ctx.pool, actor.account_id, actor.token_id, "session")
    headers = {"Cookie": f"{COOKIE}={secret}", CSRF_HEADER: csrf_of(Session(secret, actor))}
    return (await api.ask(method, path, anonymous=True, headers=headers, **more)).status


async def test_a_replay_is_kept_with_who_and_how_many(api: Api) -> None:
    row, replayer = await tokens.add(
        api.shop.ctx.pool, api.shop.account_id, "nightly", "rep", [Permission.OPS_REPLAY]
    )  # fmt: skip
    event = await api.shop.deliver("stripe", checkout(1))
    await api.post("/events/replay", {"connection": "stripe", "state": "applied"}, 202, token=replayer)
    await api.post(f"/events/{event}/replay", {}, 202, token=replayer)
    one, many = await entries(api)
    assert (many["actor"], many["token_id"], many["session"]) == ("token:nightly", row.id, False)
    assert (many["operation"], many["summary"], many["status"]) == ("replay_events", "Replay events by filter", 202)
    assert many["details"] == {"count": 1, "connection": "stripe", "state": "applied"}
    assert (one["method"], one["path"]) == ("POST", f"/events/{event}/replay")


async def test_what_changes_nothing_is_not_kept(api: Api) -> None:
    event = await api.shop.deliver("stripe", checkout(1))
    await api.post("/events/replay", {"topic": "*", "dry_run": True}, 200)
    await api.post(f"/events/{event}/replay", {"dry_run": True}, 200)
    await api.get("/connections")
    assert (await api.ask("POST", "/events/replay", json={})).status == 422
    rep = await api.token("rep")
    assert (await api.ask("POST", "/events/replay", json={"state": "dead"}, token=rep)).status == 403
    assert await entries(api) == []


async def test_a_programs_ordinary_writes_are_not_kept_and_a_persons_are(api: Api) -> None:
    contact = await api.contact()
    assert await entries(api) == []
    assert await in_a_browser(api, "PATCH", f"/contacts/{contact}", json={"phone": "+55 11 5555"}) == 200
    [entry] = await entries(api)
    assert (entry["operation"], entry["session"], entry["path"]) == ("change_contact", True, f"/contacts/{contact}")
    assert entry["details"] == {"fields": ["phone"]}, "names, and never what they say"


async def test_I5_no_secret_is_in_the_audit(api: Api) -> None:
    made = await api.post("/connections", {"name": "shop-2", "provider": "standard", "secret": SECRET})
    changed = await api.ask("PATCH", f"/connections/{made['id']}", json={"secret": SECRET, "keep_old": True})
    assert changed.status == 200
    token = await api.post("/tokens", {"name": "t", "role": "rep"})
    subscriber = await api.post("/subscribers", {"description": "Books", "url": "https://8.8.8.8/hooks?key=hush"})
    kept = await api.shop.rows("SELECT t::text AS row FROM audit t")
    assert len(kept) == 4
    for secret in (SECRET, token["token"], subscriber["secret"], "hush"):
        assert not [row for row in kept if secret in row["row"]]
    found = {entry["operation"]: entry for entry in await entries(api)}
    assert found["create_connection"]["details"] == {"name": "shop-2", "fields": ["name", "provider", "secret"]}
    assert found["create_connection"]["path"] == f"/connections/{made['id']}"
    assert found["create_token"]["details"] == {"name": "t", "role": "rep", "permissions": []}


async def test_a_request_that_is_answered_again_is_kept_once(api: Api) -> None:
    for _ in range(2):
        await api.post("/tokens", {"name": "t", "role": "rep"}, headers={"Idempotency-Key": "one"})
    assert len(await entries(api)) == 1


async def test_filters_find_what_they_name(api: Api) -> None:
    await api.set(retention_days=30)
    await api.post("/tokens", {"name": "t", "role": "rep"})
    names = [entry["operation"] for entry in await entries(api)]
    assert names == ["create_token", "change_account"], "newest first"
    for query, expected in (
        ("?operation=change_account", ["change_account"]),
        ("?actor=token:first%20admin", names),
        ("?actor=token:nobody", []),
        ("?from=2026-09-21T14:13:20Z", names),
        ("?from=2026-09-21T14:13:21Z", []),
        ("?to=2026-09-21T14:13:20Z", []),
        ("?to=2026-09-21T14:13:21Z", names),
    ):
        assert [entry["operation"] for entry in await entries(api, query)] == expected, query
    [entry] = await entries(api, "?operation=change_account")
    assert entry["details"] == {"retention_days": 30}


async def test_I4_who_sees_only_what_they_own_sees_what_they_did(api: Api) -> None:
    stranger = await api.other_account()
    rep = await api.token("rep", Permission.OPS_VIEW, Permission.OPS_REPLAY)
    await api.set(owner_privacy=True)
    await api.post("/events/replay", {"state": "dead"}, 202, token=rep)
    assert [entry["operation"] for entry in await entries(api, token=rep)] == ["replay_events"]
    assert len(await entries(api)) == 2
    assert await entries(api, token=stranger) == []
    assert (await api.ask("GET", "/audit", token=await api.token("rep"))).status == 403


async def test_a_change_that_cannot_be_kept_is_made_and_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(audit, "add", broken)
    answer = await api.ask("POST", "/tokens", json={"name": "t", "role": "rep"})
    assert (answer.status, answer.headers[audited.LOST]) == (201, "not kept")
    assert await entries(api) == []


async def test_details_are_bounded_and_can_be_stored(api: Api) -> None:
    found = audited._bounded({"name": "x" * 5000, "count": 1})
    assert found == {"names": ["count", "name"]}
    assert audited._bounded({"name": "a\0b"}) == {"names": ["name"]}
    assert audited._bounded({"count": 1}) == {"count": 1}


async def test_entries_are_forgotten_after_400_days(api: Api) -> None:
    for name in ("old", "young"):
        await api.post("/tokens", {"name": name, "role": "rep"})
    await api.shop.ctx.pool.execute(
        "UPDATE audit SET at = now() - $1::interval + CASE details->>'name' WHEN 'old' THEN interval '-1 hour' "
        "ELSE interval '1 hour' END",
        timedelta(days=400),
    )
    await forget.tick(api.shop.ctx)
    assert [entry["details"]["name"] for entry in await entries(api)] == ["young"]
