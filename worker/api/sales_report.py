"""The sales report over the API, as JSON and as CSV (S4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from handlers import sales_report as rules
from handlers.errors import Refused
from schemas.api.sales_report import SalesQuery, SalesReport, SalesTableQuery
from worker.api.operation import Ask, Operations, answer
from worker.store import sales_report
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
    rows, since, to = await _rows(ask, query)
    return answer(
        SalesReport.model_validate(
            {"by": query.by, "from": since, "to": to, "items": rows, "totals": rules.totals(rows)}
        )
    )


@OPERATIONS.declare(
    "GET", "/reports/sales.csv", "Report completed sales as CSV", query=SalesTableQuery, answer="text/csv"
)
async def report_sales_table(ask: Ask, query: SalesTableQuery) -> web.Response:
    """The rows of `GET /reports/sales`, with the columns that are chosen."""
    rows, _, _ = await _rows(ask, query)
    text = rules.table(rows, query.columns.split(","))
    headers = {"Content-Disposition": f'attachment; filename="sales-by-{query.by}.csv"'}
    return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)


async def _rows(ask: Ask, query: SalesQuery) -> tuple[list[Mapping[str, Any]], datetime, datetime]:
    to = query.to or datetime.fromtimestamp(ask.ctx.clock(), UTC) + CLOCKS_DIFFER
    since = query.from_ or to - USUAL
    if since >= to:
        raise Refused("invalid", "`from` is not before `to`.", field="from", remedy="Give an earlier time.")
    async with snapshot(ask.ctx.pool) as connection:
        groups = await sales_report.read(
            connection, ask.reach, query.by, since, to, test=query.include_test == "true", currency=query.currency,
            limit=MOST + 1,
        )  # fmt: skip
    if len(groups) > MOST:
        raise Refused(
            "invalid", f"The report has more than {MOST:,} rows.", field="from",
            remedy="Ask for a shorter time, or by something else.",
        )  # fmt: skip
    return rules.ordered(rules.figures(groups), query.sort), since, to
