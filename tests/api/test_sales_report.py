"""The sales report over the API (S4): it agrees with the orders to the last minor unit."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import sales_report
from tests.api.conftest import Api
from tests.world import payload
from worker.ids import new_id
from worker.store import sales_report as store

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


async def test_S4_filters_narrow_the_report_to_the_orders_that_they_name(api: Api) -> None:
    made = await _sales(api)
    orders = {order["id"]: order for order in await api.pages("/orders", 50)}
    teas = [order for order in orders.values() if order["offer_id"] == made["tea"]["id"]]
    for query, wanted in {
        f"offer_id={made['tea']['id']}": sum(o["amount_paid"] - o["amount_refunded"] for o in teas),
        f"category_id={made['tea']['category_id']}&currency=BRL": 2400, f"manager_id={made['manager']}": 700,
        f"contact_id={made['contact']}&currency=BRL": 2400, f"contact_id={new_id()}": 0, "system=cash": 2100,
        "system=bank&currency=EUR": 2000, "confirmed=true": 1600,
    }.items():  # fmt: skip
        for by in ("currency", "offer", "contact", "payment_system", "day", "month"):
            totals = (await api.get(f"{SALES}?by={by}&{query}"))["totals"]
            assert sum(total["funds"] for total in totals) == wanted, (by, query)
    assert (await api.ask("GET", f"{SALES}?offer_id=x&system=")).fields == ["offer_id", "system"]


async def test_S4_by_day_and_month_of_the_accounts_calendar(api: Api) -> None:
    await api.set(timezone="Asia/Tokyo")
    contact = await api.contact()
    for paid_at in ("2026-08-31T14:59:59Z", "2026-08-31T15:00:00Z"):
        order = await api.order(contact, amount=500, items=None)
        await api.post(f"/orders/{order['id']}/payments", {"amount": 500, "system": "cash", "paid_at": paid_at})
    for by, keys in {"day": ["2026-08-31", "2026-09-01"], "month": ["2026-08", "2026-09"]}.items():
        rows = (await api.get(f"{SALES}?by={by}&sort=name"))["items"]
        assert _figures(rows, "key", "name", "orders", "funds") == [(key, key, 1, 500) for key in keys]


async def test_S4_the_file_says_what_it_is_checked_by(api: Api) -> None:
    await _sales(api)
    asked = f"{SALES}.csv?by=offer&columns=name,currency,funds"
    plain = (await api.ask("GET", asked)).raw.decode()
    told = (await api.ask("GET", f"{asked}&control=true&units=major")).raw.decode()
    rows, wanted = list(csv.reader(io.StringIO(told))), list(csv.reader(io.StringIO(plain)))
    end = rows.index([])
    assert [row[2] for row in rows[1:end]] == [f"{int(row[2]) / 100:.2f}" for row in wanted[1:]]
    totals = (await api.get(f"{SALES}?by=offer"))["totals"]
    assert rows[end + 1] == ["total", "orders", "amount", "received", "refunded", "funds"]
    assert [(row[0], int(row[1]), row[5]) for row in rows[end + 2 : end + 2 + len(totals)]] == [
        (total["currency"], total["orders"], f"{total['funds'] / 100:.2f}") for total in totals
    ]
    facts = {row[0]: row[1] for row in rows[end + 3 + len(totals) :]}
    assert set(facts) == {"made_at", "from", "to", "by", "confirmed", "include_test", "amounts_in"}
    assert facts["by"] == "offer"
    assert "made_at" not in plain


async def test_S4_a_report_that_takes_too_long_is_stopped_and_says_so(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LONGEST", "100ms")
    async with api.shop.ctx.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        answer = await api.ask("GET", SALES)
    assert (answer.status, answer.fields) == (422, ["from"])
    assert "shorter time" in answer.json["detail"]


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
    column = sort.removeprefix("-")
    for code in {row["currency"] for row in rows}:
        told = [row[column] for row in sales_report.ordered(rows, sort) if row["currency"] == code]
        values = [value for value in told if value is not None]
        assert values == sorted(values, reverse=sort.startswith("-"))
        assert told == values + [None] * (len(told) - len(values))
    for total in sales_report.totals(rows):
        of = [row for row in rows if row["currency"] == total["currency"]]
        assert total["funds"] == sum(row["funds"] for row in of) == total["received"] - total["refunded"]
    for major in (False, True):
        read = list(csv.reader(io.StringIO(sales_report.table(rows, sales_report.COLUMNS, major=major), newline="")))
        assert len(read) == len(rows) + 1
        digits = {"BRL": 2, "EUR": 2, "JPY": 0} if major else dict.fromkeys(("BRL", "EUR", "JPY"), 0)
        funds = [Decimal(line[-1]).scaleb(digits[line[2]]) for line in read[1:]]
        assert funds == [row["funds"] for row in rows]
        assert not any(line[0].startswith(("=", "+", "-", "@", "\t", "\r")) for line in read[1:])
