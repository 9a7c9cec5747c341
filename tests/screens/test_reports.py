"""Reports on screen (S4): the figures, the bars and the file agree with the orders to the last minor unit."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.screens.conftest import Office, shown
from tests.world import NOW, payload
from worker.api import sales_report as api_report
from worker.screens import bars
from worker.screens.sales import spans
from worker.store import sales_report as store
from worker.store import tokens

TODAY = datetime.fromtimestamp(NOW, UTC)


async def _sale(
    office: Office, contact: str, amount: int, *, paid_at: datetime = TODAY, **fields: Any
) -> dict[str, Any]:
    """An order paid at a time, by hand; `system` is the payment's."""
    system = fields.pop("system", "cash")
    order = await office.api.order(contact, amount=None if "offer_id" in fields else amount, items=None, **fields)
    await office.api.post(
        f"/orders/{order['id']}/payments",
        {"amount": amount, "system": system, "paid_at": paid_at.isoformat().replace("+00:00", "Z")},
    )
    return order


async def _day(office: Office) -> dict[str, Any]:
    """Sales of two offers in two currencies on three days, one refunded in part, one confirmed as a manager's."""
    api = office.api
    contact = await api.contact()
    category = (await api.post("/offer-categories", {"name": "Courses"}))["id"]
    tea = await api.post("/offers", {"name": "Tea", "unit_price": 700, "category_id": category})
    manager = await api.token_id("manager")
    first = await _sale(office, contact, 700, offer_id=tea["id"], paid_at=TODAY - timedelta(days=2))
    await _sale(office, contact, 700, offer_id=tea["id"])
    await _sale(office, contact, 333, paid_at=TODAY - timedelta(days=1), system="bank")
    await _sale(office, contact, 50, currency="JPY")
    await api.post(f"/orders/{first['id']}/refunds", {"amount": 200})
    await api.post(f"/orders/{first['id']}/sale-confirmation", {"as": "other", "manager_id": manager}, 200)
    return {"contact": contact, "tea": tea["id"], "category": category, "manager": manager, "first": first["id"]}


def _values(page: str, currency: str) -> list[int]:
    """The bars of a currency as minor units, from the table beneath them."""
    _, _, rest = page.partition(f'aria-label="Funds in {currency} by ')
    cells = re.findall(rf'<td class="number">{currency} ([-\d,.]+)</td>', rest.partition("</table>")[0])
    return [int(cell.replace(",", "").replace(".", "")) for cell in cells]


async def test_S4_the_bars_and_the_totals_are_those_of_the_orders(office: Office) -> None:
    made = await _day(office)
    orders = await office.api.pages("/orders", 50)
    wanted = {
        currency: sum(o["amount_paid"] - o["amount_refunded"] for o in orders if o["currency"] == currency)
        for currency in ("BRL", "JPY")
    }
    assert wanted == {"BRL": 1533, "JPY": 50}
    for by in ("currency", "offer", "offer_category", "contact", "payment_system", "day", "month"):
        page = await office.page(f"/reports?by={by}&range=30d")
        assert (shown(page, "total", "BRL"), shown(page, "total", "JPY")) == ("BRL 15.33", "JPY 50"), by
        assert (sum(_values(page, "BRL")), sum(_values(page, "JPY"))) == (1533, 50), by
        assert len(_values(page, "BRL")) == 30, by
    page = await office.page("/reports?range=year")
    assert sum(_values(page, "BRL")) == 1533
    assert len(_values(page, "BRL")) == TODAY.month
    page = await office.page("/reports?by=manager&range=30d")
    assert shown(page, "total", "BRL") == "BRL 5.00"
    assert sum(_values(page, "BRL")) == 500, "the bars are of the same sales as the table"
    assert made["manager"] in page


