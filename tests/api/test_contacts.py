"""Contacts over the API."""

from __future__ import annotations

import asyncio

from tests.api.conftest import Api, ids
from tests.world import edited, payload


async def test_a_contact_is_made_and_read(api: Api) -> None:
    answer = await api.ask(
        "POST", "/contacts", json={"email": "Ana@Example.COM", "name": "Ana Silva", "phone": "+55 11"}
    )
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/contacts/{answer.json['id']}"
    assert (answer.json["email"], answer.json["anonymous"]) == ("ana@example.com", False)
    assert await api.get(f"/contacts/{answer.json['id']}") == answer.json


async def test_an_address_belongs_to_one_contact(api: Api) -> None:
    first = await api.contact("ana@example.com")
    answer = await api.ask("POST", "/contacts", json={"email": "ANA@example.com"})
    assert (answer.status, answer.json["contact_id"], answer.fields) == (409, first, ["email"])
    assert len((await api.get("/contacts"))["items"]) == 1
    crowd = await asyncio.gather(*(api.ask("POST", "/contacts", json={"email": "bob@example.com"}) for _ in range(20)))
    assert sorted(answer.status for answer in crowd) == [201] + [409] * 19
    assert len({answer.json.get("contact_id") or answer.json["id"] for answer in crowd}) == 1


async def test_a_contact_of_nothing_is_refused(api: Api) -> None:
    for body in (
        {},
        {"email": None},
        {"email": "nobody"},
        {"email": "a@b c"},
        {"name": ""},
        {"nick": "x", "name": "a"},
    ):
        assert (await api.ask("POST", "/contacts", json=body)).status == 422


async def test_contacts_are_found_by_address_and_by_words(api: Api) -> None:
    ana = (await api.post("/contacts", {"email": "ana@example.com", "name": "Ana Souza Silva"}))["id"]
    bob = (await api.post("/contacts", {"email": "bob_b@example.com", "name": "Bob"}))["id"]
    nameless = (await api.post("/contacts", {"phone": "1"}))["id"]
    for query, found in {
        "": [nameless, bob, ana], "email=ANA@example.com": [ana], "email=an@example.com": [], "q=sou": [ana], "q=silva%20ana": [ana],
        "q=bob_": [bob], "q=bob%25": [bob], "q=an_": [ana], "q=ana@ex": [ana], "q=zed": [],
    }.items():  # fmt: skip
        page = await api.get(f"/contacts?{query}")
        assert ids(page["items"]) == found, query
    assert ids(await api.pages("/contacts", 2)) == [nameless, bob, ana]


async def test_I4_the_contacts_of_another_account_are_not_there(api: Api) -> None:
    contact_id = await api.contact()
    stranger = await api.other_account()
    assert (await api.ask("GET", f"/contacts/{contact_id}", token=stranger)).status == 404
    assert (await api.get("/contacts", token=stranger))["items"] == []
    assert (await api.post("/contacts", {"email": "ana@example.com"}, token=stranger))["id"] != contact_id


