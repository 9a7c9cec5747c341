"""Which of an account's connections may call Stripe.

STRIPE_API_KEY is the key of the connection `stripe`, as STRIPE_WEBHOOK_SECRET is its secret. **No other connection uses
it**: with it one account would reach what is another's at Stripe.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from handlers.errors import Refused
from worker.context import Context
from worker.store import connections
from worker.store.db import Pooled

if TYPE_CHECKING:
    from worker.outside.stripe import Stripe

NAME = "stripe"


async def connection(ctx: Context, held: Pooled, account_id: str, name: str | None) -> str:
    """The id of the connection that Stripe is called for: the named one, else the account's own that has a key.

    Refused: `connection_unknown`, `stripe_key_missing`.
    """
    found = await connections.named(held, account_id, name or NAME)
    if found is None or found.provider != "stripe":
        if name is None:
            raise _keyless("This account has no connection to Stripe with an API key.")
        raise Refused(
            "connection_unknown", f"There is no connection {name} to Stripe in this account.", field="connection",
            remedy="Leave it out, or name one that GET /api/v1/connections lists.",
        )  # fmt: skip
    if found.name != NAME or ctx.settings.stripe_api_key is None:
        raise _keyless(f"The connection {found.name} has no API key of Stripe.")
    return found.id


def _keyless(message: str) -> Refused:
    return Refused(
        "stripe_key_missing", message, field="connection",
        remedy=f"Set STRIPE_API_KEY, which is the key of the connection {NAME}, and start again.",
    )  # fmt: skip


@asynccontextmanager
async def client(ctx: Context) -> AsyncIterator[Stripe]:
    """A client with the key. Refused (`stripe_key_missing`) where it has been taken away meanwhile."""
    from worker.outside import stripe  # the SDK takes memory and a moment: only who calls Stripe loads it

    made = stripe.of(ctx.settings)
    if made is None:
        raise _keyless("There is no API key of Stripe.")
    async with made:
        yield made
