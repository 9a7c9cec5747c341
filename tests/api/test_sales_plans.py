"""Sales plans of a contact over the API, and whom they propose (S5)."""

from __future__ import annotations

from schemas.account import Permission
from tests.api.conftest import Api, ids
from worker.ids import new_id
from worker.store import sales_plans
from worker.store.db import acquire


async def proposed(api: Api, contact_id: str, offer_id: str | None) -> str | None:
    async with acquire(api.shop.ctx.pool) as connection:
        return await sales_plans.proposed_manager(connection, api.shop.account_id, contact_id, offer_id)


async def test_S5_a_plan_proposes_the_manager_of_the_sale(api: Api) -> None:
    contact_id = await api.contact()
    offer = await api.post("/offers", {"name": "Course", "unit_price": 1})
    path = f"/contacts/{contact_id}/sales-plans"
    mine = await api.post(path, {"note": "Pays in March"})
    manager = await api.token("manager", Permission.CRM_MANAGE)
    theirs = await api.post(path, {"offer_id": offer["id"]}, token=manager)
    assert (mine["note"], mine["offer_id"], mine["manager_name"]) == ("Pays in March", None, "first admin")
    assert (theirs["manager_name"], theirs["contact_id"]) == ("manager", contact_id)
    assert await proposed(api, contact_id, offer["id"]) == theirs["manager_id"]
    assert await proposed(api, contact_id, None) == mine["manager_id"]
    assert await proposed(api, await api.contact("bob@example.com"), offer["id"]) is None
    assert ids((await api.get(path))["items"]) == [theirs["id"], mine["id"]]
    assert ids(await api.pages(path, 1)) == [theirs["id"], mine["id"]]
    assert (await api.ask("DELETE", f"{path}/{theirs['id']}")).status == 204
    assert await proposed(api, contact_id, offer["id"]) == mine["manager_id"]
    assert (await api.ask("DELETE", f"{path}/{theirs['id']}")).status == 404


async def test_S5_a_manager_notes_and_takes_back_their_own_plans_only(api: Api) -> None:
    path = f"/contacts/{await api.contact()}/sales-plans"
    mine = await api.post(path, {})
    manager = await api.token("manager", Permission.CRM_MANAGE)
    for answer in (
        await api.ask("POST", path, json={"manager_id": mine["manager_id"]}, token=manager),
        await api.ask("DELETE", f"{path}/{mine['id']}", token=manager),
    ):
        assert (answer.status, answer.json["code"]) == (403, "not_owner")
    own = await api.post(path, {}, token=manager)
    named = await api.post(path, {"manager_id": own["manager_id"]})
    assert named["manager_name"] == "manager"
    assert (await api.ask("DELETE", f"{path}/{own['id']}", token=manager)).status == 204


async def test_S5_what_a_plan_names_has_to_be_there(api: Api) -> None:
    contact_id = await api.contact()
    path = f"/contacts/{contact_id}/sales-plans"
    for wrong, code, field in (
        ({"offer_id": new_id()}, "offer_unknown", "offer_id"),
        ({"manager_id": new_id()}, "manager_unknown", "manager_id"),
    ):
        answer = await api.ask("POST", path, json=wrong)
        assert (answer.status, answer.json["code"], answer.fields) == (422, code, [field])
    plan = await api.post(path, {})
    other = await api.other_account()
    elsewhere = f"/contacts/{await api.contact('bob@example.com')}/sales-plans"
    for method, address, token in (
        ("GET", path, other),
        ("POST", path, other),
        ("DELETE", f"{path}/{plan['id']}", other),
        ("DELETE", f"{elsewhere}/{plan['id']}", None),
        ("GET", f"/contacts/{new_id()}/sales-plans", None),
    ):
        answer = await api.ask(method, address, token=token, **({"json": {}} if method == "POST" else {}))
        assert answer.status == 404
    assert (await api.ask("POST", path, json={}, token=await api.token("rep"))).status == 403