async def test_S4_every_filter_narrows_the_figures_the_bars_and_the_file_alike(office: Office) -> None:
    made = await _day(office)
    for query, wanted in {
        f"offer_id={made['tea']}": 1200, f"category_id={made['category']}": 1200, f"manager_id={made['manager']}": 500,
        "system=bank": 333, f"contact_id={made['contact']}": 1533, "currency=BRL": 1533, "confirmed=true": 500,
    }.items():  # fmt: skip
        page = await office.page(f"/reports?by=offer&range=30d&{query}")
        assert shown(page, "total", "BRL") == f"BRL {wanted / 100:.2f}", query
        assert sum(_values(page, "BRL")) == wanted, query
        found = re.search(r'href="(/api/v1/reports/sales\.csv\?[^"]+)"', page)
        assert found
        answer = await office.api.ask("GET", html.unescape(found[1]))
        rows = list(csv.reader(io.StringIO(answer.raw.decode())))
        column = rows[0].index("funds")
        end = rows.index([])
        assert sum(round(float(row[column]) * 100) for row in rows[1:end] if "BRL" in row) == wanted, query
        assert ["BRL", *rows[end + 2][1:5], f"{wanted / 100:.2f}"] == rows[end + 2], query
        name, value = query.split("=")
        assert [name, value] in rows, query
        assert any(row[:1] == ["made_at"] for row in rows)


async def test_S4_days_are_those_of_the_account(office: Office) -> None:
    await office.api.set(timezone="Asia/Tokyo")
    contact = await office.api.contact()
    await _sale(office, contact, 500, paid_at=datetime(2026, 8, 31, 14, 59, tzinfo=UTC))
    await _sale(office, contact, 700, paid_at=datetime(2026, 8, 31, 15, 0, tzinfo=UTC))
    for query, wanted in {
        "from=2026-08-31&to=2026-08-31": "BRL 5.00",
        "from=2026-09-01&to=2026-09-01": "BRL 7.00",
    }.items():
        page = await office.page(f"/reports?by=day&{query}")
        assert shown(page, "total", "BRL") == wanted
        assert len(_values(page, "BRL")) == 1
    page = await office.page("/reports?by=offer&from=2026-08-31T14:59:00Z&to=2026-08-31T15:00:00Z")
    assert shown(page, "total", "BRL") == "BRL 5.00", "the order list hands over times as the API takes them"


async def test_S4_each_figure_leads_to_the_orders_behind_it(office: Office) -> None:
    made = await _day(office)
    page = html.unescape(await office.page("/reports?by=offer&range=30d"))
    link = re.search(rf'href="(/orders\?[^"]*offer_id={made["tea"]}[^"]*)"', page)
    assert link
    for part in ("sales_status=completed", "currency=BRL", "paid_from=", "paid_to="):
        assert part in link[1]
    assert f'href="/customers/{made["contact"]}"' in await office.page("/reports?by=contact&range=30d")


async def test_S4_the_table_is_sorted_and_has_the_columns_that_are_chosen(office: Office) -> None:
    await _day(office)
    page = await office.page("/reports?by=offer&range=30d&sort=name&columns=name,funds")
    head = page.partition("<thead><tr>")[2].rpartition("<thead><tr>")[2].partition("</thead>")[0]
    assert re.findall(r'class="sort"[^>]*>([\w ]+)', head) == ["Offer", "Funds"]
    assert head.count("aria-sort") == 1
    assert 'aria-sort="ascending"' in head
    status, to, _ = await office.ask("/reports?by=offer&columns=name&columns=funds")
    assert (status, to) == (303, "/reports?by=offer&columns=name,funds")
    for wrong in (
        "columns=password",
        "sort=password",
        "from=2026-13-01",
        "from=2026-09-02&to=2026-09-01",
        "by=x",
        "to=%00",
    ):
        assert (await office.ask(f"/reports?{wrong}"))[0] == 422, wrong


