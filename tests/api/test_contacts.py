"""Contacts over the API."""

from __future__ import annotations

import asyncio

from tests.api.conftest import Api, ids


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


async def test_the_contacts_of_another_account_are_not_there(api: Api) -> None:
    contact_id = await api.contact()
    stranger = await api.other_account()
    assert (await api.ask("GET", f"/contacts/{contact_id}", token=stranger)).status == 404
    assert (await api.get("/contacts", token=stranger))["items"] == []
    assert (await api.post("/contacts", {"email": "ana@example.com"}, token=stranger))["id"] != contact_id
