"""Dossiers, the keys that link objects to them, and the names of orders that they mention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from schemas.fact import Dossier
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("dossiers")
_DECODER = msgspec.json.Decoder(Dossier)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def decode(content: bytes) -> Dossier:
    return _DECODER.decode(content)


def encode(dossier: Dossier) -> bytes:
    return msgspec.json.encode(dossier)


async def lock_refs(connection: Pooled, account_id: str, names: Iterable[str]) -> None:
    await connection.execute(_SQL["lock_refs"], account_id, sorted(set(names)))


async def find_links(connection: Pooled, account_id: str, keys: Iterable[str]) -> dict[str, str]:
    rows = await connection.fetch(_SQL["find_links"], account_id, sorted(keys))
    return {row["key"]: row["dossier_id"] for row in rows}


async def add_links(connection: Pooled, account_id: str, links: Mapping[str, str]) -> set[str]:
    """Link keys to dossiers; the keys that were linked by this call."""
    keys = sorted(links)
    rows = await connection.fetch(_SQL["add_links"], account_id, keys, [links[key] for key in keys])
    return {row["key"] for row in rows}


async def move_links(connection: Pooled, account_id: str, links: Mapping[str, str]) -> None:
    keys = sorted(links)
    await connection.execute(_SQL["move_links"], account_id, keys, [links[key] for key in keys])


async def named_orders(connection: Pooled, account_id: str, names: Sequence[str]) -> dict[str, str]:
    """The order that each name means: the one of that id before the oldest of that external id."""
    ids = [name for name in names if _UUID.fullmatch(name)]
    rows = await connection.fetch(_SQL["named_orders"], account_id, ids, list(names))
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row["external_id"], row["id"])
    found.update({row["id"]: row["id"] for row in rows})
    if ids:
        merged = await connection.fetch(_SQL["merged_orders"], account_id, ids)
        found.update({row["order_id"]: row["into_order_id"] for row in merged})
    return {name: found[name] for name in names if name in found}


async def find_refs(connection: Pooled, account_id: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """(name, dossier) of every dossier that mentions one of the names."""
    rows = await connection.fetch(_SQL["find_refs"], account_id, sorted(names))
    return [(row["ref"], row["dossier_id"]) for row in rows]


async def add_refs(connection: Pooled, account_id: str, refs: Iterable[tuple[str, str]]) -> None:
    pairs = sorted(set(refs))
    await connection.execute(_SQL["add_refs"], account_id, [ref for ref, _ in pairs], [dossier for _, dossier in pairs])


async def lock(connection: Pooled, account_id: str, ids: Iterable[str]) -> dict[str, Dossier]:
    """The dossiers that exist, held until the end of the transaction."""
    rows = await connection.fetch(_SQL["lock_dossiers"], account_id, sorted(ids))
    return {row["id"]: decode(row["content"]) for row in rows}


async def save(connection: Pooled, account_id: str, dossiers: Mapping[str, Dossier]) -> None:
    ids = sorted(dossiers)
    await connection.execute(_SQL["save_dossiers"], account_id, ids, [encode(dossiers[id_]) for id_ in ids])


async def merge(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> None:
    """Leave `merged` (source -> target): their keys and mentions go to the target, their rows go."""
    sources = sorted(merged)
    targets = [merged[source] for source in sources]
    await connection.execute(_SQL["merge_links"], account_id, sources, targets)
    await connection.execute(_SQL["merge_refs"], account_id, sources, targets)
    await connection.execute(_SQL["delete_dossiers"], account_id, sources)
