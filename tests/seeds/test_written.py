"""Seed files that somebody wrote (T7, settled question 15)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.seeds.conftest import Account
from worker.errors import UserError
from worker.store.checks import broken

SEEDS = {
    "locations": [{"slug": "lisbon", "name": "Warehouse Lisbon"}],
    "contacts": [
        {"name": "Ana Silva", "identifiers": ["a@b.c", "stripe:cus_1"], "phone": "+351 1"},
        {"name": "Somebody", "external_id": "c-2"},
    ],
    "products": [{"sku": "COF-1", "name": "Coffee beans", "unit_price": 4990, "tax_rate": "10"}],
    "templates": [{"slug": "trade", "name": "Trade", "type": "sale", "title": "Trade {contact} {external_id}"}],
    "orders": [
        {
            "external_id": "S-1",
            "template": "trade",
            "contact_id": "{{getRecordAttribute('contacts','identifiers','a@b.c')}}",
            "location_id": "{{ getRecordAttribute( 'locations', 'slug', 'lisbon' ) }}",
            "items": [
                {"item_code": "COF-1", "line_qty": 2},
                {"object_type": "service", "name": "Grinding", "unit_price_cents": 150, "quantity": "1.5", "total": 1},
            ],
            "charges": [{"kind": "shipping", "value": 1000}],
            "summary": {"order_total": 1},
            "amount": 1,
        },
        {
            "external_id": "S-1-invoice",
            "template": "invoice",
            "parent_id": '{{getRecordAttribute("orders","external_id","S-1")}}',
            "items": [{"sku": "COF-1"}],
        },
        {
            "object_type": "quote",
            "contact": "{{getContentInstance('contacts','c-2')}}",
            "amount": 700,
            "slug": "a-quote",
        },
    ],
}


async def test_T7_what_is_written_down_is_made_with_what_follows_from_it(api: Api, here: Account) -> None:
    counts = await here.load(SEEDS)
    assert (counts.made, counts.changed, counts.unchanged) == (8, 0, 0)
    sale, quote, invoice = await here.all("orders")
    assert (sale["title"], sale["slug"], sale["origin"], sale["source"]) == (
        "Trade Ana Silva S-1", "trade-ana-silva-s-1", "import", "manual",
    )  # fmt: skip
    coffee, grinding = sale["items"]
    assert (coffee["name"], coffee["quantity"], coffee["unit_price"], coffee["total"]) == (
        "Coffee beans",
        2,
        4990,
        10978,
    )
    assert (grinding["service"], grinding["total"]) == (True, 225)
    assert sale["amount"] == sale["summary"]["order_total"] == 10978 + 225 + 1000
    assert (quote["type"], quote["slug"], quote["amount"]) == ("quote", "a-quote", 700)
    assert invoice["parent_id"] == sale["id"]
    assert [item["parent_item_id"] for item in invoice["items"]] == [coffee["id"]]
    assert not await broken(api.shop.ctx.pool)


@pytest.mark.parametrize("form", ["lists", "list", "lines"])
async def test_T7_again_and_in_any_form_it_is_the_same(here: Account, form: str) -> None:
    await here.load(SEEDS)
    entries = [{"object_type": type_[:-1], **entry} for type_, some in SEEDS.items() for entry in some]  # type: ignore[attr-defined]
    entries[-1]["object_type"] = "quote"
    text = {
        "lists": json.dumps(SEEDS),
        "list": json.dumps(entries[::-1], indent=2),
        "lines": "\n".join(map(json.dumps, entries)),
    }[form]
    again = await here.load(text)
    assert (again.made, again.changed, again.unchanged) == (0, 0, 8)


async def test_T7_entries_without_a_name_are_told_apart_by_content_and_place(here: Account) -> None:
    """Settled question 15: a hash of the entry with its ordinal among equals."""
    order = {"object_type": "order", "contact_id": "{{getRecordAttribute('contacts','name','Ana')}}", "amount": 5}
    file = [{"object_type": "contact", "name": "Ana"}, order, order, {**order, "amount": 6}]
    assert (await here.load(file)).made == 4
    assert (await here.load(file)).made == 0
    assert (await here.load([*file, order])).made == 1
    assert sorted(one["amount"] for one in await here.all("orders")) == [5, 5, 5, 6]


async def test_T7_the_catalogue_becomes_what_the_file_says_and_orders_that_differ_are_refused(here: Account) -> None:
    await here.load(SEEDS)
    changed = json.loads(json.dumps(SEEDS))
    changed["products"][0]["unit_price"] = 5500
    counts = await here.load(changed)
    assert (counts.made, counts.changed) == (0, 1)
    assert [product["unit_price"] for product in await here.all("products")] == [5500]
    changed["orders"][0]["charges"] = []
    with pytest.raises(UserError, match="imported before, with other values"):
        await here.load(changed)


async def test_T7_a_contact_that_is_known_is_that_contact_and_keeps_what_it_says(api: Api, here: Account) -> None:
    contact = await api.contact("a@b.c")
    await here.load(SEEDS)
    [ana] = [one for one in await here.all("contacts") if one["id"] == contact]
    assert (ana["name"], ana["phone"], ana["email"]) == ("Ana Silva", "+351 1", "a@b.c")


BROKEN: list[tuple[str, str, int]] = [
    (('[\n {"object_type": "contact", "name": "Ana"},\n {"object_type": "order",\n  "items": [\n   {"name": "Tea",\n'
     '    "quantity": "two"}]}\n]'), "items.0.quantity", 6),
    ('[{"object_type": "order"}]', "An order needs a contact", 1),
    ('[\n\n{"object_type": "order", "contact_id": "{{getRecordAttribute(\'contacts\',\'identifiers\',\'x@y.z\')}}"}]',
     "None of the contacts here has identifiers 'x@y.z'", 3),
    ('[{"object_type": "order", "contact_id": "{{getRecordAttribute(contacts)}}"}]', "cannot be read", 1),
    ('[{"object_type": "order", "contact_id": "{{getRecordAttribute(\'ships\',\'name\',\'x\')}}"}]', "found by ships", 1),
    ('[{"object_type": "ship"}]', '"ship" is no object_type', 1),
    ('[{"name": "Ana"}]', "object_type is missing", 1),
    ('{"contacts": [{"name": "Ana"},\n{"nome": "Bia"}]}', "nome", 2),
    ('[{"object_type": "contact", "name": "Ana"}\n{"object_type": "contact"}]', '"]" is missing', 2),
    ('[{"object_type": "order", "template": "nothing", "contact_id": "{{getRecordAttribute(\'contacts\',\'name\',\'Z\')}}"}]',
     "None of the contacts", 1),
    (('{"contacts":[{"name":"A"}],"orders":[{"parent_id":"{{getRecordAttribute(\'orders\',\'external_id\',\'P\')}}",\n'
     '"template":"invoice"}]}'), "parent of this order is neither", 1),
    ('[{"object_type": "contact", "name": "A\\u0000"}]', "name", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says", "line"), BROKEN)
async def test_T7_a_fault_is_told_with_its_line_and_nothing_is_kept(
    api: Api, here: Account, text: str, says: str, line: int
) -> None:
    with pytest.raises(UserError) as raised:
        await here.load(text)
    found = str(raised.value).splitlines()
    assert any(one.startswith(f"seeds.json:{line}: ") and says in one for one in found), found
    assert found[-1].endswith("Nothing of seeds.json was imported.")
    assert await here.all("contacts") == await here.all("orders") == []
    assert await api.shop.rows("SELECT * FROM seeds") == []


async def test_T7_every_fault_is_told_at_once(here: Account) -> None:
    orders = [{"object_type": "order", "amount": -n} for n in range(1, 31)]
    with pytest.raises(UserError) as raised:
        await here.load("[\n" + ",\n".join(map(json.dumps, orders)) + "\n]")
    lines = str(raised.value).splitlines()
    assert [line.split(":")[1] for line in lines[:20]] == [str(n) for n in range(2, 22)]
    assert lines[20:] == ["... and 10 more", "30 things are wrong. Nothing of seeds.json was imported."]


async def test_T7_no_utf8_is_told_with_its_line(here: Account) -> None:
    with pytest.raises(UserError, match=r"seeds.json:3: this is no UTF-8"):
        await here.load(b'[\n{"object_type": "contact",\n"name": "Jos\xe9"}]')


async def test_T7_orders_wait_for_the_registry(api: Api, here: Account) -> None:
    await api.set(registry_enabled=False)
    with pytest.raises(UserError, match="enable-registry default"):
        await here.load(SEEDS)
    assert (await here.load({"contacts": SEEDS["contacts"]})).made == 2


async def test_T7_two_imports_at_once_make_everything_once(api: Api, here: Account) -> None:
    results: list[Any] = await asyncio.gather(
        here.load(SEEDS, "one.json"), here.load(SEEDS, "two.json"), return_exceptions=True
    )
    made = [result.made for result in results if not isinstance(result, BaseException)]
    assert sum(made) == 8, results
    assert all("under way" in str(result) for result in results if isinstance(result, BaseException))
    assert len(await here.all("orders")) == 3


async def test_T7_others_make_orders_while_an_import_is_under_way(api: Api, here: Account) -> None:
    """The counter of numbers is not held until the end."""
    contact = await api.contact()
    from worker.seeds.orders import Making

    seen: list[int] = []
    write = Making.batch

    async def batch(self: Making, ready: Any) -> None:
        await write(self, ready)
        seen.append((await api.order(contact))["number"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Making, "batch", batch)
        await here.load(SEEDS)
    numbers = sorted(order["number"] for order in await here.all("orders"))
    assert numbers == list(range(1, len(numbers) + 1))
    assert seen == list(range(1, len(seen) + 1))
