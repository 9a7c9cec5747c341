"""Which connection charges, and with whose key (R7: the key says whether it is test or live)."""

from __future__ import annotations

import re

import msgspec

from handlers.errors import Refused
from worker.config import Settings
from worker.store import connections
from worker.store.db import Pooled

KEYED = "stripe"
"""The connection that STRIPE_API_KEY belongs to. Names are unique over all accounts, so no account is ever charged with
another's key."""


class Charging(msgspec.Struct, frozen=True):
    """A connection that can charge."""

    id: str
    name: str
    livemode: bool


async def to_charge(connection: Pooled, settings: Settings, account_id: str, name: str | None) -> Charging:
    """The Stripe connection of this name that has an API key; without a name, the account's only one. Refused
    (`connection_unknown`) where there is none."""
    found = [row for row in await connections.of_provider(connection, account_id, "stripe") if can(settings, row[1])]
    if name is not None:
        found = [row for row in found if row[1] == name]
    if len(found) != 1:
        which = f"named {name} " if name else ""
        raise Refused(
            "connection_unknown", f"This account has no Stripe connection {which}with an API key to charge with.",
            field="connection", remedy=f"Set STRIPE_API_KEY: it is the key of the connection `{KEYED}`.",
        )  # fmt: skip
    [(id_, found_name)] = found
    return Charging(id_, found_name, is_live(settings))


def can(settings: Settings, name: str) -> bool:
    """Whether there is an API key for the connection of this name."""
    return name == KEYED and settings.stripe_api_key is not None


def is_live(settings: Settings) -> bool:
    key = settings.stripe_api_key.get_secret_value() if settings.stripe_api_key else ""
    return re.match(r"[a-z]+_(org_)?test_", key) is None
