"""Making orders by hand or over the API: one, or many, each by itself (O1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
from pydantic import BaseModel

from handlers import access, wishes
from handlers.errors import Refused
from schemas.account import Actor, Reach, Role
from schemas.fact import Dossier
from schemas.order import OrderSource, OrderType
from schemas.stated import Hand
from schemas.template import Template
from worker.actions import catalog, naming, references
from worker.actions.orders import given, micros_now, stated, write_new
from worker.apply import told
from worker.apply.batch import take_over
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, contact_reads, contacts, dossiers, order_reads, orders, templates
from worker.store.accounts import Account
from worker.store.contacts import Contact
from worker.store.db import Pooled, transaction

OWN = "daybook:own"
"""The key of an account's own contact."""
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


def _asked(actor: Actor, request: BaseModel) -> _Asked:
    wish = given(request)
    if actor.role is Role.MANAGER:
        wish["owner_id"] = access.owner_of_new(actor, wish.get("owner_id"), "orders")
    return _Asked(new_id(), wish, _normalised(wish))


def _normalised(wish: Mapping[str, Any]) -> bytes:
    """The request as it is compared with a later one: what is null is as good as not given."""
    return msgspec.json.encode({name: value for name, value in wish.items() if value is not None}, order="sorted")


async def create(ctx: Context, actor: Actor, request: BaseModel) -> tuple[str, bool]:
    """Make an order: (id, whether it is new). The same external id with the same body gives the order made before.

    Raises Differs (other body), Refused `contact_unknown`, `deal_unknown`, `owner_unknown`, `location_unknown`,
    `not_owner`, `template_unknown`, `external_id_taken` (by an order that the actor does not see), `invalid`, and what
    `catalog.to_make` refuses.
    """
    asked = _asked(actor, request)
    for last in (False, False, True):
        try:
            async with transaction(ctx.pool) as connection:
                if asked.external_id:
                    found = await orders.find_externals(connection, actor.account_id, actor.origin, [asked.external_id])
                    if found:
                        await _check_seen(connection, access.reach(actor), found[asked.external_id][0])
                        return _same(found[asked.external_id], asked.normalised), False
                made = await _make(ctx, connection, actor, [asked])
                if made.refused:  # within the transaction, which so leaves nothing behind
                    raise made.refused[asked.order_id]
            told.woken(actor.account_id, made.woken, ctx.clock())
            return asked.order_id, True
        except asyncpg.UniqueViolationError:  # somebody made it at this very moment: look again
            if last:
                raise
    raise AssertionError("unreachable")


async def create_many(ctx: Context, actor: Actor, requests: Sequence[BaseModel]) -> list[tuple[str, bool] | Exception]:
    """Make orders, each by itself: what `create` gives or raises, for each request.

    A few go into one transaction. Where that fails for whatever reason, its requests are made one by one, so that none
    fails for another's sake.
    """
    results: list[tuple[str, bool] | Exception] = []
    for start in range(0, len(requests), _TOGETHER):
        some = requests[start : start + _TOGETHER]
        together: list[tuple[str, bool] | Exception | None]
        try:
            together = await _create_together(ctx, actor, [_asked(actor, request) for request in some])
        except Exception:  # noqa: BLE001  (found below: each by itself)
            together = [None] * len(some)
        for request, result in zip(some, together, strict=True):
            if result is None:
                try:
                    result = await create(ctx, actor, request)
                except Exception as error:  # noqa: BLE001  (it is this request's answer)
                    result = error
            results.append(result)
    return results


async def _create_together(
    ctx: Context, actor: Actor, some: Sequence[_Asked]
) -> list[tuple[str, bool] | Exception | None]:
    """What became of each in one transaction; None for one whose external id stands before it among them."""
    results: dict[str, tuple[str, bool] | Exception] = {}
    new: dict[str, _Asked] = {}
    async with transaction(ctx.pool) as connection:
        names = [asked.external_id for asked in some if asked.external_id]
        if names:
            await dossiers.lock_refs(connection, actor.account_id, names)
        found = await orders.find_externals(connection, actor.account_id, actor.origin, names) if names else {}
        for asked in some:
            if asked.external_id in found:
                try:
                    await _check_seen(connection, access.reach(actor), found[asked.external_id][0])
                    results[asked.order_id] = _same(found[asked.external_id], asked.normalised), False
                except Refused as refused:
                    results[asked.order_id] = refused
            else:
                new.setdefault(asked.external_id or asked.order_id, asked)
        made = await _make(ctx, connection, actor, list(new.values()))
    told.woken(actor.account_id, made.woken, ctx.clock())
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


