"""The checkout funnel over the API (P7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from handlers.errors import Refused
from handlers.funnel import figures
from schemas.api.funnel import Funnel, FunnelQuery
from worker.api.operation import Ask, Operations, answer
from worker.store import accounts, funnel
from worker.store.snapshot import snapshot

OPERATIONS = Operations("reports", registry=True)
USUAL = timedelta(days=30)
CLOCKS_DIFFER = timedelta(minutes=1)
"""Stripe's clock says when a checkout was opened: one of this moment counts."""
LONGEST = {"day": timedelta(days=400), "week": timedelta(days=2_000), "month": timedelta(days=8_000)}
"""So that an answer has some hundred periods at most."""


@OPERATIONS.declare("GET", "/reports/checkouts", "Report the checkout funnel", query=FunnelQuery, answer=Funnel)
async def report_checkouts(ask: Ask, query: FunnelQuery) -> web.Response:
    """Of the checkouts opened in a time, in how many the customer tried to pay, and how they ended: paid, failed (by
    reason), abandoned, or open. Counted from the orders as they stand now, each currency by itself.
    """
    to = query.to or datetime.fromtimestamp(ask.ctx.clock(), UTC) + CLOCKS_DIFFER
    since = query.from_ or to - USUAL
    if not timedelta(0) < to - since <= LONGEST[query.by]:
        raise Refused(
            "invalid", f"By {query.by}, `from` is before `to` by {LONGEST[query.by].days} days at most.", field="from",
            remedy="Ask for a shorter time, or by month.",
        )  # fmt: skip
    async with snapshot(ask.ctx.pool) as connection:
        account = await accounts.get(connection, ask.actor.account_id)
        groups = await funnel.read(
            connection, ask.reach, since, to, timezone=account.timezone, step=query.by,
            test=query.include_test == "true", currency=query.currency,
        )  # fmt: skip
    totals = sorted(figures(groups, "currency"), key=lambda row: row["currency"])
    return answer(
        Funnel.model_validate(
            {
                "from": since, "to": to, "by": query.by, "timezone": account.timezone,
                "items": figures(groups, "period", "currency"), "totals": totals,
            }
        )
    )  # fmt: skip
