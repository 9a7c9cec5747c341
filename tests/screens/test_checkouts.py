"""Checkouts on screen (P1, P7): the funnel agrees with the orders, the list and a checkout show what the database
holds, and who may do what."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from schemas.account import Actor, Role
from schemas.api.checkout import CheckoutCreate
from tests.screens.conftest import Desk
from tests.screens.test_recurring_orders import rows, text_of
from tests.stripe import KEY
from tests.world import NOW
from worker.actions import accounts
from worker.actions import checkouts as actions
from worker.ids import new_id
from worker.local.stripe.cards import decline
from worker.local.stripe.delivery import body_of
from worker.local.stripe.stand_in import StandIn
from worker.screens.sales import funnel
from worker.store import tokens

LIST = "/checkouts"
STUCK = "SELECT id FROM checkouts WHERE state = 'opening'"


class Counter:
    """A desk whose shop opens checkouts at the stand-in."""

    def __init__(self, desk: Desk, stand_in: StandIn) -> None:
        self.desk, self.stand_in = desk, stand_in
        self.admin = Actor(desk.shop.account_id, "", "admin", Role.ADMIN, frozenset())
        self._heard = 0

    async def contact(self, name: str = "Ana") -> str:
        return str(
            await self.desk.shop.ctx.pool.fetchval(
                "INSERT INTO contacts (account_id, id, name) VALUES ($1, gen_random_uuid(), $2) RETURNING id",
                self.desk.shop.account_id, name,
            )
        )  # fmt: skip

    async def open(self, **fields: Any) -> dict[str, Any]:
        """The row of a new checkout."""
        body = {"contact_id": fields.pop("contact_id", None) or await self.contact(), "amount": 10_000,
                "currency": "BRL", "success_url": "https://shop.example/thanks", **fields}  # fmt: skip
        id_ = await actions.open_(self.desk.shop.ctx, self.admin, CheckoutCreate.model_validate(body), None)
        [row] = await self.desk.shop.rows("SELECT * FROM checkouts WHERE id = $1", id_)
        return row

    async def hear(self) -> None:
        """Every webhook that Stripe has to send since the last time."""
        events = self.stand_in.events
        for event in events[self._heard :]:
            await self.desk.shop.deliver("stripe", body_of(event))
        self._heard = len(events)


@pytest.fixture
async def counter(desk: Desk, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.setattr(actions, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(funnel, "FRESH_S", 0.0)
    settings = desk.shop.ctx.settings
    object.__setattr__(settings, "stripe_api_key", SecretStr(KEY))
    object.__setattr__(settings, "stripe_api_base", stand_in.url)
    desk.now = lambda: NOW  # type: ignore[method-assign]
    await desk.sign_in()
    return Counter(desk, stand_in)


async def sessions(counter: Counter) -> None:
    """Seven checkouts of 100.00 BRL, and one in euros: two paid, two failed, one abandoned, two open."""
    made = [str((await counter.open())["session_id"]) for _ in range(7)]
    stripe = counter.stand_in
    _, _, paid, late, declined, blocked, left = made
    stripe.pay(paid)
    stripe.bank(decline("insufficient_funds"))
    stripe.pay(late)
    stripe.pay(late)
    for session, code in ((declined, "insufficient_funds"), (blocked, "fraudulent")):
        stripe.bank(decline(code))
        stripe.pay(session)
        stripe.leave(session)
    stripe.leave(left)
    stripe.pay(str((await counter.open(amount=700, currency="EUR"))["session_id"]))
    await counter.hear()


def bars(page: str) -> dict[str, str]:
    """The words of each bar of the funnel by its name."""
    found = re.findall(r'<li class="bar[^>]*>\s*<p><b>(.*?)</b>(.*?)</p>', page, re.DOTALL)
    return {name: text_of(rest) for name, rest in found}


async def test_P7_the_funnel_tells_each_step_with_its_share_of_the_step_before(desk: Desk, counter: Counter) -> None:
    await sessions(counter)
    page = await desk.page(f"{LIST}?test=true")
    assert bars(page) == {
        "Opened": "8",
        "Reached payment": "5 62.5 % of those opened",
        "Paid": "3 60.0 % of those who reached payment",
        "Failed": "2 25.0 % of those opened",
        "Abandoned": "1 12.5 % of those opened",
        "Still open": "2 25.0 % of those opened",
        "blocked as fraud": "1 50.0 % of those failed",
        "insufficient funds": "1 50.0 % of those failed",
    }
    words = text_of(page)
    assert "BRL 2 of 7 BRL 700.00 BRL 200.00" in words
    assert "EUR 1 of 1 EUR 7.00 EUR 7.00" in words


async def test_P7_the_funnel_agrees_with_the_orders(desk: Desk, counter: Counter) -> None:
    await sessions(counter)
    told = bars(await desk.page(f"{LIST}?test=true"))
    orders = await desk.shop.rows(
        "SELECT is_paid, EXISTS (SELECT FROM payments p WHERE p.order_id = o.id) AS tried FROM orders o"
    )
    assert int(told["Opened"]) == len(orders)
    assert int(told["Reached payment"].split()[0]) == sum(order["tried"] for order in orders)
    assert int(told["Paid"].split()[0]) == sum(order["is_paid"] for order in orders)


async def test_P7_the_days_of_the_chart_are_those_of_the_range_and_sum_to_the_funnel(
    desk: Desk, counter: Counter
) -> None:
    await sessions(counter)
    for key, (_, days) in funnel.RANGES.items():
        page = await desk.page(f"{LIST}?test=true&range={key}")
        [points] = re.findall(r'data-points="([^"]+)"', page)
        read = re.findall(r"&#34;(\d\d \w{3} \d{4})&#34;, &#34;(\d+)&#34;", points)
        assert len(read) == days
        assert read[-1] == ("21 Sep 2026", "8")
        assert sum(int(count) for _, count in read) == 8


async def test_R7_test_data_is_left_out_unless_it_is_asked_for(desk: Desk, counter: Counter) -> None:
    await counter.open()
    assert "No checkout was opened" in await desk.page(LIST)
    assert bars(await desk.page(f"{LIST}?test=true"))["Opened"] == "1"
    object.__setattr__(desk.shop.ctx.settings, "stripe_stand_in", True)
    assert bars(await desk.page(LIST))["Opened"] == "1"  # everything is test while Stripe is played


async def test_P1_the_list_shows_each_with_its_order_and_where_it_is(desk: Desk, counter: Counter) -> None:
    made = await counter.open(contact_id=await counter.contact("Iris"))
    [row] = rows(await desk.page(LIST))
    for words in ("21 Sep 2026, 14:13", "Iris", "open", "#1", "BRL 100.00", "in 23 h"):
        assert words in row, (words, row)
    page = await desk.page(LIST)
    assert f'href="/checkouts/{made["id"]}"' in page
    assert f'href="/orders/{made["order_id"]}"' in page
    counter.stand_in.pay(str(made["session_id"]))
    await counter.hear()
    [row] = rows(await desk.page(LIST))
    assert "paid" in row


async def test_P1_the_filters_find_by_customer_day_and_what_was_not_opened(desk: Desk, counter: Counter) -> None:
    iris = await counter.contact("Iris")
    await counter.open(contact_id=iris)
    await counter.open()
    counter.stand_in.trouble("cut_before", on="checkout.sessions.create", times=9)
    await counter.open(amount=555)
    assert len(rows(await desk.page(LIST))) == 3
    assert len(rows(await desk.page(f"{LIST}?contact_id={iris}"))) == 1
    [stuck] = rows(await desk.page(f"{LIST}?opened=false"))
    assert "opening" in stuck
    assert "BRL 5.55" in stuck
    assert len(rows(await desk.page(f"{LIST}?opened=true"))) == 2
    assert len(rows(await desk.page(f"{LIST}?since=2026-09-21&until=2026-09-21"))) == 3
    assert rows(await desk.page(f"{LIST}?until=2026-09-20")) == []
    assert rows(await desk.page(f"{LIST}?since=2026-09-22")) == []
    for wrong in ("since=tomorrow", "range=1y", "opened=maybe", "until=9999-12-31", "since=0001-01-01"):
        async with desk.client.get(f"{LIST}?{wrong}") as answer:
            assert answer.status == 422
    counter.stand_in.forget_scripts()
    await actions.advance(desk.shop.ctx, desk.shop.account_id, await desk.shop.ctx.pool.fetchval(STUCK))
    assert rows(await desk.page(f"{LIST}?opened=false")) == []
    await accounts.change(desk.shop.ctx.pool, desk.shop.account_id, {"timezone": "Pacific/Kiritimati"})
    for far in ("until=9998-12-30", "since=1970-01-02"):
        assert len(rows(await desk.page(f"{LIST}?{far}"))) == 3


async def test_P1_a_checkout_has_its_link_its_order_and_the_tries_to_pay(desk: Desk, counter: Counter) -> None:
    made = await counter.open()
    path = f"{LIST}/{made['id']}"
    page = await desk.page(path)
    assert made["url"] in page
    assert 'data-opens="expire"' in page
    assert "Nobody has tried to pay yet" in page
    counter.stand_in.bank(decline("insufficient_funds"))
    counter.stand_in.pay(str(made["session_id"]))
    await counter.hear()
    [tried] = rows(await desk.page(path))
    assert "failed insufficient funds BRL 100.00" in tried
    counter.stand_in.pay(str(made["session_id"]))
    await counter.hear()
    page = await desk.page(path)
    assert "The customer has paid." in page
    assert f'href="/orders/{made["order_id"]}"' in page
    assert made["url"] not in page
    assert 'data-opens="expire"' not in page


async def test_P1_only_who_may_write_is_offered_to_open_and_to_expire(desk: Desk, counter: Counter) -> None:
    made = await counter.open()
    for role, permissions, may_open, may_expire in (
        ("rep", [], False, False), ("rep", ["crm.manage"], True, True), ("manager", ["crm.manage"], True, False),
    ):  # fmt: skip
        await desk.sign_in(await tokens.issue(desk.shop.ctx.pool, desk.shop.account_id, role, role, permissions))
        assert ('href="/checkouts/new"' in await desk.page(LIST)) == may_open
        assert ("data-call" in await desk.page(f"{LIST}/new")) == may_open
        assert ('data-opens="expire"' in await desk.page(f"{LIST}/{made['id']}")) == may_expire


async def test_P1_the_form_for_an_order_says_what_remains(desk: Desk, counter: Counter) -> None:
    made = await counter.open(amount=4321, currency="JPY")
    page = await desk.page(f"{LIST}/new?order_id={made['order_id']}")
    assert "JPY 4,321 of JPY 4,321 remain to be paid" in text_of(page)
    assert 'data-digits="0"' in page
    assert 'name="contact_id"' not in page
    async with desk.client.get(f"{LIST}/new?order_id={new_id()}") as answer:
        assert answer.status == 404


async def test_O12_a_private_rep_sees_their_own_checkouts_in_list_funnel_and_page(desk: Desk, counter: Counter) -> None:
    pool, account_id = desk.shop.ctx.pool, desk.shop.account_id
    mine, others = await counter.open(), await counter.open()
    row, secret = await tokens.add(pool, account_id, "Rui", "rep", ["crm.manage"])
    await pool.execute("UPDATE contacts SET owner_id = $1 WHERE id = $2", row.id, mine["contact_id"])
    await accounts.change(pool, account_id, {"owner_privacy": True})
    await desk.sign_in(secret)
    page = await desk.page(f"{LIST}?test=true")
    assert len(rows(page)) == 1
    assert bars(page)["Opened"] == "1"
    await desk.page(f"{LIST}/{mine['id']}")
    for path in (f"{LIST}/{others['id']}", f"{LIST}/new?order_id={others['order_id']}"):
        async with desk.client.get(path) as answer:
            assert answer.status == 404


async def test_O13_with_the_registry_off_it_is_said(desk: Desk, counter: Counter) -> None:
    await accounts.change(desk.shop.ctx.pool, desk.shop.account_id, {"registry_enabled": False})
    for path in (LIST, f"{LIST}/new", f"{LIST}/{new_id()}"):
        async with desk.client.get(path) as answer:
            assert answer.status == 403
            assert "registry is off" in await answer.text()


async def test_what_a_customer_is_called_is_text_and_never_markup(desk: Desk, counter: Counter) -> None:
    hostile = "<script>alert(1)</script>"
    contact = await counter.contact(hostile)
    made = await counter.open(contact_id=contact, title=hostile)
    for path in (
        LIST, f"{LIST}?contact_id={contact}", f"{LIST}/{made['id']}", f"{LIST}/new?contact_id={contact}",
        f"{LIST}/new?order_id={made['order_id']}",
    ):  # fmt: skip
        page = await desk.page(path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


async def test_the_funnel_is_counted_once_for_all_who_look_at_the_same_moment(
    desk: Desk, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funnel, "FRESH_S", 3600.0)
    await counter.open()
    assert bars(await desk.page(f"{LIST}?test=true"))["Opened"] == "1"
    await counter.open()
    assert bars(await desk.page(f"{LIST}?test=true"))["Opened"] == "1"
    assert bars(await desk.page(f"{LIST}?test=true&range=7d"))["Opened"] == "2"
    assert len(rows(await desk.page(LIST))) == 2


def test_P7_a_period_begins_at_midnight_of_the_account() -> None:
    chosen = funnel.period(datetime(2026, 3, 1, 2, tzinfo=UTC), 7, funnel.ZoneInfo("America/Sao_Paulo"))
    assert (str(chosen.days[0]), str(chosen.days[-1])) == ("2026-02-22", "2026-02-28")
    assert chosen.since == datetime(2026, 2, 22, 3, tzinfo=UTC)
