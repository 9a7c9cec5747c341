"""Exporting an account as a seed file (T7): one entry a line, so that a difference of two exports can be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from asyncpg import Record

from handlers.derive import HAND_KEY, hand_key
from handlers.seed import helper
from schemas.fact import Dossier, Fact, Kind
from schemas.seed import SeedType
from worker.store import dossiers, price_lists, seeds, templates
from worker.store.db import Pooled


async def entries(connection: Pooled, account_id: str) -> AsyncIterator[dict[str, Any]]:
    """Every entry of an export, in the order in which an import makes them. `connection` is a snapshot."""
    for noun, type_ in _PLAIN.items():
        async for row in seeds.dump(connection, account_id, noun):
            yield _entry(type_, row)
        if type_ is SeedType.LOCATION:
            async for entry in _people(connection, account_id):
                yield entry
    async for row in seeds.dump(connection, account_id, "price_lists"):
        prices = await price_lists.entries(connection, account_id, row["id"])
        head = {name: value for name, value in row.items() if name != "id"}
        yield {**_entry(SeedType.PRICE_LIST, head), "entries": [msgspec.to_builtins(price) for price in prices]}
    for template, version in await templates.list_(connection, account_id):
        if version:
            own = {name: value for name, value in msgspec.to_builtins(template).items() if name != "built_in"}
            yield _entry(SeedType.TEMPLATE, own)
    async for row in seeds.dump(connection, account_id, "offers"):
        yield _entry(SeedType.OFFER, row)
    tokens = {row["id"]: row["name"] async for row in seeds.dump(connection, account_id, "tokens")}
    slugs = {row["id"]: row["slug"] async for row in seeds.dump(connection, account_id, "location_slugs")}
    async for row in seeds.dump(connection, account_id, "orders"):
        yield _order(row, tokens, slugs)


_PLAIN = {
    "locations": SeedType.LOCATION,
    "product_templates": SeedType.PRODUCT_TEMPLATE,
    "products": SeedType.PRODUCT,
}
"""Nouns whose rows are entries as they stand."""


async def _people(connection: Pooled, account_id: str) -> AsyncIterator[dict[str, Any]]:
    async for row in seeds.dump(connection, account_id, "contacts"):
        contact = {name: value for name, value in row.items() if name != "owner"}
        yield _entry(SeedType.CONTACT, {**contact, "owner_id": _token(row["owner"])})
    async for row in seeds.dump(connection, account_id, "deals"):
        deal = {name: value for name, value in row.items() if name not in ("owner", "contact_email")}
        whose = _contact(row["contact_id"], row["contact_email"]) if row["contact_id"] else None
        yield _entry(SeedType.DEAL, {**deal, "contact_id": whose, "owner_id": _token(row["owner"])})


def _entry(type_: SeedType, row: Mapping[str, Any] | Record) -> dict[str, Any]:
    return {"object_type": type_.value, **{name: value for name, value in row.items() if value not in (None, {}, [])}}


def _order(row: Record, tokens: Mapping[str, str], slugs: Mapping[str, str]) -> dict[str, Any]:
    dossier = dossiers.decode(row["content"])
    contact = _contact(row["contact_id"], row["contact_email"])
    named: dict[str, str | None] = {
        "slug": row["slug"],  # it was made unlike another's, perhaps
        "deal_id": row["deal_id"] and helper("deals", "id", row["deal_id"]),
        "owner_id": _token(tokens.get(row["owner_id"])),
        "manager_id": _token(tokens.get(row["manager_id"])),
        "offer_id": row["offer_id"] and helper("offers", "id", row["offer_id"]),
        "location_id": _location(slugs.get(row["location_id"])),
        "destination_location_id": _location(slugs.get(row["destination_location_id"])),
        "parent_id": row["parent_id"] and helper("orders", "id", row["parent_id"]),
    }
    facts = [
        _fact(row["id"], fact, {"contact_id": contact, **named})
        for _, fact in sorted(dossier.facts.items())
        if fact.kind is not Kind.CHILD
    ]
    entry = {
        "object_type": SeedType.ORDER.value, "id": row["id"], "origin": row["origin"],
        "external_id": row["external_id"], "template": row["template"], "contact_id": contact, "facts": facts,
        "links": _links(row["id"], dossier), "refs": list(dossier.refs),
    }  # fmt: skip
    return {**entry, **({"parent_id": named["parent_id"]} if named["parent_id"] else {})}


def _fact(order_id: str, fact: Fact, named: Mapping[str, str | None]) -> dict[str, Any]:
    """A fact as a file holds it: what names a record of this account names it by a helper."""
    found: dict[str, Any] = msgspec.to_builtins(fact)
    if fact.kind is not Kind.HAND:
        return found
    if fact.key == hand_key(order_id):
        found["key"] = f"{HAND_KEY}:"
    for statement in found["statements"]:
        statement["fields"] = {
            name: named[name] if value is not None and name in named else value
            for name, value in statement["fields"].items()
        }
    return found


def _links(order_id: str, dossier: Dossier) -> list[str]:
    return [key for key in dossier.links if key != hand_key(order_id) and not key.startswith("child:")]


def _contact(contact_id: str, email: str | None) -> str:
    return helper("contacts", "identifiers", email) if email else helper("contacts", "id", contact_id)


def _token(name: str | None) -> str | None:
    return helper("tokens", "name", name) if name else None


def _location(slug: str | None) -> str | None:
    return helper("locations", "slug", slug) if slug else None
