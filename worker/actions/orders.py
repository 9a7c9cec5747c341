"""Making and editing orders by hand or over the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from pydantic import BaseModel

from handlers import wishes
from handlers.derive import derive, hand_key, has_payment_facts
from handlers.errors import Refused
from handlers.merge import add, state
from handlers.reading import micros
from schemas.fact import Dossier, Kind, Reading
from schemas.order import OrderSource
from schemas.stated import Hand
from worker.apply import told
from worker.apply.batch import take_over
from worker.apply.rebuild import write
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, contacts, dossiers, orders
from worker.store.db import Pooled, transaction

ORIGIN = "api"
_TOGETHER = 25
"""Orders made in one transaction at most: so many hold their locks, and the event loop, for a moment only."""


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


class _Asked(msgspec.Struct, frozen=True):
    """One order that is asked for: the id that it would have, the request's fields, and as it is compared."""

    order_id: str
    wish: dict[str, Any]
    normalised: bytes

    @property
    def external_id(self) -> str | None:
        return self.wish.get("external_id")


class _Made(msgspec.Struct, frozen=True):
    """By id, why an order was not made; and the events that those that were made woke."""

    refused: dict[str, Exception]
    woken: Sequence[asyncpg.Record]


def _asked(request: BaseModel) -> _Asked:
    wish = _given(request)
    return _Asked(new_id(), wish, _normalised(wish))


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


async def create(ctx: Context, actor: str, account_id: str, request: BaseModel) -> tuple[str, bool]:
    """Make an order: (id, whether it is new). The same external id with the same body gives the order made before.

    Raises Differs (other body), Refused `contact_unknown` or `invalid`.
    """
    asked = _asked(request)
    for last in (False, False, True):
        try:
            async with transaction(ctx.pool) as connection:
                if asked.external_id:
                    found = await orders.find_externals(connection, account_id, ORIGIN, [asked.external_id])
                    if found:
                        return _same(found[asked.external_id], asked.normalised), False
                made = await _make(ctx, connection, actor, account_id, [asked])
            if made.refused:
                raise made.refused[asked.order_id]
            told.woken(account_id, made.woken, ctx.clock())
            return asked.order_id, True
        except asyncpg.UniqueViolationError:  # somebody made it at this very moment: look again
            if last:
                raise
    raise AssertionError("unreachable")


async def create_many(
    ctx: Context, actor: str, account_id: str, requests: Sequence[BaseModel]
) -> list[tuple[str, bool] | Exception]:
    """Make orders, each by itself: what `create` gives or raises, for each request.

    A few go into one transaction. Where that fails for whatever reason, its requests are made one by one, so that none
    fails for another's sake.
    """
    results: list[tuple[str, bool] | Exception] = []
    for start in range(0, len(requests), _TOGETHER):
        some = requests[start : start + _TOGETHER]
        try:
            together = await _create_together(ctx, actor, account_id, [_asked(request) for request in some])
        except Exception:  # noqa: BLE001  (found below: each by itself)
            together = [None] * len(some)
        for request, result in zip(some, together, strict=True):
            if result is None:
                try:
                    result = await create(ctx, actor, account_id, request)
                except Exception as error:  # noqa: BLE001  (it is this request's answer)
                    result = error
            results.append(result)
    return results


async def _create_together(
    ctx: Context, actor: str, account_id: str, some: Sequence[_Asked]
) -> list[tuple[str, bool] | Exception | None]:
    """What became of each in one transaction; None for one whose external id stands before it among them."""
    results: dict[str, tuple[str, bool] | Exception] = {}
    new: dict[str, _Asked] = {}
    async with transaction(ctx.pool) as connection:
        names = [asked.external_id for asked in some if asked.external_id]
        if names:
            await dossiers.lock_refs(connection, account_id, names)
        found = await orders.find_externals(connection, account_id, ORIGIN, names) if names else {}
        for asked in some:
            if asked.external_id in found:
                try:
                    results[asked.order_id] = _same(found[asked.external_id], asked.normalised), False
                except Differs as differs:
                    results[asked.order_id] = differs
            else:
                new.setdefault(asked.external_id or asked.order_id, asked)
        made = await _make(ctx, connection, actor, account_id, list(new.values()))
    told.woken(account_id, made.woken, ctx.clock())
    for asked in new.values():
        results[asked.order_id] = made.refused.get(asked.order_id) or (asked.order_id, True)
    return [results.get(asked.order_id) for asked in some]


