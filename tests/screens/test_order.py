"""The order page (O10, T2, T3, T5, P4, D4): what it shows is what the API says, and what may be done has a button."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from schemas.account import Permission
from tests.screens.browser import Browser, browsing
from tests.world import payload
from worker.ids import new_id
from worker.screens import words

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Browser]:
    async with browsing(database) as found:
        yield found


def figure(page: str, name: str) -> str:
    return text(re.search(rf'data-figure="{name}">(.*?)</', page, re.DOTALL))


def text(found: re.Match[str] | None) -> str:
    assert found is not None
    return unescape(found[1]).strip()


def calls(page: str) -> set[str]:
    """What the page may ask of the API, without the order's address."""
    return {
        re.sub(r"/api/v1/orders/[0-9a-f-]{36}", "", call).strip() for call in re.findall(r'data-call="([^"]+)"', page)
    }


def bare(amount: int) -> str:
    return words.money(amount, "BRL").removeprefix("BRL ")


async def test_O9_the_figures_are_those_of_the_api_and_add_up(desk: Browser) -> None:
    order = await desk.order(
        items=[
            {"name": "Coffee", "quantity": "2.5", "unit_price": 399, "tax_rate": "8.875", "discount": 99},
            {"name": "Cup", "unit_price": 1250},
        ],
        charges=[
            {"kind": "discount", "mode": "percent", "value": "10"},
            {"kind": "shipping", "value": 1500},
            {"kind": "other", "value": 7, "sign": -1, "label": "Goodwill"},
        ],
    )
    await desk.api.post(f"/orders/{order['id']}/payments", {"amount": 1000})
    order = await desk.api.get(f"/orders/{order['id']}")
    page = await desk.page(f"/orders/{order['id']}")
    summary = order["summary"]
    assert figure(page, "amount") == words.money(order["amount"], "BRL") == figure(page, "order_total")
    assert figure(page, "items_total") == bare(summary["items_total"])
    assert figure(page, "paid") == bare(1000)
    assert figure(page, "remaining") == words.money(order["amount"] - 1000, "BRL")
    for charge in order["charges"]:
        assert text(re.search(rf'data-charge="{charge["id"]}">(.*?)<', page)) == bare(charge["amount"])
    for item in order["items"]:
        assert text(re.search(rf'data-line-total="{item["id"]}">(.*?)<', page)) == bare(item["total"])
    parts = [figure(page, name) for name in ("items_total", "line_discounts", "line_taxes")]
    parts += [bare(charge["amount"]) for charge in order["charges"]]
    minor = [int(part.replace(",", "").replace(".", "")) for part in parts]
    assert sum(minor) == order["amount"]


async def test_P4_a_partly_paid_order_says_how_much_and_asks_for_a_decision(desk: Browser) -> None:
    order = await desk.order(amount=20000)
    await desk.api.post(f"/orders/{order['id']}/payments", {"amount": 5000, "method": "cash", "comment": "At the door"})
    page = await desk.page(f"/orders/{order['id']}")
    assert "BRL 50.00 received, 25.0&nbsp;%" in page
    assert "25.00 % of the order" in page
    assert "At the door" in page
    assert {"POST /confirm", "POST /decline"} <= calls(page)
    [payment] = (await desk.api.get(f"/orders/{order['id']}"))["payments"]
    assert f'href="/payments/{payment["id"]}"' in page
    assert not {"POST /confirm", "POST /decline"} & calls(await desk.page(f"/orders/{(await desk.order())['id']}"))


async def test_O6_what_stripe_manages_is_shown_as_locked_and_has_no_controls(desk: Browser) -> None:
    await desk.api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    [order] = (await desk.api.get("/orders?managed_by=stripe"))["items"]
    page = await desk.page(f"/orders/{order['id']}")
    assert "Stripe manages this order." in page
    assert not {"POST /payments", "POST /refunds"} & calls(page)
    assert 'data-opens="note-payment"' not in page
    assert {"POST /status", "PATCH"} <= calls(page)
    form = await desk.page(f"/orders/{order['id']}/edit")
    assert form.count('<fieldset class="lines" disabled>') == 2
    assert "Stripe manages this order: lines, charges and currency are changed at Stripe." in form
    assert "data-add=" not in form


