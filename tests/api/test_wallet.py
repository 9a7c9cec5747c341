"""The owner-based wallet (O12): what a rep does not own is nowhere to be seen."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec
import pytest

from schemas.account import Permission, Reach
from tests.api.conftest import Api, ids
from tests.world import payload
from worker.screens.ops.looks import FIRST, LANES
from worker.screens.session import COOKIE
from worker.store import event_counts, lanes, overview, query, tokens

SECRET_WORD = "Xanadu"


class Wallets:
    """A rep under owner privacy, an order of theirs by its contact, one by its deal, and what is hidden from them."""

    def __init__(self, api: Api, rep: str, rep_id: str) -> None:
        self.api, self.rep, self.rep_id = api, rep, rep_id
        self.mine: dict[str, str] = {}
        self.by_deal: dict[str, str] = {}
        self.hidden: dict[str, str] = {}

    async def get(self, path: str) -> Any:
        return await self.api.get(path, token=self.rep)

    async def status(self, method: str, path: str, **more: Any) -> int:
        return (await self.api.ask(method, path, token=self.rep, **more)).status


@pytest.fixture
async def wallets(api: Api) -> Wallets:
    row, secret = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", list(Permission))
    found = Wallets(api, secret, row.id)
    other = await api.token_id("rep")
    mine = await api.post("/contacts", {"name": "Ana", "email": "ana@example.com", "owner_id": row.id})
    theirs = await api.post("/contacts", {"name": SECRET_WORD, "email": "xanadu@example.com", "owner_id": other})
    nobodys = await api.post("/contacts", {"name": "Nobody's"})
    deal = await api.deal(owner_id=row.id, contact_id=theirs["id"])
    hidden_deal = await api.deal(owner_id=other, title=f"{SECRET_WORD} deal")
    order = {name: (await api.order(contact, **more))["id"] for name, contact, more in (
        ("mine", mine["id"], {"title": "Mine", "external_id": "m-1"}),
        ("by_deal", theirs["id"], {"deal_id": deal, "title": "By deal"}),
        ("hidden", theirs["id"], {"deal_id": hidden_deal, "title": SECRET_WORD, "external_id": "x-1", "owner_id": row.id}),
        ("nobodys", nobodys["id"], {"title": SECRET_WORD}),
    )}  # fmt: skip
    found.mine = {"order": order["mine"], "contact": mine["id"]}
    found.by_deal = {"order": order["by_deal"], "deal": deal}
    found.hidden = {
        "order": order["hidden"], "contact": theirs["id"], "deal": hidden_deal, "nobodys": order["nobodys"],
        "event": await api.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create"),
    }  # fmt: skip
    await api.set(owner_privacy=True)
    return found


@pytest.fixture(params=[query.MANY, 1], ids=["who owns few orders", "who owns many orders"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of who owns much are walked, those of who owns little are looked up: they say the same."""
    monkeypatch.setattr(query, "MANY", request.param)


@pytest.mark.usefixtures("both_ways")
async def test_O12_a_rep_sees_the_orders_of_contacts_and_deals_that_they_own(wallets: Wallets) -> None:
    seen = ids((await wallets.get("/orders"))["items"])
    assert sorted(seen) == sorted([wallets.mine["order"], wallets.by_deal["order"]])
    for order_id in seen:
        assert (await wallets.get(f"/orders/{order_id}"))["id"] == order_id
    assert ids((await wallets.get("/contacts"))["items"]) == [wallets.mine["contact"]]
    assert ids((await wallets.get("/deals"))["items"]) == [wallets.by_deal["deal"]]
    assert ids((await wallets.get(f"/orders?deal_id={wallets.by_deal['deal']}"))["items"]) == [wallets.by_deal["order"]]


async def test_O12_whose_an_order_is_is_the_same_asked_of_the_owner_and_of_the_order(wallets: Wallets) -> None:
    shop = wallets.api.shop
    both = await wallets.api.order(wallets.mine["contact"], deal_id=wallets.by_deal["deal"])
    by_owner = await shop.rows("SELECT DISTINCT order_id, owner_id FROM order_owners")
    by_order = await shop.rows(
        "SELECT DISTINCT order_id, o.owner_id FROM orders_with_owners, unnest(owners) AS o (owner_id) WHERE o.owner_id IS NOT NULL"
    )
    said = [{(row["order_id"], row["owner_id"]) for row in rows} for rows in (by_owner, by_order)]
    assert said[0] == said[1]
    assert {
        (order_id, wallets.rep_id) for order_id in (wallets.mine["order"], wallets.by_deal["order"], both["id"])
    } < said[0]
    assert wallets.hidden["nobodys"] not in {order_id for order_id, _ in said[0]}


