"""Reports (S4): what completed sales came to, as figures, pictures, a table and a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from pydantic import Field

from handlers import sales_report as rules
from handlers.errors import Refused
from schemas.api.fields import Short
from schemas.api.sales_report import By, Columns, SalesFilter, Sort
from worker.api.sales_report import read
from worker.screens import bars
from worker.screens.sales import spans
from worker.screens.sales.spans import Span
from worker.screens.screen import Content, Look, Screens
from worker.store import contact_reads, names, sales_lists
from worker.store.db import Pooled, acquire
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
TABS: dict[str, str] = {
    "currency": "Currency",
    "payment_system": "Payment system",
    "offer": "Offer",
    "offer_category": "Category",
    "manager": "Manager",
    "contact": "Customer",
    "day": "Day",
    "month": "Month",
}
HEADS = {
    "name": "Name",
    "number": "Number",
    "currency": "Currency",
    "orders": "Orders",
    "amount": "Order totals",
    "received": "Received",
    "refunded": "Refunded",
    "funds": "Funds",
}
NUMBERED = ("offer", "offer_category")
NAMELESS = {
    "offer": "No offer",
    "offer_category": "No category",
    "manager": "Made by the system",
    "payment_system": "No payment system",
    "contact": "Customer without a name",
}
SHOWN = 200
"""Rows of the table on the page; the file has them all."""
TOP = 10
DRAWN = 3
"""Currencies that are drawn, those with the most funds first."""
BEHIND = {"offer": "offer_id", "offer_category": "category_id", "manager": "manager_id", "contact": "contact_id",
           "payment_system": "system"}  # fmt: skip
"""What the order list is filtered by, for a row of a report."""


class ReportQuery(SalesFilter):
    by: By = "currency"
    range: Literal["month", "last-month", "30d", "year"] = "month"
    from_: Short | None = Field(None, alias="from")
    to: Short | None = None
    sort: Sort | None = None
    columns: Columns | None = None


class Drawing(msgspec.Struct, frozen=True):
    """The pictures of one currency."""

    currency: str
    over_time: bars.Bars
    top: tuple[bars.Rank, ...]


@SCREENS.declare("/reports", "Reports")
async def reports(look: Look) -> Content:
    """Completed sales of a time, by when they were paid."""
    _one_address(look.request)
    query = look.wanted(ReportQuery)
    zone = look.zone
    span = spans.span(query.range, query.from_, query.to, look.now, zone)
    rows: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
    problem = ""
    try:
        async with snapshot(look.ctx.pool) as connection:
            series = await _series(connection, look, query, span)
            rows = (
                series
                if query.by == span.step
                else await read(connection, look.reach, query.by, query, span.since, span.until)
            )
    except Refused as refused:  # too many rows, or too long: whoever looks chooses a shorter time
        problem = f"{refused.message} {refused.remedy}"
    totals = rules.totals(rows)
    async with acquire(look.ctx.pool) as connection:
        choices = await _choices(connection, look, query, totals)
    sort = query.sort or ("name" if query.by in ("day", "month") else "-funds")
    sorted_rows = rules.ordered(rows, sort)
    offered = [name for name in HEADS if name != "number" or query.by in NUMBERED]
    columns = [name for name in (query.columns or ",".join(offered)).split(",") if name in offered]
    return {
        "report": query,
        "tabs": TABS,
        "presets": spans.PRESETS,
        "span": span,
        "timezone": zone.key,
        "problem": problem,
        "totals": sorted(totals, key=lambda total: -total["orders"]),
        "drawings": drawings(query, span, rows, series),
        "rows": [_row(query, span, row) for row in sorted_rows[:SHOWN]],
        "more": max(0, len(rows) - SHOWN),
        "heads": HEADS,
        "offered": offered,
        "columns": columns,
        "sort": sort,
        "table": _table(query, span, sort, columns),
        "behind": _orders(query, span, {}),
        **choices,
    }


def _one_address(request: web.Request) -> None:
    """Boxes that are ticked come as one parameter each; the address names them together."""
    ticked = request.query.getall("columns", [])
    if len(ticked) > 1:
        kept = [(name, text) for name, text in request.query.items() if name != "columns"]
        raise web.HTTPSeeOther(f"{request.path}?{urlencode([*kept, ('columns', ','.join(ticked))])}")


async def _series(connection: Pooled, look: Look, query: ReportQuery, span: Span) -> list[dict[str, Any]]:
    """The same sales by day or month, with all that their orders received."""
    by: By = "day" if span.step == "day" else "month"
    same = query.model_copy(update={"confirmed": "true"}) if query.by == "manager" else query
    return await read(connection, look.reach, by, same, span.since, span.until)


def drawings(
    query: ReportQuery, span: Span, rows: Sequence[Mapping[str, Any]], series: Sequence[Mapping[str, Any]]
) -> list[Drawing]:
    """Funds over time, and the ten that brought most, for each currency by itself."""
    sums = sorted(rules.totals(series), key=lambda total: (-total["orders"], total["currency"]))
    found = []
    for currency in [total["currency"] for total in sums][:DRAWN]:
        funds = {row["key"]: row["funds"] for row in series if row["currency"] == currency}
        ranked = [row for row in rules.ordered(rows, "-funds") if row["currency"] == currency][:TOP]
        top = [(_name(query.by, row), row["funds"], row["key"]) for row in ranked]
        found.append(
            Drawing(
                currency=currency,
                over_time=bars.upright(
                    currency, [(_step(step), _step(step, "%d %b"), funds.get(step, 0)) for step in span.steps]
                ),
                top=bars.ranking(currency, top) if query.by not in ("currency", "day", "month") else (),
            )
        )
    return found


def _name(by: str, row: Mapping[str, Any]) -> str:
    if by == "currency":
        return str(row["currency"])
    if by in ("day", "month"):
        return _step(row["key"])
    return str(row["name"] or NAMELESS.get(by, "No name"))


def _step(key: str, day: str = "%d %b %Y") -> str:
    """A day or month as people read it."""
    return f"{date.fromisoformat(key):{day}}" if len(key) > 7 else f"{date.fromisoformat(f'{key}-01'):%b %Y}"


def _row(query: ReportQuery, span: Span, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what it is called, and where the orders behind it are."""
    key, part, given = row["key"], span, {"currency": row["currency"]}
    if query.by in BEHIND and key:
        given[BEHIND[query.by]] = key
    elif query.by in ("day", "month"):
        part = span.part(key)
    if query.by == "payment_system":
        del given["currency"]  # it is the payments' own, not the orders'
    return {
        **row,
        "shown_name": _name(query.by, row),
        "href": f"/customers/{key}" if query.by == "contact" else "",
        "behind": _orders(query, part, given) if key or query.by == "currency" else "",
    }