async def test_T3_a_move_that_is_refused_says_what_to_resolve(desk: Browser) -> None:
    order = await desk.order(amount=3000, status="completed")
    await desk.api.post(f"/orders/{order['id']}/payments", {"amount": 3000})
    page = await desk.page(f"/orders/{order['id']}")
    assert "BRL 30.00 were received and not returned. Refund the payments first." in page
    assert "POST /status" not in calls(page)
    assert "DELETE" not in calls(page)
    await desk.api.post(f"/orders/{order['id']}/refunds", {"amount": 3000})
    assert {"POST /status", "DELETE"} <= calls(await desk.page(f"/orders/{order['id']}"))


async def test_T5_children_are_made_by_the_rules_of_the_template_and_lead_back(desk: Browser) -> None:
    order = await desk.order(status="draft")
    page = await desk.page(f"/orders/{order['id']}")
    assert "Invoice: once the order is new or processing or completed." in page
    assert "POST /children" not in calls(page)
    await desk.api.post(f"/orders/{order['id']}/status", {"status": "new"}, 200)
    page = await desk.page(f"/orders/{order['id']}")
    assert 'data-opens="child-invoice"' in page
    assert 'data-opens="child-return"' not in page
    child = await desk.api.post(f"/orders/{order['id']}/children", {"template": "invoice"})
    page = await desk.page(f"/orders/{order['id']}")
    assert f'href="/orders/{child["id"]}"' in page
    assert "Invoice: every line is in one already." in page
    assert f'href="/orders/{order["id"]}"' in await desk.page(f"/orders/{child['id']}")


async def test_T6_lines_are_grouped_by_product_template_with_its_columns(desk: Browser) -> None:
    await desk.api.post(
        "/product-templates",
        {"slug": "coffee", "name": "Coffee", "columns": [
            {"key": "weight", "label": "Weight, g", "type": "number"},
            {"key": "together", "label": "Together, kg", "type": "number", "formula": "quantity * weight / 1000"},
        ]},
    )  # fmt: skip
    await desk.api.post(
        "/products",
        {"sku": "COF-1", "name": "Beans", "unit_price": 1000, "currency": "BRL", "product_template": "coffee",
         "attributes": {"weight": "500"}},
    )  # fmt: skip
    order = await desk.order(items=[{"sku": "COF-1", "quantity": 3}, {"name": "Gift", "unit_price": 1}])
    page = await desk.page(f"/orders/{order['id']}")
    assert ">Weight, g</th>" in page
    assert '<td data-label="Together, kg" class="number">1.5</td>' in page
    assert page.index(">Coffee</h3>") < page.index(">Beans<") < page.index(">Other items</h3>") < page.index(">Gift<")


async def test_O10_the_timeline_tells_in_words_who_changed_what(desk: Browser) -> None:
    order = await desk.order(amount=3000)
    mia = (await desk.api.post("/tokens", {"name": "Mia", "role": "manager"}))["id"]
    await desk.api.ask("PATCH", f"/orders/{order['id']}", json={"title": "Beans", "manager_id": mia, "amount": 4000})
    page = await desk.page(f"/orders/{order['id']}")
    newest = text(re.search(r'<ol class="timeline.*?<li(.*?)</li>', page, re.DOTALL))
    assert "by first admin" in newest
    assert "<dt>Amount</dt><dd><s>BRL 30.00</s>" in newest
    assert "BRL 40.00</dd>" in newest
    assert "<dt>Manager</dt><dd><s>—</s>" in newest
    assert "Mia</dd>" in newest
    assert "Order made" in page


async def test_O10_a_long_timeline_goes_on_and_does_not_stream_meanwhile(desk: Browser) -> None:
    order = await desk.order()
    for n in range(21):
        await desk.api.ask("PATCH", f"/orders/{order['id']}", json={"notes": f"note {n}"})
    page = await desk.page(f"/orders/{order['id']}")
    assert f'data-stream="/stream/orders/{order["id"]}"' in page
    assert "Order made" not in page
    older = unescape(text(re.search(r'rel="next" href="(.*?)"', page)))
    page = await desk.page(older)
    assert "Order made" in page
    assert "data-stream" not in page


async def test_O10_why_it_is_paid_names_the_facts_and_the_events(desk: Browser) -> None:
    event = await desk.api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    [order] = (await desk.api.get("/orders?managed_by=stripe"))["items"]
    explained = await desk.api.get(f"/orders/{order['id']}/explain")
    page = await desk.page(f"/orders/{order['id']}")
    assert f"{explained['rule'][0].upper()}{explained['rule'][1:]}." in page
    assert page.count(f'href="/events/{event}"') >= 2  # of the timeline, and of the facts
    assert f'href="/events?q={order["id"]}"' in page


