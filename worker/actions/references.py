"""What a request names must be there, within the reach of who asks: contacts, deals, owners, managers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.errors import Refused
from schemas.account import Reach
from worker.store import contact_reads, deals, tokens
from worker.store.db import Pooled

OWNERS = ("owner_id", "manager_id")


async def check(connection: Pooled, reach: Reach, wish: Mapping[str, Any]) -> None:
    """Raise Refused (`contact_unknown`, `deal_unknown`, `owner_unknown`) where the wish names what is not there."""
    contact_id, deal_id = wish.get("contact_id"), wish.get("deal_id")
    if contact_id is not None and not await contact_reads.read(connection, reach, [contact_id]):
        raise contact_unknown(contact_id)
    if deal_id is not None and not await deals.read(connection, reach, [deal_id]):
        raise Refused(
            "deal_unknown", f"There is no deal {deal_id} in this account.", field="deal_id",
            remedy="Make the deal first with POST /api/v1/deals.",
        )  # fmt: skip
    for field in OWNERS:
        token_id = wish.get(field)
        if token_id is not None and not await tokens.exists(connection, reach.account_id, token_id):
            raise Refused(
                "owner_unknown", f"There is no token {token_id} in this account.", field=field,
                remedy="Use the id of a token: GET /api/v1/tokens lists them.",
            )  # fmt: skip


def contact_unknown(contact_id: str | None) -> Refused:
    """The refusal of an order whose contact is not there, or not named."""
    problem = f"There is no contact {contact_id} in this account." if contact_id else "An order needs a contact."
    return Refused(
        "contact_unknown", problem, field="contact_id", remedy="Make the contact first with POST /api/v1/contacts."
    )
