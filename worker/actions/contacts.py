"""Registering and changing a contact by hand or over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from handlers import access
from handlers.errors import Refused
from schemas.account import Actor, Reach
from worker.actions import references
from worker.context import Context
from worker.ids import new_id
from worker.store import contact_reads, contacts
from worker.store.contacts import Contact
from worker.store.db import Pooled, acquire, transaction

_STATED = ("email", "name", "phone")


class Known(Refused):
    """A contact is known by this e-mail address already. `contact_id` is that contact; None where who asks does not
    see it."""

    def __init__(self, email: str, contact_id: str | None) -> None:
        holder = f"The contact {contact_id}" if contact_id else "A contact of somebody else"
        super().__init__(
            "contact_exists",
            f"{holder} has the e-mail address {email}.",
            field="email",
            remedy="Use that contact, or another address." if contact_id else "Ask a manager or an administrator.",
        )
        self.contact_id = contact_id


async def create(ctx: Context, actor: Actor, wish: Mapping[str, Any]) -> str:
    """The id of a new contact. Raises Known where another has the address (of two made at once, one is), Refused
    (`owner_unknown`, `not_owner`)."""
    given = {**_plain(wish), "owner_id": access.owner_of_new(actor, wish.get("owner_id"), "contacts")}
    stamps = dict.fromkeys((name for name in _STATED if given.get(name)), _now(ctx))
    contact = Contact(id=new_id(), stated_at=stamps, **given)
    within = access.reach(actor)
    try:
        async with transaction(ctx.pool) as connection:
            await references.check(connection, within, given)
            await contacts.save(connection, actor.account_id, [contact])
            await _take_address(connection, actor.account_id, contact)
    except _TakenError:
        raise await _known(ctx, within, contact) from None
    return contact.id


async def change(
    ctx: Context, actor: Actor, contact_id: str, changes: Mapping[str, Any], if_match: int | None = None
) -> None:
    """Change the given fields of a contact. It stays known by an address that it had before.

    Raises Known, Refused (`not_found`, `version`, `invalid`, `owner_unknown`, `not_owner`).
    """
    within, given = access.reach(actor), _plain(changes)
    contact = None
    try:
        async with transaction(ctx.pool) as connection:
            held = (await contacts.lock(connection, actor.account_id, [contact_id])).get(contact_id)
            rows = await contact_reads.read(connection, within, [contact_id])
            if held is None or not rows:
                raise Refused("not_found", f"There is no contact {contact_id}.", remedy="List the contacts to find it.")
            access.check_write(actor, held.owner_id, "contacts")
            if if_match is not None and if_match != rows[0]["version"]:
                raise Refused(
                    "version",
                    f"The contact is at version {rows[0]['version']} now, not {if_match}.",
                    remedy="Get it again and repeat the change.",
                )
            contact = _changed(held, given, _now(ctx))
            access.check_kept(within, (contact.owner_id,), "owner_id")
            await references.check(connection, within, given)
            if contact != held:
                await contacts.save(connection, actor.account_id, [contact])
                await _take_address(connection, actor.account_id, contact)
    except _TakenError:
        if contact is None:
            raise
        raise await _known(ctx, within, contact) from None


def _changed(held: Contact, given: Mapping[str, Any], now: int) -> Contact:
    """The contact with what is given, stated now; the fields that are as they were keep the time of their statement."""
    changed = {name: value for name, value in given.items() if value != getattr(held, name)}
    if not changed:
        return held
    stamps = {name: at for name, at in held.stated_at.items() if name not in changed}
    stamps |= dict.fromkeys((name for name in _STATED if changed.get(name)), now)
    contact = msgspec.structs.replace(held, stated_at=stamps, **changed)
    named = any(getattr(contact, name) for name in _STATED)
    if not named and any(getattr(held, name) for name in _STATED):
        raise Refused(
            "invalid",
            "A contact needs an e-mail address, a name or a phone number.",
            field=next(name for name in _STATED if name in changed),
            remedy="Keep one of the three.",
        )
    return msgspec.structs.replace(contact, anonymous=held.anonymous and not named)


def _plain(wish: Mapping[str, Any]) -> dict[str, Any]:
    email = wish.get("email")
    return {**wish, "email": email.strip().lower()} if email else dict(wish)


def _now(ctx: Context) -> int:
    return int(ctx.clock() * 1_000_000)


async def _take_address(connection: Pooled, account_id: str, contact: Contact) -> None:
    """Let the contact be known by its address, or end the transaction where another is."""
    if contact.email is None:
        return
    key = f"email:{contact.email}"
    if await contacts.add_keys(connection, account_id, {key: contact.id}):
        return
    if (await contacts.find_keys(connection, account_id, [key])).get(key) != contact.id:
        raise _TakenError


async def _known(ctx: Context, within: Reach, contact: Contact) -> Known:
    key = f"email:{contact.email}"
    async with acquire(ctx.pool) as connection:
        holder = (await contacts.find_keys(connection, within.account_id, [key])).get(key)
        seen = await contact_reads.read(connection, within, [holder]) if holder else []
    return Known(contact.email or "", holder if seen else None)


class _TakenError(Exception):
    """Ends the transaction that found the address taken."""