async def test_O12_a_hidden_row_is_not_there(wallets: Wallets) -> None:
    hidden = wallets.hidden
    for path in (
        f"/orders/{hidden['order']}", f"/orders/{hidden['nobodys']}", f"/orders/{hidden['order']}/timeline",
        f"/orders/{hidden['order']}/explain", f"/contacts/{hidden['contact']}", f"/deals/{hidden['deal']}",
        f"/events/{hidden['event']}", f"/events/{hidden['event']}/body",
    ):  # fmt: skip
        assert await wallets.status("GET", path) == 404, path
    for path in (f"/orders/{hidden['order']}", f"/contacts/{hidden['contact']}", f"/deals/{hidden['deal']}"):
        assert await wallets.status("PATCH", path, json={}) == 404, path
    assert await wallets.status("POST", f"/events/{hidden['event']}/replay") == 404


@pytest.mark.usefixtures("both_ways")
async def test_O12_no_search_filter_or_page_finds_a_hidden_row(wallets: Wallets) -> None:
    hidden = wallets.hidden
    for asked in (
        f"/orders?q={SECRET_WORD}", f"/orders?contact_id={hidden['contact']}&q={SECRET_WORD}", "/orders?external_id=x-1",
        f"/orders?owner_id={wallets.rep_id}", f"/orders?deal_id={hidden['deal']}", "/orders?q=3", "/orders?origin=shopify",
        f"/contacts?q={SECRET_WORD}", "/contacts?email=xanadu@example.com", f"/deals?q={SECRET_WORD}",
        f"/deals?contact_id={wallets.mine['contact']}", "/events", f"/events?q={hidden['event']}", "/events?state=applied",
    ):  # fmt: skip
        answer = await wallets.api.ask("GET", asked, token=wallets.rep)
        assert answer.json == {"items": [], "next_cursor": None}, asked
    answer = await wallets.api.ask("GET", "/orders?limit=1", token=wallets.rep)
    rest = await wallets.get(f"/orders?limit=1&cursor={answer.json['next_cursor']}")
    assert rest["next_cursor"] is None, "a page more would tell that there is something"
    for path in ("/orders", "/contacts", "/deals", "/events", f"/contacts/{wallets.mine['contact']}"):
        assert SECRET_WORD.encode() not in (await wallets.api.ask("GET", path, token=wallets.rep)).raw


async def test_O12_totals_count_what_is_seen(wallets: Wallets) -> None:
    card = await wallets.get(f"/contacts/{wallets.mine['contact']}")
    assert card["totals"] == [{"currency": "BRL", "orders": 1, "amount": 2000, "paid": 0, "refunded": 0}]


async def test_O12_nothing_is_told_by_what_is_refused(wallets: Wallets) -> None:
    api, rep = wallets.api, wallets.rep
    mine = {"contact_id": wallets.mine["contact"], "amount": 1}
    for body, code in (
        ({**mine, "contact_id": wallets.hidden["contact"]}, "contact_unknown"),
        ({**mine, "deal_id": wallets.hidden["deal"]}, "deal_unknown"),
        ({**mine, "external_id": "x-1"}, "external_id_taken"),
    ):
        answer = await api.ask("POST", "/orders", json=body, token=rep)
        assert answer.json["code"] == code
        assert "order_id" not in answer.json
        assert wallets.hidden["order"].encode() not in answer.raw
    answer = await api.ask("POST", "/contacts", json={"email": "xanadu@example.com"}, token=rep)
    assert (answer.status, "contact_id" in answer.json) == (409, False)
    assert wallets.hidden["contact"].encode() not in answer.raw
    answer = await api.ask(
        "PATCH", f"/orders/{wallets.mine['order']}", json={"deal_id": wallets.hidden["deal"]}, token=rep
    )
    assert answer.json["code"] == "deal_unknown"


async def test_O12_what_a_rep_makes_is_theirs_and_cannot_be_put_out_of_their_sight(wallets: Wallets) -> None:
    api, rep = wallets.api, wallets.rep
    contact = await api.post("/contacts", {"name": "New"}, token=rep)
    deal = await api.post("/deals", {"title": "New", "contact_id": contact["id"]}, token=rep)
    assert contact["owner_id"] == deal["owner_id"] == wallets.rep_id
    other = await api.token_id("rep")
    assert await wallets.status("POST", "/deals", json={"title": "x", "owner_id": other}) == 403
    for path in (f"/contacts/{contact['id']}", f"/deals/{deal['id']}"):
        for owner_id in (None, other):
            assert await wallets.status("PATCH", path, json={"owner_id": owner_id}) == 403
        assert (await wallets.get(path))["version"] == 1
    order = f"/orders/{wallets.by_deal['order']}"
    assert await wallets.status("PATCH", order, json={"deal_id": None}) == 403
    assert (await wallets.get(order))["version"] == 1
    moved = await api.ask("PATCH", order, json={"deal_id": None, "contact_id": contact["id"]}, token=rep)
    assert (moved.status, moved.json["contact_id"]) == (200, contact["id"])


