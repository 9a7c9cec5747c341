"""The sales report over the API (S4): it agrees with the orders to the last minor unit."""

from __future__ import annotations

import csv
import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handlers import sales_report
from tests.api.conftest import Api
from tests.world import payload

SALES = "/reports/sales"


async def _sales(api: Api) -> dict[str, Any]:
    """Two offers of one category, a manager, two currencies, a refund, an invoice, an open order and a part confirmed."""
    contact = await api.contact()
    category = (await api.post("/offer-categories", {"name": "Courses"}))["id"]
    tea = await api.post(
        "/offers", {"name": "Tea", "unit_price": 700, "category_id": category, "partial_payment": True}
    )
    rum = await api.post("/offers", {"name": "=Rum", "unit_price": 900, "category_id": category})
    manager = await api.token_id("manager")
    made: list[dict[str, Any]] = []
    for offer in (tea, tea, rum):
        order = await api.order(contact, offer_id=offer["id"], items=None)
        await api.post(f"/orders/{order['id']}/payments", {"amount": order["amount"], "system": "cash"})
        made.append(order)
    await api.post(f"/orders/{made[0]['id']}/refunds", {"amount": 200})
    await api.post(f"/orders/{made[1]['id']}/sale-confirmation", {"as": "other", "manager_id": manager}, 200)
    await api.post(f"/orders/{made[2]['id']}/sale-confirmation", {"as": "system"}, 200)
    euro = await api.order(contact, currency="EUR")
    invoice = await api.post(f"/orders/{euro['id']}/children", {"template": "invoice"})
    await api.post(f"/orders/{invoice['id']}/payments", {"amount": 2000, "system": "bank"})
    part = await api.order(contact, offer_id=tea["id"], items=None)
    await api.post(f"/orders/{part['id']}/payments", {"amount": 300, "system": "bank"})
    await api.post(f"/orders/{part['id']}/confirm", {}, 200)
    await api.order(contact, amount=50, items=None)
    return {"tea": tea, "rum": rum, "manager": manager, "contact": contact}


def _figures(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


async def test_S4_the_totals_are_those_of_the_orders_by_whatever_they_are_told(api: Api) -> None:
    await _sales(api)
    orders = [
        order
        for order in await api.pages("/orders", 50)
        if order["sales_status"] == "completed" and order["type"] != "invoice"
    ]
    wanted: dict[str, list[int]] = {}
    for order in orders:
        sums = wanted.setdefault(order["currency"], [0, 0, 0])
        sums[0] += 1
        sums[1] += order["amount_paid"]
        sums[2] += order["amount_refunded"]
    told = [(code, *sums, sums[1] - sums[2]) for code, sums in sorted(wanted.items())]
    assert told == [("BRL", 4, 2600, 200, 2400), ("EUR", 1, 2000, 0, 2000)]
    for by in ("currency", "offer", "offer_category", "contact", "payment_system"):
        report = await api.get(f"{SALES}?by={by}")
        found = _figures(report["totals"], "currency", "orders", "received", "refunded", "funds")
        assert found == told, by


async def test_S4_each_row_is_told_by_what_it_is(api: Api) -> None:
    made = await _sales(api)
    report = await api.get(f"{SALES}?by=offer&currency=BRL&sort=name")
    assert _figures(report["items"], "key", "name", "number", "orders", "funds") == [
        (made["rum"]["id"], "=Rum", 2, 1, 900),
        (made["tea"]["id"], "Tea", 1, 3, 1500),
    ]
    report = await api.get(f"{SALES}?by=payment_system&sort=name")
    assert _figures(report["items"], "name", "currency", "funds") == [
        ("bank", "BRL", 300), ("bank", "EUR", 2000), ("cash", "BRL", 2100),
    ]  # fmt: skip
    report = await api.get(f"{SALES}?by=offer_category&sort=-funds")
    assert _figures(report["items"], "name", "number", "funds") == [("Courses", 1, 2400), (None, None, 2000)]


async def test_S4_by_manager_only_confirmed_sales_count(api: Api) -> None:
    made = await _sales(api)
    report = await api.get(f"{SALES}?by=manager&sort=-name")
    assert _figures(report["items"], "key", "name", "funds") == [(made["manager"], "manager", 700), (None, None, 900)]


async def test_S4_the_table_says_the_same_with_the_columns_that_are_chosen(api: Api) -> None:
    await _sales(api)
    answer = await api.ask("GET", f"{SALES}.csv?by=offer&sort=-funds&columns=name,currency,funds")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.raw.decode())))
    report = await api.get(f"{SALES}?by=offer&sort=-funds")
    told = [[row["name"] or "", row["currency"], str(row["funds"])] for row in report["items"]]
    assert rows[0] == ["name", "currency", "funds"]
    assert [[cell.removeprefix("'") for cell in row] for row in rows[1:]] == told
    assert ["'=Rum", "BRL", "900"] in rows, "no spreadsheet reckons with a name"
    refused = await api.ask("GET", f"{SALES}.csv?columns=password")
    assert (refused.status, refused.fields) == (422, ["columns"])


async def test_S4_O12_a_report_holds_what_its_reader_may_see(api: Api) -> None:
    await _sales(api)
    rep = await api.token("rep")
    await api.set(owner_privacy=True)
    assert (await api.get(SALES, token=rep))["items"] == []
    await api.set(registry_enabled=False)
    assert (await api.ask("GET", SALES)).status == 403


async def test_S4_a_time_and_test_mode_are_asked_for(api: Api) -> None:
    await _sales(api)
    assert (await api.get(f"{SALES}?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z"))["items"] == []
    assert (await api.ask("GET", f"{SALES}?from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:00Z")).fields == ["from"]
    await api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    [order] = [order for order in await api.pages("/orders", 50) if order["origin"] == "stripe"]
    asked = f"{SALES}?from=2015-01-01T00:00:00Z&currency={order['currency']}"
    with_test = (await api.get(f"{asked}&include_test=true"))["totals"]
    assert not order["livemode"]
    assert with_test != (await api.get(asked))["totals"]


GROUPS = st.lists(
    st.fixed_dictionaries(
        {
            "currency": st.sampled_from(["BRL", "EUR", "JPY"]),
            "key": st.just(None),
            "name": st.none() | st.text(max_size=5),
            "number": st.none() | st.integers(1, 9),
            "orders": st.integers(1, 9),
            "amount": st.integers(0, 2**53).map(str),
            "received": st.integers(0, 2**53).map(str),
            "refunded": st.integers(0, 2**53).map(str),
        }
    ),
    max_size=8,
)


@given(GROUPS, st.sampled_from([f"{sign}{name}" for sign in ("", "-") for name in sales_report.COLUMNS]))
def test_S4_sorting_and_summing_lose_nothing(groups: list[dict[str, Any]], sort: str) -> None:
    rows = sales_report.figures(groups)
    assert sorted(map(repr, sales_report.ordered(rows, sort))) == sorted(map(repr, rows))
    for total in sales_report.totals(rows):
        of = [row for row in rows if row["currency"] == total["currency"]]
        assert total["funds"] == sum(row["funds"] for row in of) == total["received"] - total["refunded"]
    read = list(csv.reader(io.StringIO(sales_report.table(rows, sales_report.COLUMNS), newline="")))
    assert len(read) == len(rows) + 1
