"""Stock over the API (T4, H3): levels, the ledger, adjustments."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api
from worker.ids import new_id
from worker.store.checks import broken

HERE, THERE = sorted((new_id(), new_id()))


@pytest.fixture(autouse=True)
async def places(api: Api) -> None:
    for location_id in (HERE, THERE):
        await api.shop.ctx.pool.execute(
            "INSERT INTO locations (account_id, id, slug, name, archived) VALUES ($1, $2, $3, 'Place', false)",
            api.shop.account_id, location_id, f"l-{location_id}",
        )  # fmt: skip


async def adjust(api: Api, sku: str = "A", location_id: str = HERE, **more: Any) -> Any:
    body = {"location_id": location_id, "sku": sku, "reason": "Counted", **more}
    return await api.post("/stock/adjustments", body)


async def sell(api: Api, *items: tuple[str, Any], **more: Any) -> dict[str, Any]:
    given = [{"name": "Thing", "sku": sku, "quantity": quantity, "unit_price": 1} for sku, quantity in items]
    return await api.order(await api.contact(f"{new_id()}@example.com"), items=given, location_id=HERE, **more)


async def levels(api: Api, query: str = "") -> list[tuple[Any, ...]]:
    items = (await api.get(f"/stock?{query}"))["items"]
    return [(item["sku"], item["location_id"], item["on_hand"], item["reserved"], item["incoming"]) for item in items]


async def test_T4_an_order_over_the_api_reserves_and_then_takes_what_it_sells(api: Api) -> None:
    await adjust(api, count=10)
    order = await sell(api, ("A", 3), ("B", "0.25"))
    assert await levels(api) == [("A", HERE, 10, 0, 0)]
    await api.ask("PATCH", f"/orders/{order['id']}", json={"status": "processing"})
    assert await levels(api) == [("A", HERE, 10, 3, 0), ("B", HERE, 0, "0.25", 0)]
    [first, second] = (await api.get("/stock"))["items"]
    assert (first["available"], first["negative"]) == (7, False)
    assert (second["available"], second["negative"]) == ("-0.25", False)
    await api.ask("PATCH", f"/orders/{order['id']}", json={"status": "completed"})
    assert await levels(api) == [("A", HERE, 7, 0, 0), ("B", HERE, "-0.25", 0, 0)]
    assert (await api.get("/stock"))["items"][1]["negative"] is True
    assert await broken(api.shop.ctx.pool) == {}


async def test_T4_the_ledger_says_what_moved_when_by_whom_and_why(api: Api) -> None:
    await adjust(api, count="2.5", reason="Found behind the shelf")
    order = await sell(api, ("A", 1), status="processing")
    [newest, oldest] = (await api.get("/stock/movements"))["items"]
    assert sorted(newest) == sorted(oldest)
    assert {name: oldest[name] for name in ("location_id", "sku", "bucket", "quantity", "order_id", "actor", "reason")} == {
        "location_id": HERE, "sku": "A", "bucket": "on_hand", "quantity": "2.5", "order_id": None,
        "actor": "token:first admin", "reason": "Found behind the shelf",
    }  # fmt: skip
    assert (newest["order_id"], newest["bucket"], newest["quantity"]) == (order["id"], "reserved", 1)
    assert (newest["actor"], newest["reason"]) == ("token:first admin", None)
    assert newest["at"].endswith("Z")


async def test_T4_a_count_or_a_difference_puts_stock_right(api: Api) -> None:
    made = await adjust(api, difference="-2")
    assert (made["movement"]["quantity"], made["level"]["on_hand"], made["level"]["negative"]) == (-2, -2, True)
    made = await adjust(api, count=5)
    assert (made["movement"]["quantity"], made["level"]["on_hand"], made["level"]["negative"]) == (7, 5, False)
    made = await adjust(api, count="5.0")
    assert (made["movement"]["quantity"], made["level"]["on_hand"]) == (0, 5)
    assert len((await api.get("/stock/movements"))["items"]) == 3
    assert await broken(api.shop.ctx.pool) == {}


async def test_T4_many_counts_and_differences_at_once_end_in_the_sum_of_the_ledger(api: Api) -> None:
    await asyncio.gather(*(adjust(api, **({"count": 40} if n % 3 == 0 else {"difference": 1})) for n in range(18)))
    moved = await api.pages("/stock/movements", 100)
    assert await levels(api) == [("A", HERE, sum(item["quantity"] for item in moved), 0, 0)]
    assert await broken(api.shop.ctx.pool) == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"count": None}, "body"),
        ({"difference": 1}, "body"),
        ({"count": -1}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": None, "difference": 0}, "difference"),
        ({"count": None, "difference": "1e3"}, "difference"),
        ({"reason": ""}, "reason"),
        ({"reason": None}, "reason"),
        ({"sku": "A\x00"}, "sku"),
        ({"sku": "A" * 256}, "sku"),
        ({"location_id": "here"}, "location_id"),
        ({"bucket": "reserved"}, "bucket"),
    ],
)
async def test_T4_an_adjustment_that_says_too_little_or_too_much_is_refused(
    api: Api, change: dict[str, Any], field: str
) -> None:
    body = {"location_id": HERE, "sku": "A", "count": 1, "reason": "x"} | change
    answer = await api.ask("POST", "/stock/adjustments", json=body)
    assert (answer.status, answer.fields) == (422, [field])
    assert (await api.get("/stock/movements"))["items"] == []


async def test_T4_an_adjustment_needs_its_permission_and_reading_does_not(api: Api) -> None:
    rep = await api.token("rep")
    body = {"location_id": HERE, "sku": "A", "count": 1, "reason": "x"}
    answer = await api.ask("POST", "/stock/adjustments", json=body, token=rep)
    assert (answer.status, answer.json["permission"]) == (403, "crm.manage")
    assert (await api.get("/stock", token=rep))["items"] == []
    clerk = await api.token("rep", Permission.CRM_MANAGE)
    await api.post("/stock/adjustments", body, token=clerk)
    assert (await api.get("/stock/movements", token=rep))["items"][0]["actor"] == "token:rep"


async def test_T4_levels_are_listed_by_product_and_place_and_found_by_each(api: Api) -> None:
    for sku in ("C", "A", "B\U0001f4e6" * 100):
        for location_id in (THERE, HERE):
            await adjust(api, sku, location_id, difference=-1 if (sku, location_id) == ("C", HERE) else 1)
    expected = [(sku, location_id) for sku in ("A", "B\U0001f4e6" * 100, "C") for location_id in (HERE, THERE)]
    for limit in (1, 4, 100):
        found = await api.pages("/stock", limit)
        assert [(item["sku"], item["location_id"]) for item in found] == expected
    assert [level[:2] for level in await levels(api, f"location_id={HERE}")] == expected[::2]
    assert [level[:2] for level in await levels(api, "sku=C")] == expected[4:]
    assert [level[:2] for level in await levels(api, "negative=true")] == [("C", HERE)]
    assert [level[:2] for level in await levels(api, "negative=false")] == [*expected[:4], ("C", THERE)]
    assert await levels(api, f"sku=A&location_id={new_id()}") == []


async def test_T4_movements_are_found_by_place_product_order_and_time(api: Api) -> None:
    clock = 1_790_000_000.0
    object.__setattr__(api.shop.ctx, "clock", lambda: clock)
    await adjust(api, "A", HERE, count=1)
    clock += 60
    await adjust(api, "A", THERE, count=2)
    clock += 60
    order = await sell(api, ("B", 3), status="processing")
    told = {"A": 1, "there": 2, "B": 3}
    everything = [3, 2, 1]
    for query, expected in {
        "": everything,
        f"location_id={HERE}": [3, 1],
        "sku=A": [2, 1],
        f"sku=A&location_id={THERE}": [told["there"]],
        f"order_id={order['id']}": [told["B"]],
        f"order_id={new_id()}": [],
        "from=2026-09-21T14:14:20Z": [3, 2],
        "to=2026-09-21T14:14:20Z": [1],
        "from=2026-09-21T14:14:20Z&to=2026-09-21T14:15:20Z": [2],
    }.items():
        page = await api.get(f"/stock/movements?{query}")
        assert [item["quantity"] for item in page["items"]] == expected, query
    assert [item["quantity"] for item in await api.pages("/stock/movements", 1)] == everything


@pytest.mark.broken_data(reason="an order that was merged by hand is still there, to have moved stock")
async def test_T4_the_movements_of_an_order_are_also_those_of_orders_merged_into_it(api: Api) -> None:
    gone, left = await sell(api, ("A", 1), status="processing"), await sell(api, ("A", 2), status="processing")
    await api.shop.ctx.pool.execute(
        "INSERT INTO order_merges (account_id, order_id, number, into_order_id) VALUES ($1, $2, 99, $3)",
        api.shop.account_id, gone["id"], left["id"],
    )  # fmt: skip
    page = await api.get(f"/stock/movements?order_id={left['id']}")
    assert [item["order_id"] for item in page["items"]] == [left["id"], gone["id"]]


@pytest.mark.parametrize("cursor", ["abc", "WyJzdG9jayIsIkEiXQ", "WyJzdG9jayIsIlx1MDAwMCIsIngiXQ", "____"])
async def test_T4_a_cursor_that_we_never_gave_out_is_refused(api: Api, cursor: str) -> None:
    for path in ("/stock", "/stock/movements"):
        answer = await api.ask("GET", f"{path}?cursor={cursor}")
        assert (answer.status, answer.fields) == (422, ["cursor"])


async def test_I4_the_stock_of_another_account_is_not_there(api: Api) -> None:
    await adjust(api, count=1)
    stranger = await api.other_account()
    assert (await api.get("/stock", token=stranger))["items"] == []
    assert (await api.get("/stock/movements", token=stranger))["items"] == []
    place = (await api.post("/locations", {"slug": "shop", "name": "Shop"}, token=stranger))["id"]
    body = {"location_id": place, "sku": "A", "difference": 5, "reason": "x"}
    assert (await api.post("/stock/adjustments", body, token=stranger))["level"]["on_hand"] == 5
    assert await levels(api) == [("A", HERE, 1, 0, 0)]


async def test_T4_stock_is_adjusted_where_there_is_a_location(api: Api) -> None:
    body = {"location_id": new_id(), "sku": "A", "count": 1, "reason": "Counted"}
    refused = await api.ask("POST", "/stock/adjustments", json=body)
    assert (refused.status, refused.json["code"], refused.fields) == (422, "location_unknown", ["location_id"])
    assert (await api.get("/stock"))["items"] == []