@pytest.mark.usefixtures("both_ways")
async def test_O12_an_event_is_seen_with_its_order(wallets: Wallets) -> None:
    api = wallets.api
    reach = Reach(api.shop.account_id, wallets.rep_id)

    async def counted() -> dict[str, int]:
        async with api.shop.ctx.pool.acquire() as connection:
            found = await event_counts.by_state(connection, reach, {}, 100)
        return {state: count for state, (count, _) in found.items() if count}

    assert await counted() == {}
    [row] = await api.shop.rows("SELECT contact_id FROM orders WHERE origin = 'shopify'")
    await api.ask("PATCH", f"/contacts/{row['contact_id']}", json={"owner_id": wallets.rep_id})
    assert ids((await wallets.get("/events"))["items"]) == [wallets.hidden["event"]]
    assert await counted() == {"applied": 1}
    assert await wallets.status("GET", f"/events/{wallets.hidden['event']}/body") == 200
    found = await wallets.get("/orders?origin=shopify")
    assert len(found["items"]) == 1


async def test_O12_the_overview_counts_the_events_of_their_orders_alone(wallets: Wallets) -> None:
    shop = wallets.api.shop
    await shop.ctx.pool.execute("UPDATE events SET received_at = now()")
    await shop.deliver("shopify", b'{"id": "not an order"}', "orders/create")
    await shop.deliver("stripe", payload("stripe", "payment_intent_succeeded__2020-08-27.json"))
    await shop.store([shop.event("shopify", b'{"id": 5}', "orders/create")])
    await shop.ctx.pool.execute("UPDATE events SET received_at = now()")
    [row] = await shop.rows("SELECT now() AS now")
    whole, part = [
        await overview.read(shop.ctx.pool, Reach(shop.account_id, owner), FIRST.span(row["now"]), LANES)
        for owner in (None, wallets.rep_id)
    ]
    assert whole.any_event
    assert {state: count.events for state, count in whole.open.items()} == {
        "received": 1, "waiting": 1, "retrying": 0, "dead": 1,
    }  # fmt: skip
    assert (len(whole.failures), len(whole.waiting), sum(step.arrived for step in whole.steps)) == (1, 1, 4)
    assert not part.any_event
    assert all(count.events == 0 and count.oldest is None for count in part.open.values())
    assert (part.settled, part.failures, part.waiting, part.last_minute.events) == ({}, (), (), 0)
    assert sum(step.arrived + step.troubled + step.speed.tried for step in part.steps) == 0
    assert all(lane.received == 0 for lane in part.lanes.values())
    async with shop.ctx.pool.acquire() as connection:
        theirs = await lanes.work(connection, Reach(shop.account_id, wallets.rep_id), row["now"])
        every = await lanes.work(connection, Reach(shop.account_id), row["now"])
        assert await lanes.recent(connection, Reach(shop.account_id, wallets.rep_id), row["now"]) == {}
    assert [one.queued.events for one in theirs.values()] == [0, 0, 0, 0]
    assert sum(one.queued.events for one in every.values()) == 1
    assert all(one.last_at is None and one.events == 0 for one in part.connections)