async def _check_seen(connection: Pooled, within: Reach, order_id: str) -> None:
    """The order that was made under this external id is not told of to who does not see it."""
    if await order_reads.owner(connection, within, order_id) is None:
        raise Refused(
            "external_id_taken",
            "An order of somebody else was made under this external id.",
            field="external_id",
            remedy="Use another external id, or ask a manager or an administrator.",
        )


async def _make(ctx: Context, connection: Pooled, actor: Actor, some: Sequence[_Asked]) -> _Made:
    """Make orders within this transaction; those that the rules refuse leave nothing behind."""
    now, account_id, within = micros_now(ctx), actor.account_id, access.reach(actor)
    account = await accounts.get(connection, account_id)
    wanted = sorted({str(asked.wish["contact_id"]) for asked in some if asked.wish.get("contact_id")})
    known = {row["id"] for row in await contact_reads.read(connection, within, wanted)} if wanted else set()
    slugs = sorted({asked.wish.get("template") or OrderType.SALE for asked in some})
    used = {slug: found for slug in slugs if (found := await templates.find(connection, account_id, slug))}
    names = [asked.external_id for asked in some if asked.external_id]
    mentions: dict[str, set[str]] = {}
    if names:
        await dossiers.lock_refs(connection, account_id, names)
        for name, dossier_id in await dossiers.find_refs(connection, account_id, names):
            mentions.setdefault(name, set()).add(dossier_id)
    refused: dict[str, Exception] = {}
    made: dict[str, Dossier] = {}
    for asked in some:
        try:
            slug = asked.wish.get("template") or OrderType.SALE
            if slug not in used:
                raise templates.unknown(slug)
            hand = await wished(
                connection, within, account, used[slug][0], asked.wish, known, now,
                origin=actor.origin, source=OrderSource(actor.origin),
            )  # fmt: skip
        except Refused as error:
            refused[asked.order_id] = error
        else:
            made[asked.order_id] = stated(Dossier(), asked.order_id, hand, now, actor.label)
    woken: list[asyncpg.Record] = []
    if made:
        await write_new(connection, account_id, made, now, actor.label)
        requests = {asked.order_id: asked.normalised for asked in some if asked.order_id in made}
        await orders.set_requests(connection, account_id, requests)
    for asked in some:
        if asked.order_id in made and (others := mentions.get(asked.external_id or "")):
            woken += await take_over(connection, account_id, asked.order_id, sorted(others), now, actor.label)
    return _Made(refused, woken)


async def wished(
    connection: Pooled,
    within: Reach,
    account: Account,
    template: Template,
    wish: dict[str, Any],
    known: set[str],
    now: int,
    *,
    origin: str,
    source: OrderSource,
) -> Hand:
    """The statement that makes the order of this wish. `known`: the contacts named that are within reach."""
    if wish.get("contact_id") is None and template.type == OrderType.TRANSFER:
        wish = {**wish, "contact_id": await own_contact(connection, account, now)}
    elif wish.get("contact_id") not in known:
        raise references.contact_unknown(wish.get("contact_id"))
    await references.check(
        connection, within, {name: wish.get(name) for name in references.NAMING if name != "contact_id"}
    )
    if template.price_list and not wish.get("price_list"):
        wish = {**wish, "price_list": template.price_list}
    wish = await catalog.to_make(connection, account.id, wish, account.currency)

    def hand(names: Mapping[str, str | int | None]) -> Hand:
        return wishes.created(
            wish, now=now, origin=origin, source=source, currency=account.currency, template=template,
            names=names,
        )  # fmt: skip

    names = await naming.names(connection, account, template, wish, now)
    found = hand(names)
    number = await naming.number(connection, account, template)  # last: what was refused takes none
    return found if number is None else hand({**names, "sequence": number})


async def own_contact(connection: Pooled, account: Account, now: int) -> str:
    """The account's own contact: whose transfers are. Made when it is first needed."""
    found = await contacts.find_keys(connection, account.id, [OWN])
    if not found:
        contact = Contact(id=new_id(), name=account.name, stated_at={"name": now})
        await contacts.save(connection, account.id, [contact])
        if await contacts.add_keys(connection, account.id, {OWN: contact.id}):
            return contact.id
        found = await contacts.find_keys(connection, account.id, [OWN])  # somebody made it at this very moment
    return found[OWN]