async def test_S4_a_report_that_is_too_large_or_takes_too_long_says_so_and_keeps_its_filters(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await _day(office)
    monkeypatch.setattr(api_report, "MOST", 3)
    page = await office.page(f"/reports?by=day&range=30d&contact_id={made['contact']}")
    assert "more than 3 rows" in page
    assert "shorter time" in page
    page = await office.page("/reports?by=currency&range=year")
    assert "more than" not in page
    monkeypatch.setattr(store, "LONGEST", "100ms")
    async with office.api.shop.ctx.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        page = await office.page("/reports?by=offer&range=30d")
    assert "took too long" in page
    assert 'name="offer_id"' in page


async def test_S4_R7_test_sales_are_left_out_unless_asked_for(office: Office) -> None:
    await office.api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    [order] = await office.api.pages("/orders", 50)
    day = order["paid_at"][:10]
    page = await office.page(f"/reports?from={day}&to={day}")
    assert "No completed sale in this time" in page
    assert "count them too" in page
    page = await office.page(f"/reports?from={day}&to={day}&include_test=true")
    assert sum(_values(page, order["currency"])) == order["amount_paid"]


async def test_S4_O12_a_report_holds_what_its_reader_may_see(office: Office) -> None:
    api = office.api
    row, rep = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", [])
    mine = (await api.post("/contacts", {"name": "Mine", "owner_id": row.id}))["id"]
    theirs = (await api.post("/contacts", {"name": "Theirs"}))["id"]
    await _sale(office, mine, 500)
    await _sale(office, theirs, 900)
    await api.set(owner_privacy=True)
    page = await office.page("/reports?by=contact&range=30d", rep)
    assert shown(page, "total", "BRL") == "BRL 5.00"
    assert sum(_values(page, "BRL")) == 500
    assert "Theirs" not in page
    assert theirs not in page
    assert "not found" in await office.page(f"/reports?contact_id={theirs}", rep)
    assert "No completed sale" in await office.page("/reports", await api.other_account())


async def test_I3_names_in_a_report_are_text(office: Office) -> None:
    contact = (await office.api.post("/contacts", {"name": "<b>Bold</b>"}))["id"]
    await _sale(office, contact, 500)
    page = await office.page(f"/reports?by=contact&range=30d&contact_id={contact}")
    assert "<b>Bold" not in page
    assert "&lt;b&gt;Bold" in page


ZONES = st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Tokyo", "Pacific/Apia", "Europe/Berlin", "Africa/Cairo"])
DAYS = st.dates(date(1972, 1, 1), date(2100, 1, 1))


@given(ZONES, DAYS, st.integers(0, 800))
def test_S4_the_steps_of_a_span_are_all_of_it_and_nothing_more(zone: str, first: date, days: int) -> None:
    last = first + timedelta(days=days)
    span = spans.span("month", first.isoformat(), last.isoformat(), TODAY, ZoneInfo(zone))
    assert (span.first, span.last, span.preset) == (first, last, "")
    parts = [span.part(step) for step in span.steps]
    assert parts[0].since == span.since
    assert parts[-1].until == span.until
    assert all(before.until == after.since for before, after in pairwise(parts))
    assert len(parts) <= max(spans.DAILY, 28)


@given(st.lists(st.integers(-(10**12), 10**12), max_size=60), st.sampled_from(["BRL", "JPY", "KWD"]))
def test_S4_bars_stand_within_the_plot_and_are_as_long_as_their_amounts(amounts: list[int], currency: str) -> None:
    drawn = bars.upright(currency, [(str(place), "", amount) for place, amount in enumerate(amounts)])
    assert len(drawn.bars) == len(amounts)
    zero = float(drawn.zero)
    for bar, amount in zip(drawn.bars, amounts, strict=True):
        top, height = float(bar.y), float(bar.height)
        assert top >= -0.01
        assert top + height <= 100.02
        assert abs((top + height if amount > 0 else top) - zero) <= 0.02, "it stands on the ground, or hangs from it"
    longest = max(drawn.bars, key=lambda bar: float(bar.height), default=None)
    if longest is not None:
        assert abs(amounts[drawn.bars.index(longest)]) >= max(map(abs, amounts)) * 0.999
    ranks = bars.ranking(currency, [(str(amount), amount, None) for amount in amounts])
    assert all(0 <= float(rank.width) <= 100 for rank in ranks)


async def test_O12_the_payment_systems_offered_tell_a_private_rep_nothing(office: Office) -> None:
    contact = await office.api.contact()
    order = await office.api.order(contact)
    await office.api.post(f"/orders/{order['id']}/payments", {"amount": 100, "system": "barter"})
    assert '<option value="barter"' in await office.page("/reports")
    await office.api.set(owner_privacy=True)
    assert "barter" not in await office.page("/reports", await office.api.token("rep"))
