"""Making and editing orders by hand or over the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from pydantic import BaseModel

from handlers import locks, wishes
from handlers.derive import derive, hand_key, has_payment_facts
from handlers.errors import Refused
from handlers.merge import add, state
from handlers.reading import micros
from schemas.fact import Dossier, Kind, Reading
from schemas.order import Order, OrderSource, OrderType, Status
from schemas.stated import Hand
from worker.actions import catalog, naming
from worker.apply import parents, told
from worker.apply.batch import take_over
from worker.apply.rebuild import write
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, children, contacts, dossiers, orders, templates
from worker.store.accounts import Account
from worker.store.children import Family
from worker.store.contacts import Contact
from worker.store.db import Pooled, transaction

ORIGIN = "api"
OWN = "daybook:own"
"""The key of an account's own contact."""
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


def given(request: BaseModel) -> dict[str, Any]:
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

    Raises Differs (other body), Refused `contact_unknown`, `invalid`, and what `catalog.to_make` refuses.
    """
    wish = given(request)
    external_id = wish.get("external_id")
    normalised = _normalised(wish)
    for last in (False, False, True):
        try:
            async with transaction(ctx.pool) as connection:
                if external_id and (found := await orders.find_external(connection, account_id, ORIGIN, external_id)):
                    return _same(found, normalised), False
                order_id, woken = await _make(ctx, connection, actor, account_id, wish, normalised)
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
    account = await accounts.get(connection, account_id)
    template = await templates.get(connection, account_id, wish.get("template") or OrderType.SALE)
    if wish.get("contact_id") is None and template.type == OrderType.TRANSFER:
        wish = {**wish, "contact_id": await own_contact(connection, account, now)}
    await check_contact(connection, account_id, wish.get("contact_id"))
    names = await naming.names(connection, account, template, wish, now)
    external_id = wish.get("external_id")
    order_id = new_id()
    mentioned: list[str] = []
    if external_id:
        await dossiers.lock_refs(connection, account_id, [external_id])
        mentioned = sorted({dossier for _, dossier in await dossiers.find_refs(connection, account_id, [external_id])})
    if template.price_list and not wish.get("price_list"):
        wish = {**wish, "price_list": template.price_list}
    wish = await catalog.to_make(connection, account_id, wish, account.currency)
    hand = wishes.created(
        wish, now=now, origin=ORIGIN, source=OrderSource.API, currency=account.currency, template=template, names=names
    )
    await write_new(connection, account_id, order_id, hand, now, actor)
    await orders.set_request(connection, account_id, order_id, normalised)
    woken = await take_over(connection, account_id, order_id, mentioned, now, actor) if mentioned else []
    return order_id, woken


async def write_new(connection: Pooled, account_id: str, order_id: str, hand: Hand, now: int, actor: str) -> None:
    """Make the order of this statement, with its dossier."""
    dossier = _stated(Dossier(), order_id, hand, now, actor)
    await orders.begin_deriving(connection)
    await dossiers.add_links(connection, account_id, {hand_key(order_id): order_id})
    await dossiers.save(connection, account_id, {order_id: dossier})
    await write(connection, account_id, {order_id: dossier}, now, actor)


class Editing(msgspec.Struct, frozen=True):
    """An order as an edit finds it, held until the end of the transaction. `derived`: payment facts exist."""

    order: Order
    derived: bool
    family: Family
    now: int


Edit = Callable[[Editing], Hand | Reading]
"""What an edit states: fields of the order, or facts of their own (a payment). Raises Refused or Locked."""


LookUp = Callable[[Pooled, Order], Awaitable[None]]
"""What an edit has to look up before it can be stated, with the order as it is."""


async def patch(
    ctx: Context, actor: str, account_id: str, order_id: str, changes: Mapping[str, Any], if_match: int | None
) -> None:
    """Change the given fields of an order.

    Raises Locked (Stripe manages a field) and Refused (`not_found`, `version`, `derived`, `stage`, `contact_unknown`,
    `invalid`, and those of the flow).
    """
    wish = {name: _plain(value) for name, value in changes.items()}
    if wish.get("items"):
        wish["items"] = _keyed(wish["items"])

    async def look_up(connection: Pooled, order: Order) -> None:
        locks.check(order, wish)
        wish.update(await catalog.to_edit(connection, account_id, wish, order.currency))

    def asked(found: Editing) -> Hand:
        return wishes.edited(
            found.order, wish, derived=found.derived, children_=found.family.children, carried=found.family.carried
        )

    await edit(ctx, actor, account_id, order_id, asked, if_match, look_up=look_up, contact_id=wish.get("contact_id"))


async def edit(
    ctx: Context,
    actor: str,
    account_id: str,
    order_id: str,
    asked: Edit,
    if_match: int | None = None,
    *,
    look_up: LookUp | None = None,
    contact_id: str | None = None,
) -> None:
    """Let an order be changed by a statement, under the locks that its rules need: its own dossier and its parent's.

    Raises Refused `not_found` and `version` (it is at another version than `if_match`), and what `asked` raises.
    """
    now = micros_now(ctx)
    async with transaction(ctx.pool) as connection:
        parent_id = await children.parent_of(connection, account_id, order_id)
        held = await dossiers.lock(connection, account_id, [order_id, parent_id] if parent_id else [order_id])
        version = await orders.version(connection, account_id, order_id)
        if version is None or order_id not in held:
            raise Refused("not_found", f"There is no order {order_id}.", remedy="Look it up by its external id.")
        if if_match is not None and if_match != version:
            raise Refused(
                "version",
                f"The order is at version {version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        if contact_id is not None:
            await check_contact(connection, account_id, contact_id)
        dossier = held[order_id]
        family = await children.family(connection, account_id, order_id)
        found = Editing(derive(dossier, now), has_payment_facts(dossier), family, now)
        if look_up is not None:
            await look_up(connection, found.order)
        stated = asked(found)
        if isinstance(stated, Hand):
            if parent_id and stated.status == Status.VOID:
                await children.free(connection, account_id, order_id)
            dossier = _stated(dossier, order_id, stated, now, actor)
        else:
            dossier = add(dossier, stated)
        await orders.begin_deriving(connection)
        await dossiers.save(connection, account_id, {order_id: dossier})
        await write(connection, account_id, {order_id: dossier}, now, actor)
    if parent_id:
        await parents.settle(ctx, account_id, [parent_id])


def _keyed(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines that replace an order's: new ones, so under keys that no line had before."""
    stem = new_id()[-12:]
    return [{**item, "key": f"{stem}-{position}"} for position, item in enumerate(items, 1)]


def micros_now(ctx: Context) -> int:
    return int(ctx.clock() * 1_000_000)


def _stated(dossier: Dossier, order_id: str, hand: Hand, now: int, actor: str) -> Dossier:
    """The dossier with a person's statement added; later than any of theirs before, even within one microsecond."""
    key = hand_key(order_id)
    held = dossier.facts.get(key)
    latest = max((statement.at for statement in held.statements), default=0) if held else 0
    return add(dossier, Reading((state(key, Kind.HAND, hand, at=max(now, latest + 1), event=actor),)))


async def check_contact(connection: Pooled, account_id: str, contact_id: str | None) -> None:
    if contact_id is None or not await contacts.exists(connection, account_id, contact_id):
        raise Refused(
            "contact_unknown", f"There is no contact {contact_id} in this account.", field="contact_id",
            remedy="Make the contact first with POST /api/v1/contacts.",
        )  # fmt: skip


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
