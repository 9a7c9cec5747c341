"""Recurring orders on screen (C1-C8, C7): what the pages show is what the database holds, and who may do what."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest

from handlers.errors import Refused
from tests.charging import DAY, Till
from tests.screens.conftest import Desk
from tests.stripe import KEY
from worker.actions import accounts, recurring
from worker.ids import new_id
from worker.local.stripe.cards import decline
from worker.local.stripe.stand_in import StandIn
from worker.outside.stripe import Stripe
from worker.store import tokens

LIST = "/recurring-orders"
VERBS = ("pause", "activate", "complete", "charge", "release")


@pytest.fixture
async def till(desk: Desk, stand_in: StandIn) -> AsyncIterator[Till]:
    """The till of the shop that the desk shows, by one clock."""
    async with Stripe(KEY, stand_in.url, connect_s=2, total_s=2, pause_s=0.001) as stripe:
        made = Till(desk.shop, stand_in, stripe)
        desk.now = lambda: made.now  # type: ignore[method-assign]
        await desk.sign_in()
        yield made


def rows(page: str) -> list[str]:
    """The text of each row of a page's tables."""
    found = re.findall(r"<tr data-row.*?</tr>", page, re.DOTALL)
    return [text_of(row) for row in found]


def text_of(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def offered(page: str) -> list[str]:
    """The verbs that a page of a recurring order offers."""
    return [verb for verb in VERBS if f'data-opens="verb-{verb}"' in page]


def chips(page: str) -> dict[str, int]:
    found = re.findall(r'class="chip"[^>]*>(\w+) <b>(\d+)</b>', page)
    return {status.lower(): int(count) for status, count in found}


async def contact_of(till: Till, id_: str) -> str:
    return str((await till.found(id_))["contact_id"])


async def test_C1_the_list_shows_each_with_its_amount_interval_payments_and_last_charge(desk: Desk, till: Till) -> None:
    await till.plan(title="Course", total_payments=12, interval={"unit": "week", "count": 2})
    await till.look()
    [row] = rows(await desk.page(LIST))
    for words in ("Course", "Ana", "active", "BRL 99.00", "every 2 weeks", "1 of 12", "11 left", "05 Oct 2026", "Paid"):
        assert words in row, (words, row)


async def test_C1_pending_ones_are_left_out_unless_they_are_asked_for(desk: Desk, till: Till) -> None:
    await till.plan(title="Later", first_payment_at="2026-12-01T00:00:00Z")
    page = await desk.page(LIST)
    assert rows(page) == []
    assert "Show the pending ones" in page
    [row] = rows(await desk.page(f"{LIST}?status=pending"))
    assert "Later" in row


async def test_C1_the_chips_count_what_the_filters_find(desk: Desk, till: Till) -> None:
    plans = [await till.plan(title=f"Plan {n}") for n in range(3)]
    await till.look()
    await recurring.pause(till.ctx, till.admin, plans[0], None)
    await till.plan(title="Later", first_payment_at="2026-12-01T00:00:00Z")
    counted = chips(await desk.page(LIST))
    assert counted == {"active": 2, "processing": 0, "paused": 1, "completed": 0, "failed": 0, "pending": 1}
    for status, count in counted.items():
        assert len(rows(await desk.page(f"{LIST}?status={status}"))) == count
    of_one = f"{LIST}?contact_id={await contact_of(till, plans[0])}"
    assert len(rows(await desk.page(of_one))) == 1
    assert chips(await desk.page(of_one))["paused"] == 1
    assert chips(await desk.page(of_one))["active"] == 0


async def test_C1_the_filters_are_those_of_the_api_and_a_wrong_one_is_said(desk: Desk, till: Till) -> None:
    await till.plan(title="Ours")
    await till.look()
    await subscribed(till)
    assert len(rows(await desk.page(LIST))) == 2
    [ours] = rows(await desk.page(f"{LIST}?managed_by=manual"))
    assert "Ours" in ours
    assert rows(await desk.page(f"{LIST}?held=true")) == []
    assert "No recurring order is like this" in await desk.page(f"{LIST}?offer_id={new_id()}")
    async with desk.client.get(f"{LIST}?status=rotten") as answer:
        assert answer.status == 422
        assert "status" in await answer.text()


async def test_H4_pages_go_by_cursor(desk: Desk, till: Till) -> None:
    for n in range(5):
        await till.plan(title=f"Plan {n}", first_payment_at="2026-12-01T00:00:00Z")
    seen: list[str] = []
    path = f"{LIST}?status=pending&limit=2"
    while True:
        page = await desk.page(path)
        seen += rows(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    assert sorted(re.findall(r"Plan \d", " ".join(seen))) == [f"Plan {n}" for n in range(5)]


async def test_C7_all_orders_made_within_it_are_listed_with_the_first_on_top(desk: Desk, till: Till) -> None:
    till.set(till.at("2026-01-31 09:00"))
    id_ = await till.plan(title="Course", total_payments=5)
    await till.run(days=65)
    orders = await till.shop.rows("SELECT * FROM orders ORDER BY number")
    assert len(orders) == 3
    page = await desk.page(f"{LIST}/{id_}")
    listed = rows(page)
    for order, row in zip(orders, listed, strict=True):
        day = order["ordered_at"].strftime("%d %b %Y")
        for words in (f"#{order['number']}", day, "paid", "BRL 99.00", "stripe"):
            assert words in row, (words, row)
        assert f'href="/orders/{order["id"]}"' in page
    assert rows(await desk.page(f"{LIST}/{id_}?sort=newest")) == listed[::-1]
    assert page.count("Try 1, by the schedule") == 3
    assert "3 of 5" in text_of(page)
    assert "Payments remaining 2" in text_of(page)
    assert "Next payment 30 Apr 2026, 09:00 Then, the last 31 May 2026, 09:00" in text_of(page)


async def test_C7_the_orders_go_by_cursor_either_way(desk: Desk, till: Till) -> None:
    id_ = await till.plan(interval={"unit": "day", "count": 1})
    await till.run(days=4)
    for sort in ("", "&sort=newest"):
        seen, path = [], f"{LIST}/{id_}?limit=2{sort}"
        while path:
            page = await desk.page(path)
            seen += [int(number) for number in re.findall(r">#(\d+)</a></b>", page)]
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = following[1].replace("&amp;", "&") if following else ""
        assert seen == sorted(seen, reverse=bool(sort))
        assert len(seen) == 5


async def test_C3_a_failed_charge_is_told_in_plain_words_with_the_dates_of_its_retries(desk: Desk, till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.bank(decline("insufficient_funds"), times=10)
    await till.look()
    page = text_of(await desk.page(f"{LIST}/{id_}"))
    assert "The last charge failed: insufficient funds." in page
    assert "Tried again 22 Sep 2026, 14:13 Last try, if that fails too 25 Sep 2026, 14:13" in page
    assert "Declined insufficient funds" in page
    await till.run(days=5)
    page = await desk.page(f"{LIST}/{id_}")
    assert "A payment failed for good" in text_of(page)
    assert [f"Try {n}, by the schedule" in page for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert offered(page) == []
    [row] = rows(await desk.page(f"{LIST}?status=failed"))
    assert "Declined insufficient funds" in row


async def test_C6_an_outcome_that_is_not_known_is_explained_and_offers_no_second_charge(desk: Desk, till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("cut_after", on="payment_intents.confirm", times=9)
    till.stand_in.trouble("cut_before", on="payment_intents.retrieve", times=9)
    await till.look()
    [attempt] = await till.attempts(id_)
    assert attempt["state"] == "unknown"
    page = await desk.page(f"{LIST}/{id_}")
    assert "It is never charged again while that is unknown" in text_of(page)
    assert attempt["payment_intent_id"] in page
    assert "charge" not in offered(page)
    assert "comes to its end first" in page


async def test_C4_what_may_be_done_follows_from_where_it_stands(desk: Desk, till: Till) -> None:
    id_ = await till.plan(first_payment_at="2026-12-01T00:00:00Z")
    assert offered(await desk.page(f"{LIST}/{id_}")) == ["pause", "complete"]
    await recurring.pause(till.ctx, till.admin, id_, None)
    page = await desk.page(f"{LIST}/{id_}")
    assert offered(page) == ["activate", "complete"]
    assert "A charge that fell due while paused is made within 10 minutes" in page
    till.set(till.at("2026-12-02 00:00"))
    assert "Due, once activated 01 Dec 2026, 00:00" in text_of(await desk.page(f"{LIST}/{id_}"))
    await recurring.activate(till.ctx, till.admin, id_, None)
    assert offered(await desk.page(f"{LIST}/{id_}")) == ["pause", "complete", "charge"]
    await recurring.complete(till.ctx, till.admin, id_, None)
    page = await desk.page(f"{LIST}/{id_}")
    assert offered(page) == []
    assert "Nothing: it is completed." in text_of(page)


async def test_C4_every_verb_that_is_offered_is_taken_and_no_other(desk: Desk, till: Till) -> None:
    """What the page offers is what the action allows: of each state, each verb is tried."""
    for wanted in ("pending", "paused", "completed", "due"):
        for verb in ("pause", "activate", "complete", "charge"):
            id_ = await till.plan(first_payment_at=None if wanted == "due" else "2026-12-01T00:00:00Z")
            if wanted in ("paused", "completed"):
                await getattr(recurring, {"paused": "pause", "completed": "complete"}[wanted])(
                    till.ctx, till.admin, id_, None
                )
            before = offered(await desk.page(f"{LIST}/{id_}"))
            row = await till.found(id_)
            try:
                await getattr(recurring, verb)(till.ctx, till.admin, id_, None)
                changed = (await till.found(id_))["version"] != row["version"]
            except Refused:
                changed = False
            assert changed == (verb in before), (wanted, verb, before)


async def test_C4_only_who_may_manage_them_is_offered_anything(desk: Desk, till: Till) -> None:
    id_ = await till.plan(first_payment_at="2026-12-01T00:00:00Z")
    for role, permissions, sees in (
        ("rep", ["crm.manage"], []),
        ("rep", ["recurring.manage"], ["pause", "complete"]),
        ("manager", ["recurring.manage"], []),  # it is not theirs
    ):
        await desk.sign_in(await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, role, role, permissions))
        page = await desk.page(f"{LIST}/{id_}")
        assert offered(page) == sees
        assert ("data-call" in page) == bool(sees)
        assert ('href="/recurring-orders/new"' in await desk.page(LIST)) == ("recurring.manage" in permissions)
        assert "stop-charging" not in await desk.page(LIST)


async def subscribed(till: Till) -> str:
    """A subscription of Stripe's own, as its webhook tells of it; the id of the recurring order."""
    event = {
        "id": "evt_1", "object": "event", "type": "customer.subscription.created", "created": int(till.now),
        "livemode": True, "data": {"object": {
            "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "currency": "eur",
            "created": int(till.now), "current_period_end": int(till.now) + 30 * DAY, "livemode": True,
            "start_date": int(till.now), "billing_cycle_anchor": int(till.now),
            "items": {"object": "list", "data": [{"id": "si_1", "object": "subscription_item", "quantity": 1,
                "price": {"id": "price_1", "object": "price", "currency": "eur", "unit_amount": 700,
                          "recurring": {"interval": "month", "interval_count": 1}}}]},
        }},
    }  # fmt: skip
    await till.shop.deliver("stripe", msgspec.json.encode(event))
    return str(await till.shop.ctx.pool.fetchval("SELECT id FROM recurring_orders WHERE managed_by = 'stripe'"))


async def test_C8_a_subscription_of_stripes_is_marked_and_nothing_may_be_done_to_it(desk: Desk, till: Till) -> None:
    id_ = await subscribed(till)
    [row] = rows(await desk.page(f"{LIST}?managed_by=stripe"))
    assert "Stripe not by Daybook" in row
    page = await desk.page(f"{LIST}/{id_}")
    assert "Stripe manages this subscription" in page
    assert offered(page) == []
    assert "change" not in re.findall(r'data-opens="([\w-]+)"', page)


async def test_N5_the_switch_says_since_when_and_who_and_is_for_those_who_may(desk: Desk, till: Till) -> None:
    id_ = await till.plan()
    assert "All charging is stopped since" not in text_of(await desk.page(LIST))
    await accounts.change(
        desk.shop.ctx.pool, desk.shop.account_id, {"charging_stopped": True},
        now=datetime(2026, 9, 21, 12, 0, tzinfo=UTC), by="token:Maria",
    )  # fmt: skip
    for path in (LIST, f"{LIST}/{id_}"):
        page = await desk.page(path)
        assert "All charging is stopped since 21 Sep 2026, 12:00 , by Maria" in text_of(page)
        assert "allow-charging" in page
    assert "charge" not in offered(await desk.page(f"{LIST}/{id_}"))
    # Stopped a second time it keeps who stopped it first, and resumed it says nothing.
    change = accounts.change
    again = await change(desk.shop.ctx.pool, desk.shop.account_id, {"charging_stopped": True}, by="token:Rui")
    assert again.charging_stopped_by == "token:Maria"
    resumed = await change(desk.shop.ctx.pool, desk.shop.account_id, {"charging_stopped": False})
    assert (resumed.charging_stopped_at, resumed.charging_stopped_by) == (None, None)
    await change(desk.shop.ctx.pool, desk.shop.account_id, {"charging_stopped": True})
    assert "from the command line" in await desk.page(LIST)


async def test_O13_what_fell_due_while_the_registry_was_off_is_held_and_can_be_released(desk: Desk, till: Till) -> None:
    id_ = await till.plan()
    change, pool, account_id = accounts.change, desk.shop.ctx.pool, desk.shop.account_id
    await change(pool, account_id, {"registry_enabled": False})
    async with desk.client.get(LIST) as answer:
        assert answer.status == 403
        assert "registry is off" in await answer.text()
    await change(pool, account_id, {"registry_enabled": True}, now=datetime.fromtimestamp(till.now + 1, UTC))
    page = await desk.page(f"{LIST}/{id_}")
    assert "What is due is held" in page
    assert offered(page)[-1] == "release"
    assert len(rows(await desk.page(f"{LIST}?held=true"))) == 1


async def test_O12_a_private_rep_sees_the_plans_of_their_customers_and_no_other(desk: Desk, till: Till) -> None:
    pool, account_id = desk.shop.ctx.pool, desk.shop.account_id
    mine, others = await till.plan(title="Mine"), await till.plan(title="Theirs")
    await till.look()
    row, secret = await tokens.add(pool, account_id, "Rui", "rep", ["recurring.manage"])
    await pool.execute("UPDATE contacts SET owner_id = $1 WHERE id = $2", row.id, await contact_of(till, mine))
    await accounts.change(pool, account_id, {"owner_privacy": True})
    await desk.sign_in(secret)
    page = await desk.page(LIST)
    [seen] = rows(page)
    assert "Mine" in seen
    assert "Theirs" not in page
    assert chips(page)["active"] == 1
    assert offered(await desk.page(f"{LIST}/{mine}")) == ["pause", "complete"]
    async with desk.client.get(f"{LIST}/{others}") as answer:
        assert answer.status == 404


async def test_I4_another_accounts_recurring_order_is_not_there(desk: Desk, till: Till) -> None:
    id_ = await till.plan()
    other = new_id()
    pool = desk.shop.ctx.pool
    await pool.execute("INSERT INTO accounts (id, name, registry_enabled) VALUES ($1, 'other', true)", other)
    await desk.sign_in(await tokens.issue(pool, other, "stranger", "admin"))
    async with desk.client.get(f"{LIST}/{id_}") as answer:
        assert answer.status == 404
    assert rows(await desk.page(f"{LIST}?status=pending")) == []


async def test_what_a_customer_is_called_is_text_and_never_markup(desk: Desk, till: Till) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    id_ = await till.plan(title=hostile)
    await desk.shop.ctx.pool.execute("UPDATE contacts SET name = $1", hostile)
    await till.look()
    contact = await contact_of(till, id_)
    for path in (LIST, f"{LIST}?contact_id={contact}", f"{LIST}/{id_}", f"{LIST}/new?contact_id={contact}"):
        page = await desk.page(path)
        assert "<img" not in page
        assert "&lt;img" in page
        assert not re.search(r"\sstyle=|\son\w+=", re.sub(r"&#34;|&quot;", "", page).replace("onerror=", ""))


async def test_C2_the_form_begins_with_the_customer_that_the_address_names(desk: Desk, till: Till) -> None:
    id_ = await till.plan()
    contact = await contact_of(till, id_)
    page = await desk.page(f"{LIST}/new?contact_id={contact}")
    assert f'name="contact_id" value="{contact}"' in page
    assert 'data-call="POST /api/v1/recurring-orders"' in page
    assert 'value="JPY" data-digits="0"' in page
    await desk.sign_in(await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, "rep", "rep", ["crm.manage"]))
    page = await desk.page(f"{LIST}/new")
    assert "data-call" not in page
    assert "recurring.manage" in page
