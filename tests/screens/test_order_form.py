"""The order form, and what a person makes at the screens (O1, O6, O7, O8, O9)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from schemas.account import Permission
from tests.screens.browser import Browser, browsing
from worker.ids import new_id


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Browser]:
    async with browsing(database) as found:
        yield found


def value(page: str, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}" value="(.*?)"', page)
    assert found is not None, name
    return unescape(found[1])


async def test_O4_what_a_person_makes_at_the_screens_is_manual_and_what_a_program_makes_is_api(desk: Browser) -> None:
    contact = await desk.contact()
    body = {"contact_id": contact, "amount": 500, "external_id": "one"}
    status, made = await desk.call("POST", "/orders", body)
    assert (status, made["origin"], made["source"], made["managed_by"]) == (201, "manual", "manual", "manual")
    again, same = await desk.call("POST", "/orders", body)
    assert (again, same["id"]) == (200, made["id"])
    by_program = await desk.order(**body)  # the same external id of another origin is another order
    assert (by_program["origin"], by_program["source"]) == ("api", "api")
    assert by_program["id"] != made["id"]
    status, child = await desk.call("POST", f"/orders/{made['id']}/children", {"template": "invoice"})
    assert (status, child["origin"], child["source"]) == (201, "manual", "manual")
    status, rows = await desk.call("POST", "/orders/bulk", {"orders": [{"contact_id": contact, "amount": 7}]})
    assert status == 200, rows
    assert (await desk.api.get(f"/orders/{rows['results'][0]['id']}"))["source"] == "manual"


async def test_the_new_form_offers_what_there_is_and_begins_with_the_customer_of_the_address(desk: Browser) -> None:
    contact = await desk.contact()
    offer = await desk.api.post("/offers", {"name": "Course", "unit_price": 100, "currency": "BRL"})
    await desk.api.post("/locations", {"slug": "shop", "name": "Shop"})
    page = await desk.page(f"/orders/new?contact_id={contact}")
    assert f'name="contact_id" value="{contact}"' in page
    picker = page.partition('data-picker="/api/v1/contacts"')[2].partition("</div>")[0]
    assert 'value="Ana Silva"' in picker
    assert f'<option value="{offer["id"]}" >#1 Course</option>' in page
    assert ">Shop</option>" in page
    templates = re.findall(r'<option value="(\w+)"', page.partition('name="template"')[2].partition("</select>")[0])
    assert {"sale", "purchase", "quote"} <= set(templates)
    assert not {"invoice", "shipping", "return"} & set(templates)  # made from another order alone
    assert f'name="contact_id" value="{new_id()}"' not in await desk.page(f"/orders/new?contact_id={new_id()}")


async def test_O7_the_edit_form_has_what_the_order_has(desk: Browser) -> None:
    order = await desk.order(
        title="Beans", notes="Ring twice", items=[
            {"name": "Coffee", "sku": "COF", "quantity": "2.5", "unit_price": 123456, "tax_rate": "8.875", "discount": 5}
        ],
        charges=[{"kind": "shipping", "value": 1500}, {"kind": "discount", "mode": "percent", "of": "running", "value": "2.5"}],
    )  # fmt: skip
    page = await desk.page(f"/orders/{order['id']}/edit")
    item = order["items"][0]
    assert value(page, "items.0.id") == item["id"]
    shown = {
        name: value(page, f"items.0.{name}")
        for name in ("sku", "name", "quantity", "unit_price", "tax_rate", "discount")
    }
    assert shown == {
        "sku": "COF", "name": "Coffee", "quantity": "2.5", "unit_price": "1,234.56", "tax_rate": "8.875",
        "discount": "0.05",
    }  # fmt: skip
    assert (value(page, "charges.0.value"), value(page, "charges.1.value")) == ("15.00", "2.5")
    assert f'data-version="{order["version"]}"' in page
    assert ">Ring twice</textarea>" in page
    assert value(page, "title") == "Beans"


async def test_T5_a_line_that_a_child_carries_is_locked_in_the_form(desk: Browser) -> None:
    order = await desk.order(items=[{"name": "A", "unit_price": 1}, {"name": "B", "unit_price": 2}])
    carried = {"template": "shipping", "items": [{"item_id": order["items"][0]["id"]}]}
    await desk.api.post(f"/orders/{order['id']}/children", carried)
    page = await desk.page(f"/orders/{order['id']}/edit")
    assert page.count("A child of this order carries it.") == 1
    assert page.index("A child of this order carries it.") < page.index(order["items"][1]["id"])


async def test_O8_lines_and_charges_are_locked_by_the_stage_of_the_order(desk: Browser) -> None:
    for status, locked in (("new", 0), ("processing", 1), ("completed", 2)):
        order = await desk.order(status=status)
        page = await desk.page(f"/orders/{order['id']}/edit")
        assert page.count('<fieldset class="lines" disabled>') == locked
        assert page.count(f"it is {status}. Move it back first.") == locked


async def test_H4_two_people_do_not_overwrite_each_other(desk: Browser) -> None:
    order = await desk.order()
    await desk.api.ask("PATCH", f"/orders/{order['id']}", json={"title": "Theirs"})
    status, refused = await desk.call(
        "PATCH", f"/orders/{order['id']}", {"title": "Mine"}, If_Match=f'"{order["version"]}"'
    )
    assert (status, refused["code"]) == (412, "version")


async def test_a_form_needs_the_permission_and_names_it(desk: Browser) -> None:
    order = await desk.order()
    await desk.sign_in(await desk.api.token("rep", Permission.SALES_CONFIRM))
    for path in ("/orders/new", f"/orders/{order['id']}/edit"):
        answer, page = await desk.get(path)
        assert answer.status == 403
        assert "lacks the permission crm.manage" in page
