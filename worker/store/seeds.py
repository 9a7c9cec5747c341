"""What seed files made, how their helpers find records, and all that an export reads (T7)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import asyncpg

from schemas.seed import SeedType
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("seeds")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ATTRIBUTES: Mapping[str, Sequence[str]] = {
    "contacts": ("identifier", "name", "phone"),
    "deals": ("title",),
    "locations": ("slug", "name"),
    "products": ("sku", "name"),
    "product_templates": ("slug", "name"),
    "price_lists": ("slug", "name"),
    "offers": ("name",),
    "offer_categories": ("name",),
    "orders": ("external_id", "slug"),
    "tokens": ("name",),
}
"""By what records of a type are found beside their ids, the surest first."""
_WITH_IDS = frozenset({"contacts", "deals", "locations", "offers", "orders"})
_NAMES = {"products": "skus_of", "product_templates": "product_template_slugs_of", "price_lists": "price_list_slugs_of"}
"""Types that are referred to by name, not by id."""


def attributes(type_: str) -> tuple[str, ...]:
    """By what records of this plural type may be found; none for an unknown type."""
    known = tuple(_ATTRIBUTES.get(type_, ()))
    return (*known, "id") if type_ in _WITH_IDS else known


async def begin(connection: Pooled, account_id: str) -> bool:
    """Begin an import in this transaction: False where another of this account is under way."""
    return bool(await connection.fetchval(_SQL["begin"], account_id))


async def find(
    connection: Pooled, account_id: str, type_: SeedType, keys: Iterable[str]
) -> dict[str, tuple[str, bytes]]:
    """(id, digest) of what entries of these keys made."""
    rows = await connection.fetch(_SQL["find"], account_id, type_.value, sorted(set(keys)))
    return {row["key"]: (row["object_id"], row["digest"]) for row in rows}


async def add(connection: Pooled, account_id: str, type_: SeedType, made: Mapping[str, tuple[str, bytes]]) -> None:
    """Note what entries made: (id, digest) by key."""
    keys = sorted(made)
    await connection.execute(
        _SQL["add"], account_id, type_.value, keys, [made[key][0] for key in keys], [made[key][1] for key in keys]
    )


async def merge(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> None:
    """Follow records that turned out to be another (source -> target)."""
    sources = sorted(merged)
    await connection.execute(_SQL["merge"], account_id, sources, [merged[source] for source in sources])


async def look_up(
    connection: Pooled, account_id: str, type_: str, attribute: str, values: Iterable[str]
) -> dict[str, set[str]]:
    """The ids of the records of a plural type that have these values. `id`: also the ids that they had where they were
    exported."""
    wanted = sorted(set(values))
    found: dict[str, set[str]] = {}
    if attribute == "id":
        seeded = await find(connection, account_id, SeedType(type_[:-1]), [f"id:{value}" for value in wanted])
        found = {key.removeprefix("id:"): {id_} for key, (id_, _) in seeded.items()}
        wanted = [value for value in wanted if value not in found and _UUID.fullmatch(value)]
    for row in await connection.fetch(_SQL[f"{type_}_by_{attribute}"], account_id, wanted):
        found.setdefault(row["value"], set()).add(row["found"])
    return found


async def names_of(connection: Pooled, account_id: str, type_: str, ids: Iterable[str]) -> dict[str, str]:
    """How requests name these records: by sku or slug where those of the type have one, else by id."""
    asked = sorted(set(ids))
    if type_ not in _NAMES:
        return {id_: id_ for id_ in asked}
    return {row["id"]: row["name"] for row in await connection.fetch(_SQL[_NAMES[type_]], account_id, asked)}


async def known_orders(
    connection: Pooled, account_id: str, externals: Iterable[str], slugs: Sequence[tuple[str, str]]
) -> list[asyncpg.Record]:
    """(origin, external_id, type, slug, id) of orders with these external ids, or with these types and slugs."""
    types, names = [type_ for type_, _ in slugs], [slug for _, slug in slugs]
    return list(await connection.fetch(_SQL["known_orders"], account_id, sorted(set(externals)), types, names))


async def count(connection: Pooled, account_id: str) -> int:
    found: int = await connection.fetchval(_SQL["count"], account_id)
    return found


async def dump(connection: Pooled, account_id: str, noun: str) -> AsyncIterator[asyncpg.Record]:
    """Every row of a noun, a few at a time, as of this snapshot."""
    async for row in connection.cursor(_SQL[f"dump_{noun}"], account_id, prefetch=200):
        yield row
