"""The audit and retention as a person sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.account import Permission
from tests.screens.conftest import Desk
from worker.ids import new_id
from worker.store import audit, tokens


async def kept(desk: Desk, operation: str = "replay_events", **more: Any) -> audit.Entry:
    actor = await tokens.find(desk.shop.ctx.pool, desk.admin)
    assert actor is not None
    given: dict[str, Any] = {
        "account_id": desk.shop.account_id, "id": new_id(), "at": datetime.fromtimestamp(desk.now(), UTC), "actor": "token:ana",
        "token_id": actor.token_id, "session": True, "operation": operation, "summary": "Replay events by filter",
        "method": "POST", "path": "/events/replay", "status": 202, "details": {"count": 12},
    }  # fmt: skip
    entry = audit.Entry(**{**given, **more})
    await audit.add(desk.shop.ctx.pool, entry)
    return entry


async def test_D4_the_audit_shows_what_was_done_and_leads_to_it(desk: Desk) -> None:
    await desk.sign_in()
    order = new_id()
    await kept(desk)
    await kept(desk, "confirm_order", summary="Confirm an order", path=f"/orders/{order}/confirm", details={})
    page = await desk.page("/audit")
    assert page.index("Confirm an order") < page.index("Replay events by filter"), "newest first"
    assert f'href="/orders/{order}"' in page
    assert ">12<" in page.replace("</span> 12", "</span>>12<")
    assert "in a browser" in page


async def test_the_audit_is_filtered_by_its_address(desk: Desk) -> None:
    await desk.sign_in()
    await kept(desk)
    await kept(desk, "create_token", summary="Create a token", actor="token:bob")
    page = await desk.page("/audit?operation=create_token")
    assert "Create a token" in page
    assert "Replay events by filter" not in page
    assert "Replay events by filter" in await desk.page("/audit?actor=token:ana")
    assert "Nothing was changed that fits" in await desk.page("/audit?actor=token:eve")
    today = datetime.fromtimestamp(desk.now(), UTC).date()
    assert "Create a token" in await desk.page(f"/audit?from={today}&to={today}")
    assert "Create a token" not in await desk.page(f"/audit?from={today + timedelta(days=1)}")
    assert "Create a token" not in await desk.page(f"/audit?to={today - timedelta(days=1)}")
    async with desk.client.get("/audit?from=yesterday") as answer:
        assert answer.status == 422


async def test_the_audit_is_paged(desk: Desk) -> None:
    await desk.sign_in()
    for number in range(3):
        await kept(desk, summary=f"Change {number}")
    first = await desk.page("/audit?limit=2")
    assert "Change 2" in first
    assert "Change 0" not in first
    cursor = first.split("cursor=")[1].split('"')[0]
    assert "Change 0" in await desk.page(f"/audit?limit=2&cursor={cursor}")


async def test_I3_hostile_text_in_the_audit_is_shown_as_text(desk: Desk) -> None:
    await desk.sign_in()
    hostile = "<script>alert(1)</script>"
    await kept(desk, actor=f"token:{hostile}", details={hostile: [hostile]}, summary=hostile, path=f"/orders/{hostile}")
    page = await desk.page("/audit")
    assert hostile not in page
    assert "&lt;script&gt;" in page


async def test_I4_the_audit_of_another_account_is_not_shown(desk: Desk) -> None:
    await desk.sign_in()
    other = new_id()
    await desk.shop.ctx.pool.execute("INSERT INTO accounts (id, name) VALUES ($1, 'other')", other)
    await kept(desk, account_id=other, summary="Somebody else's")
    page = await desk.page("/audit")
    assert "Somebody else" not in page
    assert "Nothing was changed so far" in page


async def test_D5_the_audit_and_retention_need_ops_view(desk: Desk) -> None:
    await desk.sign_in(await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "rep", "rep"))
    for path in ("/audit", "/retention"):
        async with desk.client.get(path) as answer:
            assert answer.status == 403


async def test_Q8_retention_shows_its_progress_and_who_may_change_it(desk: Desk) -> None:
    await desk.sign_in()
    await desk.event(ago_s=100 * 86_400)
    page = await desk.page("/retention")
    assert "1 to go" in page
    assert f'data-call="PATCH /api/v1/accounts/{desk.shop.account_id}"' in page
    assert 'value="90"' in page
    await desk.shop.ctx.pool.execute("UPDATE accounts SET retention_days = NULL")
    assert "Bodies are kept for ever" in await desk.page("/retention")
    viewer = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "v", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(viewer)
    page = await desk.page("/retention")
    assert 'data-call="PATCH' not in page
    assert "settings.manage" in page
