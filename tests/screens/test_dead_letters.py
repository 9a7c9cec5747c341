"""Dead letters (D3): put together by cause, counted, and replayed together."""

from __future__ import annotations

import html
import json
import re

from schemas.account import Permission
from tests.screens.conftest import Desk
from tests.screens.test_events import rows
from worker.store import tokens


async def test_D3_dead_events_are_grouped_by_connection_topic_and_cause(desk: Desk) -> None:
    await desk.event(state="dead", reason="total_price: 17 is not text", ago_s=7200)
    newest = await desk.event(state="dead", reason="total_price: 18 is not text", ago_s=60)
    await desk.event(state="dead", reason="no currency")
    await desk.event("shopify", "dead", reason="no currency", topic="orders/create")
    await desk.event()
    await desk.sign_in()
    page = await desk.page("/dead-letters")
    groups = re.findall(r'<li data-key="[^"]*" data-row>(.*?)</li>', page, re.DOTALL)
    assert len(groups) == 3
    assert "4 in 3 groups" in page
    first = groups[0]
    assert "<b>2 events</b>" in first
    assert '<b class="mono">total_price</b> … is not text.' in first
    assert "2 h ago" in first
    assert f'href="/events/{newest}"' in first
    assert "Replay all" in first
    [here] = re.findall(r'href="(/events\?[^"]+)"', first)
    assert len(rows(await desk.page(html.unescape(here)))) == 2
    [asked] = re.findall(r'data-replay-all="([^"]+)"', first)
    assert json.loads(html.unescape(asked)) == {
        "state": "dead", "connection": "stripe", "topic": "charge.succeeded", "reason": "total_price: … is not text",
    }  # fmt: skip
    assert any('<b>1 event</b><span class="mono">orders/create</span>' in group for group in groups)


async def test_D3_a_reason_that_all_share_is_shown_word_for_word(desk: Desk) -> None:
    for _ in range(2):
        await desk.event(state="dead", reason="total_price: 17 is not text")
    await desk.sign_in()
    assert "17 is not text." in await desk.page("/dead-letters")


async def test_D3_those_that_are_retried_stand_below(desk: Desk) -> None:
    await desk.event(state="retrying", reason="Transient: TimeoutError: ", attempts=2, ago_s=60)
    await desk.sign_in()
    page = await desk.page("/dead-letters")
    assert "Nothing is dead." in page
    assert "Still being retried" in page
    assert "PostgreSQL did not answer in time." in page
    assert "in 58 min" in page


async def test_D3_nothing_dead_is_said_kindly(desk: Desk) -> None:
    await desk.event()
    await desk.sign_in()
    page = await desk.page("/dead-letters")
    assert "Nothing is dead." in page
    assert "Still being retried" not in page
    assert "data-replay-all" not in page


async def test_D5_who_may_not_replay_is_offered_none(desk: Desk) -> None:
    await desk.event(state="dead", reason="no")
    viewer = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "viewer", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(viewer)
    page = await desk.page("/dead-letters")
    assert "1 event" in page
    assert "data-replay" not in page
