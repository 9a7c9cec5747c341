"""What a request names must be there, within the reach of who asks: contacts, deals, owners, managers, locations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.errors import Refused
from schemas.account import Reach
from worker.store import contact_reads, deals, locations, tokens
from worker.store.db import Pooled

OWNERS = ("owner_id", "manager_id")
LOCATIONS = ("location_id", "destination_location_id")
NAMING = ("contact_id", "deal_id", *OWNERS, *LOCATIONS)
"""The fields of a request that name something."""


async def check(connection: Pooled, reach: Reach, wish: Mapping[str, Any]) -> None:
    """Raise Refused (`contact_unknown`, `deal_unknown`, `owner_unknown`, `location_unknown`) where the wish
    names what is not there."""
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
    await check_locations(connection, reach.account_id, wish)


async def check_locations(connection: Pooled, account_id: str, wish: Mapping[str, Any]) -> None:
    """Raise Refused (`location_unknown`) where the wish names a location that is not there."""
    named = {field: str(wish[field]) for field in LOCATIONS if wish.get(field) is not None}
    if not named:
        return
    missing = await locations.missing(connection, account_id, set(named.values()))
    for field, location_id in named.items():
        if location_id in missing:
            raise Refused(
                "location_unknown", f"There is no location {location_id} in this account.", field=field,
                remedy="Make the location first with POST /api/v1/locations, or give one that is there.",
            )  # fmt: skip


def contact_unknown(contact_id: str | None) -> Refused:
    """The refusal of an order whose contact is not there, or not named."""
    problem = f"There is no contact {contact_id} in this account." if contact_id else "An order needs a contact."
    return Refused(
        "contact_unknown", problem, field="contact_id", remedy="Make the contact first with POST /api/v1/contacts."
    )
