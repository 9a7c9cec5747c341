"""The connections screens (D2, R4, R6): what came, what was refused and why, and the forms that mend it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from schemas.account import Permission
from tests.screens.conftest import Desk
from tests.screens.test_lanes import cell, rows
from worker.ids import new_id
from worker.store import connections, refusals, tokens
from worker.store.refusals import Held, Tally


def page_of(desk: Desk, name: str = "stripe") -> str:
    return f"/connections/{desk.shop.connections[name]}"


async def refuse(
    desk: Desk, name: str, cause: str, count: int, *, ago: timedelta = timedelta(0), skew_s: int | None = None,
    hint: str | None = None, kept: int = 0,
) -> None:  # fmt: skip
    at = datetime.now(UTC) - ago
    connection_id = desk.shop.connections[name]
    tally = Tally(
        account_id=desk.shop.account_id, connection_id=connection_id, cause=cause, count=count,
        minute=at.replace(second=0, microsecond=0), skew_s=skew_s, hint=hint, last_at=at,
    )  # fmt: skip
    held = [
        Held(
            account_id=desk.shop.account_id, id=new_id(), connection_id=connection_id, received_at=at, cause=cause,
            skew_s=skew_s, hint=hint, headers="{}", query="{}", body=b"<script>alert(1)</script>" * 100,
        )
        for _ in range(kept)
    ]  # fmt: skip
    await refusals.record(desk.shop.ctx.pool, [tally], [], held)


async def test_D2_the_list_shows_what_each_connection_sent_and_what_was_refused(desk: Desk) -> None:
    await desk.event("stripe", livemode=False, ago_s=42)
    await desk.event("stripe", ago_s=50)
    await desk.event("shopify", ago_s=60)
    await refuse(desk, "stripe", "wrong_signature", 1234, kept=3)
    await refuse(desk, "shopify", "stale", 5, ago=timedelta(days=2), skew_s=700)
    await desk.sign_in()
    page = await desk.page("/connections")
    found = {re.search(r'title="(\w+)"', row)[1]: row for row in rows(page).values()}  # type: ignore[index]
    made = desk.shop.connections
    assert list(found) == sorted(made, key=lambda name: made[name], reverse=True), "the newest first"
    stripe = found["stripe"]
    assert ">live<" in stripe
    assert ">test<" in stripe
    assert cell(stripe, "Last delivery") == "42 s ago"
    assert cell(stripe, "Deliveries") == "2, &lt; 0.1 per minute"
    assert cell(stripe, "Refused") == "1,234 refusedwrong secret"
    assert cell(stripe, "Quarantine") == "3"
    assert cell(found["shopify"], "Refused") == "—", "that was two days ago"
    assert "nothing yet" in found["standard"]
    target = str(desk.client.make_url("/webhooks/stripe"))
    assert f'data-copy="{target}"' in stripe


async def test_H4_the_list_goes_on_by_cursor(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.screens.ops.connections.PAGE", 3)
    await desk.sign_in()
    first = await desk.page("/connections")
    [more] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = await desk.page(more.replace("&amp;", "&"))
    assert [len(rows(page)) for page in (first, second)] == [3, 1]
    assert not set(rows(first)) & set(rows(second))
    async with desk.client.get("/connections?cursor=nonsense") as answer:
        assert answer.status == 422


async def test_R6_a_connections_page_says_why_deliveries_were_refused_and_what_to_do(desk: Desk) -> None:
    await refuse(desk, "stripe", "wrong_signature", 7, kept=2)
    await refuse(desk, "stripe", "other_connection", 3, hint="shop-<b>")
    await refuse(desk, "stripe", "stale", 2, ago=timedelta(hours=3), skew_s=700)
    await desk.event("stripe", ago_s=60)
    await desk.sign_in()
    page = await desk.page(page_of(desk))
    for text in (
        '<span class="badge is-refused">7</span><b>wrong secret</b>', "Enter the secret that the provider shows",
        "secret of shop-&lt;b&gt;", "clock off by 11 min (old)", "by NTP",
    ):  # fmt: skip
        assert text in page
    assert "<script>alert" not in page, "what nobody vouched for is not shown"
    assert page.count("2.4 KiB") == 2
    assert 'data-figure="Refused">12<' in page
    assert 'data-figure="Accepted">1<' in page
    assert 'data-figure="In quarantine">2<' in page
    hour = await desk.page(f"{page_of(desk)}?range=1h")
    assert 'data-figure="Refused">10<' in hour
    assert "clock off" not in hour
    assert 'data-figure="Refused">12<' in await desk.page(f"{page_of(desk)}?range=nonsense")


async def test_R4_the_forms_go_by_what_is_valid_now_and_no_secret_is_ever_shown(desk: Desk) -> None:
    shop = desk.shop
    await desk.sign_in()
    page = await desk.page(page_of(desk))
    assert "1 is valid now" in page
    assert 'data-opens="end-old"' not in page
    assert page.count('type="password"') == 2
    await connections.update(
        shop.ctx.pool,
        shop.ctx.vault,
        shop.account_id,
        shop.connections["stripe"],
        secrets=["whsec_next"],
        keep_old=True,
    )
    page = await desk.page(page_of(desk))
    assert "2 are valid now" in page
    assert 'data-opens="end-old"' in page
    assert 'data-version="2"' in page
    assert "whsec" not in page


async def test_D5_forms_and_buttons_are_for_those_who_may(desk: Desk) -> None:
    await refuse(desk, "stripe", "wrong_signature", 1, kept=1)
    shop = desk.shop
    seen = {}
    for name, given in {
        "viewer": [Permission.OPS_VIEW],
        "replayer": [Permission.OPS_VIEW, Permission.OPS_REPLAY],
        "keeper": [Permission.OPS_VIEW, Permission.SETTINGS_MANAGE],
    }.items():
        await desk.sign_in(await tokens.issue(shop.ctx.pool, shop.account_id, name, "rep", given))
        page, list_ = await desk.page(page_of(desk)), await desk.page("/connections")
        seen[name] = ("refusals/verify" in page, "PATCH " in page, "POST /api/v1/connections" in list_)
    assert seen == {"viewer": (False, False, False), "replayer": (True, False, False), "keeper": (False, True, True)}
    await desk.sign_in(await tokens.issue(shop.ctx.pool, shop.account_id, "none", "rep", []))
    async with desk.client.get(page_of(desk)) as answer:
        assert answer.status == 403


async def test_I4_another_accounts_connection_is_not_there(desk: Desk) -> None:
    _, connection = await desk.stranger()
    await desk.sign_in()
    assert "theirs" not in await desk.page("/connections")
    for id_ in (connection, new_id()):
        async with desk.client.get(f"/connections/{id_}") as answer:
            assert answer.status == 404
            assert "There is no such connection" in await answer.text()


async def test_O12_with_owner_privacy_a_rep_sees_only_the_deliveries_that_are_theirs(desk: Desk) -> None:
    await desk.event("stripe", ago_s=60)
    await desk.shop.ctx.pool.execute("UPDATE accounts SET owner_privacy = true")
    rep = await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "rep", "rep", [Permission.OPS_VIEW])
    await desk.sign_in(rep)
    assert 'data-figure="Accepted">0<' in await desk.page(page_of(desk))
    assert "s ago" not in await desk.page("/connections")


async def test_settings_that_the_form_does_not_name_are_sent_back_as_they_are(desk: Desk) -> None:
    shop = desk.shop
    await connections.update(
        shop.ctx.pool, shop.ctx.vault, shop.account_id, shop.connections["stripe"],
        settings={"orders_from": ["payment_intent"], "tolerance_s": 900},
    )  # fmt: skip
    await desk.sign_in()
    page = await desk.page(page_of(desk))
    assert 'name="settings.orders_from" value="payment_intent"' in page
    assert 'name="settings.tolerance_s" value="900" data-kind="json"' in page
    assert '<textarea class="field mono" name="settings"' in await desk.page(page_of(desk, "shopify"))


async def test_Q9_what_was_compared_with_stripe_is_shown_with_what_it_found(desk: Desk) -> None:
    shop, run = desk.shop, new_id()
    event = await desk.event("stripe", topic="charge.succeeded")
    await shop.ctx.pool.execute(
        "INSERT INTO reconciliations (account_id, id, connection_id, asked_by, state, since, until, created_at) VALUES "
        "($1, $2, $3, 'token:Ana', 'done', now() - interval '1 hour', now(), now())",
        shop.account_id, run, shop.connections["stripe"],
    )  # fmt: skip
    await shop.ctx.pool.execute(
        "INSERT INTO reconciled_days VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date, 5, 4, 4)", shop.account_id, run
    )
    await shop.ctx.pool.execute(
        "INSERT INTO reconciled_differences VALUES ($1, $2, $3, 'evt_1', 'charge.succeeded', now(), 'missing')",
        shop.account_id, run, event,
    )  # fmt: skip
    await desk.sign_in()
    page = await desk.page(page_of(desk))
    row = rows(page)[run]
    assert [cell(row, label) for label in ("Stripe lists", "Received", "Recovered", "Asked by")] == [
        "5",
        "4",
        "1",
        "Ana",
    ]
    assert f'href="/events/{event}"' in page
    assert "never delivered" in page
    assert "Reconcile now" in page
    assert "Compared with Stripe" not in await desk.page(page_of(desk, "shopify"))
