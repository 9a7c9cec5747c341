"""The overview says that the order registry is off, and who can enable it (O13)."""

from __future__ import annotations

from tests.screens.conftest import Desk
from worker.actions import accounts


async def test_O13_the_overview_says_that_the_registry_is_off_and_who_can_enable_it(desk: Desk) -> None:
    await desk.sign_in()
    assert "registry is off" not in await desk.page()
    await accounts.change(desk.shop.ctx.pool, desk.shop.account_id, {"registry_enabled": False})
    page = await desk.page()
    assert "The order registry is off" in page
    assert "settings.manage" in page
    assert f"/api/v1/accounts/{desk.shop.account_id}" in page
