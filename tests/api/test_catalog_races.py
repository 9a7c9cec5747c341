"""Many at the same moment: prices are read as one, versions are kept, merges take along what hangs on them."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import Api


async def test_T6_an_order_takes_currency_and_price_of_one_version_of_a_price_list(api: Api) -> None:
    versions = [
        {"currency": code, "entries": [{"sku": "A", "unit_price": price}]}
        for code, price in (("BRL", 100), ("USD", 200))
    ]
    found = await api.post("/price-lists", {"slug": "now", "name": "Now", **versions[0]})
    wish = {"contact_id": await api.contact(), "price_list": "now", "items": [{"sku": "A", "name": "Beans"}]}

    async def change() -> None:
        for number in range(1, 21):
            answer = await api.ask("PATCH", f"/price-lists/{found['id']}", json=versions[number % 2])
            assert answer.status == 200

    answers = await asyncio.gather(change(), *(api.ask("POST", "/orders", json=wish) for _ in range(40)))
    orders = [answer.json for answer in answers[1:] if answer is not None]
    assert len(orders) == 40
    assert {(order["currency"], order["amount"]) for order in orders} <= {("BRL", 100), ("USD", 200)}


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("locations", {"slug": "x", "name": "x"}),
        ("price-lists", {"slug": "x", "name": "x"}),
        ("offers", {"name": "x", "unit_price": 1}),
    ],
)
async def test_H4_of_two_changes_of_one_version_one_is_made(api: Api, noun: str, body: dict[str, object]) -> None:
    made = await api.post(f"/{noun}", body)
    path = f"/{noun}/{made['id']}"
    answers = await asyncio.gather(
        *(api.ask("PATCH", path, json={"name": f"y{n}"}, headers={"If-Match": '"1"'}) for n in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7
    [winner] = [answer.json for answer in answers if answer.status == 200]
    assert await api.get(path) == winner