def _orders(query: ReportQuery, span: Span, given: Mapping[str, str]) -> str:
    """The address of the orders behind a figure."""
    asked = {**query.model_dump(include={"currency", *BEHIND.values()}, exclude_none=True), **given}
    if query.by == "manager" or query.manager_id or query.confirmed == "true":
        asked["confirmed"] = "true"
    asked |= {"sales_status": "completed", "paid_from": _time(span.since), "paid_to": _time(span.until)}
    return f"/orders?{urlencode(asked)}"


def _table(query: ReportQuery, span: Span, sort: str, columns: Sequence[str]) -> str:
    """The address of the same report as a file, which carries what it is checked by."""
    asked = {
        **query.model_dump(include=set(SalesFilter.model_fields), exclude_none=True), "by": query.by,
        "from": _time(span.since), "to": _time(span.until), "sort": sort, "columns": ",".join(columns),
        "units": "major", "control": "true",
    }  # fmt: skip
    return f"/api/v1/reports/sales.csv?{urlencode(asked)}"


async def _choices(connection: Pooled, look: Look, query: ReportQuery, totals: Sequence[Mapping[str, Any]]) -> Content:
    """What the filters offer, as (value, words): what is chosen now is always among it."""
    account_id = look.actor.account_id
    contact = await contact_reads.read(connection, look.reach, [query.contact_id] if query.contact_id else [])
    currencies = {total["currency"] for total in totals} | ({query.currency} if query.currency else set())
    return {
        "currencies": [(code, code) for code in sorted(currencies)],
        "offers": await names.offers(connection, account_id, query.offer_id),
        "categories": await names.categories(connection, account_id, query.category_id),
        "managers": await names.people(connection, account_id, query.manager_id),
        "systems": [(system, system) for system in await sales_lists.systems(connection, look.reach)],
        "contact": contact[0] if contact else None,
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