async def test_N7_events_that_are_not_applied_are_named(desk: Browser) -> None:
    event = await desk.api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    [order] = (await desk.api.get("/orders?managed_by=stripe"))["items"]
    assert "not applied yet" not in await desk.page(f"/orders/{order['id']}")
    await desk.api.shop.ctx.pool.execute(
        "UPDATE event_states SET state = 'dead', reason = 'data.object.amount: is not a number' WHERE event_id = $1",
        event,
    )
    page = await desk.page(f"/orders/{order['id']}")
    assert "1 event of this order is not applied yet" in page
    assert "Is not a number." in page


async def test_an_order_that_was_merged_leads_to_the_one_that_remains(desk: Browser) -> None:
    order = await desk.order()
    gone = await desk.api.shop.merged(order["id"])
    answer, page = await desk.get(f"/orders/{gone}")
    assert (answer.status, answer.headers["Location"]) == (303, f"/orders/{order['id']}?merged={gone}")
    page = await desk.page(answer.headers["Location"])
    assert "Order 2 turned out to be the same sale: it is part of this order now." in page
    assert "turned out" not in await desk.page(f"/orders/{order['id']}?merged={new_id()}")


async def test_what_people_wrote_is_text_and_never_markup(desk: Browser) -> None:
    order = await desk.order(
        title=HOSTILE, notes=HOSTILE, items=[{"name": HOSTILE, "sku": HOSTILE, "unit_price": 1}],
        charges=[{"kind": "other", "value": 1, "label": HOSTILE}], billing_address={"name": HOSTILE},
    )  # fmt: skip
    await desk.api.post(f"/orders/{order['id']}/payments", {"amount": 1, "comment": HOSTILE, "system": HOSTILE})
    for path in (f"/orders/{order['id']}", f"/orders/{order['id']}/edit"):
        page = await desk.page(path)
        assert "<script>alert" not in page
        assert page.count("&lt;script&gt;alert") >= 4


async def test_I4_another_accounts_order_is_not_there(desk: Browser) -> None:
    order = await desk.order()
    await desk.sign_in(await desk.api.other_account())
    for path in (f"/orders/{order['id']}", f"/orders/{order['id']}/edit", f"/orders/{new_id()}"):
        answer, page = await desk.get(path)
        assert answer.status == 404
        assert "There is no such order" in page


async def test_O12_a_private_rep_finds_their_orders_and_no_others(desk: Browser) -> None:
    await desk.api.set(owner_privacy=True)
    token = await desk.api.token("rep", Permission.CRM_MANAGE)
    hidden = await desk.order()
    theirs = (await desk.api.post("/contacts", {"name": "Bia", "email": "bia@example.com"}, token=token))["id"]
    own = await desk.api.order(theirs)
    await desk.sign_in(token)
    assert (await desk.get(f"/orders/{hidden['id']}"))[0].status == 404
    assert (await desk.get(f"/orders/{hidden['id']}/edit"))[0].status == 404
    assert "Bia" in await desk.page(f"/orders/{own['id']}")


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        ((), set()),
        ((Permission.CRM_MANAGE,), {"PATCH", "POST /status", "POST /payments", "DELETE", "POST /children"}),
        ((Permission.SALES_CONFIRM,), {"POST /sale-confirmation", "POST /manager"}),
    ],
)
async def test_H2_permissions_decide_the_buttons(
    desk: Browser, permissions: tuple[Permission, ...], expected: set[str]
) -> None:
    order = await desk.order()
    await desk.sign_in(await desk.api.token("rep", *permissions))
    page = await desk.page(f"/orders/{order['id']}")
    assert calls(page) == expected
    assert ("Its events" in page) is False
    answer, _ = await desk.get(f"/orders/{order['id']}/edit")
    assert answer.status == (200 if Permission.CRM_MANAGE in permissions else 403)


async def test_H2_a_manager_changes_only_the_orders_that_they_own(desk: Browser) -> None:
    token = await desk.api.token("manager", Permission.CRM_MANAGE, Permission.SALES_CONFIRM)
    others = await desk.order()
    await desk.sign_in(token)
    assert calls(await desk.page(f"/orders/{others['id']}")) == set()
    answer, _ = await desk.get(f"/orders/{others['id']}/edit")
    assert (answer.status, answer.headers["Location"]) == (303, f"/orders/{others['id']}")


async def test_O13_while_the_registry_is_off_the_page_says_so(desk: Browser) -> None:
    order = await desk.order()
    await desk.api.set(registry_enabled=False)
    answer, page = await desk.get(f"/orders/{order['id']}")
    assert answer.status == 403
    assert "The order registry is off" in page