async def test_O12_the_live_stream_follows_the_switch(wallets: Wallets, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.screens import stream
    from worker.screens.ops import looks

    monkeypatch.setattr(stream, "TICK_S", 0.05)
    monkeypatch.setattr(stream, "SESSION_CHECK_TICKS", 1)
    monkeypatch.setitem(looks.RANGES, "1h", msgspec.structs.replace(looks.RANGES["1h"], fresh_s=0))
    api = wallets.api
    await api.shop.deliver("shopify", b'{"id": "Kubla"}', "orders/create")
    session = await tokens.grant(api.shop.ctx.pool, api.shop.account_id, wallets.rep_id, "session")
    headers = {"Cookie": f"{COOKIE}={session}"}
    async with api.client.get("/stream/?range=1h", headers=headers) as answer:
        first = await _sections(answer)
        assert 'data-state="dead">0<' in first["states"]
        assert "orders/create" not in first["failures"]
        await api.set(owner_privacy=False)
        async with asyncio.timeout(60):
            while 'data-state="dead">1<' not in (await _sections(answer)).get("states", ""):
                continue
        await api.set(owner_privacy=True)
        async with asyncio.timeout(60):
            while 'data-state="dead">0<' not in (await _sections(answer)).get("states", ""):
                continue


async def _sections(answer: Any) -> dict[str, str]:
    """The next message of the stream: sections that changed, as HTML."""
    while True:
        line = (await answer.content.readline()).decode().rstrip("\r\n")
        if line.startswith("data: "):
            return msgspec.json.decode(line.removeprefix("data: "), type=dict[str, str])


async def test_O12_with_privacy_off_a_rep_sees_all_and_a_manager_always_does(wallets: Wallets) -> None:
    manager = await wallets.api.token("manager", *Permission)
    assert len((await wallets.api.get("/orders", token=manager))["items"]) == 5
    await wallets.api.set(owner_privacy=False)
    assert len((await wallets.get("/orders"))["items"]) == 5
    assert await wallets.status("PATCH", f"/orders/{wallets.hidden['order']}", json={"notes": "seen"}) == 200


class Shelf(NamedTuple):
    """A location with coffee, sold to what a rep sees and to what they do not, and a thing that each of them has."""

    location: str
    product: str
    mine: dict[str, Any]
    hidden: dict[str, Any]
    free: dict[str, Any]


@pytest.fixture
async def shelf(wallets: Wallets) -> Shelf:
    api = wallets.api
    location = await api.location()
    product = (await api.post("/products", {"sku": "A", "name": "Grinder", "tracked": True}))["id"]
    things = {}
    for name, owned in (("mine", wallets.mine), ("hidden", wallets.hidden)):
        line = {"items": [{"sku": "A", "unit_price": 1, "quantity": 1}], "location_id": location}
        changed = await api.ask("PATCH", f"/orders/{owned['order']}", json={**line, "status": "processing"})
        assert changed.status == 200, changed
        [item] = changed.json["items"]
        things[name] = await api.post("/units", {
            "product_id": product, "serial_number": name, "contact_id": owned["contact"], "order_id": owned["order"],
            "order_item_id": item["id"], "location_id": location,
        })  # fmt: skip
    free = await api.post("/units", {"product_id": product, "serial_number": "free"})
    return Shelf(location, product, things["mine"], things["hidden"], free)


async def test_O12_a_unit_is_seen_and_who_has_it_only_within_reach(wallets: Wallets, shelf: Shelf) -> None:
    seen = {unit["serial_number"]: unit for unit in (await wallets.get("/units"))["items"]}
    nobody = {"contact_id": None, "order_id": None, "order_item_id": None}
    assert seen == {"mine": shelf.mine, "free": shelf.free, "hidden": {**shelf.hidden, **nobody}}
    assert await wallets.get(f"/units/{shelf.hidden['id']}") == seen["hidden"]
    for field, there in (("contact_id", "contact"), ("order_id", "order")):
        assert (await wallets.get(f"/units?{field}={wallets.hidden[there]}"))["items"] == []
        assert (await wallets.get(f"/units?{field}={wallets.mine[there]}"))["items"] == [shelf.mine]
    assert (await wallets.api.get(f"/units?order_id={wallets.hidden['order']}"))["items"] == [shelf.hidden]


async def test_O12_a_unit_is_neither_given_to_nor_taken_from_a_hidden_customer(wallets: Wallets, shelf: Shelf) -> None:
    for field, there, code in (("contact_id", "contact", "contact_unknown"), ("order_id", "order", "order_unknown")):
        for method, path, body in (
            ("POST", "/units", {"product_id": shelf.product, "serial_number": "new", field: wallets.hidden[there]}),
            ("PATCH", f"/units/{shelf.mine['id']}", {field: wallets.hidden[there]}),
        ):
            answer = await wallets.api.ask(method, path, json=body, token=wallets.rep)
            assert (answer.status, answer.json["code"], answer.fields) == (422, code, [field])
        for taker in (None, wallets.mine[there]):
            answer = await wallets.api.ask(
                "PATCH", f"/units/{shelf.hidden['id']}", json={field: taker}, token=wallets.rep
            )
            assert (answer.status, answer.json["code"]) == (403, "not_owner")
    assert (await wallets.api.get(f"/units/{shelf.hidden['id']}")) == shelf.hidden
    assert await wallets.status("PATCH", f"/units/{shelf.free['id']}", json={"order_id": wallets.mine["order"]}) == 200


async def test_O12_a_movement_is_seen_and_its_order_only_within_reach(wallets: Wallets, shelf: Shelf) -> None:
    whole = (await wallets.api.get("/stock/movements"))["items"]
    assert {move["order_id"] for move in whole} == {wallets.mine["order"], wallets.hidden["order"]}
    part = (await wallets.get("/stock/movements"))["items"]
    known = {wallets.mine["order"], None}
    assert part == [{**move, "order_id": move["order_id"] if move["order_id"] in known else None} for move in whole]
    assert (await wallets.get(f"/stock/movements?order_id={wallets.hidden['order']}"))["items"] == []
    [mine] = (await wallets.get(f"/stock/movements?order_id={wallets.mine['order']}"))["items"]
    assert (mine["order_id"], mine["location_id"]) == (wallets.mine["order"], shelf.location)
    await wallets.api.set(owner_privacy=False)
    assert (await wallets.get("/stock/movements"))["items"] == whole
