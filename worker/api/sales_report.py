"""The sales report over the API, as JSON and as CSV (S4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from handlers import sales_report as rules
from handlers.errors import Refused
from schemas.account import Reach
from schemas.api.sales_report import By, SalesFilter, SalesQuery, SalesReport, SalesTableQuery
from worker.api.operation import Ask, Operations, answer
from worker.store import sales_report
from worker.store.db import Pooled
from worker.store.sales_report import Sold, TookTooLongError
from worker.store.snapshot import snapshot

OPERATIONS = Operations("reports", registry=True)
USUAL = timedelta(days=30)
CLOCKS_DIFFER = timedelta(minutes=1)
"""The payer's system says when it was paid: a payment of this moment counts."""
MOST = 10_000
"""Rows of one report."""


@OPERATIONS.declare("GET", "/reports/sales", "Report completed sales", query=SalesQuery, answer=SalesReport)
async def report_sales(ask: Ask, query: SalesQuery) -> web.Response:
    """What completed sales came to, by currency and one thing more. Of what the asker may see."""
    rows, since, to = await _asked(ask, query)
    return answer(
        SalesReport.model_validate(
            {"by": query.by, "from": since, "to": to, "items": rows, "totals": rules.totals(rows)}
        )
    )


@OPERATIONS.declare(
    "GET", "/reports/sales.csv", "Report completed sales as CSV", query=SalesTableQuery, answer="text/csv"
)
async def report_sales_table(ask: Ask, query: SalesTableQuery) -> web.Response:
    """The rows of `GET /reports/sales`, with the columns that are chosen. A text that a spreadsheet would take for a
    formula has a quote before it."""
    rows, since, to = await _asked(ask, query)
    major = query.units == "major"
    text = rules.table(rows, query.columns.split(","), major=major)
    if query.control == "true":
        made = datetime.fromtimestamp(ask.ctx.clock(), UTC)
        named = query.model_dump(exclude={"from_", "to", "sort", "columns", "units", "control"}, exclude_none=True)
        asked = {"made_at": _time(made), "from": _time(since), "to": _time(to), **named, "amounts_in": query.units}
        text += rules.control(rows, asked, major=major)
    headers = {"Content-Disposition": f'attachment; filename="sales-by-{query.by}.csv"'}
    return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)


async def _asked(ask: Ask, query: SalesQuery) -> tuple[list[Mapping[str, Any]], datetime, datetime]:
    to = query.to or datetime.fromtimestamp(ask.ctx.clock(), UTC) + CLOCKS_DIFFER
    since = query.from_ or to - USUAL
    async with snapshot(ask.ctx.pool) as connection:
        rows = await read(connection, ask.reach, query.by, query, since, to)
    return rules.ordered(rows, query.sort), since, to


async def read(
    connection: Pooled, reach: Reach, by: By, wanted: SalesFilter, since: datetime, to: datetime
) -> list[dict[str, Any]]:
    """The rows of a report, by currency and name. Refused (`invalid`) where they are too many, or take too long."""
    if since >= to:
        raise Refused("invalid", "`from` is not before `to`.", field="from", remedy="Give an earlier time.")
    given = wanted.model_dump(include=set(SalesFilter.model_fields) - {"include_test", "confirmed"})
    confirmed = by == "manager" or wanted.confirmed == "true"
    sold = Sold(since=since, until=to, test=wanted.include_test == "true", confirmed=confirmed, **given)
    try:
        groups = await sales_report.read(connection, reach, by, sold, MOST + 1)
    except TookTooLongError:
        raise Refused(
            "invalid", "The report took too long to add up, and was stopped.", field="from",
            remedy="Ask for a shorter time.",
        ) from None  # fmt: skip
    if len(groups) > MOST:
        raise Refused(
            "invalid", f"The report has more than {MOST:,} rows.", field="from",
            remedy="Ask for a shorter time, or by something else.",
        )  # fmt: skip
    return rules.figures(groups)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
