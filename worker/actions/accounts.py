"""Changing the settings of an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import msgspec

from handlers import money
from handlers.errors import Refused
from worker.charging import holding
from worker.store import accounts, retention
from worker.store.accounts import Account
from worker.store.db import Pool, transaction

COMMAND_LINE = "command line"
"""Who acts where nobody has signed in: whoever has the shell of the host."""


async def change(
    pool: Pool,
    account_id: str,
    changes: Mapping[str, Any],
    if_match: int | None = None,
    *,
    now: datetime | None = None,
    by: str = COMMAND_LINE,
) -> Account:
    """The account with the given settings in place of those it had. What is not named stays, and a change that changes
    nothing leaves the version as it is. What fell due while the registry was off is held until a person releases it.
    `by`: who asks for it.

    Raises Refused: `version`; `invalid` for a currency or time zone that there is not.
    """
    check(changes)
    now = now or datetime.now(UTC)
    async with transaction(pool) as connection:
        held = await accounts.hold(connection, account_id)
        if if_match is not None and if_match != held.version:
            raise Refused(
                "version",
                f"The account is at version {held.version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        given = dict(changes)
        if "retry_intervals_s" in given:
            given["retry_intervals_s"] = tuple(given["retry_intervals_s"])
        if "charging_stopped" in given:
            stopped = given.pop("charging_stopped")
            if stopped != bool(held.charging_stopped_at):
                given.update(charging_stopped_at=now if stopped else None, charging_stopped_by=by if stopped else None)
        wanted = msgspec.structs.replace(held, **given)
        if wanted != held:
            await accounts.save(connection, wanted)
        if wanted.retention_days != held.retention_days:
            await retention.hurry(connection, account_id)
        if wanted.registry_enabled and not held.registry_enabled:
            await holding.hold_back(connection, account_id, now)
        return await accounts.get(connection, account_id)


def check(settings: Mapping[str, Any]) -> None:
    """Raise Refused (`invalid`) for a currency or a time zone that there is not."""
    if "currency" in settings:
        money.wished_currency(settings["currency"])
    if "timezone" in settings and settings["timezone"] not in _zones():
        raise Refused(
            "invalid",
            "There is no such time zone.",
            field="timezone",
            remedy="Use a name of the IANA database, such as America/Sao_Paulo.",
        )


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
