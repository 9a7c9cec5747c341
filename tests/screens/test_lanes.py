"""The lanes and workers screens (D2, Q6): what they show is what the database holds, and who may pauses."""

from __future__ import annotations

import re

from schemas.account import Permission
from schemas.provider import Lane
from tests.screens.conftest import Desk
from worker.actions import lanes as actions
from worker.store import inbox, tokens, workers


def rows(page: str) -> dict[str, str]:
    return dict(re.findall(r'<tr data-key="([^"]+)"[^>]*>(.*?)</tr>', page, re.DOTALL))


def cell(row: str, label: str) -> str:
    """The text of the cell with this label, without markup."""
    found = re.search(rf'data-label="{label}">(.*?)</td>', row, re.DOTALL)
    assert found, label
    return " ".join(re.sub(r"<[^>]+>", "", re.sub(r'<span class="unseen">.*?</span>', "", found[1])).split())


async def pause(desk: Desk, lane: Lane, by: str) -> None:
    token = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, by, "admin")
    actor = await tokens.find(desk.shop.ctx.pool, token)
    assert actor
    await actions.pause(desk.shop.ctx, actor, lane)


async def test_D2_a_lane_shows_what_waits_in_it_what_failed_and_how_fast_it_is(desk: Desk) -> None:
    await desk.event(state="received", attempts=0, ago_s=120)
    await desk.event(state="received", attempts=0, ago_s=5)
    await desk.event(state="retrying", reason="TimeoutError: ", ago_s=60)
    await desk.event(state="dead", reason="no", ago_s=90)
    await desk.event(state="dead", reason="long ago", ago_s=7200)
    for _ in range(3):
        await desk.event(took_s=0.2)
    await desk.event("shopify", lane="orders", topic="orders/create")
    await desk.sign_in()
    found = rows(await desk.page("/lanes"))
    assert list(found) == list(Lane)
    payments = found["payments"]
    assert (cell(payments, "Queued"), cell(payments, "Deferred"), cell(payments, "Failed")) == ("2", "1", "2")
    assert cell(payments, "Oldest") == "2 min"
    assert cell(payments, "p95") == "200 ms"
    assert "is-behind" in payments
    assert "Payments, refunds, disputes" in payments
    assert "0.1 per minute" in payments
    assert cell(found["orders"], "Queued") == "0"
    assert "quiet" in found["bulk"]


async def test_D2_a_paused_lane_says_so_since_when_and_by_whom_and_is_never_behind(desk: Desk) -> None:
    event = await desk.event(state="received", attempts=0, ago_s=600)
    await pause(desk, Lane.PAYMENTS, "Ana <b>")
    async with desk.shop.ctx.pool.acquire() as connection, connection.transaction():
        await inbox.hold(connection, desk.shop.account_id, [event])
    desk.offset_s = 0
    await desk.sign_in()
    page = await desk.page("/lanes")
    row = rows(page)["payments"]
    assert "is-paused" in row
    assert "is-behind" not in row
    assert cell(row, "Queued") == "1"
    assert "by Ana &lt;b&gt;" in row
    assert 'data-call="POST /api/v1/lanes/payments/resume"' in row
    assert "<b>payments</b> was paused" in page
    overview = rows(await desk.page("/"))
    assert "is-paused" in overview["payments"]
    assert "is-paused" not in overview["orders"]


async def test_D2_charging_that_was_stopped_is_the_paused_lane_of_charges(desk: Desk) -> None:
    await pause(desk, Lane.CHARGES, "Bob")
    await desk.sign_in()
    found = rows(await desk.page("/lanes"))
    assert "is-paused" in found["charges"]
    assert "by Bob" in found["charges"]


async def test_D5_a_lane_is_paused_only_by_those_who_may_replay(desk: Desk) -> None:
    await desk.sign_in()
    page = await desk.page("/lanes")
    assert page.count('data-opens="pause-') == len(Lane)
    assert page.count("/pause") == len(Lane), "a dialog says of each what that means"
    viewer = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "v", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(viewer)
    page = await desk.page("/lanes")
    assert "data-call" not in page
    assert 'data-opens="pause-' not in page
    await desk.sign_in(await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "r", "rep", []))
    async with desk.client.get("/lanes") as answer:
        assert answer.status == 403


async def test_O12_with_owner_privacy_a_reps_lanes_count_only_what_is_theirs(desk: Desk) -> None:
    await desk.event(state="received", attempts=0)
    await desk.shop.ctx.pool.execute("UPDATE accounts SET owner_privacy = true")
    rep = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "rep", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(rep)
    found = rows(await desk.page("/lanes"))
    assert [cell(row, "Queued") for row in found.values()] == ["0"] * len(Lane)
    await desk.sign_in()
    assert cell(rows(await desk.page("/lanes"))["payments"], "Queued") == "1"


async def test_D2_workers_show_what_they_run_and_how_they_are(desk: Desk) -> None:
    pool = desk.shop.ctx.pool
    for number, silence in enumerate((300, 30, 1), 1):
        await workers.beat(pool, f"w{number}", "host <i>", number, {"payments": 3, "charges": 1})
        await pool.execute(
            "UPDATE workers SET seen_at = now() - make_interval(secs => $2) WHERE name = $1", f"w{number}", silence
        )
    await desk.sign_in()
    page = await desk.page("/workers")
    found = rows(page)
    assert list(found) == ["w3", "w2", "w1"], "those that are alive first"
    assert ("is-alive" in found["w3"], "is-late" in found["w2"], "is-silent" in found["w1"]) == (True, True, True)
    assert 'payments<span class="slots" role="img" aria-label="3 of 8 busy">' in found["w3"]
    assert 'charges<span class="slots" role="img" aria-label="1 of 16 busy">' in found["w3"]
    assert cell(found["w3"], "Version") != "—"
    assert "host &lt;i&gt;" in found["w3"]
    assert "Another takes its batches over" in found["w2"]


async def test_D2_without_a_worker_the_page_says_what_to_do(desk: Desk) -> None:
    await desk.sign_in()
    page = await desk.page("/workers")
    assert "No worker has been heard of in the last day" in page
    assert "<code>daybook work</code>" in page
    assert "No worker is running" in await desk.page("/lanes")
