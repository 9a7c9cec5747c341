"""The overview page (D1, D2): what it shows is what the inbox holds, of this account and no other."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.screens.conftest import Desk, shown
from worker.screens.assets import assets
from worker.screens.ops import looks
from worker.store import refusals, tokens, workers
from worker.store.refusals import Tally


async def test_the_figures_are_those_of_the_inbox(desk: Desk) -> None:
    for _ in range(57):
        await desk.event(took_s=0.1)
    await desk.event(took_s=0.9, attempts=2)
    await desk.event(state="ignored", reason="Nothing to do")
    await desk.event(state="received", attempts=0)
    await desk.event(state="waiting", reason="waits for pi_1", ago_s=300)
    await desk.event(state="retrying", reason="Transient: TimeoutError: ", attempts=3)
    await desk.event(state="dead", reason="data.object.currency: is not a currency")
    await desk.event(state="dead", reason="data.object.amount: is not a number", ago_s=86400 * 30)
    await desk.sign_in()
    page = await desk.page()
    assert shown(page, "figure", "rate") == "1.0"  # 62 of the last minute
    assert shown(page, "figure", "first") == "95.1"  # 58 of 61: one took two tries, one retries, one is dead
    assert shown(page, "figure", "p95") == "100"
    assert shown(page, "figure", "waiting") == "1"
    assert shown(page, "figure", "attention") == "3"
    assert "2 dead, 1 retrying" in page
    states = {
        name: shown(page, "state", name) for name in ("received", "applied", "ignored", "waiting", "retrying", "dead")
    }
    assert states == {"received": "1", "applied": "58", "ignored": "1", "waiting": "1", "retrying": "1", "dead": "2"}
    assert "<b>data.object.currency</b> Is not a currency." in page
    assert "PostgreSQL did not answer in time." in page
    assert "Waits for pi_1." in page


async def test_the_range_is_in_the_address(desk: Desk) -> None:
    await desk.event(ago_s=30)
    await desk.event(ago_s=1800)
    await desk.event(ago_s=7200)
    await desk.sign_in()
    found = {
        key: shown(await desk.page(f"/?range={key}"), "state", "applied") for key in ("10m", "1h", "24h", "nonsense")
    }
    assert found == {"10m": "1", "1h": "2", "24h": "3", "nonsense": "1"}


async def test_nothing_of_another_account_is_seen(desk: Desk) -> None:
    other, connection = await desk.stranger()
    await desk.event(account=(other, connection), state="dead", topic="their.topic", reason="their reason")
    await desk.event(account=(other, connection), state="waiting", reason="their reason")
    await desk.sign_in()
    page = await desk.page()
    assert "Nothing has arrived yet" in page
    assert "their" not in page
    assert shown(page, "state", "dead") == "0"


async def test_while_nothing_has_arrived_it_says_how_to_begin(desk: Desk) -> None:
    await desk.sign_in()
    page = await desk.page()
    address = str(desk.client.make_url("/webhooks/shopify"))
    assert f"<code>{address}</code>" in page
    assert "daybook send standard order.json" in page


async def test_connections_say_what_they_saw(desk: Desk) -> None:
    await desk.event("stripe", livemode=False, ago_s=42)
    await desk.event("shopify")
    await desk.sign_in()
    page = await desk.page()
    rows = dict(re.findall(r'<tr data-key="(\w+)">(.*?)</tr>', page, re.DOTALL))
    assert ">test<" in rows["stripe"]
    assert ">live<" not in rows["stripe"]
    assert "42 s ago" in rows["stripe"]
    assert ">live<" in rows["shopify"]
    assert "nothing yet" in rows["woocommerce"]


async def test_waiting_events_are_grouped_by_what_they_wait_for(desk: Desk) -> None:
    for object_ in ("pi_1", "pi_1", "ch_2"):
        await desk.event(state="waiting", reason=f"no order that claims {object_} has been seen yet")
    await desk.event(state="waiting", reason="the refund 7 has no payment")
    await desk.sign_in()
    page = await desk.page()
    assert "No order that claims … has been seen yet." in page
    assert '<b>3 events</b><span class="soft">for 2 objects</span>' in page
    assert "The refund 7 has no payment." in page


async def test_workers_show_their_heartbeat_in_words(desk: Desk) -> None:
    pool = desk.shop.ctx.pool
    for name, silence in (("lively", 1), ("tardy", 30), ("mute", 300)):
        await workers.beat(pool, name, "host", 1, {"payments": 1})
        await pool.execute(
            "UPDATE workers SET seen_at = now() - make_interval(secs => $2) WHERE name = $1", name, silence
        )
    await desk.event()
    await desk.sign_in()
    rows = dict(re.findall(r'<tr data-key="(\w+)">(.*?)</tr>', await desk.page(), re.DOTALL))
    assert ">alive<" in rows["lively"]
    assert ">late<" in rows["tardy"]
    assert ">silent<" in rows["mute"]
    assert 'aria-label="1 of 8 busy"' in rows["payments"]


async def test_what_a_sender_wrote_is_text_and_never_markup(desk: Desk) -> None:
    await desk.event(state="dead", topic="<script>alert(1)</script>", reason='<img src=x onerror="alert(2)">: bad')
    await desk.sign_in()
    page = await desk.page()
    assert "<script>alert" not in page
    assert "<img" not in page


async def test_replay_is_offered_to_those_who_may(desk: Desk) -> None:
    id_ = await desk.event(state="dead", reason="no")
    await desk.sign_in()
    assert f'data-call="POST /api/v1/events/{id_}/replay"' in await desk.page()
    viewer = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "viewer", "rep", ["ops.view"])
    await desk.sign_in(viewer)
    assert "data-call" not in await desk.page()


async def test_who_does_not_see_the_overview_begins_at_the_orders(desk: Desk) -> None:
    rep = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "a rep", "rep", ["crm.manage"])
    await desk.sign_in(rep)
    async with desk.client.get("/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/orders")
    async with desk.client.get("/stream/") as answer:
        assert answer.status == 403


async def test_no_page_has_anything_inline_and_every_answer_is_guarded(desk: Desk) -> None:
    await desk.event()
    await desk.event(state="dead", reason="no")
    pages = [await desk.page("/sign-in"), await desk.page("/sign-in?link=abc")]
    await desk.sign_in()
    pages.append(await desk.page())
    for page in pages:
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert "http://" not in page.replace(str(desk.client.make_url("/")), "")
        assert "https://" not in page
    for path in ("/", "/sign-in", "/static/live.js", "/static/nothing", "/stream-session"):
        async with desk.client.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_assets_are_kept_for_ever_under_their_hash_and_checked_without_it(desk: Desk) -> None:
    page = await desk.page("/sign-in")
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(addresses) >= 5
    for address in addresses:
        async with desk.client.get(address) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"]
    digest = assets()["frame.css"].digest
    async with desk.client.get("/static/frame.css", headers={"If-None-Match": f'"{digest}"'}) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (304, "no-cache")
    async with desk.client.get("/static/..%2froutes.py") as answer:
        assert answer.status == 404


async def test_the_numbers_are_read_once_for_everyone_who_looks_at_the_same_moment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(looks.RANGES, "10m", msgspec.structs.replace(looks.FIRST, fresh_s=60))
    await desk.sign_in()
    await desk.page("/?range=10m")
    await desk.event()
    assert "Nothing has arrived yet" in await desk.page("/?range=10m")  # a look of a moment ago is good enough
    assert "Nothing has arrived yet" not in await desk.page("/?range=1h")


async def test_without_a_database_a_person_gets_a_page_and_no_traceback(desk: Desk) -> None:
    await desk.sign_in()
    await desk.shop.ctx.pool.close()
    async with desk.client.get("/") as answer:
        assert answer.status == 503
        assert "The database does not answer" in await answer.text()


async def test_R6_D2_a_connection_says_what_it_refused_and_why_in_words(desk: Desk) -> None:
    at = datetime.now(UTC)
    rows = [
        Tally(
            account_id=desk.shop.account_id, connection_id=desk.shop.connections[name], cause=cause, count=count,
            minute=(at - ago).replace(second=0, microsecond=0), skew_s=skew, hint=None, last_at=at - ago,
        )
        for name, cause, count, skew, ago in (
            ("stripe", "wrong_signature", 1200, None, timedelta(0)),
            ("stripe", "missing_header", 34, None, timedelta(0)),
            ("shopify", "wrong_signature", 7, None, timedelta(hours=2)),
            ("standard", "stale", 5, 700, timedelta(0)),
        )
    ]  # fmt: skip
    await refusals.record(desk.shop.ctx.pool, rows, [], [])
    await desk.sign_in()
    page = await desk.page()
    assert "Nothing has arrived yet" in page
    found = dict(re.findall(r'<tr data-key="(\w+)">(.*?)</tr>', page, re.DOTALL))
    page_of = f"/connections/{desk.shop.connections['stripe']}#refused"
    badge = f'<a href="{page_of}"><span class="badge is-refused">1,234 refused</span></a>'
    assert f"{badge}<small>wrong secret</small>" in found["stripe"]
    assert "clock off by 11 min (old)" in found["standard"]
    assert "refused</span>" not in found["shopify"]
    day = dict(re.findall(r'<tr data-key="(\w+)">(.*?)</tr>', await desk.page("/?range=24h"), re.DOTALL))
    assert "7 refused" in day["shopify"]