def _same(found: tuple[str, bytes | None], normalised: bytes) -> str:
    order_id, request = found
    if request is not None and request != normalised:
        before, now = msgspec.json.decode(request), msgspec.json.decode(normalised)
        fields = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        raise Differs(order_id, tuple(fields))
    return order_id


async def _make(ctx: Context, connection: Pooled, actor: str, account_id: str, some: Sequence[_Asked]) -> _Made:
    """Make orders within this transaction; those that the rules refuse leave nothing behind."""
    now = micros_now(ctx)
    wanted = {str(asked.wish["contact_id"]) for asked in some if asked.wish.get("contact_id")}
    known = await contacts.existing(connection, account_id, wanted)
    names = [asked.external_id for asked in some if asked.external_id]
    mentions: dict[str, set[str]] = {}
    if names:
        await dossiers.lock_refs(connection, account_id, names)
        for name, dossier_id in await dossiers.find_refs(connection, account_id, names):
            mentions.setdefault(name, set()).add(dossier_id)
    account = await accounts.get(connection, account_id)
    refused: dict[str, Exception] = {}
    made: dict[str, Dossier] = {}
    for asked in some:
        try:
            if asked.wish.get("contact_id") not in known:
                raise _no_contact(asked.wish.get("contact_id"))
            hand = wishes.created(asked.wish, now=now, origin=ORIGIN, source=OrderSource.API, currency=account.currency)
        except Refused as error:
            refused[asked.order_id] = error
        else:
            made[asked.order_id] = _stated(Dossier(), asked.order_id, hand, now, actor)
    woken: list[asyncpg.Record] = []
    if made:
        await orders.begin_deriving(connection)
        await dossiers.add_links(connection, account_id, {hand_key(id_): id_ for id_ in made})
        await dossiers.save(connection, account_id, made)
        await write(connection, account_id, made, now, actor)
        requests = {asked.order_id: asked.normalised for asked in some if asked.order_id in made}
        await orders.set_requests(connection, account_id, requests)
    for asked in some:
        if asked.order_id in made and (others := mentions.get(asked.external_id or "")):
            woken += await take_over(connection, account_id, asked.order_id, sorted(others), now, actor)
    return _Made(refused, woken)


async def patch(
    ctx: Context, actor: str, account_id: str, order_id: str, changes: Mapping[str, Any], if_match: int | None
) -> None:
    """Change the given fields of an order.

    Raises Locked (Stripe manages a field) and Refused (`not_found`, `version`, `derived`, `stage`, `contact_unknown`,
    `invalid`).
    """
    now = micros_now(ctx)
    wish = {name: _plain(value) for name, value in changes.items()}
    async with transaction(ctx.pool) as connection:
        held = await dossiers.lock(connection, account_id, [order_id])
        version = await orders.version(connection, account_id, order_id)
        if version is None or order_id not in held:
            raise Refused("not_found", f"There is no order {order_id}.", remedy="Look it up by its external id.")
        if if_match is not None and if_match != version:
            raise Refused(
                "version",
                f"The order is at version {version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        if wish.get("contact_id") is not None:
            await _check_contact(connection, account_id, wish["contact_id"])
        dossier = held[order_id]
        hand = wishes.edited(derive(dossier, now), wish, derived=has_payment_facts(dossier))
        await orders.begin_deriving(connection)
        dossier = _stated(dossier, order_id, hand, now, actor)
        await dossiers.save(connection, account_id, {order_id: dossier})
        await write(connection, account_id, {order_id: dossier}, now, actor)


def micros_now(ctx: Context) -> int:
    return int(ctx.clock() * 1_000_000)


def _stated(dossier: Dossier, order_id: str, hand: Hand, now: int, actor: str) -> Dossier:
    """The dossier with a person's statement added; later than any of theirs before, even within one microsecond."""
    key = hand_key(order_id)
    held = dossier.facts.get(key)
    latest = max((statement.at for statement in held.statements), default=0) if held else 0
    return add(dossier, Reading((state(key, Kind.HAND, hand, at=max(now, latest + 1), event=actor),)))


async def _check_contact(connection: Pooled, account_id: str, contact_id: str) -> None:
    if not await contacts.existing(connection, account_id, [contact_id]):
        raise _no_contact(contact_id)


def _no_contact(contact_id: str | None) -> Refused:
    return Refused(
        "contact_unknown", f"There is no contact {contact_id} in this account.", field="contact_id",
        remedy="Make the contact first with POST /api/v1/contacts.",
    )  # fmt: skip
