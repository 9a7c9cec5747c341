"""An order's money by hand, and who made the sale (O5, P4, S3)."""

from __future__ import annotations

from schemas.account import Permission
from tests.api.conftest import Api
from worker.ids import new_id


async def test_O5_a_hand_payment_supersedes_a_note(api: Api) -> None:
    order = await api.order(await api.contact(), payment_status="paid")
    assert (order["payment_status"], order["amount_paid"]) == ("paid", 2000)
    paid = await api.post(
        f"/orders/{order['id']}/payments", {"amount": 500, "method": "cash", "comment": "at the door"}
    )
    assert (paid["payment_status"], paid["amount_paid"]) == ("partially_paid", 500)
    [payment] = paid["payments"]
    assert (payment["status"], payment["system"], payment["method"], payment["percent"]) == (
        "succeeded", "hand", "cash", "25.00",
    )  # fmt: skip
    noted = await api.ask("PATCH", f"/orders/{order['id']}", json={"payment_status": "paid"})
    assert (noted.status, noted.json["code"]) == (409, "derived")


async def test_P5_a_hand_refund_gives_back_at_most_what_is_held(api: Api) -> None:
    order = await api.order(await api.contact())
    path = f"/orders/{order['id']}/refunds"
    refused = await api.ask("POST", path, json={"amount": 1})
    assert (refused.status, refused.fields) == (422, ["amount"])
    paid = await api.post(f"/orders/{order['id']}/payments", {"amount": 2000})
    given = await api.post(path, {"amount": 700, "payment_id": paid["payments"][0]["id"], "reason": "damaged"})
    assert (given["amount_refunded"], given["payments"][0]["refunded"], given["payment_status"]) == (700, 700, "paid")
    assert (await api.ask("POST", path, json={"amount": 1301})).status == 422
    rest = await api.post(path, {"amount": 1300})
    assert (rest["payment_status"], rest["sales_status"]) == ("refunded", "refund")
    unknown = await api.ask("POST", path, json={"amount": 1, "payment_id": new_id()})
    assert (unknown.status, unknown.fields) == (422, ["payment_id"])


async def test_P4_a_partly_paid_order_is_confirmed_or_declined_and_its_payment_status_stays(api: Api) -> None:
    order = await api.order(await api.contact())
    refused = await api.ask("POST", f"/orders/{order['id']}/confirm")
    assert (refused.status, refused.json["code"]) == (409, "not_partly_paid")
    await api.post(f"/orders/{order['id']}/payments", {"amount": 500})
    confirmed = (await api.ask("POST", f"/orders/{order['id']}/confirm")).json
    assert (confirmed["sales_status"], confirmed["payment_status"]) == ("completed", "partially_paid")
    declined = (await api.ask("POST", f"/orders/{order['id']}/decline")).json
    assert (declined["sales_status"], declined["payment_status"]) == ("declined", "partially_paid")
    paid = await api.post(f"/orders/{order['id']}/payments", {"amount": 1500})
    assert paid["sales_status"] == "completed"  # by its payments, whatever was decided before


async def test_S3_a_sale_is_confirmed_as_the_system_the_manager_or_another(api: Api) -> None:
    order = await api.order(await api.contact())
    path = f"/orders/{order['id']}/sale-confirmation"
    assert (order["sale_kind"], order["sale_confirmed_at"]) == ("system", None)
    refused = await api.ask("POST", path, json={"as": "manager"})
    assert (refused.status, refused.json["code"]) == (409, "manager_missing")
    manager = (await api.post("/tokens", {"name": "Mia", "role": "manager"}))["id"]
    assigned = await api.post(f"/orders/{order['id']}/manager", {"manager_id": manager}, 200)
    assert (assigned["manager_id"], assigned["sale_confirmed_at"]) == (manager, None)
    confirmed = await api.post(path, {"as": "manager"}, 200)
    assert (confirmed["sale_kind"], confirmed["manager_id"], confirmed["sale_confirmed_by"]) == (
        "user", manager, "token:first admin",
    )  # fmt: skip
    assert confirmed["sale_confirmed_at"] is not None
    assert (await api.post(path, {"as": "system"}, 200))["sale_kind"] == "system"
    other = (await api.post("/tokens", {"name": "Leo", "role": "manager"}))["id"]
    assert (await api.post(path, {"as": "other", "manager_id": other}, 200))["manager_id"] == other
    assert (await api.ask("POST", path, json={"as": "other"})).fields == ["manager_id"]
    assert (await api.post(path, {}, 200))["sale_kind"] == "user"  # by default: the manager of the order


async def test_S3_confirming_needs_its_permission(api: Api) -> None:
    order = await api.order(await api.contact())
    token = await api.token("rep", Permission.CRM_MANAGE)
    for verb, body in (
        ("confirm", None),
        ("decline", None),
        ("sale-confirmation", {}),
        ("manager", {"manager_id": None}),
    ):
        refused = await api.ask("POST", f"/orders/{order['id']}/{verb}", json=body, token=token)
        assert (refused.status, refused.json["permission"]) == (403, "sales.confirm")


async def test_S1_an_offer_without_partial_payment_is_paid_by_hand_at_once_or_not_at_all(api: Api) -> None:
    offer = await api.post("/offers", {"name": "Course", "unit_price": 1000, "several_units": True})
    order = await api.order(await api.contact(), offer_id=offer["id"])
    path = f"/orders/{order['id']}/payments"
    refused = await api.ask("POST", path, json={"amount": 1999})
    assert (refused.status, refused.json["code"], refused.fields) == (422, "partial_payment", ["amount"])
    assert (await api.get(f"/orders/{order['id']}")) == order
    assert (await api.post(path, {"amount": 2000}))["payment_status"] == "paid"
    assert (await api.post(path, {"amount": 1}))["amount_paid"] == 2001  # nothing is owed: no part of anything
    noted = await api.order(await api.contact("bob@example.com"), offer_id=offer["id"], payment_status="paid")
    assert (
        await api.ask("POST", f"/orders/{noted['id']}/payments", json={"amount": 5})
    ).status == 422  # a note pays nothing


async def test_S1_an_offer_with_partial_payment_is_paid_in_parts(api: Api) -> None:
    offer = await api.post("/offers", {"name": "Course", "unit_price": 1000, "partial_payment": True})
    order = await api.order(await api.contact(), offer_id=offer["id"])
    paid = await api.post(f"/orders/{order['id']}/payments", {"amount": 500})
    assert (paid["payment_status"], paid["payment_type"]) == ("partially_paid", "partial")


async def test_S1_what_is_left_of_a_provider_s_part_payment_is_paid_at_once(api: Api) -> None:
    offer = await api.post("/offers", {"name": "Course", "unit_price": 1000, "partial_payment": True})
    order = await api.order(await api.contact(), offer_id=offer["id"])
    path = f"/orders/{order['id']}/payments"
    await api.post(path, {"amount": 500})  # as good as a provider's: from now on the offer is not paid for in parts
    await api.ask("PATCH", f"/offers/{offer['id']}", json={"partial_payment": False})
    assert (await api.ask("POST", path, json={"amount": 1499})).fields == ["amount"]
    assert (await api.post(path, {"amount": 1500}))["payment_status"] == "paid"
