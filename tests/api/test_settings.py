"""Connections and tokens over the API: what is given once and never shown again."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api, ids
from worker.store import connections

HUSH = "whsec_never_to_be_seen"


async def test_I5_a_secret_goes_in_and_never_comes_out(api: Api) -> None:
    body = {"name": "second-shop", "provider": "stripe", "secret": HUSH, "settings": {"orders_from": ["checkout"]}}
    made = await api.ask("POST", "/connections", json=body)
    assert made.status == 201
    assert made.headers["Location"] == f"/api/v1/connections/{made.json['id']}"
    assert (made.json["path"], made.json["secrets"], made.json["version"]) == ("/webhooks/second-shop", 1, 1)
    path = f"/connections/{made.json['id']}"
    changed = await api.ask("PATCH", path, json={"secret": HUSH + "2", "keep_old": True})
    assert (changed.json["secrets"], changed.json["version"], changed.headers["ETag"]) == (2, 2, '"2"')
    answers = [made, changed, await api.ask("GET", path), await api.ask("GET", "/connections")]
    answers.append(await api.ask("POST", "/connections", json=body))
    answers.append(await api.ask("PATCH", path, json={"secrets": [HUSH + "3", 5]}))
    answers.append(await api.ask("PATCH", path, json={"secret": HUSH, "secrets": [HUSH]}))
    for answer in answers:
        assert HUSH.encode() not in answer.raw
    [row] = await api.shop.rows("SELECT secrets FROM connections WHERE name = 'second-shop'")
    assert HUSH.encode() not in row["secrets"]
    assert api.shop.ctx.vault.open(row["secrets"]) == (HUSH + "2", HUSH)


async def test_new_secrets_replace_the_old_unless_they_are_kept(api: Api) -> None:
    connection_id = api.shop.connections["shopify"]
    before = await connections.state(api.shop.ctx.pool)
    assert (await api.ask("PATCH", f"/connections/{connection_id}", json={"secrets": ["a", "b"]})).json["secrets"] == 2
    row = await connections.get(api.shop.ctx.pool, api.shop.account_id, connection_id)
    assert row
    assert api.shop.ctx.vault.open(row.secrets) == ("a", "b")
    after = await connections.state(api.shop.ctx.pool)
    assert before != after
    same = await api.ask("PATCH", f"/connections/{connection_id}", json={"secrets": ["a", "b"]})
    assert same.json["version"] == row.version
    assert await connections.state(api.shop.ctx.pool) == after
    for number in range(6):
        answer = await api.ask("PATCH", f"/connections/{connection_id}", json={"secret": str(number), "keep_old": True})
    assert answer.json["secrets"] == connections.SECRETS_LIMIT
    stale = await api.ask("PATCH", f"/connections/{connection_id}", json={"secret": "z"}, headers={"If-Match": '"1"'})
    assert stale.status == 412


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"name": "stripe"}, 409, "name"),
        ({"name": "Upper"}, 422, "name"),
        ({"name": "a/b"}, 422, "name"),
        ({"provider": "paypigeon"}, 422, "provider"),
        ({"secret": ""}, 422, "secret"),
        ({"secret": "  "}, 422, "secrets"),
        ({"secret": "a\x00b"}, 422, "secrets"),
        ({"secret": None}, 422, "body"),
        ({"settings": {"a": "\x00"}}, 422, "settings"),
        ({"settings": {"a": "x" * 20_000}}, 422, "settings"),
        ({"settings": []}, 422, "settings"),
    ],
)
async def test_a_connection_that_cannot_be_says_why(api: Api, wrong: dict[str, Any], status: int, field: str) -> None:
    answer = await api.ask("POST", "/connections", json={"name": "new", "provider": "stripe", "secret": "s", **wrong})
    assert (answer.status, answer.fields) == (status, [field])
    if field == "provider":
        assert "shopify, standard, stripe, woocommerce" in answer.json["detail"]


async def test_I4_the_connections_of_another_account_are_not_there_but_their_names_are_taken(api: Api) -> None:
    stranger = await api.other_account()
    path = f"/connections/{api.shop.connections['stripe']}"
    assert (await api.ask("GET", path, token=stranger)).status == 404
    assert (await api.ask("PATCH", path, token=stranger, json={"secret": "mine"})).status == 404
    assert (await api.get("/connections", token=stranger))["items"] == []
    body = {"name": "stripe", "provider": "stripe", "secret": "x"}
    assert (await api.ask("POST", "/connections", token=stranger, json=body)).status == 409
    assert len(await api.pages("/connections", 3)) == 4


async def test_H2_a_token_is_shown_once_and_kept_hashed(api: Api) -> None:
    made = await api.post("/tokens", {"name": "reports", "role": "manager", "permissions": ["ops.view"]})
    assert made["token"].startswith("dbk_")
    listed = await api.ask("GET", "/tokens")
    assert made["token"].encode() not in listed.raw
    assert ids(listed.json["items"])[0] == made["id"]
    assert listed.json["items"][0]["permissions"] == ["ops.view"]
    stored = await api.shop.rows("SELECT t::text || d::text AS all FROM tokens t, token_directory d")
    assert not any(made["token"] in row["all"] for row in stored)
    assert (await api.ask("DELETE", f"/tokens/{made['id']}")).status == 204
    assert (await api.get("/tokens"))["items"][0]["revoked_at"] is not None


async def test_H2_nobody_gives_more_than_they_have(api: Api) -> None:
    keeper = await api.token("manager", Permission.SETTINGS_MANAGE)
    for body, status in (
        ({"name": "a", "role": "admin"}, 403),
        ({"name": "a", "role": "rep", "permissions": ["ops.replay"]}, 403),
        ({"name": "a", "role": "rep", "permissions": ["settings.manage"]}, 201),
        ({"name": "a", "role": "king"}, 422),
        ({"name": "a", "role": "rep", "permissions": ["ops"]}, 422),
        ({"name": " ", "role": "rep"}, 422),
    ):
        assert (await api.ask("POST", "/tokens", json=body, token=keeper)).status == status, body
    admin = next(token for token in (await api.get("/tokens"))["items"] if token["role"] == "admin")
    assert (await api.ask("DELETE", f"/tokens/{admin['id']}", token=keeper)).status == 403


async def test_I4_the_tokens_of_another_account_are_not_there(api: Api) -> None:
    made = await api.post("/tokens", {"name": "reports", "role": "rep"})
    stranger = await api.other_account()
    assert (await api.ask("DELETE", f"/tokens/{made['id']}", token=stranger)).status == 404
    assert (await api.ask("GET", "/orders", token=made["token"])).status == 200


async def test_R4_a_rotation_is_over_once_the_old_secrets_are_ended(api: Api) -> None:
    path = f"/connections/{api.shop.connections['shopify']}"
    await api.ask("PATCH", path, json={"secret": "next", "keep_old": True})
    refused = await api.ask("PATCH", path, json={"secret": "other", "end_old": True})
    assert (refused.status, refused.json["code"]) == (422, "invalid")
    ended = await api.ask("PATCH", path, json={"end_old": True})
    assert ended.json["secrets"] == 1
    row = await connections.get(api.shop.ctx.pool, api.shop.account_id, api.shop.connections["shopify"])
    assert row
    assert row.former_secrets
    assert api.shop.ctx.vault.open(row.secrets) == ("next",)
    assert api.shop.ctx.vault.open(row.former_secrets) == ("hush",), "it explains who still signs with it"
    assert (await api.ask("PATCH", path, json={"end_old": True})).json["version"] == ended.json["version"]
