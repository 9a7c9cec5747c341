"""Making and editing orders by hand or over the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from pydantic import BaseModel

from handlers import access, locks, wishes
from handlers.derive import derive, hand_key, has_payment_facts
from handlers.errors import Refused
from handlers.merge import add, state
from handlers.reading import micros
from schemas.account import Actor, Reach, Role
from schemas.fact import Dossier, Kind, Reading
from schemas.order import Order, OrderSource, OrderType, Status
from schemas.stated import Hand
from worker.actions import catalog, naming, references
from worker.apply import parents, told
from worker.apply.batch import take_over
from worker.apply.rebuild import write
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, children, contacts, dossiers, order_reads, orders, templates
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


async def create(ctx: Context, actor: Actor, request: BaseModel) -> tuple[str, bool]:
    """Make an order: (id, whether it is new). The same external id with the same body gives the order made before.

    Raises Differs (other body), Refused `contact_unknown`, `deal_unknown`, `owner_unknown`, `not_owner`,
    `template_unknown`, `external_id_taken` (by an order that the actor does not see), `invalid`, and what
    `catalog.to_make` refuses.
    """
    wish, account_id, within = given(request), actor.account_id, access.reach(actor)
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
                await references.check(connection, within, wish)
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
    account = await accounts.get(connection, account_id)
    template = await templates.get(connection, account_id, wish.get("template") or OrderType.SALE)
    if wish.get("contact_id") is None and template.type == OrderType.TRANSFER:
        wish = {**wish, "contact_id": await own_contact(connection, account, now)}
    if wish.get("contact_id") is None:
        raise references.contact_unknown(None)
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


async def patch(ctx: Context, actor: Actor, order_id: str, changes: Mapping[str, Any], if_match: int | None) -> None:
    """Change the given fields of an order.

    Raises Locked (Stripe manages a field) and Refused (`not_found`, `version`, `derived`, `stage`, `contact_unknown`,
    `deal_unknown`, `owner_unknown`, `not_owner`, `invalid`, and those of the flow).
    """
    wish = {name: _plain(value) for name, value in changes.items()}
    if wish.get("items"):
        wish["items"] = _keyed(wish["items"])

    async def look_up(connection: Pooled, order: Order) -> None:
        locks.check(order, wish)
        wish.update(await catalog.to_edit(connection, actor.account_id, wish, order.currency))

    def asked(found: Editing) -> Hand:
        return wishes.edited(
            found.order, wish, derived=found.derived, children_=found.family.children, carried=found.family.carried
        )

    await edit(ctx, actor, order_id, asked, if_match, look_up=look_up, naming_=wish)


async def edit(
    ctx: Context,
    actor: Actor,
    order_id: str,
    asked: Edit,
    if_match: int | None = None,
    *,
    look_up: LookUp | None = None,
    naming_: Mapping[str, Any] | None = None,
) -> None:
    """Let an order be changed by a statement, under the locks that its rules need: its own dossier and its parent's.
    `naming_`: fields that name contacts, deals and owners, which have to be there.

    Raises Refused `not_found`, `not_owner` and `version` (it is at another version than `if_match`), and what `asked`
    raises.
    """
    now, account_id, within = micros_now(ctx), actor.account_id, access.reach(actor)
    wish = naming_ or {}
    async with transaction(ctx.pool) as connection:
        parent_id = await children.parent_of(connection, account_id, order_id)
        held = await dossiers.lock(connection, account_id, [order_id, parent_id] if parent_id else [order_id])
        seen = await order_reads.owner(connection, within, order_id)
        if seen is None or order_id not in held:
            raise Refused("not_found", f"There is no order {order_id}.", remedy="Look it up by its external id.")
        owner_id, version = seen
        access.check_write(actor, owner_id, "orders")
        if if_match is not None and if_match != version:
            raise Refused(
                "version",
                f"The order is at version {version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )
        await references.check(connection, within, wish)
        dossier = held[order_id]
        family = await children.family(connection, account_id, order_id)
        found = Editing(derive(dossier, now), has_payment_facts(dossier), family, now)
        if look_up is not None:
            await look_up(connection, found.order)
        stated = asked(found)
        if isinstance(stated, Hand):
            if parent_id and stated.status == Status.VOID:
                await children.free(connection, account_id, order_id)
            dossier = _stated(dossier, order_id, stated, now, actor.label)
        else:
            dossier = add(dossier, stated)
        await orders.begin_deriving(connection)
        await dossiers.save(connection, account_id, {order_id: dossier})
        await write(connection, account_id, {order_id: dossier}, now, actor.label)
        if await order_reads.owner(connection, within, order_id) is None:
            access.check_kept(within, (), next(name for name in ("contact_id", "deal_id") if name in wish))
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


async def _check_seen(connection: Pooled, within: Reach, order_id: str) -> None:
    """The order that was made under this external id is not told of to who does not see it."""
    if await order_reads.owner(connection, within, order_id) is None:
        raise Refused(
            "external_id_taken",
            "An order of somebody else was made under this external id.",
            field="external_id",
            remedy="Use another external id, or ask a manager or an administrator.",
        )
