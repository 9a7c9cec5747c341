"""The currency of what is priced by hand."""

from __future__ import annotations

from handlers import money
from worker.store import accounts
from worker.store.db import Pooled


async def currency(connection: Pooled, account_id: str, given: str | None) -> str:
    """The given currency, else the account's. Refused for one that ISO 4217 does not know."""
    if given is None:
        return (await accounts.get(connection, account_id)).currency
    return money.wished_currency(given)
