"""What payments cost (P3): a webhook only names a charge's balance transaction, so Stripe is asked for it.

It follows the deliveries of the connection that has the key, half a minute behind; what it learns is a fact like any
other. Nothing waits for it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog

from handlers.errors import Unmappable
from handlers.providers import stripe_payments
from handlers.reading import Node
from worker.actions import stripe_key
from worker.apply import told
from worker.apply.answers import answered
from worker.context import Context
from worker.outside.outcome import Outcome, Succeeded
from worker.outside.outcome import Refused as StripeRefused
from worker.store import connections, fees
from worker.store.connections import ConnectionRow
from worker.store.db import acquire, transaction
from worker.store.fees import Mark
from worker.store.records import Row

if TYPE_CHECKING:
    from worker.outside.stripe import Stripe

log = structlog.get_logger("upkeep")

PERIOD_S = 10.0
TURN_S = 20.0
LIMIT = 100
TAKEN = timedelta(seconds=60)
BEHIND = timedelta(seconds=30)
"""What is younger may still be on its way into the inbox, or into its order."""
_READ = ("applied", "ignored", "dead")
_BODY = msgspec.json.Decoder(dict[str, Any])


class _Charge(NamedTuple):
    """A charge that a delivery speaks of, whose balance transaction it names. `key`: its payment's."""

    body: dict[str, Any]
    key: str
    transaction_id: str


async def tick(ctx: Context) -> int:
    """One look; of how many payments the cost is known now."""
    if ctx.settings.stripe_api_key is None:
        return 0
    found = await connections.find(ctx.pool, stripe_key.NAME)
    if found is None or found.provider != "stripe":
        return 0
    now = datetime.fromtimestamp(ctx.clock(), UTC)
    async with transaction(ctx.pool) as connection:
        mark = await fees.take(connection, found.account_id, found.id, found.created_at, now, now + TAKEN)
        if mark is None:
            return 0
        rows = await fees.charges(connection, found.account_id, found.id, mark, now - BEHIND, LIMIT)
        charges = {row["id"]: charge for row in rows if (charge := _named(row["body"]))}
        wanted = await fees.unknown(connection, found.account_id, [charge.key for charge in charges.values()])
    known = 0
    async with stripe_key.client(ctx) as stripe:
        for row in rows:
            if not _settled(row) or ctx.clock() - now.timestamp() > TURN_S:
                break
            charge = charges.get(row["id"])
            if charge and charge.key in wanted:
                if not await _learn(ctx, stripe, found, charge, wanted[charge.key]):
                    break
                del wanted[charge.key]
                known += 1
            mark = (row["received_at"], row["id"])
    await _go_on(ctx, found, mark, now, more=len(rows) == LIMIT)
    return known


async def _go_on(ctx: Context, found: ConnectionRow, mark: Mark, now: datetime, *, more: bool) -> None:
    pause = timedelta(0) if more else timedelta(seconds=PERIOD_S / 2)
    async with acquire(ctx.pool) as connection:
        await fees.mark(connection, found.account_id, found.id, mark, now + pause)


def _settled(row: Row) -> bool:
    """Whether the delivery has been read: else its payment may not be known yet."""
    return row["state"] in _READ or (row["state"] == "waiting" and row["dossier_id"] is not None)


def _named(body: bytes) -> _Charge | None:
    """The charge of a delivery; None for one of a connected account, and where its cost is not known by a name."""
    try:
        event = _BODY.decode(body)
        charge = event["data"]["object"]
        transaction_id = charge["balance_transaction"]
        if event.get("account") or not isinstance(transaction_id, str):
            return None
        return _Charge(charge, stripe_payments.payment_of(Node(charge)), transaction_id)
    except (msgspec.DecodeError, KeyError, TypeError, Unmappable):
        return None


async def _learn(ctx: Context, stripe: Stripe, found: ConnectionRow, charge: _Charge, dossier_id: str) -> bool:
    """Ask what a payment cost and state it; False where Stripe is to be asked again later."""
    outcome: Outcome = await stripe.retrieve_balance_transaction(charge.transaction_id)
    if isinstance(outcome, StripeRefused) and outcome.problem == "missing":
        return True
    if not isinstance(outcome, Succeeded):
        log.warning("fee_not_learned", outcome=type(outcome).__name__)
        return False
    reading = stripe_payments.cost(Node(charge.body), Node(outcome.object), "daybook")
    if reading is not None:
        now = int(ctx.clock() * 1_000_000)
        async with transaction(ctx.pool) as connection:
            _, woken = await answered(connection, found.account_id, dossier_id, reading, now, "daybook")
        told.woken(found.account_id, woken, ctx.clock())
    return True