async def test_a_contact_is_changed_field_by_field_against_what_was_seen(api: Api) -> None:
    contact_id, owner_id = await api.contact(), await api.token_id()
    path = f"/contacts/{contact_id}"
    changed = await api.ask("PATCH", path, json={"phone": "+55 11", "owner_id": owner_id}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert {name: changed.json[name] for name in ("email", "name", "phone", "owner_id")} == {
        "email": "ana@example.com", "name": "Ana Silva", "phone": "+55 11", "owner_id": owner_id,
    }  # fmt: skip
    assert (await api.ask("PATCH", path, json={"phone": "+55 12"}, headers={"If-Match": '"1"'})).status == 412
    assert (await api.ask("PATCH", path, json={"phone": "+55 11"})).headers["ETag"] == '"2"', "nothing changed"
    assert ids((await api.get(f"/contacts?owner_id={owner_id}"))["items"]) == [contact_id]
    assert (await api.get(f"/contacts?owner_id={await api.token_id()}"))["items"] == []
    cleared = await api.ask("PATCH", path, json={"phone": None, "owner_id": None, "name": None})
    assert (cleared.json["phone"], cleared.json["owner_id"], cleared.json["name"]) == (None, None, None)
    nothing = await api.ask("PATCH", path, json={"email": None})
    assert (nothing.status, nothing.fields) == (422, ["email"])
    for wrong in ({"email": "x"}, {"owner_id": "x"}, {"name": "a\x00"}, {"version": 3}):
        assert (await api.ask("PATCH", path, json=wrong)).fields == list(wrong)
    unknown = await api.ask("PATCH", path, json={"owner_id": contact_id})
    assert (unknown.status, unknown.json["code"]) == (422, "owner_unknown")


async def test_of_two_changes_of_one_contact_one_is_made(api: Api) -> None:
    path = f"/contacts/{await api.contact()}"
    answers = await asyncio.gather(
        *(api.ask("PATCH", path, json={"name": str(n)}, headers={"If-Match": '"1"'}) for n in range(6))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 5


async def test_an_address_that_another_contact_has_names_that_contact(api: Api) -> None:
    ana, bob = await api.contact(), await api.contact("bob@example.com")
    answer = await api.ask("PATCH", f"/contacts/{bob}", json={"email": "ANA@example.com", "name": "Bob"})
    assert (answer.status, answer.json["contact_id"], answer.fields) == (409, ana, ["email"])
    assert (await api.get(f"/contacts/{bob}"))["name"] == "Ana Silva", "nothing of it was changed"
    moved = await api.ask("PATCH", f"/contacts/{bob}", json={"email": "Bob@example.org"})
    assert (moved.status, moved.json["email"]) == (200, "bob@example.org")
    for address in ("bob@example.org", "bob@example.com"):  # senders still know them by the old one
        assert ids((await api.get(f"/contacts?email={address}"))["items"]) == [bob]
    back = await api.ask("PATCH", f"/contacts/{bob}", json={"email": "bob@example.com"})
    assert (back.status, back.json["email"]) == (200, "bob@example.com")
    race = await asyncio.gather(
        *(api.ask("PATCH", f"/contacts/{one}", json={"email": "one@example.com"}) for one in (ana, bob))
    )
    assert sorted(answer.status for answer in race) == [200, 409]


async def test_O11_lifetime_totals_are_by_currency_and_count_no_test_and_no_void_order(api: Api) -> None:
    contact_id = await api.contact()
    await api.order(contact_id, payment_status="paid")
    await api.order(contact_id, amount=300, items=None, payment_status="refunded")
    await api.order(contact_id, currency="JPY", amount=5, items=None)
    test = await api.order(contact_id)
    void = await api.order(contact_id)
    invoice = await api.order(contact_id)
    await api.order(await api.contact("bob@example.com"))
    pool = api.shop.ctx.pool
    await pool.execute("UPDATE orders SET livemode = false WHERE id = $1", test["id"])
    await pool.execute("UPDATE orders SET status = 'void' WHERE id = $1", void["id"])
    await pool.execute("UPDATE orders SET type = 'invoice', parent_id = id WHERE id = $1", invoice["id"])
    assert (await api.get(f"/contacts/{contact_id}"))["totals"] == [
        {"currency": "BRL", "orders": 2, "amount": 2300, "paid": 2300, "refunded": 300},
        {"currency": "JPY", "orders": 1, "amount": 5, "paid": 0, "refunded": 0},
    ]


async def test_contacts_that_turn_out_to_be_one_keep_an_owner_and_their_deals(api: Api) -> None:
    owner_id, shop = await api.token_id(), api.shop
    body = payload("shopify", "orders_create__three_lines.json")
    for number, email in ((1, "a@example.com"), (2, "b@example.com")):
        await shop.deliver("shopify", edited(body, id=number, customer={"id": number}, email=email), "orders/create")
    first, second = [row["contact_id"] for row in await shop.rows("SELECT contact_id FROM orders ORDER BY created_at")]
    for contact_id in (first, second):
        await api.deal(contact_id=contact_id)
    gone = max(first, second)
    assert (await api.ask("PATCH", f"/contacts/{gone}", json={"owner_id": owner_id})).status == 200
    await shop.deliver("shopify", edited(body, id=3, customer={"id": 1}, email="b@example.com"), "orders/create")
    [left] = (await api.get("/contacts"))["items"]
    assert left["owner_id"] == owner_id
    assert [deal["contact_id"] for deal in (await api.get("/deals"))["items"]] == [left["id"]] * 2
