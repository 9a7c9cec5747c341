"""What entries of contacts make, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from handlers.errors import Refused
from schemas.api.seed import SeedContact
from schemas.seed import SeedType
from worker.errors import UserError
from worker.ids import new_id
from worker.seeds.problems import Problems
from worker.seeds.spool import Checked
from worker.store import contacts, seeds
from worker.store.contacts import Contact
from worker.store.db import Pooled

_STATED = ("email", "name", "phone")


async def make(
    connection: Pooled,
    account_id: str,
    ready: Sequence[tuple[Checked, Mapping[str, Any]]],
    now: int,
    problems: Problems,
) -> tuple[int, int]:
    """How many contacts were made, and how many were changed. One that is known by an identifier of an entry is that
    entry's: it gains the other identifiers, and what it does not say itself."""
    bodies = [(checked, SeedContact.model_validate(fields)) for checked, fields in ready]
    wanted = {checked.key: _identifiers(body) for checked, body in bodies}
    made = await seeds.find(connection, account_id, SeedType.CONTACT, wanted)
    own_ids = [body.id for checked, body in bodies if body.id and checked.key not in made]
    own = await seeds.look_up(connection, account_id, "contacts", "id", own_ids) if own_ids else {}
    known = await contacts.find_keys(connection, account_id, {key for keys in wanted.values() for key in keys})
    ids = {*known.values(), *(id_ for id_, _ in made.values()), *(id_ for some in own.values() for id_ in some)}
    held = await contacts.lock(connection, account_id, ids)
    before = dict(held)
    new_keys: dict[str, str] = {}
    noted: dict[str, tuple[str, bytes]] = {}
    for checked, body in bodies:
        its = {known[key] for key in wanted[checked.key] if key in known} | own.get(body.id or "", set())
        if checked.key in made:
            its.add(made[checked.key][0])
        if len(its) > 1:
            problems.refused(checked.entry, _SEVERAL)
            continue
        contact_id = next(iter(its), None) or new_id()
        held[contact_id] = _joined(held.get(contact_id) or Contact(id=contact_id, anonymous=True), body, now)
        added = dict.fromkeys((key for key in wanted[checked.key] if key not in known), contact_id)
        known |= added
        new_keys |= added
        noted[checked.key] = contact_id, checked.digest
        made[checked.key] = noted[checked.key]
    changed = [contact for id_, contact in held.items() if contact != before.get(id_)]
    if changed:
        await contacts.save(connection, account_id, changed)
    if new_keys and len(await contacts.add_keys(connection, account_id, new_keys)) < len(new_keys):
        raise UserError("One of the contacts was registered by somebody else this very moment.", remedy="Import again.")
    if noted:
        await seeds.add(connection, account_id, SeedType.CONTACT, noted)
    fresh = {contact.id for contact in changed} - set(before)
    touched = {contact.id for contact in changed} | set(new_keys.values())
    return len(fresh), len(touched - fresh)


_SEVERAL = Refused(
    "ambiguous", "These identifiers belong to more than one contact here.", field="identifiers",
    remedy="Give those of one contact.",
)  # fmt: skip


def _joined(contact: Contact, body: SeedContact, now: int) -> Contact:
    said = {"email": _email(body), "name": body.name, "phone": body.phone, "owner_id": body.owner_id}
    more = {name: value for name, value in said.items() if value and getattr(contact, name) is None}
    told = {str(name): at for name, at in body.stated_at.items()}
    stamps = {name: told.get(name, now) for name in _STATED if name in more}
    contact = msgspec.structs.replace(contact, stated_at={**stamps, **contact.stated_at}, **more)
    named = any(getattr(contact, name) for name in _STATED)
    return msgspec.structs.replace(contact, anonymous=contact.anonymous and body.anonymous and not named)


def _email(body: SeedContact) -> str | None:
    """The address given, else the first identifier that is one."""
    if body.email:
        return body.email.strip().lower()
    return next((key.removeprefix("email:") for key in _keys(body.identifiers) if key.startswith("email:")), None)


def _identifiers(body: SeedContact) -> set[str]:
    email = _email(body)
    return {*_keys(body.identifiers), *([f"email:{email}"] if email else [])}


def _keys(identifiers: Sequence[str]) -> list[str]:
    """Identifiers as contacts are known by them: an address is `email:a@b.c`, what has a namespace stays as it is."""
    plain = [text.strip() for text in identifiers]
    return [
        text if ":" in text else f"email:{text.lower()}" if "@" in text else f"import:{text}" for text in plain if text
    ]
