"""Orders and sales (S2, S3, P4, O12, O13): the list shows what the account holds, as far as its reader sees."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from schemas.account import Permission
from tests.screens.till import Till, rows, words
from tests.world import edited, payload
from worker.ids import new_id

HOSTILE = '<script>alert("x")</script>'


async def course(till: Till, **more: Any) -> dict[str, Any]:
    category = await till.post("/offer-categories", {"name": "Courses"})
    offer: dict[str, Any] = await till.post(
        "/offers",
        {"name": "Barista course", "unit_price": 1000, "several_units": True, "partial_payment": True,
         "category_id": category["id"], "currency": "BRL", **more},
    )  # fmt: skip
    return offer


async def sold(till: Till, **more: Any) -> dict[str, Any]:
    """An order over 2 units of an offer, half of it paid."""
    offer = await course(till)
    order = await till.order(await till.contact(), items=None, offer_id=offer["id"], quantity=2, **more)
    paid: dict[str, Any] = await till.post(f"/orders/{order['id']}/payments", {"amount": 500, "method": "cash"})
    return paid


def shown(page: str) -> list[str]:
    return list(rows(page))


async def test_S2_a_row_says_what_sales_people_need(till: Till) -> None:
    order = await sold(till)
    await till.sign_in()
    columns = "customer,status,offer,category,price,unit_price,quantity,amount,paid,manager,confirmed,origin"
    row = rows(await till.page(f"/orders?columns={columns}"))[order["id"]]
    for said in ("#1 ", "Ana Silva", "ana@example.com", "open partially paid", "Barista course No. 1", "Courses No. 1",
                 "BRL 20.00 BRL 10.00 2 BRL 20.00 BRL 5.00", "BRL 15.00 to pay", "unconfirmed"):  # fmt: skip
        assert said in row, said
    assert f'href="/orders/{order["id"]}"' in await till.page("/orders")
    assert f'href="/customers/{order["contact_id"]}"' in await till.page("/orders")


async def test_S2_a_row_opens_its_payments(till: Till) -> None:
    order = await sold(till)
    await till.sign_in()
    page = await till.page("/orders")
    [payment] = order["payments"]
    row = rows(page)[order["id"]]
    assert f'href="/payments/{payment["id"]}"' in page
    assert "No. 1 succeeded BRL 5.00 25 % hand" in row
    assert "BRL 5.00 of BRL 20.00 is paid (25.0 %), BRL 15.00 remains." in row


async def test_S2_why_a_payment_failed_is_said_in_plain_words(till: Till) -> None:
    session = payload("stripe", "checkout_session_completed__2020-08-27.json")
    await till.shop.deliver("stripe", edited(session, data__object__payment_status="unpaid"))
    error = {"code": "card_declined", "decline_code": "insufficient_funds", "message": "No."}
    await till.shop.deliver(
        "stripe",
        edited(
            payload("stripe", "payment_intent_payment_failed__2020-08-27.json"),
            data__object__last_payment_error=error,
            data__object__charges={"data": []},
        ),
    )
    await till.sign_in()
    [row] = rows(await till.page("/orders")).values()
    assert "failed The payment failed: insufficient funds." in row
    assert "The payment failed: insufficient funds." in await till.page("/payments")


async def test_P4_a_partly_paid_order_is_found_opened_and_decided_upon(till: Till) -> None:
    order = await sold(till)
    whole = await till.order(order["contact_id"], payment_status="paid")
    await till.sign_in()
    page = await till.page("/orders?payment_status=partially_paid")
    assert shown(page) == [order["id"]]
    for verb in ("confirm", "decline"):
        assert f'data-call="POST /api/v1/orders/{order["id"]}/{verb}"' in page
        assert f'data-call="POST /api/v1/orders/{whole["id"]}/{verb}"' not in await till.page("/orders")
    await till.post(f"/orders/{order['id']}/confirm", None, 200)
    page = await till.page("/orders?sales_status=completed")
    assert set(shown(page)) == {order["id"], whole["id"]}
    assert "completed partially paid" in rows(page)[order["id"]]
    assert f'data-call="POST /api/v1/orders/{order["id"]}/confirm"' not in page  # it is; declining is what is left


async def test_S3_a_sale_is_unconfirmed_until_somebody_says_who_made_it(till: Till) -> None:
    order = await sold(till)
    mia = (await till.post("/tokens", {"name": "Mia Reis", "role": "manager"}))["id"]
    await till.sign_in()
    assert shown(await till.page("/orders?confirmed=true")) == []
    page = await till.page("/orders?confirmed=false")
    assert '<span class="badge is-unconfirmed">unconfirmed</span>' in page
    assert f'data-opens="sale" data-sale="{order["id"]}"' in page
    assert f'<option value="{mia}" >Mia Reis</option>' in page
    await till.post(f"/orders/{order['id']}/sale-confirmation", {"as": "other", "manager_id": mia}, 200)
    page = await till.page("/orders?confirmed=true")
    assert shown(page) == [order["id"]]
    assert "confirmed Mia Reis" in rows(page)[order["id"]]
    assert '<span class="badge is-confirmed">confirmed</span>' in page
    assert shown(await till.page(f"/orders?manager_id={mia}")) == [order["id"]]
    await till.post(f"/orders/{order['id']}/sale-confirmation", {"as": "system"}, 200)
    assert "confirmed by the system" in rows(await till.page("/orders"))[order["id"]]


async def test_S3_buttons_are_for_those_who_may(till: Till) -> None:
    await sold(till)
    for permissions, confirms, makes in (
        ([], False, False), ([Permission.SALES_CONFIRM], True, False), ([Permission.CRM_MANAGE], False, True),
    ):  # fmt: skip
        await till.sign_in(await till.token("rep", *permissions))
        page = await till.page("/orders")
        for mark in ("data-sale=", "/confirm", "/decline", "sale-confirmation", 'id="manager"'):
            assert (mark in page) == confirms, (permissions, mark)
        assert ('href="/orders/new"' in page) == makes
    await till.sign_in(await till.token("manager", Permission.SALES_CONFIRM))
    assert "data-sale=" not in await till.page("/orders")  # a manager changes only what is theirs


async def test_S2_each_filter_finds_what_it_names_on_the_screen_and_over_the_API(till: Till) -> None:
    part = await sold(till, external_id="half")
    offer = part["offer_id"]
    category = (await till.get(f"/offers/{offer}"))["category_id"]
    mia = (await till.post("/tokens", {"name": "Mia", "role": "manager"}))["id"]
    await till.post(f"/orders/{part['id']}/sale-confirmation", {"as": "other", "manager_id": mia}, 200)
    paid = await till.order(
        part["contact_id"], currency="USD", payment_status="paid", paid_at="2026-03-02T12:00:00Z", status="draft"
    )
    await till.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    [shop] = (await till.get("/orders?source=commerce"))["items"]
    every = {part["id"], paid["id"], shop["id"]}
    found = {
        "sales_status=open": every - {paid["id"]} if shop["sales_status"] == "open" else {part["id"]},
        "payment_status=partially_paid": {part["id"]},
        "status=draft": {paid["id"]},
        "payment_type=partial": {part["id"]},
        f"offer_id={offer}": {part["id"]},
        f"offer_id={new_id()}": set(),
        f"category_id={category}": {part["id"]},
        f"category_id={new_id()}": set(),
        f"manager_id={mia}": {part["id"]},
        "system=hand": {part["id"]},
        "system=paypal": set(),
        "currency=USD": {one for one in every if one in (paid["id"], shop["id"] if shop["currency"] == "USD" else "")},
        "confirmed=true": {part["id"]},
        "confirmed=false": every - {part["id"]},
        "source=commerce": {shop["id"]},
        "managed_by=manual": every,
        "managed_by=stripe": set(),
        "livemode=true": every if shop["livemode"] else every - {shop["id"]},
        "paid_from=2026-03-02T12:00:00Z&paid_to=2026-03-02T12:00:01Z": {paid["id"]},
        "paid_to=1990-01-01T00:00:00Z": set(),
        "q=half": {part["id"]},
        f"contact_id={part['contact_id']}": {part["id"], paid["id"]},
        "recurring=true": set(),
        "recurring=false": every,
    }  # fmt: skip
    await till.sign_in()
    for query, expected in found.items():
        assert {one["id"] for one in (await till.get(f"/orders?{query}"))["items"]} == expected, query
        assert set(shown(await till.page(f"/orders?{query}"))) == expected, query
    assert "No order matches these filters" in await till.page("/orders?system=paypal")
    for wrong in ("sales_status=lost", "confirmed=yes", "currency=usd", "paid_from=2026", "system=%00", "columns=secret",
                  "created_from=2026-02-30", "manager_id=x", "colour=red", "cursor=x"):  # fmt: skip
        assert "The address of this page is not right" in await till.page(f"/orders?{wrong}", 422), wrong


async def test_S2_an_order_is_found_by_each_system_that_its_payments_went_by(till: Till) -> None:
    order = await till.order(await till.contact())
    await till.order(order["contact_id"])
    for system in ("till", "pix", "till"):
        await till.post(f"/orders/{order['id']}/payments", {"amount": 5, "system": system})
    await till.sign_in()
    for system, expected in (("till", [order["id"]]), ("pix", [order["id"]]), ("hand", [])):
        assert shown(await till.page(f"/orders?system={system}")) == expected
    page = await till.page("/orders")
    assert re.findall(r'<option value="(\w+)"></option>', page) == ["pix", "till", "BRL"]


async def test_S2_days_are_those_of_the_account_and_the_last_counts_whole(till: Till) -> None:
    await till.set(timezone="America/Sao_Paulo")
    order = await till.order(
        await till.contact(), payment_status="paid", paid_at="2026-03-03T02:30:00Z"
    )  # 23:30 of the second
    await till.sign_in()
    for query, expected in (
        ("paid_from=2026-03-02&paid_to=2026-03-02", [order["id"]]), ("paid_from=2026-03-03", []), ("paid_to=2026-03-01", []),
    ):  # fmt: skip
        assert shown(await till.page(f"/orders?{query}")) == expected, query
    page = await till.page("/orders?paid_from=2026-03-02T03:00:00Z&paid_to=2026-03-03T03:00:00Z")
    assert re.search(r'name="paid_from" value="2026-03-02"', page)
    assert re.search(r'name="paid_to" value="2026-03-02"', page)


async def test_S2_orders_of_a_recurring_order_are_left_out_and_found_by_it(till: Till) -> None:
    contact, recurring = await till.contact(), new_id()
    alone = await till.order(contact)
    cycle = await till.order(contact)
    await till.shop.ctx.pool.execute("UPDATE orders SET recurring_order_id = $1 WHERE id = $2", recurring, cycle["id"])
    await till.sign_in()
    page = await till.page("/orders")
    assert shown(page) == [alone["id"]]
    assert 'data-count="open">1<' in page
    assert shown(await till.page(f"/orders?recurring_order_id={recurring}")) == [cycle["id"]]
    assert shown(await till.page("/orders?recurring=true")) == [cycle["id"]]


async def test_S2_chips_count_what_there_is_by_sales_status(till: Till) -> None:
    contact = await till.contact()
    for status in ("paid", "paid", "pending", "failed", "refunded", "canceled", "canceled"):
        await till.order(contact, payment_status=status)
    await till.sign_in()
    page = await till.page("/orders")
    assert dict(re.findall(r'data-count="(\w+)">([^<]+)<', page)) == {
        "open": "1", "completed": "2", "declined": "3", "refund": "1",
    }  # fmt: skip
    assert len(shown(await till.page("/orders?sales_status=declined"))) == 3
    assert "data-count" not in await till.page("/orders?currency=BRL")  # counts of other orders would mislead


async def test_S2_more_details_opens_the_report_with_the_same_filters(till: Till) -> None:
    await till.sign_in()
    manager = new_id()
    page = await till.page(
        f"/orders?manager_id={manager}&currency=BRL&paid_from=2026-03-01&paid_to=2026-03-31&system=hand"
    )
    [link] = re.findall(r'href="(/reports\?[^"]*)"', page)
    assert parse_qs(urlsplit(link.replace("&amp;", "&")).query) == {
        "by": ["manager"], "manager_id": [manager], "currency": ["BRL"], "system": ["hand"],
        "from": ["2026-03-01T00:00:00Z"], "to": ["2026-04-01T00:00:00Z"],
    }  # fmt: skip
    assert 'href="/reports?by=currency"' in await till.page("/orders")


async def test_S2_pages_follow_each_other_and_filters_stay(till: Till) -> None:
    contact = await till.contact()
    made = [(await till.order(contact, payment_status="paid"))["id"] for _ in range(5)]
    await till.sign_in()
    found, path = [], "/orders?limit=2&payment_status=paid&columns=amount"
    while path:
        page = await till.page(path)
        found += shown(page)
        assert "payment_status=paid" in page
        links = re.findall(r'rel="next" href="([^"]+)"', page)
        path = links[0].replace("&amp;", "&") if links else ""
    assert found == made[::-1]


async def test_S2_columns_are_chosen_in_the_address(till: Till) -> None:
    await sold(till)
    await till.sign_in()
    page = await till.page("/orders?columns=amount,customer")
    heads = [words(one) for one in re.findall(r'<th scope="col"[^>]*>(.*?)</th>', page.split("<tbody")[0])]
    assert heads == ["Order", "Customer", "Amount", "Actions"]
    assert 'href="/orders?columns=customer%2Coffer%2Camount"' in page


@pytest.mark.parametrize("path", ["/orders", "/payments", "/payments/01938c5e-3f00-7000-8000-000000000001"])
async def test_O13_while_the_registry_is_off_the_pages_say_so(till: Till, path: str) -> None:
    await till.sign_in()
    await till.set(registry_enabled=False)
    assert "The order registry is off" in await till.page(path, 403)


async def test_O12_a_private_rep_sees_their_own_orders_counts_and_payments_alone(till: Till) -> None:
    rep_token = await till.post("/tokens", {"name": "Rui", "role": "rep", "permissions": ["sales.confirm", "ops.view"]})
    theirs = await sold(till, external_id="theirs")
    mine = (await till.post("/contacts", {"name": "Mine", "owner_id": rep_token["id"]}))["id"]
    order = await till.order(mine)
    paid = await till.post(f"/orders/{order['id']}/payments", {"amount": 700, "system": "till"})
    await till.set(owner_privacy=True)
    await till.sign_in(rep_token["token"])
    for path in ("/orders", "/orders?sales_status=open", "/orders?payment_status=partially_paid"):
        assert shown(await till.page(path)) == [order["id"]], path
    page = await till.page("/orders")
    assert 'data-count="open">1<' in page
    assert "Ana Silva" not in page
    assert theirs["payments"][0]["id"] not in page
    for query in (f"contact_id={theirs['contact_id']}", "q=theirs", "system=hand", f"offer_id={theirs['offer_id']}"):
        assert shown(await till.page(f"/orders?{query}")) == [], query
    payments = await till.page("/payments")
    assert list(rows(payments, "tr")) == [paid["payments"][0]["id"]]
    assert '<option value="hand">' not in payments
    await till.page(f"/payments/{paid['payments'][0]['id']}")
    assert "There is no such payment" in await till.page(f"/payments/{theirs['payments'][0]['id']}", 404)


async def test_I4_nothing_of_another_account_is_seen(till: Till) -> None:
    order = await sold(till)
    await till.sign_in(await till.other_account())
    page = await till.page("/orders")
    assert "No orders yet" in page
    assert "Barista" not in page
    assert 'data-count="open">0<' in page
    assert "No payments yet" in await till.page("/payments")
    await till.page(f"/payments/{order['payments'][0]['id']}", 404)


async def test_what_others_wrote_is_text_and_never_markup(till: Till) -> None:
    contact = (await till.post("/contacts", {"name": HOSTILE, "email": "x@example.com"}))["id"]
    offer = await course(till, name=HOSTILE)
    token = (await till.post("/tokens", {"name": '"><img src=x>', "role": "manager"}))["id"]
    order = await till.order(contact, title=HOSTILE, offer_id=offer["id"], manager_id=token)
    paid = await till.post(f"/orders/{order['id']}/payments", {"amount": 5, "system": HOSTILE, "comment": HOSTILE})
    await till.sign_in()
    payment = paid["payments"][0]["id"]
    for path in (
        "/orders",
        "/payments",
        f"/payments/{payment}",
        "/orders?q=%3Cscript%3Ealert",
        "/orders?system=%22%3E%3Chr",
    ):
        page = await till.page(path)
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert '"><hr' not in page, path
        assert not re.search(r"<style|\sstyle=|\son\w+=", page), path
