"""The currency of what is priced by hand."""

from __future__ import annotations

from handlers import money
from handlers.errors import Refused, Unmappable
from worker.store import accounts
from worker.store.db import Pooled


async def currency(connection: Pooled, account_id: str, given: str | None) -> str:
    """The given currency, else the account's. Refused for one that ISO 4217 does not know."""
    if given is None:
        return (await accounts.get(connection, account_id)).currency
    try:
        return money.currency(given, "currency")
    except Unmappable as error:
        raise Refused(
            "invalid", error.problem, field="currency", remedy="Use a three-letter code such as BRL."
        ) from None
