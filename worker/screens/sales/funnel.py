"""The checkout funnel (P7): of those who opened a checkout, how many tried to pay, and how it ended, day by day."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from handlers.funnel import figures
from schemas.account import Reach
from worker.screens import charts, words
from worker.screens.charts import Chart, Series
from worker.store import funnel
from worker.store.db import Pool
from worker.store.snapshot import snapshot

RANGES: Mapping[str, tuple[str, int]] = {"7d": ("7 days", 7), "30d": ("30 days", 30), "90d": ("90 days", 90)}
"""By what the address says: the words, and how many days, today among them."""
FRESH_S = 15.0
"""How old a funnel may be: it counts every checkout of its time."""
KEPT = 100
CLOCKS_DIFFER = timedelta(minutes=1)
"""Stripe's clock says when a checkout was opened: one of this moment counts."""
Group = dict[str, Any]


class Step(msgspec.Struct, frozen=True):
    """A step of the funnel: `share` of `of`, in percent; `width` of the bar, in percent of all that were opened."""

    key: str
    label: str
    tone: str
    count: str
    share: str | None
    of: str
    width: float


class Period(msgspec.Struct, frozen=True):
    """The days that are looked at, in the account's time zone."""

    days: tuple[date, ...]
    zone: ZoneInfo

    @property
    def since(self) -> datetime:
        return datetime.combine(self.days[0], time(), tzinfo=self.zone).astimezone(UTC)


def period(now: datetime, days: int, zone: ZoneInfo) -> Period:
    """So many days, the last of them today."""
    today = now.astimezone(zone).date()
    return Period(tuple(today - timedelta(days=back) for back in range(days - 1, -1, -1)), zone)


class Funnels:
    """Reads funnels and keeps each for a moment: however many screens are open, it is counted once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._kept: dict[tuple[Reach, Period, bool], tuple[float, asyncio.Task[list[Group]]]] = {}

    async def read(self, reach: Reach, chosen: Period, now: datetime, *, test: bool) -> list[Group]:
        """Counted groups of the checkouts opened in the period, by day; those of test mode only with `test`."""
        key, at = (reach, chosen, test), asyncio.get_running_loop().time()
        until, task = self._kept.get(key, (0.0, None))
        if task is None or (task.done() and (until <= at or task.cancelled() or task.exception())):
            task = asyncio.create_task(self._read(reach, chosen, now, test=test), name="funnel")
            self._kept.pop(key, None)
            self._kept[key] = (at + FRESH_S, task)
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return await asyncio.shield(task)  # one viewer who leaves must not end the look of the others

    async def _read(self, reach: Reach, chosen: Period, now: datetime, *, test: bool) -> list[Group]:
        async with snapshot(self._pool) as connection:
            return await funnel.read(
                connection, reach, chosen.since, now + CLOCKS_DIFFER, timezone=str(chosen.zone), step="day", test=test,
                currency=None,
            )  # fmt: skip


FUNNELS: web.AppKey[Funnels] = web.AppKey("funnels", Funnels)


def view(groups: Sequence[Group], chosen: Period) -> dict[str, Any]:
    """What the counted groups come to: counts over all currencies, amounts for each by itself."""
    rows = figures(groups)
    total = rows[0] if rows else None
    return {
        "total": total,
        "steps": _steps(total) if total else [],
        "ends": _ends(total) if total else [],
        "reasons": _reasons(total) if total else [],
        "amounts": sorted(figures(groups, "currency"), key=lambda row: str(row["currency"])),
        "chart": _chart(groups, chosen),
    }


def _steps(total: Mapping[str, Any]) -> list[Step]:
    """Each with its percentage of the step before."""
    opened, reached, paid = total["opened"], total["reached_payment"], total["paid"]
    return [
        Step("opened", "Opened", "c1", words.count(opened), None, "", 100),
        _step("reached", "Reached payment", "info", reached, opened, "of those opened", opened),
        _step("paid", "Paid", "ok", paid, reached, "of those who reached payment", opened),
    ]


def _ends(total: Mapping[str, Any]) -> list[Step]:
    opened = total["opened"]
    return [
        _step("failed", "Failed", "bad", total["failed"], opened, "of those opened", opened),
        _step("abandoned", "Abandoned", "warn", total["abandoned"], opened, "of those opened", opened),
        _step("open", "Still open", "c4", total["open"], opened, "of those opened", opened),
    ]


def _step(key: str, label: str, tone: str, count: int, whole: int, of: str, opened: int) -> Step:
    return Step(key, label, tone, words.count(count), words.percent(count, whole), of, round(100 * count / opened, 2))


def _reasons(total: Mapping[str, Any]) -> list[Step]:
    failed = total["failed"]
    return [
        _step("reason", one["reason"], "bad", one["orders"], failed, "of those failed", failed)
        for one in total["failures"]
    ]


def _chart(groups: Sequence[Group], chosen: Period) -> Chart:
    by_day = {row["period"]: row for row in figures(groups, "period")}

    def counts(name: str) -> list[float | None]:
        return [by_day[day][name] if day in by_day else 0 for day in chosen.days]

    return charts.chart(
        "Checkouts by day", "as they stand now, by the day when they were opened", "",
        [datetime.combine(day, time(), tzinfo=UTC) for day in chosen.days],
        [
            Series("Opened", "c1", counts("opened"), area=True),
            Series("Reached payment", "info", counts("reached_payment")),
            Series("Paid", "ok", counts("paid")),
            Series("Failed", "bad", counts("failed")),
            Series("Abandoned", "warn", counts("abandoned")),
        ],
        days=True,
    )  # fmt: skip
