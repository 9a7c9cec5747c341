"""The list of events (D3): what it shows is what the inbox holds, as the address asks for it."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote

import pytest

from schemas.account import Permission
from tests.screens.conftest import Desk
from tests.world import payload
from worker.actions import accounts
from worker.screens.ops import counts as counts_
from worker.screens.ops import events
from worker.store import tokens


def rows(page: str) -> list[str]:
    """The ids of the rows, as they stand."""
    return re.findall(r'data-row data-event="([^"]+)"', page)


def counts(page: str) -> dict[str, str]:
    return dict(re.findall(r'<b data-count="(\w+)">([^<]*)</b>', page))


async def test_D3_the_list_shows_each_event_with_what_became_of_it(desk: Desk) -> None:
    applied = await desk.event("stripe", ago_s=30)
    waiting = await desk.event(
        "shopify", "waiting", topic="orders/create", reason="no order that claims pi_1", ago_s=20
    )
    retrying = await desk.event(state="retrying", attempts=3, reason="Transient: TimeoutError: ", ago_s=10)
    await desk.sign_in()
    page = await desk.page("/events")
    assert rows(page) == [retrying, waiting, applied]
    assert "No order that claims pi_1." in page
    assert "PostgreSQL did not answer in time." in page
    assert "3 of 8, in 59 min" in page
    assert '<a class="mono" href="/events/' + waiting + '" data-look>orders/create</a>' in page


async def test_D3_states_are_counted_and_choose_what_is_shown(desk: Desk) -> None:
    for _ in range(3):
        await desk.event()
    dead = await desk.event(state="dead", reason="amount: no")
    await desk.event(state="ignored", reason="nothing to do", ago_s=7200)
    await desk.sign_in()
    page = await desk.page("/events")
    assert counts(page) == {
        "received": "0",
        "applied": "3",
        "ignored": "1",
        "waiting": "0",
        "retrying": "0",
        "dead": "1",
    }
    assert 'href="/events?state=dead"' in page
    page = await desk.page("/events?state=dead&range=1h")
    assert rows(page) == [dead]
    assert counts(page)["ignored"] == "0"  # it came earlier: the counts are of the time that is asked for
    assert re.search(r'<a class="chip" href="/events\?state=dead&amp;range=1h" aria-current="true"', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["shop", "dead", "old"]),
        ("connection=shopify", ["shop"]),
        ("q=connection:shopify", ["shop"]),
        ("topic=charge.*", ["dead", "old"]),
        ("q=topic:charge.*+state:dead", ["dead"]),
        ("state=applied&q=state:dead", ["dead"]),  # what is written goes before what is chosen
        ("range=10m", ["shop", "dead"]),
        ("range=24h&state=applied", ["shop", "old"]),
        ("received_to=2020-01-01T00:00", []),
        ("received_from=2020-01-01T00:00&received_to=2120-01-01T00:00:00Z", ["shop", "dead", "old"]),
        ("q=nobody", []),
    ],
)
async def test_D3_the_address_says_what_is_shown(desk: Desk, query: str, found: list[str]) -> None:
    ids = {
        "old": await desk.event(ago_s=7200),
        "dead": await desk.event(state="dead", reason="no", ago_s=60),
        "shop": await desk.event("shopify", topic="orders/create", ago_s=30),
    }
    await desk.sign_in()
    assert rows(await desk.page(f"/events?{query}")) == [ids[name] for name in found]


async def test_D3_an_event_is_found_by_its_ids_and_by_those_of_its_order(desk: Desk) -> None:
    made = await desk.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    await desk.event()
    [order] = await desk.shop.rows("SELECT id, external_id FROM orders")
    await desk.sign_in()
    for text in (made, order["id"], f"order:{order['id']}", f"id:{order['external_id']}", order["external_id"]):
        assert rows(await desk.page(f"/events?q={quote(text)}")) == [made], text


async def test_D3_a_search_that_is_not_understood_stays_in_its_field_and_says_why(desk: Desk) -> None:
    await desk.event()
    await desk.sign_in()
    page = html.unescape(await desk.page("/events?q=color:red"))
    assert "There is no field “color:”." in page
    assert "state:, connection:, topic:, order: and id:" in page
    assert 'value="color:red"' in page
    assert rows(page) == []
    async with desk.client.get("/events?range=year") as answer:
        assert answer.status == 422


async def test_D3_a_cause_finds_the_events_that_share_it_apart_from_ids(desk: Desk) -> None:
    first = await desk.event(state="dead", reason="no order 17", ago_s=40)
    second = await desk.event(state="dead", reason="no order 18", ago_s=30)
    await desk.event(state="dead", reason="no contact 17")
    await desk.sign_in()
    for cause in ("no order …", "no order 99"):
        assert rows(await desk.page(f"/events?state=dead&reason={quote(cause)}")) == [second, first]


async def test_D3_pages_go_on_where_the_last_one_ended(desk: Desk) -> None:
    made = [await desk.event(ago_s=1000 - place) for place in range(60)][::-1]
    await desk.sign_in()
    first = await desk.page("/events?connection=stripe")
    assert rows(first) == made[:50]
    await desk.event()  # what arrives meanwhile moves nothing
    [older] = re.findall(r'<a class="button small" rel="next" href="([^"]+)"', first)
    second = await desk.page(html.unescape(older))
    assert rows(second) == made[50:]
    assert "data-stream" not in second
    assert 'data-stream="/stream/events?connection=stripe"' in first


async def test_D3_replay_of_all_that_match_names_the_filter(desk: Desk) -> None:
    await desk.event(state="dead", reason="no")
    await desk.sign_in()
    page = await desk.page("/events?q=state:dead+topic:charge.*&connection=stripe")
    [asked] = re.findall(r'data-replay-all="([^"]+)"', page)
    assert json.loads(html.unescape(asked)) == {"state": "dead", "connection": "stripe", "topic": "charge.*"}
    assert "data-replay-all" not in await desk.page("/events")  # everything there is: not by one click
    viewer = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "viewer", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(viewer)
    page = await desk.page("/events?state=dead")
    assert "data-replay" not in page
    assert "data-pick" not in page


async def test_D3_empty_lists_say_what_to_do(desk: Desk) -> None:
    await desk.sign_in()
    assert "Nothing has arrived yet" in await desk.page("/events")
    await desk.event(ago_s=7200)
    page = await desk.page("/events?range=10m&state=applied")
    assert "No event matches" in page
    assert 'href="/events?state=applied">Look at any time' in page


async def test_I4_events_of_another_account_are_neither_shown_nor_counted(desk: Desk) -> None:
    other, connection = await desk.stranger()
    theirs = await desk.event(account=(other, connection), state="dead", topic="their.topic", reason="their reason")
    await desk.sign_in()
    for path in ("/events", "/events?state=dead", f"/events?q={theirs}", "/dead-letters"):
        page = await desk.page(path)
        assert rows(page) == []
        assert "their.topic" not in page
    assert set(counts(await desk.page("/events")).values()) == {"0"}
    async with desk.client.get(f"/events/{theirs}") as answer:
        assert answer.status == 404


async def test_O12_a_private_rep_sees_only_the_events_of_their_orders(desk: Desk) -> None:
    pool, account = desk.shop.ctx.pool, desk.shop.account_id
    row, rep = await tokens.add(pool, account, "rep", "rep", [Permission.OPS_VIEW])
    mine = await desk.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    await pool.execute("UPDATE contacts SET owner_id = $1", row.id)
    hidden = await desk.shop.deliver("shopify", payload("shopify", "orders_create__three_lines.json"), "orders/create")
    dead = await desk.event(state="dead", reason="no", ago_s=1)
    await accounts.change(pool, account, {"owner_privacy": True})
    await desk.sign_in(rep)
    page = await desk.page("/events")
    assert rows(page) == [mine]
    assert counts(page) == {
        "received": "0",
        "applied": "1",
        "ignored": "0",
        "waiting": "0",
        "retrying": "0",
        "dead": "0",
    }
    assert "Nothing is dead" in await desk.page("/dead-letters")
    assert (await desk.page(f"/events/{mine}")).count("/orders/")
    for id_ in (hidden, dead):
        async with desk.client.get(f"/events/{id_}") as answer:
            assert answer.status == 404


async def test_D3_what_a_sender_wrote_is_text_and_never_markup(desk: Desk) -> None:
    id_ = await desk.event(
        state="dead", topic="<script>alert(1)</script>", reason='<img src=x onerror="alert(2)">: bad'
    )
    await desk.sign_in()
    for path in (
        "/events",
        f"/events/{id_}",
        "/dead-letters",
        f"/events?q={quote('<script>')}",
        "/events?topic=%3Cimg%3E",
    ):
        page = await desk.page(path)
        assert "<script>alert" not in page
        assert "<img" not in page


async def test_D3_the_menu_says_how_many_are_dead_to_those_who_may_know(desk: Desk) -> None:
    await desk.event(state="dead", reason="no")
    await desk.event(state="dead", reason="no")
    await desk.sign_in()
    assert '<span class="count" data-count="dead">2<span class="unseen"> dead</span></span>' in await desk.page(
        "/events"
    )
    rep = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "a rep", "rep", [Permission.CRM_MANAGE])
    await desk.sign_in(rep)
    async with desk.client.get("/events") as answer:
        assert answer.status == 403
        assert 'data-count="dead"' not in await answer.text()


async def test_D3_a_search_that_takes_too_long_is_given_up_and_says_what_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.event()
    await desk.sign_in()
    monkeypatch.setattr(events, "PATIENCE_MS", 50)
    monkeypatch.setattr(counts_, "PATIENCE_MS", 50)
    async with desk.shop.ctx.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")  # the search waits for it
        page = await desk.page("/events?topic=rare")
    assert "took too long" in page
    assert counts(page) == {}
    assert "took too long" in await desk.page("/events?topic=rare")  # nor is it tried again at once
    assert len(rows(await desk.page("/events?topic=charge.*"))) == 1
