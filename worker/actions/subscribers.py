"""Subscribers of the feed: made, changed, rotated, paused, removed; and what is sent to them again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from handlers.errors import Refused
from handlers.feed import secret_of
from schemas.feed import SubscriberState
from worker.context import Context
from worker.feed import outbox
from worker.ids import new_id
from worker.outside import targets
from worker.store import deliveries, subscribers
from worker.store.db import acquire, transaction
from worker.store.subscribers import SubscriberRow

LIMIT = 100
"""Subscribers of one account: each order's transaction writes a row for each of them."""
FORMER_LASTS = timedelta(hours=24)
RETRY_LIMIT = 10_000
_SECRET_BYTES = 32


async def create(
    ctx: Context, account_id: str, *, url: str, description: str | None, types: list[str] | None
) -> tuple[SubscriberRow, str]:
    """A new subscriber and its secret. Refused `invalid` (url) and `too_many`."""
    await _check(ctx, account_id, url)
    secret = secret_of(secrets.token_bytes(_SECRET_BYTES))
    async with transaction(ctx.pool) as connection:
        if await subscribers.count(connection, account_id) >= LIMIT:
            raise Refused("too_many", f"An account has up to {LIMIT} subscribers.", remedy="Remove one first.")
        row = await subscribers.add(
            connection, account_id, new_id(), url=url, description=description, types=_unique(types),
            secret=ctx.vault.seal([secret]),
        )  # fmt: skip
    return row, secret


async def change(
    ctx: Context, account_id: str, subscriber_id: str, changes: Mapping[str, Any], if_version: int | None
) -> SubscriberRow:
    """Other `url`, `description` or `types`. Refused `not_found`, `version`, `invalid` (url)."""
    if "url" in changes:
        await _check(ctx, account_id, changes["url"])
    given = {**changes, "types": _unique(changes["types"])} if "types" in changes else dict(changes)
    return await _update(ctx, account_id, subscriber_id, given, if_version)


async def rotate(
    ctx: Context, account_id: str, subscriber_id: str, if_version: int | None
) -> tuple[SubscriberRow, str]:
    """A new secret; the one before signs beside it for a day. Refused `not_found`, `version`."""
    secret = secret_of(secrets.token_bytes(_SECRET_BYTES))
    until = datetime.fromtimestamp(ctx.clock(), UTC) + FORMER_LASTS
    async with transaction(ctx.pool) as connection:
        held = _held(await subscribers.hold(connection, account_id, subscriber_id), if_version)
        row = await subscribers.update(
            connection,
            replace(held, secret=ctx.vault.seal([secret]), former_secret=held.secret, former_until=until),
        )
    return row, secret


async def pause(ctx: Context, account_id: str, subscriber_id: str, if_version: int | None) -> SubscriberRow:
    """Send nothing more; events gather. Refused `not_found`, `version`."""
    return await _update(ctx, account_id, subscriber_id, {"state": SubscriberState.PAUSED, "reason": None}, if_version)


async def activate(ctx: Context, account_id: str, subscriber_id: str, if_version: int | None) -> SubscriberRow:
    """Send what has gathered, and what comes. Refused `not_found`, `version`, `invalid` (url)."""
    async with acquire(ctx.pool) as connection:
        held = _held(await subscribers.get(connection, account_id, subscriber_id), if_version)
    await _check(ctx, account_id, held.url)
    return await _update(ctx, account_id, subscriber_id, {"state": SubscriberState.ACTIVE, "reason": None}, if_version)


async def remove(ctx: Context, account_id: str, subscriber_id: str, if_version: int | None) -> None:
    """At once for everybody who looks; its rows go a few at a time. Refused `not_found`, `version`."""
    async with transaction(ctx.pool) as connection:
        _held(await subscribers.hold(connection, account_id, subscriber_id), if_version)
        await subscribers.remove(connection, account_id, subscriber_id)


async def test(ctx: Context, account_id: str, subscriber_id: str) -> str:
    """Queue one `daybook.test`; the event's id. Refused `not_found`, `not_active`."""
    async with transaction(ctx.pool) as connection:
        held = _held(await subscribers.hold(connection, account_id, subscriber_id), None)
        if held.state != SubscriberState.ACTIVE:
            raise Refused("not_active", f"The subscriber is {held.state}.", remedy="Activate it first.")
        return await outbox.test(connection, account_id, subscriber_id, datetime.fromtimestamp(ctx.clock(), UTC))


async def retry(ctx: Context, account_id: str, subscriber_id: str, event_id: str) -> deliveries.DeliveryRow:
    """Make one delivery due, with all its attempts anew, whatever became of it. Refused `not_found`."""
    async with transaction(ctx.pool) as connection:
        _held(await subscribers.get(connection, account_id, subscriber_id), None)
        await deliveries.retry(connection, account_id, subscriber_id, event_id)
        row = await deliveries.get(connection, account_id, subscriber_id, event_id)
    if row is None:
        raise _not_found("delivery")
    return row


async def retry_dead(ctx: Context, account_id: str, subscriber_id: str) -> int:
    """Make dead deliveries due, the oldest first, up to RETRY_LIMIT; how many. Refused `not_found`."""
    async with transaction(ctx.pool) as connection:
        _held(await subscribers.get(connection, account_id, subscriber_id), None)
        return await deliveries.retry_dead(connection, account_id, subscriber_id, RETRY_LIMIT)


async def _update(
    ctx: Context, account_id: str, subscriber_id: str, changes: Mapping[str, Any], if_version: int | None
) -> SubscriberRow:
    async with transaction(ctx.pool) as connection:
        held = _held(await subscribers.hold(connection, account_id, subscriber_id), if_version)
        wanted = replace(held, **changes)
        return held if wanted == held else await subscribers.update(connection, wanted)


async def _check(ctx: Context, account_id: str, url: str) -> None:
    async with acquire(ctx.pool) as connection:
        private = await subscribers.may_send_inside(connection, account_id)
    await targets.check(url, private=private)


def _held(row: SubscriberRow | None, if_version: int | None) -> SubscriberRow:
    if row is None:
        raise _not_found("subscriber")
    if if_version is not None and row.version != if_version:
        raise Refused(
            "version",
            f"The subscriber is at version {row.version} now, not {if_version}.",
            remedy="Get it again and repeat the change.",
        )
    return row


def _not_found(what: str) -> Refused:
    return Refused("not_found", f"There is no such {what} in this account.", remedy="List them to see their ids.")


def _unique(types: list[str] | None) -> list[str] | None:
    return None if types is None else sorted({str(type_) for type_ in types})
