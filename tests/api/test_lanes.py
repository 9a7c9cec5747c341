"""Lanes over the API (D2, Q6)."""

from __future__ import annotations

import pytest

from schemas.account import Permission
from schemas.provider import Lane
from tests.api.conftest import Api
from tests.world import SilentLanes, payload
from worker.charging import due

BODY = payload("shopify", "orders_create__minimal.json")


async def lane(api: Api, name: str) -> dict[str, object]:
    [found] = [one for one in (await api.get("/lanes"))["items"] if one["lane"] == name]
    return dict(found)


async def test_D2_every_lane_says_what_waits_in_it(api: Api) -> None:
    await api.shop.store([api.shop.event("shopify", BODY, "orders/create")])
    page = await api.get("/lanes")
    assert [one["lane"] for one in page["items"]] == list(Lane)
    assert page["next_cursor"] is None
    found = await lane(api, "orders")
    assert (found["queued"], found["deferred"], found["running"], found["slots"]) == (1, 0, 0, 0)
    assert found["state"] == "no_worker"
    assert found["oldest_at"] is not None
    assert (await lane(api, "bulk"))["oldest_age_s"] is None


async def test_D2_pausing_names_who_and_since_when_and_holds_what_comes(api: Api) -> None:
    paused = await api.post("/lanes/orders/pause", None, 200)
    assert (paused["state"], paused["paused_by"]) == ("paused", "token:first admin")
    assert await api.post("/lanes/orders/pause", None, 200) == paused, "once more changes nothing"
    event = await api.shop.deliver("shopify", BODY, "orders/create")
    shown = await api.get(f"/events/{event}")
    assert (shown["state"], shown["reason"], shown["next_attempt_at"]) == ("received", "lane_paused", None)
    assert (await lane(api, "orders"))["queued"] == 1
    assert [one["lane"] for one in (await api.get("/lanes"))["items"] if one["paused_at"]] == ["orders"]
    resumed = await api.post("/lanes/orders/resume", None, 200)
    assert (resumed["paused_at"], resumed["paused_by"]) == (None, None)
    assert isinstance(api.shop.ctx.lanes, SilentLanes)
    assert api.shop.ctx.lanes.signalled == [event]
    await api.shop.apply([event])
    assert (await api.get(f"/events/{event}"))["state"] == "applied"


async def test_N5_D2_pausing_the_lane_of_charges_is_the_switch_that_stops_all_charging(api: Api) -> None:
    account = f"/accounts/{api.shop.account_id}"
    paused = await api.post("/lanes/charges/pause", None, 200)
    assert (await api.get(account))["charging_stopped_at"] == paused["paused_at"]
    assert paused["paused_by"] == "token:first admin"
    await api.set(charging_stopped=False)
    assert (await lane(api, "charges"))["paused_at"] is None
    await api.set(charging_stopped=True)
    assert (await lane(api, "charges"))["state"] == "paused"
    await api.post("/lanes/charges/resume", None, 200)
    assert (await api.get(account))["charging_stopped_at"] is None


async def test_D2_charging_is_resumed_though_valkey_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_ctx: object) -> int:
        raise ConnectionError

    monkeypatch.setattr(due, "tick", away)
    await api.post("/lanes/charges/pause", None, 200)
    assert (await api.post("/lanes/charges/resume", None, 200))["paused_at"] is None


async def test_D2_only_a_lane_that_there_is_can_be_paused_and_only_with_ops_replay(api: Api) -> None:
    assert (await api.ask("POST", "/lanes/nonsense/pause")).status == 404
    viewer = await api.token("rep", Permission.OPS_VIEW)
    refused = await api.ask("POST", "/lanes/orders/pause", token=viewer)
    assert (refused.status, refused.json["permission"]) == (403, "ops.replay")
    assert (await api.ask("GET", "/lanes", token=viewer)).status == 200
    assert (await lane(api, "orders"))["paused_at"] is None
