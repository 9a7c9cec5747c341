"""The contact of each order: found or registered in the order's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from handlers.unite import Unions
from schemas.order import Order
from worker.errors import Transient
from worker.ids import new_id
from worker.store import contacts
from worker.store.contacts import Contact
from worker.store.db import Pooled

Node = tuple[str, str]


def keys_of(order_id: str, order: Order) -> list[str]:
    """The keys by which senders know the order's customer; an order without any has an anonymous contact of its own."""
    named = [*order.party.ids, *(f"email:{email}" for email in order.emails)]
    return named or [f"anonymous:{order_id}"]


async def assign(
    connection: Pooled, account_id: str, orders: Mapping[str, Order], formerly: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The contact id of each order. `formerly`: ids of orders merged into one; their anonymous contacts join."""
    if not orders:
        return {}
    wanted = {order_id: keys_of(order_id, order) for order_id, order in orders.items()}
    anonymous = {
        order_id: [f"anonymous:{id_}" for id_ in (order_id, *formerly.get(order_id, ()))] for order_id in orders
    }
    asked = {key for keys in (*wanted.values(), *anonymous.values()) for key in keys}
    known = await contacts.find_keys(connection, account_id, asked)
    unions: Unions[Node] = Unions()
    for order_id, keys in wanted.items():
        joined = [*keys, *(key for key in anonymous[order_id] if key in known)]
        unions.join([("order", order_id), *(("key", key) for key in joined)])
    for key, contact_id in known.items():
        unions.join([("key", key), ("contact", contact_id)])
    held = await contacts.lock(connection, account_id, known.values())
    if len(held) < len(set(known.values())):
        raise Transient("a contact was merged meanwhile")
    found: dict[str, str] = {}
    changed: list[Contact] = []
    merged: dict[str, str] = {}
    new_keys: dict[str, str] = {}
    for nodes in unions.sets():
        ids = sorted((name for kind, name in nodes if kind == "contact"), key=lambda id_: (held[id_].anonymous, id_))
        members = [name for kind, name in nodes if kind == "order"]
        if not members:
            continue
        before = held[ids[0]] if ids else None
        contact = before or Contact(id=new_id(), anonymous=True)
        for id_ in ids[1:]:
            contact = _joined(contact, held[id_])
            merged[id_] = contact.id
        for order_id in members:
            contact = _stated(contact, orders[order_id])
        if contact != before:
            changed.append(contact)
        found.update(dict.fromkeys(members, contact.id))
        new_keys.update({name: contact.id for kind, name in nodes if kind == "key" and name not in known})
    await _save(connection, account_id, changed, merged, new_keys)
    return found


async def _save(
    connection: Pooled, account_id: str, changed: list[Contact], merged: dict[str, str], keys: dict[str, str]
) -> None:
    if changed:
        await contacts.save(connection, account_id, changed)
    if merged:
        await contacts.merge(connection, account_id, merged)
    if keys and len(await contacts.add_keys(connection, account_id, keys)) < len(keys):
        raise Transient("another worker registers the same contact")


def _stated(contact: Contact, order: Order) -> Contact:
    """The contact with what the order's document says of it, field by field, the latest statement winning."""
    party = order.party
    said = Contact(
        id=contact.id,
        email=party.email,
        name=party.name,
        phone=party.phone,
        anonymous=not party.ids and not order.emails,
        stated_at={name: order.party_at for name in ("email", "name", "phone") if getattr(party, name) is not None},
    )
    return _joined(contact, said)


def _joined(left: Contact, right: Contact) -> Contact:
    values, stamps = {}, {}
    for name in ("email", "name", "phone"):
        best = max((_weight(left, name), _weight(right, name)))
        values[name] = best[1] or None
        if best[1]:
            stamps[name] = best[0]
    return msgspec.structs.replace(
        left,
        anonymous=left.anonymous and right.anonymous,
        stated_at=stamps,
        owner_id=left.owner_id or right.owner_id,
        **values,
    )


def _weight(contact: Contact, name: str) -> tuple[int, str]:
    value = getattr(contact, name)
    return (contact.stated_at.get(name, 0), value) if value else (-1, "")
