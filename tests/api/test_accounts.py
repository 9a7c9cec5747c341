"""Accounts over the API: settings, and the switch of the order registry (O13)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api, ids
from worker.api.routes import OPERATIONS
from worker.ids import new_id

OF_THE_REGISTRY = {"orders", "payments", "recurring-orders", "checkouts", "reports"}


async def test_an_account_is_shown_with_its_settings(api: Api) -> None:
    path = f"/accounts/{api.shop.account_id}"
    found = await api.ask("GET", path, token=await api.token("rep"))
    assert found.headers["ETag"] == '"1"'
    assert {name: found.json[name] for name in ("currency", "timezone", "registry_enabled", "owner_privacy")} == {
        "currency": "BRL", "timezone": "UTC", "registry_enabled": True, "owner_privacy": False,
    }  # fmt: skip
    assert (found.json["retry_intervals_s"], found.json["private_targets"]) == ([86_400, 259_200], False)
    assert (await api.get("/accounts"))["items"] == [found.json]


async def test_I4_another_account_is_not_there(api: Api) -> None:
    stranger = await api.other_account()
    for path in (f"/accounts/{api.shop.account_id}", f"/accounts/{new_id()}"):
        assert (await api.ask("GET", path, token=stranger)).status == 404
        assert (await api.ask("PATCH", path, token=stranger, json={"timezone": "UTC"})).status == 404
    assert api.shop.account_id not in ids((await api.get("/accounts", token=stranger))["items"])


async def test_H2_settings_are_changed_by_who_may_and_against_what_they_saw(api: Api) -> None:
    path = f"/accounts/{api.shop.account_id}"
    wanted = {
        "currency": "EUR", "timezone": "America/Sao_Paulo", "owner_privacy": True, "private_targets": True,
        "retry_intervals_s": [60, 7_776_000], "registry_enabled": False,
    }  # fmt: skip
    denied = await api.ask("PATCH", path, json=wanted, token=await api.token("manager", Permission.CRM_MANAGE))
    assert (denied.status, denied.json["permission"]) == (403, "settings.manage")
    keeper = await api.token("rep", Permission.SETTINGS_MANAGE)
    changed = await api.ask("PATCH", path, json=wanted, token=keeper, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert {name: changed.json[name] for name in wanted} == wanted
    assert (await api.ask("PATCH", path, json=wanted)).headers["ETag"] == '"2"', "nothing changed"
    stale = await api.ask("PATCH", path, json={"currency": "BRL"}, headers={"If-Match": '"1"'})
    assert stale.status == 412
    answers = await asyncio.gather(
        *(
            api.ask("PATCH", path, json={"timezone": zone}, headers={"If-Match": '"2"'})
            for zone in ("UTC", "Asia/Tokyo")
        )
    )
    assert sorted(answer.status for answer in answers) == [200, 412]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": None}, "currency"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "America"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"retry_intervals_s": []}, "retry_intervals_s"),
        ({"retry_intervals_s": [59]}, "retry_intervals_s.0"),
        ({"retry_intervals_s": [60, 7_776_001]}, "retry_intervals_s.1"),
        ({"retry_intervals_s": [60] * 11}, "retry_intervals_s"),
        ({"retry_intervals_s": ["60"]}, "retry_intervals_s.0"),
        ({"registry_enabled": "yes"}, "registry_enabled"),
        ({"owner_privacy": None}, "owner_privacy"),
        ({"name": "other"}, "name"),
    ],
)
async def test_a_setting_that_cannot_be_is_named(api: Api, wrong: dict[str, Any], field: str) -> None:
    answer = await api.ask("PATCH", f"/accounts/{api.shop.account_id}", json=wrong)
    assert (answer.status, answer.fields) == (422, [field])


async def test_the_accounts_currency_is_that_of_new_orders_and_deals(api: Api) -> None:
    await api.set(currency="EUR")
    assert (await api.order(await api.contact()))["currency"] == "EUR"
    assert (await api.post("/deals", {"title": "Beans", "amount": 5}))["currency"] == "EUR"
    assert (await api.post("/deals", {"title": "Beans"}))["currency"] is None


def test_O13_whatever_the_registry_holds_is_declared_so() -> None:
    assert {operation.tag for operation in OPERATIONS if operation.registry} <= OF_THE_REGISTRY
    assert all(operation.registry for operation in OPERATIONS if operation.tag in OF_THE_REGISTRY)


async def test_O13_while_the_registry_is_off_the_answer_says_who_can_enable_it(api: Api) -> None:
    order = await api.order(await api.contact())
    await api.set(registry_enabled=False)
    for token in (api.admin, await api.token("rep", *Permission)):
        for operation in OPERATIONS:
            path = operation.path
            for name in operation.parameters:
                path = path.replace("{" + name + "}", order["id"])
            answer = await api.ask(
                operation.method, path, token=token, data=None if operation.method == "GET" else b"{"
            )
            if operation.registry:
                assert (answer.status, answer.json["code"]) == (403, "registry_off"), path
                assert (answer.json["permission"]) == "settings.manage"
                assert f"/api/v1/accounts/{api.shop.account_id}" in answer.json["detail"]
            else:
                assert answer.status != 403, path
    await api.set(registry_enabled=True)
    assert (await api.get(f"/orders/{order['id']}"))["id"] == order["id"]
