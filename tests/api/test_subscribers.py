"""Subscribers of the feed over the API (H5): made, changed, rotated, paused; what became of what they were told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api, ids
from tests.feed import Receiver, Told, answering, order, receiver, told
from worker.actions import subscribers as actions
from worker.ids import new_id

URL = "https://93.184.216.34/hooks"


@pytest.fixture
async def feed(api: Api) -> AsyncIterator[Told]:
    async with told(api.shop) as made:
        yield made


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


async def test_I5_a_secret_is_shown_once_and_kept_sealed(api: Api) -> None:
    made = await api.ask("POST", "/subscribers", json={"url": URL, "types": ["order.paid", "order.paid"]})
    assert made.status == 201
    secret = made.json["secret"]
    assert secret.startswith("whsec_")
    path = f"/subscribers/{made.json['id']}"
    assert made.headers["Location"] == f"/api/v1{path}"
    assert (made.json["types"], made.json["state"], made.headers["ETag"]) == (["order.paid"], "active", '"1"')
    rotated = await api.ask("POST", f"{path}/rotate")
    assert rotated.status == 200
    newer = rotated.json["secret"]
    assert newer != secret
    assert rotated.json["former_secret_until"] is not None
    for answer in (
        await api.ask("GET", path),
        await api.ask("GET", "/subscribers"),
        await api.ask("PATCH", path, json={"description": "the warehouse"}),
        await api.ask("POST", f"{path}/pause"),
        await api.ask("POST", f"{path}/activate"),
    ):
        assert answer.status == 200
        assert secret.encode() not in answer.raw
        assert newer.encode() not in answer.raw
    [row] = await api.shop.rows("SELECT secret, former_secret FROM feed_subscribers")
    assert api.shop.ctx.vault.open(row["secret"]) == (newer,)
    assert api.shop.ctx.vault.open(row["former_secret"]) == (secret,)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::1]/"}, "url"),
        ({"url": "https://10.0.0.8/"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://exa mple.com/"}, "url"),
        ({"url": "https://a\x00b/"}, "url"),
        ({"url": "https://" + "a" * 300 + "/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": None}, "url"),
        ({"types": []}, "types"),
        ({"types": ["order.exploded"]}, "types.0"),
        ({"description": "a\x00"}, "description"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
async def test_H5_a_subscriber_that_cannot_be_says_why(api: Api, wrong: dict[str, Any], field: str) -> None:
    answer = await api.ask("POST", "/subscribers", json={"url": URL, **wrong})
    assert (answer.status, answer.fields) == (422, [field])
    made = await api.post("/subscribers", {"url": URL})
    changed = await api.ask("PATCH", f"/subscribers/{made['id']}", json=wrong)
    assert (changed.status, changed.fields) == (422, [field])
    assert (await api.get(f"/subscribers/{made['id']}"))["version"] == 1


async def test_H4_a_change_of_what_was_changed_meanwhile_is_refused(api: Api) -> None:
    made = await api.post("/subscribers", {"url": URL})
    path = f"/subscribers/{made['id']}"
    first = {"headers": {"If-Match": '"1"'}}
    assert (await api.ask("PATCH", path, json={"types": ["order.paid"]}, **first)).json["version"] == 2
    for method, where in (
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate"),
        ("POST", "/pause"),
        ("POST", "/activate"),
    ):
        more = {"json": {"types": None}} if method == "PATCH" else {}
        assert (await api.ask(method, path + where, **more, **first)).status == 412, where
    same = await api.ask("PATCH", path, json={"types": ["order.paid"]})
    assert same.json["version"] == 2, "a change that changes nothing"
    assert (await api.ask("PATCH", path, json={"types": None})).json["types"] is None
    assert (await api.ask("PATCH", path, json={})).status == 422


async def test_I4_the_subscribers_of_another_account_are_not_there(api: Api, feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook)
    await api.shop.deliver("standard", order())
    [delivery] = (await api.get(f"/subscribers/{subscriber}/deliveries"))["items"]
    stranger = await api.other_account()
    path = f"/subscribers/{subscriber}"
    for method, where in (
        ("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/pause"), ("POST", "/activate"), ("POST", "/test"),
        ("GET", "/deliveries"), ("GET", f"/deliveries/{delivery['id']}"), ("POST", f"/deliveries/{delivery['id']}/retry"),
        ("POST", "/retry-dead"),
    ):  # fmt: skip
        assert (await api.ask(method, path + where, token=stranger)).status == 404, where
    assert (await api.ask("PATCH", path, json={"types": None}, token=stranger)).status == 404
    assert (await api.get("/subscribers", token=stranger))["items"] == []


async def test_I4_only_who_may_change_settings_sees_or_changes_subscribers(api: Api) -> None:
    made = await api.post("/subscribers", {"url": URL})
    manager = await api.token("manager", *(one for one in Permission if one != Permission.SETTINGS_MANAGE))
    for method, path in (
        ("GET", "/subscribers"),
        ("GET", f"/subscribers/{made['id']}"),
        ("DELETE", f"/subscribers/{made['id']}"),
    ):
        answer = await api.ask(method, path, token=manager)
        assert answer.status == 403
        assert "settings.manage" in answer.json["detail"]


async def test_H5_a_test_message_comes_whatever_was_chosen(api: Api, feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook, ["order.paid"])
    async with receiver() as other:
        await feed.subscribe(other)
        queued = await api.ask("POST", f"/subscribers/{subscriber}/test")
        assert (queued.status, queued.json["type"], queued.json["state"]) == (202, "daybook.test", "pending")
        await feed.send()
        assert (hook.types, other.types) == (["daybook.test"], [])
    found = await api.get(f"/subscribers/{subscriber}/deliveries/{queued.json['id']}")
    assert (found["state"], found["last_status"], found["attempts"]) == ("delivered", 200, 1)
    await api.ask("POST", f"/subscribers/{subscriber}/pause")
    assert (await api.ask("POST", f"/subscribers/{subscriber}/test")).status == 409


async def test_H5_what_was_given_up_is_listed_and_sent_again(api: Api, feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook, ["order.created"])
    for number in range(5):
        await api.shop.deliver("standard", order(number))
    await api.shop.ctx.pool.execute("UPDATE feed_deliveries SET attempts = 9 WHERE subscriber_id = $1", subscriber)
    hook.answer = answering(500, "out of order")
    await feed.send()
    path = f"/subscribers/{subscriber}"
    dead = await api.pages(f"{path}/deliveries?state=dead", 2)
    assert len(dead) == len({one["id"] for one in dead}) == 5
    assert ids(dead) == ids(await api.pages(f"{path}/deliveries", 3))
    assert {(one["last_status"], one["last_answer"], one["next_attempt_at"]) for one in dead} == {
        (500, "out of order", None)
    }
    hook.answer = hook.fine
    one = dead[2]["id"]
    retried = await api.ask("POST", f"{path}/deliveries/{one}/retry")
    assert (retried.status, retried.json["state"], retried.json["attempts"]) == (202, "pending", 0)
    await feed.send()
    assert hook.ids[-1] == one
    assert (await api.ask("POST", f"{path}/retry-dead")).json == {"retried": 4, "more": False}
    await feed.send()
    assert (await api.get(f"{path}/deliveries?state=dead"))["items"] == []
    assert len(await api.pages(f"{path}/deliveries?state=delivered", 2)) == 5
    assert (await api.ask("POST", f"{path}/deliveries/{new_id()}/retry")).status == 404
    assert (await api.ask("GET", f"{path}/deliveries?state=lost")).status == 422


async def test_H5_a_subscriber_that_was_removed_is_told_nothing_more(api: Api, feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook)
    await api.shop.deliver("standard", order())
    assert (await api.ask("DELETE", f"/subscribers/{subscriber}")).status == 204
    assert (await api.ask("GET", f"/subscribers/{subscriber}")).status == 404
    assert (await api.ask("DELETE", f"/subscribers/{subscriber}")).status == 404
    await feed.send()
    assert hook.types == []


async def test_H5_an_account_has_so_many_subscribers_and_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "LIMIT", 3)
    for _ in range(3):
        await api.post("/subscribers", {"url": URL})
    refused = await api.ask("POST", "/subscribers", json={"url": URL})
    assert (refused.status, refused.json["code"]) == (409, "too_many")
    assert len(await api.pages("/subscribers", 2)) == 3
