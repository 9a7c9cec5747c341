"""Making and editing orders by hand or over the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from pydantic import BaseModel

from handlers import access, wishes
from handlers.derive import derive, hand_key, has_payment_facts
from handlers.errors import Refused
from handlers.merge import add, state
from handlers.reading import micros
from schemas.account import Actor, Reach, Role
from schemas.fact import Dossier, Kind, Reading
from schemas.order import OrderSource
from schemas.stated import Hand
from worker.actions import references
from worker.apply import told
from worker.apply.batch import take_over
from worker.apply.rebuild import write
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, dossiers, order_reads, orders
from worker.store.db import Pooled, transaction

ORIGIN = "api"
_TRIES = 3


class Differs(Refused):
    """The same external id was used for an order that was asked for in other words. `fields`: where they differ."""

    def __init__(self, order_id: str, fields: tuple[str, ...]) -> None:
        super().__init__(
            "external_id_differs",
            f"The order {order_id} was made under this external id with other values of {', '.join(fields)}.",
            field=fields[0] if fields else "external_id",
            remedy="Send the same body to get that order, PATCH it to change it, or use another external id.",
        )
        self.order_id, self.fields = order_id, fields


def _given(request: BaseModel) -> dict[str, Any]:
    """The request's given fields, times as microseconds: what the rules speak of."""
    return {name: _plain(value) for name, value in request.model_dump(mode="python", exclude_unset=True).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _normalised(wish: Mapping[str, Any]) -> bytes:
    """The request as it is compared with a later one: what is null is as good as not given."""
    return msgspec.json.encode({name: value for name, value in wish.items() if value is not None}, order="sorted")


async def create(ctx: Context, actor: Actor, request: BaseModel) -> tuple[str, bool]:
    """Make an order: (id, whether it is new). The same external id with the same body gives the order made before.

    Raises Differs (other body), Refused `contact_unknown`, `deal_unknown`, `owner_unknown`, `not_owner`,
    `external_id_taken` (by an order that the actor does not see) or `invalid`.
    """
    wish, account_id, within = _given(request), actor.account_id, access.reach(actor)
    if actor.role is Role.MANAGER:
        wish["owner_id"] = access.owner_of_new(actor, wish.get("owner_id"), "orders")
    external_id = wish.get("external_id")
    normalised = _normalised(wish)
    for last in (False, False, True):
        try:
            async with transaction(ctx.pool) as connection:
                if external_id and (found := await orders.find_external(connection, account_id, ORIGIN, external_id)):
                    await _check_seen(connection, within, found[0])
                    return _same(found, normalised), False
                await _check_references(connection, within, wish)
                order_id, woken = await _make(ctx, connection, actor.label, account_id, wish, normalised)
            told.woken(account_id, woken, ctx.clock())
            return order_id, True
        except asyncpg.UniqueViolationError:  # somebody made it at this very moment: look again
            if last:
                raise
    raise AssertionError("unreachable")


def _same(found: tuple[str, bytes | None], normalised: bytes) -> str:
    order_id, request = found
    if request is not None and request != normalised:
        before, now = msgspec.json.decode(request), msgspec.json.decode(normalised)
        fields = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        raise Differs(order_id, tuple(fields))
    return order_id


async def _make(
    ctx: Context, connection: Pooled, actor: str, account_id: str, wish: dict[str, Any], normalised: bytes
) -> tuple[str, Sequence[asyncpg.Record]]:
    """The new order's id, and the events that it woke."""
    now = micros_now(ctx)
    external_id = wish.get("external_id")
    order_id = new_id()
    mentioned: list[str] = []
    if external_id:
        await dossiers.lock_refs(connection, account_id, [external_id])
        mentioned = sorted({dossier for _, dossier in await dossiers.find_refs(connection, account_id, [external_id])})
    account = await accounts.get(connection, account_id)
    hand = wishes.created(wish, now=now, origin=ORIGIN, source=OrderSource.API, currency=account.currency)
    dossier = _stated(Dossier(), order_id, hand, now, actor)
    await orders.begin_deriving(connection)
    await dossiers.add_links(connection, account_id, {hand_key(order_id): order_id})
    await dossiers.save(connection, account_id, {order_id: dossier})
    await write(connection, account_id, {order_id: dossier}, now, actor)
    await orders.set_request(connection, account_id, order_id, normalised)
    woken = await take_over(connection, account_id, order_id, mentioned, now, actor) if mentioned else []
    return order_id, woken


async def patch(ctx: Context, actor: Actor, order_id: str, changes: Mapping[str, Any], if_match: int | None) -> None:
    """Change the given fields of an order.

    Raises Locked (Stripe manages a field) and Refused (`not_found`, `version`, `derived`, `stage`, `contact_unknown`,
    `deal_unknown`, `owner_unknown`, `not_owner`, `invalid`).
    """
    now, account_id, within = micros_now(ctx), actor.account_id, access.reach(actor)
    wish = {name: _plain(value) for name, value in changes.items()}
    async with transaction(ctx.pool) as connection:
        held = await dossiers.lock(connection, account_id, [order_id])
        found = await order_reads.owner(connection, within, order_id)
        if found is None or order_id not in held:
            raise Refused("not_found", f"There is no order {order_id}.", remedy="Look it up by its external id.")
        owner_id, version = found
        access.check_write(actor, owner_id, "orders")
        if if_match is not None and if_match != version:
            raise Refused(
                "version",
                f"The order is at version {version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        await references.check(connection, within, wish)
        dossier = held[order_id]
        hand = wishes.edited(derive(dossier, now), wish, derived=has_payment_facts(dossier))
        await orders.begin_deriving(connection)
        dossier = _stated(dossier, order_id, hand, now, actor.label)
        await dossiers.save(connection, account_id, {order_id: dossier})
        await write(connection, account_id, {order_id: dossier}, now, actor.label)
        if await order_reads.owner(connection, within, order_id) is None:
            access.check_kept(within, (), next(name for name in ("contact_id", "deal_id") if name in wish))


def micros_now(ctx: Context) -> int:
    return int(ctx.clock() * 1_000_000)


def _stated(dossier: Dossier, order_id: str, hand: Hand, now: int, actor: str) -> Dossier:
    """The dossier with a person's statement added; later than any of theirs before, even within one microsecond."""
    key = hand_key(order_id)
    held = dossier.facts.get(key)
    latest = max((statement.at for statement in held.statements), default=0) if held else 0
    return add(dossier, Reading((state(key, Kind.HAND, hand, at=max(now, latest + 1), event=actor),)))


async def _check_references(connection: Pooled, within: Reach, wish: Mapping[str, Any]) -> None:
    if wish.get("contact_id") is None:
        raise references.contact_unknown(None)
    await references.check(connection, within, wish)


async def _check_seen(connection: Pooled, within: Reach, order_id: str) -> None:
    """The order that was made under this external id is not told of to who does not see it."""
    if await order_reads.owner(connection, within, order_id) is None:
        raise Refused(
            "external_id_taken",
            "An order of somebody else was made under this external id.",
            field="external_id",
            remedy="Use another external id, or ask a manager or an administrator.",
        )
