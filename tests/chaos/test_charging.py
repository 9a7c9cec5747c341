"""kill -9 of workers that charge (C6, I1): each cycle is charged once at most, and recorded as it was charged."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from schemas.account import Actor, Role
from schemas.api.recurring_order import RecurringOrderCreate
from tests.chaos.rig import PROGRAM, Rig, rig
from tests.chaos.test_faults import flush_valkey, kill_postgres, kill_valkey, kill_worker
from tests.charging import agree
from tests.integration.ops import eventually
from tests.stripe import KEY
from tests.world import SECRETS, World
from worker.actions import recurring
from worker.local.stripe.cards import decline
from worker.local.stripe.stand_in import StandIn
from worker.store.db import Pool, open_pool

CYCLES = int(os.environ.get("CHAOS_CYCLES", "60"))
PAYMENTS = 3 if CYCLES < 600 else 10
PLANS, FAULTS = CYCLES // PAYMENTS, max(10, CYCLES // 40)
TROUBLES = ("cut_before", "cut_after", "cut_body", "gateway", "error_before", "error_after", "rate_limit")
# Patched into the processes of this test: due dates are three seconds apart, and what a dead worker held is taken up
# after six seconds instead of two minutes.
SOON = """
import handlers.attempts as attempts, handlers.schedule as schedule
import worker.charging.charge as charge, worker.charging.claim as claim, worker.charging.due as due
attempts.CHECKS_S = (1, 1, 2)
schedule.due_at = lambda anchor, interval, timezone, n: anchor + n * 3_000_000
claim.LEASE_S, charge.MARGIN_S, due.PERIOD_S = 6, 3, 0.3
"""


async def test_I1_workers_that_are_killed_while_they_charge_charge_each_cycle_once(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random
) -> None:
    async with StandIn(retries_s=(0.2, 0.5, 1, 2, 4, 8)) as stand_in:

        def given(_: Rig) -> Mapping[str, str]:
            return {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": stand_in.url}

        async with rig(tmp_path, sockets, workers=2, program=SOON + PROGRAM, given=given) as it:
            stand_in.webhooks_to(f"{it.urls[0]}/webhooks/stripe", SECRETS["stripe"])
            pool = await open_pool(it.postgres.url(), size=2)
            try:
                await _plan(shop, pool, stand_in, chance)
            finally:
                await pool.close()
            for round_ in range(FAULTS):
                stand_in.trouble(chance.choice(TROUBLES), on=f"payment_intents.{chance.choice(['create', 'confirm'])}")
                await asyncio.sleep(chance.uniform(0.2, 1.5))
                fault = {3: kill_valkey, 5: kill_postgres, 7: flush_valkey}.get(round_ % 10, kill_worker)
                await fault(it, chance)
            await eventually(lambda: _all_over(it), within_s=120 + CYCLES * 2 / 3)
            await asyncio.wait_for(stand_in.settled(), 60 + CYCLES / 4)
            await it.settled()
            pool = await open_pool(it.postgres.url(), size=2)
            try:
                await agree(World(replace(shop.ctx, pool=pool), "", {}), stand_in)
            finally:
                await pool.close()
            assert len(stand_in.made) >= PLANS, "nothing was proved"
            assert it.unasked == []
            print(f"{len(stand_in.made)} charges")


async def _plan(shop: World, pool: Pool, stand_in: StandIn, chance: random.Random) -> None:
    """Plans for customers of whom some have too little money at times."""
    await pool.execute("UPDATE accounts SET retry_intervals_s = '{1,1}'")
    account_id = await pool.fetchval("SELECT id FROM accounts")
    ctx = replace(shop.ctx, pool=pool)
    admin = Actor(account_id, "", "admin", Role.ADMIN, frozenset())
    contact_id = await pool.fetchval(
        "INSERT INTO contacts (account_id, id, name) VALUES ($1, gen_random_uuid(), 'Ana') RETURNING id", account_id
    )
    for _ in range(PLANS):
        customer, method = stand_in.customer()
        if chance.random() < 0.4:
            stand_in.bank(decline("insufficient_funds"), customer=customer, times=chance.choice([1, 1, 2, 3]))
        body = {
            "contact_id": contact_id, "amount": 9900, "currency": "BRL", "interval": {"unit": "month", "count": 1},
            "total_payments": PAYMENTS, "stripe_customer_id": customer, "stripe_payment_method_id": method,
        }  # fmt: skip
        await recurring.create(ctx, admin, RecurringOrderCreate.model_validate(body))


async def _all_over(it: Rig) -> None:
    rows = await it.rows("SELECT status, count(*)::int AS n FROM recurring_orders GROUP BY status")
    assert {row["status"] for row in rows} <= {"completed", "failed"}, rows
