"""Making and changing the records of the catalogue: what all of them have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeAlias

import asyncpg

from handlers.errors import Refused
from schemas.api.fields import plain
from worker.context import Context
from worker.ids import new_id
from worker.store.db import Pooled, transaction
from worker.store.records import Records, Row

Fit: TypeAlias = Callable[[Pooled, str, dict[str, Any], Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""(connection, account, what is asked for, all columns as they were) -> the columns to write. It refuses what cannot
be. Of a new record there is nothing before."""


async def create(
    ctx: Context, account_id: str, records: Records, values: Mapping[str, Any], fit: Fit | None = None
) -> str:
    """The id of a new record. Refused as `fit` does, for what is taken (409) and for what it names and is not there."""
    record_id = new_id()
    async with writing(ctx, records) as connection:
        fitted = await fit(connection, account_id, dict(values), {}) if fit else values
        await records.insert(connection, account_id, record_id, fitted)
    return record_id


async def change(
    ctx: Context,
    account_id: str,
    records: Records,
    record_id: str,
    changes: Mapping[str, Any],
    if_match: int | None,
    fit: Fit | None = None,
) -> None:
    """Change the given columns. Refused as in `create`, with `not_found`, and with `version` where it is not at
    `if_match` any more."""
    async with writing(ctx, records) as connection:
        before = await held(connection, account_id, records, record_id, if_match)
        fitted = await fit(connection, account_id, dict(changes), before) if fit else changes
        after = {**before, **fitted}
        if after != before:
            await records.update(connection, account_id, record_id, after)


async def held(
    connection: Pooled, account_id: str, records: Records, record_id: str, if_match: int | None
) -> dict[str, Any]:
    """The columns of a record, which nobody else changes until the end of the transaction."""
    row = await records.hold(connection, account_id, record_id)
    if row is None:
        raise Refused("not_found", "There is nothing of this id.", remedy="Look it up in the list.")
    if if_match is not None and if_match != row["version"]:
        raise Refused(
            "version",
            f"It is at version {row['version']} now, not {if_match}.",
            remedy="Get it again and repeat the change.",
        )
    return columns(row)


def columns(row: Row) -> dict[str, Any]:
    """The columns of a record as they are written: a decimal as text, so that the same again is no change."""
    return {
        name: plain(value) if isinstance(value, Decimal) else value for name, value in row.items() if name != "version"
    }


@asynccontextmanager
async def writing(ctx: Context, records: Records) -> AsyncIterator[Pooled]:
    """A transaction whose broken constraints are refusals that name the field (see migration 0007)."""
    try:
        async with transaction(ctx.pool) as connection:
            yield connection
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError) as error:
        why = refused(records.table, getattr(error, "constraint_name", None) or "")
        if why is None:
            raise
        raise why from None


def refused(table: str, constraint: str) -> Refused | None:
    """What a broken constraint means to who asked; None for one that nobody can help."""
    name = constraint.removeprefix(f"{table}_")
    if name.endswith("_taken"):
        field = name.removesuffix("_taken")
        return Refused(
            "taken", f"Another has this {field.replace('_', ' ')} already.", field=field,
            remedy="Choose another, or change the one that has it.",
        )  # fmt: skip
    if name.endswith("_unknown"):
        noun = name.removesuffix("_unknown")
        return unknown(noun, f"{noun}_id")
    return None


def unknown(noun: str, field: str) -> Refused:
    """The refusal of what names something that is not there, or is another account's."""
    words = noun.replace("_", " ")
    return Refused(
        f"{noun}_unknown", f"There is no such {words} in this account.", field=field,
        remedy=f"Make the {words} first, or give one that is there.",
    )  # fmt: skip
