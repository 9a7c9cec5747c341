"""Nobody was there, and no webhook comes again (Q9, I1): what Stripe lists is put through once, also by killed workers."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from tests.chaos.rig import PROGRAM, Rig, rig
from tests.integration.ops import eventually
from tests.stripe import KEY
from worker.local.stripe.stand_in import StandIn
from worker.outside.outcome import Succeeded
from worker.outside.stripe import Stripe
from worker.providers import adapters
from worker.store import tokens
from worker.store.checks import broken
from worker.store.db import open_pool

SALES = 60
# Patched into the processes of this test: what is young, and what a dead worker held, is taken up sooner.
SOON = """
import datetime
import worker.upkeep.reconcile as reconcile
reconcile.UNDER_WAY = datetime.timedelta(0)
reconcile.TAKEN = datetime.timedelta(seconds=3)
"""


async def sold(stand_in: StandIn) -> None:
    """Checkouts elsewhere, paid at Stripe."""
    item = {"quantity": 1, "price_data": {"currency": "brl", "unit_amount": 500, "product_data": {"name": "Tea"}}}
    params = {"mode": "payment", "line_items": [item], "success_url": "https://shop.example"}
    async with Stripe(KEY, stand_in.url) as stripe:
        for number in range(SALES):
            made = await stripe.create_checkout_session(params, key=f"k-{number}")
            assert isinstance(made, Succeeded)
            stand_in.pay(made.object["id"])


async def daybook(it: Rig, token: str, *arguments: str) -> list[str]:
    """What a command prints."""
    given = [sys.executable, "-c", PROGRAM, *arguments, "--url", it.urls[0], "--token", token]
    process = await asyncio.create_subprocess_exec(*given, stdout=asyncio.subprocess.PIPE, cwd=it.folder)
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return printed.decode().splitlines()


async def test_Q9_after_an_outage_everything_is_there_once_though_workers_are_killed(
    tmp_path: Path, sockets: Path
) -> None:
    async with StandIn(retries_s=()) as stand_in:
        key = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": stand_in.url}
        async with rig(tmp_path, sockets, program=SOON + PROGRAM, given=lambda _: key) as it:
            await eventually(lambda: _done(it, 1), within_s=30)  # the first by itself: there was nothing
            await sold(stand_in)
            listed = [event["id"] for event in stand_in.events if event["type"] in adapters()["stripe"].TOPICS]
            it.kill(it.receivers[0])  # it starts again, and nobody knows for how long none was there
            await eventually(lambda: _begun(it), within_s=30)
            it.kill(it.workers[0])
            await eventually(lambda: _done(it, 2), within_s=60)
            await it.settled()
            stored = await it.rows("SELECT delivery_id FROM events")
            assert sorted(row["delivery_id"] for row in stored) == sorted(listed)
            paid = await it.rows("SELECT FROM orders WHERE payment_status = 'paid' AND amount_paid = 500")
            assert len(paid) == SALES
            days = await it.rows(
                "SELECT sum(platform)::int AS platform, sum(received)::int AS received FROM reconciled_days "
                "GROUP BY reconciliation_id"
            )
            assert [(day["platform"], day["received"]) for day in days] == [(len(listed), 0)]
            pool = await open_pool(it.postgres.url(), size=2)
            try:
                assert await broken(pool) == {}
                token = await tokens.issue(pool, await pool.fetchval("SELECT id FROM accounts"), "admin", "admin")
            finally:
                await pool.close()
            lines = await daybook(it, token, "reconcile", "stripe", "--since", "1h")
            told: list[Any] = [line.split() for line in lines]
            assert told[0] == ["DAY", "PLATFORM", "RECEIVED", "RECOVERED", "APPLIED"]
            counts = [list(map(int, line[1:])) for line in told[1:] if line[0] != "all"]
            assert [sum(column) for column in zip(*counts, strict=True)] == [len(listed), len(listed), 0, len(listed)]


async def _begun(it: Rig) -> None:
    rows = await it.rows("SELECT FROM reconciliations WHERE place IS NOT NULL AND since < until")
    assert rows


async def _done(it: Rig, count: int) -> None:
    rows = await it.rows("SELECT state FROM reconciliations")
    assert [row["state"] for row in rows] == ["done"] * count
