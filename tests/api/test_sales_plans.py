"""Sales plans of a contact over the API, and whom they propose (S5)."""

from __future__ import annotations

from typing import Any

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


async def test_S5_a_sale_is_confirmed_as_the_manager_whom_the_customers_plan_proposes(api: Api) -> None:
    contact_id = await api.contact()
    offer = (await api.post("/offers", {"name": "Course", "unit_price": 5}))["id"]
    planned, named, other = [await api.token_id("manager") for _ in range(3)]
    order = await api.order(contact_id, offer_id=offer, manager_id=named)
    path = f"/orders/{order['id']}/sale-confirmation"

    async def confirmed(**wish: Any) -> tuple[str, str | None]:
        answer = await api.post(path, wish, 200)
        return answer["sale_kind"], answer["manager_id"]

    assert await confirmed() == ("user", named)
    plan = await api.post(f"/contacts/{contact_id}/sales-plans", {"offer_id": offer, "manager_id": planned})
    assert await confirmed(**{"as": "manager"}) == ("user", named)
    assert await confirmed(manager_id=other) == ("user", other)
    assert await confirmed() == ("user", planned)
    assert (await confirmed(**{"as": "system"}))[0] == "system"
    assert (await api.ask("DELETE", f"/contacts/{contact_id}/sales-plans/{plan['id']}")).status == 204
    unplanned = await api.order(contact_id, offer_id=offer)
    nobody = await api.post(f"/orders/{unplanned['id']}/sale-confirmation", {}, 200)
    assert (nobody["sale_kind"], nobody["manager_id"]) == ("system", None)


async def test_S3_a_plan_for_another_offer_or_customer_makes_no_manager_of_this_sale(api: Api) -> None:
    contact_id = await api.contact()
    one, two = [(await api.post("/offers", {"name": name, "unit_price": 5}))["id"] for name in ("A", "B")]
    manager = await api.token_id("manager")
    for planned, offer in ((contact_id, two), (await api.contact("bob@example.com"), one)):
        await api.post(f"/contacts/{planned}/sales-plans", {"offer_id": offer, "manager_id": manager})
    order = await api.order(contact_id, offer_id=one)
    answer = await api.post(f"/orders/{order['id']}/sale-confirmation", {}, 200)
    assert (answer["sale_kind"], answer["manager_id"]) == ("system", None)
    await api.post(f"/contacts/{contact_id}/sales-plans", {"manager_id": manager})  # for whatever they buy
    assert (await api.post(f"/orders/{order['id']}/sale-confirmation", {}, 200))["manager_id"] == manager
