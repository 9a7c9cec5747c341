"""Taking back what was not sent, and holding back what is due (settled question 13)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from handlers import recurring
from handlers.reading import micros
from schemas.recurring import AttemptState
from worker.charging import settle
from worker.store import charge_attempts, recurring_orders
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled
from worker.store.recurring_orders import RecurringOrder


async def open_attempt(connection: Pooled, account_id: str, found: RecurringOrder) -> Attempt | None:
    """The open attempt of a recurring order that is held, held as well."""
    if found.plan.attempt_id is None:
        return None
    return (await charge_attempts.hold(connection, account_id, [found.plan.attempt_id]))[found.plan.attempt_id]


async def revoke(connection: Pooled, account_id: str, attempt: Attempt | None, now: int) -> None:
    """Take an open attempt back that was not sent; one that was stays as it is."""
    if attempt is not None and attempt.state is AttemptState.CREATED:
        await charge_attempts.save(connection, account_id, [settle.revoked(attempt, now)])


async def hold_back(connection: Pooled, account_id: str, now: datetime) -> None:
    """Whatever is due in this account, and armed without being sent, waits for a person from here on."""
    under_way = await recurring_orders.under_way(connection, account_id)
    held: Iterable[RecurringOrder] = (await recurring_orders.hold(connection, account_id, under_way)).values()
    for found in held:
        attempt = await open_attempt(connection, account_id, found)
        if attempt is None or attempt.state is not AttemptState.CREATED:
            continue
        await revoke(connection, account_id, attempt, micros(now))
        plan = msgspec.structs.replace(recurring.again(found.plan, micros(now)), held=True)
        await recurring_orders.save(connection, account_id, [msgspec.structs.replace(found, plan=plan)])
    await recurring_orders.hold_back(connection, account_id, now)
