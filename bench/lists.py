"""Every filter of every list of business rows and events, each with a value that many rows have and one that few have.

Made from the API's own query models, so that a new filter is measured without being named here.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import quote

import asyncpg
import msgspec

from worker.api.routes import OPERATIONS

TABLES = {
    "list_orders": "orders",
    "list_payments": "payments",
    "list_recurring_orders": "recurring_orders",
    "list_contacts": "contacts",
    "list_deals": "deals",
    "list_checkouts": "checkouts",
    "list_events": "events",
}
"""The lists that grow for ever, with what they list."""
WORDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("orders", "q"): ("coffee", "zebra", "1007", "cs_grown_1", "nothing-of-this"),
    ("deals", "q"): ("beans", "platinum", "nothing-of-this"),
    ("contacts", "q"): ("ana", "buyer17", "nothing-of-this"),
    ("contacts", "email"): ("buyer17@example.com", "nobody@example.com"),
    ("events", "q"): ("evt_grown_17", "pi_grown_17", "nothing-of-this"),
    ("events", "topic"): ("charge.succeeded", "charge.dispute.created", "charge.dispute.*", "no.such.topic"),
    ("events", "connection"): ("stripe", "standard", "nobody"),
    ("events", "reason"): ("amount: is not a number", "waits for pi_17", "nothing of this"),
}
"""What is asked for by texts that are no column's values."""
MOMENTS = {"from": "1 day", "to": "100 days"}
"""How long ago: few rows came since, and few before."""


class Case(msgspec.Struct, frozen=True):
    """One question to a list: `path` is that of the API."""

    table: str
    words: str
    path: str


async def cases(connection: asyncpg.Connection[asyncpg.Record]) -> list[Case]:
    """All of them, with values out of this database."""
    found = []
    for operation in OPERATIONS:
        table = TABLES.get(operation.name)
        if table is None:
            continue
        if operation.query is None:
            raise TypeError(operation.name)
        found.append(Case(table, "newest", f"{operation.path}"))
        for name, values in [
            (name, await _values(connection, table, name, field.annotation))
            for name, field in operation.query.model_fields.items()
            if name not in ("limit", "cursor")
        ]:
            found += [Case(table, f"{name}={value}", f"{operation.path}?{name}={quote(value)}") for value in values]
    return found


async def _values(
    connection: asyncpg.Connection[asyncpg.Record], table: str, name: str, annotation: Any
) -> tuple[str, ...]:
    """Values to ask this filter for. Raises LookupError for a filter of which nothing is known."""
    if known := WORDS.get((table, name)):
        return known
    if choices := tuple(_choices(annotation)):
        return choices
    columns = {
        row["column_name"]
        for row in await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
    }
    which = name.rpartition("_")[2]
    if which in MOMENTS:
        ago = await connection.fetchval("SELECT (now() - $1::text::interval)::text", MOMENTS[which])
        return (ago.replace(" ", "T").replace("+00", "Z"),)
    if name in columns:
        rows = await connection.fetch(
            f"SELECT {name}::text AS value FROM {table} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY count(*), 1"
        )
        values = [row["value"] for row in rows]
        return tuple(dict.fromkeys((values[0], values[-1]))) if values else ()
    if name in FOREIGN:
        return tuple(row["value"] for row in await connection.fetch(FOREIGN[name]))
    raise LookupError(f"say in bench/lists.py which values the filter {name} of {table} is asked for")


FOREIGN = {
    "category_id": "SELECT id::text AS value FROM offer_categories ORDER BY number LIMIT 2",
    "system": "SELECT unnest(ARRAY['stripe', 'hand', 'nobody']) AS value",
    "manager": "SELECT id::text AS value FROM tokens WHERE role = 'manager' ORDER BY id LIMIT 2",
}
"""Filters by what other tables hold."""


def _choices(annotation: Any) -> Iterator[str]:
    """The texts of a Literal or an enumeration, wherever in the annotation they are; `true` and `false` of a flag."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        yield from (str(one.value) for one in annotation)
    elif annotation is bool:
        yield from ("true", "false")
    elif get_origin(annotation) is Literal:
        yield from (str(one) for one in get_args(annotation))
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _choices(one)
