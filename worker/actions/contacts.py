"""Registering a contact by hand or over the API."""

from __future__ import annotations

from handlers.errors import Refused
from worker.context import Context
from worker.ids import new_id
from worker.store import contacts
from worker.store.contacts import Contact
from worker.store.db import acquire, transaction


class Known(Refused):
    """A contact has this e-mail address already. `contact_id` is that contact."""

    def __init__(self, email: str, contact_id: str) -> None:
        super().__init__(
            "contact_exists", f"The contact {contact_id} has the e-mail address {email}.", field="email",
            remedy="Use that contact, or another address.",
        )  # fmt: skip
        self.contact_id = contact_id


async def create(ctx: Context, account_id: str, *, email: str | None, name: str | None, phone: str | None) -> str:
    """The id of a new contact. Raises Known where another has the address; of two made at once, one is."""
    email = email.strip().lower() if email else None
    given = {"email": email, "name": name, "phone": phone}
    now = int(ctx.clock() * 1_000_000)
    contact_id = new_id()
    contact = Contact(
        id=contact_id,
        email=email,
        name=name,
        phone=phone,
        stated_at={field: now for field, value in given.items() if value},
    )
    if email is None:
        async with transaction(ctx.pool) as connection:
            await contacts.save(connection, account_id, [contact])
        return contact_id
    key = f"email:{email}"
    try:
        async with transaction(ctx.pool) as connection:
            await contacts.save(connection, account_id, [contact])
            if not await contacts.add_keys(connection, account_id, {key: contact_id}):
                raise _TakenError
    except _TakenError:
        async with acquire(ctx.pool) as connection:
            holder = await contacts.find_keys(connection, account_id, [key])
        raise Known(email, holder[key]) from None
    return contact_id


class _TakenError(Exception):
    """Ends the transaction that found the address taken."""
